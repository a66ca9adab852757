"""``textgym report``: a bench folder as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textgym.cli.console import err, out

NAME = "report"
EXAMPLES = """
`textgym report runs/bench`

`textgym report runs/bench --out bench.html`
"""


def command(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder that `textgym bench` made.", show_default=False)
    ],
    page: Annotated[
        Path | None,
        typer.Option("--out", help="The file to write; index.html in the folder otherwise.", show_default=False),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Episodes that the page carries at most.", min=1)] = 10_000,
) -> None:
    """Make one HTML page of a bench: scores with intervals, plots, and every episode token by token.

    The page needs no network and no server: open it, send it, keep it beside the paper. Cells that are missing are
    shown as missing. Where the bench has more episodes than the page carries, it holds the first ones of each cell;
    its numbers are of all.
    """
    with err.status("reading the bench"):
        from textgym.bench.page import write_page
        from textgym.bench.results import Bench

        bench = Bench.open(folder)
    with err.status("writing the page"):
        made = write_page(bench, page, episodes=episodes)
    of = "" if made.carried == made.total else f" of {made.total:,}"
    out.print(f"Page: {made.path} ({made.size / 1e6:.1f} MB, {made.carried:,}{of} episodes)", soft_wrap=True)
    if missing := len(bench.missing()):
        out.print(f"{missing} of {len(bench.config.keys)} cells are missing; the page shows them as missing.")
