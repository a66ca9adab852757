"""Workers that make the cells of a bench or a table: this process, several, or any others that keep a few rules."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Generic, NamedTuple, Self, TypeVar

from textgym.errors import OptionError, TextGymError

J = TypeVar("J")
R = TypeVar("R")


class Outcome(NamedTuple, Generic[J, R]):
    """What became of a job.

    Attributes:
        job: The job.
        value: What it gave; None where it failed.
        fault: Why it failed, in words, or None.
        seconds: What it took where it was done, without the time that it waited.
    """

    job: J
    value: R | None = None
    fault: str | None = None
    seconds: float = 0.0


class Workers(ABC):
    """Those who do jobs; a context, in which they are there.

    A job whose worker dies is done again; what fails otherwise is an `Outcome` with a fault, and the others go on.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, call: Callable[[J], R], take: Callable[[], J | None]) -> Iterator[Outcome[J, R]]:
        """Does jobs, and yields what became of each as it ends.

        Args:
            call: Does a job. Where it is done in another process, both are pickled, and so is what it returns.
            take: Returns the next job, or None while there is none. It is asked again whenever a job has ended, so jobs
                may wait for others.
        """
        while True:
            while self.free and (job := take()) is not None:
                self.start(call, job)
            if not self.busy:
                return
            yield self.next()

    @property
    @abstractmethod
    def free(self) -> bool:
        """Whether another job may be started."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether a job was started whose outcome was not given yet."""

    @abstractmethod
    def start(self, call: Callable[[J], R], job: J) -> None:
        """Starts a job, or puts it in the queue."""

    @abstractmethod
    def next(self) -> Outcome[Any, Any]:
        """Waits for the next job that ends."""

    @abstractmethod
    def close(self) -> None:
        """Lets the workers go; jobs that were not begun are dropped."""


class Here(Workers):
    """This process, one job at a time."""

    def __init__(self) -> None:
        self._started: list[tuple[Callable[[Any], Any], Any]] = []

    @property
    def free(self) -> bool:
        return not self._started

    @property
    def busy(self) -> bool:
        return bool(self._started)

    def start(self, call: Callable[[J], R], job: J) -> None:
        self._started.append((call, job))

    def next(self) -> Outcome[Any, Any]:
        return attempt(*self._started.pop())

    def close(self) -> None:
        self._started.clear()


class Processes(Workers):
    """Processes of this machine, with one thread of torch each.

    When one dies, the pool is lost with all that it did; those jobs are then done once more, one at a time, to tell
    which one kills.

    Args:
        count: Jobs at a time.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool = _pool(count)
        self._running: dict[Future[Outcome[Any, Any]], tuple[Callable[[Any], Any], Any]] = {}
        self._again: deque[tuple[Callable[[Any], Any], Any]] = deque()

    @property
    def free(self) -> bool:
        return len(self._running) < self._count and not self._again

    @property
    def busy(self) -> bool:
        return bool(self._running or self._again)

    def start(self, call: Callable[[J], R], job: J) -> None:
        try:
            future = self._pool.submit(attempt, call, job)
        except BrokenProcessPool:  # one died between two jobs
            self._renew()
            future = self._pool.submit(attempt, call, job)
        self._running[future] = (call, job)

    def next(self) -> Outcome[Any, Any]:
        while self._running:
            future = wait(self._running, return_when=FIRST_COMPLETED).done.pop()
            asked = self._running.pop(future)
            try:
                return future.result()
            except BrokenProcessPool:
                self._again.append(asked)
        call, job = self._again.popleft()
        self._renew()
        try:
            return self._pool.submit(attempt, call, job).result()
        except BrokenProcessPool:
            return Outcome(job, fault="its process died without a word, as those do that run out of memory")

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _renew(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = _pool(self._count)


def local(processes: int) -> Workers:
    """Returns the workers of this machine: this process where one is asked for, else as many others.

    Raises:
        OptionError: If ``processes`` cannot be.
    """
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise OptionError(f"processes must be a whole number, at least 1. Actual value: {processes!r}.")
    return Here() if processes == 1 else Processes(processes)


def attempt(call: Callable[[J], R], job: J) -> Outcome[J, R]:
    """Does a job here, and returns what became of it."""
    start = time.monotonic()
    try:
        value, fault = call(job), None
    except TextGymError as error:
        value, fault = None, str(error)
    except Exception as error:  # an agent is anybody's code, hours may hang on it, and the other jobs go on
        place = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__}: {error} (in {place.name}, {Path(place.filename).name}:{place.lineno})"
        value = None
    return Outcome(job, value, fault, time.monotonic() - start)


def one_thread() -> None:
    """Has this process compute on one thread: before torch is imported."""
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"


def _begin() -> None:
    """Makes this process a worker: on one thread, and over when the process that started it is."""
    one_thread()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A pool whose owner was killed closes no queue: its processes would finish their job and then wait for good.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _pool(count: int) -> ProcessPoolExecutor:
    spawn = multiprocessing.get_context("spawn")  # a fork would share the locks of torch's threads
    return ProcessPoolExecutor(count, mp_context=spawn, initializer=_begin)
