"""Cells that were played before, kept by content: of the agent, the task, the settings and the code."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import gymnasium as gym

from textgym.bench import hashing
from textgym.bench.results import Bench, BenchConfig, Cell, EpisodeRecord, Key
from textgym.errors import DataError
from textgym.evaluation.versions import versions
from textgym.tasks import Task

CACHED = "cached"
"""Label of a cell in the cache, whatever it was played as."""


class CellCache:
    """The cells that a folder holds for a bench.

    Args:
        folder: Of all cells that were kept, a folder each.
        config: Of the bench.
    """

    def __init__(self, folder: str | Path, config: BenchConfig) -> None:
        self._folder = Path(folder)
        self._config = config
        self._task_hash = lru_cache(None)(self._hash_of_task)

    def copy(self, key: Key, content: str, bench: Bench) -> bool:
        """Copies a cell into a bench under its own label; False where there is none, or a spoilt one.

        Args:
            key: The cell.
            content: Hash of its agent; an empty one, which tells nothing, finds nothing.
            bench: Where it goes.
        """
        if not content:
            return False
        agent, run, env_id = key
        stored, kept = Bench(self._place(env_id, content), self._config), (CACHED, 0, env_id)
        try:
            cell = stored.cell(kept)
            if cell is None:
                return False
            records = stored.episodes(kept)
        except DataError:
            return False
        bench.add(replace(cell, agent=agent, run=run, source=self._config.agents[agent][run]), records)
        return True

    def keep(self, cell: Cell, records: list[EpisodeRecord]) -> None:
        """Keeps a cell that was played, unless its agent cannot be told by its content, or another task was asked.

        The latter happens where a machine that played it has other data, and where a task does not describe itself by
        what it is, such as one with a reward whose ``repr`` holds an address.
        """
        content = cell.hashes["agent"]
        if content and cell.hashes["task"] == self._task_hash(cell.env_id):
            Bench(self._place(cell.env_id, content), self._config).add(replace(cell, agent=CACHED, run=0), records)

    def _place(self, env_id: str, content: str) -> Path:
        config = self._config
        name = hashing.cache_key(
            agent=content,
            env_id=env_id,
            task=self._task_hash(env_id),
            env_kwargs=dict(config.env_kwargs),
            settings=[config.episodes, config.seed, config.split, config.deterministic],
            versions=versions(),
        )
        return self._folder / name

    def _hash_of_task(self, env_id: str) -> str:
        env = gym.make(env_id, **self._config.env_kwargs, split=self._config.split)
        task: Task = env.unwrapped.task  # type: ignore[attr-defined]
        return hashing.task_hash(task, self._config.episodes)
