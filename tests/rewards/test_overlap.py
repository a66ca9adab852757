"""Overlap with references, against sacrebleu itself."""

from __future__ import annotations

import pytest
import sacrebleu

from textgym import rewards
from textgym.errors import RewardError

HYPOTHESES = ["The cat sat on the mat.", "There is a cat here", "a dog", "", "我爱你。"]
REFERENCES = [
    ["The cat is sitting on the mat.", "A cat sat on the mat."],
    ["There is a cat here"],
    ["Two dogs ran in the park.", "a dog ran", "dogs"],
    ["nothing"],
    ["我爱你们。"],
]
STREAMS = [[row[i] if i < len(row) else None for row in REFERENCES] for i in range(3)]
PROMPTS = [""] * len(HYPOTHESES)


@pytest.mark.parametrize(
    ("spec", "sentence", "corpus"),
    [
        ("bleu", sacrebleu.sentence_bleu, sacrebleu.corpus_bleu),
        ("chrf", sacrebleu.sentence_chrf, sacrebleu.corpus_chrf),
    ],
)
def test_scores_are_those_of_sacrebleu(spec, sentence, corpus):
    reward = rewards.make(spec)
    scores = reward.score(PROMPTS, HYPOTHESES, references=REFERENCES).total.tolist()
    for score, hypothesis, references in zip(scores, HYPOTHESES, REFERENCES, strict=True):
        assert score == min(sentence(hypothesis, references).score / 100, 1.0)
    assert scores[1] == 1.0
    assert scores[3] == 0.0
    assert reward.corpus(PROMPTS, HYPOTHESES, references=REFERENCES) == corpus(HYPOTHESES, STREAMS).score / 100


@pytest.mark.parametrize("tokenize", ["zh", "char", "intl", "none"])
def test_bleu_with_another_tokenizer(tokenize):
    reward = rewards.make("bleu", tokenize=tokenize)
    expected = sacrebleu.corpus_bleu(HYPOTHESES, STREAMS, tokenize=tokenize).score / 100
    assert reward.corpus(PROMPTS, HYPOTHESES, references=REFERENCES) == expected


@pytest.mark.parametrize(
    ("completion", "references", "expected"),
    [
        ("我爱你。", ["我爱你。"], 1.0),
        ("我爱你", ["我爱你。"], 0.0),
        (" Paris\n", ["London", "Paris"], 1.0),
        ("paris", ["Paris"], 0.0),
        ("", ["Paris"], 0.0),
        ("Paris", "Paris", 1.0),
        ("Paris", ("Paris", "London"), 1.0),
    ],
)
def test_exact_match(completion, references, expected):
    assert rewards.make("exact_match")([""], [completion], references=[references]) == [expected]


@pytest.mark.parametrize("name", ["exact_match", "bleu", "chrf"])
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "which this call does not carry"),
        ({"references": [["a"], []]}, r"for completion 1. Actual value: \[\]"),
        ({"references": [["a"], None]}, r"for completion 1. Actual value: \[\]"),
        ({"references": [["a"], [None]]}, r"for completion 1. Actual value: \[None\]"),
        ({"references": [["a"]]}, "as many references as completions"),
    ],
)
def test_missing_references_are_named(name, columns, said):
    with pytest.raises(RewardError, match=f"'{name}' .*{said}"):
        rewards.make(name).score(["", ""], ["a", "b"], **columns)
