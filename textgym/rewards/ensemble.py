"""Several judges of one thing, and how far they agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from textgym.errors import RewardError

from .base import Compound, Reward, Term

HOW = ("mean", "min", "lower")


@dataclass(frozen=True, repr=False)
class Ensemble(Compound):
    """Mean, minimum, or ``mean − k · deviation`` of the scores of several rewards, mostly reward models.

    What one model overrates by accident, others that were trained from another seed do not: where they disagree the
    score is less to be trusted, and ``"min"`` and ``"lower"`` say so. Their disagreement, the deviation over the
    members (not the estimate for a population), is logged as the term ``disagreement``. Range: of the mean, the means
    of the ends; of the minimum, the lowest of the ends; a lower bound has no floor.

    Args:
        members: At least two rewards.
        how: ``"mean"``, ``"min"``, or ``"lower"``, a lower bound.
        k: Deviations below the mean, for ``"lower"``.

    Source: Coste et al. 2023, "Reward model ensembles help mitigate overoptimization", arXiv:2310.02743 (there with the
    variance in place of the deviation).
    """

    members: tuple[Reward, ...]
    how: str = "mean"
    k: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.members) < 2:
            raise RewardError(f"An ensemble has at least two members. Actual number: {len(self.members)}.")
        if len({member.higher_is_better for member in self.members}) > 1:
            raise RewardError("The members of an ensemble agree on whether more is better. Negate those that do not.")
        if self.how not in HOW:
            raise RewardError(f"ensemble(how=…) is one of {', '.join(HOW)}. Actual value: {self.how!r}.")
        if not (self.k >= 0 and math.isfinite(self.k)):
            raise RewardError(f"ensemble(k=…) is a finite number of at least 0. Actual value: {self.k!r}.")

    @property
    def parts(self) -> tuple[Reward, ...]:
        return self.members

    @property
    def range(self) -> tuple[float, float]:
        lows, highs = zip(*(member.range for member in self.members), strict=True)
        if self.how == "mean":
            return float(np.mean(lows)), float(np.mean(highs))
        if self.how == "min":
            return min(lows), min(highs)
        return -math.inf, float(np.mean(highs))

    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        if self.how == "min":
            return np.min(totals, axis=0)
        mean = np.mean(totals, axis=0)
        return mean if self.how == "mean" else mean - self.k * np.std(totals, axis=0)

    def __repr__(self) -> str:
        members = ", ".join(map(repr, self.members))
        bound = f", k={self.k!r}" if self.how == "lower" else ""
        return f"ensemble({members}, how={self.how!r}{bound})"

    def further_terms(self, totals: list[np.ndarray]) -> list[Term]:
        return [Term("disagreement", np.std(totals, axis=0))]
