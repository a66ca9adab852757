"""Watching a training run in the terminal: one bar a phase, the reward as it goes, and Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import Progress, TaskID

from textgym.cli.console import bars, err

PHASES = {"before": "evaluating before", "train": "training (tokens)", "after": "evaluating after"}


class _Watch:
    """What `textgym.evaluation.training.train` calls."""

    def __init__(self, agent: Any, progress: Progress) -> None:
        self.agent = agent
        self.progress = progress
        self.interrupted = False
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, phase: str, done: int, total: int) -> bool:
        if phase not in self._tasks:
            self._tasks[phase] = self.progress.add_task(PHASES[phase], total=total, note="")
        rewards = [episode["r"] for episode in self.agent.ep_info_buffer or ()]
        note = f"reward {sum(rewards) / len(rewards):.3f}" if phase == "train" and rewards else ""
        self.progress.update(self._tasks[phase], completed=min(done, total), note=note)
        if self.interrupted and phase != "train":
            raise KeyboardInterrupt
        return not self.interrupted

    def interrupt(self, *_: Any) -> None:
        """Takes a Ctrl-C: the first lets the step end and a checkpoint be saved, the second does not wait."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        err.print("Stopping after this step; Ctrl-C again stops at once.")


@contextmanager
def watching(agent: Any) -> Iterator[Callable[[str, int, int], bool]]:
    """Gives the watch of a training run, with Ctrl-C in its hands."""
    with bars() as progress:
        watch = _Watch(agent, progress)
        previous = signal.signal(signal.SIGINT, watch.interrupt)
        try:
            yield watch
        finally:
            signal.signal(signal.SIGINT, previous)
