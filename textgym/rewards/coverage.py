"""Coverage: which of the words that a text was to have are in it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from textgym.errors import RewardError

from .base import Reward
from .examples import Examples
from .form import words

Forms = frozenset[str]
"""What a word may stand for: two words match where these overlap."""


class Coverage(Reward):
    """Share of the wanted words that are in the completion; the words come from an option or from a column."""

    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "keyword_spam", "all_labels"})

    @property
    @abstractmethod
    def column(self) -> str:
        """The option that holds the wanted words, and the column that does in its stead."""

    @abstractmethod
    def forms(self, word: str) -> Forms:
        """Returns what a word in lower case may stand for."""

    def __post_init__(self) -> None:
        wanted = self._listed(getattr(self, self.column), "the option")
        object.__setattr__(self, self.column, wanted)  # a list is not hashable

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        scores = []
        for i, (completion, wanted) in enumerate(zip(completions, self._rows(len(completions), columns), strict=True)):
            phrases = dict.fromkeys(tuple(words(phrase)) for phrase in wanted)
            if not phrases or () in phrases:
                raise RewardError(
                    f"Reward {self.name!r} needs {self.column}, each with a word, for completion {i}. "
                    f"Actual value: {wanted!r}."
                )
            text = [self.forms(word) for word in words(completion)]
            found = sum(_contains(text, [self.forms(word) for word in phrase]) for phrase in phrases)
            scores.append(found / len(phrases))
        return scores

    def _rows(self, count: int, columns: dict[str, Any]) -> list[tuple[str, ...]]:
        wanted = getattr(self, self.column)
        if wanted:
            return [wanted] * count
        rows = columns.get(self.column)
        if rows is None:
            raise RewardError(
                f"Reward {self.name!r} looks for {self.column}, which this call does not carry. Give the data a column "
                f"{self.column!r}, or the reward an option: {self.name}({self.column}=('…', '…'))."
            )
        return [self._listed(row, f"row {i}") for i, row in enumerate(rows)]

    def _listed(self, value: Any, place: str) -> tuple[str, ...]:
        if value is None:
            return ()
        listed = tuple(
            value.split(",") if isinstance(value, str) else value if isinstance(value, Iterable) else [value]
        )
        if not all(isinstance(each, str) for each in listed):
            raise RewardError(f"The {self.column} of {self.name} are texts. Actual value in {place}: {value!r}.")
        return tuple(map(str.strip, listed))


@dataclass(frozen=True, repr=False)
class KeywordCoverage(Coverage):
    """Share of the keywords that are in the completion. Range [0, 1].

    Words match whole, whatever their case, by their Porter stem: "painting" is found in "He paints." and "art" not in
    "party". A keyword of several words must be found as they stand, one after the other. Listing the keywords is all
    that it takes: combine it with `fluency` or an overlap with references.

    Args:
        keywords: Texts; or one text, with commas between them. Without this option, a row's column ``keywords``, in
            the same form.

    Source of the stems: Porter 1980, "An algorithm for suffix stripping"; nltk computes them.
    """

    keywords: Any = ()

    name = "keyword_coverage"
    column = "keywords"
    examples = Examples(
        prompts=(
            "Tell guests when breakfast is served.",
            "Invite the neighbours to the garden party.",
            "Thank the driver for the parcel.",
        ),
        completions=(
            " We serve breakfast from seven to ten in the dining room.",
            " Dear neighbours, join us in the garden on Sunday for cake and music.",
            " Thank you for carrying the heavy parcels up to our door.",
        ),
        columns={
            "keywords": (("breakfast", "dining room"), ("garden", "Sunday", "cakes"), ("parcel", "carry", "door"))
        },
        keywords=("breakfast", "dining room", "garden", "Sunday", "cakes", "parcel", "carry", "door"),
    )

    def forms(self, word: str) -> Forms:
        return _stem(word)


@dataclass(frozen=True, repr=False)
class ConceptCoverage(Coverage):
    """Share of the concepts that are in the completion in any inflection, as CommonGen asks for. Range [0, 1].

    As `KeywordCoverage`, but words match by their dictionary form, of any part of speech: "throw" is found in "She
    threw the ball.", where stems differ, and "organ" not in "organization", where they agree. English only.

    Args:
        concepts: Texts; or one text, with commas between them. Without this option, a row's column ``concepts``, in
            the same form.

    Source: Lin et al. 2020, arXiv:1911.03705, section 5 (coverage); lemminflect has the dictionary forms.
    """

    concepts: Any = ()

    name = "concept_coverage"
    column = "concepts"
    examples = Examples(
        prompts=(
            "Write a sentence about a day in the park.",
            "Write a sentence about a kitchen.",
            "Write a sentence about a race.",
        ),
        completions=(
            " The girl threw a frisbee, and two dogs caught it.",
            " He cut the loaves and ate a slice with butter.",
            " The children ran around the lake until the winner fell.",
        ),
        columns={
            "concepts": (("dog", "frisbee", "throw", "catch"), ("loaf", "cut", "eat"), ("child", "run", "lake", "fall"))
        },
        keywords=("dog", "frisbee", "throw", "catch", "loaf", "cut", "eat", "child", "run", "lake", "fall"),
    )

    def forms(self, word: str) -> Forms:
        return _lemmas(word)


def _contains(text: list[Forms], phrase: list[Forms]) -> bool:
    """Says whether the words of ``phrase`` stand in ``text`` one after the other."""
    return any(all(map(Forms.__and__, text[i : i + len(phrase)], phrase)) for i in range(len(text) - len(phrase) + 1))


@lru_cache(maxsize=65536)
def _stem(word: str) -> Forms:
    return frozenset([_stemmer().stem(word)])


@cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


@lru_cache(maxsize=65536)
def _lemmas(word: str) -> Forms:
    from lemminflect import getAllLemmas

    lemmas = getAllLemmas(word)
    return frozenset([word]).union(*lemmas.values())
