"""The judgement of a model as a whole: its numbers, its tables, its JSON, its picture."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics

from textgym.errors import DataError
from textgym.reward_models.feedback import Ranking
from textgym.reward_models.quality import judge_labels, judge_rankings, judge_ratings, valence

LABELS = ("negative", "neutral", "positive")


def classified(rng, size=600, bias=0.0):
    """A classifier of three classes that is right about two times in three, and what it judged."""
    truth = rng.integers(3, size=size)
    groups = rng.choice(["calm", "loud"], size=size)
    logits = 1.2 * np.eye(3)[truth] + rng.normal(size=(size, 3))
    logits[groups == "loud", 2] += bias
    odds = np.exp(logits)
    texts = [" ".join(["word"] * int(n)) for n in rng.integers(1, 40, size=size)]
    return odds / odds.sum(1, keepdims=True), truth, texts, groups.tolist()


def test_labels_are_judged_as_scikit_learn_does():
    p, truth, texts, groups = classified(np.random.default_rng(0))
    found = judge_labels(p, LABELS, [LABELS[i] for i in truth], texts, groups)
    polar = truth != 1
    expected = {
        "accuracy": metrics.accuracy_score(truth, p.argmax(1)),
        "macro_f1": metrics.f1_score(truth, p.argmax(1), average="macro"),
        "auc": metrics.roc_auc_score(truth[polar] == 2, (p[:, 2] - p[:, 0])[polar]),
    }
    assert {name: found.metrics[name].value for name in expected} == pytest.approx(expected)
    assert all(metric.low <= metric.value <= metric.high for metric in found.metrics.values())
    assert found.metrics["accuracy"].high - found.metrics["accuracy"].low == pytest.approx(0.075, abs=0.015)
    assert found.count == sum(bin.rows for bin in found.reliability) == 600
    assert abs(found.length_bias["score, length"].value) < 0.1
    assert found == judge_labels(p, LABELS, [LABELS[i] for i in truth], texts, groups)


def test_a_model_that_favours_a_group_is_found_out():
    p, truth, texts, groups = classified(np.random.default_rng(0), bias=1.5)
    favour = judge_labels(p, LABELS, [LABELS[i] for i in truth], texts, groups).groups["favour"]
    assert (favour.highest, favour.lowest) == ("loud", "calm")
    assert favour.gap.low > 0.2
    p, truth, texts, groups = classified(np.random.default_rng(0))
    favour = judge_labels(p, LABELS, [LABELS[i] for i in truth], texts, groups).groups["favour"]
    assert favour.gap.low < 0.05


def test_one_number_of_classes_is_good_minus_bad():
    assert valence(("Negative", "neutral", "Positive")) == (2, 0)
    assert valence(("positive", "negative")) == (0, 1)
    assert valence(("0", "1")) == (1, 0)
    assert valence(("billing", "delivery", "other")) is None


def test_classes_without_an_order_are_judged_without_what_needs_one():
    p, truth, texts, groups = classified(np.random.default_rng(0))
    names = ("billing", "delivery", "other")
    found = judge_labels(p, names, [names[i] for i in truth], texts, groups)
    assert set(found.metrics) == {"accuracy", "macro_f1", "ece"}
    assert set(found.groups) == {"accuracy"}
    assert not found.length_bias


def test_wrong_probabilities_and_labels_are_named():
    with pytest.raises(DataError, match=r"negative, positive.*'neutral'"):
        judge_labels([[0.5, 0.5]], ["negative", "positive"], ["neutral"], ["a"])
    with pytest.raises(ValueError, match="Actual sums: 2 to 2"):
        judge_labels([[1.0, 1.0]], ["a", "b"], ["a"], ["text"])
    with pytest.raises(ValueError, match=r"Expected shape: \(2, 2\)"):
        judge_labels([[0.5, 0.5]], ["a", "b"], ["a", "b"], ["x", "y"])


def test_ratings_are_judged_by_order_and_line():
    rng = np.random.default_rng(0)
    ratings = rng.integers(1, 6, size=300)
    scores = np.exp(ratings + rng.normal(size=300))  # the right order on another scale
    found = judge_ratings(scores, ratings, ["some words"] * 300, ["a", "b", None] * 100)
    assert found.metrics["spearman"].value > found.metrics["pearson"].value > 0
    assert {group.name: group.rows for group in found.groups["spearman"].groups} == {"a": 100, "b": 100}
    assert [bin.rows for bin in found.reliability] == [30] * 10
    assert found.reliability[0].observed < found.reliability[-1].observed
    assert "score, length" not in found.length_bias  # all are equally long: nothing to correlate


def test_preferences_and_rankings_are_judged_by_pairs():
    rankings = [Ranking("p", ("a b c", "a")), Ranking("p", ("a", "a b")), Ranking("p", ("a b", "a", "c d e"))] * 20
    scores = [[2.0, 1.0], [0.5, 1.5], [3.0, 3.0, 1.0]] * 20
    found = judge_rankings(scores, rankings)
    assert found.metrics["pairwise_accuracy"].value == pytest.approx(3.5 / 5)
    assert found.length_bias["pairwise accuracy, better is longer"].value == pytest.approx(1.5 / 2)
    assert found.length_bias["pairwise accuracy, better is shorter"].value == pytest.approx(2 / 3)
    assert found.count == 60
    with pytest.raises(ValueError, match="one score a text"):
        judge_rankings([[1.0]], rankings[:1])


def test_preferences_by_group():
    rankings = [Ranking("", (f"a{i}", f"b{i}"), group="xy"[i % 2]) for i in range(100)]
    found = judge_rankings([[float(i % 2), 0.5] for i in range(100)], rankings)
    assert found.groups["pairwise_accuracy"].gap.value == 1.0
    assert found.groups["pairwise_accuracy"].highest == "y"


def judged():
    rng = np.random.default_rng(0)
    p, truth, texts, groups = classified(rng, 120)
    ratings = truth + rng.normal(size=120)
    rankings = [Ranking("", (f"{text} x", text)) for text in texts]
    return [
        judge_labels(p, LABELS, [LABELS[i] for i in truth], texts, groups),
        judge_ratings(p[:, 2], ratings, texts, [f"a|b {group}" for group in groups]),
        judge_rankings(list(p[:, :2]), rankings),
    ]


@pytest.mark.parametrize("found", judged(), ids=lambda found: found.kind)
def test_every_judgement_can_be_written_and_drawn(found, tmp_path):
    from matplotlib.image import imread

    content = json.loads(found.to_json())
    assert content["schema_version"] == 1
    assert set(content["metrics"]) == set(found.metrics)
    assert all(set(metric) == {"value", "low", "high"} for metric in content["metrics"].values())
    table = found.markdown()
    for name, metric in found.metrics.items():
        assert f"| {name} | {metric.value:.3f}".replace("-", "−") in table
    bars = {line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")}
    assert bars <= {3, 4}  # a bar in a group's name does not add a column
    assert imread(found.plot(tmp_path / "deep" / "reliability.png")).shape[:2] == (750, 750)


def test_a_single_row_is_judged_without_what_needs_two():
    found = judge_labels([[0.2, 0.8]], ["bad", "good"], ["good"], ["fine"])
    assert found.metrics["accuracy"].value == 1.0
    assert "auc" not in found.metrics
    json.loads(found.to_json())
    assert judge_rankings([[1.0, 0.0]], [Ranking("", ("a", "b"))]).metrics["pairwise_accuracy"].value == 1.0
    assert judge_ratings([1.0], [1.0], ["a"]).metrics == {}
