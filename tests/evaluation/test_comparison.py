"""Changes between two reports of the same prompts."""

from __future__ import annotations

import pytest

from textgym.errors import DataError
from textgym.evaluation import compare, evaluate

ID = "TextGen-Numbers-v0"


def climb(prompt, by):
    return " ".join(str(int(prompt) + i) for i in range(1, by + 1))


@pytest.fixture(scope="module")
def reports():
    # The first falls short by one number wherever the second does not: a constant difference of 1/8.
    return (
        evaluate(lambda prompt: climb(prompt, 2), ID, episodes=8),
        evaluate(lambda prompt: climb(prompt, 3), ID, episodes=8),
    )


def test_means_are_paired_so_that_a_constant_gain_has_no_width(reports):
    change = {change.name: change for change in compare(*reports)}["reward"]
    assert (change.before.mean, change.after.mean) == (0.25, 0.375)
    assert change.difference == (0.125, 0.125, 0.125)
    assert change.ratio == 1.5


def test_rates_of_endings_have_intervals_too(reports):
    change = {change.name: change for change in compare(*reports)}["finish/eos"]
    assert change.difference.low < change.difference.value == 0.0 < change.difference.high


def test_a_ratio_across_zero_is_left_out(reports):
    changes = {change.name: change for change in compare(*reports)}
    assert changes["success"].before.mean == 0.0
    assert changes["success"].ratio is None


def test_reports_of_other_prompts_are_refused(reports):
    with pytest.raises(DataError, match="different prompts"):
        compare(reports[0], evaluate(lambda prompt: "1", ID, episodes=7))
    with pytest.raises(DataError, match="split is 'test' and 'train'"):
        compare(reports[0], evaluate(lambda prompt: "1", ID, episodes=8, split="train"))
