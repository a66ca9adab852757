"""Rows of prompts and references, from lists, files or data sets, in three disjoint splits."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textgym.errors import DataError, OptionError, suggest

SPLITS = ("train", "validation", "test")

RESERVED = frozenset(
    ("prompts", "completions", "update", "references", "prompt_ids", "completion_ids", "finish_reason", "tokenizer")
)
"""Arguments of `textgym.rewards.Reward.score` that the environment fills; no further column may be called so."""


@dataclass(frozen=True)
class Row:
    """One item of a task: what is asked, the texts that would answer it, and any further columns."""

    prompt: str
    references: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)


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
    bucket = int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16) % 10
    return "train" if bucket < 8 else "validation" if bucket == 8 else "test"


def load_rows(
    data: str | Path | Iterable[Any], prompt: str = "prompt", references: str | None = None
) -> dict[str, tuple[Row, ...]]:
    """Reads rows and sorts them into splits.

    Args:
        data: A ``.jsonl``, ``.json``, ``.csv``, ``.tsv`` or ``.parquet`` file, the id of a data set for the
            ``datasets`` library, a ``Dataset`` or ``DatasetDict``, or an iterable of dicts or of prompts.
        prompt: Column of the prompts.
        references: Column of the reference or references (a string or a list of strings), if any.

    Returns:
        The rows of each split. The splits are those of the data set or of a column ``split``; without either, rows
        are dealt 80 / 10 / 10 by a hash of their prompt.

    Raises:
        DataError: If nothing can be read, a column is missing, or a row is malformed; the row is named.
    """
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    count = 0
    for place, split, record in _records(data):
        if isinstance(record, str):
            record = {prompt: record}
        row = _row(record, prompt, references, place)
        rows[check_split(split or str(record.get("split") or hashed_split(row.prompt)))].append(row)
        count += 1
    if count == 0:
        raise DataError(f"No rows were found in {_describe(data)}. A task needs at least one prompt.")
    return {split: tuple(items) for split, items in rows.items()}


def _row(record: Any, prompt: str, references: str | None, place: str) -> Row:
    if not isinstance(record, Mapping):
        raise DataError(f"{place} is not a record of named columns. Actual value: {record!r}.")
    for column in (prompt, references):
        if column is not None and column not in record:
            raise DataError(
                f"{place} has no column {column!r}.{suggest(column, record)} Its columns are {', '.join(record)}."
            )
    text = record[prompt]
    if not isinstance(text, str):
        raise DataError(f"{place} has a prompt that is not a text. Actual value: {text!r}.")
    answers = record[references] if references else ()
    answers = (answers,) if isinstance(answers, str) else tuple(answers or ())
    if not all(isinstance(answer, str) for answer in answers):
        raise DataError(f"{place} has references that are not texts. Actual value: {answers!r}.")
    columns = {name: value for name, value in record.items() if name not in (prompt, references, "split")}
    if taken := RESERVED.intersection(columns):
        raise DataError(
            f"{place} has a column {min(taken)!r}, a name under which rewards get something else. "
            "Rename the column, or choose it as prompt or references."
        )
    return Row(text, answers, columns)


def _records(data: Any) -> Iterable[tuple[str, str | None, Any]]:
    """Yields ``(place, split or None, record)`` for every row of ``data``."""
    if isinstance(data, str | Path):
        path = Path(data)
        if path.suffix.lower() in _READERS:
            if not path.is_file():
                raise DataError(f"There is no data file {str(data)!r} (from {Path.cwd()}).")
            yield from ((f"{path.name}, row {i}", None, r) for i, r in enumerate(_read(path), 1))
            return
        data = _data_set(str(data))
    if isinstance(data, Mapping):  # a DatasetDict, or a dict of splits
        for split, part in data.items():
            yield from ((f"{split} row {i}", split, record) for i, record in enumerate(part, 1))
        return
    yield from ((f"row {i}", None, record) for i, record in enumerate(data, 1))


def _read(path: Path) -> Iterable[Any]:
    try:
        return _READERS[path.suffix.lower()](path)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}. Convert it, for example with `iconv -t utf-8`.") from error
    except (json.JSONDecodeError, csv.Error) as error:
        raise DataError(f"{path} could not be read: {error}.") from error


def _jsonl(path: Path) -> list[Any]:
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise DataError(f"{path}, line {number} is not JSON: {error}. Actual value: {line[:80]!r}.") from error
    return rows


def _json(path: Path) -> list[Any]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(rows, list):
        raise DataError(f"{path} must hold a JSON list of rows. Actual value: a {type(rows).__name__}.")
    return rows


def _csv(path: Path) -> list[Any]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ","))


def _parquet(path: Path) -> list[Any]:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError(f"Reading {path} needs pyarrow. Run `pip install 'textgym[data]'`.") from error
    return parquet.read_table(path).to_pylist()


_READERS: dict[str, Callable[[Path], list[Any]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
}


def _data_set(name: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"{name!r} is no file of a known kind ({', '.join(_READERS)}); to load it as a data set by name, run "
            "`pip install 'textgym[data]'`."
        ) from error
    try:
        return datasets.load_dataset(name)
    except Exception as error:  # the library raises many kinds, its own and its backends'
        raise DataError(f"The data set {name!r} could not be loaded: {error}") from error


def _describe(data: Any) -> str:
    return repr(str(data)) if isinstance(data, str | Path) else f"the {type(data).__name__} given"
