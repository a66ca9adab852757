"""Whether a difference is more than luck: tests over prompts and over training seeds, one or many at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from textgym.evaluation.aggregate import mean
from textgym.evaluation.resampling import RESAMPLES, Scores, bootstrap
from textgym.evaluation.statistics import Interval

EXACT = 16
"""Up to so many differences every pattern of signs is counted (65,536 of them)."""

_CELLS = 2_000_000


def paired_bootstrap(
    before: ArrayLike, after: ArrayLike, *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Returns the mean of after − before on identical prompts, with its bootstrap interval over prompts.

    Args:
        before: One score a prompt, ``(P,)``.
        after: Scores of the same prompts in the same order, ``(P,)``.
        confidence: Coverage aimed at, in (0, 1).
        resamples: Number of bootstrap samples.
        seed: Of the resampling.

    Raises:
        ValueError: If the two are not equally many, fewer than two, or hold NaN.
    """
    pairs = Scores.of_prompts([_differences(before, after)[None]])
    return bootstrap([pairs], mean, resamples=resamples, seed=seed, confidence=confidence).interval(confidence)


def sign_flip_test(before: ArrayLike, after: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> float:
    """Returns the two-sided p-value of the paired permutation test, over prompts.

    If the agents do not differ, which of a pair of scores is whose is a coin flip. p is the share of sign patterns s
    with |Σ s_i d_i| ≥ |Σ d_i|: of all 2^P up to 16 differences that are not zero, of ``resamples`` random ones (and the
    observed one) beyond. It speaks of these very models: another training run is another question, see
    `run_permutation_test`.

    Args:
        before: One score a prompt, ``(P,)``.
        after: Scores of the same prompts in the same order, ``(P,)``.
        resamples: Number of random patterns.
        seed: Of the patterns.

    Raises:
        ValueError: If the two are not equally many, or hold NaN.

    Source: Fisher 1935, The Design of Experiments, §21; Phipson & Smyth 2010, doi:10.2202/1544-6115.1585 (why the
    observed pattern counts). Checked against `scipy.stats.permutation_test`.
    """
    differences = _differences(before, after)
    differences = differences[differences != 0]
    observed = _tolerant(abs(differences.sum()))
    if len(differences) <= EXACT:
        sums = np.zeros(1)
        for difference in differences:
            sums = np.concatenate([sums + difference, sums - difference])
        return float((np.abs(sums) >= observed).mean())
    rng, size, extreme = np.random.default_rng(seed), len(differences), 0
    for start in range(0, resamples, rows := max(1, _CELLS // size)):
        flipped = rng.integers(2, size=(min(rows, resamples - start), size), dtype=np.int8)
        sums = differences.sum() - 2 * flipped.astype(np.float64) @ differences
        extreme += int((np.abs(sums) >= observed).sum())
    return (extreme + 1) / (resamples + 1)


def run_permutation_test(
    first: ArrayLike, second: ArrayLike, *, one_model: bool = False, resamples: int = RESAMPLES, seed: int = 0
) -> float:
    """Returns the two-sided p-value of the permutation test of the mean over runs and ids, over training seeds.

    If the agents do not differ, the labels of the runs are arbitrary. They are dealt out anew within each id, or for
    whole runs. With few runs there are few ways to deal: three runs against three of ``one_model`` never come below
    p = 0.1.

    Args:
        first: Scores of one agent, ``(R, E)``.
        second: Scores of the other on the same ids, ``(R', E)``.
        one_model: True where run r is the same trained model on every id.
        resamples: Number of random deals.
        seed: Of the deals.

    Raises:
        ValueError: If an agent has one run, cells are missing, or the ids are not equally many.

    Source: Pitman 1937, doi:10.2307/2984124. Checked against `scipy.stats.permutation_test`.
    """
    x, y = Scores.of_runs(first).runs, Scores.of_runs(second).runs
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"Agents must have the same ids. Actual numbers of ids: {x.shape[1]} and {y.shape[1]}.")
    pooled = np.concatenate([x, y]).T  # (E, R + R')
    if one_model:
        pooled = pooled.mean(0, keepdims=True)
    observed = _tolerant(abs(float(x.mean() - y.mean())))
    rng, size, extreme = np.random.default_rng(seed), len(x), 0
    for start in range(0, resamples, rows := max(1, _CELLS // pooled.size)):
        dealt = rng.permuted(np.broadcast_to(pooled, (min(rows, resamples - start), *pooled.shape)), axis=2)
        gaps = (dealt[:, :, :size].mean(2) - dealt[:, :, size:].mean(2)).mean(1)
        extreme += int((np.abs(gaps) >= observed).sum())
    return (extreme + 1) / (resamples + 1)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Returns p-values of m tests corrected so that the chance of any false alarm stays at the level, ``(m,)``.

    p̃_(i) = max_{j ≤ i} min(1, (m − j + 1) p_(j)), in ascending order. Nothing is assumed of how the tests depend.

    Args:
        p_values: One a test, ``(m,)``, each in [0, 1].

    Raises:
        ValueError: If one lies outside [0, 1] or is NaN.

    Source: Holm 1979, doi:10.2307/4615733.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p-values lie in [0, 1]. Actual values: {p.tolist()}.")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def _differences(before: ArrayLike, after: ArrayLike) -> np.ndarray:
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"Pairs need two equally long arrays. Actual shapes: {first.shape} and {second.shape}.")
    differences = second - first
    if not np.isfinite(differences).all():
        raise ValueError("Scores are missing (NaN or infinite), and a pair needs both.")
    return differences


def _tolerant(observed: float) -> float:
    """Returns the bar to reach; sums of the same numbers in another order differ in their last bits."""
    return observed * (1 - 1e-9)
