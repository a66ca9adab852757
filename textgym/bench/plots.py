"""The plots of a bench: score and gap by id, an interval an agent."""

from __future__ import annotations

from pathlib import Path

from textgym.bench import contenders, readme
from textgym.bench.results import Bench
from textgym.evaluation import files
from textgym.evaluation.plots import BLUE, FAINT, GREEN, ORANGE, PURPLE, RED, tidy
from textgym.evaluation.statistics import Interval

COLOURS, MARKS = (BLUE, ORANGE, GREEN, RED, PURPLE), "osD^vP"
"""Of agents in turn; together they tell thirty agents apart."""

PLOTS = {
    "score": ("Score by id", "normalised reward, 95% interval", (0.0, 1.0)),
    "gap": ("Proxy-to-gold gap by id", "normalised reward − normalised gold, 95% interval", (0.0,)),
}
"""Title, axis and marks of each plot, by the number that it shows."""


def draw(bench: Bench) -> list[Path]:
    """Writes ``plots/score.png`` and ``plots/gap.png`` into the folder of a bench; one without a number is left out."""
    cells = bench.cells()
    agents = [contenders.of_bench(bench, label) for label in dict.fromkeys(key[0] for key in cells)]
    written = []
    for name in PLOTS:
        found = {
            (agent.label, env_id): interval
            for agent in agents
            for env_id in bench.config.env_ids
            if (interval := readme.value(cells, agent, env_id, name)) is not None
        }
        if found:
            written.append(_draw(bench.path / "plots" / f"{name}.png", name, found))
    return written


def _draw(path: Path, name: str, found: dict[tuple[str, str], Interval]) -> Path:
    import matplotlib.figure  # not pyplot, which keeps state and looks for a display

    labels, env_ids = (list(dict.fromkeys(key[i] for key in found)) for i in (0, 1))
    title, axis, marks = PLOTS[name]
    height = 1.2 + len(env_ids) * (0.18 + 0.1 * len(labels))
    figure = matplotlib.figure.Figure(figsize=(7.5, height), layout="constrained")
    axes = figure.subplots()
    for mark in marks:
        axes.axvline(mark, color=FAINT, linewidth=1.2)
    step = 0.8 / len(labels)
    for i, label in enumerate(labels):
        shown = [(row, found[label, env_id]) for row, env_id in enumerate(env_ids) if (label, env_id) in found]
        at = [row + (i - (len(labels) - 1) / 2) * step for row, _ in shown]
        colour = COLOURS[i % len(COLOURS)]
        # A percentile interval may miss its own estimate, for which an error bar has no form.
        axes.hlines(at, [x.low for _, x in shown], [x.high for _, x in shown], color=colour, linewidth=1.2)
        axes.plot(
            [x.value for _, x in shown], at, MARKS[i // len(COLOURS) % len(MARKS)], color=colour, ms=4, label=label
        )
    axes.set_yticks(range(len(env_ids)), env_ids)
    axes.set_ylim(len(env_ids) - 0.5, -0.5)
    tidy(axes, title, axis)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside upper right", fontsize=8, frameon=False, ncols=min(len(labels), 4))
    with files.whole_file(path) as temporary:
        figure.savefig(temporary, dpi=130)
    return path
