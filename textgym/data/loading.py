"""Rows of prompts and references, from lists, files or data sets, in three disjoint splits."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from textgym.data import records
from textgym.data.forms import Form, Kinds
from textgym.data.prompts import Budget
from textgym.data.rows import SPLITS, LazyRows, Row, hashed_split
from textgym.data.sources import Record, Source
from textgym.errors import DataError, OptionError, suggest

MAX_ROWS = 2_000_000
"""Rows that are held in memory at most; what has more is streamed."""


class StreamedRows(LazyRows):
    """Rows of one split that stay where they are, and are read when they are asked for.

    Args:
        source: Where they are.
        addresses: Of the rows there, int64 ``(N,)``.
        form: Makes a row of a record.
        name: What to call the source in an error.
    """

    def __init__(self, source: Source, addresses: np.ndarray, form: Form, name: str) -> None:
        super().__init__()
        self._source = source
        self._addresses = addresses
        self._form = form
        self._name = name

    def __len__(self) -> int:
        return len(self._addresses)

    def make(self, index: int) -> Row:
        value = self._source.fetch(int(self._addresses[index]))
        return self._form.row(self._form.record(value, self._name), self._name)


def load_rows(
    data: str | Path | Iterable[Any],
    prompt: str | None = None,
    references: str | None = None,
    *,
    template: str | None = None,
    chat: bool = False,
    config: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
    budget: Budget | None = None,
) -> dict[str, Sequence[Row]]:
    """Reads rows and sorts them into splits.

    Args:
        data: What `records.source` takes: a file, a folder that ``save_to_disk`` wrote, the Hub id of a data
            set, a ``Dataset`` or ``DatasetDict``, a mapping of splits, or an iterable of dicts or of prompts.
        prompt: Column of the prompts, ``"prompt"`` if not given: texts, or with ``chat`` lists of messages.
        references: Column of the reference or references (a string or a list of strings), if any.
        template: Makes the prompts of several columns; see `textgym.data.templates`.
        chat: Whether prompts may be chat messages.
        config: Configuration of a data set on the Hub.
        revision: Commit, tag or branch of a data set on the Hub.
        streaming: Whether rows stay on disk and are read when they are asked for, after one pass that checks them all:
            lines of JSON, CSV and TSV by the byte they begin at, all else from Arrow files that are mapped into memory.
            Rows, splits and errors are the same; eight bytes a row stay in memory.
        budget: Watches the length of the prompts.

    Returns:
        The rows of each split. The splits are those of the data set or of a column ``split``; without either, rows
        are dealt 80 / 10 / 10 by a hash of their prompt.

    Raises:
        DataError: If nothing can be read, a column is missing, or a row is malformed; file and line are named.
        OptionError: If options do not go together.
    """
    for option, value in (("chat", chat), ("streaming", streaming)):
        if not isinstance(value, bool):
            raise OptionError(f"{option} is True or False. Actual value: {value!r}.")
    source = records.source(data, config=config, revision=revision)
    name = records.describe(data)
    if streaming and source.unstreamed:
        raise OptionError(f"streaming=True does not go with {name}. {source.unstreamed}")
    form = Form.of(prompt, references, template, chat)
    kinds = Kinds(references, None if template else form.prompt)  # the form itself minds these
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    addresses = {split: array("q") for split in SPLITS}
    count = 0
    for found in source.scan():
        if found.fault:
            raise DataError(f"{found.place} {found.fault}.")
        record = form.record(found.value, found.place)
        row = form.row(record, found.place)
        kinds.check(record, found.place)
        if budget is not None:
            budget.check(row, found.place)
        split = _listed(found) or form.split(record, found.place) or hashed_split(row.prompt)
        count += 1
        if streaming:
            addresses[split].append(found.address)  # type: ignore[arg-type]  # streams have addresses
        elif count > MAX_ROWS:
            raise DataError(
                f"There are more than {MAX_ROWS:,} rows in {name}, too many to hold in memory. "
                f"{source.unstreamed or 'Give streaming=True: rows are then read when they are asked for.'}"
            )
        else:
            rows[split].append(row)
    if count == 0:
        raise DataError(f"No rows were found in {name}. A task needs at least one prompt.")
    if budget is not None:
        budget.close(form.source)
    if streaming:
        return {
            split: StreamedRows(source, np.array(found, np.int64), form, name) for split, found in addresses.items()
        }
    return {split: tuple(items) for split, items in rows.items()}


def _listed(found: Record) -> str | None:
    if found.split is None or found.split in SPLITS:
        return found.split
    raise DataError(
        f"Rows are listed under {found.split!r}, which is no split.{suggest(found.split, SPLITS)} The splits are "
        f"{', '.join(SPLITS)}. Give the ones to play by these names: data={{'train': part, 'test': other_part}}."
    )
