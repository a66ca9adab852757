"""``textgym compare``: who is better, on identical prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from textgym.cli.console import err, out
from textgym.cli.options import SeedOption
from textgym.errors import RunError

NAME = "compare"
EXAMPLES = """
`textgym compare bench/ppo bench/reinforce`

`textgym compare bench:zero-shot bench:ppo --markdown compare.md`

`textgym compare before.json after.json --metric success`

`textgym compare runs/first runs/second`
"""


def command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="A B…",
            help="Folders of `textgym bench` (all their agents, or FOLDER:AGENT), run folders of `textgym train`, or "
            "files of `textgym evaluate --json`. The first agent is the one that the others are set against.",
            show_default=False,
        ),
    ],
    metric: Annotated[
        str, typer.Option(help="Score to compare: reward, success, length, one of the task's.")
    ] = "reward",
    json: Annotated[Path | None, typer.Option(help="Also write the numbers to this file.", show_default=False)] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Also write the tables to this file.", show_default=False)
    ] = None,
    resamples: Annotated[int, typer.Option(help="Of each bootstrap and each permutation test.", min=100)] = 10_000,
    seed: SeedOption = 0,
) -> None:
    """Compare agents id by id and over all, on identical prompts.

    Differences are paired by prompt and have 95% intervals, which say whether they are over prompts, or over training
    seeds too. p-values are of paired permutation tests, corrected for how many there are. What was asked differently
    (prompts, task, reward, vocabulary) is refused.
    """
    for path in (json, markdown):
        if path is not None and not path.absolute().parent.is_dir():
            raise RunError(f"Nothing can be written to {str(path)!r}: its folder does not exist. Make it first.")
    with err.status("comparing"):
        from textgym.bench.compare import compare
        from textgym.evaluation import files

        comparison = compare(sources, metric=metric, resamples=resamples, seed=seed)
    for pair in comparison.pairs:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for k, column in enumerate(comparison.columns(pair)):
            table.add_column(escape(column), justify="right" if 0 < k < 7 else "left")
        for row in comparison.cells(pair):
            table.add_row(*(escape(cell) for cell in row))
        out.print(f"[bold]{escape(pair.after)} against {escape(pair.before)}[/]  {escape(metric)}")
        out.print(table)
        for note in comparison.notes(pair):
            out.print(f"[dim]{escape(note)}[/]", soft_wrap=True)
        out.print(f"[bold]{escape(comparison.verdict(pair))}[/]\n", soft_wrap=True)
    for path, text in ((json, comparison.to_json()), (markdown, comparison.to_markdown())):
        if path is not None:
            out.print(f"Written: {files.write_text(path, text)}", soft_wrap=True)
