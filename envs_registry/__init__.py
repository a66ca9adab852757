"""The registered environments, one file a task family; importing this package changes nothing."""

from __future__ import annotations

from textgym.registry import EnvEntry, register

from . import arithmetic, brackets, copy, dates, numbers, reverse, sentiment, sort, target

ENTRIES: tuple[EnvEntry, ...] = (
    arithmetic.ENTRY,
    brackets.ENTRY,
    copy.ENTRY,
    dates.ENTRY,
    numbers.ENTRY,
    reverse.ENTRY,
    sentiment.ENTRY,
    sort.ENTRY,
    target.ENTRY,
)


def register_all() -> None:
    """Registers every environment of this package with Gymnasium; doing it again changes nothing."""
    for entry in ENTRIES:
        register(entry)
