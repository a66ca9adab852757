"""The registered ids: what Gymnasium keeps of an environment, and what only textgym knows of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium as gym

from textgym.errors import OptionError, suggest

_ENTRIES: dict[str, EnvEntry] = {}


@dataclass(frozen=True)
class EnvEntry:
    """One registered environment.

    Attributes:
        id: Gymnasium id, ``TextGen-Name-vN``. N is raised when reward, data, tokenizer, ending or observation change.
        task: ``"module:function"`` that returns the `textgym.tasks.Task`.
        summary: One line on what is asked.
        model: Model that an agent starts from by default: a shipped name, or ``"scratch"`` for a small Transformer
            with random weights.
        tags: Capabilities, for suites and tables.
        kwargs: Fixed options of the function, JSON only.
        versions: What changed with each version, by ``"vN"``.
        scores: What agents that do not learn reach on the test split, by their name: ``reward`` (the mean), ``low`` and
            ``high`` (its 95% interval), and the means of ``success`` and of the task's ``gold`` metric, where it has
            them.
    """

    id: str
    task: str
    summary: str
    model: str = "tiny"
    tags: tuple[str, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=lambda: {"v0": "The first version."})
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def register(entry: EnvEntry) -> None:
    """Registers an environment with Gymnasium, single and vector; doing it again changes nothing.

    Raises:
        OptionError: If another environment already has this id.
    """
    if _ENTRIES.get(entry.id) == entry and entry.id in gym.registry:
        return
    if entry.id in gym.registry:
        raise OptionError(f"The id {entry.id!r} is already registered. Choose another name or raise its version.")
    gym.register(
        id=entry.id,
        entry_point="textgym.env:TextGenEnv",
        vector_entry_point="textgym.vector:TextGenVectorEnv",
        kwargs={"task": entry.task, **entry.kwargs},
    )
    _ENTRIES[entry.id] = entry


def entries() -> dict[str, EnvEntry]:
    """Returns every registered textgym environment, by id."""
    return dict(sorted(_ENTRIES.items()))


def entry(env_id: str) -> EnvEntry:
    """Returns the entry of an id; a module prefix such as ``"textgym:"`` is allowed.

    Raises:
        OptionError: If no such environment is registered.
    """
    name = env_id.rpartition(":")[2]
    if name not in _ENTRIES:
        raise OptionError(
            f"There is no textgym environment {env_id!r}.{suggest(name, _ENTRIES)} `textgym envs` lists them."
        )
    return _ENTRIES[name]


def task_function(entry: EnvEntry) -> Callable[..., Any]:
    """Returns the function that makes the task of an entry."""
    module, _, name = entry.task.partition(":")
    return getattr(importlib.import_module(module), name)


def suites() -> dict[str, tuple[str, ...]]:
    """Returns the named groups of ids: one a tag, and ``all``."""
    groups: dict[str, tuple[str, ...]] = {"all": tuple(entries())}
    for env_id, item in entries().items():
        for tag in item.tags:
            groups[tag] = (*groups.get(tag, ()), env_id)
    return groups
