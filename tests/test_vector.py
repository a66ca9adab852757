"""The vector environment is exactly N single ones."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import textgym
from textgym import errors, testing
from textgym.envs_registry.numbers import increasing
from textgym.rewards import Dense, make


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("env_id", list(textgym.entries()))
def test_equals_single_environments(env_id, mode):
    testing.check_vector_env(env_id, num_envs=3, autoreset_mode=mode, steps=60)


def test_equals_single_environments_with_a_dense_reward():
    testing.check_vector_env("TextGen-Numbers-v0", reward=Dense(make(increasing)), gamma=0.9)


def test_all_rows_that_end_are_scored_in_one_call():
    calls = []

    def reward(prompts, completions, **columns):
        calls.append(len(completions))
        return [0.0] * len(completions)

    env = gym.make_vec("TextGen-Target-v0", num_envs=5, reward=reward)
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.full(5, 3))
    assert calls == [5]


def test_options_and_seeds_by_row():
    env = gym.make_vec("TextGen-Numbers-v0", num_envs=3)
    options = {"prompt_index": np.array([2, 0, 1])}
    _, info = env.reset(seed=[1, None, 3], options=options)
    assert info["prompt_index"].tolist() == [2, 0, 1]
    assert list(options) == ["prompt_index"]
    _, info = env.reset(options={"reset_mask": np.array([False, True, False]), "prompt_index": 4})
    assert info["_prompt_index"].tolist() == [False, True, False]
    assert info["prompt_index"][1] == 4


def test_observations_are_never_changed_afterwards():
    env = gym.make_vec("TextGen-Target-v0", num_envs=2)
    first, _ = env.reset(seed=0)
    kept = {name: array.copy() for name, array in first.items()}
    for _ in range(9):
        env.step(np.array([3, 4]))
    assert all(np.array_equal(first[name], kept[name]) for name in kept)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda env: env.step([3]), r"shape \(2,\)"),
        (lambda env: env.reset(seed=[1]), "Actual length: 1"),
        (lambda env: env.reset(options={"reset_mask": [True, False]}), "reset_mask"),
        (lambda env: env.reset(options={"reset_mask": np.zeros(2, bool)}), "at least one row"),
    ],
)
def test_bad_use(use, message):
    env = gym.make_vec("TextGen-Target-v0", num_envs=2)
    env.reset()
    with pytest.raises(errors.TextGymError, match=message):
        use(env)


def test_a_finished_row_must_be_reset_when_autoreset_is_disabled():
    env = gym.make_vec("TextGen-Target-v0", num_envs=1, autoreset_mode="Disabled")
    env.reset()
    for _ in range(4):
        env.step([3])
    with pytest.raises(errors.TaskError, match="reset_mask"):
        env.step([3])
