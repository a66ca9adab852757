"""How our programs measure: in turn, several times, the median; results as JSON beside the programs."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from textgym.evaluation.versions import machine, versions

RESULTS = Path(__file__).parent / "results"


class Timed(NamedTuple):
    """Work whose time a job took itself, since not all that it did is to count."""

    units: float
    seconds: float


def interleaved(jobs: Mapping[str, Callable[[], float | Timed]], rounds: int) -> dict[str, list[float]]:
    """Runs each job once a round, in turn, so that a slow spell of the machine meets all of them.

    Args:
        jobs: Name to a function that does the work and returns how many units it did (steps, tokens), or a `Timed`
            where it kept the time itself.
        rounds: Rounds that count, after one that warms up.

    Returns:
        Units per second of every round, by name.
    """
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            done = job()
            timed = done if isinstance(done, Timed) else Timed(done, time.perf_counter() - start)
            if turn:
                rates[name].append(timed.units / timed.seconds)
    return rates


def report(name: str, rates: dict[str, list[float]], peers: Sequence[str], unit: str, **settings: Any) -> None:
    """Prints medians, and their ratios to the peers; writes them with versions and machine to ``results/``.

    A ratio is the median of the ratios of the rounds, in which a slow spell of the machine met both.
    """
    medians = {job: statistics.median(values) for job, values in rates.items()}
    ratios = {
        job: {
            peer: statistics.median(ours / theirs for ours, theirs in zip(values, rates[peer], strict=True))
            for peer in peers
            if peer != job
        }
        for job, values in rates.items()
    }
    for job, median in medians.items():
        shown = "".join(f"  {ratio:6.1f} x {peer}" for peer, ratio in ratios[job].items())
        print(f"{job:28s} {median:14,.0f} {unit}/s{shown}")
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
