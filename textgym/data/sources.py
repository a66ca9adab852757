"""What records are, and where they come from: each has its place, its address, and what is wrong with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from textgym.data import hub
from textgym.errors import DataError


@dataclass(frozen=True)
class Record:
    """One row as it was found.

    Attributes:
        source: What `spot` is counted in: ``"feedback.csv, "``, ``"train "`` for a split, or an empty string.
        row: Number of the row, from 1; a header and empty lines are none.
        line: Number of its first line in the file, where the file has lines.
        last_line: Number of its last line; a quoted field of a CSV file may span several.
        split: The split that it was listed under, if any; a column ``split`` is left to the caller.
        value: The row, mostly a mapping of columns; None where there is a `fault`.
        fault: Why it could not be read, to follow the words "the row", or None.
        address: Where `Source.fetch` finds it again, or None where it cannot.
    """

    source: str
    row: int
    line: int | None = None
    last_line: int | None = None
    split: str | None = None
    value: Any = None
    fault: str | None = None
    address: int | None = None

    @property
    def spot(self) -> str:
        """Where the row stands in its source, such as ``line 12``, ``lines 12 to 15`` or ``row 12``."""
        if self.line is None:
            return f"row {self.row}"
        if self.last_line is None or self.last_line == self.line:
            return f"line {self.line}"
        return f"lines {self.line} to {self.last_line}"

    @property
    def place(self) -> str:
        """Where the row stands, such as ``feedback.csv, line 12``."""
        return f"{self.source}{self.spot}"


class Source(ABC):
    """Where records come from.

    Attributes:
        unstreamed: Why its rows cannot be fetched one by one, and what to do; None where they can.
    """

    unstreamed: str | None = None

    @abstractmethod
    def scan(self) -> Iterator[Record]:
        """Yields every row, also those that cannot be read: these have a `Record.fault`.

        Raises:
            DataError: If the source as a whole cannot be read.
        """

    def fetch(self, address: int) -> Any:
        """Returns the value of the record at this `Record.address`, once `scan` has been to the end.

        Raises:
            DataError: If it is no longer there, or the source does not stream; see `unstreamed`.
        """
        raise DataError(self.unstreamed)


class Parts(Source):
    """Rows by split: of iterables, or of data sets of the ``datasets`` library.

    Class numbers of a ``ClassLabel`` column become the names they stand for.

    Args:
        parts: The rows of each split; None stands for rows without one.
    """

    def __init__(self, parts: Mapping[str | None, Iterable[Any]]) -> None:
        self._parts = {split: hub.plain(part) if hub.is_dataset(part) else part for split, part in parts.items()}
        self._named = [hub.ClassNames(getattr(part, "features", None)) for part in self._parts.values()]
        if not all(map(hub.is_dataset, self._parts.values())):
            self.unstreamed = (
                "Rows that are Python objects are in memory as they are; write them to a file of JSON lines (.jsonl)."
            )

    def scan(self) -> Iterator[Record]:
        address = 0
        for (split, part), named in zip(self._parts.items(), self._named, strict=True):
            source = "" if split is None else f"{split} "
            for i, row in enumerate(hub.scan(part) if hub.is_dataset(part) else part, 1):
                value = named(row) if isinstance(row, Mapping) else row
                yield Record(source, i, None, None, split, value, address=address)
                address += 1

    def fetch(self, address: int) -> Any:
        for part, named in zip(self._parts.values(), self._named, strict=True):
            if address < len(part):  # type: ignore[arg-type]  # all are data sets
                return named(part[address])  # type: ignore[index]
            address -= len(part)  # type: ignore[arg-type]
        raise IndexError(address)
