"""One HTML page of a bench folder: it holds all it needs, loads nothing, and opens from a disk or an e-mail."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib import resources
from pathlib import Path
from string import Template
from typing import NamedTuple

from textgym.bench.page_episodes import BLOCK, MOST, EpisodePacker
from textgym.bench.page_numbers import page_numbers
from textgym.bench.results import Bench
from textgym.errors import DataError, OptionError
from textgym.evaluation import files

PAGE = "index.html"
"""Where the page of a bench stands, in its folder."""

SCRIPTS = ("dom.js", "agents.js", "plots.js", "tables.js", "episodes.js", "tokens.js", "page.js")
"""In the order in which they need each other; the page carries them as one."""


class Page(NamedTuple):
    """A page that was written.

    Attributes:
        path: The file.
        size: In bytes.
        carried: Episodes that it holds.
        total: Episodes of the bench.
    """

    path: Path
    size: int
    carried: int
    total: int


def write_page(bench: Bench, out: str | Path | None = None, *, episodes: int = MOST) -> Page:
    """Writes the page of a bench, whole or not at all.

    Equal benches give equal pages, timings aside. Texts of a bench are data to it, whatever they hold: they are packed,
    drawn as text, and a content security policy lets no script run but the page's own.

    Args:
        bench: The bench; cells that are missing are shown as missing.
        out: The file; ``index.html`` in the bench's folder by default.
        episodes: Episodes to carry at most. A bench that has more gives the first ones of each cell.

    Raises:
        DataError: If no cell has been played, or a file of the bench is damaged.
        OptionError: If the file cannot be written.
    """
    cells = bench.cells()
    if not cells:
        raise DataError(f"The bench {str(bench.path)!r} has no whole cell yet. Run the bench again; it goes on.")
    if episodes < 1:
        raise OptionError(f"A page carries at least one episode a cell. Actual value: episodes={episodes}.")
    packer = EpisodePacker(cells, episodes)
    rewards = {}
    for key in cells:
        played = bench.episodes(key)  # a cell at a time: all of them may not fit into memory
        packer.add(key, played)
        rewards[key] = [episode.reward for episode in played]
    data = page_numbers(bench, cells, rewards) | {"block": BLOCK, "carried": packer.describe()}
    packed = packer.packed()
    style, script = _asset("page.css"), '"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS)
    blocks = (
        f'<script type="application/octet-stream" id="block-{number}">{block}</script>'
        for number, block in enumerate(packed.blocks)
    )
    text = Template(_asset("page.html")).substitute(
        title=html.escape(data["settings"]["title"]),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        data=_embedded(data),
        index=packed.listing,
        blocks="\n".join(blocks),
    )
    path = bench.path / PAGE if out is None else Path(out)
    try:
        files.write_text(path, text)
    except OSError as error:
        raise OptionError(f"The page cannot be written to {str(path)!r}: {error}. Choose another file.") from error
    return Page(path, path.stat().st_size, packer.carried, packer.total)


def _asset(name: str) -> str:
    return resources.files("textgym.bench").joinpath("page_assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The name by which a content security policy allows an inline script or style."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _embedded(content: object) -> str:
    """JSON that no HTML parser mistakes for a tag, an entity or the end of its script."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
