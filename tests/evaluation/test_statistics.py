"""Intervals against numbers worked by hand, against scipy, and against their promised coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from textgym.evaluation import statistics


def test_the_bootstrap_of_two_values_is_the_known_law():
    # Resamples of {0, 1} have mean 0, ½ or 1 with probability ¼, ½, ¼: every 95% interval is [0, 1].
    assert statistics.bootstrap_mean([0.0, 1.0]) == (0.5, 0.0, 1.0)


def test_the_bootstrap_of_a_constant_has_no_width():
    assert statistics.bootstrap_mean([0.25] * 7) == (0.25, 0.25, 0.25)


def test_the_bootstrap_agrees_with_scipy():
    values = np.random.default_rng(0).gamma(2.0, size=60)
    ours = statistics.bootstrap_mean(values, resamples=40_000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert ours[1:] == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_the_bootstrap_of_a_ratio_agrees_with_scipy():
    rng = np.random.default_rng(2)
    weights = rng.integers(1, 40, size=80).astype(float)
    sums = weights * rng.normal(0.3, 0.1, size=80)
    ours = statistics.bootstrap_ratio(sums, weights, resamples=20_000)
    theirs = scipy.stats.bootstrap(
        (sums, weights),
        lambda x, y, axis: x.sum(axis) / y.sum(axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert ours.value == pytest.approx(sums.sum() / weights.sum())
    assert ours[1:] == pytest.approx((theirs.low, theirs.high), abs=0.002)


def test_the_seed_decides_the_resampling_and_nothing_else_does():
    values = np.random.default_rng(4).normal(size=50)
    first = statistics.bootstrap_mean(values, seed=7)
    np.random.default_rng().normal()
    assert statistics.bootstrap_mean(values, seed=7) == first
    assert statistics.bootstrap_mean(values, seed=8) != first


def test_resampling_in_pieces_changes_nothing_but_memory(monkeypatch):
    values = np.random.default_rng(5).normal(size=40)
    whole = statistics.bootstrap_mean(values)
    monkeypatch.setattr(statistics, "_CELLS", 1_000)
    assert statistics.bootstrap_mean(values) == whole


@pytest.mark.parametrize("size", [64, 256])
def test_the_bootstrap_covers_the_true_mean_as_often_as_it_says(size):
    rng = np.random.default_rng(6)
    hits = 0
    for i in range(1000):
        interval = statistics.bootstrap_mean(rng.beta(0.6, 0.4, size=size), resamples=400, seed=i)
        hits += interval.low <= 0.6 <= interval.high
    assert 0.93 <= hits / 1000 <= 0.97


@pytest.mark.parametrize(("values", "weights"), [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])])
def test_the_bootstrap_refuses_what_has_no_mean(values, weights):
    with pytest.raises(ValueError, match="shapes"):
        statistics.bootstrap_ratio(values, weights)


def test_the_jackknife_of_a_mean_is_the_classical_interval():
    # With one group a sample, the jackknife's deviation of a mean is exactly s / √n.
    values = np.random.default_rng(7).normal(size=12)
    ours = statistics.jackknife(lambda kept: float(values[kept].mean()), 12, groups=12)
    half = scipy.stats.t.ppf(0.975, 11) * values.std(ddof=1) / math.sqrt(12)
    assert ours.value == pytest.approx(values.mean())
    assert ours.high - ours.value == pytest.approx(half, rel=1e-3)
    assert ours.value - ours.low == pytest.approx(half, rel=1e-3)


def test_the_jackknife_of_distinct_words_contains_its_estimate_where_the_bootstrap_does_not():
    rng = np.random.default_rng(8)
    law = 1 / np.arange(1, 3001)
    texts = [rng.choice(3000, size=25, p=law / law.sum()) for _ in range(100)]

    def distinct(kept):
        words = np.concatenate([texts[i] for i in kept])
        return len(np.unique(words)) / len(words)

    interval = statistics.jackknife(distinct, 100)
    assert interval.low < interval.value < interval.high
    resamples = [distinct(rng.integers(0, 100, size=100)) for _ in range(100)]
    assert np.quantile(resamples, 0.975) < interval.low


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (250, 256)])
def test_wilson_agrees_with_scipy(successes, trials):
    theirs = scipy.stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert statistics.wilson(successes, trials) == pytest.approx((successes / trials, theirs.low, theirs.high))


def test_the_difference_of_two_intervals_by_hand():
    # √(3² + 4²) = 5 to each side of 10 − 2.
    before, after = statistics.Estimate(2.0, -2.0, 6.0), statistics.Estimate(10.0, 7.0, 13.0)
    assert statistics.difference(before, after) == (8.0, 3.0, 13.0)


@pytest.mark.parametrize("freedom", [1, 1.5, 4, 9, 19, 99])
@pytest.mark.parametrize("probability", [0.9, 0.975])
def test_the_quantile_of_student_agrees_with_scipy(probability, freedom):
    assert statistics.student_quantile(probability, freedom) == pytest.approx(
        scipy.stats.t.ppf(probability, freedom), rel=1e-5
    )
