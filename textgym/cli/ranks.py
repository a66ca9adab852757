"""What a training command does where a launcher, such as torchrun, has started it several times."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from textgym.cli import agents
from textgym.cli.console import err, out
from textgym.errors import OptionError

if TYPE_CHECKING:
    from textgym.evaluation import Run, RunConfig

TERMINATED = 143
"""Exit code after SIGTERM: 128 + SIGTERM."""


def several() -> bool:
    """Whether a launcher started this command more than once."""
    return os.environ.get("WORLD_SIZE", "1") != "1"  # asked before anything loads torch


def leads() -> bool:
    """Whether this process prints and writes: it is the only one, or the first of several."""
    if not several():
        return True
    from textgym.agents.ranks import Ranks

    return Ranks.current().first


def quieten() -> None:
    """Leaves what goes to the terminal to the first rank, errors aside."""
    out.quiet = not leads()


def started(path: Path, config: RunConfig, agent: Any, device: str) -> tuple[Run, Any]:
    """Returns a new run, and the agent that trains in it.

    Of several ranks the first one makes the folder. Launchers start a command again after a failure, so of several
    ranks a folder of the same run is gone on with, from its newest checkpoint.

    Args:
        path: The folder.
        config: What the run is started with.
        agent: A new agent as the config describes it.
        device: Where an agent that is loaded runs.
    """
    from textgym.evaluation import Run

    if not several():
        return Run.create(path, config), agent
    if not hasattr(agent, "ranks"):
        raise OptionError(
            f"{config.algorithm} trains in one process, and a launcher started several. Start it without, or choose "
            "an algorithm of textgym."
        )
    run = Run(path, config)
    with agent.ranks.alone() as first:
        if first and not _same(path, config):
            Run.create(path, config)
    if run.checkpoints():  # the first rank writes none before all ranks train
        agent = agents.resumed(run, device)
        out.print(f"This run has been started before; it goes on after {agent.num_timesteps:,} tokens.")
    return run, agent


@contextmanager
def watched(run: Run) -> Iterator[None]:
    """Gives a context in which a launcher that ends all ranks, as one has failed, gets a message and an exit code."""
    if not several():
        yield
        return
    from textgym.agents.ranks import Ranks

    def stop(*_: Any) -> None:
        again = f"Start all ranks again, by the same command or with textgym train --resume {escape(str(run.path))}"
        err.print(
            f"[bold red]Error:[/] Rank {Ranks.current().rank} was told to stop (SIGTERM), as launchers do once another "
            f"rank has ended or the time is over. {again}: it goes on from the newest checkpoint.",
            soft_wrap=True,
        )
        raise typer.Exit(TERMINATED)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _same(path: Path, config: RunConfig) -> bool:
    """Whether a folder holds the run of this config."""
    from textgym.evaluation import Run

    if not (path / "config.json").exists():
        return False
    return _text(Run.open(path).config) == _text(config)


def _text(config: RunConfig) -> str:
    return json.dumps(asdict(config), sort_keys=True)
