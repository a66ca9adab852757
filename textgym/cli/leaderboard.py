"""``textgym leaderboard``: the agents of many benches in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from textgym.cli.console import err, out
from textgym.cli.options import SeedOption
from textgym.errors import OptionError, RunError

NAME = "leaderboard"
EXAMPLES = """
`textgym leaderboard bench/*`

`textgym leaderboard bench/mine bench/theirs --out leaderboard.html`

`textgym leaderboard bench/* --out LEADERBOARD.md`
"""


def command(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="FOLDER…", help="Folders that `textgym bench` made.", show_default=False),
    ],
    file: Annotated[
        Path | None,
        typer.Option("--out", help="Write the table to this file, .md or .html.", show_default=False),
    ] = None,
    resamples: Annotated[int, typer.Option(help="Of each bootstrap.", min=100)] = 10_000,
    seed: SeedOption = 0,
) -> None:
    """Rank the agents of many benches by their normalised rewards, with intervals.

    Ranks and aggregates are over the ids that every agent has whole. Results that do not belong in one table (another
    task, version, split or number of episodes) are refused.
    """
    if file is not None and file.suffix not in (".md", ".html"):
        raise OptionError(f"A leaderboard is written as .md or .html. Actual value: --out {str(file)!r}.")
    if file is not None and not file.absolute().parent.is_dir():
        raise RunError(f"Nothing can be written to {str(file)!r}: its folder does not exist. Make it first.")
    with err.status("ranking"):
        from textgym.bench import leaderboard_page
        from textgym.bench.leaderboard import leaderboard, shown
        from textgym.evaluation import files

        board = leaderboard(folders, resamples=resamples, seed=seed)
    ids = len(board.env_ids)
    columns, rows = board.columns(), [row[: len(row) - ids] for row in board.cells()]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for k, column in enumerate(columns[: len(columns) - ids]):  # ids would not fit a terminal; the file has them
        table.add_column(column, justify="left" if k == 1 else "right")
    for row in rows:
        table.add_row(*(escape(shown(cell, rank=k == 0)) for k, cell in enumerate(row)))
    out.print(table)
    for note in board.notes:
        out.print(f"[dim]{escape(note)}[/]", soft_wrap=True)
    if file is None:
        out.print(f"[dim]--out FILE.md or FILE.html also writes the scores on each of the {ids} ids.[/]")
    else:
        text = board.to_markdown() if file.suffix == ".md" else leaderboard_page.render(board)
        out.print(f"Written: {files.write_text(file, text)}", soft_wrap=True)
