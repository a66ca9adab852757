"""What others built for Gymnasium runs on the suite: stock SB3, sb3-contrib, a CleanRL loop, vector wrappers."""

from __future__ import annotations

import contextlib
import io
import json
import runpy
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from sb3_contrib import MaskablePPO
from sb3_contrib.common.maskable.utils import get_action_masks
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3.common.vec_env import DummyVecEnv

import textgym  # noqa: F401  # registers the ids
from textgym.wrappers import CompletionView

ROOT = Path(__file__).parents[1]

SPAWN = """
import json
import gymnasium as gym
import numpy as np

if __name__ == "__main__":
    envs = gym.make_vec(
        "textgym:TextGen-Numbers-v0",
        num_envs=3,
        vectorization_mode="async",
        vector_kwargs={"context": "spawn"},
        max_new_tokens=6,
    )
    _, infos = envs.reset(seed=7)
    seen = [infos["prompt"].tolist()]
    for t in range(12):
        _, rewards, ended, _, infos = envs.step(np.full(3, 3 + t % 4))
        seen.append([rewards.tolist(), ended.tolist()])
    envs.close()
    print(json.dumps(seen))
"""


@pytest.mark.parametrize("algorithm", ["PPO", "A2C"])
@pytest.mark.parametrize("view", [None, CompletionView], ids=["tokens", "completions"])
def test_stock_sb3_learns_with_its_own_policy(algorithm, view):
    env = gym.make("TextGen-Target-v0")
    settings = {"n_steps": 50, "batch_size": 50} if algorithm == "PPO" else {"n_steps": 50}
    agent = getattr(stable_baselines3, algorithm)(
        "MultiInputPolicy", env if view is None else view(env), seed=0, device="cpu", **settings
    )
    agent.learn(300)
    assert agent.num_timesteps >= 300
    assert len(agent.ep_info_buffer) >= 30
    lengths = {info["l"] for info in agent.ep_info_buffer}
    assert lengths == {1} if view is CompletionView else max(lengths) == 4
    obs, _ = agent.env.envs[0].reset(seed=0)
    action, _ = agent.predict(obs)
    assert action in agent.action_space


def allowed(env: gym.Env) -> np.ndarray:
    return env.unwrapped.action_masks()


@pytest.mark.parametrize("wrap", [lambda env: env, lambda env: ActionMasker(env, allowed)], ids=["own", "ActionMasker"])
def test_maskable_ppo_writes_brackets_only(wrap):
    written: list[int] = []

    class Watch(gym.ActionWrapper):
        def action(self, action):
            written.append(int(action))
            return action

    agent = MaskablePPO(
        "MultiInputPolicy",
        wrap(Watch(gym.make("TextGen-Brackets-v0"))),
        n_steps=100,
        batch_size=50,
        seed=0,
        device="cpu",
    )
    agent.learn(300)
    permitted = set(np.flatnonzero(allowed(gym.make("TextGen-Brackets-v0"))))
    assert len(written) >= 300
    assert set(written) == permitted
    obs = agent.env.reset()
    masks = get_action_masks(agent.env)
    assert int(agent.predict(obs, action_masks=masks)[0][0]) in permitted


def test_masks_reach_sb3_contrib_from_the_environment_alone():
    masks = get_action_masks(DummyVecEnv([lambda: gym.make("TextGen-Brackets-v0")] * 2))
    assert np.array_equal(masks, np.tile(allowed(gym.make("TextGen-Brackets-v0")), (2, 1)))


def test_a_cleanrl_loop_learns_and_counts_no_ghosts():
    with contextlib.redirect_stdout(io.StringIO()):
        loop = runpy.run_path(str(ROOT / "examples" / "cleanrl_loop.py"))
    envs, steps = loop["envs"], loop["UPDATES"] * loop["NUM_STEPS"] * loop["NUM_ENVS"]
    assert envs.unwrapped.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.single_observation_space.shape == loop["obs"].shape[1:]
    ghosts = envs.episode_count - int(loop["dones"][-1].sum())  # every end but those of the last step costs one
    assert ghosts > 1_000
    assert loop["steps_in_episodes"] == steps - ghosts
    assert loop["found"] > 0.8


def test_async_workers_are_spawned_by_prefixed_id(tmp_path):
    """In a script of its own, which does not import textgym, as a user's would be."""
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    prompts, *steps = json.loads(run.stdout)
    native = gym.make_vec("TextGen-Numbers-v0", num_envs=3, max_new_tokens=6)
    assert native.reset(seed=7)[1]["prompt"].tolist() == prompts
    for t, (rewards, ended) in enumerate(steps):
        _, ours, over, _, _ = native.step(np.full(3, 3 + t % 4))
        assert (ours.tolist(), over.tolist()) == (rewards, ended)
    assert any(any(ended) for _, ended in steps)


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("env_id", ["TextGen-Copy-v0", "TextGen-ProbeDiscount-v0"])
def test_vector_statistics_are_those_of_the_episodes(env_id, mode):
    """Against what each row was paid and how long it played, counted by hand."""
    options = {"partial": True} if "Copy" in env_id else {"delays": [1, 2, 4]}
    inner = gym.make_vec(env_id, num_envs=4, autoreset_mode=mode, **options)
    envs = RecordEpisodeStatistics(inner)
    envs.reset(seed=0)
    envs.action_space.seed(0)
    paid, length, starts = np.zeros(4), np.zeros(4, int), np.zeros(4, bool)
    expected: list[tuple[float, int]] = []
    for _ in range(80):
        actions = envs.action_space.sample()
        _, rewards, ended, _, infos = envs.step(actions)
        ghosts = starts if mode is AutoresetMode.NEXT_STEP else np.zeros(4, bool)
        assert not rewards[ghosts].any()
        assert not ended[ghosts].any()
        paid, length = paid + rewards, length + ~ghosts
        for row in np.flatnonzero(ended):
            expected.append((paid[row], length[row]))
            assert infos["_episode"][row]
            assert (infos["episode"]["r"][row], infos["episode"]["l"][row]) == expected[-1]
            final = infos["final_info"] if mode is AutoresetMode.SAME_STEP else infos
            assert final["discounted_return"][row] == pytest.approx(paid[row])  # gamma is 1
        paid[ended], length[ended], starts = 0.0, 0, ended
        if mode is AutoresetMode.DISABLED and ended.any():
            envs.reset(options={"reset_mask": ended.copy()})
    assert len(expected) > 20
    assert len({total for total, _ in expected}) > 1
    assert list(zip(envs.return_queue, envs.length_queue, strict=True)) == expected[-100:]
