"""What ships inside the package: a tokenizer, a small language model, two reward models and a text encoder.

The scripts beside this file made them; each folder's ``README.md`` is its card. `resolve` finds these models and
all others by name, `data_file` the data that other packages carry.
"""

from __future__ import annotations

from pathlib import Path

from textgym.errors import AssetError, suggest

from . import carriers, hub

NAMES = ("tiny", "sentiment", "similarity", "preference")


def path(name: str) -> Path:
    """Returns the folder of a shipped asset.

    Args:
        name: ``"tiny"`` (the byte-level BPE tokenizer and its language model), ``"sentiment"`` and ``"preference"``
            (reward models) or ``"similarity"`` (the encoder of sentences); all are Hugging Face folders.

    Raises:
        AssetError: If there is no such asset, or its files are missing from the installation.
    """
    if name not in NAMES:
        raise AssetError(f"No shipped asset is called {name!r}.{suggest(name, NAMES)} Shipped: {', '.join(NAMES)}.")
    folder = Path(__file__).parent / name
    if not (folder / "config.json").is_file():
        raise AssetError(
            f"The shipped asset {name!r} is missing from {folder}. Reinstall textgym, or rebuild it with "
            "`python -m textgym.assets.build`."
        )
    return folder


def resolve(name: str) -> str:
    """Returns what `hub.load` loads a model from: a folder, or a Hub id.

    The first of these that has it: what ships with textgym, a local folder, an installed package that carries it
    (`carriers`), the Hub. A carried model is unpacked, or converted, once.

    Args:
        name: A shipped name, a folder, the name of a carried model such as ``"minilm-l6"``, or a Hub id, with
            ``@revision`` (commit, tag or branch) where it is to be pinned.

    Raises:
        AssetError: If the files of a shipped asset are missing, or a carried model cannot be made ready.
    """
    if name in NAMES:
        return str(path(name))
    if Path(name).is_dir():
        return str(Path(name).resolve())
    if name in carriers.MODELS:
        return str(carriers.find(name)) if carriers.archive(name) else str(carriers.MODELS[name].hub_id)
    return name


def data_file(name: str) -> Path | None:
    """Returns the file of carried data such as ``"feedback"``, UTF-8; None of any other name, and of what lies here.

    Raises:
        AssetError: If its package is not installed, or it cannot be made ready.
    """
    return carriers.find(name) if name in carriers.DATA and not Path(name).exists() else None


def advice(name: str, error: Exception) -> str:
    """Says what to do where the model ``name`` could not be loaded; says nothing where it cannot tell."""
    return carriers.advice(name) or hub.advice(resolve(name), error, known())


def known() -> str:
    """Says which names `resolve` knows beyond folders and Hub ids, and which of them are not installed."""
    carried = [name if carriers.archive(name) else f"{name}, not installed" for name in carriers.MODELS]
    return ", ".join([*NAMES, *carried])
