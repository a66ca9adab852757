"""Over-optimisation: the estimator of best-of-n, the fitted forms, and the files."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from textgym.errors import OptionError, RunError
from textgym.evaluation.overoptimization import BEST_OF_N, Fit, Overoptimization, Point, Unit, best_of_n, powers
from textgym.evaluation.statistics import Estimate


def point(method, setting, kl, proxy, gold):
    return Point(method, setting, kl, *(Estimate(value, value - 0.1, value + 0.1) for value in (proxy, gold)))


def result(points):
    units = {"proxy": Unit(0.0, 1.0), "gold": Unit(0.0, 1.0)}
    return Overoptimization("TextGen-Sentiment-v0", "vader", "sentiment", tuple(points), units, {"seed": 0})


def test_best_of_n_is_the_mean_over_all_subsets():
    rng = np.random.default_rng(0)
    proxy, gold = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    for found in best_of_n(proxy, gold, [1, 2, 3, 6]):
        subsets = list(itertools.combinations(range(6), found.setting))
        chosen = [[max(subset, key=lambda i, row=row: proxy[row, i]) for subset in subsets] for row in range(3)]
        expected = [np.mean([[scores[row, i] for i in chosen[row]] for row in range(3)]) for scores in (proxy, gold)]
        assert [found.proxy.value, found.gold.value] == pytest.approx(expected)
        n = found.setting
        assert found.kl == pytest.approx(math.log(n) - (n - 1) / n)


def test_best_of_one_is_the_start_and_of_all_the_best():
    proxy, gold = np.array([[0.0, 1.0, 2.0]]), np.array([[5.0, -1.0, 3.0]])
    one, three = best_of_n(proxy, gold, [1, 3])
    assert (one.kl, one.proxy.value, one.gold.value) == pytest.approx((0.0, 1.0, 7 / 3))
    assert (three.proxy.value, three.gold.value) == (2.0, 3.0)


@pytest.mark.parametrize("n", [0, 4])
def test_more_than_was_sampled_cannot_be_chosen_from(n):
    with pytest.raises(OptionError, match="1 to 3 completions"):
        best_of_n(np.zeros((2, 3)), np.zeros((2, 3)), [n])


@pytest.mark.parametrize("method", [BEST_OF_N, "ppo"])
def test_the_fit_finds_the_form_that_made_the_points(method):
    law = Fit(1.5, 0.4)
    kls = [0.5, 1.0, 4.0, 9.0, 16.0]
    rises = law.at(np.sqrt(kls), method)
    points = [point(method, 0, 0.0, 0.2, 0.2)]
    points += [point(method, i, kl, 0.2 + rise, 0.0) for i, (kl, rise) in enumerate(zip(kls, rises, strict=True), 1)]
    found = result(points).fit(method, "proxy")
    assert found is not None
    assert (found.alpha, found.beta) == pytest.approx(law)
    d = 2.0
    assert law.at(np.array([d]), method).item() == pytest.approx(
        d * (1.5 - 0.4 * (d if method == BEST_OF_N else math.log(d)))
    )


def test_two_points_fit_nothing():
    assert result([point("ppo", i, float(i), 0.0, 0.0) for i in range(3)]).fit("ppo", "gold") is None


def test_units_standardise_and_refuse_a_constant():
    unit = Unit.of([1.0, 3.0])
    assert unit == (2.0, 1.0)
    assert unit.standardised([2.0, 5.0]).tolist() == [0.0, 3.0]
    with pytest.raises(OptionError, match="nothing to optimise"):
        Unit.of([2.0, 2.0])


def test_powers():
    assert powers(16) == [1, 2, 4, 8, 16]
    assert powers(20) == [1, 2, 4, 8, 16, 20]


def test_it_is_written_drawn_and_read_back(tmp_path):
    points = [point(BEST_OF_N, n, math.log(n), n, -n) for n in (1, 2, 4, 8)]
    points += [point("ppo", step, step / 100, step, 5 - abs(step - 200) / 100) for step in (0, 100, 200, 300, 400)]
    before = result(points)
    file = tmp_path / "overoptimization.json"
    file.write_text(before.to_json(), encoding="utf-8")
    assert Overoptimization.load(file) == before
    assert before.draw(tmp_path / "plot.png").stat().st_size > 10_000
    text = before.markdown()
    assert "ppo: gold is highest, 5.000 [4.900, 5.100], at KL 2.000" in text
    file.write_text(json.dumps({"schema": "other"}), encoding="utf-8")
    with pytest.raises(RunError, match="not a result"):
        Overoptimization.load(file)
