from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule

import textgym
from textgym.agents import PPO, REINFORCE, make_vec_env
from textgym.agents.grpo import GRPO, RLOO, DrGRPO
from textgym.agents.losses import loss_divisor, policy_loss, token_weights
from textgym.errors import AgentError

ENV = "TextGen-Numbers-v0"
SMALL = {"n_envs": 8, "n_steps": 24, "seed": 0, "device": "cpu"}


def make(cls: Any = REINFORCE, env: Any = ENV, **kwargs: Any) -> Any:
    return cls({"initializer_range": 0.3}, env, **{**SMALL, **kwargs})


def test_the_clipped_loss_by_hand() -> None:
    new, old = torch.tensor([0.5, 0.5, 0.1, 0.1]).log(), torch.tensor([0.25, 0.5, 0.2, 0.2]).log()
    advantages = torch.tensor([1.0, -1.0, -2.0, 2.0])  # the ratios are 2, 1, ½, ½
    assert policy_loss(new, old, advantages, 0.2).tolist() == pytest.approx([-1.2, 1.0, 1.6, -1.0])
    plain = [-math.log(0.5), math.log(0.5), 2 * math.log(0.1), -2 * math.log(0.1)]
    assert policy_loss(new, old, advantages, None).tolist() == pytest.approx(plain)


def test_the_averages_of_tokens_by_hand() -> None:
    mask = torch.tensor([[False, True, False, False], [False, True, True, True]])
    losses = torch.tensor([4.0, 1, 2, 3])

    def averaged(loss_type: str) -> float:
        return ((token_weights(loss_type, mask) * losses).sum() / loss_divisor(loss_type, mask.numpy(), 5)).item()

    assert averaged("dapo") == (4 + 1 + 2 + 3) / 4
    assert averaged("grpo") == pytest.approx((4 + (1 + 2 + 3) / 3) / 2)
    assert averaged("dr_grpo") == (4 + 1 + 2 + 3) / (2 * 5)


def test_clipped_epochs_are_those_of_ppo() -> None:
    """Without a value to learn and on the whole rollout, two clipped epochs of REINFORCE are SB3's PPO."""
    shared = {"n_epochs": 2, "clip_range": 0.2, "vf_coef": 0.0, "ent_coef": 0.01, "learning_rate": 0.3, "kl_coef": None}
    shared |= {"policy_kwargs": {"optimizer_class": "SGD"}}
    ours = make(baseline="none", batch_size=50, **shared)
    start = ours.policy.parameters_to_vector()
    ours.learn(1)
    theirs = make(PPO, batch_size=100_000, **shared).learn(1)
    assert np.abs(ours.policy.parameters_to_vector() - start).max() > 1e-3
    np.testing.assert_allclose(ours.policy.parameters_to_vector(), theirs.policy.parameters_to_vector(), atol=1e-5)
    assert ours.logger.name_to_value["train/clip_fraction"] > 0
    for name in ("clip_fraction", "entropy_loss", "policy_gradient_loss"):
        expected = theirs.logger.name_to_value[f"train/{name}"]
        assert ours.logger.name_to_value[f"train/{name}"] == pytest.approx(expected, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("loss_type", ["dapo", "grpo", "dr_grpo"])
def test_batch_size_bounds_the_memory_and_changes_nothing(loss_type: str) -> None:
    results = []
    for batch_size in (100_000, 30):
        sgd = {"learning_rate": 1.0, "policy_kwargs": {"optimizer_class": "SGD"}}
        agent = make(n_samples=4, loss_type=loss_type, batch_size=batch_size, ent_coef=0.01, **sgd)
        agent.learn(1)
        results.append((agent.policy.parameters_to_vector(), agent.logger.name_to_value["train/loss"]))
        assert agent._n_updates == 1
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-5)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-4)


def test_the_length_of_the_loss_is_the_tasks_own() -> None:
    """One step with gradient descent: the loss types differ by the factor that their divisors differ by."""
    moves = {}
    for loss_type in ("dapo", "dr_grpo"):
        sgd = {"optimizer_class": "SGD"}
        agent = make(loss_type=loss_type, learning_rate=1.0, max_grad_norm=1e9, policy_kwargs=sgd, kl_coef=None)
        start = agent.policy.parameters_to_vector()
        agent.learn(1)
        moves[loss_type] = agent.policy.parameters_to_vector() - start
    chosen = agent.rollout_buffer.episodes.response_mask
    factor = chosen.sum() / (len(chosen) * agent.task.max_new_tokens)
    np.testing.assert_allclose(moves["dr_grpo"], factor * moves["dapo"], atol=1e-5)


def test_epochs_and_minibatches_are_steps_of_the_optimizer() -> None:
    agent = make(n_samples=2, n_epochs=2, n_minibatches=3, clip_range=0.2).learn(1)
    assert agent._n_updates == 6
    assert agent.logger.name_to_value["train/clip_range"] == 0.2


def test_a_rollout_is_left_once_the_policy_is_far_from_the_one_that_drew_it() -> None:
    agent = make(n_epochs=10, clip_range=0.2, target_kl=1e-4).learn(1)
    assert agent._n_updates == 1  # the first step has left the policy that drew
    assert make(n_epochs=10, clip_range=0.2, target_kl=1e4).learn(1)._n_updates == 10


def test_presets_are_reinforce_with_the_defaults_of_their_papers() -> None:
    def chosen(agent: Any) -> tuple[Any, ...]:
        names = ("n_samples", "baseline", "normalize_advantage", "loss_type", "clip_range")
        return tuple(agent.arguments[name] for name in names)

    assert chosen(make(RLOO)) == (4, "leave_one_out", False, "dapo", None)
    assert chosen(make(GRPO)) == (8, "group", "group", "grpo", 0.2)
    assert chosen(make(DrGRPO)) == (8, "group", False, "dr_grpo", 0.2)
    assert chosen(make(GRPO, n_samples=2, loss_type="dapo")) == (2, "group", "group", "dapo", 0.2)
    parameters = inspect.signature(GRPO).parameters
    assert list(parameters) == list(inspect.signature(REINFORCE).parameters)
    assert parameters["n_samples"].default == 8
    weights = [
        agent.learn(400).policy.parameters_to_vector()
        for agent in (make(RLOO), make(n_samples=4, baseline="leave_one_out"))
    ]
    assert np.array_equal(*weights)


class SaveAt(BaseCallback):
    """Saves the agent between the first rollout and the second."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.model._rollouts == 1:
            self.model.save(self.path)


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (RLOO, {"kl_coef": 0.1}),
        (GRPO, {"n_epochs": 2, "n_minibatches": 2, "clip_range": LinearSchedule(0.3, 0.1, 1.0)}),
        (DrGRPO, {"n_samples": 4, "target_kl": 0.1, "n_epochs": 3, "env_kwargs": {"reward": "length"}}),
    ],
)
def test_a_resumed_run_makes_the_same_updates_to_the_last_bit(cls: Any, settings: dict, tmp_path: Path) -> None:
    budget = 8 * 24 * 6
    whole = make(cls, **settings)
    whole.learn(budget, callback=SaveAt(tmp_path / "agent"))
    resumed = cls.load(tmp_path / "agent", device="cpu")
    assert 0 < resumed.num_timesteps < budget
    assert resumed.n_samples == whole.rollout_buffer.n_samples == resumed.rollout_buffer.n_samples
    resumed.learn(budget - resumed.num_timesteps, reset_num_timesteps=False)
    assert resumed.num_timesteps == whole.num_timesteps
    assert resumed._rollouts == whole._rollouts >= 2
    for ours, theirs in zip(resumed.policy.parameters(), whole.policy.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_an_agent_of_groups_is_loaded_without_its_environment(tmp_path: Path) -> None:
    make(RLOO, env=make_vec_env(ENV, 6), n_samples=3).save(tmp_path / "agent")
    agent = RLOO.load(tmp_path / "agent", device="cpu")
    assert agent.env is None
    assert RLOO.load(tmp_path / "agent", env=make_vec_env(ENV, 3)).learn(1).num_timesteps > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_samples": 0}, "n_samples is a whole number, at least 1. Actual value: 0"),
        ({"n_samples": 2.0}, "Actual value: 2.0"),
        ({"n_epochs": 0}, "n_epochs is a whole number"),
        ({"n_minibatches": -1}, "n_minibatches is a whole number"),
        ({"baseline": "grpo"}, "group"),
        ({"baseline": "group"}, "Actual value: n_samples=1"),
        ({"normalize_advantage": "group"}, "n_samples to the episodes that each prompt gets"),
        ({"normalize_advantage": "batch"}, "'batch'"),
        ({"loss_type": "drgrpo"}, "Did you mean 'dr_grpo'?"),
        ({"n_samples": 3}, "n_samples=3, n_envs=8"),
        ({"cls": GRPO, "n_samples": 1}, "n_samples=1"),
    ],
)
def test_bad_input_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(AgentError) as refused:
        make(**settings)
    assert message in str(refused.value)


@pytest.mark.parametrize("cls", [RLOO, GRPO, DrGRPO])
def test_the_target_is_reached(cls: Any) -> None:
    """Chance is 1 / 256."""
    agent = cls("scratch", "TextGen-Target-v0", seed=0, device="cpu").learn(60_000)
    assert textgym.evaluate(agent, "TextGen-Target-v0", episodes=300).mean > 0.95
