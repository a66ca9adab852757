"""Rows of prompts and references, from lists, files or data sets, in three disjoint splits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textgym import records
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
    for found in records.read(data):
        if found.fault:
            raise DataError(f"{found.place} {found.fault}.")
        record = {prompt: found.value} if isinstance(found.value, str) else found.value
        row = _row(record, prompt, references, f"{found.source}row {found.row}")
        rows[check_split(found.split or str(record.get("split") or hashed_split(row.prompt)))].append(row)
        count += 1
    if count == 0:
        raise DataError(f"No rows were found in {records.describe(data)}. A task needs at least one prompt.")
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
