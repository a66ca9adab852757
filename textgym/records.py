"""Records of named columns, read from a file, a data set or a list, each with its place and what is wrong with it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textgym.errors import DataError, OptionError

CONVERT = "Convert it, for example with `iconv -f latin-1 -t utf-8`."


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
    """

    source: str
    row: int
    line: int | None = None
    last_line: int | None = None
    split: str | None = None
    value: Any = None
    fault: str | None = None

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


def read(
    data: str | Path | Iterable[Any],
    *,
    encoding: str = "utf-8",
    undecodable: str = CONVERT,
    class_names: bool = False,
) -> Iterator[Record]:
    """Yields every row of ``data``, also those that cannot be read: these have a `Record.fault`.

    Args:
        data: A ``.jsonl``, ``.json``, ``.csv``, ``.tsv`` or ``.parquet`` file, the id of a data set for the
            ``datasets`` library, a ``Dataset`` or ``DatasetDict``, a mapping of splits, or an iterable of rows.
        encoding: Of text files; a byte order mark is dropped.
        undecodable: Advice to give where a file is not in that encoding.
        class_names: Whether the numbers of a ``ClassLabel`` column of a data set become the names they stand for.

    Raises:
        DataError: If the source as a whole cannot be read.
        OptionError: If there is no such encoding.
    """
    if isinstance(data, str | Path):
        path = Path(data)
        if path.suffix.lower() in _READERS:
            if not path.is_file():
                raise DataError(f"There is no data file {str(data)!r} (from {Path.cwd()}).")
            yield from _READERS[path.suffix.lower()](path, lambda: _decoded(path, encoding, undecodable))
            return
    rows: Any = _data_set(str(data)) if isinstance(data, str | Path) else data
    if isinstance(rows, Mapping):  # a DatasetDict, or a dict of splits
        for split, part in rows.items():
            yield from (Record(f"{split} ", i, None, None, str(split), row) for i, row in _rows(part, class_names))
        return
    yield from (Record("", i, value=row) for i, row in _rows(rows, class_names))


def describe(data: Any) -> str:
    """Returns what to call a source in an error."""
    return repr(str(data)) if isinstance(data, str | Path) else f"the {type(data).__name__} given"


def _rows(part: Iterable[Any], class_names: bool) -> Iterator[tuple[int, Any]]:
    features = getattr(part, "features", None) or {}  # of a `datasets.Dataset`
    named = {column: kind for column, kind in features.items() if hasattr(kind, "int2str")} if class_names else {}
    for i, row in enumerate(part, 1):
        if named and isinstance(row, Mapping):
            names = {c: kind.int2str(row[c]) for c, kind in named.items() if isinstance(row[c], int) and row[c] >= 0}
            row = {**row, **names}
        yield i, row


def _decoded(path: Path, encoding: str, advice: str) -> str:
    content = path.read_bytes()
    try:
        text = content.decode(encoding)
    except LookupError as error:
        raise OptionError(f"There is no encoding {encoding!r}. Common ones are utf-8, latin-1 and utf-16.") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} is not {encoding.upper()} text: byte 0x{content[error.start]:02x} in line {line}, "
            f"{error.reason}. {advice}"
        ) from error
    return text.removeprefix("\ufeff")


def _jsonl(path: Path, text: Callable[[], str]) -> Iterator[Record]:
    source, row = f"{path.name}, ", 0
    for number, line in enumerate(text().split("\n"), 1):  # splitlines() would also cut at U+2028 inside strings
        if line.strip():
            row += 1
            try:
                yield Record(source, row, number, value=json.loads(line))
            except json.JSONDecodeError as error:
                fault = f"is not JSON: {error.msg} at column {error.colno}. Actual value: {line[:80]!r}"
                yield Record(source, row, number, fault=fault)


def _json(path: Path, text: Callable[[], str]) -> Iterator[Record]:
    try:
        rows = json.loads(text())
    except json.JSONDecodeError as error:
        raise DataError(f"{path} could not be read: {error}.") from error
    if not isinstance(rows, list):
        raise DataError(f"{path} must hold a JSON list of rows. Actual value: a {type(rows).__name__}.")
    yield from (Record(f"{path.name}, ", i, value=row) for i, row in enumerate(rows, 1))


def _csv(path: Path, text: Callable[[], str]) -> Iterator[Record]:
    # Strict: a quote that is never closed would otherwise swallow the rest of the file without a word.
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.reader(io.StringIO(text(), newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    source, row = f"{path.name}, ", 0
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # the reader goes on with the next line
            if not header:
                raise DataError(f"The header of {path} could not be read: {error}.") from error
            row += 1
            yield Record(source, row, line, reader.line_num, fault=f"has quotes that do not pair up or fit: {error}")
            continue
        if not fields:
            continue
        if not header:
            header = fields
            if len(set(header)) < len(header):
                twice = next(name for name in header if header.count(name) > 1)
                raise DataError(f"{path} has two columns {twice!r}. Rename one of them.")
            continue
        row += 1
        if len(fields) != len(header):
            fault = f"has {len(fields)} fields where the header has {len(header)}"
            yield Record(source, row, line, reader.line_num, fault=fault)
        else:
            yield Record(source, row, line, reader.line_num, value=dict(zip(header, fields, strict=True)))


def _parquet(path: Path, text: Callable[[], str]) -> Iterator[Record]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError(f"Reading {path} needs pyarrow. Run `pip install 'textgym[data]'`.") from error
    try:
        rows = parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} could not be read as Parquet: {error}") from error
    yield from (Record(f"{path.name}, ", i, value=row) for i, row in enumerate(rows, 1))


_READERS: dict[str, Callable[[Path, Callable[[], str]], Iterator[Record]]] = {
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
