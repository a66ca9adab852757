"""Evaluations while training: on which prompts, and which score says that one agent is better than another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from textgym import cards
from textgym.errors import OptionError, suggest
from textgym.rewards import Reward
from textgym.tasks import Task

REWARD = "reward"
LOWER_IS_BETTER = frozenset(("kl", "reference_perplexity", "finish/length"))
"""Scores of every evaluation that are better when they are lower; a metric of a task tells it itself."""


def gold(task: Task) -> str | None:
    """Returns the name of the task's gold metric where it is independent of the reward that the task has now.

    ``"success"`` is a threshold of the reward, and so gold only where the task says that its reward is the truth.
    """
    if task.gold is None or (task.gold == "success" and task.success_threshold is None):
        return None
    terms = {repr(term) for term in cards.leaves(task.reward)}
    return None if task.gold in task.metrics and repr(task.metrics[task.gold]) in terms else task.gold


def held_out_metric(task: Task) -> str:
    """Returns the score to choose by: `gold`, else the first metric that is no part of the reward, else the reward."""
    if (name := gold(task)) is not None:
        return name
    parts = list(_parts(task.reward))
    names = {part.name for part in parts} | {repr(part) for part in parts}
    return next((name for name, metric in task.metrics.items() if not {metric.name, repr(metric)} & names), REWARD)


def higher_is_better(task: Task, name: str) -> bool:
    """Whether more of a score of `textgym.evaluation.Report.metrics` is better."""
    if name in task.metrics:
        return task.metrics[name].higher_is_better
    if name.startswith("reward/"):
        return all(part.higher_is_better for part in _parts(task.reward) if f"reward/{part.name}" == name)
    return name not in LOWER_IS_BETTER


def check_metric(task: Task, name: str) -> str:
    """Returns ``name`` if evaluations of the task can have such a score.

    Raises:
        OptionError: Otherwise.
    """
    known = [REWARD, *task.metrics, "length", "kl", "reference_perplexity"]
    known += ["success"] * (task.success_threshold is not None) + ["discounted_return"] * (task.gamma != 1)
    if name not in known and not name.startswith(("reward/", "finish/")):
        raise OptionError(
            f"Evaluations of {task.name!r} have no score {name!r}.{suggest(name, known)} They have {', '.join(known)}."
        )
    return name


def check_split(task: Task, split: str) -> None:
    """Checks that a task has prompts in a split.

    Raises:
        OptionError: If it has none.
    """
    if not len(task.rows.get(split, ())):
        raise OptionError(
            f"{task.name!r} has no {split} prompts to evaluate on while training. Give data with that split, choose "
            "another, or leave the evaluation out."
        )


def _parts(reward: Reward) -> Iterator[Reward]:
    yield reward
    if is_dataclass(reward):
        for field in fields(reward):
            if isinstance(part := getattr(reward, field.name), Reward):
                yield from _parts(part)
