"""The scores of a set of episodes: what was rewarded, what was not, how episodes ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from textgym.evaluation import statistics
from textgym.evaluation.report import Episode, Metric
from textgym.rewards import Reward
from textgym.tasks import Task


def with_task_metrics(episodes: Sequence[Episode], task: Task) -> tuple[Episode, ...]:
    """Returns the episodes with the score that each of ``task.metrics`` gives to their completions."""
    texts, given = _texts(episodes), columns(episodes, task)
    scores = {name: metric.score(*texts, **given).total for name, metric in task.metrics.items()}
    return tuple(
        replace(episode, metrics={name: float(values[i]) for name, values in scores.items()})
        for i, episode in enumerate(episodes)
    )


def scores(episodes: Sequence[Episode], task: Task, seed: int) -> dict[str, Metric]:
    """Returns the mean of each of `Episode.scores`, or its corpus form where the task's metric has one.

    Args:
        episodes: Episodes that `with_task_metrics` has scored.
        task: The task that was played.
        seed: Of the intervals.
    """
    values = [episode.scores for episode in episodes]
    names = [name for name in values[0] if name != "discounted_return" or task.gamma != 1]
    found = {name: Metric.of(statistics.bootstrap_mean([value[name] for value in values], seed=seed)) for name in names}
    if "success" in found:
        found["success"] = _rate(sum(bool(episode.success) for episode in episodes), len(episodes))
    for name, metric in task.metrics.items():
        if has_corpus_form(metric) and len(episodes) > 1:
            found[name] = corpus(metric, episodes, task, seed)
    return found


def endings(episodes: Sequence[Episode], task: Task) -> dict[str, Metric]:
    """Returns the share of each way to end, as ``finish/<reason>``."""
    count = Counter(episode.finish_reason for episode in episodes)
    reasons = ("eos", "stop", "length") if task.stop else ("eos", "length")
    return {f"finish/{reason}": _rate(count[reason], len(episodes)) for reason in reasons}


def has_corpus_form(metric: Reward) -> bool:
    """Whether a metric scores a corpus otherwise than by the mean over its texts."""
    return type(metric).corpus is not Reward.corpus


def corpus(metric: Reward, episodes: Sequence[Episode], task: Task, seed: int) -> Metric:
    """Returns what a metric says of at least two completions as one corpus, with its jackknife interval."""

    def statistic(kept: np.ndarray) -> float:
        part = [episodes[i] for i in kept]
        return metric.corpus(*_texts(part), **columns(part, task))

    value, low, high = statistics.jackknife(statistic, len(episodes), seed=seed)
    lowest, highest = metric.range
    return Metric(value, max(low, lowest), min(high, highest), "corpus")


def _rate(count: int, total: int) -> Metric:
    return Metric.of(statistics.wilson(count, total), "rate")


def _texts(episodes: Sequence[Episode]) -> tuple[list[str], list[str]]:
    return [episode.prompt for episode in episodes], [episode.completion for episode in episodes]


def columns(episodes: Sequence[Episode], task: Task) -> dict[str, Any]:
    """Returns the columns that the environment gives to its reward, for these episodes."""
    records = [task[episode.prompt_index].columns for episode in episodes]
    names = dict.fromkeys(name for record in records for name in record)
    conversation = {
        "turns": [list(episode.turns) for episode in episodes],
        "completion_mask": [list(episode.completion_mask) for episode in episodes],
    }
    return {name: [record.get(name) for record in records] for name in names} | {
        "references": [list(episode.references) for episode in episodes],
        "prompt_ids": [list(episode.prompt_ids) for episode in episodes],
        "completion_ids": [list(episode.completion_ids) for episode in episodes],
        "finish_reason": [episode.finish_reason for episode in episodes],
        "tokenizer": task.tokenizer,
        **(conversation if task.simulator is not None else {}),
    }
