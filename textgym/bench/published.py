"""The numbers of a table: means over training seeds with intervals, as JSON, as Markdown, and in the README."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from textgym import registry
from textgym.bench.recipes import Job, Table, short
from textgym.bench.results import Bench, Cell
from textgym.errors import DataError, OptionError
from textgym.evaluation import aggregate, files
from textgym.evaluation.report import Metric, number
from textgym.evaluation.resampling import Scores, bootstrap
from textgym.evaluation.statistics import student_quantile
from textgym.evaluation.versions import machine, versions

SCHEMA = "textgym.table"
SCHEMA_VERSION = 1

CHECKED = ("reward", "gold")
"""Numbers that a cell that is made anew must meet."""
COLUMNS = ("reward", "score", "gold", "kl", "length")
"""Numbers of a cell that are published: the reward as it is and normalised, the independent metric, nat per token,
tokens. What does not exist somewhere is left out there."""


@dataclass(frozen=True)
class Published:
    """A table as it is published; JSON only.

    Attributes:
        table: Name of the table.
        fingerprint: See `Table.fingerprint`.
        timesteps_scale: What every budget was multiplied with.
        command: What makes it again.
        cells: Numbers of each cell, ``{"row", "env_id", "seed", "gold_metric", "values": {column: [mean, low,
            high]}}``; intervals over prompts.
        rows: ``{row: {env_id: {column: [mean, low, high]}}}``, over seeds and prompts, of what has no value an episode
            over seeds; the id ``"mean"`` has the mean of the scores over ids.
        versions: Of the software that made it.
        machine: What made it.
    """

    table: str
    fingerprint: str
    timesteps_scale: float
    command: str
    cells: Sequence[Mapping[str, Any]]
    rows: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
    versions: Mapping[str, str]
    machine: Mapping[str, Any]

    @classmethod
    def of(cls, table: Table, bench: Bench, *, timesteps_scale: float = 1.0) -> Published:
        """Returns the numbers of a bench; rows or ids without a cell are left out, and so are means over some ids.

        Args:
            table: What was made.
            bench: Its cells, those that are whole.
            timesteps_scale: See above.
        """
        cells = bench.cells()
        content = [
            {
                "row": cell.agent,
                "env_id": cell.env_id,
                "seed": table.seeds[cell.run],
                "gold_metric": cell.gold,
                "values": {name: _rounded(metric.estimate) for name, metric in _numbers(cell).items()},
            }
            for cell in cells.values()
        ]
        scale = "" if timesteps_scale == 1 else f" --timesteps-scale {timesteps_scale:g}"
        command = table.command + scale
        rows = {row.name: _row(table, row.name, bench, cells) for row in table.rows}
        rows = {name: ids for name, ids in rows.items() if ids}
        return cls(table.name, table.fingerprint, timesteps_scale, command, content, rows, versions(), machine())

    @classmethod
    def load(cls, path: str | Path) -> Published:
        """Returns the table that `save` wrote.

        Raises:
            DataError: If there is none, or it is damaged or of another version.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            kind = content.pop("schema"), content.pop("schema_version")
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise DataError(
                f"There is no published table at {str(path)!r}: {error!r}. `textgym reproduce` makes it, or give "
                "--results FOLDER."
            ) from error
        if kind != (SCHEMA, SCHEMA_VERSION) or set(content) != {item.name for item in fields(cls)}:
            raise DataError(
                f"{str(path)!r} is no published table of this textgym, which reads {SCHEMA!r} of version "
                f"{SCHEMA_VERSION}. Actual value: {kind}. Make it again with `textgym reproduce`."
            )
        return cls(**content)

    def save(self, path: str | Path) -> Path:
        """Writes the table as JSON, whole or not at all, a cell a line, and returns the path."""
        content = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(self)}
        return files.write_text(path, "{\n" + ",\n".join(_lines(content)) + "\n}\n")

    def values(self, job: Job, column: str) -> list[list[float]]:
        """Returns ``[mean, low, high]`` of the cells of all seeds, of the row and id of ``job``."""
        return [
            list(cell["values"][column])
            for cell in self.cells
            if (cell["row"], cell["env_id"]) == (job.row, job.env_id) and column in cell["values"]
        ]


def _lines(content: Mapping[str, Any]) -> Iterable[str]:
    for name, value in content.items():
        if name == "cells":
            yield '"cells": [\n' + ",\n".join(" " + json.dumps(cell, allow_nan=False) for cell in value) + "\n]"
        elif name == "rows":
            rows = (f" {json.dumps(row)}: {json.dumps(ids, allow_nan=False)}" for row, ids in value.items())
            yield '"rows": {\n' + ",\n".join(rows) + "\n}"
        else:
            yield f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}"


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(float(value), 6) for value in values]


def _numbers(cell: Cell) -> dict[str, Metric]:
    gold = cell.metrics.get(cell.gold) if cell.gold is not None else None
    found = {**cell.metrics, "score": cell.score, "gold": gold}
    return {name: metric for name in COLUMNS if (metric := found.get(name)) is not None}


def _row(
    table: Table, row: str, bench: Bench, cells: Mapping[tuple[str, int, str], Cell]
) -> dict[str, dict[str, list[float]]]:
    """Returns the numbers of a row on each id where all its seeds are whole."""
    found: dict[str, dict[str, list[float]]] = {}
    runs = range(len(bench.config.agents[row]))
    scores: list[np.ndarray] = []
    for env_id in table.ids:
        keys = [(row, run, env_id) for run in runs]
        if not all(key in cells for key in keys):
            continue
        played = [[episode.scores for episode in bench.episodes(key)] for key in keys]
        values: dict[str, list[float]] = {}
        for column in ("reward", "gold", "kl", "length"):
            name = cells[keys[0]].gold if column == "gold" else column
            metrics = [metric for key in keys if (metric := _numbers(cells[key]).get(column)) is not None]
            if name is not None and all(name in episode for run in played for episode in run):
                numbers = np.array([[episode[name] for episode in run] for run in played])  # (R, N)
                values[column] = _over_both([numbers])
                marks = _marks(env_id) if column == "reward" and cells[keys[0]].score is not None else None
                if marks is not None:
                    scores.append((numbers - marks[0]) / (marks[1] - marks[0]))
                    values["score"] = _over_both(scores[-1:])
            elif len(metrics) == len(keys):  # a ratio or a score of the whole corpus has no value an episode
                values[column] = _over_seeds(metrics)
        found[env_id] = values
    if len(scores) == len(table.ids) > 1:
        found["mean"] = {"score": _over_both(scores)}
    return found


def _marks(env_id: str) -> tuple[float, float] | None:
    """Returns the reward of random tokens and of the oracle, where both are registered and differ."""
    marks = registry.entry(env_id).scores
    if "random" not in marks or "oracle" not in marks or marks["random"]["reward"] == marks["oracle"]["reward"]:
        return None
    return marks["random"]["reward"], marks["oracle"]["reward"]


def _over_both(tables: Sequence[np.ndarray]) -> list[float]:
    """Mean over runs and ids of scores ``(R, N)``, with its interval over seeds and prompts; one run: prompts only."""
    draws = bootstrap([Scores.of_prompts(tables)], aggregate.mean)
    return _rounded(draws.interval()[:3])


def _over_seeds(metrics: Sequence[Metric]) -> list[float]:
    """Mean over runs with Student's interval over seeds; one run has its own, over prompts."""
    if len(metrics) == 1:
        return _rounded(metrics[0].estimate)
    means = np.array([metric.mean for metric in metrics])
    half = student_quantile(0.975, len(means) - 1) * float(means.std(ddof=1)) / math.sqrt(len(means))
    return _rounded((means.mean(), means.mean() - half, means.mean() + half))


@dataclass(frozen=True)
class Check:
    """A number of a cell that was made anew, beside what is published of its row and id.

    Attributes:
        job: The cell.
        column: One of `CHECKED`.
        value: The number now.
        low, high: What one new run may have.
    """

    job: Job
    column: str
    value: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        """Whether the number is one that a new run may have."""
        return self.low <= self.value <= self.high


def check_same(published: Published, table: Table) -> None:
    """Raises an error where what is published says nothing of a table.

    Raises:
        OptionError: If the table has changed since it was published, or was published with other budgets.
    """
    if published.fingerprint != table.fingerprint or published.timesteps_scale != 1:
        raise OptionError(
            f"What is published of {table.name!r} was made with another table ({published.fingerprint}, budgets times "
            f"{published.timesteps_scale:g}), so this one ({table.fingerprint}) says nothing of it. Make and publish "
            "the table anew."
        )


def check(published: Published, bench: Bench, jobs: Sequence[Job]) -> list[Check]:
    """Compares cells that were made anew with what is published.

    Raises:
        OptionError: If a cell was not made or not published.
    """
    pairs = []
    for job in jobs:
        cell = bench.cell((job.row, job.run, job.env_id))
        if cell is None:
            raise OptionError(f"The cell {job} was not made, so it cannot be checked.")
        pairs += [(job, cell, name, metric) for name, metric in _numbers(cell).items() if name in CHECKED]
    confidence = 1 - 0.05 / max(1, len(pairs))  # Bonferroni: one false alarm in twenty checks, however many cells
    found = []
    for job, cell, column, metric in pairs:
        before = published.values(job, column)
        if not before:
            raise OptionError(f"{column} of {job} was not published: {published.command!r} made no such cell.")
        low, high = new_run(before, metric, cell, column, confidence)
        found.append(Check(job, column, metric.mean, low, high))
    return found


def new_run(
    published: Sequence[Sequence[float]], metric: Metric, cell: Cell, column: str, confidence: float
) -> tuple[float, float]:
    """Returns between what the mean of one new run lies, given those of the published seeds.

    m ± max( t_{n−1} s √(1 + 1/n),  √2 w,  3 d / N ),   m, s over the n published seeds

    is the prediction interval of a normal law, which is much wider than the interval of the mean m. A sample of n
    seeds may by luck vary less than one evaluation does: w is half the width of the interval over prompts, published or
    new, whichever is wider. And where every episode of every seed had the same reward, there is no width at all, so
    that 3 of N episodes may differ (the rule of three: what never happened in N trials has a rate below 3/N, by 95%)
    by the distance d from a random agent to the oracle, or by 1 where nobody knows it.

    Args:
        published: ``[mean, low, high]`` of every seed.
        metric: The new number.
        cell: The new cell.
        column: Which number it is.
        confidence: Of the first part, in (0, 1).

    Source: Geisser 1993, Predictive Inference, §2; Hanley & Lippman-Hand 1983, doi:10.1001/jama.1983.03330370053031.
    """
    means = np.array([values[0] for values in published])
    seeds = 0.0
    if (n := len(means)) > 1:
        t = student_quantile((1 + confidence) / 2, n - 1)
        seeds = t * float(means.std(ddof=1)) * math.sqrt(1 + 1 / n)
    prompts = max((high - low) / 2 for _, low, high in (*published, metric.estimate)) * math.sqrt(2)
    marks = _marks(cell.env_id) if column == "reward" else None
    step = 3 / cell.episodes * (abs(marks[1] - marks[0]) if marks is not None else 1.0)
    half, middle = max(seeds, prompts, step), float(means.mean())
    return middle - half, middle + half


def summary(published: Published, table: Table) -> str:
    """Returns the table of the README: an id a line, an agent a column, means with intervals, the best in bold.

    It shows normalised scores, or rewards where an id has no marks.
    """
    rows = [row for row in table.rows if row.name in published.rows]
    lines = ["| | " + " | ".join(row.name for row in rows) + " |", "|---|" + "---:|" * len(rows)]
    for env_id in (*table.ids, "mean"):
        values = [published.rows[row.name].get(env_id, {}) for row in rows]
        if any(values):
            shown = [value.get("score") or value.get("reward") for value in values]
            label = "**mean**" if env_id == "mean" else short(env_id)
            lines.append(f"| {label} | " + " | ".join(_cells(shown)) + " |")
    seeds = "one training seed" if len(table.seeds) == 1 else f"{len(table.seeds)} training seeds"
    over = f"Means of {seeds} with 95% intervals over prompts and, where an agent is trained, seeds"
    text = f"{over}; {table.episodes} test episodes each; 0 is a random agent, 1 the oracle. `{published.command}`."
    return "\n".join([*lines, "", text]) + "\n"


def _cells(values: Sequence[Sequence[float] | None]) -> Iterable[str]:
    best = max((value[0] for value in values if value is not None), default=math.inf)
    for value in values:
        if value is None:
            yield ""
            continue
        shown = f"{value[0]:.2f}"
        shown = f"**{shown}**" if value[0] == best else shown
        yield f"{shown} [{value[1]:.2f}, {value[2]:.2f}]".replace("-", "−")


def markdown(published: Published, table: Table) -> str:
    """Returns the page of a table: the summary, then every number of each id, then what others published."""
    parts = [f"# {table.title}", table.about.strip(), "## Scores", summary(published, table).strip()]
    golds = {cell["env_id"]: cell["gold_metric"] for cell in published.cells}
    for env_id in table.ids:
        rows = [(row.name, published.rows.get(row.name, {}).get(env_id)) for row in table.rows]
        lines = [
            f"| {name} | " + " | ".join(_interval(values.get(column)) for column in COLUMNS) + " |"
            for name, values in rows
            if values
        ]
        if lines:
            gold = f"gold: {golds[env_id]}" if golds.get(env_id) else "gold"
            header = f"| | reward | score | {gold} | KL (nat per token) | length (tokens) |"
            parts += [f"## {env_id}", "\n".join([header, "|---|" + "---:|" * len(COLUMNS), *lines])]
    if table.published:
        columns = list(dict.fromkeys(name for values in table.published.values() for name in values))
        lines = [
            f"| {row} | " + " | ".join(number(values[c]) if c in values else "" for c in columns) + " |"
            for row, values in table.published.items()
        ]
        parts += ["## As others published it", "\n".join([_header(columns), *lines])]
    made = ", ".join(f"{name} {version}" for name, version in published.versions.items())
    parts.append(
        f"Made by `{published.command}` with {made}; {published.machine.get('cpu')}. One cell anew, and whether it "
        f"lies where a new run may: `{published.command} --check --only ROW/ID/SEED`."
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _header(columns: Sequence[str]) -> str:
    return "| | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns)


def _interval(values: Sequence[float] | None) -> str:
    return "" if values is None else f"{number(values[0])} [{number(values[1])}, {number(values[2])}]"


def write_into(page: str | Path, name: str, text: str) -> Path:
    """Puts a text between the two marks of a page, ``<!-- table:NAME -->`` and ``<!-- /table -->``.

    Raises:
        DataError: If the page cannot be read or has no such marks.
    """
    path = Path(page)
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{str(path)!r} cannot be read: {error}.") from error
    pattern = rf"(<!-- table:{re.escape(name)} -->\n).*?(<!-- /table -->)"
    changed, count = re.subn(pattern, lambda match: f"{match[1]}{text}{match[2]}", content, flags=re.S)
    if count != 1:
        raise DataError(
            f"{str(path)!r} has {count} places for the table. Write '<!-- table:{name} -->' and '<!-- /table -->' on "
            "lines of their own, once."
        )
    return files.write_text(path, changed)
