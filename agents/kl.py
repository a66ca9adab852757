"""The price of leaving the reference: estimators of the KL divergence a token, and its coefficient.

With x drawn from π and d(x) = log π(x) − log π_ref(x), KL(π ‖ π_ref) = E[d]. The estimators are Schulman's (2020,
http://joschu.net/blog/kl-approx.html).

An estimator in the loss is differentiated, and what matters then is its gradient, not its value. With x drawn from π:

- k1: E[∇ log π] = 0. Refused.
- k2: E[d ∇ log π] = ∇ KL(π ‖ π_ref), the gradient that k1 gives as a reward.
- k3: E[(1 − e^(−d)) ∇ log π] = ∇ KL(π_ref ‖ π), the divergence the other way round, since E[∇ log π] = 0. The two agree
  near the reference; far from it, this one spreads over all that the reference does.

In the second epoch and after, the tokens come from a policy that has moved on, and all of this holds approximately.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from textgym.errors import AgentError, suggest

Number = TypeVar("Number", np.ndarray, torch.Tensor)


def k1(log_ratio: Number) -> Number:
    """Returns d: unbiased, and negative for about half of the tokens."""
    return log_ratio


def k2(log_ratio: Number) -> Number:
    """Returns d² / 2: biased a little, never negative."""
    return 0.5 * log_ratio**2


def k3(log_ratio: Number) -> Number:
    """Returns e^(−d) − 1 + d: unbiased and never negative."""
    expm1 = torch.expm1 if isinstance(log_ratio, torch.Tensor) else np.expm1
    return expm1(-log_ratio) + log_ratio


ESTIMATORS: dict[str, Callable[[Any], Any]] = {"k1": k1, "k2": k2, "k3": k3}


def estimator(name: str, kl_in: str = "reward") -> Callable[[Any], Any]:
    """Returns an estimator by name, of arrays or of tensors.

    Args:
        name: ``"k1"``, ``"k2"`` or ``"k3"``.
        kl_in: ``"reward"``, or ``"loss"`` for one that is to be differentiated.

    Raises:
        AgentError: If there is none of that name, or if its gradient says nothing of the KL.
    """
    if name not in ESTIMATORS:
        raise AgentError(
            f"There is no KL estimator {name!r}.{suggest(name, ESTIMATORS)} Choose from {', '.join(ESTIMATORS)}."
        )
    if kl_in == "loss" and name == "k1":
        raise AgentError(
            "The estimator k1 has no place in the loss: its gradient is ∇ log π, which is zero on average whatever the "
            "reference. Choose kl_estimator='k2', whose gradient is that of KL(π ‖ π_ref), or 'k3'."
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


class ProportionalKL(FixedKL):
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


class DoublingKL(FixedKL):
    """A coefficient that steers the KL a token towards a target in great strides.

    β is doubled where the KL lies above 1.5 times the target, and halved where it lies below the target / 1.5. Meant
    for a coefficient that is far off; near the target it leaves the KL within that band.

    Source: the penalty of Schulman et al. 2017, arXiv:1707.06347 §4, here for the KL to the reference.

    Args:
        coef: β_0.
        target: KL a token to hold, in nat.
    """

    BAND = 1.5

    def __init__(self, coef: float, target: float) -> None:
        super().__init__(coef)
        self.target = target

    def update(self, kl: float) -> None:
        """Doubles, halves or leaves the coefficient."""
        if kl > self.BAND * self.target:
            self.coef *= 2.0
        elif kl < self.target / self.BAND:
            self.coef /= 2.0


def controller(coef: float, target: float | None, kind: str = "proportional") -> KLController:
    """Returns a fixed coefficient, or, with a ``target``, one that adapts.

    Args:
        coef: The coefficient, or what it starts from.
        target: KL a token to hold, in nat, or None.
        kind: ``"proportional"`` or ``"doubling"``.

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
    return DoublingKL(coef, target) if kind == "doubling" else ProportionalKL(coef, target)
