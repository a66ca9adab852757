"""On TextGen-Target-v0 all 4⁴ completions can be enumerated, and with them the exact policy gradient."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from textgym.agents import PPO, REINFORCE
from textgym.agents.episodes import Episodes

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
ALGORITHMS: dict[str, Any] = {
    "ppo": lambda model: PPO(model, "TextGen-Target-v0", **SHARED, n_epochs=1, normalize_advantage=False),
    **{
        f"reinforce-{name}": lambda model, name=name: REINFORCE(model, "TextGen-Target-v0", **SHARED, baseline=name)
        for name in ("none", "mean", "leave_one_out", "value")
    },
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
    """∇J and J = Σ_y π(y) R(y), over every completion y."""
    task = agent.task
    completions = [list(ids) for ids in itertools.product(task.allowed_tokens, repeat=TOKENS)]
    prompts = [task.prompt_ids(0).tolist()] * len(completions)
    texts = [task.tokenizer.decode(ids) for ids in completions]
    rewards = task.reward.score([""] * len(texts), texts, references=[list(task[0].references)] * len(texts)).total
    mask = np.isin(np.arange(7), task.allowed_tokens)
    (_, batch), *_ = Episodes.of(prompts, completions, mask, 7).batches(np.arange(len(texts)), None, agent.device)
    log_probs = agent.policy.token_model.log_probs(batch).view(len(texts), TOKENS).sum(1)
    assert log_probs.exp().sum().item() == pytest.approx(1.0, abs=1e-5)
    objective = (log_probs.exp() * torch.from_numpy(rewards).float()).sum()
    agent.policy.zero_grad()
    objective.backward()
    return flat([p.grad for p in agent.policy.lm.parameters()]), objective.item()


def flat(tensors: Any) -> torch.Tensor:
    return torch.cat([torch.zeros(0) if t is None else t.detach().flatten() for t in tensors]).double()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_gradient_of_a_rollout_is_the_policy_gradient(name: str, start: Any) -> None:
    config, weights = start
    agent = ALGORITHMS[name]({key: config[key] for key in ("n_layer", "n_embd", "n_head")})
    agent.policy.load_state_dict(weights)
    expected, objective = exact(agent)
    assert 0.05 < objective < 0.95
    before = flat(agent.policy.lm.parameters())
    steps = []
    for _ in range(ROLLOUTS):
        agent.learn(1, reset_num_timesteps=False)
        assert agent.rollout_buffer.episodes.response_mask.sum() == EPISODES * TOKENS
        steps.append((flat(agent.policy.lm.parameters()) - before) * TOKENS)  # losses are means over tokens
        agent.policy.load_state_dict(weights)
    gradients = torch.stack(steps)

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
