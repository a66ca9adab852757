"""Pools of words for the splits: what held-out prompts are made of occurs in no training prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import count

from textgym.data import SPLITS, hashed_split

from ..prose import Dice

Pools = dict[str, tuple[str, ...]]
"""The words of each split."""

MARKS: dict[str, str] = {
    split: next(mark for mark in map(str, count()) if hashed_split(mark) == split) for split in SPLITS
}
"""For each split a key that `textgym.generated.Generated` deals to it."""


def listed(text: str) -> tuple[str, ...]:
    """Returns the items of a text in which bars and line breaks part them."""
    return tuple(item.strip() for item in text.replace("\n", "|").split("|") if item.strip())


def pools(words: Iterable[str]) -> Pools:
    """Deals words to the splits, 70 / 10 / 20, at least one to each, in the order of their hashes.

    The test gets more words than the 10 % of the prompts that it gets, so that it does not hang on a few.
    """
    dealt = sorted(words, key=lambda word: hashlib.md5(word.encode(), usedforsecurity=False).digest())
    test, validation = max(1, len(dealt) // 5), max(1, len(dealt) // 10)
    return {
        "train": tuple(dealt[test + validation :]),
        "validation": tuple(dealt[test : test + validation]),
        "test": tuple(dealt[:test]),
    }


def draw_split(dice: Dice) -> str:
    """Returns the split that a row is to be drawn for: 80 / 10 / 10, as prompts are dealt."""
    throw = dice.random()
    return "train" if throw < 0.8 else "validation" if throw < 0.9 else "test"
