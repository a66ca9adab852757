"""What ships inside the package: a tokenizer, a small language model and a sentiment reward model.

The scripts beside this file made them; each folder's ``README.md`` is its card.
"""

from __future__ import annotations

from pathlib import Path

from textgym.errors import AssetError, suggest

NAMES = ("tiny", "sentiment")


def path(name: str) -> Path:
    """Returns the folder of a shipped asset.

    Args:
        name: ``"tiny"`` (the byte-level BPE tokenizer and its language model) or ``"sentiment"`` (the reward
            model); both are Hugging Face folders.

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
