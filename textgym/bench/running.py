"""Running a bench: which cells are to be played, where, and what becomes of those that fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from textgym import registry
from textgym.bench import hashing, playing, summary
from textgym.bench.cache import CellCache
from textgym.bench.playing import Job, Load
from textgym.bench.results import Bench, BenchConfig, Cell, EpisodeRecord, Key
from textgym.bench.workers import Outcome, Workers, attempt, local
from textgym.data import check_split
from textgym.errors import OptionError, RunError
from textgym.evaluation.evaluate import Progress


def run(
    config: BenchConfig,
    out: str | Path,
    load: Load,
    *,
    processes: int = 1,
    limit: int | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> Bench:
    """Plays the cells of a bench that are missing, and writes its tables, plots and page.

    A bench that was interrupted goes on where it was: a cell that exists whole is not played again. The same config
    gives the same files, ``timing`` apart, whoever plays the cells; an agent of others that samples from generators
    which nothing can seed is the exception.

    Args:
        config: What is asked.
        out: The folder; one that holds a bench must hold this one. This process alone writes to it.
        load: Returns the agent of a source, an id and the options of its environment; where other processes play, it
            must be a function of a module, or a `functools.partial` of one.
        processes: Cells played at a time, each in a process with one thread of torch.
        limit: Cells to play at most, this time; the rest stay missing.
        cache: A folder of cells by content: of the agent, the task and the code. Cells that it holds are copied. None
            uses none. Agents in Python code and on the Hub have no content that could be told, and are always played.
        progress: Told how many cells are done, and of how many, whenever one is.
        workers: Who plays the cells, such as a `textgym.bench.cluster.Cluster`; None takes ``processes``.

    Raises:
        OptionError: If the folder holds something else, an id or the split is unknown, or a number is out of range.
        RunError: At the end, if cells failed: it tells which and why. The others are written.
    """
    workers = workers or local(processes)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise OptionError(f"limit must be a whole number, at least 1. Actual value: {limit!r}.")
    check_split(config.split)
    config = replace(config, env_ids=tuple(registry.entry(env_id).id for env_id in config.env_ids))
    bench = Bench.create(out, config)
    missing = bench.missing()
    cells = _Cells(bench, missing[:limit], load, None if cache is None else CellCache(cache, config), progress)
    if cells.waiting:
        with workers:
            for outcome in workers.run(playing.made, cells.take):
                cells.end(outcome)
    summary.write(bench)
    if cells.failed:
        raise RunError(_failures(cells.failed, len(missing[:limit])))
    return bench


class _Cells:
    """The cells that are to be played: those that wait, and those that failed."""

    def __init__(
        self, bench: Bench, keys: Iterable[Key], load: Load, cache: CellCache | None, progress: Progress | None
    ) -> None:
        self.waiting = list(keys)
        self.failed: dict[Key, str] = {}
        self._bench = bench
        self._load = load
        self._cache = cache
        self._progress = progress
        self._done = len(bench.config.keys) - len(bench.missing())
        self._agent_hash = lru_cache(None)(hashing.agent_hash)
        self._told()

    def take(self) -> Job | None:
        """Returns the next cell that is to be played, after those that the cache has."""
        while self.waiting:
            key = self.waiting.pop(0)
            found = attempt(self._found, key)
            if found.value is not None:
                return found.value
            self._ended(key, found.fault)
        return None

    def end(self, outcome: Outcome[Job, tuple[Cell, list[EpisodeRecord]]]) -> None:
        """Writes a cell that was played."""
        fault = outcome.fault
        if outcome.value is not None:
            fault = attempt(self._write, outcome.value).fault  # a disk may be full
        self._ended(outcome.job.key, fault)

    def _found(self, key: Key) -> Job | None:
        """Returns a cell as a job, or None where the cache had it."""
        agent, run, _ = key
        content = self._agent_hash(self._bench.config.agents[agent][run])
        if self._cache is not None and self._cache.copy(key, content, self._bench):
            return None
        return Job(self._bench.config, key, self._load, content)

    def _write(self, played: tuple[Cell, list[EpisodeRecord]]) -> None:
        self._bench.add(*played)
        if self._cache is not None:
            self._cache.keep(*played)

    def _ended(self, key: Key, fault: str | None) -> None:
        if fault is not None:
            self.failed[key] = fault
        self._done += 1
        self._told()

    def _told(self) -> None:
        if self._progress is not None:
            self._progress(self._done, len(self._bench.config.keys))


def _failures(failed: dict[Key, str], asked: int) -> str:
    lines = [f"  {agent}, run {run}, {env_id}: {fault}" for (agent, run, env_id), fault in failed.items()]
    return (
        f"{len(failed)} of {asked} cells failed; the others are written. Mend what they name and run the bench again, "
        "which plays these alone.\n" + "\n".join(lines)
    )
