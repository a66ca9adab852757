"""How our programs measure: in turn, several times, the median; results as JSON beside the programs."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textgym.evaluation.versions import machine, versions

RESULTS = Path(__file__).parent / "results"


def interleaved(jobs: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Runs each job once a round, in turn, so that a slow spell of the machine meets all of them.

    Args:
        jobs: Name to a function that does the work and returns how many units it did (steps, tokens).
        rounds: Rounds that count, after one that warms up.

    Returns:
        Units per second of every round, by name.
    """
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            units = job()
            if turn:
                rates[name].append(units / (time.perf_counter() - start))
    return rates


def report(name: str, rates: dict[str, list[float]], peer: str | None, unit: str, **settings: Any) -> None:
    """Prints medians, and their ratio to the peer; writes them with versions and machine to ``results/``."""
    medians = {job: statistics.median(values) for job, values in rates.items()}
    for job, median in medians.items():
        ratio = f"  {median / medians[peer]:6.1f} x {peer}" if peer and job != peer else ""
        print(f"{job:28s} {median:14,.0f} {unit}/s{ratio}")
    ratios = {job: median / medians[peer] for job, median in medians.items()} if peer else {}
    result = {
        "benchmark": name,
        "unit": f"{unit}/s",
        "medians": medians,
        "rounds": rates,
        "ratios": ratios,
        "settings": settings,
        "versions": versions(),
        "machine": machine(),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
    print(f"written to {path}")
