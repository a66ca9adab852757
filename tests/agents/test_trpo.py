from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.distributions import kl_divergence
from torch.nn.attention import SDPBackend, sdpa_kernel

from textgym.errors import AgentError

pytest.importorskip("sb3_contrib")
from sb3_contrib.common.utils import flat_grad

from textgym.agents.trpo import TRPO

SMALL: dict[str, Any] = {"n_envs": 4, "n_steps": 12, "batch_size": 48, "seed": 0, "device": "cpu"}


def make(**kwargs: Any) -> TRPO:
    return TRPO("scratch", "TextGen-Numbers-v0", **{**SMALL, **kwargs})


class Curve(BaseCallback):
    """The mean reward of each rollout."""

    def __init__(self) -> None:
        super().__init__()
        self.rewards: list[float] = []

    def _on_rollout_end(self) -> None:
        self.rewards.append(float(self.model.rollout_buffer.episodes.rewards.sum(1).mean()))

    def _on_step(self) -> bool:
        return True


def test_derivatives_are_sb3_contribs() -> None:
    # sb3-contrib's own way, one parameter after the other, is the reference.
    agent = make()
    agent.learn(1)
    (_, batch), *_ = agent.rollout_buffer.episodes.batches(
        np.arange(len(agent.rollout_buffer.episodes.lengths)), None, agent.device
    )

    with sdpa_kernel(SDPBackend.MATH):
        with torch.no_grad():
            old = agent.policy.get_distribution(batch)
        law = agent.policy.get_distribution(batch)
        divergence = kl_divergence(law, old).mean()
        objective = (torch.linspace(-1, 1, len(batch.actions)) * law.log_prob(batch.actions)).mean()
        ours = agent._compute_actor_grad(divergence, objective)
        theirs = super(TRPO, agent)._compute_actor_grad(divergence, objective)
        assert [id(parameter) for parameter in ours[0]] == [id(parameter) for parameter in theirs[0]]
        torch.testing.assert_close(ours[1], theirs[1])
        torch.testing.assert_close(ours[2], theirs[2])
        assert [tuple(shape) for shape in theirs[3]] == ours[3]
        vector = torch.randn(len(ours[2]), generator=torch.Generator().manual_seed(0))
        products = [flat_grad((grad * vector).sum(), ours[0], retain_graph=True) for grad in (ours[2], theirs[2])]
        torch.testing.assert_close(products[0], products[1], atol=1e-5, rtol=1e-4)
        assert products[0].abs().max() > 1e-4


def test_a_step_improves_the_objective_within_the_trust_region() -> None:
    agent = make(target_kl=0.02)
    before = agent.policy.parameters_to_vector()
    twin = make(target_kl=0.02)
    agent.learn(4 * 12, log_interval=1000)
    episodes, logged = agent.rollout_buffer.episodes, agent.logger.name_to_value
    assert logged["train/is_line_search_success"] == 1.0
    score = lambda one: one.policy.token_model.episode_law(batch)  # noqa: E731
    order = np.argsort(episodes.lengths, kind="stable")
    (_, batch), *_ = episodes.batches(order, None, agent.device)
    assert np.array_equal(before, twin.policy.parameters_to_vector())
    with torch.no_grad():
        new, old = score(agent), score(twin)
        divergence = new.kl(old).mean().item()
        ratio = (new.log_prob(batch.actions) - old.log_prob(batch.actions)).exp()
        advantages = torch.from_numpy(agent.rollout_buffer.advantages[order][episodes.response_mask[order]])
        gain = (advantages * (ratio - 1)).mean().item()
    assert 0.001 < divergence < 0.02
    assert divergence == pytest.approx(logged["train/kl_divergence_loss"], rel=1e-3)
    assert gain > 0


def test_the_value_learns_alone() -> None:
    # The value's steps come after the policy's: without them the language model ends up the same.
    agent, other = make(n_critic_updates=1), make(n_critic_updates=6)
    for one in (agent, other):
        one.learn(4 * 12)
        assert all(parameter.requires_grad for parameter in one.policy.parameters())
    pairs = zip(agent.policy.lm.parameters(), other.policy.lm.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(agent.policy.value_head.weight, other.policy.value_head.weight)


def test_frozen_weights_stay() -> None:
    agent = make()
    frozen = list(agent.policy.lm.transformer.h[0].parameters())
    before = [parameter.requires_grad_(False).clone() for parameter in frozen]
    trained = agent.policy.lm.transformer.h[1].mlp.c_fc.weight
    start = trained.clone()
    agent.learn(4 * 12)
    assert all(torch.equal(a, b) for a, b in zip(before, frozen, strict=True))
    assert not any(parameter.requires_grad for parameter in frozen)
    assert not torch.equal(start, trained)


def test_a_state_from_before_the_step_is_not_taken_for_current() -> None:
    agent = make(n_critic_updates=1)
    before = agent.policy._weights()
    agent.learn(4 * 12)
    assert agent.policy._weights() != before


def test_global_generators_are_left_alone() -> None:
    agent = make()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    agent.learn(4 * 12)
    assert torch.equal(state, torch.get_rng_state())


def test_a_saved_agent_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    whole = make(kl_coef=0.1).learn(4 * 12)
    whole.save(tmp_path / "agent")
    torch.manual_seed(7)
    resumed = TRPO.load(tmp_path / "agent", device="cpu")
    for agent in (whole, resumed):
        agent.learn(4 * 12 * 2, reset_num_timesteps=False)
        torch.manual_seed(8)
    assert np.array_equal(whole.policy.parameters_to_vector(), resumed.policy.parameters_to_vector())


def test_kl_in_the_loss_is_refused() -> None:
    with pytest.raises(AgentError, match="TRPO has no loss"):
        make(kl_coef=0.1, kl_estimator="k2", regularisation={"kl_in": "loss"})


WITHOUT_CONTRIB = """
import sys
sys.modules["sb3_contrib"] = None
import textgym.agents
from textgym.agents import PPO, REINFORCE
exec("from textgym.agents import *")
assert "PPO" in globals() and "TRPO" not in globals()
try:
    import textgym.agents.trpo
except textgym.errors.AgentError as error:
    print(error)
"""


def test_who_lacks_sb3_contrib_is_told_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_CONTRIB], capture_output=True, text=True, check=True)
    assert "pip install 'textgym[contrib]'" in done.stdout


def test_the_target_is_learnt() -> None:
    curve = Curve()
    TRPO("scratch", "TextGen-Target-v0", seed=0, device="cpu", n_envs=32, n_steps=16).learn(10_000, callback=curve)
    assert curve.rewards[0] < 0.05
    assert np.mean(curve.rewards[-3:]) > 0.5
