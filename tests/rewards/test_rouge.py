"""ROUGE, worked by hand and against rouge-score itself."""

from __future__ import annotations

import numpy as np
import pytest
from rouge_score import rouge_scorer

from textgym.errors import RewardError
from textgym.rewards.rouge import Rouge1, Rouge2, RougeL, RougeLsum

CLASSES = [Rouge1, Rouge2, RougeL, RougeLsum]


@pytest.mark.parametrize("use_stemmer", [False, True])
@pytest.mark.parametrize("cls", CLASSES)
def test_scores_are_those_of_rouge_score(cls, use_stemmer):
    rng = np.random.default_rng(0)
    vocabulary = ["runs", "running", "the", "dog", "dogs", "quickly", "Home.", "and\n", "café"]
    texts = [" ".join(rng.choice(vocabulary, size=rng.integers(0, 12))) for _ in range(160)]
    completions, references = texts[:40], [texts[40 + 3 * i : 43 + 3 * i] for i in range(40)]
    scorer = rouge_scorer.RougeScorer([cls.kind], use_stemmer=use_stemmer)
    expected = [
        max(scorer.score(text, completion)[cls.kind].fmeasure for text in row)
        for completion, row in zip(completions, references, strict=True)
    ]
    reward = cls(use_stemmer=use_stemmer)
    assert reward([""] * 40, completions, references=references) == expected
    assert reward.corpus([""] * 40, completions, references=references) == pytest.approx(np.mean(expected))


@pytest.mark.parametrize(
    ("reward", "completion", "reference", "expected"),
    [
        (Rouge1(), "the cat sat", "The cat sat on the mat.", 2 * 3 / 9),
        (Rouge2(), "the cat sat", "The cat sat on the mat.", 2 * 2 / 7),
        (Rouge2(), "cat", "cat", 0.0),
        (RougeL(), "mat the cat sat", "The cat sat on the mat.", 2 * 3 / 10),
        (RougeL(), "a b\nc d", "c d\na b", 0.5),
        (RougeLsum(), "a b\nc d", "c d\na b", 1.0),
        (Rouge1(), "painted houses", "paint house", 0.0),
        (Rouge1(use_stemmer=True), "painted houses", "paint house", 1.0),
        (Rouge1(), "", "The cat", 0.0),
        (Rouge1(), "我爱你", "我爱你", 0.0),
    ],
)
def test_scores_worked_by_hand(reward, completion, reference, expected):
    assert reward([""], [completion], references=[[reference, "!"]]) == [pytest.approx(expected)]


@pytest.mark.parametrize("cls", CLASSES)
def test_what_cannot_be_scored_is_named(cls):
    with pytest.raises(RewardError, match=f"'{cls.name}' .*which this call does not carry"):
        cls()([""], ["a"])
    with pytest.raises(RewardError, match=rf"{cls.name}\(use_stemmer=…\) takes True or False. Actual value: 1"):
        cls(use_stemmer=1)
