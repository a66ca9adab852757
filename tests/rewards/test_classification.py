"""Generated labels, worked by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from textgym.errors import RewardError
from textgym.rewards.classification import LabelAccuracy, LabelF1, normalize_label

LABELS = ["positive", "negative", "neutral"]
SPOKEN = {"positive": " Positive.", "negative": "**negative**\n", "neutral": '"neutral"'}


def drawn(answers: list[str], seed: int) -> tuple[list[str], list[str]]:
    """Draws 60 true labels, and 60 answers that are right half of the time."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(LABELS, size=60, p=[0.6, 0.3, 0.1])
    return gold.tolist(), np.where(rng.random(60) < 0.5, gold, rng.choice(answers, size=60)).tolist()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (" Positive.\n", "positive"),
        ("“Not  Sure”!", "not sure"),
        ("C++", "c++"),
        ("+", "+"),
        (":)", ":)"),  # nothing but marks
        ("", ""),
    ],
)
def test_labels_are_read_without_what_stands_around_them(text, label):
    assert normalize_label(text) == label


@pytest.mark.parametrize("cls", [LabelAccuracy, LabelF1])
@pytest.mark.parametrize("labels", [(), LABELS])
def test_a_completion_is_right_if_it_is_the_label_and_nothing_else(cls, labels):
    answers = [" Positive.", "negative", "positive, negative, neutral", "It is positive", "positive positive", "", "!"]
    scores = cls(labels=labels)([""] * 7, answers, references=[["positive"]] * 7)
    assert scores == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("seed", range(5))
def test_corpus_scores_are_those_of_scikit_learn(seed):
    gold, answers = drawn(LABELS, seed)
    columns = {"references": [[label] for label in gold]}
    completions = [SPOKEN[answer] for answer in answers]
    accuracy = metrics.accuracy_score(gold, answers)
    assert LabelAccuracy().corpus([""] * 60, completions, **columns) == pytest.approx(accuracy)
    for average in ("macro", "micro"):
        expected = metrics.f1_score(gold, answers, average=average)
        for labels in ((), LABELS):
            reward = LabelF1(labels=labels, average=average)
            assert reward.corpus([""] * 60, completions, **columns) == pytest.approx(expected)


@pytest.mark.parametrize("average", ["macro", "micro"])
@pytest.mark.parametrize("seed", range(5))
def test_answers_that_are_no_label_are_misses(average, seed):
    """As scikit-learn has it when told which labels there are: the odd answers are no class to be averaged over."""
    gold, answers = drawn([*LABELS, "good", "positive, negative", ""], seed)
    columns = {"references": [[label] for label in gold]}
    expected = metrics.f1_score(gold, answers, average=average, labels=LABELS)
    assert LabelF1(average=average).corpus([""] * 60, answers, **columns) == pytest.approx(expected)
    accuracy = metrics.accuracy_score(gold, answers)
    assert LabelAccuracy().corpus([""] * 60, answers, **columns) == pytest.approx(accuracy)


def test_f1_worked_by_hand():
    """positive: TP 1, FP 1, FN 1; negative: TP 1, FP 0, FN 1, since 'bad' is no label; neutral: FP 1."""
    gold, answers = ["positive", "positive", "negative", "negative"], ["positive", "neutral", "negative", "bad"]
    answers.append("positive")
    gold.append("neutral")
    columns = {"references": [[label] for label in gold]}
    assert LabelF1().corpus([""] * 5, answers, **columns) == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert LabelF1(average="micro").corpus([""] * 5, answers, **columns) == pytest.approx(2 * 2 / (5 + 4))


def test_an_answer_that_no_row_asks_for_is_a_class_only_if_it_is_listed():
    columns = {"references": [["positive"], ["negative"]]}
    answers = ["positive", "neutral"]
    assert LabelF1().corpus(["", ""], answers, **columns) == pytest.approx((1 + 0) / 2)
    assert LabelF1(labels=LABELS).corpus(["", ""], answers, **columns) == pytest.approx((1 + 0 + 0) / 3)


def test_a_corpus_without_an_answer_scores_0():
    columns = {"references": [["positive"], ["negative"]]}
    for average in ("macro", "micro"):
        assert LabelF1(average=average).corpus(["", ""], ["", ""], **columns) == 0.0


@pytest.mark.parametrize("cls", [LabelAccuracy, LabelF1])
@pytest.mark.parametrize("labels", ["positive", ["positive"], ["positive", "Positive."], ["positive", ""], [1, 2], 3])
def test_labels_that_cannot_be_told_apart_are_named(cls, labels):
    with pytest.raises(RewardError, match=rf"{cls.name}\(labels=…\) takes two labels or more"):
        cls(labels=labels)


@pytest.mark.parametrize("cls", [LabelAccuracy, LabelF1])
@pytest.mark.parametrize(
    ("references", "said"),
    [
        ([["positive"], ["good"]], "completion 1 is none of the labels .* Actual value: 'good'"),
        ([["positive"], ["positive", "negative"]], "one reference label for completion 1"),
        ([["positive"], [" "]], "one reference label for completion 1"),
        ([["positive"], []], "at least one reference text for completion 1"),
    ],
)
def test_references_that_are_no_label_are_named(cls, references, said):
    with pytest.raises(RewardError, match=said):
        cls(labels=LABELS)(["", ""], ["positive", "positive"], references=references)


def test_the_average_is_one_of_two():
    with pytest.raises(RewardError, match=r"label_f1\(average=…\) takes one of .* Actual value: 'weighted'"):
        LabelF1(average="weighted")


def test_a_reward_is_hashable_and_printed_as_it_can_be_read():
    reward = LabelF1(labels=["a", "b"], average="micro")
    assert {reward, LabelF1(labels=("a", "b"), average="micro")} == {reward}
    assert repr(reward) == "label_f1(labels=('a', 'b'), average='micro')"
