"""Minibatches in parts, so that the memory of an update grows with a part and not with the minibatch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import torch
from torch.utils.checkpoint import checkpoint

from textgym.errors import AgentError

from .token_model import EpisodeBatch

Scores: TypeAlias = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def check_size(size: int | None) -> None:
    """Checks a ``micro_batch_size``.

    Raises:
        AgentError: If it counts no tokens.
    """
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise AgentError(
            f"micro_batch_size counts tokens, at least 1; None leaves minibatches whole. Actual value: {size!r}."
        )


def micro_batches(batch: EpisodeBatch, size: int | None) -> list[EpisodeBatch]:
    """Cuts a batch into runs of whole episodes, in order.

    Args:
        batch: Episodes, sorted by length.
        size: Tokens of a part, prompts and padding included, since those take memory, too; an episode that is longer
            is a part of its own. None leaves the batch whole.
    """
    if size is None or len(batch.lengths) * batch.lengths[-1] <= size:
        return [batch]
    return [_part(batch, start, end) for start, end in _runs(batch.lengths, size)]


def in_parts(
    function: Callable[[EpisodeBatch, torch.Tensor], Scores],
    batch: EpisodeBatch,
    actions: torch.Tensor,
    size: int | None,
) -> Scores:
    """Returns what ``function`` makes of a batch and its M tokens, three tensors ``(M,)``, computed part by part.

    Only the results of a part are kept. The gradient computes the parts again, one after the other, so that of any loss
    of all M results is the same, and takes the memory of one part and the time of a forward more.
    """
    parts = micro_batches(batch, size)
    if len(parts) == 1:
        return function(batch, actions)
    results = []
    tokens = actions.split([int(part.response_mask.sum()) for part in parts])
    for part, chosen in zip(parts, tokens, strict=True):
        if torch.is_grad_enabled():
            results.append(checkpoint(function, part, chosen, use_reentrant=False, preserve_rng_state=False))
        else:
            results.append(function(part, chosen))
    values, log_prob, entropy = (torch.cat(tensors) for tensors in zip(*results, strict=True))
    return values, log_prob, entropy


def _runs(lengths: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    start = 0
    for end in range(1, len(lengths) + 1):
        if end == len(lengths) or (end + 1 - start) * lengths[end] > size:
            yield start, end
            start = end


def _part(batch: EpisodeBatch, start: int, end: int) -> EpisodeBatch:
    longest = batch.lengths[end - 1]
    first, last = (int(batch.response_mask[:row].sum()) for row in (start, end))

    def tokens(values: torch.Tensor | None) -> torch.Tensor | None:
        return None if values is None else values[first:last]

    return batch._replace(
        input_ids=batch.input_ids[start:end, :longest],
        response_mask=batch.response_mask[start:end, :longest],
        lengths=batch.lengths[start:end],
        action_masks=tokens(batch.action_masks),
        supports=tokens(batch.supports),
        reference_log_probs=tokens(batch.reference_log_probs),
    )
