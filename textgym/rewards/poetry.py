"""How a poem sounds: syllables, rhyme and metre, by the CMU Pronouncing Dictionary of North American English.

A poem is its lines that have a word. Words are those of `textgym.rewards.form`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

from textgym.errors import RewardError

from .base import Reward
from .examples import Examples
from .form import words


@dataclass(frozen=True, repr=False)
class Syllables(Reward):
    """Nearness of the lines' syllables to a pattern. Range [0, 1].

    The mean of ``max(0, 1 − |syllables − wanted| / wanted)`` over the lines; a line that is missing, or one too many,
    counts as 0. A word has the syllables of its first pronunciation in the dictionary; one that is not there has one
    for each group of vowels in its letters, a final silent e aside, and at least one. What the words say is not seen.

    Args:
        pattern: Syllables of each line, such as (5, 7, 5), a haiku.
    """

    pattern: Sequence[int] = (5, 7, 5)

    name = "syllables"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "repeated_word", "keyword_spam"})
    examples = Examples(
        prompts=("A haiku about rain:", "A haiku about a cat:", "A haiku about winter:"),
        completions=(
            "\nRain falls on the roof\neach drop a small tapping drum\nmorning hears it play",
            "\nThe cat on the wall\nwatches how the shadows move\nthen goes back to sleep",
            "\nSnow covers the path\nmy old boots remember it\nstep by quiet step",
        ),
    )

    def __post_init__(self) -> None:
        given = self.pattern
        counts = tuple(given) if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
        if not counts or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in counts):
            raise RewardError(
                f"syllables(pattern=…) takes the syllables of each line, such as (5, 7, 5). Actual value: {given!r}."
            )
        object.__setattr__(self, "pattern", counts)  # a list is not hashable

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [self._nearness(_lines(completion)) for completion in completions]

    def _nearness(self, lines: list[list[str]]) -> float:
        counts = [sum(map(syllables, line)) for line in lines]
        near = [max(0.0, 1 - abs(n - wanted) / wanted) for n, wanted in zip(counts, self.pattern, strict=False)]
        return sum(near) / max(len(counts), len(self.pattern))


@dataclass(frozen=True, repr=False)
class Rhyme(Reward):
    """Share of the pairs of lines which a scheme wants to rhyme that do. Range [0, 1].

    Two words rhyme if they sound the same from their last stressed vowel on, in any of their pronunciations. A word
    does not rhyme with itself, and one that the dictionary does not have rhymes with nothing. The scheme begins again
    after its last line; lines that are missing from the last round do not rhyme. That lines of different letters do
    not rhyme is not asked, nor what the lines say: verse copied from elsewhere rhymes as well.

    Args:
        scheme: A letter for each line; lines of the same letter are to rhyme: ``"AABB"``, ``"ABCB"``, ``"ABBA"``.
    """

    scheme: str = "AABB"

    name = "rhyme"
    range = (0.0, 1.0)
    gameable_by = frozenset({"all_labels", "copied_prompt"})
    examples = Examples(
        prompts=("Four lines about a cat:", "Four lines about the sea:", "Four lines about a train:"),
        completions=(
            "\nThere was a cat\nwho wore a hat\nand every day\nhe went to play",
            "\nThe waves come in from far at night\nand bring the stones into the light\nthe sand is warm,"
            " the wind is low\nand I have nowhere left to go",
            "\nThe early train was running late\nwe stood together at the gate\nit came at last with all its noise\n"
            "and carried off the shouting boys",
        ),
    )

    def __post_init__(self) -> None:
        if not isinstance(self.scheme, str) or not re.fullmatch("[A-Za-z]+", self.scheme) or not self._pairs():
            raise RewardError(
                "rhyme(scheme=…) takes a letter for each line, at least one of them twice, such as 'AABB'. "
                f"Actual value: {self.scheme!r}."
            )

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [self._share([line[-1] for line in _lines(completion)]) for completion in completions]

    def _pairs(self) -> list[tuple[int, int]]:
        return [(i, j) for i, j in combinations(range(len(self.scheme)), 2) if self.scheme[i] == self.scheme[j]]

    def _share(self, ends: list[str]) -> float:
        rounds = [ends[start : start + len(self.scheme)] for start in range(0, len(ends), len(self.scheme))]
        pairs = self._pairs()
        hits = sum(rhymes(ends[i], ends[j]) for ends in rounds for i, j in pairs if j < len(ends))
        return hits / (len(pairs) * max(len(rounds), 1))


@dataclass(frozen=True, repr=False)
class Metre(Reward):
    """Share of syllables whose stress is the one that a pattern has in their place. Range [0, 1].

    The pattern begins anew with every line and repeats along it. A word of one syllable may stand in either place, as
    in verse; a longer one fits by the stresses of the dictionary, primary and secondary alike, in whichever of its
    pronunciations fits best. No syllable of a word that the dictionary does not have fits. So short words fit
    whatever they are, and copied verse fits: combine it with a reward that reads it.

    Args:
        pattern: 0 for an unstressed place and 1 for a stressed one: ``"01"`` for iambs, ``"10"`` for trochees,
            ``"001"`` for anapaests, ``"100"`` for dactyls.
    """

    pattern: str = "01"

    name = "metre"
    range = (0.0, 1.0)
    gameable_by = frozenset({"all_labels", "copied_prompt", "repeated_word", "keyword_spam", "max_length"})
    examples = Examples(
        prompts=("A line about the evening:", "A line about the garden:"),
        completions=(
            "\nThe quiet evening settles on the town",
            "\nBelow the garden wall the river sings",
        ),
    )

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str) or not re.fullmatch("[01]+", self.pattern):
            raise RewardError(
                f"metre(pattern=…) takes zeros and ones, such as '01' for iambs. Actual value: {self.pattern!r}."
            )

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [self._share(_lines(completion)) for completion in completions]

    def _share(self, lines: list[list[str]]) -> float:
        fitting = total = 0
        for line in lines:
            place = 0
            for word in line:
                fits = max((self._fits(stresses, place) for stresses in _stresses(word)), key=_share_of, default=None)
                hits, count = fits or (0, syllables(word))
                fitting, total, place = fitting + hits, total + count, place + count
        return fitting / total if total else 0.0

    def _fits(self, stresses: str, place: int) -> tuple[int, int]:
        """Returns how many syllables of a word fit from this place of the line on, and how many it has."""
        if len(stresses) == 1:
            return 1, 1
        wanted = [self.pattern[(place + i) % len(self.pattern)] for i in range(len(stresses))]
        return sum((a != "0") == (b != "0") for a, b in zip(stresses, wanted, strict=True)), len(stresses)


def syllables(word: str) -> int:
    """Returns the number of syllables of a word in lower case; the rule is at `Syllables`."""
    known = _stresses(word)
    if known:
        return len(known[0])
    silent = word.endswith("e") and not re.search("[aeiouy]e$|[^aeiouy]le$", word)
    return max(len(re.findall("[aeiouyà-öø-ÿ]+", word)) - silent, 1)


def rhymes(first: str, second: str) -> bool:
    """Returns whether two words in lower case rhyme; the rule is at `Rhyme`."""
    part = _dictionary().rhyming_part
    return first != second and not {part(phones) for phones in _phones(first)}.isdisjoint(
        part(phones) for phones in _phones(second)
    )


def _lines(text: str) -> list[list[str]]:
    return [line for line in map(words, text.splitlines()) if line]


def _share_of(fits: tuple[int, int]) -> float:
    return fits[0] / fits[1]


def _phones(word: str) -> list[str]:
    return _dictionary().lookup.get(word.replace("’", "'"), [])


def _stresses(word: str) -> list[str]:
    """Returns the stress of each syllable for every pronunciation: 0 none, 1 primary, 2 secondary."""
    return [stresses for phones in _phones(word) if (stresses := _dictionary().stresses(phones))]


@cache
def _dictionary() -> Any:
    import pronouncing

    pronouncing.init_cmu()
    return pronouncing
