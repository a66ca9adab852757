"""Running mean and deviation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Moments:
    """Count, mean and sum of squared deviations of all values seen, updated a batch at a time.

    Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
    variances".
    """

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def update(self, values: np.ndarray) -> None:
        """Takes in float64 ``(B,)``."""
        if not len(values):
            return
        count = self.count + len(values)
        delta = float(values.mean()) - self.mean
        self.m2 += float(values.var()) * len(values) + delta**2 * self.count * len(values) / count
        self.mean += delta * len(values) / count
        self.count = count

    @property
    def deviation(self) -> float:
        """Standard deviation of the population; 1 where all values seen are equal up to rounding."""
        deviation = math.sqrt(self.m2 / self.count) if self.count else 0.0
        return deviation if deviation > 1e-9 * abs(self.mean) else 1.0
