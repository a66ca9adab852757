"""Measures against scikit-learn and scipy, against numbers worked by hand, and at the ends where they have no value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from textgym.evaluation.statistics import wilson
from textgym.reward_models import measures


@pytest.fixture(params=range(4))
def rng(request):
    return np.random.default_rng(request.param)


def test_accuracy_and_f1_are_those_of_scikit_learn(rng):
    truth, said = rng.integers(5, size=80), rng.choice([0, 1, 4], size=80)  # some classes are never predicted
    assert measures.accuracy(truth, said) == pytest.approx(metrics.accuracy_score(truth, said))
    assert measures.macro_f1(truth, said) == pytest.approx(metrics.f1_score(truth, said, average="macro"))
    assert measures.macro_f1([0, 0, 3], [0, 3, 3]) == pytest.approx(2 / 3)  # classes that never occur do not count


def test_auc_is_that_of_scikit_learn(rng):
    scores, positive = rng.integers(6, size=70) / 3, rng.random(70) < 0.3  # many ties
    assert measures.auc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores))
    assert math.isnan(measures.auc([1.0, 2.0], [True, True]))


def test_correlations_are_those_of_scipy(rng):
    x = rng.integers(4, size=60)
    y = x + rng.normal(size=60).round(1)
    assert measures.pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)
    assert measures.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    np.testing.assert_array_equal(measures.ranks(x), stats.rankdata(x))
    assert math.isnan(measures.pearson([1, 1, 1], [1, 2, 3]))
    assert measures.spearman([1, 2, 3], [1, 10, 1000]) == 1.0


def test_partial_correlation_is_that_of_the_residuals(rng):
    z = rng.normal(size=200)
    x, y = z + rng.normal(size=200), 2 * z - rng.normal(size=200)
    rank_x, rank_y, rank_z = (stats.rankdata(v) for v in (x, y, z))
    left = [r - np.polyval(np.polyfit(rank_z, r, 1), rank_z) for r in (rank_x, rank_y)]
    assert measures.partial_correlation(x, y, z) == pytest.approx(stats.pearsonr(*left).statistic)
    assert math.isnan(measures.partial_correlation(x, z, z))


def test_pairwise_accuracy_counts_ties_half():
    assert measures.pairwise_accuracy(np.array([[2.0, 1.0], [1.0, 1.0], [0.0, 5.0]])) == 0.5
    # (3, 1, 2) has pairs 3 > 1, 3 > 2 and 1 < 2; with one right pair more, 3 of 4
    assert measures.pairwise_accuracy([[3, 1, 2], [9, 8]]) == 0.75
    scores = np.random.default_rng(0).normal(size=30)
    tau = stats.kendalltau(scores, np.arange(30)[::-1]).statistic
    assert measures.pairwise_accuracy([scores]) == pytest.approx((1 + tau) / 2)


def test_reliability_by_hand():
    found = measures.reliability([0.05, 0.95, 1.0, 0.91, 0.1], [0, 1, 1, 0, 1])
    assert [(bin.rows, bin.predicted, bin.observed) for bin in found] == [
        (1, 0.05, 0.0),
        (1, 0.1, 1.0),  # a bound belongs to the bin above it
        (3, pytest.approx(2.86 / 3), pytest.approx(2 / 3)),  # and 1 to the last
    ]
    error = measures.expected_calibration_error([0.05, 0.95, 1.0, 0.91, 0.1], [0, 1, 1, 0, 1])
    assert error == pytest.approx((0.05 + 0.9 + (2.86 - 2)) / 5)
    with pytest.raises(ValueError, match="Actual range: -1 to 2"):
        measures.reliability([2.0, -1.0], [1, 0])


def test_reliability_agrees_with_scikit_learns_calibration_curve(rng):
    from sklearn.calibration import calibration_curve

    predicted = rng.random(500)
    came = rng.random(500) < predicted**2
    observed, means = calibration_curve(came, predicted, n_bins=10)
    found = measures.reliability(predicted, came)
    np.testing.assert_allclose([bin.observed for bin in found], observed)
    np.testing.assert_allclose([bin.predicted for bin in found], means)


def test_a_calibrated_model_has_almost_no_error_and_an_overconfident_one_has():
    rng = np.random.default_rng(0)
    p = rng.random(50_000)
    came = rng.random(50_000) < p
    assert measures.expected_calibration_error(p, came) < 0.01
    assert measures.expected_calibration_error(np.where(p > 0.5, 1.0, 0.0), came) == pytest.approx(0.25, abs=0.01)


def test_preference_confidence_is_about_the_order_that_the_model_claims():
    claimed, came = measures.preference_confidence([2.0, 0.0, 1.0], [0.0, 2.0, 1.0])
    np.testing.assert_allclose(claimed, [1 / (1 + math.exp(-2))] * 2 + [0.5])
    np.testing.assert_array_equal(came, [1.0, 0.0, 0.5])
    rng = np.random.default_rng(0)
    gap = rng.normal(size=50_000) * 2
    first = rng.random(50_000) < 1 / (1 + np.exp(-gap))  # people who are Bradley and Terry's
    better, worse = np.where(first, gap, 0.0), np.where(first, 0.0, gap)
    assert measures.expected_calibration_error(*measures.preference_confidence(better, worse)) < 0.01
    assert measures.expected_calibration_error(*measures.preference_confidence(5 * better, 5 * worse)) > 0.1
    with np.errstate(over="raise"):
        measures.preference_confidence([1e4], [-1e4])


def test_length_bias_tells_liking_length_from_liking_what_is_long():
    rng = np.random.default_rng(0)
    lengths, quality = rng.integers(5, 60, size=3000), rng.normal(size=3000)
    people = quality + 0.05 * lengths  # people like what is long here
    fair = people + 0.3 * rng.normal(size=3000)
    vain = 0.1 * quality + 0.05 * lengths
    honest, biased = measures.length_bias(fair, lengths, people), measures.length_bias(vain, lengths, people)
    assert honest["score, length"] > 0.4  # which looks like a bias
    assert abs(honest["score, length | rating"]) < 0.1  # and is none
    assert biased["score, length | rating"] > 0.8
    assert honest["score, rating | length"] > 0.9
    assert set(measures.length_bias(fair, lengths)) == {"score, length"}


def test_groups_are_compared_where_there_is_enough_to_compare():
    hits = np.array([1] * 30 + [0] * 10 + [1] * 10 + [0] * 30 + [0] * 5 + [1])
    groups = ["a"] * 40 + ["b"] * 40 + ["rare"] * 5 + [None]
    found = measures.by_group(groups, lambda i: wilson(int(hits[i].sum()), i.size))
    assert [(group.name, group.rows, group.value.value) for group in found.groups] == [
        ("a", 40, 0.75),
        ("b", 40, 0.25),
        ("rare", 5, 0.0),
    ]
    assert (found.highest, found.lowest) == ("a", "b")
    assert found.gap.value == 0.5
    assert 0 < found.gap.low < 0.5 < found.gap.high < 1
    alone = measures.by_group(["a"] * 86, lambda i: wilson(int(hits[i].sum()), i.size))
    assert alone.gap is None


def test_the_bootstrap_is_scipys_and_repeats():
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    y = x + rng.normal(size=120)
    found = measures.bootstrap(lambda i: {"r": measures.spearman(x[i], y[i])}, 120)["r"]
    expected = stats.bootstrap(
        (x, y), lambda a, b: stats.spearmanr(a, b).statistic, paired=True, vectorized=False, n_resamples=1000,
        method="percentile", rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert found.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.low == pytest.approx(expected.low, abs=0.03)
    assert found.high == pytest.approx(expected.high, abs=0.03)
    assert found == measures.bootstrap(lambda i: {"r": measures.spearman(x[i], y[i])}, 120)["r"]
    nothing = measures.bootstrap(lambda i: {"r": measures.spearman(x[i], np.ones(i.size))}, 120)["r"]
    assert all(map(math.isnan, nothing))


def test_arrays_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"Actual shapes: \(2,\) and \(3,\)"):
        measures.spearman([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"\(0,\)"):
        measures.accuracy([], [])
