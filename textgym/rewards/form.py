"""The form of a completion: how long it is, how much it repeats itself, what it matches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textgym.errors import RewardError

from .base import Reward


def words(text: str) -> list[str]:
    """Returns the words of ``text`` in lower case, without punctuation: ``"It's fine!"`` has ``it's`` and ``fine``."""
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """Returns the n-grams of the words of ``text``, in order."""
    tokens = words(text)
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


@dataclass(frozen=True, repr=False)
class Length(Reward):
    """Nearness of the length to a target: ``max(0, 1 − |length − target| / target)``. Range [0, 1].

    1 at the target, falling linearly to 0 at nothing and at twice the target.

    Args:
        target: Length to reach, at least 1.
        unit: ``"words"``, or ``"tokens"``: then ``completion_ids`` are counted, without the EOS that ends
            them.
    """

    target: int = 20
    unit: str = "words"

    name = "length"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "repeated_word", "keyword_spam", "unsupported_characters"})

    def __post_init__(self) -> None:
        _check_count(self, "target", self.target)
        if self.unit not in ("words", "tokens"):
            raise RewardError(f"The unit of length is 'words' or 'tokens'. Actual value: {self.unit!r}.")

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        if self.unit == "words":
            lengths = [len(words(completion)) for completion in completions]
        else:
            lengths = _token_counts(len(completions), **columns)
        return [max(0.0, 1 - abs(length - self.target) / self.target) for length in lengths]


@dataclass(frozen=True, repr=False)
class Repetition(Reward):
    """Minus the share of n-grams of words that occurred before: ``distinct / all − 1``. Range [-1, 0].

    A completion of fewer than n words repeats nothing and scores 0; one without a word scores -1, so that
    silence does not pay.

    Source: Welleck et al. 2020, arXiv:1908.04319 (seq-rep-n, there for n = 4).
    """

    n: int = 2

    name = "repetition"
    range = (-1.0, 0.0)
    gameable_by = frozenset({"copied_prompt", "keyword_spam", "unsupported_characters"})

    def __post_init__(self) -> None:
        _check_count(self, "n", self.n)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        scores = []
        for completion in completions:
            grams = ngrams(completion, self.n)
            if grams:
                scores.append(len(set(grams)) / len(grams) - 1)
            else:
                scores.append(0.0 if words(completion) else -1.0)
        return scores


@dataclass(frozen=True, repr=False)
class DistinctN(Reward):
    """Share of distinct ones among the n-grams of words; 0 where there are none. Range [0, 1].

    The corpus form pools the n-grams of all completions, so it falls when completions resemble each other.

    Source: Li et al. 2016, arXiv:1510.03055.
    """

    n: int = 2

    name = "distinct_n"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "keyword_spam", "unsupported_characters"})

    def __post_init__(self) -> None:
        _check_count(self, "n", self.n)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [self._share(ngrams(completion, self.n)) for completion in completions]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        return self._share([gram for completion in completions for gram in ngrams(completion, self.n)])

    @staticmethod
    def _share(grams: list[tuple[str, ...]]) -> float:
        return len(set(grams)) / len(grams) if grams else 0.0


@dataclass(frozen=True, repr=False)
class Regex(Reward):
    r"""1 where the pattern is found in the completion, else 0. Range [0, 1].

    Args:
        pattern: A regular expression of Python's `re`; anchor it with ``\A…\Z`` to match the whole. The
            default asks for a sentence that ends.
    """

    pattern: str = r"\w[.!?]\s*\Z"

    name = "regex"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "repeated_word", "keyword_spam", "max_length", "unsupported_characters"})

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except (re.error, TypeError) as error:
            raise RewardError(f"regex(pattern={self.pattern!r}) is not a regular expression: {error}.") from error

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [float(re.search(self.pattern, completion) is not None) for completion in completions]


def _token_counts(
    count: int,
    completion_ids: Sequence[Sequence[int]] | None = None,
    finish_reason: Sequence[str] | None = None,
    **_: Any,
) -> list[int]:
    if completion_ids is None:
        raise RewardError(
            "length(unit='tokens') counts completion_ids, which this call does not carry. Environments give them; "
            "elsewhere pass completion_ids=…, or count words."
        )
    reasons = finish_reason or [""] * count
    return [len(ids) - (why == "eos") for ids, why in zip(completion_ids, reasons, strict=True)]


def _check_count(reward: Reward, option: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RewardError(f"{reward.name}({option}=…) takes a whole number of at least 1. Actual value: {value!r}.")
