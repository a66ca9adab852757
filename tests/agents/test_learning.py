from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback

import textgym
from textgym.agents import PPO, REINFORCE, RandomAgent


class Curve(BaseCallback):
    """The mean reward of each rollout; stops once the last three reach a threshold."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.rewards: list[float] = []
        self.threshold = threshold

    def _on_rollout_end(self) -> None:
        self.rewards.append(float(self.model.rollout_buffer.episodes.rewards.sum(1).mean()))

    def _on_step(self) -> bool:
        return not (len(self.rewards) >= 3 and np.mean(self.rewards[-3:]) > self.threshold)


@pytest.mark.parametrize("algorithm", [PPO, REINFORCE])
def test_the_target_is_reached(algorithm: Any) -> None:
    curve = Curve(0.99)
    agent = algorithm("scratch", "TextGen-Target-v0", seed=0, device="cpu").learn(80_000, callback=curve)
    assert curve.rewards[0] < 0.05
    assert np.mean(curve.rewards[-3:]) > 0.99
    assert textgym.evaluate(agent, "TextGen-Target-v0", episodes=300).mean > 0.95
    assert agent.evaluate(episodes=16, deterministic=True).mean == 1.0


@pytest.mark.parametrize("seed", [0, 1])
def test_counting_is_learnt_from_nothing(seed: int) -> None:
    agent = PPO("scratch", "TextGen-Numbers-v0", seed=seed, device="cpu").learn(45_000)
    env = textgym.TextGenEnv("textgym.envs_registry.numbers:task")
    chance = textgym.evaluate(RandomAgent(env, seed=0), "TextGen-Numbers-v0", episodes=200)
    assert chance.mean < 0.15
    assert agent.evaluate(episodes=200).interval[0] > chance.interval[1] + 0.05
