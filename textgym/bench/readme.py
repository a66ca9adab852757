"""The tables of a bench in Markdown: the ``README.md`` of its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from textgym.bench import contenders
from textgym.bench.contenders import Contender
from textgym.bench.results import Bench, Cell, Key
from textgym.evaluation import aggregate, files
from textgym.evaluation.report import Metric, number
from textgym.evaluation.resampling import Scores
from textgym.evaluation.statistics import Interval

MEASURES = (
    "success",
    "distinct_1",
    "distinct_2",
    "self_bleu",
    "msttr",
    "token_entropy",
    "completion_perplexity",
    "reference_perplexity",
    "kl",
    "length",
)
"""Columns of the table of measures, where a bench has them."""

MISSING, UNDEFINED = "missing", "–"


def write(bench: Bench) -> Path:
    """Writes ``README.md`` into the folder of a bench and returns its path; no wall-clock time is in it."""
    return files.write_text(bench.path / "README.md", "\n".join(page(bench)) + "\n")


def page(bench: Bench) -> Iterator[str]:
    """Yields the lines of the page."""
    cells, config = bench.cells(), bench.config
    labels = [label for label in config.agents if any(key[0] == label for key in cells)]
    agents = {label: contenders.of_bench(bench, label) for label in labels}
    how = "likeliest tokens" if config.deterministic else "sampled"
    yield "# Bench\n"
    yield (
        f"{config.episodes} episodes a cell, split `{config.split}`, seed {config.seed}, {how}"
        + "".join(f", {name} = `{value}`" for name, value in config.env_kwargs.items())
        + ". Made by `textgym bench`; what each column means is told in docs/bench.md.\n"
    )
    if lacking := [key for key in config.keys if key not in cells]:
        yield f"**{len(lacking)} of {len(config.keys)} cells are missing**; run the bench again, and it goes on:\n"
        yield from (f"- {agent}, run {run}, {env_id}" for agent, run, env_id in lacking)
        yield ""
    yield "## Score\n"
    yield (
        "Normalised reward: 0 for random tokens, 1 for the oracle. In brackets 95% intervals, "
        f"{'; '.join(_covers(agents))}.\n"
    )
    yield from _table(bench, cells, agents, "score")
    yield from _aggregates(agents)
    yield "\n## Reward\n"
    yield from _table(bench, cells, agents, "reward")
    yield "\n## Proxy and gold\n"
    yield (
        "The gap: normalised reward − normalised gold score. Above 0 an agent is better at what it is paid for than at "
        "what is meant.\n"
    )
    yield from _table(bench, cells, agents, "gap")
    yield "\n## Measures\n"
    yield from _measures(bench, cells)


def value(cells: Mapping[Key, Cell], contender: Contender, env_id: str, name: str) -> Interval | None:
    """Returns a number of an agent on an id, over its runs, or None where it has none.

    With one run the interval is the cell's own. With several, rewards are resampled over runs and prompts; other scores
    are means over runs whose interval is over runs alone.

    Args:
        cells: Of the bench.
        contender: The agent.
        env_id: The id.
        name: ``"score"``, ``"gap"`` or the name of a metric.
    """
    runs = [cell for (agent, _, one), cell in cells.items() if (agent, one) == (contender.label, env_id)]
    found = [metric for cell in runs if (metric := metric_of(cell, name)) is not None]
    if not found or len(found) != len(runs) or env_id in contender.missing:
        return None
    if len(found) == 1:
        return Interval(*found[0].estimate, "prompts")
    if name in ("score", "reward") and runs[0].episodes > 1:
        table = contender.table(env_id, "reward")
        table = contenders.normalised(table, env_id) if name == "score" else table
        scores = Scores.of_prompts([table])
    else:
        scores = Scores.of_runs([[metric.mean] for metric in found])
    return aggregate.aggregates({contender.label: scores})[contender.label]["mean"]


def metric_of(cell: Cell, name: str) -> Metric | None:
    """Returns a number of a cell: ``"score"``, ``"gap"`` or a metric."""
    return getattr(cell, name) if name in ("score", "gap") else cell.metrics.get(name)


def common(agents: Mapping[str, Contender], env_ids: Sequence[str]) -> list[str]:
    """Returns the ids that every agent has whole and that have marks: what may be averaged over."""
    return [env_id for env_id in env_ids if all(env_id in agent.marked for agent in agents.values())]


def _covers(agents: Mapping[str, Contender]) -> list[str]:
    several = [label for label, agent in agents.items() if len(next(iter(agent.reports.values()), ())) > 1]
    single = [label for label in agents if label not in several]
    parts = [("over prompts and draws, of these very models", single), ("over training runs and prompts", several)]
    return [f"{what}: {', '.join(labels)}" for what, labels in parts if labels]


def _table(bench: Bench, cells: Mapping[Key, Cell], agents: Mapping[str, Contender], name: str) -> Iterator[str]:
    gold = ["gold"] if name == "gap" else []
    yield _row(["id", *gold, *agents])
    yield _row(["---", *("---" for _ in gold), *("---:" for _ in agents)])
    for env_id in bench.config.env_ids:
        known = [cell for (_, _, one), cell in cells.items() if one == env_id]
        if not known:
            continue
        named = [f"`{known[0].gold}`" if known[0].gold else UNDEFINED] if gold else []
        texts = []
        for agent in agents.values():
            found = value(cells, agent, env_id, name)
            whole = env_id in agent.reports
            texts.append(_text(found) if found is not None else UNDEFINED if whole else MISSING)
        yield _row([env_id, *named, *texts])


def _aggregates(agents: Mapping[str, Contender]) -> Iterator[str]:
    env_ids = common(agents, list(dict.fromkeys(env_id for agent in agents.values() for env_id in agent.reports)))
    enough = all(len(report.episodes) > 1 for a in agents.values() for e in env_ids for report in a.reports[e])
    if not env_ids or not enough:
        return
    found = aggregate.aggregates({label: agent.scores(env_ids, "reward") for label, agent in agents.items()})
    for name, title in (("iqm", "IQM"), ("mean", "mean"), ("optimality_gap", "optimality gap")):
        yield _row([f"**{title}** of {len(env_ids)} ids", *(_text(found[label][name]) for label in agents)])


def _measures(bench: Bench, cells: Mapping[Key, Cell]) -> Iterator[str]:
    names = [name for name in MEASURES if any(name in cell.metrics for cell in cells.values())]
    yield "Means over the runs of an agent; intervals are in the `cell.json` of each.\n"
    yield _row(["id", "agent", *names])
    yield _row(["---", "---", *("---:" for _ in names)])
    for env_id in bench.config.env_ids:
        for label in bench.config.agents:
            runs = [cell for (agent, _, one), cell in cells.items() if (agent, one) == (label, env_id)]
            if runs:
                found = [[cell.metrics[name].mean for cell in runs if name in cell.metrics] for name in names]
                texts = [number(float(np.mean(values))) if values else UNDEFINED for values in found]
                yield _row([env_id, label, *texts])


def _text(found: Interval) -> str:
    return f"{number(found.value)} [{number(found.low)}, {number(found.high)}]"


def _row(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
