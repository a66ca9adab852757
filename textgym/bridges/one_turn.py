"""Tasks that a foreign library can play: one prompt, one completion, one score."""

from __future__ import annotations

from typing import Any

import numpy as np

from textgym import registry, tasks
from textgym.errors import OptionError, TaskError
from textgym.generated import ENDLESS
from textgym.rewards import Stepwise
from textgym.tasks import Task

ENDLESS_COUNT = 1_024
"""Prompts of an endless split, unless it is said how many."""


def task_of(env: str | Task, use: str, **make_kwargs: Any) -> Task:
    """Returns the task of an environment, if it is one prompt, one completion and one score at the end.

    Args:
        env: A registered id or a `Task`.
        use: Who is to play it, such as ``"TRL"``, for the errors.
        **make_kwargs: Options of the environment, as `gymnasium.make` takes them.

    Raises:
        TaskError: If it is a conversation, or pays in every step.
        OptionError: If the id or an option is unknown.
    """
    if isinstance(env, str):
        entry = registry.entry(env)
        task = tasks.resolve(entry.task, **{**entry.kwargs, **make_kwargs})
    else:
        task = tasks.resolve(env, **make_kwargs)
    if task.simulator is not None:
        raise TaskError(
            f"{task.name!r} is a conversation with {type(task.simulator).__name__}, and {use} writes one completion "
            "for a prompt. Train it with textgym.agents, such as textgym.agents.RLOO, which play the replies too."
        )
    if isinstance(task.reward, Stepwise):
        raise TaskError(
            f"{task.name!r} pays in every step ({task.reward!r}), and {use} scores a completion once. Make it with the "
            f"terminal reward alone, reward={repr(task.reward.parts[0])!r}, or train it with textgym.agents, such as "
            "textgym.agents.PPO."
        )
    return task


def undiscounted(task: Task, use: str) -> Task:
    """Returns ``task`` if a trainer without a discount may train on it.

    Raises:
        TaskError: If its γ is not 1.
    """
    if task.gamma != 1:
        raise TaskError(
            f"{task.name!r} discounts with gamma={task.gamma}, and {use} has no discount: it would maximise another "
            "return. Make it with gamma=1.0, or train it with textgym.agents, which take the environment's gamma."
        )
    return task


def draw(task: Task, count: int | None, seed: int) -> list[int]:
    """Returns the numbers of prompts of the split of ``task``.

    Args:
        task: The task.
        count: How many, without replacement; None takes a whole split, in order, or `ENDLESS_COUNT` of an endless one.
        seed: Of the drawing.

    Raises:
        OptionError: If the split has fewer.
    """
    endless = len(task) >= ENDLESS
    if count is None and not endless:
        return list(range(len(task)))
    size = ENDLESS_COUNT if count is None else count
    if not 1 <= size <= len(task):
        raise OptionError(
            f"The split {task.split!r} of {task.name!r} has {len(task)} prompts, so count lies in 1 to {len(task)}. "
            f"Actual value: {count!r}."
        )
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    if endless:  # drawing without replacement would write down every number
        return list(dict.fromkeys(rng.integers(len(task), size=2 * size).tolist()))[:size]
    return rng.choice(len(task), size=size, replace=False).tolist()
