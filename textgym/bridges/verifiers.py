"""An id as a package of verifiers (its v1 interface), for prime-rl and every other trainer that plays those.

The folder is a Python project that exports a ``vf.Taskset``: the prompts of ours as tasks, our reward as theirs.

    pip install ./FOLDER
    uv run eval textgen-qa-v0 …

A model is asked in a chat and writes in its own vocabulary; the score is that of the text
(`textgym.bridges.grading`). The budget of new tokens is for whoever samples to set; the task's own cuts what is scored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textgym.bridges import folders, grading
from textgym.bridges.one_turn import undiscounted

PYPROJECT = """\
[project]
name = "{dashed}"
version = "0.1.0"
description = "{env_id} of textgym as tasks of verifiers."
requires-python = ">=3.11"
dependencies = ["textgym", "verifiers>=0.4"]

[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[tool.setuptools]
packages = ["{name}"]
"""

INIT = '''\
"""{env_id} as tasks of verifiers. Written by textgym.bridges.verifiers."""

from {name}.taskset import {stem}Taskset

__all__ = ["{stem}Taskset"]
'''

TASKSET = '''\
"""Prompts and reward of {env_id}; a completion is sampled with at most {budget} tokens there{stops}."""

from collections.abc import Iterator
from functools import cache

import verifiers.v1 as vf

from textgym.bridges import grading


@cache
def played(split: str):
    """Returns the task of a split."""
    return grading.task({env_id!r}, split=split{arguments})


class {stem}Data(vf.TaskData):
    """Where a prompt stands in the environment."""

    split: str
    prompt_index: int


class {stem}Task(vf.Task[{stem}Data]):
    """Scored as the environment scores."""

    def scores(self, trace: vf.Trace) -> dict[str, float]:
        """Returns every score of the last message, by name."""
        said = trace.assistant_messages
        text = (said[-1].content or "") if said else ""
        return grading.grade(played(self.data.split), self.data.prompt_index, text)

    @vf.reward
    async def reward(self, trace: vf.Trace) -> float:
        """What the environment pays."""
        return self.scores(trace)["reward"]

    @vf.metric
    async def metrics(self, trace: vf.Trace) -> dict[str, float]:
        """What it reports beside the reward."""
        return {{name: value for name, value in self.scores(trace).items() if name != "reward"}}


class {stem}Config(vf.TasksetConfig):
    """Which prompts: the first of a split, or all of a shorter one."""

    split: str = "train"
    num_tasks: int = 1000


class {stem}Taskset(vf.Taskset[{stem}Task, {stem}Config]):
    """The prompts of a split, in order."""

    def load(self) -> Iterator[{stem}Task]:
        """Yields the tasks."""
        split = self.config.split
        for i in range(min(self.config.num_tasks, len(played(split)))):
            data = {stem}Data(prompt=played(split)[i].prompt, split=split, prompt_index=i)
            yield {stem}Task(data, self.config.task)
'''


def export(env_id: str, folder: str | Path, **make_kwargs: Any) -> Path:
    """Writes an id as an installable package of verifiers, and returns the folder.

    Args:
        env_id: A registered id.
        folder: A folder that is new or empty.
        **make_kwargs: Options of the environment, JSON only; the split is chosen when the package is used.

    Raises:
        TaskError: If it is a conversation, pays in every step, or discounts.
        OptionError: If the folder is not empty, or an option cannot be written.
    """
    arguments, name = folders.arguments(make_kwargs), folders.name_of(env_id)
    task = undiscounted(grading.task(env_id, **make_kwargs), "verifiers")
    words = {
        "env_id": env_id,
        "name": name,
        "dashed": name.replace("_", "-"),
        "stem": "".join(word.capitalize() for word in name.split("_")[:-1]),
        "arguments": arguments,
        "budget": task.max_new_tokens,
        "stops": f" and the stop strings {list(task.stop)!r}" if task.stop else "",
    }
    return folders.write(
        folder,
        {
            "pyproject.toml": PYPROJECT.format(**words),
            f"{name}/__init__.py": INIT.format(**words),
            f"{name}/taskset.py": TASKSET.format(**words),
        },
    )
