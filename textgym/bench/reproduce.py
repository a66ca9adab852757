"""Making a table: its cells one after the other or side by side, those that build on others later, done ones never."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from textgym.bench.recipes import Job, Table
from textgym.bench.workers import Workers, local

Work = Callable[[Job], None]
"""Makes one cell, wherever it had stopped; where other processes work, it is pickled."""

Ended = Callable[[Job, str | None, float], None]
"""Told of a cell that is whole, or of what was wrong, and of the seconds that it took."""


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
    ended: Ended = lambda job, problem, seconds: None,
    workers: Workers | None = None,
) -> Made:
    """Makes cells in order, each once those that it builds on are made; one that fails stops only what builds on it.

    Args:
        table: What they are cells of.
        jobs: The cells; those that they build on are made too.
        work: Makes one cell; one that is whole already costs it nothing. A cell whose worker died is given to it again.
        processes: Cells made side by side, each in a process of its own; 1 makes them in this one.
        ended: Told of a cell that is whole, or of what was wrong.
        workers: Who makes the cells, such as a `textgym.bench.cluster.Cluster`; None takes ``processes``.

    Raises:
        OptionError: If ``processes`` cannot be.
    """
    order = list(dict.fromkeys(each for job in jobs for each in (*table.before(job), job)))
    state = _State(table, order, ended)
    with workers or local(processes) as crew:
        for outcome in crew.run(work, state.take):
            state.end(outcome.job, outcome.fault, outcome.seconds)
    return Made(tuple(job for job in order if job in state.done), state.failed)


class _State:
    """Which cells wait, run, are whole, or are not to be had."""

    def __init__(self, table: Table, order: Sequence[Job], ended: Ended) -> None:
        self.waiting = list(order)
        self.done: set[Job] = set()
        self.failed: dict[Job, str] = {}
        self._table = table
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
                return job
        return None

    def end(self, job: Job, problem: str | None, seconds: float = 0.0) -> None:
        if problem is None:
            self.done.add(job)
        else:
            self.failed[job] = problem
        self._ended(job, problem, seconds)
