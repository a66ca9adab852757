"""Choices that hang on a text alone, so that a prompt that comes again is answered in the same way."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """A stream of choices that the text starts.

    The stream is Knuth's 64-bit linear congruential generator, whose high bits are good enough to tell a story
    differently, and which costs a tenth of one of numpy's.

    Args:
        text: Equal texts make equal choices.
    """

    def __init__(self, text: str) -> None:
        self._state = zlib.crc32(text.encode())

    def below(self, count: int) -> int:
        """Returns a whole number from 0 to ``count`` − 1."""
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
        return (self._state >> 33) % count

    def choice(self, items: Sequence[T]) -> T:
        """Returns one of ``items``."""
        return items[self.below(len(items))]
