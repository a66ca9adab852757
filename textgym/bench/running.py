"""Running a bench: which cells are to be played, where, and what becomes of those that fail."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path

from textgym import registry
from textgym.bench import playing, summary
from textgym.bench.playing import Job, Load
from textgym.bench.results import Bench, BenchConfig, Key
from textgym.data import check_split
from textgym.errors import OptionError, RunError, TextGymError
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
) -> Bench:
    """Plays the cells of a bench that are missing, and writes its tables, plots and page.

    A bench that was interrupted goes on where it was: a cell that exists whole is not played again. The same config
    gives the same files, ``timing`` apart, whatever ``processes`` is; an agent of others that samples from generators
    which nothing can seed is the exception.

    Args:
        config: What is asked.
        out: The folder; one that holds a bench must hold this one.
        load: Returns the agent of a source, an id and the options of its environment; with several processes it must
            be a function of a module, or a `functools.partial` of one.
        processes: Cells played at a time, each in a process with one thread of torch.
        limit: Cells to play at most, this time; the rest stay missing.
        cache: A folder of cells by content: of the agent, the task and the code. Cells that it holds are copied. None
            uses none. Agents in Python code and on the Hub have no content that could be told, and are always played.
        progress: Told how many cells are done, and of how many, whenever one is.

    Raises:
        OptionError: If the folder holds something else, an id or the split is unknown, or a number is out of range.
        RunError: At the end, if cells failed: it tells which and why. The others are written.
    """
    for name, value in (("processes", processes), ("limit", 1 if limit is None else limit)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise OptionError(f"{name} must be a whole number, at least 1. Actual value: {value!r}.")
    check_split(config.split)
    config = replace(config, env_ids=tuple(registry.entry(env_id).id for env_id in config.env_ids))
    bench = Bench.create(out, config)
    folder = None if cache is None else Path(cache)
    missing = bench.missing()
    jobs = [Job(bench.path, config, key, load, folder) for key in missing[:limit]]
    failed: dict[Key, str] = {}
    done = len(config.keys) - len(missing)
    if progress is not None:
        progress(done, len(config.keys))
    for key, fault in _inline(jobs) if processes == 1 else _parallel(jobs, processes):
        if fault is not None:
            failed[key] = fault
        done += 1
        if progress is not None:
            progress(done, len(config.keys))
    summary.write(bench)
    if failed:
        raise RunError(_failures(failed, len(jobs)))
    return bench


def play(bench: Bench, key: Key, load: Load, cache: str | Path | None = None) -> None:
    """Plays one cell of a bench, or copies it from the cache; what goes wrong is raised."""
    playing.fill(Job(bench.path, bench.config, key, load, None if cache is None else Path(cache)))


Outcome = tuple[Key, str | None]
"""A cell, and why it failed, or None."""


def _inline(jobs: Sequence[Job]) -> Iterator[Outcome]:
    for job in jobs:
        yield job.key, _fault(job)


def _parallel(jobs: Sequence[Job], processes: int) -> Iterator[Outcome]:
    """Plays cells in processes; those whose process died are tried once more, alone, to tell which one kills."""
    left = {job.key: job for job in jobs}
    with _pool(processes) as pool:
        futures = {pool.submit(_fault, job): job.key for job in jobs}
        for future in as_completed(futures):
            key = futures[future]
            try:
                outcome = future.result()
            except BrokenProcessPool:
                continue
            del left[key]
            yield key, outcome
    for key, job in left.items():
        with _pool(1) as pool:
            try:
                yield key, pool.submit(_fault, job).result()
            except BrokenProcessPool:
                yield key, "its process died without a word, as those do that run out of memory"


def _pool(processes: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # a fork would share torch's locks
    return ProcessPoolExecutor(processes, mp_context=spawn, initializer=_one_thread)


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # before torch is imported


def _fault(job: Job) -> str | None:
    """Fills a cell and returns None, or why it could not."""
    try:
        playing.fill(job)
    except TextGymError as error:
        return str(error)
    except Exception as error:  # an agent is anybody's code, and the other cells go on
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} (in {place.name}, {Path(place.filename).name}:{place.lineno})"
    return None


def _failures(failed: dict[Key, str], asked: int) -> str:
    lines = [f"  {agent}, run {run}, {env_id}: {fault}" for (agent, run, env_id), fault in failed.items()]
    return (
        f"{len(failed)} of {asked} cells failed; the others are written. Mend what they name and run the bench again, "
        "which plays these alone.\n" + "\n".join(lines)
    )
