"""Tests of differences: against scipy, by hand, and how often they cry wolf when an agent meets itself."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from textgym.evaluation import significance
from textgym.evaluation.aggregate import difference


def test_sign_flips_by_hand():
    # Of the 8 patterns of signs of (1, 2, 4) only the two of equal signs reach |7|.
    assert significance.sign_flip_test([0.0, 0.0, 0.0], [1.0, 2.0, 4.0]) == 2 / 8
    assert significance.sign_flip_test([1.0, 2.0], [1.0, 2.0]) == 1.0


@pytest.mark.parametrize("size", [9, 60])
def test_sign_flips_agree_with_scipy(size):
    rng = np.random.default_rng(0)
    before = rng.normal(size=size)
    after = before + rng.normal(0.15, 0.5, size=size)
    theirs = scipy.stats.permutation_test(
        (before, after), lambda x, y, axis: (y - x).mean(axis), permutation_type="samples", vectorized=True, rng=rng
    )
    assert significance.sign_flip_test(before, after) == pytest.approx(theirs.pvalue, abs=0.012 if size > 16 else 1e-12)


def test_permuted_runs_agree_with_scipy():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(6, 1)), rng.normal(1.0, 1.0, size=(5, 1))
    theirs = scipy.stats.permutation_test(
        (x[:, 0], y[:, 0]),
        lambda a, b, axis: np.abs(a.mean(axis) - b.mean(axis)),  # two-sided in our sense, whatever the sizes
        n_resamples=np.inf,
        vectorized=True,
        alternative="greater",
    )
    assert significance.run_permutation_test(x, y) == pytest.approx(theirs.pvalue, abs=0.01)


def test_whole_runs_can_be_dealt_in_few_ways_only():
    # Three against three of one model: the observed deal and its mirror, of 20.
    x, y = np.zeros((3, 8)), np.ones((3, 8)) + np.arange(3)[:, None]
    assert significance.run_permutation_test(x, y, one_model=True) == pytest.approx(0.1, abs=0.01)
    assert significance.run_permutation_test(x, y) < 0.001


def test_the_paired_bootstrap_agrees_with_scipy():
    rng = np.random.default_rng(2)
    before, after = rng.normal(size=(2, 200))
    ours = significance.paired_bootstrap(before, after)
    theirs = scipy.stats.bootstrap((after - before,), np.mean, method="percentile", rng=rng).confidence_interval
    assert ours[1:3] == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert ours.over == "prompts"


def test_holm_by_hand():
    # In order 0.01·4, 0.02·3, 0.03·2, 0.5·1; none below the one before it; back in place.
    np.testing.assert_allclose(significance.holm([0.5, 0.01, 0.03, 0.02]), [0.5, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(significance.holm([0.4, 0.9]), [0.8, 0.9])
    assert significance.holm([]).size == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: significance.sign_flip_test([1.0], [1.0, 2.0]), "equally long"),
        (lambda: significance.sign_flip_test([1.0, np.nan], [1.0, 2.0]), "missing"),
        (lambda: significance.paired_bootstrap([1.0, np.nan], [1.0, 2.0]), "missing"),
        (lambda: significance.run_permutation_test(np.ones((2, 3)), np.ones((2, 4))), "the same ids"),
        (lambda: significance.run_permutation_test(np.ones((1, 3)), np.ones((2, 3))), "One run"),
        (lambda: significance.holm([0.1, 1.2]), "lie in"),
        (lambda: significance.holm([np.nan]), "lie in"),
    ],
)
def test_what_cannot_be_tested_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# A/A: the same agent against itself. A test at 5% may reject 5% of the time: 0.05 ± 2.5 deviations of 1,000 trials.
RATE = (0.033, 0.067)


@pytest.mark.parametrize(("prompts", "most"), [(16, 0.08), (64, 0.07)])
def test_an_agent_against_itself_on_the_same_prompts(prompts, most):
    # Prompts of very different difficulty, the same for both; only the tokens drawn differ.
    rng, rejected = np.random.default_rng(3), np.zeros(2)
    for i in range(1000):
        ease = rng.beta(0.5, 0.5, size=prompts)
        before, after = rng.beta(8 * ease + 0.1, 8 * (1 - ease) + 0.1, size=(2, prompts))
        rejected[0] += significance.sign_flip_test(before, after, resamples=300, seed=i) <= 0.05
        interval = significance.paired_bootstrap(before, after, resamples=300, seed=i)
        rejected[1] += not interval.low <= 0 <= interval.high
    assert RATE[0] <= rejected[0] / 1000 <= RATE[1]
    assert 0.03 <= rejected[1] / 1000 <= most  # the bootstrap is for more than a handful of prompts; the test is exact


def test_an_agent_against_itself_under_other_training_seeds():
    rng, rejected = np.random.default_rng(4), np.zeros(2)
    means = np.linspace(0.1, 0.9, 16)
    for i in range(1000):
        x, y = rng.beta(means * 4, (1 - means) * 4, size=(2, 5, 16))
        rejected[0] += significance.run_permutation_test(x, y, resamples=300, seed=i) <= 0.05
        interval = difference(x, y, resamples=300, seed=i)
        rejected[1] += not interval.low <= 0 <= interval.high
    assert RATE[0] <= rejected[0] / 1000 <= RATE[1]
    assert 0.03 <= rejected[1] / 1000 <= 0.07


def test_one_model_under_other_training_seeds_needs_whole_runs():
    # Every run has its own luck on all ids; dealing ids apart takes that for a difference far too often.
    rng, rejected = np.random.default_rng(5), np.zeros(2)
    for i in range(400):
        x, y = rng.normal(size=(2, 5, 1)) + 0.5 * rng.normal(size=(2, 5, 8))
        for k, one_model in enumerate((True, False)):
            rejected[k] += significance.run_permutation_test(x, y, one_model=one_model, resamples=200, seed=i) <= 0.05
    assert rejected[0] / 400 <= 0.08
    assert rejected[1] / 400 > 0.2
