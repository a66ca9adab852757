"""How our programs measure: in turn, several times, the median; results as JSON beside the programs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from textgym.evaluation.versions import machine, versions

RESULTS = Path(__file__).parent / "results"
PEERS = ("trl", "accelerate", "datasets")
"""Distributions that only peers run on."""


class Timed(NamedTuple):
    """Work whose time a job took itself, since not all that it did is to count."""

    units: float
    seconds: float


def interleaved(
    jobs: Mapping[str, Callable[[], float | Timed]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Runs each job once a round, in turn, so that a slow spell of the machine meets all of them.

    Args:
        jobs: Name to a function that does the work and returns how many units it did (steps, tokens), or a `Timed`
            where it kept the time itself.
        rounds: Rounds that count, after one that warms up.
        clock: Seconds now; `time.process_time` leaves out what other processes take.

    Returns:
        Units per second of every round, by name.
    """
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(rounds + 1):
        for name, job in jobs.items():
            start = clock()
            done = job()
            timed = done if isinstance(done, Timed) else Timed(done, clock() - start)
            if turn:
                rates[name].append(timed.units / timed.seconds)
    return rates


def ratios(rates: Mapping[str, Sequence[float]], job: str, peer: str) -> list[float]:
    """Returns how many times as fast as ``peer`` a job was, round by round: a slow spell of the machine met both."""
    return [ours / theirs for ours, theirs in zip(rates[job], rates[peer], strict=True)]


def in_child(program: str | Path, *arguments: str) -> Any:
    """Returns what a program prints in its last line, as JSON, run in a process of its own.

    Args:
        program: Source code, or the file that holds it.
        *arguments: Its ``sys.argv[1:]``.
    """
    source = [str(program)] if isinstance(program, Path) else ["-c", program]
    process = subprocess.run([sys.executable, *source, *arguments], stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(process.stdout.splitlines()[-1])


def report(name: str, rates: dict[str, list[float]], peers: Sequence[str], unit: str, **settings: Any) -> None:
    """Prints medians, and their ratios to the peers with the spread over the rounds; writes them to ``results/``."""
    medians = {job: statistics.median(values) for job, values in rates.items()}
    by_peer = {job: {peer: ratios(rates, job, peer) for peer in peers if peer != job} for job in rates}
    for job, median in medians.items():
        print(f"{job:28s} {median:14,.0f} {unit}/s", flush=True)
        for peer, values in () if job in peers else by_peer[job].items():
            print(f"{'':28s} {statistics.median(values):14.1f} x {peer} [{min(values):.1f}, {max(values):.1f}]")
    write(
        name,
        unit=f"{unit}/s",
        medians=medians,
        rounds=rates,
        ratios={job: {peer: statistics.median(values) for peer, values in of.items()} for job, of in by_peer.items()},
        settings=settings,
    )


def write(name: str, **content: Any) -> None:
    """Writes a result to ``results/``, with the versions of the software and the machine, whole or not at all."""
    peers = {}
    for package in PEERS:
        try:
            peers[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    result = {"benchmark": name, **content, "versions": versions() | peers, "machine": machine()}
    write_text(f"{name}.json", json.dumps(result, indent=1) + "\n")


def write_text(name: str, text: str) -> None:
    """Writes a file in ``results/``, whole or not at all."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / name
    temporary = path.with_name(f"{name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
    print(f"written to {path}", flush=True)
