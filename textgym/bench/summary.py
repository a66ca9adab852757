"""What a person reads of a bench: its Markdown, plots and page, made of the cells that there are."""

from __future__ import annotations

from textgym.bench import page, plots, readme
from textgym.bench.results import Bench


def write(bench: Bench) -> None:
    """Writes ``README.md``, ``plots/`` and ``index.html`` into the bench's folder; a bench without cells has none."""
    if bench.cells():
        readme.write(bench)
        plots.draw(bench)
        page.write_page(bench)
