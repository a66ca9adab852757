"""How time grows with the work: tokens of an episode, environments, vocabulary and parameters, beside ``generate``.

From one base, the tiny model with 64 environments and 48 new tokens, one number is varied at a time. Collection and
update (one epoch, minibatches of 768 tokens) are PPO's; ``generate`` samples as many tokens as the collection. The
table has the seconds of each point, and how many times those of the point before it. The last line says what doubling
the tokens of an episode costs at most.

Run: python -m benchmarks scaling
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from collection import generate
from measure import interleaved, write
from reference_work import EPISODES, NEW_TOKENS, SIZES, Size, agent
from update import EPOCH

from textgym.agents import PPO

ROUNDS = 5
MINIBATCH = 768
DOUBLING_GOAL = 2.3
JOBS = ("collection", "update", "generate")


class Point(NamedTuple):
    """Work of one size.

    Attributes:
        label: How the table names it.
        size: The model.
        n_envs: Episodes side by side.
        new_tokens: Tokens of each.
    """

    label: str
    size: Size
    n_envs: int = EPISODES
    new_tokens: int = NEW_TOKENS


TINY = SIZES["tiny"]
AXES = {
    "tokens of an episode": [Point(str(count), TINY, new_tokens=count) for count in (24, 48, 96, 192)],
    "environments": [Point(str(count), TINY, n_envs=count) for count in (1, 8, 64, 256)],
    "vocabulary": [Point(f"{count:,}", TINY._replace(vocab_size=count)) for count in (2048, 8192, 32768)],
    "layers x width": [
        Point(f"{layers} x {width}", Size(2048, layers, width, width // 32))
        for layers, width in ((2, 64), (4, 128), (4, 256), (6, 384), (8, 512))
    ],
}


def jobs(point: Point) -> dict[str, Callable[[], float]]:
    """Returns the jobs of a point, by name; the update is of what was collected last."""
    phases = agent(PPO, point.size, n_envs=point.n_envs, new_tokens=point.new_tokens, batch_size=MINIBATCH, **EPOCH)
    sampling = generate(point.size, torch.float32, point.n_envs, point.new_tokens)
    return dict(zip(JOBS, (phases.collect, phases.update, sampling), strict=True))


def measure(points: list[Point], rounds: int) -> dict[str, dict[str, Any]]:
    """Returns tokens and the seconds of every round, by point and job; all points of an axis take turns."""
    named = {(point.label, name): job for point in points for name, job in jobs(point).items()}
    rates = interleaved({" ".join(key): job for key, job in named.items()}, rounds)
    found: dict[str, dict[str, Any]] = {}
    for point in points:
        tokens = point.n_envs * point.new_tokens
        seconds = {name: [tokens / rate for rate in rates[f"{point.label} {name}"]] for name in JOBS}
        found[point.label] = {"tokens": tokens, "seconds": seconds}
    return found


def growth(points: dict[str, dict[str, Any]], job: str) -> list[float | None]:
    """Returns how many times as long each point took as the one before it; None for the first."""
    series = [point["seconds"][job] for point in points.values()]
    ratios = [
        statistics.median(now / then for now, then in zip(after, before, strict=True))
        for before, after in pairwise(series)
    ]
    return [None, *ratios]


def show(axis: str, points: dict[str, dict[str, Any]]) -> None:
    """Prints an axis: seconds, tokens a second, how many times the point before, and ours beside ``generate``."""
    head = "".join(f"{name + ' s':>14s}{'tokens/s':>10s}{'times':>7s}" for name in JOBS)
    print(f"\n{axis:22s}{head}{'x generate':>12s}")
    grown = {name: growth(points, name) for name in JOBS}
    for i, (label, point) in enumerate(points.items()):
        seconds = {name: statistics.median(point["seconds"][name]) for name in JOBS}
        times = {name: "" if grown[name][i] is None else f"{grown[name][i]:.2f}" for name in JOBS}
        cells = "".join(
            f"{seconds[name]:14.3f}{point['tokens'] / seconds[name]:10,.0f}{times[name]:>7s}" for name in JOBS
        )
        print(f"{label:22s}{cells}{seconds['generate'] / seconds['collection']:12.1f}", flush=True)


def main(axes: dict[str, list[Point]], rounds: int) -> None:
    found = {}
    for axis, points in axes.items():
        found[axis] = measure(points, rounds)
        show(axis, found[axis])
    episode = found["tokens of an episode"]
    doubling = {name: growth(episode, name)[1:] for name in ("collection", "update")}
    worst = {name: max(values) for name, values in doubling.items()}
    print(
        f"\nDoubling the tokens of an episode costs at most {worst['collection']:.2f} times the collection and "
        f"{worst['update']:.2f} times the update (goal: {DOUBLING_GOAL})."
    )
    write("scaling", axes=found, doubling=doubling, goal=DOUBLING_GOAL, minibatch=MINIBATCH, base=TINY._asdict())


if __name__ == "__main__":
    main(AXES, ROUNDS)
