"""``textgym reproduce``: trains and benches the agents of a table, and checks what was published of it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table as Grid

from textgym.cli.console import INTERRUPTED, err, out
from textgym.cli.crew import CpusOption, Crew, GpusOption, ProcessesOption, RayOption
from textgym.cli.options import DeviceOption
from textgym.errors import OptionError

if TYPE_CHECKING:
    from textgym.bench.published import Check, Published
    from textgym.bench.recipes import Job, Table
    from textgym.bench.reproduce import Made
    from textgym.bench.results import Bench

NAME = "reproduce"
EXAMPLES = """
`textgym reproduce algorithms --processes 2` goes on where it was cut off.

`textgym reproduce core --only PPO/Sentiment --only random`

`textgym reproduce core --ray --out /shared/core` fans the cells out over a Ray cluster whose nodes share that folder.

`textgym reproduce my_table.yml --out runs/mine --timesteps-scale 0.1`

`textgym reproduce algorithms --check --only ppo/Target/0` trains that cell anew, and fails where it comes out
otherwise than published.
"""

FAILED = 1
"""Exit code where a cell failed, or left what was published."""

CHECKED = 3
"""Cells that --check makes where --only names none."""


def command(
    table: Annotated[
        str,
        typer.Argument(metavar="TABLE", help="A shipped table (algorithms, core, imdb, walks) or a YAML file."),
    ] = "core",
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Make some cells anew, and end with code 1 where they are not as published.",
        ),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROW/ID/SEED",
            help="The cells to make: * or nothing takes all; repeat it for more. Default: all, or three for --check.",
            show_default=False,
        ),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The folder of runs and bench. Default: runs/reproduce/TABLE; for --check one that is deleted.",
            show_default=False,
        ),
    ] = None,
    processes: ProcessesOption = 1,
    ray: RayOption = None,
    num_cpus: CpusOption = None,
    num_gpus: GpusOption = None,
    timesteps_scale: Annotated[
        float, typer.Option(help="Multiplies every budget; such a table is not published.")
    ] = 1.0,
    results: Annotated[Path, typer.Option(help="Where published tables lie, TABLE.json and TABLE.md.")] = Path(
        "benchmarks/results"
    ),
    write: Annotated[
        bool, typer.Option("--write", help="Also put the whole table between its marks in ./README.md.")
    ] = False,
    device: DeviceOption = "cpu",
) -> None:
    """Train and bench the agents of a table: every row on every id with every seed.

    Cells are made seed by seed, so that a part is a smaller table; the same command goes on after a crash or Ctrl-C,
    and makes no cell twice. The folder holds the training runs, each with a model card, the bench, and learning
    curves. A whole table is written to --results. With --check cells are trained anew: a number fails when one new run
    would not have it, given how much the published seeds differ, with one false alarm in twenty checks.
    """
    from textgym.bench import needs, recipes

    if not timesteps_scale > 0:
        raise OptionError(f"--timesteps-scale is above 0. Actual value: {timesteps_scale}.")
    if check and (write or timesteps_scale != 1):
        raise OptionError("--check compares with what is published; leave out --write and --timesteps-scale.")
    crew = Crew(processes, ray, num_cpus, num_gpus, device)
    asked = recipes.load(table)
    needs.require(asked)
    asked.register()
    if check:
        _check(asked, only or [], path, crew, results)
        return
    folder = path or Path("runs", "reproduce", asked.name)
    jobs = recipes.chosen(asked.jobs(), only or [])
    bench, made, seconds = _make(asked, jobs, folder, crew, timesteps_scale)
    published = _write(asked, bench, timesteps_scale)
    out.print(_grid(published, asked))
    out.print(f"\n{len(made.done)} cells in {seconds:,.0f} s: {folder / 'README.md'}", soft_wrap=True)
    _publish(asked, bench, published, results, write)
    if made.failed:
        raise typer.Exit(FAILED)


def _make(table: Table, jobs: list[Job], folder: Path, crew: Crew, scale: float) -> tuple[Bench, Made, float]:
    """Makes cells, told on stderr, and returns the bench that holds them."""
    from textgym.bench import BenchConfig
    from textgym.bench.reproduce import make
    from textgym.bench.results import Bench
    from textgym.cli.cells import BENCH, Work

    config = BenchConfig(table.sources(), tuple(table.ids), table.env_kwargs, table.episodes)
    bench = Bench.create(folder / BENCH, config)
    start = time.monotonic()

    def ended(job: Job, problem: str | None, seconds: float) -> None:
        if problem is None:
            err.print(f"{escape(str(job))}  {seconds:.0f} s", soft_wrap=True)
        else:
            err.print(f"[bold red]{escape(str(job))}[/] failed: {escape(problem)}", soft_wrap=True)

    try:
        work = Work(table, folder, scale, crew.device_of_a_cell)
        made = make(table, jobs, work, ended=ended, workers=crew.workers(folder))
    except KeyboardInterrupt:
        err.print("\nInterrupted. The same command goes on.", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    return bench, made, time.monotonic() - start


def _check(table: Table, only: list[str], path: Path | None, crew: Crew, results: Path) -> None:
    from textgym.bench import published, recipes

    known = published.Published.load(results / f"{table.name}.json")
    published.check_same(known, table)  # before hours of training
    jobs = recipes.chosen(table.jobs(), only) if only else _few(table)
    with tempfile.TemporaryDirectory() as temporary:
        bench, made, _ = _make(table, jobs, path or Path(temporary), crew, 1.0)
        if made.failed:
            raise typer.Exit(FAILED)
        checks = published.check(known, bench, jobs)
    out.print(_checks(checks))
    left = [each for each in checks if not each.passed]
    if left:
        out.print(f"\n{len(left)} of {len(checks)} numbers left what was published of {table.name}.")
        raise typer.Exit(FAILED)
    out.print(f"\n{len(checks)} numbers lie where a new run may.")


def _few(table: Table) -> list[Job]:
    """Returns `CHECKED` cells of training, the first seed's, evenly spaced."""
    trained = [job for job in table.jobs() if table.row(job.row).algorithm is not None and job.run == 0]
    step = max(1, len(trained) // CHECKED)
    return trained[::step][:CHECKED] or table.jobs()[:CHECKED]


def _write(table: Table, bench: Bench, scale: float) -> Published:
    """Writes what there is of the table so far beside the runs, and completes the bench's own pages."""
    from textgym import registry
    from textgym.bench import curves, summary
    from textgym.bench.published import Published, markdown
    from textgym.evaluation.files import write_text

    folder = bench.path.parent
    published = Published.of(table, bench, timesteps_scale=scale)
    published.save(folder / f"{table.name}.json")
    runs = {
        row.name: [path.parent for seed in table.seeds for path in sorted(_runs(table, folder, row.name, seed))]
        for row in table.rows
        if row.algorithm is not None
    }
    marks = {env_id: registry.entry(env_id).scores for env_id in table.ids}
    halfway = {
        env_id: (scores["random"]["reward"] + scores["oracle"]["reward"]) / 2
        for env_id, scores in marks.items()
        if {"random", "oracle"} <= scores.keys()
    }
    curves.write(bench.path, curves.of_runs(runs, halfway))
    summary.write(bench)
    write_text(folder / "README.md", markdown(published, table))
    return published


def _runs(table: Table, folder: Path, row: str, seed: int) -> list[Path]:
    from textgym.bench.recipes import Job

    reports = (folder / table.folder(Job(row, env_id, seed, 0)) / "report.md" for env_id in table.ids)
    return [report for report in reports if report.exists()]


def _publish(table: Table, bench: Bench, published: Published, results: Path, write: bool) -> None:
    from textgym.bench.published import markdown, summary, write_into
    from textgym.evaluation.files import write_text

    missing = bench.missing()
    if missing or published.timesteps_scale != 1:
        why = f"{len(missing)} cells are missing" if missing else "its budgets were scaled"
        out.print(f"Not published: {why}.")
        if write:
            raise OptionError(f"The README takes a whole table, and this is none: {why}.")
        return
    published.save(results / f"{table.name}.json")
    write_text(results / f"{table.name}.md", markdown(published, table))
    out.print(f"Published: {results / f'{table.name}.md'}", soft_wrap=True)
    if write:
        write_into("README.md", table.name, summary(published, table))
        out.print("README.md has the table.")


def _grid(published: Published, table: Table) -> Grid:
    """Returns the table for the terminal: a row of the table a line, an id a column."""
    from textgym.bench.recipes import short

    grid = Grid(box=None, pad_edge=False, header_style="bold")
    grid.add_column("")
    for env_id in table.ids:
        grid.add_column(short(env_id), justify="right")
    for row, ids in published.rows.items():
        values = [ids.get(env_id, {}).get("reward") for env_id in table.ids]
        shown = ("" if value is None else f"{value[0]:.3f} [{value[1]:.3f}, {value[2]:.3f}]" for value in values)
        grid.add_row(escape(row), *map(escape, shown))
    grid.title, grid.title_justify = "mean reward, with 95% intervals over prompts and seeds", "left"
    return grid


def _checks(checks: list[Check]) -> Grid:
    grid = Grid("cell", "", "now", "a new run may have", "", box=None, pad_edge=False, header_style="bold")
    for each in checks:
        verdict = "[green]as published[/]" if each.passed else "[bold red]left[/]"
        grid.add_row(
            escape(str(each.job)), each.column, f"{each.value:.3f}", f"{each.low:.3f} to {each.high:.3f}", verdict
        )
    return grid
