"""What an exported folder calls: the scores of a text that some model wrote to a prompt of ours."""

from __future__ import annotations

from typing import Any

from textgym.bridges import completions
from textgym.bridges.one_turn import task_of
from textgym.tasks import Task

USE = "an exported folder"


def task(env_id: str, **make_kwargs: Any) -> Task:
    """Returns the task that a folder was exported from."""
    return task_of(env_id, USE, **make_kwargs)


def grade(task: Task, prompt_index: int, text: str) -> dict[str, float]:
    """Returns the scores of a completion by name: those of `directions`.

    The text is written in the vocabulary of the task, token by token, as `textgym.evaluate` plays a function from
    prompt to completion, so that stop strings and budget cut it as they cut everybody's.

    Args:
        task: A task of one turn.
        prompt_index: Number of the prompt in its split.
        text: What a model wrote.
    """
    played = [completions.episode(task, prompt_index, completions.ids_of(task, text))]
    reward = float(completions.score(task, task.reward, played).total[0])
    found = {"reward": reward}
    if task.success_threshold is not None:
        found["success"] = float(reward >= task.success_threshold)
    return found | {
        name: float(completions.score(task, metric, played).total[0]) for name, metric in task.metrics.items()
    }


def directions(task: Task) -> dict[str, bool]:
    """Returns the names of the scores of `grade`, each with whether higher is better."""
    success = {} if task.success_threshold is None else {"success": True}
    metrics = {name: metric.higher_is_better for name, metric in task.metrics.items()}
    return {"reward": task.reward.higher_is_better, **success, **metrics}
