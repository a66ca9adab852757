"""Intervals of reported scores: pure functions of arrays, in numpy, with the randomness as an argument.

Every interval covers the variance of what was sampled: which prompts were asked and which tokens were drawn. It says
nothing of another training run; that takes several training seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

_CELLS = 4_000_000  # resampled cells held at a time: 32 MB


class Estimate(NamedTuple):
    """A point estimate and the ends of its interval."""

    value: float
    low: float
    high: float


class Interval(NamedTuple):
    """A point estimate with the ends of its interval, and the variance that the interval covers.

    Attributes:
        value: The estimate.
        low: Lower end.
        high: Upper end.
        over: ``"prompts"``: other prompts and draws, these very models; ``"seeds"``: other training runs, these very
            prompts; ``"prompts and seeds"``: both.
    """

    value: float
    low: float
    high: float
    over: str


def bootstrap_mean(values: ArrayLike, *, confidence: float = 0.95, resamples: int = 4000, seed: int = 0) -> Estimate:
    """Mean of ``values`` with its percentile bootstrap interval; see `bootstrap_ratio`.

    A paired comparison is the same thing on differences: ``bootstrap_mean(after - before)``.

    Args:
        values: One number a sample, ``(B,)``.
        confidence: Coverage aimed at, in (0, 1).
        resamples: Number of bootstrap samples.
        seed: Of the resampling.
    """
    values = np.asarray(values, dtype=np.float64)
    return bootstrap_ratio(values, np.ones_like(values), confidence=confidence, resamples=resamples, seed=seed)


def bootstrap_ratio(
    numerators: ArrayLike,
    denominators: ArrayLike,
    *,
    confidence: float = 0.95,
    resamples: int = 4000,
    seed: int = 0,
) -> Estimate:
    """Ratio of sums, such as KL per token over episodes of unequal length, with its percentile bootstrap interval.

    R̂ = Σ_i x_i / Σ_i y_i;  R̂*_b is the same over B samples drawn with replacement;
    the interval runs from the α/2 to the 1 − α/2 quantile of R̂*. It is a little narrow below some thirty samples.

    Args:
        numerators: x, one number a sample, ``(B,)``.
        denominators: y, one positive number a sample, ``(B,)``.
        confidence: 1 − α, in (0, 1).
        resamples: Number of bootstrap samples b.
        seed: Of the resampling.

    Raises:
        ValueError: If there is no sample, or the shapes differ.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, §13.3. Checked against scipy in
    tests/evaluation/test_statistics.py.
    """
    x, y = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise ValueError(f"Two equally long arrays are needed. Actual shapes: {x.shape} and {y.shape}.")
    rng = np.random.default_rng(seed)
    size, ratios = x.size, []
    for start in range(0, resamples, rows := max(1, _CELLS // size)):
        drawn = rng.integers(size, size=(min(rows, resamples - start), size))  # (rows, B)
        ratios.append(x[drawn].sum(1) / y[drawn].sum(1))
    low, high = np.quantile(np.concatenate(ratios), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(x.sum() / y.sum()), float(low), float(high))


def jackknife(
    statistic: Callable[[np.ndarray], float], size: int, *, confidence: float = 0.95, groups: int = 20, seed: int = 0
) -> Estimate:
    """A statistic of a whole corpus (BLEU, distinct-n, perplexity) with its delete-group jackknife interval.

    θ̂ ± t_{G−1} · √( (G−1)/G · Σ_g (θ̂_(g) − θ̄)² ),   θ̂_(g) = the statistic without group g.

    The bootstrap does not fit here: a resample repeats texts, which alone pulls distinct-n down by a quarter, so that
    its interval misses the estimate itself. Leaving groups out repeats nothing, costs G evaluations, and errs towards
    wide intervals (Efron-Stein).

    Args:
        statistic: Takes the indices of the samples to keep, int64 ``(K,)``, ascending.
        size: Number of samples, at least 2.
        confidence: Coverage aimed at, in (0, 1).
        groups: G, at most ``size`` are formed.
        seed: Of the random division into groups.

    Raises:
        ValueError: If there are fewer than two samples.

    Source: Wolter 2007, Introduction to Variance Estimation, §4.2; Efron & Stein 1981, doi:10.1214/aos/1176345462.
    """
    if size < 2:
        raise ValueError(f"A jackknife needs at least two samples. Actual value: {size}.")
    groups = min(groups, size)
    group = np.random.default_rng(seed).permutation(size) % groups  # (B,)
    left_out = np.array([statistic(np.flatnonzero(group != g)) for g in range(groups)])
    deviation = math.sqrt((groups - 1) / groups * float(np.square(left_out - left_out.mean()).sum()))
    half = student_quantile((1 + confidence) / 2, groups - 1) * deviation
    value = float(statistic(np.arange(size)))
    return Estimate(value, value - half, value + half)


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> Estimate:
    """A rate with its Wilson interval, which stays inside [0, 1] and keeps its width at 0 and 1.

    ( p̂ + z²/2n ± z √( p̂(1−p̂)/n + z²/4n² ) ) / ( 1 + z²/n )

    Args:
        successes: Number of samples that count.
        trials: n, at least 1.
        confidence: Coverage aimed at, in (0, 1).

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953. Checked against scipy.
    """
    if trials < 1:
        raise ValueError(f"A rate needs at least one trial. Actual value: {trials}.")
    z, p = NormalDist().inv_cdf((1 + confidence) / 2), successes / trials
    centre, half = p + z * z / (2 * trials), z * math.sqrt(p * (1 - p) / trials + (z / (2 * trials)) ** 2)
    scale = 1 + z * z / trials
    return Estimate(p, max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale))


def difference(before: Estimate, after: Estimate) -> Estimate:
    """After minus before, from the two intervals alone (MOVER), for statistics that have no value a sample.

    d ∓ √( (â − l_a)² + (u_b − b̂)² ): for equal normal errors this is the usual √2. It takes the two as independent,
    so on identical prompts it is wider than it need be; where samples have values, pair them instead.

    Source: Zou & Donner 2008, doi:10.1002/sim.3095.
    """
    value = after.value - before.value
    low = value - math.hypot(after.value - after.low, before.high - before.value)
    high = value + math.hypot(after.high - after.value, before.value - before.low)
    return Estimate(value, low, high)


def student_quantile(probability: float, freedom: float) -> float:
    """Quantile of Student's t, right to five digits for ν ≥ 1.

    With t = √ν tan θ the distribution is P(0 ≤ T ≤ t) ∝ ∫₀^θ cos^{ν−1} u du, which is integrated and read backwards.
    From ν = 30 on, where the integrand is a needle, it is the expansion in 1/ν,

    t ≈ z + (z³ + z)/4ν + (5z⁵ + 16z³ + 3z)/96ν² + (3z⁷ + 19z⁵ + 17z³ − 15z)/384ν³

    Args:
        probability: In (0, 1).
        freedom: ν, at least 1.

    Source: Abramowitz & Stegun 1964, 26.7.3-5. Checked against scipy.
    """
    z, v = NormalDist().inv_cdf(probability), freedom
    if v < 30:
        angles = np.linspace(0, math.pi / 2, 20_001)
        density = np.cos(angles) ** (v - 1)
        area = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
        angle = np.interp(abs(2 * probability - 1) * area[-1], area, angles)
        return math.copysign(math.sqrt(v) * math.tan(angle), z)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
