"""Public data sets by name: where they are, and how their records become rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from textgym.data import hub
from textgym.data.rows import SPLITS, LazyRows, Row, digest, digest_split
from textgym.errors import DataError, suggest


@dataclass(frozen=True, eq=False)
class PublicData:
    """A public data set that a task can be played on.

    Attributes:
        path: Its id on the Hugging Face Hub.
        row: Makes a row of a record, in the task's own form of prompt. A record is a mapping of the set's columns; a
            ``ClassLabel`` (also within lists) is there by its name, not by its number.
        max_prompt_tokens: Budget of the prompts. Longer ones are cut: see ``truncation_side``.
        max_new_tokens: Budget of the completions.
        name: Configuration, where the set has several.
        revision: Commit, tag or branch of the set.
        splits: Its split for each of ours; a split that it lacks is dealt from its training split by a hash of prompts.
        keep: Which records to take; None takes all.
        truncation_side: Side on which a prompt that is too long loses tokens, ``"left"`` or ``"right"``.
    """

    path: str
    row: Callable[[Mapping[str, Any]], Row]
    max_prompt_tokens: int
    max_new_tokens: int
    name: str | None = None
    revision: str | None = None
    splits: Mapping[str, str] = field(
        default_factory=lambda: {"train": "train", "validation": "validation", "test": "test"}
    )
    keep: Callable[[Mapping[str, Any]], bool] | None = None
    truncation_side: str = "right"


class PublicRows(LazyRows):
    """The rows of one split of a public data set; each is made of its record when it is asked for.

    Args:
        spec: The data set.
        part: One of its splits, a ``datasets.Dataset``.
        split: What that split is called there.
        index: Records that are rows, int64 ``(N,)``; None takes all.
    """

    def __init__(self, spec: PublicData, part: Any, split: str, index: np.ndarray | None = None) -> None:
        super().__init__()
        self._spec = spec
        self._part = part
        self._split = split
        self._index = index
        self._named = hub.ClassNames(part.features)

    def __len__(self) -> int:
        return len(self._part) if self._index is None else len(self._index)

    def make(self, index: int) -> Row:
        number = index if self._index is None else int(self._index[index])
        return self.row(number, self._named(self._part[number]))

    def row(self, number: int, record: Mapping[str, Any]) -> Row:
        """Returns the row of a record, whose number serves for errors.

        Raises:
            DataError: If the record is not as the task expects.
        """
        try:
            return self._spec.row(record)
        except DataError as error:
            raise DataError(f"{self._place(number)}: {error}") from error
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise self._unexpected(number, record, error) from error

    def kept(self) -> np.ndarray:
        """Returns the numbers of the records that the data set keeps, int64 ``(N,)``; it reads them all once."""
        keep = self._spec.keep
        if keep is None:
            return np.arange(len(self._part), dtype=np.int64)
        numbers = []
        for number, record in enumerate(map(self._named, hub.scan(self._part))):
            try:
                if keep(record):
                    numbers.append(number)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                raise self._unexpected(number, record, error) from error
        return np.array(numbers, np.int64)

    def prompts(self) -> Iterator[bytes]:
        """Yields the `textgym.data.digest` of every prompt, in order; it reads all records once."""
        kept = np.ones(len(self._part), bool)
        if self._index is not None:
            kept[:] = False
            kept[self._index] = True
        for number, record in enumerate(hub.scan(self._part)):
            if kept[number]:
                yield digest(self.row(number, self._named(record)).prompt)

    def only(self, rows: Sequence[int]) -> PublicRows:
        """Returns some of these rows, in order; ``rows`` are their numbers here."""
        chosen = np.array(rows, np.int64)
        return PublicRows(self._spec, self._part, self._split, chosen if self._index is None else self._index[chosen])

    def _place(self, number: int) -> str:
        return f"Row {number} of the split {self._split!r} of {self._spec.path!r}"

    def _unexpected(self, number: int, record: Mapping[str, Any], error: Exception) -> DataError:
        columns = ", ".join(record)
        if isinstance(error, KeyError) and error.args and error.args[0] not in record:
            column = error.args[0]
            reason = f"has no column {column!r}.{suggest(str(column), record)}"
        else:
            reason = f"is not of the form that the task reads: {type(error).__name__}: {error}."
        return DataError(
            f"{self._place(number)} {reason} Its columns are {columns}. The set, or the copy given as data_path, is of "
            "another version."
        )


def load(spec: PublicData, path: str | Path | None = None) -> dict[str, Sequence[Row]]:
    """Returns the rows of a public data set, in our three splits.

    Rows are made when they are asked for, from Arrow files that are mapped into memory. A split that the set lacks is
    dealt from its training split: rows of which the hash of the prompt says so (`textgym.data.hashed_split`), which
    training then does without. For this, and for `PublicData.keep`, all records are read once.

    A split that was dealt shares no prompt with another one, and training gives up the prompts that it shares with a
    split of the set's own. Where the set has all three, they are what was published: prompts that it repeats across
    them stay.

    Args:
        spec: The data set.
        path: A copy on disk in place of the Hub: a folder that ``save_to_disk`` wrote, or a folder or file of Parquet,
            JSON lines or CSV. What has no splits is taken for the training split.

    Raises:
        DataError: If it cannot be loaded, has no training split, or its records are not what the task reads.
    """
    return dict(_load(spec, None if path is None else str(path), _stamp(path)))


@lru_cache(maxsize=16)
def _load(spec: PublicData, path: str | None, stamp: tuple[int, ...]) -> dict[str, Sequence[Row]]:
    if path is None:
        parts = hub.from_hub(spec.path, spec.name, spec.revision)
    else:
        parts = hub.from_disk(path, spec.name)
        if list(parts) == ["train"]:
            parts = {spec.splits["train"]: parts["train"]}
    if spec.splits["train"] not in parts:
        raise DataError(
            f"The data set {spec.path!r} has no split {spec.splits['train']!r} to train on"
            f"{'' if path is None else f' in {path!r}'}. Its splits are {', '.join(parts)}."
        )
    rows: dict[str, PublicRows] = {}
    for split in SPLITS:
        if (name := spec.splits.get(split, "")) in parts:
            found = PublicRows(spec, parts[name], name)
            rows[split] = found if spec.keep is None else PublicRows(spec, parts[name], name, found.kept())
            if len(rows[split]):
                rows[split][0]  # so that a set of another form is refused here, and not in the middle of training
    return {split: rows[split] for split in SPLITS} if len(rows) == len(SPLITS) else _dealt(rows)


def _dealt(rows: Mapping[str, PublicRows]) -> dict[str, Sequence[Row]]:
    """Completes the splits from the training split, which keeps what no other has."""
    train, published = rows["train"], {split: part for split, part in rows.items() if split != "train"}
    taken = {prompt for part in published.values() for prompt in part.prompts()}
    dealt: dict[str, list[int]] = {split: [] for split in SPLITS if split not in published}
    for i, prompt in enumerate(train.prompts()):
        if prompt not in taken:
            split = digest_split(prompt)
            dealt[split if split in dealt else "train"].append(i)
    return {split: published[split] if split in published else train.only(dealt[split]) for split in SPLITS}


def _stamp(path: str | Path | None) -> tuple[int, ...]:
    """Returns what changes when the files of a copy do: how many there are, how large, and the newest one's time."""
    if path is None:
        return ()
    files = [file.stat() for file in (Path(path), *Path(path).rglob("*")) if file.exists()]
    return (len(files), sum(file.st_size for file in files), max((file.st_mtime_ns for file in files), default=0))
