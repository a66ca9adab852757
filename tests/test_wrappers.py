"""Three views and text: the same text earns the same return in all of them; what they accept, refuse and tell."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.wrappers import PassiveEnvChecker

import textgym
from textgym import errors
from textgym.data import Row
from textgym.rewards import Dense, make
from textgym.rewards.dense import Stepwise
from textgym.simulators import Simulator
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer
from textgym.wrappers import CompletionView, TextView, TurnView

IDS = list(textgym.entries())
VIEWS = [TurnView, CompletionView, TextView]


class Countdown(Simulator):
    """Answers every turn with how many letters it had, and hangs up after the third or at a ``z``."""

    max_reply_tokens = 8

    def reply(self, row: Row, turns: Any) -> str | None:
        return None if len(turns) == 3 or "z" in turns[-1] else f"{len(turns[-1])}?"


def conversation(**changes: Any) -> textgym.TextGenEnv:
    """A conversation about letters: the score is the share of ``a`` among ten characters."""

    def share(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [completion.count("a") / 10 for completion in completions]

    options: dict[str, Any] = {"reward": make(share), "max_new_tokens": 9, "stop": (".",), **changes}
    tokenizer = CharTokenizer("abz0123456789?.")
    rows = {"train": (Row("a"), Row("b"))}
    task = Task(name="Talk", rows=rows, tokenizer=tokenizer, max_prompt_tokens=2, simulator=Countdown(), **options)
    return textgym.TextGenEnv(task)


def speakers(task: Task) -> list[Any]:
    """What may be said, turn by turn, as functions of a row and of the turns so far: right, random, nothing."""
    rng = np.random.default_rng(0)
    noise = task.tokenizer.decode(rng.integers(task.tokenizer.vocab_size, size=task.max_new_tokens // 2).tolist())
    wrong = [lambda row, turns: noise, lambda row, turns: ""]
    return [task.answer, *wrong] if task.can_answer else wrong


def play_tokens(env: gym.Env, speak: Any, index: int) -> dict[str, Any]:
    """Plays an episode token by token, as the environment is; tells all that happened."""
    base: Any = env.unwrapped
    task = base.task
    env.reset(options={"prompt_index": index})
    texts, turns, paid, over, info = [], [], [], False, {}
    while not over:
        texts.append(speak(task[index], tuple(base.turns)))
        spoken, before = [], len(base.turns)
        for token in [*task.tokenizer.encode(texts[-1]), task.tokenizer.eos_id]:
            obs, reward, over, _, info = env.step(token)
            spoken.append(token)
            paid.append(reward)
            if over or len(base.turns) > before:
                break
        turns.append(spoken)
    return {"texts": texts, "turns": turns, "paid": paid, "obs": obs, "info": info, "text": base.text}


def assert_equal_in_all_views(env: gym.Env, speak: Any, index: int) -> None:
    base: Any = env.unwrapped
    gamma = base.gamma
    told = play_tokens(env, speak, index)
    tokens = [token for turn in told["turns"] for token in turn]
    padded = np.full(base.task.max_new_tokens, base.task.tokenizer.pad_id)
    padded[: len(tokens)] = tokens
    expected = sum(gamma**t * reward for t, reward in enumerate(told["paid"]))
    assert told["info"]["discounted_return"] == pytest.approx(expected)
    for view, actions in [
        (TurnView, told["turns"]),
        (TurnView, [base.task.tokenizer.encode(text) for text in told["texts"]]),
        (CompletionView, [padded]),
        (TextView, told["texts"]),
    ]:
        wrapped = view(env)
        wrapped.reset(options={"prompt_index": index})
        paid, total, discount = [], 0.0, 1.0
        for k, action in enumerate(actions):
            obs, reward, terminated, truncated, info = wrapped.step(action)
            assert terminated == (k == len(actions) - 1)
            assert not truncated
            total += discount * reward
            discount *= info["discount"]
            paid += info.pop("token_rewards")
            info.pop("discount")
        assert paid == told["paid"]
        assert total == pytest.approx(expected)
        assert data_equivalence(info, told["info"], exact=True)
        if view is not TextView:
            assert data_equivalence(obs, told["obs"], exact=True)


@pytest.mark.parametrize("env_id", IDS)
def test_the_same_text_earns_the_same_return_in_all_views(env_id):
    env = gym.make(env_id)
    for i, speak in enumerate(speakers(env.unwrapped.task)):
        assert_equal_in_all_views(env, speak, min(i, len(env.unwrapped.task) - 1))


@pytest.mark.parametrize("env_id", IDS)
def test_and_so_it_does_discounted_and_paid_token_by_token(env_id):
    task = gym.make(env_id).unwrapped.task
    reward = task.reward if isinstance(task.reward, Stepwise) else Dense(task.reward)
    assert_equal_in_all_views(gym.make(env_id, gamma=0.9, reward=reward), speakers(task)[0], 0)


@pytest.mark.parametrize("changes", [{}, {"gamma": 0.9}, {"gamma": 0.5, "reward": Dense(make("length(target=6)"))}])
@pytest.mark.parametrize(
    "said",
    [
        ["aa", "a.", "ab"],  # EOS, a stop string, and a third turn after which nobody answers
        ["a.zz", "z", "a"],  # what follows the end of a turn is ignored; hangs up at the second
        ["aaaa", "aaaaaaa"],  # the budget ends the episode amid the second
        ["", "", ""],
    ],
)
def test_conversations_in_all_views(said, changes):
    assert_equal_in_all_views(conversation(**changes), lambda row, turns: said[len(turns)], 0)


def test_a_conversation_turn_by_turn():
    env = TextView(conversation(gamma=0.5))
    text, _ = env.reset(options={"prompt_index": 0})
    assert text == "a"
    text, reward, over, _, info = env.step("aa")
    assert (text, reward, over) == ("aaa2?", 0.0, False)
    assert info == {"token_rewards": [0.0, 0.0, 0.0], "discount": 0.5**3}
    text, reward, over, _, info = env.step("az.bbb")
    assert (text, over, info["turns"]) == ("aaa2?az", True, ["aa", "az"])
    assert info["token_rewards"] == [0.0, 0.0, pytest.approx(0.3)]
    assert reward == pytest.approx(0.5**2 * 0.3)
    assert info["discounted_return"] == pytest.approx(0.5**5 * 0.3)


def test_eos_amid_a_completion_ends_a_turn_and_the_rest_goes_on():
    env = CompletionView(conversation())
    encode, eos = env.task.tokenizer.encode, env.task.tokenizer.eos_id
    env.reset(options={"prompt_index": 1})
    *_, terminated, _, info = env.step([*encode("aa"), eos, *encode("za"), eos, *encode("bbb")])
    assert terminated
    assert (info["turns"], info["completion"]) == (["aa", "za"], "aa2?za")
    assert len(info["token_rewards"]) == 6


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("env_id", ["TextGen-Numbers-v0", "TextGen-Sentiment-v0"])
def test_gymnasiums_checks_and_specs(env_id, view):
    options = {} if "Numbers" in env_id else {"reward": "length"}
    env = view(gym.make(env_id, **options))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")  # a wrapper is meant
        check_env(env)
    spec = EnvSpec.from_json(env.spec.to_json())
    assert [wrapper.name for wrapper in spec.additional_wrappers] == [view.__name__]
    checked = PassiveEnvChecker(env)
    twin = gym.make(spec)
    assert (twin.action_space, twin.observation_space) == (env.action_space, env.observation_space)
    env.action_space.seed(1)
    assert data_equivalence(checked.reset(seed=5), twin.reset(seed=5), exact=True)
    for _ in range(3):
        action = env.action_space.sample()
        step = checked.step(action)
        assert step[2]
        assert data_equivalence(step, twin.step(action), exact=True)
        assert data_equivalence(checked.reset(), twin.reset(), exact=True)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vectors_of_views(view, mode):
    kwargs = {"shared_memory": False} if mode == "async" else {}
    kwargs["autoreset_mode"] = "SameStep"
    envs = gym.make_vec(
        "TextGen-Numbers-v0", num_envs=2, vectorization_mode=mode, wrappers=[view], vector_kwargs=kwargs
    )
    obs, infos = envs.reset(seed=3)
    if view is TextView:
        assert obs == tuple(infos["prompt"])
    envs.action_space.seed(0)
    _, rewards, terminated, _, infos = envs.step(envs.action_space.sample())
    assert terminated.all()
    assert rewards.tolist() == [sum(paid) for paid in infos["final_info"]["token_rewards"]]
    envs.close()


@pytest.mark.parametrize("env_id", IDS)
def test_the_first_text_is_the_prompt(env_id):
    env = TextView(gym.make(env_id))
    for seed in range(3):
        text, info = env.reset(seed=seed)
        assert text == info["prompt"]
        assert text in env.observation_space


def test_any_unicode_is_a_text():
    env = TextView(gym.make("TextGen-Sentiment-v0", reward="length"))
    env.reset(seed=0)
    for action in ["", "naïve 我爱你 😀\n", " ok" * 40]:
        assert action in env.action_space
    assert 3 not in env.action_space
    assert "a" * (env.action_space.max_length + 1) not in env.action_space
    text, *_, info = env.step(" 我爱你 😀")
    assert text.endswith(" 我爱你 😀")
    assert info["completion"] == " 我爱你 😀"
    env.reset()
    assert env.step("long " * 500)[4]["finish_reason"] == "length"


def test_a_truncated_prompt_is_shown_as_far_as_a_token_agent_sees_it():
    env = TextView(gym.make("TextGen-Sentiment-v0", reward="length", max_prompt_tokens=6, truncation_side="left"))
    text, info = env.reset(options={"prompt": "The room was small and the bed was far too hard for me"})
    assert info["prompt"].endswith(text)
    assert 0 < len(text) < len(info["prompt"])
    assert text in env.observation_space
    assert env.step(" and")[0] == f"{text} and"


@pytest.mark.parametrize(
    ("view", "action", "message"),
    [
        (TurnView, 3, "sequence of token ids"),
        (TurnView, "123", "TextView"),
        (TurnView, [[3]], r"one dimension. Actual shape: \(1, 1\)"),
        (TurnView, [[3], [3, 4]], "one row"),
        (TurnView, [3, 999], r"\[0, 14\). Actual value: \[3, 999\]"),
        (TurnView, [0.5], "dtype: float64"),
        (CompletionView, [3, 4], r"shape \(8,\).*Actual shape: \(2,\)"),
        (CompletionView, np.zeros(8), "dtype: float64"),
        (CompletionView, np.zeros(8, bool), "dtype: bool"),
        (CompletionView, np.full(8, -1), r"\[0, 14\)"),
        (TextView, [3, 4], "a text. Actual value"),
        (TextView, None, "NoneType"),
    ],
)
def test_bad_actions_are_refused_before_anything_is_played(view, action, message):
    env = view(gym.make("TextGen-Numbers-v0", max_new_tokens=8))
    env.reset(seed=0)
    with pytest.raises(errors.TaskError, match=message):
        env.step(action)
    env.step(env.action_space.sample())


def test_a_character_that_the_vocabulary_lacks_is_named():
    env = TextView(gym.make("TextGen-Numbers-v0"))
    env.reset(seed=0)
    with pytest.raises(errors.TokenizerError, match="'x'"):
        env.step("1x")


def test_views_are_of_text_environments_and_not_of_views():
    with pytest.raises(errors.TaskError, match="put it first"):
        CompletionView(TurnView(gym.make("TextGen-Numbers-v0")))
    with pytest.raises(errors.TaskError, match="a view of a TextGenEnv"):
        TextView(gym.make("CartPole-v1"))
