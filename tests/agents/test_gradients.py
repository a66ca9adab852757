"""On TextGen-Target-v0 all 4⁴ completions can be enumerated, and with them the exact policy gradient."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from textgym.agents import A2C, NLPO, PPO, REINFORCE
from textgym.agents.episodes import Episodes
from textgym.agents.grpo import GRPO, RLOO, DrGRPO

ROLLOUTS, EPISODES, TOKENS = 30, 512, 4
SHARED = {
    "n_envs": 256,
    "n_steps": EPISODES * TOKENS // 256,
    "batch_size": EPISODES * TOKENS,
    "learning_rate": 1.0,  # with plain gradient descent, a step is the gradient
    "max_grad_norm": 1e9,
    "vf_coef": 0.0,
    "policy_kwargs": {"optimizer_class": "SGD"},
    "device": "cpu",
    "seed": 0,
}
KL_COEF = 0.05
ALGORITHMS: dict[str, Any] = {
    "ppo": lambda model: PPO(model, "TextGen-Target-v0", **SHARED, n_epochs=1, normalize_advantage=False),
    **{
        f"reinforce-{name}": lambda model, name=name: REINFORCE(model, "TextGen-Target-v0", **SHARED, baseline=name)
        for name in ("none", "mean", "leave_one_out", "value")
    },
    "reinforce-clipped": lambda model: REINFORCE(model, "TextGen-Target-v0", **SHARED, clip_range=0.2),
    "ppo-kl": lambda model: PPO(
        model,
        "TextGen-Target-v0",
        **SHARED,
        n_epochs=1,
        kl_coef=KL_COEF,
        kl_estimator="k2",
        regularisation={"kl_in": "loss"},
    ),
    "a2c": lambda model: A2C(model, "TextGen-Target-v0", **{k: v for k, v in SHARED.items() if k != "batch_size"}),
    "nlpo": lambda model: NLPO(model, "TextGen-Target-v0", **SHARED, n_epochs=1, mask_top_p=None, mask_top_k=3),
    "rloo": lambda model: RLOO(model, "TextGen-Target-v0", **SHARED),
}
K = 8
BIASED: dict[str, Any] = {
    "grpo": lambda model: GRPO(model, "TextGen-Target-v0", **SHARED, n_samples=K),
    "dr_grpo": lambda model: DrGRPO(model, "TextGen-Target-v0", **SHARED, n_samples=K),
}


@pytest.fixture(scope="module")
def start() -> tuple[Any, dict[str, torch.Tensor]]:
    """A policy that is right now and then: at first it would be once in 256 episodes, and the noise all there is."""
    agent = PPO("scratch", "TextGen-Target-v0", seed=0, device="cpu", n_steps=16, n_epochs=4)
    agent.learn(9_000)
    policy = agent.policy
    nn.init.normal_(policy.value_head.weight, std=0.05, generator=torch.Generator().manual_seed(0))  # any V will do
    return policy.lm.config.to_dict(), {name: value.clone() for name, value in policy.state_dict().items()}


def exact(agent: Any) -> tuple[torch.Tensor, float]:
    """∇J and J = Σ_y π(y) R(y), over every completion y; with the KL in the loss, ∇J − β Σ_y π(y) Σ_t ∇ d_t² / 2."""
    task = agent.task
    completions = [list(ids) for ids in itertools.product(task.allowed_tokens, repeat=TOKENS)]
    prompts = [task.prompt_ids(0).tolist()] * len(completions)
    texts = [task.tokenizer.decode(ids) for ids in completions]
    rewards = task.reward.score([""] * len(texts), texts, references=[list(task[0].references)] * len(texts)).total
    mask = np.isin(np.arange(7), task.allowed_tokens)
    (_, batch), *_ = Episodes.of(prompts, completions, mask, 7).batches(np.arange(len(texts)), None, agent.device)
    by_token = agent.policy.token_model.log_probs(batch).view(len(texts), TOKENS)
    log_probs = by_token.sum(1)
    assert log_probs.exp().sum().item() == pytest.approx(1.0, abs=1e-5)
    objective = (log_probs.exp() * torch.from_numpy(rewards).float()).sum()
    agent.policy.zero_grad()
    penalty: Any = 0.0
    if agent.regularisation.kl_in == "loss":  # the texts are drawn, not differentiated: each token answers for its law
        with torch.no_grad():
            reference = agent.reference.log_probs(batch).view(len(texts), TOKENS)
        squares = 0.5 * (by_token - reference).square().sum(1)
        penalty = KL_COEF * (log_probs.detach().exp() * squares).sum()
        assert penalty.item() > 0.05  # the reference is another policy
    (objective - penalty).backward()
    return flat([p.grad for p in agent.policy.lm.parameters()]), objective.item()


def flat(tensors: Any) -> torch.Tensor:
    return torch.cat([torch.zeros(0) if t is None else t.detach().flatten() for t in tensors]).double()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_gradient_of_a_rollout_is_the_policy_gradient(name: str, start: Any) -> None:
    agent, expected, _, gradients = measure(ALGORITHMS[name], start)
    assert agent._n_updates == ROLLOUTS
    assert_mean(gradients, expected)


@pytest.mark.parametrize("name", BIASED)
def test_the_gradient_of_a_group_norm_is_off_by_the_factor_that_is_told(name: str, start: Any) -> None:
    """With one prompt and a reward of 0 or 1, normalising by group scales the gradient by what `factor` says."""
    _, expected, objective, gradients = measure(BIASED[name], start)
    scale = factor(objective, K, divided=name == "grpo")
    assert scale == pytest.approx(1 - 1 / K) if name == "dr_grpo" else scale > 1.5
    assert_mean(gradients, scale * expected)
    bias = (gradients.mean(0) - expected).square().sum()
    noise = gradients.var(0).sum() / ROLLOUTS
    assert bias > 3 * noise or name == "dr_grpo"  # what is merely 1 / K shorter hides in the noise


def test_the_bias_of_grpo_turns_the_gradient_where_prompts_differ_and_that_of_dr_grpo_does_not() -> None:
    hard, even = factor(0.02, K, divided=True), factor(0.5, K, divided=True)
    assert hard / even > 1.3  # a prompt that is hardly ever solved counts more than its part of the objective
    assert factor(0.02, K, divided=False) == pytest.approx(factor(0.5, K, divided=False)) == 1 - 1 / K
    assert factor(0.3, 2, divided=True) == pytest.approx(0.5**0.5, rel=1e-3)  # two that differ are ±1 / √2


def factor(p: float, k: int, divided: bool) -> float:
    """E[Â | success] − E[Â | failure] of a group of k, by which ∇J is multiplied: E[Â ∇log π] = that × ∇p.

    For rewards r of 0 or 1, E[1{r = 1} ∇log π] = ∇p = −E[1{r = 0} ∇log π]; the other k − 1 succeed independently.
    """
    total = 0.0
    for others in range(k):
        chance = math.comb(k - 1, others) * p**others * (1 - p) ** (k - 1 - others)
        for own in (0, 1):
            group = np.array([own] + [1] * others + [0] * (k - 1 - others))
            advantage = own - group.mean()
            total += chance * (1 if own else -1) * (advantage / (group.std(ddof=1) + 1e-4) if divided else advantage)
    return total


def measure(make: Any, start: Any) -> tuple[Any, torch.Tensor, float, torch.Tensor]:
    """The agent, the exact gradient, the objective, and the gradients of some rollouts of one policy."""
    config, weights = start
    agent = make({key: config[key] for key in ("n_layer", "n_embd", "n_head")})
    agent.policy.load_state_dict(weights, strict=False)  # an NLPO has a mask policy besides
    if hasattr(agent.policy.token_model, "refresh"):
        agent.policy.token_model.refresh()
    expected, objective = exact(agent)
    assert 0.05 < objective < 0.95
    before = flat(agent.policy.lm.parameters())
    steps = []
    for _ in range(ROLLOUTS):
        agent.learn(1, reset_num_timesteps=False)
        assert agent.rollout_buffer.episodes.response_mask.sum() == EPISODES * TOKENS
        steps.append((flat(agent.policy.lm.parameters()) - before) * TOKENS)  # losses are means over tokens
        agent.policy.load_state_dict(weights, strict=False)
    return agent, expected, objective, torch.stack(steps)


def assert_mean(gradients: torch.Tensor, expected: torch.Tensor) -> None:
    # The mean of n independent gradients misses the truth by E‖ĝ − g‖² = tr(Σ) / n. Being a sum over some dozen
    # directions that matter, the squared miss stays within three times its expectation.
    mean = gradients.mean(0)
    expected_miss = gradients.var(0).sum() / ROLLOUTS
    miss = (mean - expected).square().sum()
    assert miss < 3 * expected_miss
    # The test could tell: the expected miss is a small part of the gradient, so direction and norm are pinned too.
    scale = expected.square().sum()
    assert expected_miss < 0.05 * scale
    assert torch.cosine_similarity(mean, expected, dim=0) > 1 - 3 * expected_miss / scale
    assert abs(mean.norm() / expected.norm() - 1) < (3 * expected_miss / scale).sqrt()
