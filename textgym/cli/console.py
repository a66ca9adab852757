"""What the commands share in the terminal: where they print, how progress looks, how an error reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typer.core import TyperGroup

from textgym.errors import TextGymError

WIDTH = 120
"""Columns of what goes to a file or a pipe; a terminal knows its own."""

out = Console(width=None if sys.stdout.isatty() else WIDTH)
err = Console(stderr=True)

MISUSE = 2
"""Exit code of anything that the user can mend, as Unix tools have it."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT."""


class Commands(TyperGroup):
    """The group of commands; an error of ours is one message, no traceback, and exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the subcommand."""
        try:
            return super().invoke(ctx)
        except TextGymError as error:
            err.print(f"[bold red]Error:[/] {escape(str(error))}", soft_wrap=True)
            raise typer.Exit(MISUSE) from error


def quiet() -> None:
    """Keeps transformers' own bars, one a file that is read or written, and its advice out of ours."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def bars() -> Progress:
    """Returns a progress display; it writes to stderr, and nothing where that is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=err,
        disable=not err.is_terminal or out.quiet,
    )


@contextmanager
def bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function of ``(done, total)`` that moves one progress bar."""
    with bars() as progress:
        task = progress.add_task(description, total=None, note="")
        yield lambda done, total: progress.update(task, completed=done, total=total)
