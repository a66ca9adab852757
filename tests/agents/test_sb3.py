from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3 import PPO as StockPPO
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

from textgym.agents import TransformerPolicy, VectorEnvBridge, make_vec_env
from textgym.agents.sb3 import as_vec_env
from textgym.errors import AgentError, OptionError, TextGymError

ENV = "TextGen-Numbers-v0"
N = 5


def dummy() -> VecEnv:
    return DummyVecEnv([lambda: Monitor(gym.make(ENV)) for _ in range(N)])


def sync() -> VecEnv:
    return as_vec_env(SyncVectorEnv([lambda: gym.make(ENV)] * N, autoreset_mode=AutoresetMode.SAME_STEP))


def native() -> VecEnv:
    return make_vec_env(ENV, N)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in theirs)
    return np.array_equal(ours, theirs)


@pytest.mark.parametrize("make", [native, sync])
def test_the_bridge_equals_sb3s_own_vector_of_single_environments(make: Any) -> None:
    ours, theirs = make(), dummy()
    rng = np.random.default_rng(0)
    ended = 0
    for vec in (ours, theirs):
        vec.seed(3)
        vec.set_options({"prompt_index": 7})
    assert same(ours.reset(), theirs.reset())
    bridge = ours.unwrapped  # SB3's wrappers have reset_infos of their own, which stay empty
    assert bridge.reset_infos == theirs.reset_infos
    assert bridge.reset_infos[0]["prompt_index"] == 7
    for _ in range(80):
        actions = rng.integers(0, ours.action_space.n, N)
        actions[rng.random(N) < 0.1] = 2
        our_step, their_step = ours.step(actions), theirs.step(actions)
        for index in range(3):
            assert same(our_step[index], their_step[index])
        assert our_step[1].dtype == their_step[1].dtype
        for info, expected in zip(our_step[3], their_step[3], strict=True):
            times = [one.pop("episode")["r"] for one in (info, expected) if "episode" in one]
            assert len(set(times)) <= 1
            assert same(info, expected)
            ended += "terminal_observation" in info
        assert bridge.reset_infos == theirs.reset_infos
    assert ended > N


def test_stock_sb3_learns_identical_weights_over_the_bridge() -> None:
    weights = []
    for vec in (native(), dummy()):
        settings = {"n_steps": 24, "batch_size": 40, "n_epochs": 2, "seed": 0, "device": "cpu"}
        agent = StockPPO(TransformerPolicy, vec, policy_kwargs={"model": "scratch"}, **settings)
        agent.learn(24 * N * 2)
        weights.append(agent.policy.parameters_to_vector())
        assert len(agent.ep_info_buffer) > 5
    assert np.array_equal(*weights)


@pytest.mark.parametrize("make", [native, sync, dummy])
def test_attributes_and_methods_of_each_environment(make: Any) -> None:
    vec = make()
    vec.reset()
    assert [task.name for task in vec.get_attr("task", [0, 2])] == ["Numbers"] * 2
    assert vec.get_attr("gamma", 1) == [1.0]
    assert vec.get_attr("render_mode") == [None] * N
    assert vec.has_attr("masks_actions")
    assert not vec.has_attr("no_such_attribute")
    masks = vec.env_method("action_masks", indices=[1, 3])
    assert np.shape(masks) == (2, vec.action_space.n)
    vec.set_attr("note", 5)
    assert vec.get_attr("note") == [5] * N
    vec.close()


def test_only_single_environments_can_differ_or_be_wrapped() -> None:
    with pytest.raises(AgentError, match="some environments only"):
        native().set_attr("note", 5, indices=[1])
    vec = sync()
    vec.set_attr("note", 5, indices=[1])
    assert vec.get_attr("note", 1) == [5]
    assert vec.env_is_wrapped(gym.wrappers.OrderEnforcing, [0]) == [True]
    assert native().env_is_wrapped(Monitor) == [False] * N


def test_options_differ_by_environment_where_the_vector_takes_them() -> None:
    vec = native()
    vec.set_options([{"prompt_index": i} for i in range(N)])
    vec.reset()
    assert [info["prompt_index"] for info in vec.unwrapped.reset_infos] == list(range(N))
    for vec, options in (
        (native(), [{"prompt_index": 0}, *[{}] * (N - 1)]),
        (sync(), [{"prompt_index": i} for i in range(N)]),
    ):
        vec.set_options(options)
        with pytest.raises(OptionError, match="same options"):
            vec.reset()


def test_rendering_never_asks_for_pictures() -> None:
    vec = make_vec_env(ENV, N, render_mode="ansi")
    vec.reset()
    assert vec.render_mode == "ansi"
    vec.render()
    assert len(vec.env_method("render")) == N
    assert vec.get_images() == [None] * N


def test_another_autoreset_mode_is_refused() -> None:
    with pytest.raises(AgentError, match=r"autoreset_mode='SameStep'.*NEXT_STEP"):
        VectorEnvBridge(gym.make_vec(ENV, N))


def test_what_is_no_vector_environment_is_refused() -> None:
    with pytest.raises(AgentError, match="TextGenEnv"):
        as_vec_env(gym.make(ENV))
    vec = native()
    assert as_vec_env(vec) is vec


@pytest.mark.parametrize(("env_id", "options"), [("TextGen-Number-v0", {}), (ENV, {"spilt": "test"})])
def test_unknown_ids_and_options_are_refused(env_id: str, options: dict) -> None:
    with pytest.raises(TextGymError, match=r"TextGen-Numbers-v0|split"):
        make_vec_env(env_id, N, **options)


def test_a_registered_single_environment_and_a_task_are_vectors_too() -> None:
    gym.register("Plain-v0", entry_point="gymnasium.envs.classic_control:CartPoleEnv")
    try:
        assert make_vec_env("Plain-v0", 2).reset().shape == (2, 4)
    finally:
        del gym.registry["Plain-v0"]
    task = native().get_attr("task")[0]
    vec = make_vec_env(task, 3, max_new_tokens=5)
    assert isinstance(vec, VecMonitor)
    assert vec.get_attr("task")[0].max_new_tokens == 5


def test_global_generators_are_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002  # the very thing to watch
    vec = native()
    vec.seed(1)
    vec.reset()
    vec.step(np.zeros(N, np.int64))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
