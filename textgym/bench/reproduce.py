"""Making a table: its cells one after the other or side by side, those that build on others later, done ones never."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

from textgym.bench.recipes import Job, Table
from textgym.errors import OptionError, RunError, TextGymError

Work = Callable[[Job], None]
"""Makes one cell, wherever it had stopped; where several processes work, it is pickled."""


class Made(NamedTuple):
    """What came of the cells.

    Attributes:
        done: The cells that are whole.
        failed: Why the others are not, in words.
    """

    done: tuple[Job, ...]
    failed: dict[Job, str]


def make(
    table: Table,
    jobs: Iterable[Job],
    work: Work,
    *,
    processes: int = 1,
    started: Callable[[Job], None] = lambda job: None,
    ended: Callable[[Job, str | None], None] = lambda job, problem: None,
) -> Made:
    """Makes cells in order, each once those that it builds on are made; one that fails stops only what builds on it.

    Args:
        table: What they are cells of.
        jobs: The cells; those that they build on are made too.
        work: Makes one cell; one that is whole already costs it nothing.
        processes: Cells made side by side, each in a process of its own; 1 makes them in this one.
        started: Told of a cell when its turn comes.
        ended: Told of a cell that is whole, or of what was wrong.

    Raises:
        OptionError: If ``processes`` cannot be.
        RunError: If a process was killed.
    """
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise OptionError(f"processes must be a whole number, at least 1. Actual value: {processes!r}.")
    order = list(dict.fromkeys(each for job in jobs for each in (*table.before(job), job)))
    state = _State(table, order, started, ended)
    if processes == 1:
        while (job := state.take()) is not None:
            state.end(job, _problem(work, job))
    else:
        _side_by_side(state, work, processes)
    return Made(tuple(job for job in order if job in state.done), state.failed)


class _State:
    """Which cells wait, run, are whole, or are not to be had."""

    def __init__(
        self,
        table: Table,
        order: Sequence[Job],
        started: Callable[[Job], None],
        ended: Callable[[Job, str | None], None],
    ) -> None:
        self.waiting = list(order)
        self.done: set[Job] = set()
        self.failed: dict[Job, str] = {}
        self._table = table
        self._started = started
        self._ended = ended

    def take(self) -> Job | None:
        """Returns the next cell whose time has come, or None while there is none."""
        for job in list(self.waiting):
            before = self._table.before(job)
            if broken := [earlier for earlier in before if earlier in self.failed]:
                self.waiting.remove(job)
                self.end(job, f"it builds on {broken[0]}, which failed")
            elif self.done.issuperset(before):
                self.waiting.remove(job)
                self._started(job)
                return job
        return None

    def end(self, job: Job, problem: str | None) -> None:
        if problem is None:
            self.done.add(job)
        else:
            self.failed[job] = problem
        self._ended(job, problem)


def _side_by_side(state: _State, work: Work, processes: int) -> None:
    running: dict[Future[str | None], Job] = {}
    # A fork would share the locks of torch's threads; a process that is spawned shares nothing.
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        while True:
            while len(running) < processes and (job := state.take()) is not None:
                running[pool.submit(_problem, work, job)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                state.end(running.pop(future), future.result())
    except BrokenProcessPool as error:
        raise RunError(
            f"A process was killed while {', '.join(map(str, running.values()))} was made; memory may have run out. "
            "The same command goes on; give fewer --processes."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _problem(work: Work, job: Job) -> str | None:
    """Makes a cell, and returns what was wrong with it."""
    try:
        work(job)
    except TextGymError as error:
        return str(error)
    except Exception as error:  # the other cells go on; hours may hang on it
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} (in {place.name}, {Path(place.filename).name}:{place.lineno})"
    return None
