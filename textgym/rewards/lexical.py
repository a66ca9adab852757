"""The words of a completion: how many, how varied, how hard to read."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .base import Reward
from .form import ngrams, words
from .options import check_count, check_number
from .poetry import syllables


@dataclass(frozen=True, repr=False)
class VocabularySize(Reward):
    """Number of distinct words, up to a target: ``min(1, distinct / target)``. Range [0, 1].

    It does not see what the words are: any text that goes on long enough has them.

    Args:
        target: Number of distinct words that is enough, at least 1.
    """

    target: int = 20

    name = "vocabulary_size"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "keyword_spam", "all_labels", "max_length", "unsupported_characters"})

    def __post_init__(self) -> None:
        check_count(self, "target", self.target)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [min(1.0, len(set(words(completion))) / self.target) for completion in completions]


@dataclass(frozen=True, repr=False)
class Msttr(Reward):
    """Mean segmental type-token ratio: the mean share of distinct words in segments of equal length. Range [0, 1].

    The words are cut into segments; a rest too short for one is dropped, unless it is all there is. So, other than
    the share in the whole text, it does not fall with length alone. A completion without a word scores 0. The corpus
    form takes the words of all completions as one text.

    Args:
        segment: Words in a segment, at least 1. The fewer, the higher the score.

    Source: Johnson 1944, "Studies in language behavior: I. A program of research".
    """

    segment: int = 50

    name = "msttr"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "keyword_spam", "unsupported_characters"})

    def __post_init__(self) -> None:
        check_count(self, "segment", self.segment)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [self._ratio(words(completion)) for completion in completions]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        return self._ratio([word for completion in completions for word in words(completion)])

    def _ratio(self, tokens: list[str]) -> float:
        if not tokens:
            return 0.0
        length = min(self.segment, len(tokens))
        starts = range(0, len(tokens) - length + 1, length)
        return math.fsum(len(set(tokens[i : i + length])) / length for i in starts) / len(starts)


@dataclass(frozen=True, repr=False)
class NgramEntropy(Reward):
    """Entropy of the n-grams of words over the most that as many can have: ``H / log N``. Range [0, 1].

    ``H = −Σ p(g) log p(g)``, p(g) being the share of n-gram g among the N that there are: 1 where all differ, 0 where
    all are the same, and 0 for fewer than two. The corpus form pools the n-grams of all completions.

    Args:
        n: Words in an n-gram, at least 1.

    Source: Zhang et al. 2018, arXiv:1809.05972 (Ent-n, there for n = 4 and without the division).
    """

    n: int = 2

    name = "ngram_entropy"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "keyword_spam", "all_labels", "unsupported_characters"})

    def __post_init__(self) -> None:
        check_count(self, "n", self.n)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [_evenness(ngrams(completion, self.n)) for completion in completions]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        return _evenness([gram for completion in completions for gram in ngrams(completion, self.n)])


@dataclass(frozen=True, repr=False)
class Readability(Reward):
    """Nearness of Flesch's reading ease to a target: ``max(0, 1 − |ease − target| / 100)``. Range [0, 1].

    ``ease = 206.835 − 1.015 · words / sentences − 84.6 · syllables / words``: 90 is very easy, 60 to 70 plain, below
    30 hard. A sentence ends at ``. ! ? …`` before space, or with the text; syllables are counted as
    `textgym.rewards.poetry.Syllables` counts them. A completion without a word scores 0. The formula is for English,
    and counts only: nonsense of the right lengths reads well.

    Args:
        target: Reading ease to reach.

    Source: Flesch 1948, "A new readability yardstick".
    """

    target: float = 70.0

    name = "readability"
    range = (0.0, 1.0)
    gameable_by = frozenset(
        {"copied_prompt", "repeated_word", "keyword_spam", "all_labels", "max_length", "unsupported_characters"}
    )

    def __post_init__(self) -> None:
        check_number(self, "target", self.target)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [
            max(0.0, 1 - abs(reading_ease(completion) - self.target) / 100) if words(completion) else 0.0
            for completion in completions
        ]


def reading_ease(text: str) -> float:
    """Returns Flesch's reading ease of a text that has a word; `Readability` has the formula."""
    tokens = words(text)
    sentences = sum(bool(words(part)) for part in _SENTENCE_END.split(text))
    return 206.835 - 1.015 * len(tokens) / sentences - 84.6 * sum(map(syllables, tokens)) / len(tokens)


_SENTENCE_END = re.compile(r"""[.!?…]+["'”’)]*(?:\s|$)""")


def _evenness(grams: Iterable[tuple[str, ...]]) -> float:
    counts = Counter(grams)
    total = counts.total()
    if total < 2:
        return 0.0
    entropy = math.log(total) - math.fsum(count * math.log(count) for count in counts.values()) / total
    return min(max(entropy / math.log(total), 0.0), 1.0)  # rounding, where all are the same
