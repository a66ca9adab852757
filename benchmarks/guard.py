"""Whether speed has fallen: ratios to ``generate`` and to stock SB3, held against those that are committed.

Tiny model, one thread, fixed work, processor time instead of wall-clock time, jobs in turn, the median of five: what
else a machine does hardly moves such a ratio, but another processor does, since it may lack the instructions or the
caches that one of two programs lives on. So the reference has an entry a processor; on one that it does not know, the
lowest ratio of any is shown beside, and nothing fails. A ratio that is too low is measured once more before it fails.

A minute. Exits 1 when a ratio has fallen by more than a third on a processor that has an entry.

Run: python -m benchmarks guard            make guard
     python -m benchmarks guard --write    renews this processor's entry, on an idle machine
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from measure import RESULTS, interleaved, ratios, write

from textgym.evaluation.versions import machine

NAME = "guard"
COMMAND = "python -m benchmarks guard"
KEPT = 2 / 3
"""The part of its reference that a ratio must keep."""

ROUNDS = 5
PAIRS = {
    "collection against generate": ("collection", "generate"),
    "collection against stock SB3": ("collection", "stock collection"),
    "update against stock SB3": ("update", "stock update"),
}
STOCK_ENVS, STOCK_STEPS = 8, 24
"""What stock SB3 collects and learns from, in one step of the optimizer."""

Ratios = Mapping[str, float]
"""How many times as fast as its peer, by the name of a pair."""


def measured() -> dict[str, float]:
    """Returns the ratios as they are here and now."""
    import torch
    from collection import generate
    from reference_work import SIZES, agent, stock
    from update import EPOCH

    from textgym.agents import PPO

    torch.set_num_threads(1)
    size, tokens = SIZES["tiny"], STOCK_ENVS * STOCK_STEPS
    ours = agent(PPO, size, batch_size=768, **EPOCH)
    theirs = stock(size, STOCK_ENVS, STOCK_STEPS, batch_size=tokens, **EPOCH)
    jobs: dict[str, Callable[[], float]] = {
        "collection": ours.collect,
        "update": ours.update,
        "generate": generate(size, torch.float32),
        "stock collection": theirs.collect,
        "stock update": theirs.update,
    }
    rates = interleaved(jobs, ROUNDS, time.process_time)
    return {name: statistics.median(ratios(rates, *pair)) for name, pair in PAIRS.items()}


def reference(known: Mapping[str, Ratios], cpu: str) -> dict[str, float]:
    """Returns what a processor is held to: its own entry, else the lowest ratio of any.

    Args:
        known: Ratios by the name of a processor, at least one.
        cpu: The processor of this machine.
    """
    if cpu in known:
        return dict(known[cpu])
    return {name: min(entry[name] for entry in known.values()) for name in PAIRS}


def fallen(found: Ratios, expected: Ratios) -> list[str]:
    """Returns a line for each ratio that is less than `KEPT` of what is expected."""
    return [
        f"{name}: {found[name]:.1f} times as fast, where it was {value:.1f} (at least {KEPT * value:.1f} is asked). "
        f"See what has become slower: python -m benchmarks iteration_profile --path CHECKOUT_BEFORE. Measure again: "
        f"{COMMAND}. If it is meant, on an idle machine: {COMMAND} --write"
        for name, value in expected.items()
        if found[name] < KEPT * value
    ]


def judge(measure: Callable[[], Ratios], expected: Ratios) -> tuple[dict[str, float], list[str]]:
    """Returns the ratios and what is to be said of those that fell; what fell is measured again, the better counts."""
    found = dict(measure())
    if fallen(found, expected):
        again = measure()
        found = {name: max(value, again[name]) for name, value in found.items()}
    return found, fallen(found, expected)


def main(arguments: list[str] | None = None, measure: Callable[[], Ratios] = measured) -> int:
    """Returns 0 where no ratio fell, 1 where one did, 2 where there is nothing to compare with."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="renew the entry of this processor")
    options = parser.parse_args(arguments)
    path, cpu = RESULTS / f"{NAME}.json", machine()["cpu"]
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["processors"] if path.exists() else {}
    if options.write:
        found = dict(measure())
        _print(found, {})
        write(NAME, processors=known | {cpu: found}, rounds=ROUNDS, kept=KEPT)
        return 0
    if not known:
        print(f"There is nothing to compare with in {path}. On an idle machine: {COMMAND} --write", file=sys.stderr)
        return 2
    expected = reference(known, cpu)
    found, lines = judge(measure, expected)
    _print(found, expected)
    for line in lines:
        print(line, file=sys.stderr)
    if cpu not in known:
        print(f"The reference has no entry for {cpu!r}, so nothing fails. On an idle machine: {COMMAND} --write")
        return 0
    return 1 if lines else 0


def _print(found: Ratios, expected: Ratios) -> None:
    for name, value in found.items():
        print(f"{name:30s} {value:6.1f} x" + (f"   reference {expected[name]:6.1f} x" if expected else ""))


if __name__ == "__main__":
    sys.exit(main())
