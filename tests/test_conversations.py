"""Episodes of several turns: who wrote what, when they end, and that agents learn from their own tokens only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import textgym
from textgym import Task, TextGenEnv, TextGenVectorEnv, errors
from textgym.agents import PPO, RandomAgent
from textgym.data import Row
from textgym.evaluation import Oracle, Report
from textgym.rewards import Dense, make
from textgym.simulators import Simulator
from textgym.tokenizers import CharTokenizer

LETTERS = "abcd"


class Shop(Simulator):
    """Names a letter when it is asked with ``?``, shrugs at anything else, and leaves after the next turn."""

    max_reply_tokens = 8

    def reply(self, row: Row, turns: Sequence[str]) -> str | None:
        if len(turns) == 2:
            return None
        return f"\n{row.columns['wish']}>" if turns[0] == "?" else "\n.>"


def served(prompts: list[str], completions: list[str], turns: list[list[str]], wish: list[str], **_: object):
    return [float(said[1:] == [letter]) for said, letter in zip(turns, wish, strict=True)]


def asked_and_served(prompts: list[str], completions: list[str], turns: list[list[str]], wish: list[str], **_: object):
    right = served(prompts, completions, turns, wish)
    return [0.3 * (said[:1] == ["?"]) + 0.7 * score for said, score in zip(turns, right, strict=True)]


def task(**changes) -> Task:
    settings = {
        "name": "Shop",
        "rows": {split: tuple(Row("hi>", (), {"wish": letter}) for letter in LETTERS) for split in ("train", "test")},
        "tokenizer": CharTokenizer(LETTERS + "hi>?.\n"),
        "reward": make(served, range=(0.0, 1.0)),
        "max_prompt_tokens": 4,
        "max_new_tokens": 4,
        "stop": ("\n",),
        "simulator": Shop(),
        "reference_policy": lambda row, turns: row.columns["wish"] if turns else "?",
        "success_threshold": 1.0,
    }
    return Task(**{**settings, **changes})


def say(env, *pieces):
    """Writes pieces of text, ``$`` for EOS, and returns the last step."""
    tokenizer = env.task.tokenizer
    for piece in "".join(pieces):
        step = env.step(tokenizer.eos_id if piece == "$" else tokenizer.encode(piece)[0])
    return step


@pytest.mark.parametrize(
    ("pieces", "completion", "turns", "mask", "reason", "reward"),
    [
        ("?$b$", "?\nb>b", ["?", "b"], [1, 1, 0, 0, 0, 1, 1], "eos", 1.0),
        ("?\nb$", "?\nb>b", ["?", "b"], [1, 1, 0, 0, 1, 1], "eos", 1.0),  # the line break opens the reply
        ("?\nb\n", "?\nb>b", ["?", "b"], [1, 1, 0, 0, 1, 1], "stop", 1.0),
        ("$b$", "\n.>b", ["", "b"], [1, 0, 0, 0, 1, 1], "eos", 1.0),  # a lucky guess
        ("?$aa", "?\nb>aa", ["?", "aa"], [1, 1, 0, 0, 0, 1, 1], "length", 0.0),
        ("abca", "abca", ["abca"], [1, 1, 1, 1], "length", 0.0),
        ("???$", "???", ["???"], [1, 1, 1, 1], "length", 0.0),  # a turn is over, and no token is left for the next
    ],
)
def test_turns_and_endings(pieces, completion, turns, mask, reason, reward):
    env = TextGenEnv(task())
    obs, _ = env.reset(options={"prompt_index": 1})
    assert obs["input_ids"].shape == (4 + 4 + 8,)
    obs, paid, over, truncated, info = say(env, pieces)
    assert (over, truncated, paid) == (True, False, reward)
    assert (info["completion"], info["turns"], info["finish_reason"]) == (completion, turns, reason)
    assert info["completion_mask"] == mask
    assert obs["attention_mask"].sum() == 4 + len(mask)
    assert env.text == "hi>" + completion
    assert info["is_success"] is (reward == 1.0)


def test_the_reply_is_observed_at_once_and_costs_no_budget():
    env = TextGenEnv(task())
    env.reset(options={"prompt_index": 2})
    obs, _, over, _, info = say(env, "?$")
    assert not over
    assert info == {}
    assert env.turns == ["?"]
    tokenizer = env.task.tokenizer
    assert tokenizer.decode(obs["input_ids"].tolist()) == "hi>?\nc>"
    assert obs["prompt_length"] == [4]


def test_discounting_counts_the_agents_tokens():
    env = TextGenEnv(task(gamma=0.5))
    env.reset(options={"prompt_index": 1})
    *_, info = say(env, "?$b$")
    assert info["discounted_return"] == 0.5**3
    env = TextGenEnv(task(gamma=0.5), reward=Dense(make(served, range=(0.0, 1.0))))
    env.reset(options={"prompt_index": 1})
    paid = [say(env, piece)[1] for piece in "?$b$"]
    assert paid == [0.0, 0.0, 0.5, -0.5]  # γ Φ' − Φ


def test_nothing_is_left_of_the_last_episode():
    env = TextGenEnv(task())
    for _ in range(2):
        env.reset(options={"prompt_index": 1})
        assert (env.turns, env.text) == ([], "hi>")
        *_, info = say(env, "?$b$")
        assert info["turns"] == ["?", "b"]


@pytest.mark.parametrize("mode", ["NextStep", "SameStep", "Disabled"])
def test_a_vector_is_n_single_conversations(mode):
    rng = np.random.default_rng(0)
    envs = TextGenVectorEnv(task(), 3, autoreset_mode=mode)
    singles = [TextGenEnv(task()) for _ in range(3)]
    obs, _ = envs.reset(seed=5)
    ours = [env.reset(seed=5 + i)[0] for i, env in enumerate(singles)]
    restart = [False] * 3
    for _ in range(60):
        actions = rng.choice([2, *envs.task.tokenizer.encode("ab?\n")], size=3)
        obs, rewards, ended, _, infos = envs.step(actions)
        for i, env in enumerate(singles):
            if restart[i]:
                ours[i], paid, over, info = env.reset()[0], 0.0, False, {}
            else:
                ours[i], paid, over, _, info = env.step(actions[i])
            if mode == "SameStep" and over:
                assert infos["final_info"]["turns"][i] == info["turns"]
                assert infos["final_info"]["completion_mask"][i] == info["completion_mask"]
                ours[i] = env.reset()[0]
            assert (rewards[i], ended[i]) == (paid, over)
            assert all(np.array_equal(obs[name][i], ours[i][name]) for name in obs)
            restart[i] = over and mode == "NextStep"
        if mode == "Disabled" and ended.any():
            envs.reset(options={"reset_mask": ended})
            for i in np.flatnonzero(ended):
                singles[i].reset()


def test_reports_tell_turns_from_replies(tmp_path):
    report = textgym.evaluate(Oracle(), task(), episodes=8)
    assert report.mean == 1.0
    assert report.metrics["length"].mean == 4  # two turns of a letter and EOS
    episode = report.episodes[1]
    assert (episode.turns, episode.completion) == (("?", "b"), "?\nb>b")
    assert episode.completion_mask == (1, 1, 0, 0, 0, 1, 1)
    assert Report.load(report.save(tmp_path / "report.json")).episodes == report.episodes


def test_a_function_is_asked_turn_by_turn():
    seen = []

    def agent(text: str) -> str:
        seen.append(text)
        return "?" if text == "hi>" else text[-2]

    assert textgym.evaluate(agent, task(), episodes=4, num_envs=2).mean == 1.0
    assert sorted(seen) == sorted(["hi>"] * 4 + [f"hi>?\n{letter}>" for letter in LETTERS])


def test_an_oracle_without_a_policy_or_references_says_so():
    with pytest.raises(errors.TaskError, match="no reference"):
        textgym.evaluate(Oracle(), task(reference_policy=None), episodes=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"simulator": None, "max_reply_tokens": 3}, "no simulator"),
        ({"max_reply_tokens": 0.5}, "max_reply_tokens"),
        ({"max_reply_tokens": -1}, "max_reply_tokens"),
    ],
)
def test_bad_budgets(changes, message):
    with pytest.raises(errors.TaskError, match=message):
        task(**changes)


def test_a_reply_that_does_not_fit_says_what_to_do():
    env = TextGenEnv(task(), max_reply_tokens=2)
    env.reset()
    with pytest.raises(errors.TaskError, match="larger max_reply_tokens"):
        say(env, "?$")


def test_agents_learn_to_ask_first():
    """Replies are context, never actions: the first pass finds every ratio at 1, and the wish is learnt from them."""
    learnt = task(reward=make(asked_and_served, range=(0.0, 1.0)))
    agent = PPO("scratch", learnt, n_envs=32, seed=0, device="cpu", ent_coef=0.01, kl_coef=0.0)
    agent.learn(1)
    episodes = agent.rollout_buffer.episodes
    tokenizer = agent.env.get_attr("task")[0].tokenizer
    replies = ~episodes.response_mask & (np.arange(episodes.input_ids.shape[1]) >= 4)
    replies &= np.arange(episodes.input_ids.shape[1]) < episodes.lengths[:, None]
    assert replies.any()
    assert set(tokenizer.decode(episodes.input_ids[replies].tolist())) <= set(LETTERS + "\n.>")
    chance = textgym.evaluate(RandomAgent(TextGenEnv(task()), seed=0), task(), episodes=200).mean
    assert chance < 0.15
    report = agent.learn(40_000).evaluate(episodes=200)
    assert report.mean > 0.8  # asking and then guessing earns 0.475
    assert agent.kl_to_reference(report.episodes[:8]) > 0
