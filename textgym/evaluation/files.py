"""Writing so that a reader meets a whole file or folder, or none: to a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TEMPORARY = ".part"
"""Suffix of what is still being written; nothing with it is ever read."""
PREVIOUS = ".previous"
"""Suffix of a folder that is being replaced: a kill between the two renames leaves it under this name."""


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Gives a name to write to; it becomes ``path``, at once, when the block ends without an error."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.stem}{TEMPORARY}{path.suffix}")  # writers go by the last suffix
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # a rename may reach the disk before the data does
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Gives a name for a folder to make; it becomes ``path``, at once, when the block ends without an error.

    A folder that is replaced is out of sight for the moment between two renames; `found` knows where it is.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, previous = path.with_name(path.name + TEMPORARY), path.with_name(path.name + PREVIOUS)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        yield temporary
        if path.is_dir() and any(path.iterdir()):  # no folder can be renamed onto one that has files
            shutil.rmtree(previous, ignore_errors=True)
            path.rename(previous)
        temporary.replace(path)
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def found(path: str | Path) -> Path:
    """Returns the folder that `whole_folder` made at ``path``, or what a kill left of it while it was replaced."""
    path = Path(path)
    previous = path.with_name(path.name + PREVIOUS)
    return previous if not path.exists() and previous.exists() else path


def write_text(path: str | Path, text: str) -> Path:
    """Writes ``text`` as UTF-8 to ``path``, whole or not at all, and returns the path."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: str | Path, content: Any) -> Path:
    """Writes ``content`` as indented JSON to ``path``, whole or not at all, and returns the path."""
    return write_text(path, json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n")
