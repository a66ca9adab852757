"""Overlap with references, against sacrebleu itself."""

from __future__ import annotations

import pytest
import sacrebleu

from textgym import rewards
from textgym.errors import RewardError
from textgym.rewards.overlap import Bleu, Chrf, ExactMatch, Ter, TokenF1

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


def test_ter_is_that_of_sacrebleu():
    scores = Ter()(PROMPTS, HYPOTHESES, references=REFERENCES)
    for score, hypothesis, references in zip(scores, HYPOTHESES, REFERENCES, strict=True):
        assert score == sacrebleu.sentence_ter(hypothesis, references).score / 100
    expected = sacrebleu.corpus_ter(HYPOTHESES, STREAMS).score / 100
    assert Ter().corpus(PROMPTS, HYPOTHESES, references=REFERENCES) == expected


@pytest.mark.parametrize(
    ("completion", "references", "expected"),
    [
        ("we met at the old mill", ["We met at the old mill"], 0.0),
        ("we met at the mill", ["we met at the old mill"], 1 / 6),
        ("at the old mill we met", ["we met at the old mill"], 1 / 6),  # one phrase shifted
        ("", ["we met at the old mill"], 1.0),
        ("a b c d", ["e f"], 2.0),
        ("we met", ["we met", "we met there at noon"], 0.0),
        ("we", ["we met", "he met us at six"], 1 / 3.5),  # over the mean length of the references
    ],
)
def test_ter_counts_edits_per_word(completion, references, expected):
    assert Ter()([""], [completion], references=[references]) == [pytest.approx(expected)]


def test_less_ter_is_better_and_as_a_reward_silence_pays_nothing():
    assert not Ter().higher_is_better
    reward = 1 - Ter().clip(0, 1)
    assert reward([""] * 3, ["we met", "", "a b c d e"], references=[["we met"]] * 3) == [1.0, 0.0, 0.0]


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


@pytest.mark.parametrize(
    ("completion", "reference", "f1", "exact"),
    [
        ("The  Eiffel-Tower!", "eiffeltower", 1.0, 1.0),
        ("A cat, the dog", "cat dog", 1.0, 1.0),
        ("dog cat", "cat dog", 1.0, 0.0),
        ("in Paris in May", "May in Paris", 6 / 7, 0.0),  # the second "in" is matched by nothing
        ("theatre", "atre", 0.0, 0.0),
        ("Saturn", "Mars", 0.0, 0.0),
        ("", "Mars", 0.0, 0.0),
        ("Mars", "the", 0.0, 0.0),
        ("!", "the", 1.0, 1.0),
    ],
)
def test_words_are_compared_as_squad_does(completion, reference, f1, exact):
    columns = {"references": [[reference, "never said"]]}
    assert TokenF1()([""], [completion], **columns) == [pytest.approx(f1)]
    assert ExactMatch(squad=True)([""], [completion], **columns) == [exact]


def test_token_f1_takes_the_best_reference_and_means_over_a_corpus():
    references = [["nothing", "red rose"], ["blue"]]
    assert TokenF1()(["", ""], ["a rose", "red"], references=references) == [pytest.approx(2 / 3), 0.0]
    assert TokenF1().corpus(["", ""], ["a rose", "red"], references=references) == pytest.approx(1 / 3)


def test_options_outside_their_range_are_named():
    with pytest.raises(RewardError, match=r"exact_match\(squad=…\) takes True or False. Actual value: 'yes'"):
        ExactMatch(squad="yes")
    with pytest.raises(RewardError, match=r"bleu\(tokenize=…\) takes one of .*'13a'.* Actual value: 'ja'"):
        rewards.make("bleu", tokenize="ja")


@pytest.mark.parametrize("reward", [ExactMatch(), TokenF1(), Ter(), Bleu(), Chrf()], ids=lambda reward: reward.name)
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
def test_missing_references_are_named(reward, columns, said):
    with pytest.raises(RewardError, match=f"'{reward.name}' .*{said}"):
        reward.score(["", ""], ["a", "b"], **columns)
