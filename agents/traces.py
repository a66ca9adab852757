"""What an agent thought of each token of episodes that were played, for a reader of the bench."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from textgym.evaluation import Episode

from .buffers import generalized_advantage_estimation
from .episodes import Episodes
from .policy import TransformerPolicy
from .token_model import TokenModel
from .value_heads import learnt

Trace = dict[str, tuple[float | None, ...]]
"""Numbers of one episode, one for each of its ``completion_ids``, None where the environment wrote the token."""


class Discounting(NamedTuple):
    """γ per token and λ, with which advantages are estimated."""

    gamma: float
    gae_lambda: float


@torch.no_grad()
def token_traces(
    policy: TransformerPolicy,
    episodes: Sequence[Episode],
    action_mask: np.ndarray | None = None,
    reference: TokenModel | None = None,
    discounting: Discounting | None = None,
) -> list[Trace]:
    """Returns what the policy says of each token, in one teacher-forced pass.

    Args:
        policy: The agent's.
        episodes: As they were played; those of the bench carry ``rewards``, the reward of each token, and for others
            the last token earns it all.
        action_mask: True for the tokens that the task allows, bool ``(V,)``, or None for all.
        reference: A frozen model, to measure the KL to, or None.
        discounting: For advantages, or None.

    Returns:
        For each episode ``log_probs``, log π of each token in nat; ``values``, unless the value head is still the zeros
        that it starts from; ``kl``, the exact KL(π ‖ reference) at each context in nat, where there is a reference; and
        ``advantages`` by GAE of the task's own rewards, KL penalty left out, where there are values and discounting.
    """
    policy.set_training_mode(False)
    written = Episodes.of(
        [episode.prompt_ids for episode in episodes],
        [episode.completion_ids for episode in episodes],
        action_mask,
        policy.token_model.vocab_size,
        [episode.completion_mask for episode in episodes],
    )
    values, *others = written.score(lambda batch: torch.stack(policy.score(batch, reference)), policy.device)
    numbers = dict(zip(("log_probs", "kl"), others, strict=False))  # the second where there is a reference
    if learnt(policy.value_head):
        numbers["values"] = values
        if discounting is not None:
            rewards = _rewards(episodes, written)
            numbers["advantages"], _ = generalized_advantage_estimation(
                rewards, values, written.response_mask, *discounting
            )
    return [
        {name: _row(matrix[i], written.response_mask[i], episode) for name, matrix in numbers.items()}
        for i, episode in enumerate(episodes)
    ]


def _rewards(episodes: Sequence[Episode], written: Episodes) -> np.ndarray:
    """Returns the reward of each token, float32 ``(E, T)``."""
    rewards = np.zeros(written.input_ids.shape, np.float32)
    for row, episode, chosen in zip(rewards, episodes, written.response_mask, strict=True):
        dense = [reward for reward in getattr(episode, "rewards", ()) if reward is not None]
        row[chosen] = dense or [0.0] * (episode.length - 1) + [episode.reward]
    return rewards


def _row(values: np.ndarray, chosen: np.ndarray, episode: Episode) -> tuple[float | None, ...]:
    cells = slice(len(episode.prompt_ids), len(episode.prompt_ids) + len(episode.completion_ids))
    return tuple(float(value) if own else None for value, own in zip(values[cells], chosen[cells], strict=True))
