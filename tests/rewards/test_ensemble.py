"""Ensembles: three ways to join scores, by numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from textgym import rewards
from textgym.errors import RewardError
from textgym.rewards import Dense, Ensemble


def fixed(*values, low=0.0, high=10.0):
    return rewards.make(lambda prompts, completions: values[: len(completions)], name="fixed", range=(low, high))


def members():
    return fixed(1.0, 4.0), fixed(3.0, 4.0, low=-2.0), fixed(5.0, 4.0, high=4.0 + 2)


@pytest.mark.parametrize(
    ("how", "k", "expected"),
    [
        ("mean", 1.0, [3.0, 4.0]),
        ("min", 1.0, [1.0, 4.0]),
        ("lower", 1.0, [3 - math.sqrt(8 / 3), 4.0]),
        ("lower", 0.5, [3 - 0.5 * math.sqrt(8 / 3), 4.0]),
    ],
)
def test_scores(how, k, expected):
    scores = Ensemble(members(), how, k).score(["", ""], ["a", "b"])
    np.testing.assert_allclose(scores.total, expected)
    np.testing.assert_allclose(scores.terms["disagreement"], [math.sqrt(8 / 3), 0.0])
    assert list(scores.terms) == ["fixed", "fixed_2", "fixed_3", "disagreement"]


def test_ranges():
    assert Ensemble(members(), "min").range == (-2.0, 6.0)
    assert Ensemble(members(), "mean").range == pytest.approx((-2 / 3, 26 / 3))
    assert Ensemble(members(), "lower").range == (-math.inf, pytest.approx(26 / 3))


@pytest.mark.parametrize(
    "text", ["ensemble(vader, sentiment, how='min')", "ensemble(vader, 2.0 * sentiment, how='lower', k=0.5)"]
)
def test_an_expression_makes_it_and_it_writes_itself(text):
    reward = rewards.make(text)
    assert repr(reward) == text
    assert repr(rewards.make(f"dense({text})")) == f"dense({text})"


def test_it_is_part_of_the_algebra():
    reward = (0.5 * Ensemble(members()) + 1).clip(0, 2)
    assert reward.score([""], ["a"]).total.item() == 2.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ensemble((fixed(1.0),)), "at least two members"),
        (lambda: Ensemble(members(), "max"), "mean, min, lower"),
        (lambda: Ensemble(members(), "lower", -1.0), "at least 0"),
        (lambda: Ensemble((fixed(1.0), rewards.make("perplexity"))), "Negate"),
        (lambda: Ensemble((fixed(1.0), Dense(fixed(1.0)))), "outermost"),
        (lambda: rewards.make("ensemble(vader)"), "at least two members"),
    ],
)
def test_what_cannot_be_an_ensemble(make, message):
    with pytest.raises(RewardError, match=message):
        make()
