"""TRL's trainers as our programs time them: silent, stopped by a callback, from weights that are given."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import transformers
from transformers import PrinterCallback, TrainerCallback

PLAIN = {
    "logging_strategy": "no",
    "save_strategy": "no",
    "report_to": "none",
    "disable_tqdm": True,
    "use_cpu": True,
    "gradient_checkpointing": False,  # TRL's default trades time for memory
    "lr_scheduler_type": "constant",
}
"""Settings of a trainer that does nothing beside training."""


@contextmanager
def silence() -> Iterator[None]:
    """Gives a context in which neither TRL nor transformers warns or shows progress."""
    logging = transformers.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def train(trainer: Any) -> None:
    """Runs a trainer to its end, or until a callback stops it; it prints no dictionary of metrics."""
    trainer.remove_callback(PrinterCallback)
    trainer.train()


class StepTimes(TrainerCallback):
    """Notes how long each step of a trainer takes."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._start = 0.0

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self._start = time.perf_counter()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds.append(time.perf_counter() - self._start)
