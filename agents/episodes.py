"""Finished episodes as arrays, and how they are dealt into batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch

from .token_model import EpisodeBatch

SCORING_TOKENS = 4096
"""About how many tokens one forward scores, without gradients."""
SCORING_LOGITS = 2**26
"""Logits that such a forward makes at most: over a large vocabulary they, not the tokens, fill the memory."""


class Episodes(NamedTuple):
    """E finished episodes in T cells; M of the E × T tokens were chosen by the policy, numbered by row.

    Attributes:
        input_ids: Prompts and completions, right-padded, int64 ``(E, T)``.
        lengths: Tokens of each episode, int64 ``(E,)``.
        response_mask: True where the policy chose the token, bool ``(E, T)``; the next three are 0 elsewhere.
        rewards: The task's reward of each token, float32 ``(E, T)``.
        log_probs: log π of each token when it was drawn, float32 ``(E, T)``.
        values: V of the context before each token, float32 ``(E, T)``.
        action_masks: Tokens that could be chosen, as bits, uint8 ``(M, ⌈V / 8⌉)``, or None where all could.
        vocab_size: Tokens of the environment, V.
        supports: Tokens that the policy's law could draw when it drew, as bits like those, or None where that law
            leaves out none by how likely they are.
        reference_log_probs: Log of the reference's probability of each token, float32 ``(E, T)``, where the loss asks.
    """

    input_ids: np.ndarray
    lengths: np.ndarray
    response_mask: np.ndarray
    rewards: np.ndarray
    log_probs: np.ndarray
    values: np.ndarray
    action_masks: np.ndarray | None
    vocab_size: int
    supports: np.ndarray | None = None
    reference_log_probs: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        prompts: Sequence[Sequence[int]],
        completions: Sequence[Sequence[int]],
        action_mask: np.ndarray | None,
        vocab_size: int,
        completion_masks: Sequence[Sequence[int]] | None = None,
    ) -> Episodes:
        """Returns episodes of given tokens, with nothing known of rewards, log-probs and values.

        Args:
            prompts: Token ids of each prompt, at least one.
            completions: Token ids of each completion, at least one.
            completion_masks: 1 for each token of a completion that the policy chose, else 0; None where it chose all.
            action_mask: True for the tokens that could be chosen, bool ``(V,)``, or None for all.
            vocab_size: V.
        """
        starts = np.array([len(prompt) for prompt in prompts])
        lengths = starts + [len(completion) for completion in completions]
        input_ids = np.zeros((len(lengths), lengths.max()), np.int64)
        for row, prompt, completion in zip(input_ids, prompts, completions, strict=True):
            row[: len(prompt) + len(completion)] = [*prompt, *completion]
        cells = np.arange(input_ids.shape[1])
        chosen = (cells >= starts[:, None]) & (cells < lengths[:, None])
        for row, start, length, mask in zip(chosen, starts, lengths, completion_masks or (), strict=False):
            row[start:length] = mask
        nothing = np.zeros(input_ids.shape, np.float32)
        masks = None if action_mask is None else np.tile(np.packbits(action_mask), (int(chosen.sum()), 1))
        return cls(input_ids, lengths, chosen, nothing, nothing, nothing, masks, vocab_size)

    def batches(
        self, order: np.ndarray, batch_size: int | None, device: torch.device, parts: int | None = None
    ) -> Iterator[tuple[np.ndarray, EpisodeBatch]]:
        """Yields numbers of episodes, int64 ``(B,)``, and what a model reads of them.

        Args:
            order: Numbers of all episodes, in the order to deal them.
            batch_size: Tokens of a batch, or None for one batch.
            device: Where batches go.
            parts: Number of batches, in place of ``batch_size``; none is empty.
        """
        counts = self.response_mask.sum(1)
        ends = counts.cumsum()
        dealt = deal(order, counts[order], batch_size) if parts is None else deal_into(parts, order, counts[order])
        for part in dealt:
            rows = part[np.argsort(self.lengths[part], kind="stable")]
            longest = int(self.lengths[rows[-1]])
            tokens = np.concatenate([np.arange(ends[row] - counts[row], ends[row]) for row in rows])
            reference = None
            if self.reference_log_probs is not None:
                reference = torch.from_numpy(self.reference_log_probs[rows][self.response_mask[rows]]).to(device)
            yield (
                rows,
                EpisodeBatch(
                    torch.from_numpy(self.input_ids[rows, :longest]).to(device),
                    torch.from_numpy(self.response_mask[rows, :longest]).to(device),
                    self.lengths[rows].tolist(),
                    self._unpacked(self.action_masks, tokens, device),
                    supports=self._unpacked(self.supports, tokens, device),
                    reference_log_probs=reference,
                ),
            )

    def _unpacked(self, packed: np.ndarray | None, tokens: np.ndarray, device: torch.device) -> torch.Tensor | None:
        if packed is None:
            return None
        bits = np.unpackbits(packed[tokens], axis=-1, count=self.vocab_size)
        return torch.from_numpy(bits.view(bool)).to(device)

    @torch.no_grad()
    def score(self, function: Callable[[EpisodeBatch], torch.Tensor], device: torch.device) -> np.ndarray:
        """Returns ``function``, which maps a batch to float32 ``(K, m)``, of all tokens: ``(K, E, T)``, 0 elsewhere."""
        order = np.argsort(self.lengths, kind="stable")
        tokens = min(SCORING_TOKENS, max(1, SCORING_LOGITS // self.vocab_size))
        matrix: np.ndarray | None = None
        for rows, batch in self.batches(order, tokens, device):
            scores = function(batch).cpu().numpy()
            if matrix is None:
                matrix = np.zeros((len(scores), *self.input_ids.shape), np.float32)
            part = matrix[:, rows]
            part[:, self.response_mask[rows]] = scores
            matrix[:, rows] = part
        assert matrix is not None  # a rollout has at least one episode
        return matrix


def deal(order: np.ndarray, counts: np.ndarray, batch_size: int | None) -> list[np.ndarray]:
    """Cuts ``order`` into runs of about ``batch_size`` tokens; ``counts`` are the tokens of each entry, ``(E,)``."""
    parts = 1 if batch_size is None else min(max(1, round(int(counts.sum()) / batch_size)), len(order))
    runs = _runs(parts, counts)
    return [order[runs == run] for run in range(parts) if (runs == run).any()]


def deal_into(parts: int, order: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:
    """Cuts ``order``, of at least ``parts`` entries, into ``parts`` runs of about equal tokens, none of them empty."""
    runs = _runs(parts, counts)
    for i in range(len(runs)):  # no run is skipped
        runs[i] = min(runs[i], runs[i - 1] + 1 if i else 0)
    runs = np.maximum(runs, np.arange(parts - len(runs), parts))  # and enough entries are left for the last ones
    return [order[runs == run] for run in range(parts)]


def _runs(parts: int, counts: np.ndarray) -> np.ndarray:
    middles = counts.cumsum() - counts / 2  # an entry goes to the run in which its middle token falls
    return np.minimum((middles * parts / int(counts.sum())).astype(np.int64), parts - 1)
