"""Maximum likelihood by several ranks, each with a share of every batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from textgym.errors import AgentError

from .joint_update import joint_update
from .micro_batches import micro_batches
from .token_model import EpisodeBatch
from .trainable import recomputed


def fit_jointly(agent: Any, batches: Sequence[EpisodeBatch]) -> float:
    """Takes one step of an agent's optimizer a batch, as `textgym.agents.supervised.fit` does, each rank on its share.

    The steps are those of one process, up to the rounding of sums. Transformers' `Trainer` would wrap the model for
    several processes of its own, average over ranks where tokens are to count the same, and deal whole batches out.

    Args:
        agent: A `Supervised`; all ranks have the same weights.
        batches: The same ones on all ranks, at least one.

    Returns:
        The mean loss of all ranks' tokens, each at the time of its own step, in nat.

    Raises:
        AgentError: If the loss is not a finite number any more.
    """
    ranks, model, optimizer = agent.ranks, agent.policy.token_model, agent.policy.optimizer
    options, total, count, tokens = agent.policy.options, 0.0, 0, 0
    with joint_update(agent, lambda: tokens):
        for step, batch in enumerate(batches):
            share, tokens = _share(batch, ranks.rank, ranks.size), 0
            optimizer.zero_grad()
            if share is not None:
                tokens = int(share.response_mask.sum())
                for part in micro_batches(share, options["micro_batch_size"]):
                    with recomputed(model.lm) if options["gradient_checkpointing"] else nullcontext():
                        losses = -model.own_log_probs(part)
                    (losses.sum() / tokens).backward()
                    total += float(losses.detach().sum())
                if not math.isfinite(total):
                    raise AgentError(
                        f"The loss is {total} in batch {step} of the round; the weights were left as they were before "
                        "it. Lower learning_rate, and go on from a checkpoint."
                    )
            count += tokens
            optimizer.step()
    loss, everyone = ranks.sum([total, count])
    return float(loss / everyone)


def _share(batch: EpisodeBatch, rank: int, size: int) -> EpisodeBatch | None:
    """Returns every ``size``-th episode, which stand sorted by length; None where none is left for this rank."""
    lengths = batch.lengths[rank::size]
    if not lengths:
        return None
    longest = max(lengths)
    return EpisodeBatch(batch.input_ids[rank::size, :longest], batch.response_mask[rank::size, :longest], list(lengths))
