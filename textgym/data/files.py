"""Files of records: JSON lines, JSON, CSV, TSV and Parquet, read row by row, each row with its place and its fault.

Rows of JSON lines, CSV and TSV are found again by the byte they begin at, rows of Parquet by their number, so that a
file may be larger than memory.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from textgym.data import hub
from textgym.data.sources import Record, Source
from textgym.errors import DataError, OptionError

CONVERT = "Convert it, for example with `iconv -f latin-1 -t utf-8`."

BATCH = 1_000
"""Rows of a Parquet file in memory at once."""


class RecordFile(Source):
    """A file of records.

    Args:
        path: The file.
        encoding: Of a text file; a byte order mark is dropped.
        undecodable: Advice to give where it is not in that encoding.

    Raises:
        DataError: If there is no such file.
    """

    def __init__(self, path: Path, encoding: str = "utf-8", undecodable: str = CONVERT) -> None:
        if not path.is_file():
            raise DataError(f"There is no data file {str(path)!r} (from {Path.cwd()}).")
        self.path = path
        self.encoding = encoding
        self.undecodable = undecodable
        self._stamp = _stamp(path)

    def check_unchanged(self) -> None:
        """Raises `DataError` if the file is not what it was when its rows were found."""
        if not self.path.is_file() or _stamp(self.path) != self._stamp:
            raise DataError(
                f"{self.path} has changed since its rows were found. Make the environment anew, and leave the file "
                "alone while it is streamed."
            )


class TextFile(RecordFile):
    """A file of records in lines of text."""

    def lines(self, start: int = 0) -> Iterator[tuple[int, str]]:
        r"""Yields the lines from byte ``start`` on, each with the byte it begins at; only ``\n`` ends one.

        Raises:
            DataError: If a line is not text in the encoding.
            OptionError: If there is no such encoding.
        """
        with self._open() as file:
            address = file.seek(start)
            for number, line in enumerate(file, 1):
                text = self._text(line, number)
                marked = address == 0 and text.startswith("\ufeff")
                yield (3, text[1:]) if marked else (address, text)  # that mark has three bytes
                address += len(line)

    def _open(self) -> Any:
        if self.encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
            return self.path.open("rb")
        content = self.path.read_bytes()
        try:
            return io.BytesIO(content.decode(self.encoding).encode())
        except LookupError as error:
            known = "Common ones are utf-8, latin-1 and utf-16."
            raise OptionError(f"There is no encoding {self.encoding!r}. {known}") from error
        except UnicodeDecodeError as error:
            raise self._undecodable(error, content.count(b"\n", 0, error.start) + 1, content) from error

    def _text(self, line: bytes, number: int) -> str:
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise self._undecodable(error, number, line) from error
        if "\0" in text:
            raise DataError(
                f"{self.path} is no text file in {self.encoding.upper()}: it has a NUL byte in line {number}. If it is "
                "UTF-16, convert it with `iconv -f utf-16 -t utf-8`; otherwise the file is damaged, or of another kind."
            )
        return text

    def _undecodable(self, error: UnicodeDecodeError, number: int, content: bytes) -> DataError:
        return DataError(
            f"{self.path} is not {self.encoding.upper()} text: byte 0x{content[error.start]:02x} in line {number}, "
            f"{error.reason}. {self.undecodable}"
        )


class JsonLines(TextFile):
    """One JSON value a line; empty lines are none."""

    def scan(self) -> Iterator[Record]:
        source, row = f"{self.path.name}, ", 0
        for number, (address, line) in enumerate(self.lines(), 1):
            if line.strip():
                row += 1
                try:
                    yield Record(source, row, number, value=json.loads(line), address=address)
                except (ValueError, RecursionError) as error:
                    yield Record(source, row, number, fault=f"is not JSON: {_json_reason(error)} {_actual(line)}")

    def fetch(self, address: int) -> Any:
        self.check_unchanged()
        _, line = next(self.lines(address))
        return json.loads(line)


class JsonFile(TextFile):
    """A JSON list of rows, which only the whole file makes."""

    unstreamed = "A JSON list can only be read as a whole. Write one row a line, as JSON lines (.jsonl)."

    def scan(self) -> Iterator[Record]:
        try:
            rows = json.loads("".join(line for _, line in self.lines()))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{self.path} could not be read: {_json_reason(error)}") from error
        if not isinstance(rows, list):
            raise DataError(f"{self.path} must hold a JSON list of rows. Actual value: a {type(rows).__name__}.")
        yield from (Record(f"{self.path.name}, ", i, value=row) for i, row in enumerate(rows, 1))


class CsvFile(TextFile):
    """Comma- or tab-separated values under a header; every value is a text."""

    def scan(self) -> Iterator[Record]:
        header: list[str] = []
        source, row = f"{self.path.name}, ", 0
        for address, first, last, fields in self._rows():
            if isinstance(fields, csv.Error):
                if not header:
                    raise DataError(f"The header of {self.path} could not be read: {fields}.") from fields
                row += 1
                yield Record(source, row, first, last, fault=_csv_fault(fields))
            elif not header:
                header = self._header = fields
                if len(set(header)) < len(header):
                    twice = next(name for name in header if header.count(name) > 1)
                    raise DataError(f"{self.path} has two columns {twice!r}. Rename one of them.")
            else:
                row += 1
                if len(fields) != len(header):
                    fault = f"has {len(fields)} fields where the header has {len(header)}"
                    yield Record(source, row, first, last, fault=fault)
                else:
                    record = dict(zip(header, fields, strict=True))
                    yield Record(source, row, first, last, value=record, address=address)

    def fetch(self, address: int) -> Any:
        self.check_unchanged()
        _, _, _, fields = next(self._rows(address))
        return dict(zip(self._header, fields, strict=True))

    def _rows(self, start: int = 0) -> Iterator[tuple[int, int, int, Any]]:
        """Yields each row: the byte and the line it begins at, its last line, and its fields or what is wrong."""
        begins: list[int] = []  # of each line that the reader has taken for the row

        def texts() -> Iterator[str]:
            for address, line in self.lines(start):
                for text in re.findall(r"[^\r]*(?:\r\n|\r)|[^\r]+", line) if "\r" in line[:-2] else (line,):
                    begins.append(address)
                    yield text
                    address += len(text.encode())

        # Strict: a quote that is never closed would otherwise swallow the rest of the file without a word.
        delimiter = "\t" if self.path.suffix.lower() == ".tsv" else ","
        reader = csv.reader(texts(), delimiter=delimiter, strict=True)
        while True:
            begins.clear()
            first = reader.line_num + 1
            try:
                fields: Any = next(reader)
            except StopIteration:
                return
            except csv.Error as error:  # the reader goes on with the next line
                fields = error
            if fields:
                yield begins[0], first, reader.line_num, fields


class ParquetFile(RecordFile):
    """Parquet, a thousand rows in memory at once."""

    def scan(self) -> Iterator[Record]:
        try:
            import pyarrow
            import pyarrow.parquet as parquet
        except ImportError as error:
            raise DataError(f"Reading {self.path} needs pyarrow. Run `pip install 'textgym[data]'`.") from error
        row = 0
        try:
            with parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=BATCH):
                    for value in batch.to_pylist():
                        row += 1
                        yield Record(f"{self.path.name}, ", row, value=value, address=row - 1)
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{self.path} could not be read as Parquet: {error}") from error

    def fetch(self, address: int) -> Any:
        self.check_unchanged()
        return self._mapped[address]

    @cached_property
    def _mapped(self) -> Any:
        # Parquet has no way to a single row but by its whole group, of up to a million; Arrow has.
        return hub.from_disk(self.path)["train"]


READERS: dict[str, Callable[..., RecordFile]] = {
    ".jsonl": JsonLines,
    ".json": JsonFile,
    ".csv": CsvFile,
    ".tsv": CsvFile,
    ".parquet": ParquetFile,
}
"""What reads a file, by its suffix."""


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _csv_fault(error: csv.Error) -> str:
    if "field limit" in str(error):
        return f"has a field of more than {csv.field_size_limit():,} characters, or a quote that is never closed"
    return f"has quotes that do not pair up or fit: {error}"


def _json_reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return (
            f"{error.msg} at line {error.lineno}, column {error.colno}."
            if error.lineno > 1
            else (f"{error.msg} at column {error.colno}.")
        )
    return "it is nested too deeply." if isinstance(error, RecursionError) else f"{error}."


def _actual(line: str) -> str:
    return f"Actual value: {line.rstrip()[:80]!r}"
