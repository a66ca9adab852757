"""The registered environments, one file a task family; importing this package changes nothing."""

from __future__ import annotations

from textgym.registry import EnvEntry, register

from . import numbers, sentiment, target

ENTRIES: tuple[EnvEntry, ...] = (numbers.ENTRY, sentiment.ENTRY, target.ENTRY)


def register_all() -> None:
    """Registers every environment of this package with Gymnasium; doing it again changes nothing."""
    for entry in ENTRIES:
        register(entry)
