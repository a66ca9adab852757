"""Records of named columns, read from a file, a data set or a list, each with its place and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from textgym import assets
from textgym.data import hub
from textgym.data.files import CONVERT, READERS
from textgym.data.sources import Parts, Record, Source
from textgym.errors import DataError, OptionError


def read(data: str | Path | Iterable[Any], *, encoding: str = "utf-8", undecodable: str = CONVERT) -> Iterator[Record]:
    """Yields every row of ``data``, also those that cannot be read: these have a `Record.fault`.

    Args:
        data: See `source`.
        encoding: Of text files; a byte order mark is dropped.
        undecodable: Advice to give where a file is not in that encoding.

    Raises:
        DataError: If the source as a whole cannot be read.
        OptionError: If there is no such encoding.
    """
    return source(data, encoding=encoding, undecodable=undecodable).scan()


def source(
    data: str | Path | Iterable[Any],
    *,
    encoding: str = "utf-8",
    undecodable: str = CONVERT,
    config: str | None = None,
    revision: str | None = None,
) -> Source:
    """Returns where the rows of ``data`` come from.

    Class numbers of a ``ClassLabel`` column of a data set become the names they stand for. A data set whose only split
    is ``train``, as the ``datasets`` library calls what has none, has none here.

    Args:
        data: A ``.jsonl``, ``.json``, ``.csv``, ``.tsv`` or ``.parquet`` file; a folder that ``save_to_disk`` wrote;
            ``"feedback"`` or ``"news"``, which installed packages carry (`textgym.assets.carriers.DATA`); the id of a
            data set on the Hugging Face Hub; a ``Dataset`` or ``DatasetDict``; a mapping of splits; or an iterable of
            rows.
        encoding: Of text files; it is known of data that a package carries.
        undecodable: Advice to give where a file is not in that encoding.
        config: Configuration of a data set on the Hub.
        revision: Commit, tag or branch of a data set on the Hub.

    Raises:
        DataError: If there is nothing of the kind.
        AssetError: If it is data that a package carries, which is not installed.
        OptionError: If ``config`` or ``revision`` are given for anything else.
    """
    carried = assets.data_file(data) if isinstance(data, str) else None
    if carried is None and isinstance(data, str) and is_hub_id(data):
        return Parts(_splits(hub.from_hub(data, config, revision)))
    if config is not None or revision is not None:
        raise OptionError(
            f"config and revision choose among what the Hugging Face Hub has; {describe(data)} is not from there. "
            f"Actual values: config={config!r}, revision={revision!r}."
        )
    if carried is not None:
        data, encoding = carried, "utf-8"
    if not isinstance(data, str | Path):
        if not isinstance(data, Iterable):
            raise DataError(f"Data is a file, a data set, or an iterable of rows. Actual value: {data!r}.")
        return Parts(_splits(data) if isinstance(data, Mapping) else {None: data})
    path = Path(data)
    if path.suffix.lower() in READERS:
        if path.is_dir():
            raise DataError(_directory(path))
        return READERS[path.suffix.lower()](path, encoding, undecodable)
    if not path.exists():
        raise DataError(f"There is no data file {str(path)!r} (from {Path.cwd()}).")
    if not path.is_dir():
        raise DataError(f"{str(path)!r} is no file of a known kind. Convert it to one of {', '.join(READERS)}.")
    if not hub.is_saved(path):
        raise DataError(_directory(path))
    return Parts(_splits(hub.from_disk(path)))


def is_hub_id(data: str) -> bool:
    """Returns whether a text names a data set on the Hub: ``name`` or ``owner/name``, and nothing that is here."""
    is_file = Path(data).suffix.lower() in READERS
    return not is_file and re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", data) is not None and not Path(data).exists()


def describe(data: Any) -> str:
    """Returns what to call a source in an error."""
    return repr(str(data)) if isinstance(data, str | Path) else f"the {type(data).__name__} given"


def _splits(parts: Mapping[Any, Iterable[Any]]) -> dict[str | None, Iterable[Any]]:
    if list(parts) == ["train"] and type(parts) is not dict:  # a DatasetDict, not a choice of the user's
        return {None: parts["train"]}
    return {str(split): part for split, part in parts.items()}


def _directory(path: Path) -> str:
    files = sorted(file.name for file in path.iterdir() if file.suffix.lower() in READERS)
    return (
        f"{str(path)!r} is a folder, and none that save_to_disk() of the datasets library wrote. Give one file: "
        f"{', '.join(files[:5]) or f'it holds none of the kinds {chr(44).join(READERS)}'}{' …' * (len(files) > 5)}."
    )


__all__ = ["CONVERT", "READERS", "Parts", "Record", "Source", "describe", "is_hub_id", "read", "source"]
