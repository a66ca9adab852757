"""Measures of how good a reward model's scores are: pure functions of arrays, in numpy.

What the numbers do not define (the correlation with a constant, the AUC of one class) is NaN, not a guess.
Checked against scikit-learn and scipy in tests/reward_models/test_measures.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textgym.evaluation.statistics import Estimate, difference

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

GROUP_MINIMUM = 20
"""Groups with fewer rows are listed but not compared: their differences would be chance."""


class Bin(NamedTuple):
    """Rows whose predictions are near one another.

    Attributes:
        low: Least prediction that falls in.
        high: Greatest prediction that falls in.
        rows: How many, at least 1.
        predicted: Mean prediction.
        observed: Mean of what was predicted: the share that came true, or the mean human rating.
    """

    low: float
    high: float
    rows: int
    predicted: float
    observed: float


class Group(NamedTuple):
    """A group's rows and its value; NaN where the group is too uniform to have one."""

    name: str
    rows: int
    value: Estimate


class Breakdown(NamedTuple):
    """A metric by group.

    Attributes:
        groups: By name.
        gap: Greatest value minus least, among groups of at least `GROUP_MINIMUM` rows; None below two of them. The
            interval is that of these two groups (MOVER); as they were chosen for being furthest apart, it leans
            towards a difference, the more so the more groups there are.
        highest: Name of the group of the greatest value, empty without a gap.
        lowest: Name of the group of the least value, empty without a gap.
    """

    groups: tuple[Group, ...]
    gap: Estimate | None
    highest: str
    lowest: str


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Share of predictions that are right: (1/B) Σ_i [ŷ_i = y_i]; classes as whole numbers, ``(B,)`` each."""
    truth, predicted = _paired(truth, predicted, np.int64)
    return float(np.mean(truth == predicted))


def macro_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Mean over classes of F1 = 2 TP / (2 TP + FP + FN), over the classes that are true or predicted somewhere.

    Args:
        truth: Class of each row, whole numbers from 0, ``(B,)``.
        predicted: Predicted class of each row, ``(B,)``.
    """
    truth, predicted = _paired(truth, predicted, np.int64)
    classes = int(max(truth.max(), predicted.max())) + 1
    confusion = np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)  # true × said
    hits, sizes = np.diagonal(confusion), confusion.sum(0) + confusion.sum(1)  # TP, and 2 TP + FP + FN
    seen = sizes > 0
    return float(np.mean(2 * hits[seen] / sizes[seen]))


def auc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, ties half.

    AUC = ( Σ_{i positive} rank_i − n₊(n₊ + 1)/2 ) / (n₊ n₋), with average ranks. For positive against negative texts of
    three-class models, leave the neutral rows out and score by P(positive) − P(negative).

    Args:
        scores: ``(B,)``.
        positive: True for the positive rows, bool ``(B,)``.

    Source: Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747.
    """
    scores, positive = np.asarray(scores, dtype=np.float64), np.asarray(positive, dtype=bool)
    above, below = int(positive.sum()), int((~positive).sum())
    if above == 0 or below == 0:
        return float("nan")
    return float((ranks(scores)[positive].sum() - above * (above + 1) / 2) / (above * below))


def pairwise_accuracy(scores: Iterable[ArrayLike]) -> float:
    """Share of pairs that the model orders as people do: mean of [s⁺ > s⁻] + ½ [s⁺ = s⁻] over the pairs of rankings.

    Args:
        scores: Of each ranking's texts, best first, ``(k,)`` each; preferences may be one array ``(P, 2)``.
    """
    pairs = [np.asarray(values, dtype=np.float64)[np.stack(ordered_pairs(np.size(values)))] for values in scores]
    return float(np.mean(wins(*np.concatenate(pairs, axis=1))))


def ordered_pairs(size: int) -> tuple[Indices, Indices]:
    """Places of the better and of the worse text in each pair of a ranking of k texts, ``(k(k − 1)/2,)`` each."""
    better, worse = np.triu_indices(size, 1)
    return better, worse


def wins(better: ArrayLike, worse: ArrayLike) -> Floats:
    """1 where the better text scores higher, 0 where lower, ½ where equal; float64 ``(P,)``."""
    s, t = _paired(better, worse, np.float64)
    return np.where(s == t, 0.5, (s > t).astype(np.float64))


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Linear correlation: Σ (x − x̄)(y − ȳ) / √( Σ (x − x̄)² Σ (y − ȳ)² ), in [−1, 1]; NaN where one is constant."""
    a, b = _paired(x, y, np.float64)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Rank correlation: `pearson` of the average `ranks`, so that only the order counts."""
    return pearson(ranks(x), ranks(y))


def ranks(values: ArrayLike) -> Floats:
    """Ranks from 1, equal values sharing the mean of theirs, float64 ``(B,)``."""
    values = np.asarray(values, dtype=np.float64)
    ordered = np.sort(values)
    first, last = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return (first + last + 1) / 2


def partial_correlation(x: ArrayLike, y: ArrayLike, given: ArrayLike) -> float:
    """Rank correlation of x and y that is left once a third variable is held fixed.

    ( r_xy − r_xz r_yz ) / √( (1 − r_xz²)(1 − r_yz²) ), r = `spearman`; NaN where z alone determines x or y.

    Source: Kendall 1942, doi:10.1093/biomet/32.3-4.277, with Spearman's coefficients.
    """
    return _partial(spearman(x, y), spearman(x, given), spearman(y, given))


def reliability(predicted: ArrayLike, observed: ArrayLike, *, bins: int = 10) -> tuple[Bin, ...]:
    """Sorts probabilities into bins of equal width over [0, 1] and compares each bin's mean with what happened.

    Args:
        predicted: Probabilities, ``(B,)``: of the likeliest class, or that one text is better than another.
        observed: 1 where that came true, 0 where not, ``(B,)``; ½ counts half.
        bins: Number of bins; the empty ones are left out.

    Source: DeGroot & Fienberg 1983, doi:10.2307/2987588.
    """
    predicted, observed = _paired(predicted, observed, np.float64)
    if predicted.min() < 0 or predicted.max() > 1:
        raise ValueError(f"Probabilities lie in [0, 1]. Actual range: {predicted.min():g} to {predicted.max():g}.")
    return _table(predicted, observed, np.minimum((predicted * bins).astype(np.int64), bins - 1))


def mean_ratings(scores: ArrayLike, ratings: ArrayLike, *, bins: int = 10) -> tuple[Bin, ...]:
    """The table of `reliability` for scores that are no probabilities: bins of equally many rows, by score."""
    scores, ratings = _paired(scores, ratings, np.float64)
    edges = np.quantile(scores, np.linspace(0, 1, bins + 1)[1:-1])
    return _table(scores, ratings, np.searchsorted(edges, scores, "left"))


def expected_calibration_error(predicted: ArrayLike, observed: ArrayLike, *, bins: int = 10) -> float:
    """Mean distance between probability and frequency: ECE = Σ_b (n_b / B) |observed_b − predicted_b|, in [0, 1].

    Noise alone makes it positive: a perfect model with B rows has about √(bins / B) / 2.

    Args:
        predicted: As for `reliability`; for a classifier, the probability of its likeliest class.
        observed: As for `reliability`; for a classifier, whether that class is right.
        bins: Of equal width.

    Source: Naeini et al. 2015, AAAI, and Guo et al. 2017, arXiv:1706.04599.
    """
    table = reliability(predicted, observed, bins=bins)
    total = sum(bin.rows for bin in table)
    return sum(bin.rows / total * abs(bin.observed - bin.predicted) for bin in table)


def preference_confidence(better: ArrayLike, worse: ArrayLike) -> tuple[Floats, Floats]:
    """What a Bradley-Terry model claims about pairs, to give to `reliability` and `expected_calibration_error`.

    P(i ≻ j) = σ(s_i − s_j). The claim is about the text that the model prefers, so it is at least ½; otherwise "chosen"
    would always come true, and no probability below 1 were calibrated.

    Args:
        better: Scores of the texts that people preferred, ``(P,)``.
        worse: Scores of the others, ``(P,)``.

    Returns:
        ``(σ(|s⁺ − s⁻|), wins)``, each float64 ``(P,)``.
    """
    better, worse = _paired(better, worse, np.float64)
    return 1 / (1 + np.exp(-np.abs(better - worse))), wins(better, worse)


def length_bias(scores: ArrayLike, lengths: ArrayLike, ratings: ArrayLike | None = None) -> dict[str, float]:
    """Rank correlations that show whether a model rewards length for its own sake.

    Args:
        scores: Of the model, ``(B,)``.
        lengths: Of the texts, in words, ``(B,)``.
        ratings: Of people, ``(B,)``, if there are any.

    Returns:
        ``score, length``; with ratings also ``rating, length`` (people may like long texts too),
        ``score, length | rating`` (what is left of the bias between texts that people rate alike; 0 is unbiased),
        ``score, rating``, and ``score, rating | length`` (how much of the agreement is not due to length).
    """
    with_length = spearman(scores, lengths)
    if ratings is None:
        return {"score, length": with_length}
    human, agreement = spearman(ratings, lengths), spearman(scores, ratings)
    return {
        "score, length": with_length,
        "rating, length": human,
        "score, length | rating": _partial(with_length, agreement, human),
        "score, rating": agreement,
        "score, rating | length": _partial(agreement, with_length, human),
    }


def by_group(groups: Sequence[str | None], estimate: Callable[[Indices], Estimate]) -> Breakdown:
    """A metric group by group, and the largest gap between two groups.

    Args:
        groups: Of each row; rows without one are left out.
        estimate: Takes the indices of a group's rows, int64 ``(K,)``, and returns its value with an interval: `wilson`
            of `textgym.evaluation.statistics` for a rate, a bootstrap for anything else.
    """
    members: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        if group is not None:
            members.setdefault(group, []).append(i)
    found = tuple(Group(n, len(members[n]), estimate(np.array(members[n], dtype=np.int64))) for n in sorted(members))
    compared = [group for group in found if group.rows >= GROUP_MINIMUM and np.isfinite(group.value.value)]
    if len(compared) < 2:
        return Breakdown(found, None, "", "")
    low, high = (choose(compared, key=lambda group: group.value.value) for choose in (min, max))
    return Breakdown(found, difference(low.value, high.value), high.name, low.name)


def bootstrap(
    statistics: Callable[[Indices], Mapping[str, float]],
    size: int,
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Several statistics of the same rows, each with its percentile bootstrap interval.

    Args:
        statistics: Takes indices of rows, int64 ``(B,)``, with repeats, and returns a value by name.
        size: Number of rows B.
        confidence: Coverage aimed at, in (0, 1).
        resamples: Number of bootstrap samples; those in which a statistic is NaN do not count for it.
        seed: Of the resampling.

    Returns:
        An estimate by name; NaN with NaN ends where the rows do not define it.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, §13.3.
    """
    rng = np.random.default_rng(seed)
    values = statistics(np.arange(size))
    drawn = [statistics(rng.integers(size, size=size)) for _ in range(resamples)]
    found = {}
    for name, value in values.items():
        column = np.array([sample[name] for sample in drawn])
        column = column[np.isfinite(column)]
        if not np.isfinite(value) or column.size == 0:
            found[name] = Estimate(float("nan"), float("nan"), float("nan"))
            continue
        low, high = np.quantile(column, [(1 - confidence) / 2, (1 + confidence) / 2])
        found[name] = Estimate(float(value), float(low), float(high))
    return found


def _partial(xy: float, xz: float, yz: float) -> float:
    left = (1 - xz**2) * (1 - yz**2)
    return float(np.clip((xy - xz * yz) / np.sqrt(left), -1.0, 1.0)) if left > 1e-12 else float("nan")


def _table(predicted: Floats, observed: Floats, places: Indices) -> tuple[Bin, ...]:
    table = []
    for place in np.unique(places):
        inside, came = predicted[places == place], observed[places == place]
        ends = float(inside.min()), float(inside.max())
        table.append(Bin(*ends, inside.size, float(inside.mean()), float(came.mean())))
    return tuple(table)


def _paired(x: ArrayLike, y: ArrayLike, dtype: type) -> tuple[NDArray[Any], NDArray[Any]]:
    a: NDArray[Any] = np.asarray(x, dtype=dtype)
    b: NDArray[Any] = np.asarray(y, dtype=dtype)
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise ValueError(f"Two equally long arrays are needed. Actual shapes: {a.shape} and {b.shape}.")
    return a, b
