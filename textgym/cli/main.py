"""The command line's front door."""

from __future__ import annotations

import sys

import typer

from textgym.cli import (
    assets,
    bench,
    compare,
    envs,
    evaluate,
    export_task,
    leaderboard,
    overoptimize,
    play,
    report,
    reproduce,
    rescore,
    reward_model,
    sft,
    show,
    train,
    tune,
)
from textgym.cli.console import Commands
from textgym.cli.crew import Command

app = typer.Typer(
    cls=Commands,
    help="Text generation as Gymnasium environments: look at them, play them, train and evaluate agents.",
    epilog="Start with `textgym envs`, then `textgym play TextGen-Numbers-v0`, then `textgym train "
    "TextGen-Sentiment-v0`. Each command explains itself with --help.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)

for module in (
    envs,
    show,
    play,
    sft,
    train,
    tune,
    evaluate,
    bench,
    compare,
    leaderboard,
    rescore,
    overoptimize,
    report,
    reproduce,
    export_task,
):
    app.command(name=module.NAME, cls=Command, epilog=module.EXAMPLES)(module.command)
app.add_typer(reward_model.app, name=reward_model.NAME)
app.add_typer(assets.app, name=assets.NAME)


def main() -> None:
    """Runs the ``textgym`` command."""
    sys.path.insert(0, "")  # module:function may name a file of the user's, as with `python -m`
    app()
