"""Facts in a text: which of those that a task knows it states, and whether it is prose rather than a list of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from textgym.rewards.form import words

Facts = Sequence[Sequence[str]]
"""What a text is to state: for each fact the marks of a `Lexicon` that together state it."""

LIST_MARKS = re.compile(r"[\n:;|=\\{}\[\]<>_*#•]|\s[-–]\s")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class Lexicon:
    """Phrases that a task knows, each with a mark for what it says.

    Args:
        phrases: Pairs of a phrase and its mark; several phrases may have one mark.
    """

    def __init__(self, phrases: Iterable[tuple[str, str]]) -> None:
        self._starting: dict[str, list[tuple[list[str], str]]] = {}
        for phrase, mark in dict(phrases).items():
            parts = words(phrase)
            self._starting.setdefault(parts[0], []).append((parts, mark))
        for known in self._starting.values():
            known.sort(key=lambda each: -len(each[0]))

    def marks(self, text: str) -> list[str]:
        """Returns the marks of the phrases in a text, in order; of phrases that begin alike the longest counts.

        A number that is no part of a phrase is marked as one, ``number 7``: nobody told the text to name it.
        """
        parts, found, i = words(text), [], 0
        while i < len(parts):
            for phrase, mark in self._starting.get(parts[i], ()):
                if parts[i : i + len(phrase)] == phrase:
                    found.append(mark)
                    i += len(phrase)
                    break
            else:
                if parts[i].isdigit():
                    found.append(f"number {parts[i]}")
                i += 1
        return found


class Stated(NamedTuple):
    """What a text states.

    Attributes:
        right: Facts that it was to state.
        foreign: Different marks in it of what it was not to say.
    """

    right: int
    foreign: int


def stated(marks: Iterable[str], facts: Facts, free: str) -> Stated:
    """Compares what a text says with what it was to say.

    Args:
        marks: Those of the text, see `Lexicon.marks`.
        facts: What it was to state.
        free: How marks begin that may stand in any text, such as those of verbs.
    """
    found = set(marks)
    wanted = {mark for fact in facts for mark in fact}
    foreign = sum(not mark.startswith(free) for mark in found - wanted)
    return Stated(sum(found.issuperset(fact) for fact in facts), foreign)


def sentences(text: str) -> list[str]:
    """Returns the sentences of a text: what ends with ``.``, ``!`` or ``?`` before space, and what is left over."""
    return [part for part in SENTENCE_END.split(text.strip()) if part]


def prose(text: str, verbs: frozenset[str]) -> float:
    """Returns how far a text is prose, in [0, 1]: the share of its sentences that are whole.

    A whole sentence begins with a capital or a digit, has one of the ``verbs`` (finite forms, in lower case) and ends
    with ``.``, ``!`` or ``?``. A text that has a line break or marks of lists and tables, such as ``:`` and ``|``, is
    none at all.
    """
    parts = sentences(text)
    if not parts or LIST_MARKS.search(text.strip()):
        return 0.0
    whole = sum(
        (part[0].isupper() or part[0].isdigit()) and part[-1] in ".!?" and not verbs.isdisjoint(words(part))
        for part in parts
    )
    return whole / len(parts)
