"""The numbers that the page of a bench draws: all statistics are made here, none in the browser."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from textgym import registry
from textgym.bench.page_aggregates import PageAggregates
from textgym.bench.page_episodes import short
from textgym.bench.results import PER_TOKEN, Bench, BenchConfig, Cell, Key, vocabularies
from textgym.errors import DataError
from textgym.evaluation.report import Metric
from textgym.evaluation.statistics import student_quantile

CURVES = "curves.json"
"""Learning curves in a bench folder: ``{agent: {id: {"steps", "mean", "low", "high"}}}``, lists of one length.

They are over tokens; ``"by"`` may hold the same over something else: ``{"seconds": {"x", "mean", "low", "high"}}``.
"""

UNIT = frozenset({"score", "success"})
"""Tables that are shaded from 0 to 1 rather than from the lowest to the highest number of each row."""


def page_numbers(bench: Bench, cells: Mapping[Key, Cell], rewards: Mapping[Key, Sequence[float]]) -> dict[str, Any]:
    """Returns what the page draws, JSON only; agents and ids are named by their place in the config.

    Args:
        bench: The bench.
        cells: Its whole cells.
        rewards: The reward of each episode of each cell.

    Raises:
        DataError: If ``curves.json`` is there and damaged.
    """
    config = bench.config
    labels, ids = list(config.agents), config.env_ids
    tables = _tables(config, cells)
    made = PageAggregates.of(config, cells, rewards)
    return {
        "settings": _settings(config, cells),
        "alerts": _alerts(config, cells),
        "agents": [{"label": label, "runs": len(sources)} for label, sources in config.agents.items()],
        "ids": [{"id": env_id, "summary": _summary(env_id)} for env_id in config.env_ids],
        "cells": [{"agent": labels.index(agent), "id": ids.index(env_id), "run": run} for agent, run, env_id in cells],
        "main": tables[0]["name"],
        "tables": tables,
        "gaps": _gaps(config, cells),
        "curves": _curves(bench.path / CURVES),
        "facts": _facts(config, cells),
        **made.content(),
    }


def _summary(env_id: str) -> str:
    known = registry.entries()
    return known[env_id].summary if env_id in known else ""


def _settings(config: BenchConfig, cells: Mapping[Key, Cell]) -> dict[str, str]:
    agents, ids, whole = len(config.agents), len(config.env_ids), len(config.keys)
    options = "".join(f" · {name}={json.dumps(value)}" for name, value in config.env_kwargs.items())
    return {
        "title": f"{_many(agents, 'agent')} on {_many(ids, 'environment')}",
        "line": f"{_many(config.episodes, 'episode')} a cell · {config.split} split · seed {config.seed} · "
        f"{'likeliest tokens' if config.deterministic else 'sampled tokens'} · {len(cells)} of {_many(whole, 'cell')}"
        f"{options}",
        "command": command(config),
    }


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def command(config: BenchConfig) -> str:
    """Returns the command that asks for this bench."""
    words = ["textgym", "bench", "--out", "bench"]
    for label, sources in config.agents.items():
        for source in sources:
            words += ["--agent", source if label == source else f"{label}={source}"]
    words += [word for env_id in config.env_ids for word in ("--env-id", env_id)]
    words += ["--episodes", str(config.episodes), "--split", config.split, "--seed", str(config.seed)]
    words += ["--deterministic"] if config.deterministic else []
    for name, value in config.env_kwargs.items():
        words += ["--env", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(words)


def _alerts(config: BenchConfig, cells: Mapping[Key, Cell]) -> list[dict[str, Any]]:
    """What a reader must know before comparing: each a sentence, and the cells or ids that it is about."""
    missing = [key for key in config.keys if key not in cells]
    lacking = [f"{agent}, run {run}, {env_id}" for agent, run, env_id in missing]
    tasks = _differing(cells, lambda cell: cell.hashes["task"])
    words = _differing(cells, lambda cell: cell.hashes["tokenizer"])
    prompts = _differing(cells, lambda cell: cell.prompt_hash)
    software = [f"{name}: {', '.join(found)}" for name, found in _versions(cells) if len(found) > 1]
    alerts = (
        (
            lacking,
            f"{len(lacking)} of {_many(len(config.keys), 'cell')} are missing, and enter no number.",
        ),
        (
            tasks,
            f"Data, ending, budget or reward differ between agents on {_many(len(tasks), 'id')}: not the same task.",
        ),
        (
            words,
            f"Vocabularies differ between agents on {_many(len(words), 'id')}: what counts tokens is not comparable.",
        ),
        (prompts, f"Agents were asked different prompts on {_many(len(prompts), 'id')}: compare means, not episodes."),
        (software, "Cells were played with different versions of the software."),
    )
    return [{"text": text, "items": items} for items, text in alerts if items]


def _differing(cells: Mapping[Key, Cell], what: Callable[[Cell], str]) -> list[str]:
    """The ids whose cells do not all have the same of something."""
    found: dict[str, set[str]] = {}
    for cell in cells.values():
        found.setdefault(cell.env_id, set()).add(what(cell))
    return [env_id for env_id, values in found.items() if len(values) > 1]


def _versions(cells: Mapping[Key, Cell]) -> list[tuple[str, list[str]]]:
    names = dict.fromkeys(name for cell in cells.values() for name in cell.versions)
    return [(name, sorted({cell.versions.get(name, "none") for cell in cells.values()})) for name in names]


def _metric(cell: Cell, name: str) -> Metric | None:
    if name in ("score", "gap"):
        found: Metric | None = getattr(cell, name)
        return found
    return cell.metrics.get(name)


def _tables(config: BenchConfig, cells: Mapping[Key, Cell]) -> list[dict[str, Any]]:
    """One table a metric, agents × ids, the one to judge by first."""
    names = ("score", *dict.fromkeys(name for cell in cells.values() for name in cell.metrics), "gap")
    mixed = [env_id for env_id, found in vocabularies(cells.values()).items() if len(found) > 1]
    tables = []
    for name in names:
        if all(_metric(cell, name) is None for cell in cells.values()):
            continue
        rows, absent = [], []
        for agent, sources in config.agents.items():
            row: list[list[float] | None] = []
            why = []
            for env_id in config.env_ids:
                there = [cells[key] for run in range(len(sources)) if (key := (agent, run, env_id)) in cells]
                known = [metric for cell in there if (metric := _metric(cell, name)) is not None]
                row.append(pooled(known) if known else None)
                why.append("" if known else "none" if there else "missing")
            rows.append(row)
            absent.append(why)
        tables.append(
            {
                "name": name,
                "title": TITLES.get(name, name),
                "note": f"{NOTES.get(name, '')} {_over(config)}".strip(),
                "shade": "signed" if name == "gap" else "unit" if name in UNIT else "row",
                "cells": rows,
                "absent": absent,
                "mixed": [config.env_ids.index(env_id) for env_id in mixed] if name in PER_TOKEN else [],
            }
        )
    return tables


TITLES = {"score": "score (normalised reward)", "gap": "gap (reward − gold)"}
NOTES = {
    "score": "The reward between that of a random agent, 0, and that of the oracle, 1.",
    "gap": "Normalised reward minus a normalised metric that is independent of it.",
}


def _over(config: BenchConfig) -> str:
    runs = {len(sources) for sources in config.agents.values()}
    one, several = "over prompts and draws, where an agent has one run", "over training runs, where it has several"
    if runs == {1}:
        return "95% intervals are over prompts and draws; they say nothing of another training run."
    return "95% intervals are " + ("over training runs." if 1 not in runs else f"{one}, and {several}.")


def pooled(metrics: Sequence[Metric]) -> list[float]:
    """Returns mean, ends of the interval, and number of runs of what an agent's training runs reached on an id.

    One run has its own interval, over prompts. Several have Student's over runs, x̄ ± t_{R−1} s / √R, which holds for
    the handful of runs that anyone trains.
    """
    values = np.array([metric.mean for metric in metrics])
    if len(values) == 1:
        (one,) = metrics
        return [short(one.mean), short(one.low), short(one.high), 1]
    half = student_quantile(0.975, len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = float(values.mean())
    return [short(mean), short(mean - half), short(mean + half), len(values)]


def _gaps(config: BenchConfig, cells: Mapping[Key, Cell]) -> list[dict[str, Any]]:
    labels = list(config.agents)
    return [
        {
            "agent": labels.index(cell.agent),
            "id": config.env_ids.index(cell.env_id),
            "run": cell.run,
            "score": short(cell.score.mean),
            "gold": short(cell.score.mean - cell.gap.mean),
            "gap": [short(end) for end in cell.gap.estimate],
            "metric": cell.gold,
        }
        for cell in cells.values()
        if cell.score is not None and cell.gap is not None and cell.gold is not None
    ]


def _curves(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            str(agent): {str(env_id): _axes(curve) for env_id, curve in by_id.items()}
            for agent, by_id in content.items()
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{str(path)!r} holds no learning curves: {error}. Make it again, or remove it.") from error


def _axes(curve: Mapping[str, Any]) -> dict[str, dict[str, list[float | None]]]:
    """The curve by what it runs over."""
    others = {str(axis): _curve({**other, "steps": other["x"]}) for axis, other in curve.get("by", {}).items()}
    return {"tokens": _curve(curve), **others}


def _curve(curve: Mapping[str, Sequence[float | None]]) -> dict[str, list[float | None]]:
    lists = {name: [_known(value) for value in curve[name]] for name in ("steps", "mean", "low", "high")}
    if len({len(values) for values in lists.values()}) != 1 or None in lists["steps"]:
        raise ValueError(f"steps, mean, low and high must be as long as each other, and steps known: {lists}")
    broken = [None in point for point in zip(lists["mean"], lists["low"], lists["high"], strict=True)]
    for name in ("mean", "low", "high"):  # a point is known whole, or shown as a break
        lists[name] = [None if gone else value for gone, value in zip(broken, lists[name], strict=True)]
    return lists


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _facts(config: BenchConfig, cells: Mapping[Key, Cell]) -> dict[str, Any]:
    settings = [
        ("episodes a cell", f"{config.episodes:,}"),
        ("split", config.split),
        ("seed", str(config.seed)),
        ("tokens", "the likeliest" if config.deterministic else "sampled"),
        ("options of the environments", json.dumps(dict(config.env_kwargs)) if config.env_kwargs else "none"),
    ]
    agents = []
    for place, (agent, sources) in enumerate(config.agents.items()):
        for run, source in enumerate(sources):
            there = [cell for cell in cells.values() if (cell.agent, cell.run) == (agent, run)]
            hashes = sorted({cell.hashes["agent"] for cell in there} - {""})
            speed = [cell.timing["tokens_per_second"] for cell in there if "tokens_per_second" in cell.timing]
            words = [str(run), source, _listed(hashes), f"{np.mean(speed):,.0f}" if speed else "unknown"]
            agents.append([place, *words])
    ids = []
    for env_id in config.env_ids:
        there = [cell for cell in cells.values() if cell.env_id == env_id]
        columns = [
            [cell.reward for cell in there],
            [f"{cell.gamma:g}" for cell in there],
            [cell.gold or "none" for cell in there],
            [cell.hashes["task"] for cell in there],
            [cell.hashes["tokenizer"] for cell in there],
            [cell.prompt_hash for cell in there],
        ]
        ids.append([env_id, *(_listed(dict.fromkeys(column)) for column in columns)])
    versions = [(name, ", ".join(found)) for name, found in _versions(cells)]
    return {"settings": settings, "agents": agents, "ids": ids, "versions": versions}


def _listed(values: Iterable[str]) -> str:
    return ", ".join(value if len(value) <= 40 else f"{value[:16]}…" for value in values) or "missing"
