"""How common the words of a completion are in English, by the word list of wordfreq."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textgym.errors import RewardError

from .base import Reward

UNKNOWN = 1e-9
"""Probability given to a word that the list does not have; the rarest that it has are at 1e-8."""

END_OF_LATIN = "\u0250"
"""First character after Unicode's Latin blocks; the list also holds words such as 日本, which English texts quote."""


@dataclass(frozen=True, repr=False)
class WordFrequency(Reward):
    """Log-probability of the words of a completion, taken one by one: ``Σ log p(w)``, in nats. Range [lowest, 0].

    p(w) is the word's share of running English text, `UNKNOWN` for a word that the list does not have. The
    sum rises with every word left out: it asks for simple *and short* text, so combine it with `length`. A
    completion without a word scores ``lowest``, so that silence does not win outright.

    Args:
        lowest: The low end, where the sum is cut; -1000 is what 48 unknown words would give.

    Source: Speer 2022, wordfreq, doi:10.5281/zenodo.7199437.
    """

    lowest: float = -1000.0

    name = "word_frequency"
    gameable_by = frozenset({"copied_prompt", "repeated_word", "keyword_spam", "unsupported_characters"})

    def __post_init__(self) -> None:
        if not -math.inf < self.lowest < 0:
            raise RewardError(f"word_frequency(lowest=…) takes a finite number below 0. Actual value: {self.lowest!r}.")

    @property
    def range(self) -> tuple[float, float]:
        return self.lowest, 0.0

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        from wordfreq import tokenize, word_frequency

        scores = []
        for completion in completions:
            words = tokenize(completion, "en")
            total = sum(math.log(word_frequency(word, "en", minimum=UNKNOWN)) for word in words)
            scores.append(max(total, self.lowest) if words else self.lowest)
        return scores


@dataclass(frozen=True, repr=False)
class EnglishWords(Reward):
    """Share of the words of a completion that are English: on the list of wordfreq, in Latin letters. Range [0, 1].

    Only words with a letter count, so that numbers prove nothing; a completion without one scores 0. The
    corpus form is the share among the words of all completions.
    """

    name = "english_words"
    range = (0.0, 1.0)
    gameable_by = frozenset({"all_labels", "copied_prompt", "repeated_word", "keyword_spam", "max_length"})

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [_known_share(completion) for completion in completions]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        return _known_share(" ".join(completions))


def _known_share(text: str) -> float:
    from wordfreq import tokenize, word_frequency

    words = [word for word in tokenize(text, "en") if any(map(str.isalpha, word))]
    known = [word for word in words if word_frequency(word, "en") and max(filter(str.isalpha, word)) < END_OF_LATIN]
    return len(known) / len(words) if words else 0.0
