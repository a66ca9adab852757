"""How common words are, against wordfreq itself."""

from __future__ import annotations

import math

import pytest
from wordfreq import word_frequency

from textgym import rewards
from textgym.errors import RewardError
from textgym.rewards.frequency import UNKNOWN


def score(spec: str, text: str) -> float:
    return rewards.make(spec).score([""], [text]).total.item()


def test_word_frequency_is_the_sum_of_log_probabilities():
    the, cat = (math.log(word_frequency(word, "en")) for word in ("the", "cat"))
    assert score("word_frequency", "The cat!") == pytest.approx(the + cat)
    assert score("word_frequency", "the zxqwv") == pytest.approx(the + math.log(UNKNOWN))
    assert score("word_frequency", "the") > score("word_frequency", "the cat") > score("word_frequency", "the zxqwv")


@pytest.mark.parametrize("text", ["", "  \n", "?!", "zxqwv " * 60])
def test_no_words_and_no_end_of_unknown_words_are_the_low_end(text):
    assert score("word_frequency", text) == -1000.0
    assert score("word_frequency(lowest=-50)", text) == -50.0


@pytest.mark.parametrize("lowest", [0, 1, -math.inf, math.nan])
def test_the_low_end_is_finite_and_below_0(lowest):
    with pytest.raises(RewardError, match="finite number below 0"):
        rewards.make("word_frequency", lowest=lowest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The staff was friendly, and it's lovely.", 1.0),
        ("friendly zxqwv", 0.5),
        ("ingtheer", 0.0),
        ("12 2024", 0.0),
        ("room 12", 1.0),
        ("déjà vu", 1.0),
        ("it’s fine, don't worry", 1.0),
        ("日本 hello", 0.5),
        ("", 0.0),
        ("!!! ...", 0.0),
    ],
)
def test_english_words(text, expected):
    assert score("english_words", text) == expected


def test_the_corpus_form_of_english_words_pools_words():
    assert rewards.make("english_words").corpus([""] * 3, ["one two three", "zxqwv", ""]) == 0.75
