"""Updates that several ranks make together: contexts in which ``train()`` steps by the episodes of all of them.

``train()`` itself, Stable-Baselines3's or ours, runs as ever, on the episodes of its own rank. What it says of a
minibatch is made that of all ranks: the gradient, before each step of the optimizer (`Reduction`); the moments that
advantages are normalised by (`EpisodeBuffer.get`); and whether the policy has moved too far.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from textgym.errors import AgentError

from .reduction import Reduction

OWN = ("seed", "device", "verbose", "tensorboard_log")
"""Arguments in which ranks may differ."""


def begin_together(agent: Any) -> None:
    """Makes the agents of all ranks those of the first: weights, reference and seed, so that they may differ before.

    Raises:
        AgentError: If they come from different checkpoints, or if a rank would learn from other rewards than the next.
    """
    ranks, policy = agent.ranks, agent.policy
    if agent.task is not None and agent.task.reward.state_dict():
        raise AgentError(
            f"The reward {agent.task.reward.name!r} keeps a mean and a deviation of what it has scored, and each of "
            f"{ranks.size} ranks would have its own. Leave out .normalize(), and give "
            "regularisation={'whiten_rewards': 'running'} in its place, whose numbers are those of all ranks."
        )
    reference = () if agent.reference is None else agent.reference.lm.parameters()
    tensors = [*policy.parameters(), *policy.buffers(), *reference]
    plain = {name: agent.arguments[name] for name in agent.arguments if name not in OWN}
    plain = {name: value for name, value in plain.items() if isinstance(value, bool | int | float | str | None)}
    kind = zlib.crc32(repr([type(agent).__name__, plain, *(tuple(tensor.shape) for tensor in tensors)]).encode())
    everyone = ranks.gather(np.array([agent.seed, kind, agent.num_timesteps, agent._rollouts]))
    if len({int(numbers[1]) for numbers in everyone}) > 1:
        raise AgentError(
            f"The ranks were given different agents; this one, rank {ranks.rank}, has a {type(agent).__name__} of "
            f"{sum(tensor.numel() for tensor in tensors):,} weights with {plain}. Start all of them by "
            "the same command."
        )
    steps = [tuple(numbers[2:].tolist()) for numbers in everyone]
    if len(set(steps)) > 1:
        told = ", ".join(f"rank {rank}: {tokens:,} tokens" for rank, (tokens, _) in enumerate(steps))
        raise AgentError(
            f"The ranks start from different checkpoints ({told}). Let all of them see the same folder, and start them "
            "again."
        )
    if (seed := int(everyone[0][0])) != agent.seed:  # it was left to each rank to draw
        agent.set_random_seed(seed)
    if policy.sharding is None or not policy.sharding.begun:
        ranks.copy(tensors)
    if policy.sharding is not None:
        policy.sharding.begin(agent.reference)


@contextmanager
def joint_update(agent: Any, weight: Callable[[], float]) -> Iterator[None]:
    """Gives a context in which each step of an agent's optimizer is that of all ranks, and the same on each.

    Norms are bounded once the gradient is whole, so ``max_grad_norm`` is infinite in here.

    Args:
        agent: An `EpisodicAlgorithm`.
        weight: What the loss that was differentiated last was divided by; see `Reduction`.
    """
    if agent.ranks.size == 1:
        yield
        return
    policy, max_grad_norm = agent.policy, agent.max_grad_norm
    if policy.sharding is not None:  # FSDP adds gradients up by itself, and their norm is that of all parts
        with policy.sharding.update(weight):
            yield
        return
    learning = [parameter for group in policy.optimizer.param_groups for parameter in group["params"]]
    policy.reduction = Reduction(agent.ranks, learning, max_grad_norm, weight)
    agent.max_grad_norm = math.inf
    try:
        yield
    finally:
        policy.reduction, agent.max_grad_norm = None, max_grad_norm


@contextmanager
def joint_sb3_update(agent: Any) -> Iterator[None]:
    """Gives `joint_update` for a ``train()`` of SB3 itself, whose normalisation and ``target_kl`` are its own rank's.

    Args:
        agent: One of SB3's PPO or A2C, which is an `EpisodicAlgorithm`.
    """
    if agent.ranks.size == 1:
        yield
        return
    buffer, own = (
        agent.rollout_buffer,
        {name: getattr(agent, name, None) for name in ("normalize_advantage", "target_kl")},
    )
    buffer.normalize, agent.normalize_advantage = own["normalize_advantage"], False
    try:
        with joint_update(agent, lambda: len(buffer.drawn.actions)), _joint_stop(agent, own["target_kl"]):
            yield
    finally:
        buffer.normalize, agent.normalize_advantage = False, own["normalize_advantage"]


@contextmanager
def _joint_stop(agent: Any, target_kl: float | None) -> Iterator[None]:
    """Gives a context in which SB3's PPO stops by the mean KL of all ranks' tokens, hence on all ranks or on none.

    It compares its own KL, which is not negative, with 1.5 times ``target_kl``, after it has scored a minibatch. So
    the scoring sets ``target_kl`` to what makes the comparison come out as it is to.
    """
    if target_kl is None:
        yield
        return
    policy, before = agent.policy, agent.policy.__dict__.get("evaluate_actions")
    evaluate_actions = policy.evaluate_actions

    def measured(obs: Any, actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        values, log_prob, entropy = evaluate_actions(obs, actions)
        log_ratio = log_prob.detach() - agent.rollout_buffer.drawn.old_log_prob
        kl = agent.ranks.mean((log_ratio.exp() - 1 - log_ratio).cpu().numpy())
        agent.target_kl = -1.0 if kl > 1.5 * target_kl else math.inf
        return values, log_prob, entropy

    policy.evaluate_actions = measured
    try:
        yield
    finally:
        agent.target_kl = target_kl
        if before is None:
            del policy.evaluate_actions
        else:
            policy.evaluate_actions = before
