"""METEOR and edit similarity, worked by hand and against nltk and rapidfuzz."""

from __future__ import annotations

import numpy as np
import pytest
from nltk.stem import PorterStemmer
from nltk.tokenize import wordpunct_tokenize
from nltk.translate.meteor_score import align_words, exact_match, single_meteor_score, stem_match
from rapidfuzz.distance import Levenshtein

from textgym.errors import RewardError
from textgym.rewards.matching import EditSimilarity, Meteor, NoSynonyms


def sentences(count: int) -> list[str]:
    rng = np.random.default_rng(1)
    vocabulary = ["The", "the", "dog", "dogs", "ran", "running", "runs", "home", ",", "happily", "happy", "a", "."]
    return [" ".join(rng.choice(vocabulary, size=rng.integers(1, 12))) for _ in range(count)]


@pytest.mark.parametrize(
    ("completion", "reference", "expected"),
    [
        ("the cat sat on the mat", "The cat sat on the mat", 1 - 0.5 / 6**3),
        ("the cat was sat on the mat", "the cat sat on the mat", 0.9836 * (1 - 0.5 * (2 / 6) ** 3)),
        ("cats", "cat", 0.5),  # one match by stem, one chunk
        ("two one", "one two", 0.5),  # two matches, two chunks
        ("one", "one two", 0.5 / 0.95 * 0.5),  # P = 1, R = 1/2
        ("quick", "fast", 0.0),  # synonyms are not known
        ("", "cat", 0.0),
        ("cat", "", 0.0),
    ],
)
def test_meteor_worked_by_hand(completion, reference, expected):
    assert Meteor()([""], [completion], references=[[reference]]) == [pytest.approx(expected, abs=1e-4)]


def test_meteor_is_that_of_nltk_on_the_best_reference():
    texts = sentences(120)
    completions, references = texts[:40], [texts[40 + 2 * i : 42 + 2 * i] for i in range(40)]
    expected = [
        max(
            single_meteor_score(wordpunct_tokenize(text), wordpunct_tokenize(completion), wordnet=NoSynonyms())
            for text in row
        )
        for completion, row in zip(completions, references, strict=True)
    ]
    assert Meteor()([""] * 40, completions, references=references) == expected
    assert Meteor().corpus([""] * 40, completions, references=references) == pytest.approx(np.mean(expected))


def test_without_synonyms_meteor_aligns_what_the_first_two_stages_align():
    """That nltk looks nothing up in place of WordNet, and matches nothing for want of it."""
    for left, right in zip(sentences(60)[:30], sentences(60)[30:], strict=True):
        words = [text.lower().split() for text in (left, right)]
        exact, rest_left, rest_right = exact_match(*words)
        stems, *_ = stem_match([w for _, w in rest_left], [w for _, w in rest_right], PorterStemmer())
        aligned, *_ = align_words(*words, wordnet=NoSynonyms())
        assert len(aligned) == len(exact) + len(stems)


@pytest.mark.parametrize(
    ("completion", "references", "expected"),
    [
        ("kitten", ["sitting"], 1 - 3 / 7),
        (" kitten\n", ["kitten"], 1.0),
        ("kitten", ["sitting", "kitchen"], 1 - 2 / 7),
        ("abc", ["xyz"], 0.0),
        ("", ["abc"], 0.0),
        ("", [" "], 1.0),
        ("我爱你", ["我爱他"], 2 / 3),
    ],
)
def test_edit_similarity_worked_by_hand(completion, references, expected):
    assert EditSimilarity()([""], [completion], references=[references]) == [pytest.approx(expected)]


def test_edit_similarity_is_that_of_rapidfuzz():
    texts = sentences(80)
    scores = EditSimilarity()([""] * 40, texts[:40], references=[[text] for text in texts[40:]])
    for score, left, right in zip(scores, texts[:40], texts[40:], strict=True):
        assert score == pytest.approx(1 - Levenshtein.distance(left, right) / max(len(left), len(right)))
    assert EditSimilarity().corpus([""] * 40, texts[:40], references=[[text] for text in texts[40:]]) == pytest.approx(
        np.mean(scores)
    )


@pytest.mark.parametrize("reward", [Meteor(), EditSimilarity()], ids=lambda reward: reward.name)
def test_missing_references_are_named(reward):
    with pytest.raises(RewardError, match=f"'{reward.name}' .*which this call does not carry"):
        reward([""], ["a"])
