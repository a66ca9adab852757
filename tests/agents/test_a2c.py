from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from torch.nn import functional as F

import textgym
from textgym.agents.a2c import A2C
from textgym.evaluation.metrics_file import MetricsFile, read

SMALL: dict[str, Any] = {"n_envs": 4, "n_steps": 24, "seed": 0, "device": "cpu"}


def make(env: str = "TextGen-Numbers-v0", **kwargs: Any) -> A2C:
    return A2C("scratch", env, **{**SMALL, **kwargs})


class StopAt(BaseCallback):
    """Stops at a mean reward over three rollouts."""

    def __init__(self, reward: float) -> None:
        super().__init__()
        self.rewards: list[float] = []
        self.reward = reward

    def _on_rollout_end(self) -> None:
        self.rewards.append(float(self.model.rollout_buffer.episodes.rewards.sum(1).mean()))

    def _on_step(self) -> bool:
        return not (len(self.rewards) >= 3 and np.mean(self.rewards[-3:]) > self.reward)


def test_the_update_is_sb3s_arithmetic_on_all_tokens_at_once() -> None:
    agent = make(policy_kwargs={"optimizer_class": "SGD"}, learning_rate=0.1, ent_coef=0.02, vf_coef=0.3)
    twin = make(policy_kwargs={"optimizer_class": "SGD"}, learning_rate=0.1, ent_coef=0.02, vf_coef=0.3)
    agent.learn(4 * 24)
    episodes = agent.rollout_buffer.episodes
    chosen = episodes.response_mask

    order = np.argsort(episodes.lengths, kind="stable")
    (_, batch), *_ = episodes.batches(order, None, twin.device)
    flat = lambda matrix: torch.from_numpy(matrix[order][chosen[order]])  # noqa: E731
    values, log_prob, entropy = twin.policy.evaluate_actions(batch, batch.actions)
    returns, advantages = flat(agent.rollout_buffer.targets), flat(agent.rollout_buffer.advantages)
    loss = -(advantages * log_prob).mean() - 0.02 * entropy.mean() + 0.3 * F.mse_loss(values, returns)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(twin.policy.parameters(), 1.0)
    for ours, theirs in zip(agent.policy.parameters(), twin.policy.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs - 0.1 * theirs.grad, atol=1e-6, rtol=1e-5)
    assert agent._n_updates == 1
    # Monte-Carlo returns: the reward comes at the end and nothing is discounted.
    np.testing.assert_allclose(
        agent.rollout_buffer.returns, (episodes.rewards.sum(1)[:, None] * chosen)[chosen], atol=1e-6
    )


def test_the_target_is_reached() -> None:
    curve = StopAt(0.95)
    agent = A2C("scratch", "TextGen-Target-v0", seed=0, device="cpu").learn(80_000, callback=curve)
    assert curve.rewards[0] < 0.05
    assert np.mean(curve.rewards[-3:]) > 0.95
    assert textgym.evaluate(agent, "TextGen-Target-v0", episodes=300).mean > 0.85


def test_rmsprop_is_there_for_who_asks() -> None:
    own = {"temperature": 0.9}
    agent = make(use_rms_prop=True, policy_kwargs=own).learn(4 * 24)
    assert own == {"temperature": 0.9}
    assert isinstance(agent.policy.optimizer, torch.optim.RMSprop)
    assert agent.policy.optimizer.defaults["alpha"] == 0.99


@pytest.mark.parametrize("settings", [{}, {"use_rms_prop": True, "kl_coef": 0.1}])
def test_a_saved_agent_goes_on_as_if_nothing_had_been(settings: dict[str, Any], tmp_path: Path) -> None:
    whole = make(**settings).learn(4 * 24)
    whole.save(tmp_path / "agent")
    resumed = A2C.load(tmp_path / "agent", device="cpu")
    for agent in (whole, resumed):
        agent.learn(4 * 24 * 2, reset_num_timesteps=False)
    assert np.array_equal(whole.policy.parameters_to_vector(), resumed.policy.parameters_to_vector())
    assert type(resumed.policy.optimizer) is type(whole.policy.optimizer)


def test_every_rollout_is_logged(tmp_path: Path) -> None:
    agent = make()
    agent.set_logger(Logger(None, [MetricsFile(tmp_path / "metrics.csv")]))
    agent.learn(300)
    rewards = [row for row in read(tmp_path / "metrics.csv") if "rollout/ep_rew_mean" in row]
    assert len(rewards) == agent._rollouts > 2
