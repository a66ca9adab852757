"""Baselines and scales of returns: of a rollout, and of groups of k episodes of one prompt.

Episodes stand group after group: rows ``k g`` to ``k g + k − 1`` share a prompt.
"""

from __future__ import annotations

import numpy as np

BASELINES = ("none", "mean", "leave_one_out", "group", "value")
EPSILON = 1e-4
"""Added to the deviation of a group, as TRL does: in a group where all earned the same, advantages are 0."""


def episode_baseline(name: str, returns: np.ndarray, mask: np.ndarray, n_samples: int = 1) -> np.ndarray:
    """Returns the baseline of each episode, float64 ``(E,)``; see `REINFORCE`.

    With R the return of an episode from its first token on, and k episodes in a group,

    ``"mean"``  Σ_E R / E,   ``"group"``  Σ_k R / k,   ``"leave_one_out"``  (Σ_k R − R_i) / (k − 1).

    Args:
        name: ``"none"``, ``"mean"``, ``"leave_one_out"`` or ``"group"``.
        returns: Return from each token on, ``(E, T)``.
        mask: True where the policy chose the token, bool ``(E, T)``.
        n_samples: Episodes in a group, k; 1 makes the rollout one group for ``"leave_one_out"``.

    Sources: Ahmadian et al. 2024, arXiv:2402.14740, eq. 8 (leave one out); Shao et al. 2024, arXiv:2402.03300, §4.1.2
    (group). Checked by hand in tests/agents/test_groups.py.
    """
    whole = first_returns(returns, mask)
    if name == "none":
        return np.zeros(len(whole))
    if name == "mean":
        return np.full(len(whole), whole.mean())
    groups = whole.reshape(-1, len(whole) if n_samples == 1 else n_samples)
    if name == "group":
        return groups.mean(1).repeat(n_samples)
    return ((groups.sum(1, keepdims=True) - groups) / max(groups.shape[1] - 1, 1)).ravel()


def group_deviation(returns: np.ndarray, mask: np.ndarray, n_samples: int) -> np.ndarray:
    """Returns what GRPO divides the advantages of each episode by, float64 ``(E,)``.

    std(R_1 … R_k) + 1e-4, with k − 1 in the denominator of the variance, as in TRL; the paper does not say which.

    Dividing by it biases the gradient: where a prompt succeeds with probability p and the reward is 0 or 1, its
    gradient is scaled by about 1 / √(p (1 − p)), so that prompts that are hardly ever or nearly always solved weigh
    more than their part of the objective (Liu et al. 2025, arXiv:2503.20783, §3.1). tests/agents/test_gradients.py
    measures the exact factor.

    Args:
        returns: Return from each token on, ``(E, T)``.
        mask: True where the policy chose the token, bool ``(E, T)``.
        n_samples: Episodes in a group, k, at least 2.
    """
    groups = first_returns(returns, mask).reshape(-1, n_samples)
    return (groups.std(1, ddof=1) + EPSILON).repeat(n_samples)


def zero_variance(rewards: np.ndarray, n_samples: int) -> float:
    """Returns the share of groups whose episodes all earned the same, in [0, 1].

    Args:
        rewards: The task's reward of each episode, without the price of the KL, ``(E,)``.
        n_samples: Episodes in a group, k.
    """
    return float(np.isclose(np.ptp(rewards.reshape(-1, n_samples), axis=1), 0).mean())


def first_returns(returns: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the return of each episode from its first chosen token on, float64 ``(E,)``.

    Args:
        returns: Return from each token on, ``(E, T)``.
        mask: True where the policy chose the token, bool ``(E, T)``.
    """
    return returns[np.arange(len(returns)), mask.argmax(1)].astype(np.float64)  # from the first token chosen
