"""Many scores in one number: aggregates over training runs and ids, each with its interval.

Scores are matrices ``(R, E)`` of normalised scores, 0 for a random agent and 1 for a perfect one, or `Scores` where the
prompts below them are known. A missing cell is NaN and is never averaged over: every function here raises a
``ValueError``; `complete` keeps the ids that every agent has, and says which.

Shapes: A agents, R training runs, E environments (ids), T thresholds, S steps of training.

Source: Agarwal et al. 2021, Deep Reinforcement Learning at the Edge of the Statistical Precipice, arXiv:2108.13264.
Checked against rliable and scipy in tests/evaluation/test_aggregate.py, which also measures coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from textgym.evaluation.resampling import RESAMPLES, Scores, bootstrap
from textgym.evaluation.statistics import Interval


def mean(scores: np.ndarray) -> np.ndarray:
    """Mean over runs and ids, of scores ``(..., R, E)``."""
    return scores.mean((-2, -1))


def iqm(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean of scores ``(..., R, E)``: the mean of the middle half of all cells, runs and ids alike.

    ⌊RE/4⌋ cells are left out at each end, as `scipy.stats.trim_mean` does.
    """
    cells = np.sort(scores.reshape(*scores.shape[:-2], -1), -1)
    cut = cells.shape[-1] // 4
    return cells[..., cut : cells.shape[-1] - cut].mean(-1)


def median(scores: np.ndarray) -> np.ndarray:
    """Median over ids of the mean over runs, of scores ``(..., R, E)``."""
    return np.median(scores.mean(-2), -1)


def optimality_gap(scores: np.ndarray) -> np.ndarray:
    """How far scores ``(..., R, E)`` fall short of 1, on average, where what exceeds 1 counts as 1. Low is good."""
    return 1 - np.minimum(scores, 1).mean((-2, -1))


AGGREGATES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "iqm": iqm,
    "mean": mean,
    "median": median,
    "optimality_gap": optimality_gap,
}
"""By name; the first is the one to rank by (a median ignores nearly half of the ids, a mean follows one outlier)."""


class Band(NamedTuple):
    """A curve with its pointwise intervals.

    Attributes:
        at: Where it is evaluated: thresholds of a profile, or steps of training, ``(T,)``.
        values: The curve, float64 ``(T,)``.
        low: Lower ends, float64 ``(T,)``.
        high: Upper ends, float64 ``(T,)``.
        over: Source of variance, see `Interval`.
    """

    at: np.ndarray
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    over: str


def aggregates(
    agents: Mapping[str, ArrayLike | Scores],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
    corrected: bool = True,
) -> dict[str, dict[str, Interval]]:
    """Returns every one of `AGGREGATES` of each agent, by agent and name.

    Args:
        agents: Scores by label, see the module; R may differ.
        confidence: Coverage aimed at, in (0, 1).
        resamples: Number of bootstrap samples.
        seed: Of the resampling.
        corrected: See `textgym.evaluation.resampling.bootstrap`.

    Raises:
        ValueError: If a cell is missing, agents differ in their ids, or an agent has one run and no prompts.
    """
    made = {label: _scores(scores) for label, scores in agents.items()}
    _check_same_ids(made)
    found = {}
    for label, scores in made.items():
        draws = bootstrap(
            [scores], _all_aggregates, resamples=resamples, seed=seed, confidence=confidence, corrected=corrected
        )
        low, high = draws.intervals(confidence)
        found[label] = {
            name: Interval(float(draws.value[k]), float(low[k]), float(high[k]), draws.over)
            for k, name in enumerate(AGGREGATES)
        }
    return found


def difference(first: ArrayLike | Scores, second: ArrayLike | Scores, name: str = "iqm", **options: Any) -> Interval:
    """Returns an aggregate of ``second`` minus that of ``first``; prompts are paired where both know them.

    Args:
        first: Scores of one agent.
        second: Scores of the other, on the same ids.
        name: One of `AGGREGATES`.
        **options: ``confidence``, ``resamples``, ``seed`` and ``corrected``, as for `aggregates`.
    """
    statistic = AGGREGATES[name]
    draws = bootstrap([_scores(first), _scores(second)], lambda x, y: statistic(y) - statistic(x), **options)
    return draws.interval(options.get("confidence", 0.95))


def probability_of_improvement(first: ArrayLike | Scores, second: ArrayLike | Scores, **options: Any) -> Interval:
    """Returns the probability that a run of ``first`` beats a run of ``second`` on an id drawn at random.

    P(X > Y) = 1/E Σ_e 1/(R_x R_y) Σ_ij ( [x_ie > y_je] + ½ [x_ie = y_je] ), Mann and Whitney's U over the number of
    pairs. With one run each it is the share of ids on which ``first`` is ahead.

    Where every run of one beats every run of the other on all ids, no resample says otherwise, and the interval has no
    width.

    Args:
        first: X, scores of one agent.
        second: Y, scores of the other, on the same ids.
        **options: ``confidence``, ``resamples``, ``seed`` and ``corrected``, as for `aggregates`.
    """

    def statistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        wins = np.zeros(len(x))
        for i in range(x.shape[1]):  # a run at a time: memory stays that of one table
            ahead = x[:, i, None, :] - y
            wins += ((ahead > 0) + 0.5 * (ahead == 0)).mean((1, 2))
        return wins / x.shape[1]

    found = bootstrap([_scores(first), _scores(second)], statistic, **options).interval(options.get("confidence", 0.95))
    return found._replace(low=max(0.0, found.low), high=min(1.0, found.high))


def performance_profile(scores: ArrayLike | Scores, thresholds: ArrayLike, **options: Any) -> Band:
    """Returns the share of cells above each threshold: 1/(RE) Σ_re [ x_re > τ ], with pointwise intervals.

    Args:
        scores: Scores of one agent.
        thresholds: τ, ``(T,)``.
        **options: ``confidence``, ``resamples``, ``seed`` and ``corrected``, as for `aggregates`.
    """
    at = np.asarray(thresholds, dtype=np.float64)

    def statistic(tables: np.ndarray) -> np.ndarray:
        return np.stack([(tables > threshold).mean((1, 2)) for threshold in at], 1)

    draws = bootstrap([_scores(scores)], statistic, **options)
    low, high = draws.intervals(options.get("confidence", 0.95))
    return Band(at, draws.value, np.maximum(low, 0.0), np.minimum(high, 1.0), draws.over)


def sample_efficiency(curves: ArrayLike, steps: ArrayLike, name: str = "iqm", **options: Any) -> Band:
    """Returns an aggregate at each step of training, with pointwise intervals over seeds.

    Args:
        curves: Scores of each run on each id at each step, ``(R, E, S)``.
        steps: Tokens, updates or seconds, ``(S,)``.
        name: One of `AGGREGATES`.
        **options: ``confidence``, ``resamples``, ``seed`` and ``corrected``, as for `aggregates`.

    Raises:
        ValueError: If a cell is missing, there is one run, or the lengths differ.
    """
    values, at = np.asarray(curves, dtype=np.float64), np.asarray(steps, dtype=np.float64)
    if values.ndim != 3 or values.shape[2:] != at.shape:
        raise ValueError(
            f"Curves are runs × ids × steps, and steps as many. Actual shapes: {values.shape} and {at.shape}."
        )
    # The same seed draws the same runs at every step, so that the band is of whole runs.
    found = [
        bootstrap([Scores.of_runs(values[:, :, k])], AGGREGATES[name], **options).interval(
            options.get("confidence", 0.95)
        )
        for k in range(len(at))
    ]
    value, low, high = (np.array([getattr(one, field) for one in found]) for field in ("value", "low", "high"))
    return Band(at, value, low, high, found[0].over)


def ranks(agents: Mapping[str, ArrayLike | Scores], name: str = "iqm", **options: Any) -> dict[str, Interval]:
    """Returns the rank of each agent by an aggregate, 1 for the best; equal agents share the mean of their ranks.

    Args:
        agents: Scores by label, see the module.
        name: One of `AGGREGATES`.
        **options: ``confidence``, ``resamples``, ``seed`` and ``corrected``, as for `aggregates`.
    """
    sign = 1 if name == "optimality_gap" else -1

    def statistic(*tables: np.ndarray) -> np.ndarray:
        return np.stack([AGGREGATES[name](table) for table in tables], 1)

    draws = bootstrap([_scores(scores) for scores in agents.values()], statistic, **options)
    ranked = draws._replace(value=_ranked(sign * draws.value[None])[0], draws=_ranked(sign * draws.draws))
    low, high = ranked.intervals(options.get("confidence", 0.95))
    return {
        label: Interval(float(ranked.value[i]), float(low[i]), float(high[i]), draws.over)
        for i, label in enumerate(agents)
    }


def complete(values: ArrayLike) -> tuple[list[np.ndarray], np.ndarray]:
    """Returns the part of a table that has no hole, so that every agent is judged on the same ids.

    A run that has no cell at all (agents differ in their number of runs) is left out; an id that any other run lacks is
    left out for all agents. Say so beside whatever is made of the rest.

    Args:
        values: One score a cell, NaN where it is missing, ``(A, R, E)``, as `textgym.bench.Bench.matrix` returns it.

    Returns:
        The scores of each agent, float64 ``(R, E')``; which ids were kept, bool ``(E,)``.

    Raises:
        ValueError: If an agent has no run, or no id is whole.
    """
    table = np.asarray(values, dtype=np.float64)
    runs = [agent[~np.isnan(agent).all(1)] for agent in table]
    kept = np.logical_and.reduce([~np.isnan(agent).any(0) for agent in runs])
    if not kept.any() or not all(map(len, runs)):
        raise ValueError(f"There is no id that every run of every agent has a score on, of {table.shape[2]} ids.")
    return [agent[:, kept] for agent in runs], kept


def _all_aggregates(tables: np.ndarray) -> np.ndarray:
    return np.stack([statistic(tables) for statistic in AGGREGATES.values()], 1)


def _ranked(values: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, from 1 for the lowest; ties share the mean."""
    before = (values[..., None, :] < values[..., :, None]).sum(-1)
    equal = (values[..., None, :] == values[..., :, None]).sum(-1)
    return before + (equal + 1) / 2


def _scores(scores: ArrayLike | Scores) -> Scores:
    return scores if isinstance(scores, Scores) else Scores.of_runs(scores)


def _check_same_ids(agents: Mapping[str, Scores]) -> None:
    sizes = {label: scores.runs.shape[1] for label, scores in agents.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"Agents must have the same ids. Actual numbers of ids: {sizes}.")
