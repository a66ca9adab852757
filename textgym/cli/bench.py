"""``textgym bench``: many agents on many environments, into one folder of results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from textgym import registry
from textgym.cli import agents
from textgym.cli.console import bar, out
from textgym.cli.crew import CpusOption, Crew, GpusOption, ProcessesOption, RayOption
from textgym.cli.options import DeviceOption, EnvOption, SeedOption, SplitOption, env_kwargs
from textgym.errors import OptionError, suggest

if TYPE_CHECKING:
    from textgym.bench import Bench

NAME = "bench"
EXAMPLES = """
`textgym bench --agent random --agent tiny --suite core --out benches/tiny --processes 2`

`textgym bench --agent ppo=runs/seed0 --agent ppo=runs/seed1 --env-id TextGen-Sentiment-v0 --out benches/ppo`

`textgym bench --agent ppo=/shared/runs/seed0 --suite core --out benches/ppo --ray 10.0.0.1:6379`

A bench that was interrupted goes on where it was: run the same command again.
"""

NO_CACHE = "none"


def command(
    agent: Annotated[
        list[str],
        typer.Option(
            metavar="[LABEL=]AGENT",
            help="What `textgym evaluate` takes: random, oracle, tiny, a run folder, module:Class …; repeat it for "
            "more. Several under one label are training runs of the same agent.",
            show_default=False,
        ),
    ],
    path: Annotated[
        Path, typer.Option("--out", help="Folder of the results; an earlier bench in it goes on.", show_default=False)
    ],
    suite: Annotated[
        list[str] | None,
        typer.Option(help="core, algorithmic, grue, probe, all, or any tag; repeat it for more.", show_default=False),
    ] = None,
    env_id: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="One environment; repeat it for more.", show_default=False)
    ] = None,
    episodes: Annotated[int, typer.Option(help="Episodes a cell, over the prompts in order.", min=1)] = 256,
    split: SplitOption = "test",
    seed: SeedOption = 0,
    deterministic: Annotated[bool, typer.Option(help="Take the likeliest token instead of sampling.")] = False,
    env: EnvOption = None,
    limit: Annotated[
        int | None, typer.Option(help="Cells to play at most, this time.", min=1, show_default=False)
    ] = None,
    processes: ProcessesOption = 1,
    ray: RayOption = None,
    num_cpus: CpusOption = None,
    num_gpus: GpusOption = None,
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|none",
            help="Folder of cells that were played before, by content; by default `textgym/bench` in the user's cache.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Play agents on environments, and write scores, episodes, tables and plots to one folder."""
    from textgym import bench

    config = bench.BenchConfig(
        agents=labelled(agent),
        env_ids=chosen(suite or (), env_id or ()),
        env_kwargs=env_kwargs(env),
        episodes=episodes,
        split=split,
        seed=seed,
        deterministic=deterministic,
    )
    crew = Crew(processes, ray, num_cpus, num_gpus, device)
    with bar("cells") as progress:
        made = bench.run(
            config,
            path,
            partial(load_agent, crew.device_of_a_cell),
            workers=crew.workers(),
            limit=limit,
            cache=cache_folder() if cache is None else None if cache == NO_CACHE else Path(cache),
            progress=progress,
        )
    out.print(_table(made))
    out.print(f"Tables, plots and every episode: {path}")


def load_agent(device: str, source: str, env_id: str, options: Mapping[str, Any]) -> Any:
    """Returns the agent of a source; a function of a module, so that worker processes can be given it."""
    return agents.load(source, device, env_id, options)


def labelled(specs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Returns the sources of each agent by its label: what stands before ``=``, else the source itself.

    Raises:
        OptionError: If one source stands twice under a label.
    """
    found: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        label, equals, source = spec.partition("=")
        if not equals or "(" in label or Path(spec).exists():  # best_of_n(tiny, n=4), runs/lr=0.1
            label = source = spec
        if not label or not source:
            raise OptionError(f"--agent takes AGENT or LABEL=AGENT. Actual value: {spec!r}.")
        if source in found.get(label, ()):
            raise OptionError(f"--agent {spec} was given twice. Runs of one agent are different sources.")
        found[label] = (*found.get(label, ()), source)
    return found


def chosen(suites: Iterable[str], env_ids: Iterable[str]) -> tuple[str, ...]:
    """Returns the ids of suites and those named one by one, each once.

    Raises:
        OptionError: If there is no such suite or id, or none is named.
    """
    known = registry.suites()
    ids: list[str] = []
    for suite in suites:
        if suite not in known:
            raise OptionError(
                f"There is no suite {suite!r}.{suggest(suite, known)} There are {', '.join(sorted(known))}."
            )
        ids += known[suite]
    ids += [registry.entry(env_id).id for env_id in env_ids]
    if not ids:
        raise OptionError("Say what to play: --suite core, or --env-id TextGen-Sentiment-v0.")
    return tuple(dict.fromkeys(ids))


def cache_folder() -> Path:
    """Returns the cache of benches: under ``XDG_CACHE_HOME`` where that is set, else under ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "textgym" / "bench"


def _table(bench: Bench) -> Table:
    """Returns the scores, and what is in no file but the cells: the time."""
    from textgym.evaluation.report import number

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "agent", "run", "reward", "score", "gap", "tokens/s", "seconds"):
        table.add_column(column, justify="left" if column in ("id", "agent") else "right")
    for cell in sorted(bench.cells().values(), key=lambda cell: bench.config.env_ids.index(cell.env_id)):
        table.add_row(
            cell.env_id,
            cell.agent,
            str(cell.run),
            str(cell.metrics["reward"]),
            "–" if cell.score is None else number(cell.score.mean),
            "–" if cell.gap is None else number(cell.gap.mean),
            number(cell.timing["tokens_per_second"]),
            number(cell.timing["seconds"]),
        )
    return table
