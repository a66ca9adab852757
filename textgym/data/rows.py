"""Rows: what a task asks, the splits they are dealt to, and sequences that make them when they are asked for."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from textgym.errors import OptionError, suggest

SPLITS = ("train", "validation", "test")

RESERVED = frozenset(
    (
        "prompts",
        "completions",
        "update",
        "references",
        "prompt_ids",
        "completion_ids",
        "completion_mask",
        "finish_reason",
        "tokenizer",
        "turns",
    )
)
"""Arguments of `textgym.rewards.Reward.score` that the environment fills; no further column may be called so."""

REMEMBERED = 1_024
"""Rows that `LazyRows` keeps, since an episode asks for its row several times."""


@dataclass(frozen=True)
class Row:
    """One item of a task.

    Attributes:
        prompt: What is asked, as a person reads it.
        references: The texts that would answer it.
        columns: Further columns, for the reward.
        messages: The prompt as chat messages, each with a ``role`` and a ``content``, where it is more than one of a
            user; see `textgym.Task`.
    """

    prompt: str
    references: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)
    messages: tuple[Mapping[str, str], ...] = ()


def check_split(split: str) -> str:
    """Returns ``split`` if it is one of the three.

    Raises:
        OptionError: Otherwise.
    """
    if split not in SPLITS:
        raise OptionError(f"There is no split {split!r}.{suggest(split, SPLITS)} The splits are {', '.join(SPLITS)}.")
    return split


def hashed_split(text: str) -> str:
    """Returns the split of a text, 80 / 10 / 10 by its MD5: equal texts never land in two splits."""
    return digest_split(digest(text))


def digest(text: str) -> bytes:
    """Returns the MD5 of a text, 16 bytes: what stands for a prompt where there are too many to keep."""
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def digest_split(digest: bytes) -> str:
    """Returns the split of a text of which this is the `digest`; see `hashed_split`."""
    bucket = int.from_bytes(digest) % 10
    return "train" if bucket < 8 else "validation" if bucket == 8 else "test"


class LazyRows(Sequence[Row], ABC):
    """Rows that are made when they are asked for; a subclass says how many there are, and makes them."""

    def __init__(self) -> None:
        self._recent: dict[int, Row] = {}

    @abstractmethod
    def make(self, index: int) -> Row:
        """Makes item ``index``, which lies in ``[0, len(self))``."""

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, index: int | slice) -> Row | tuple[Row, ...]:
        size = len(self)
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(size)))
        if not -size <= index < size:
            raise IndexError(f"There is no item {index} among {size}.")
        index = int(index) % size
        if index not in self._recent:
            if len(self._recent) >= REMEMBERED:
                self._recent.clear()
            self._recent[index] = self.make(index)
        return self._recent[index]
