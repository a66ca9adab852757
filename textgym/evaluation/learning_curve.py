"""The learning curve of a run, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from textgym.evaluation import files
from textgym.evaluation.metrics_file import STEP, Row
from textgym.evaluation.plots import BLUE, GREEN, INK, PURPLE, RED, tidy
from textgym.evaluation.report import Metric, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Panel(NamedTuple):
    """One logged number: its column in ``metrics.csv``, what the axis says, and its colour."""

    column: str
    label: str
    colour: str


REWARD = Panel("rollout/ep_rew_mean", "reward (points: held-out prompts, with 95% intervals)", BLUE)
SMALL = (
    Panel("rollout/kl", "KL (nat per token)", RED),
    Panel("rollout/entropy", "entropy (nat per token)", GREEN),
    Panel("rollout/completion_length", "length (tokens)", PURPLE),
)
VALIDATION = "eval/"
"""What the columns of the evaluations on validation prompts begin with."""


def draw(
    path: str | Path, title: str, rows: Sequence[Row], before: Metric, after: Metric, chosen_by: str | None = None
) -> Path:
    """Draws reward, KL, entropy and length over the tokens trained on; what was not logged is left out.

    Thin lines are what was logged, thick ones their moving average. The two points on the reward are the held-out
    evaluations before and after, with their 95% intervals; crosses are evaluations on validation prompts.

    Args:
        path: Where the picture goes; its suffix names the format.
        title: Line above it.
        rows: What `metrics_file.read` returns.
        before: Held-out reward before training.
        after: Held-out reward after training.
        chosen_by: Score that the best checkpoint was chosen by; it gets a panel of its own, unless it is the reward.
    """
    from matplotlib.figure import Figure  # not pyplot: no global state, no display

    panels = [panel for panel in SMALL if any(panel.column in row for row in rows)]
    if chosen_by not in (None, "reward") and any(f"{VALIDATION}{chosen_by}" in row for row in rows):
        panels.append(Panel(f"{VALIDATION}{chosen_by}", f"{chosen_by} (validation)", INK))
    figure = Figure(figsize=(9, 6.5 if panels else 4), dpi=150, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    grid = figure.add_gridspec(2, max(1, len(panels)), height_ratios=(1.7, 1)) if panels else figure.add_gridspec(1, 1)
    top = figure.add_subplot(grid[0, :])
    _plot(top, REWARD, rows)
    if points := [(row[STEP], row[f"{VALIDATION}reward"]) for row in rows if f"{VALIDATION}reward" in row]:
        top.plot(*zip(*points, strict=True), "x--", color=INK, linewidth=0.8, markersize=5, label="validation prompts")
        top.legend(loc="best", frameon=False, fontsize=8)
    end = rows[-1][STEP] if rows else 0.0
    for step, metric, name in ((0.0, before, "before"), (end, after, "after")):
        errors = [[metric.mean - metric.low], [metric.high - metric.mean]]
        top.errorbar(step, metric.mean, errors, fmt="o", color=INK, capsize=4, markersize=5, zorder=3, clip_on=False)
        side = 9 if name == "before" else -9
        top.annotate(
            f"{name} {number(metric.mean)}",
            (step, metric.mean),
            (side, -12),
            textcoords="offset points",
            ha="left" if name == "before" else "right",
            color=INK,
            fontsize=9,
        )
    for i, panel in enumerate(panels):
        _plot(figure.add_subplot(grid[1, i]), panel, rows)
    with files.whole_file(path) as temporary:
        figure.savefig(temporary)
    return Path(path)


def moving_average(values: Sequence[float], half_life: float) -> np.ndarray:
    """Returns the exponential moving average, float64 ``(T,)``, without a pull towards its start.

    m_t = Σ_{s≤t} d^{t−s} x_s / Σ_{s≤t} d^{t−s},   d = 2^{−1 / half_life}
    """
    decay, total, weight, averages = 0.5 ** (1 / half_life), 0.0, 0.0, []
    for value in values:
        total, weight = decay * total + value, decay * weight + 1.0
        averages.append(total / weight)
    return np.array(averages)


def _plot(axes: Axes, panel: Panel, rows: Sequence[Row]) -> None:
    points = [(row[STEP], row[panel.column]) for row in rows if panel.column in row]
    if points:
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, color=panel.colour, alpha=0.3, linewidth=1)
        axes.plot(steps, moving_average(values, max(1.0, len(values) / 40)), color=panel.colour, linewidth=2)
    tidy(axes, panel.label, "tokens")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value else "0")
