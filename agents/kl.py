"""The price of leaving the reference: estimators of the KL divergence a token, and its coefficient.

With x drawn from π and d(x) = log π(x) − log π_ref(x), KL(π ‖ π_ref) = E[d]. The estimators are Schulman's (2020,
http://joschu.net/blog/kl-approx.html).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from textgym.errors import AgentError, suggest


def k1(log_ratio: np.ndarray) -> np.ndarray:
    """Returns d: unbiased, and negative for about half of the tokens."""
    return log_ratio


def k2(log_ratio: np.ndarray) -> np.ndarray:
    """Returns d² / 2: biased a little, never negative."""
    return 0.5 * log_ratio**2


def k3(log_ratio: np.ndarray) -> np.ndarray:
    """Returns e^(−d) − 1 + d: unbiased and never negative."""
    return np.expm1(-log_ratio) + log_ratio


ESTIMATORS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"k1": k1, "k2": k2, "k3": k3}


def estimator(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Returns an estimator by name.

    Raises:
        AgentError: If there is none of that name.
    """
    if name not in ESTIMATORS:
        raise AgentError(
            f"There is no KL estimator {name!r}.{suggest(name, ESTIMATORS)} Choose from {', '.join(ESTIMATORS)}."
        )
    return ESTIMATORS[name]


class KLController(Protocol):
    """Decides how much reward a nat of KL costs."""

    coef: float

    def update(self, kl: float) -> None:
        """Is told the mean KL a token of the rollout that was just collected."""

    def state_dict(self) -> dict[str, Any]:
        """Returns what changes, as JSON."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""


class FixedKL:
    """A coefficient that stays."""

    def __init__(self, coef: float) -> None:
        self.coef = coef

    def update(self, kl: float) -> None:
        """Does nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Returns the coefficient."""
        return {"coef": self.coef}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the coefficient."""
        self.coef = float(state["coef"])


class AdaptiveKL(FixedKL):
    """A coefficient that steers the KL a token towards a target.

    e_t = clip(KL_t / target − 1, −0.2, 0.2),   β_{t+1} = β_t (1 + K e_t),   K = 0.1

    Source: Ziegler et al. 2019, arXiv:1909.08593 §2.2.

    Args:
        coef: β_0.
        target: KL a token to hold, in nat.
    """

    GAIN = 0.1
    CLIP = 0.2

    def __init__(self, coef: float, target: float) -> None:
        super().__init__(coef)
        self.target = target

    def update(self, kl: float) -> None:
        """Moves the coefficient by at most 2 percent."""
        error = min(max(kl / self.target - 1.0, -self.CLIP), self.CLIP)
        self.coef *= 1.0 + self.GAIN * error


def controller(coef: float, target: float | None) -> KLController:
    """Returns a fixed coefficient, or, with a ``target``, one that adapts.

    Raises:
        AgentError: If a number is out of range.
    """
    if not coef >= 0:
        raise AgentError(f"kl_coef must not be negative; None leaves the reference out. Actual value: {coef!r}.")
    if target is None:
        return FixedKL(coef)
    if not target > 0 or coef == 0:
        raise AgentError(
            f"kl_target must be positive, and kl_coef, from which it starts, too. Actual values: kl_target={target!r}, "
            f"kl_coef={coef!r}."
        )
    return AdaptiveKL(coef, target)
