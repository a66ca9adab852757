"""What a reward model minimises: one pure function a kind of feedback, one loss a row.

Shapes: B rows, C classes, K completions of one prompt.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def mse(scores: Tensor, ratings: Tensor) -> Tensor:
    """Squared error of a rating: ``(s − y)²``.

    Args:
        scores: What the model says, float ``(B,)``.
        ratings: What people said, float ``(B,)``, in the same unit.

    Returns:
        Loss of each row, float ``(B,)``.
    """
    return (scores - ratings).square()


def cross_entropy(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of a label: ``−w_y log softmax(z)_y``.

    Args:
        logits: float ``(B, C)``.
        labels: Class of each row, int64 ``(B,)``.
        class_weights: w, float ``(C,)``; None counts all classes alike.

    Returns:
        Loss of each row, float ``(B,)``.
    """
    return functional.cross_entropy(logits, labels, class_weights, reduction="none")


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: Tensor | None = None, centering: float = 0.0) -> Tensor:
    """Negative log-likelihood of a preference: ``−log σ(s_c − s_r − m) + c (s_c + s_r)²``.

    Preferences leave the level of the scores open; the second term draws it to zero without touching the order.

    Args:
        chosen: Scores of the preferred completions, float ``(B,)``.
        rejected: Scores of the others, float ``(B,)``.
        margin: m ≥ 0, by how much a preference should be felt, float ``(B,)``; None is 0.
        centering: c ≥ 0.

    Returns:
        Loss of each row, float ``(B,)``.

    Source: Bradley and Terry 1952; Ouyang et al. 2022, arXiv:2203.02155; the margin: Touvron et al. 2023,
    arXiv:2307.09288, §3.2.2; the centring: Eisenstein et al. 2023, arXiv:2312.09244.
    """
    gap = chosen - rejected if margin is None else chosen - rejected - margin
    loss = -functional.logsigmoid(gap)
    return loss + centering * (chosen + rejected).square() if centering else loss


def plackett_luce(scores: Tensor, mask: Tensor) -> Tensor:
    """Negative log-likelihood of a ranking: ``−Σ_k [s_k − log Σ_{j≥k} exp s_j]``, best completion first.

    Each place is won against all that are left. With K = 2 it is `bradley_terry` without margin and centring.

    Args:
        scores: float ``(B, K)``, in the order of the ranking.
        mask: True where there is a completion, bool ``(B, K)``; rankings of fewer than K fill from the left.

    Returns:
        Loss of each row, float ``(B,)``.

    Source: Plackett 1975; Luce 1959.
    """
    lowest = torch.finfo(scores.dtype).min
    left = scores.masked_fill(~mask, lowest).flip(-1).logcumsumexp(-1).flip(-1)  # (B, K): log Σ_{j≥k} exp s_j
    return (left - scores).masked_fill(~mask, 0.0).sum(-1)
