"""One episode: spaces, endings, rewards, discounting, seeds, options and errors."""

from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym import errors, rewards, testing
from textgym.rewards import Dense

IDS = list(textgym.entries())


def play(env, tokens, **reset):
    """Steps through ``tokens``; returns the rewards and the last info."""
    env.reset(**reset)
    paid, info = [], {}
    for token in tokens:
        _, reward, over, _, info = env.step(token)
        paid.append(reward)
        if over:
            break
    return paid, info


@pytest.mark.parametrize("env_id", IDS)
def test_every_id_keeps_the_contract(env_id):
    testing.check_textgen_env(env_id)


@pytest.mark.parametrize("env_id", IDS)
def test_made_with_the_module_prefix(env_id):
    assert gym.make(f"textgym:{env_id}").unwrapped.task.name in env_id


def test_eos_stop_and_budget_end_an_episode_and_are_scored():
    task = textgym.make_task(
        ["ab"],
        reward=lambda prompts, completions, **_: [float(len(c)) for c in completions],
        tokenizer="chars:abc.",
        max_new_tokens=5,
        stop=["c."],
    )
    env = textgym.TextGenEnv(task)
    a, c, dot, eos = (*task.tokenizer.encode("ac."), task.tokenizer.eos_id)
    for tokens, reason, completion in [
        ([a, a, eos], "eos", "aa"),
        ([a, c, dot], "stop", "a"),
        ([a, dot, c, a, a], "length", "a.caa"),
        ([a, a, a, c, dot], "stop", "aaa"),  # a stop string on the last token of the budget
    ]:
        paid, info = play(env, tokens)
        assert (info["finish_reason"], info["completion"]) == (reason, completion)
        assert paid == [0.0] * (len(tokens) - 1) + [float(len(completion))]


def test_the_return_is_discounted_once_and_by_the_environment():
    env = gym.make("TextGen-Target-v0", gamma=0.5)
    paid, info = play(env, env.unwrapped.task.tokenizer.encode("我爱你。"))
    assert paid == [0, 0, 0, 1]
    assert info["discounted_return"] == 0.5**3
    assert info["is_success"] is True


def test_dense_rewards_telescope_to_the_terminal_score():
    def share_of_a(prompts, completions, **_):
        return [c.count("a") / 4 for c in completions]

    gamma = 0.9
    task = textgym.make_task(
        ["b"], reward=Dense(rewards.make(share_of_a)), tokenizer="chars:ab", max_new_tokens=4, gamma=gamma
    )
    paid, info = play(textgym.TextGenEnv(task), task.tokenizer.encode("aaba"))
    potentials = [0, 0.25, 0.5, 0.5, 0.75]
    expected = [gamma * after - before for before, after in itertools.pairwise(potentials)]
    assert paid == pytest.approx(expected)
    assert info["discounted_return"] == pytest.approx(gamma**4 * potentials[-1] - potentials[0])


def test_double_discounting_is_an_error():
    with pytest.raises(errors.TaskError, match="discounted twice"):
        gym.make("TextGen-Numbers-v0", gamma=0.9, reward=Dense(rewards.make("length"), gamma=0.5))


@pytest.mark.parametrize("seeds", [(1, 2), (41, 42)])
def test_seeds_choose_the_episode(seeds):
    env = gym.make("TextGen-Numbers-v0")
    draws = [
        [env.reset(seed=s)[1]["prompt"], *(env.reset()[1]["prompt"] for _ in range(9))] for s in (*seeds, seeds[0])
    ]
    assert draws[0] == draws[2] != draws[1]


def test_rendering():
    env = gym.make("TextGen-Target-v0", render_mode="ansi")
    env.reset()
    env.step(env.unwrapped.task.tokenizer.encode("我")[0])
    assert env.render() == "|我\n[Target, 3 tokens left]"


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"rewrad": "length"}, errors.OptionError, r"rewrad='length'. Did you mean 'reward'\?"),
        ({"split": "dev"}, errors.OptionError, "no split 'dev'"),
        ({"reward": "sentimant"}, errors.RewardError, "Did you mean 'sentiment'"),
        ({"reward": "0.5*length +"}, errors.RewardError, "0.5"),
        ({"max_new_tokens": 0}, errors.TaskError, "max_new_tokens .* Actual value: 0"),
        ({"gamma": 1.5}, errors.TaskError, "gamma .* Actual value: 1.5"),
        ({"tokenizer": "chars:ab"}, errors.TaskError, "cannot be played with the tokenizer"),
    ],
)
def test_bad_options_say_what_and_how(kwargs, error, message):
    with pytest.raises(error, match=message):
        gym.make("TextGen-Numbers-v0", **kwargs)


def test_bad_use_says_what_and_how():
    env = textgym.TextGenEnv("textgym.envs_registry.numbers:task")
    with pytest.raises(errors.TaskError, match=r"Call reset\(\) first"):
        env.step(3)
    env.reset()
    with pytest.raises(errors.TaskError, match="99"):
        env.step(99)
    with pytest.raises(errors.TaskError, match="max_prompt_tokens=8"):
        env.reset(options={"prompt": "1234567"})
    with pytest.raises(errors.TokenizerError, match="'x'"):
        env.reset(options={"prompt": "x"})
    with pytest.raises(errors.TaskError, match="no prompt 1000"):
        env.reset(options={"prompt_index": 1000})
    with pytest.raises(errors.OptionError, match="promt"):
        env.reset(options={"promt": "1"})


@pytest.mark.parametrize("returned", [[float("nan")], [1.0, 2.0], "1", [None], ["x"]])
def test_a_reward_that_misbehaves_is_named(returned):
    def my_reward(prompts, completions, **_):
        return returned

    env = gym.make("TextGen-Target-v0", reward=my_reward)
    with pytest.raises(errors.RewardError, match="my_reward"):
        play(env, [3, 3, 3, 3])


def test_an_env_is_not_disturbed_by_another():
    one, other = gym.make("TextGen-Numbers-v0"), gym.make("TextGen-Numbers-v0")
    alone = [one.reset(seed=5)[1]["prompt"], *(one.reset()[1]["prompt"] for _ in range(5))]
    together = [one.reset(seed=5)[1]["prompt"]]
    for _ in range(5):
        other.reset(seed=5)
        together.append(one.reset()[1]["prompt"])
    assert alone == together


def test_a_reward_given_to_make_is_neither_copied_nor_changed():
    reward = textgym.rewards.make("length")
    env = gym.make("TextGen-Numbers-v0", reward=reward)
    assert env.unwrapped.task.reward is reward


def test_action_masks_name_the_allowed_tokens():
    env = gym.make("TextGen-Target-v0").unwrapped
    assert env.masks_actions
    assert np.flatnonzero(env.action_masks()).tolist() == [3, 4, 5, 6]
    assert gym.make("TextGen-Sentiment-v0").unwrapped.action_masks().all()
