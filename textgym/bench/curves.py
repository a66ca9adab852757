"""Learning curves of algorithms: reward against tokens, seconds and updates, over training seeds.

From the ``metrics.csv`` of run folders. What is drawn is the reward while learning (``rollout/ep_rew_mean``, the mean
of the last hundred training episodes), which costs nothing; what an agent is worth in the end, the bench measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from textgym.errors import DataError, OptionError
from textgym.evaluation import aggregate, files, metrics_file, plots
from textgym.evaluation.metrics_file import STEP, Row
from textgym.evaluation.report import number
from textgym.evaluation.run import Run

REWARD = "rollout/ep_rew_mean"
ELAPSED, UPDATES = "time/time_elapsed", "train/n_updates"

AXES = {"steps": "tokens", "seconds": "seconds", "updates": "updates"}
"""What a curve runs over, and the unit. Seconds are those of the machine that trained: compare them on one machine."""

POINTS = 50
"""Points of a curve."""


class Series(NamedTuple):
    """What one run logged of its reward: arrays of one length, float64 ``(S,)``, from the first log on."""

    steps: np.ndarray
    seconds: np.ndarray
    updates: np.ndarray
    rewards: np.ndarray


class Curve(NamedTuple):
    """A mean over runs with its 95% interval over seeds; where there is one run, the interval has no width.

    Attributes:
        at: Tokens, seconds or updates, float64 ``(S,)``.
        mean: Reward, float64 ``(S,)``.
        low: Lower end, float64 ``(S,)``.
        high: Upper end, float64 ``(S,)``.
    """

    at: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Learning:
    """How an algorithm learnt an id.

    Attributes:
        runs: Number of training runs.
        curves: By the name of the axis, one of `AXES`.
        area: Mean of the reward over the tokens of the budget (the area under the curve, divided by its length), with
            its 95% interval over seeds: ``(mean, low, high)``.
        threshold: Reward that counts as learnt, or None where nobody said any.
        to_threshold: Tokens of each run until its reward first reached the threshold; None where it never did.
    """

    runs: int
    curves: Mapping[str, Curve]
    area: tuple[float, float, float]
    threshold: float | None
    to_threshold: tuple[float | None, ...]


def series(run: str | Path) -> Series | None:
    """Returns what a run logged of its reward, or None where it learnt without one (`SFT`).

    Raises:
        DataError: If the run has no metrics.
        RunError: If it is no run.
    """
    path = Run.open(run).path / "metrics.csv"
    if not path.is_file():
        raise DataError(f"The run {str(run)!r} has logged nothing yet. Train it to its end.")
    return read(metrics_file.read(path))


def read(rows: Sequence[Row]) -> Series | None:
    """Returns the reward of the rows of a metrics file, or None where no row has any.

    The clock and SB3's count of it start anew when a run is resumed; what went before is added.
    """
    found: list[tuple[float, float, float, float]] = []
    before = clock = updates = 0.0
    for row in rows:
        elapsed = row.get(ELAPSED, clock)
        if elapsed < clock:
            before += clock
        clock, updates = elapsed, row.get(UPDATES, updates)
        if REWARD in row:
            found.append((row[STEP], before + clock, updates, row[REWARD]))
    return Series(*np.array(found, np.float64).T) if found else None


def curve(runs: Sequence[Series], axis: str, *, seed: int = 0) -> Curve:
    """Returns the mean of several runs at `POINTS` places that all of them reached.

    Between two logs a run is interpolated. The interval is that of `textgym.evaluation.aggregate.sample_efficiency`.

    Args:
        runs: One a training seed.
        axis: One of `AXES`.
        seed: Of the resampling.
    """
    if axis not in AXES:
        raise OptionError(f"A curve runs over {', '.join(AXES)}. Actual value: {axis!r}.")
    places = [getattr(run, axis) for run in runs]
    at = np.linspace(max(place[0] for place in places), min(place[-1] for place in places), POINTS)
    table = np.stack([np.interp(at, place, run.rewards) for place, run in zip(places, runs, strict=True)])  # (R, S)
    if len(runs) == 1:
        return Curve(at, table[0], table[0], table[0])
    band = aggregate.sample_efficiency(table[:, None], at, "mean", resamples=2_000, seed=seed)
    return Curve(at, band.values, band.low, band.high)


def area(run: Series) -> float:
    """Returns the mean reward over the tokens of a run: ∫ r dt / T, trapezia between logs, r constant before the first.

    >>> area(Series(*np.array([[10, 20], [0, 0], [0, 0], [0.0, 1.0]])))
    0.25
    """
    first = run.steps[0] * run.rewards[0]
    return float((first + np.trapezoid(run.rewards, run.steps)) / run.steps[-1])


def tokens_to(run: Series, threshold: float) -> float | None:
    """Returns the tokens after which the logged reward first reached a threshold, or None.

    >>> tokens_to(Series(*np.array([[10, 20], [0, 0], [0, 0], [0.0, 1.0]])), 0.9)
    20.0
    """
    reached = np.flatnonzero(run.rewards >= threshold)
    return float(run.steps[reached[0]]) if reached.size else None


def learning(runs: Sequence[Series], threshold: float | None = None, *, seed: int = 0) -> Learning:
    """Returns how an algorithm learnt, from one or more runs of it.

    Args:
        runs: One a training seed.
        threshold: Reward that counts as learnt.
        seed: Of the intervals.
    """
    if not runs:
        raise OptionError("A learning curve needs a run.")
    areas = np.array([area(run) for run in runs])
    ends = (areas[0], areas[0])
    if len(areas) > 1:
        band = aggregate.sample_efficiency(areas[:, None, None], [0.0], "mean", seed=seed)
        ends = (band.low[0], band.high[0])
    return Learning(
        len(runs),
        {axis: curve(runs, axis, seed=seed) for axis in AXES},
        (float(areas.mean()), float(ends[0]), float(ends[1])),
        threshold,
        () if threshold is None else tuple(tokens_to(run, threshold) for run in runs),
    )


Learnt = Mapping[str, Mapping[str, Learning]]
"""By agent and id."""


def of_runs(runs: Mapping[str, Sequence[str | Path]], thresholds: Mapping[str, float] | None = None) -> Learnt:
    """Returns how agents learnt, from the folders of their runs, on whatever ids these were.

    Args:
        runs: Run folders by the agent's label; those of one label and one id are its training seeds.
        thresholds: By id, the reward that counts as learnt.

    Raises:
        RunError: If a folder is no run.
    """
    found: dict[str, dict[str, Learning]] = {}
    for label, folders in runs.items():
        by_id: dict[str, list[Series]] = {}
        for folder in folders:
            if (one := series(folder)) is not None:
                by_id.setdefault(Run.open(folder).config.env_id, []).append(one)
        for env_id, several in by_id.items():
            found.setdefault(label, {})[env_id] = learning(several, (thresholds or {}).get(env_id))
    return found


def to_json(learnt: Learnt) -> dict[str, Any]:
    """Returns curves as JSON: ``{agent: {env_id: {"steps", "mean", "low", "high", …}}}``.

    The curve over tokens stands at the top; ``"by"`` holds those over seconds and updates in the same form, with
    ``"x"`` for where; then the number of runs, area, threshold, and tokens to the threshold of each run.
    """
    content: dict[str, Any] = {}
    for label, ids in learnt.items():
        for env_id, one in ids.items():
            bands = {
                axis: {name: [float(f"{value:.6g}") for value in part] for name, part in band._asdict().items()}
                for axis, band in one.curves.items()
            }
            steps = bands.pop("steps")
            content.setdefault(label, {})[env_id] = {
                "steps": steps.pop("at"),
                **steps,
                "by": {axis: {"x": band.pop("at"), **band} for axis, band in bands.items()},
                "runs": one.runs,
                "area": list(one.area),
                "threshold": one.threshold,
                "tokens_to_threshold": list(one.to_threshold),
            }
    return content


def markdown(learnt: Learnt) -> str:
    """Returns a table an id: area under the curve, and tokens to the threshold."""
    lines = ["# Learning curves", "", "![reward over tokens](curves.png)"]
    for env_id in _ids(learnt):
        one = {label: ids[env_id] for label, ids in learnt.items() if env_id in ids}
        threshold = next(iter(one.values())).threshold
        reach = "" if threshold is None else f" tokens to a reward of {number(threshold)} | runs that reach it |"
        lines += ["", f"## {env_id}", "", f"| | runs | mean reward over all tokens |{reach}"]
        lines.append("|---|---:|---:|" + ("" if threshold is None else "---:|---:|"))
        for label, found in sorted(one.items(), key=lambda item: -item[1].area[0]):
            mean, low, high = (number(end) for end in found.area)
            cells = [label, str(found.runs), mean if found.runs == 1 else f"{mean} [{low}, {high}]"]
            if threshold is not None:
                reached = [tokens for tokens in found.to_threshold if tokens is not None]
                everyone = len(reached) == found.runs  # a median over those that made it would praise the lucky
                middle = float(np.median([math.inf if t is None else t for t in found.to_threshold]))
                cells.append(f"{middle:,.0f}" if everyone or math.isfinite(middle) else "–")
                cells.append(f"{len(reached)} of {found.runs}")
            lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Rewards are those of training, the mean of the last hundred episodes; 95% intervals over seeds. Tokens to a "
        "reward are the median over runs, – where half of them never reach it.",
    ]
    return "\n".join(lines) + "\n"


def draw(path: str | Path, learnt: Learnt) -> Path:
    """Draws a row of panels an id, one panel an axis, with the intervals as bands."""
    from matplotlib.figure import Figure  # not pyplot: no global state, no display

    ids, labels = _ids(learnt), list(learnt)
    figure = Figure(figsize=(3.6 * len(AXES), 2.7 * len(ids) + 0.5), dpi=130, layout="constrained")
    grid = figure.subplots(len(ids), len(AXES), squeeze=False)
    for env_id, line in zip(ids, grid, strict=True):
        for axis, axes in zip(AXES, line, strict=True):
            for i, label in enumerate(labels):
                if env_id in learnt[label]:
                    band = learnt[label][env_id].curves[axis]
                    style = {"color": f"C{i % 10}", "linestyle": ("-", "--", ":")[i // 10 % 3]}
                    axes.plot(band.at, band.mean, label=label, linewidth=1.5, **style)
                    axes.fill_between(band.at, band.low, band.high, color=style["color"], alpha=0.15, linewidth=0)
            plots.tidy(axes, env_id if axis == "steps" else "", AXES[axis], "reward" if axis == "steps" else "")
    handles: dict[str, Any] = {}
    for axes in grid.flat:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(6, len(handles)), fontsize=8)
    with files.whole_file(path) as temporary:
        figure.savefig(temporary)
    return Path(path)


def write(folder: str | Path, learnt: Learnt) -> None:
    """Writes ``curves.json``, ``curves.png`` and ``curves.md`` into a folder; nothing where nothing was learnt."""
    if learnt:
        files.write_json(Path(folder, "curves.json"), to_json(learnt))
        draw(Path(folder, "curves.png"), learnt)
        files.write_text(Path(folder, "curves.md"), markdown(learnt))


def _ids(learnt: Learnt) -> list[str]:
    return list(dict.fromkeys(env_id for ids in learnt.values() for env_id in ids))
