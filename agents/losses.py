"""Losses over the tokens of whole episodes, and how tokens are averaged.

========================  ============================================================================================
``loss_type``             Σ over episodes i and their tokens t of
========================  ============================================================================================
``"dapo"``                ℓ_{i,t} / tokens of the minibatch: every token counts the same (DAPO, Yu et al. 2025,
                          arXiv:2503.14476, eq. 8).
``"grpo"``                ℓ_{i,t} / (|o_i| × episodes): every episode counts the same, so that a token of a long
                          completion |o_i| counts less; a bias towards long wrong ones (GRPO, Shao et al. 2024,
                          arXiv:2402.03300, eq. 3).
``"dr_grpo"``             ℓ_{i,t} / (longest completion × episodes): divided by a constant, hence without that bias
                          (Dr. GRPO, Liu et al. 2025, arXiv:2503.20783, §3.2).
========================  ============================================================================================

The names are TRL's. Checked by hand in tests/agents/test_reinforce.py.
"""

from __future__ import annotations

import numpy as np
import torch

LOSS_TYPES = ("dapo", "grpo", "dr_grpo")


def policy_loss(
    log_prob: torch.Tensor, old_log_prob: torch.Tensor, advantages: torch.Tensor, clip_range: float | None
) -> torch.Tensor:
    """Loss of each token whose gradient, averaged, is that of the policy, float32 ``(M,)``.

    ℓ_t = −Â_t log π_t,   or   ℓ_t = −min(ρ_t Â_t, clip(ρ_t, 1 − ε, 1 + ε) Â_t) with ρ_t = π_t / π_old,t.

    Args:
        log_prob: log π of each token, with gradients, float32 ``(M,)``.
        old_log_prob: The same when the token was drawn, float32 ``(M,)``.
        advantages: Â of each token, float32 ``(M,)``.
        clip_range: ε, above 0, or None for the first form.

    Source: Schulman et al. 2017, arXiv:1707.06347, eq. 7.
    """
    if clip_range is None:
        return -(advantages * log_prob)
    ratio = (log_prob - old_log_prob).exp()
    return -torch.min(advantages * ratio, advantages * ratio.clamp(1 - clip_range, 1 + clip_range))


def token_weights(loss_type: str, mask: torch.Tensor) -> torch.Tensor | float:
    """Returns the weight of each chosen token, float32 ``(M,)``, or 1.0 where all weigh the same.

    Args:
        loss_type: See the head of this module.
        mask: True where the policy chose the token, bool ``(B, T)``; M places in all, numbered by row.
    """
    if loss_type != "grpo":
        return 1.0
    return mask.sum(1, keepdim=True).float().reciprocal().expand(mask.shape)[mask]


def loss_divisor(loss_type: str, mask: np.ndarray, longest: int) -> int:
    """Returns what the weighted sum over a minibatch's tokens is divided by.

    Args:
        loss_type: See the head of this module.
        mask: True where the policy chose the token, bool ``(B, T)``, for all episodes of the minibatch.
        longest: Tokens that a completion can have.
    """
    return {"dapo": int(mask.sum()), "grpo": len(mask), "dr_grpo": len(mask) * longest}[loss_type]
