"""Training an agent inside a run folder: evaluate, learn with checkpoints, evaluate again, report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from textgym.errors import AgentError, RewardError
from textgym.evaluation import progress, run_report
from textgym.evaluation.metrics_file import MetricsFile
from textgym.evaluation.report import Report
from textgym.evaluation.run import Run

Watch = Callable[[str, int, int], bool]
"""Called with a phase (``"before"``, ``"train"``, ``"after"``), how much of it is done, and how much there is.
Returning False in the phase ``"train"`` stops it."""


class Outcome(NamedTuple):
    """The held-out evaluations of a run."""

    before: Report
    after: Report


class Checkpoints(BaseCallback):
    """Saves the agent between two updates, where its state is whole, and stops the training when the watch says so."""

    def __init__(self, run: Run, watch: Watch) -> None:
        super().__init__()
        self.run = run
        self.watch = watch
        self.stopped = False
        self._saved = 0

    def save(self) -> None:
        """Saves the agent as it is now.

        Raises:
            AgentError: If its weights are not finite: what cannot be played is not to replace what can.
        """
        for name, parameter in self.model.policy.named_parameters():
            if not torch.isfinite(parameter).all():
                raise AgentError(f"The weights {name} are no longer finite. Lower learning_rate.")
        with _first_alone(self.model) as first:
            if first:
                self.run.save_checkpoint(self.model, self.model.num_timesteps, progress.of(self.model))

    def _on_training_start(self) -> None:
        self._saved = self.model.num_timesteps

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps - self._saved >= self.run.config.checkpoint_every:
            self.save()
            self._saved = self.model.num_timesteps

    def _on_step(self) -> bool:
        self.stopped = not self.watch("train", self.model.num_timesteps, self.run.config.total_timesteps)
        return not self.stopped


def train(
    run: Run,
    agent: Any,
    watch: Watch = lambda phase, done, total: True,
    callbacks: Iterable[BaseCallback] = (),
) -> Outcome | None:
    """Trains ``agent`` to the end of the run's budget, from wherever it is, and completes the run folder.

    A run that was killed, at whatever moment, and is trained on from its newest checkpoint ends as it would have: with
    the same weights, rows of ``metrics.csv`` (timings aside) and reports, bit for bit on a CPU with one thread.

    Args:
        run: The run folder.
        agent: A new agent as `Run.config` describes it, or the one of the run's newest checkpoint.
        watch: Told how far each phase is; may stop the training.
        callbacks: Further callbacks of Stable-Baselines3; they are called before a checkpoint is saved.

    Where several ranks train one agent (`textgym.agents.ranks`), all of them call this; the first one alone evaluates
    and writes. It may go on with another number of ranks.

    Returns:
        What came of it; None on ranks that are not the first.

    Raises:
        KeyboardInterrupt: If ``watch`` stopped the training. A checkpoint was saved.
        AgentError, RewardError: If a loss, a weight or a reward is not finite; checkpoints stay as they are.
    """
    with _first_alone(agent) as first:
        before = (run.report("before") or _evaluate(run, agent, "before", watch)) if first else None
    if agent.num_timesteps < run.config.total_timesteps:
        _learn(run, agent, watch, callbacks)
    with _first_alone(agent) as first:
        if not first or before is None:
            return None
        after = _evaluate(run, agent, "after", watch)
        run_report.write(run, before, after)
        return Outcome(before, after)


def _first_alone(agent: Any) -> AbstractContextManager[bool]:
    """Gives True where this process evaluates and writes; the other ranks wait at the end of the context."""
    return agent.alone() if hasattr(agent, "alone") else nullcontext(True)


def _leads(agent: Any) -> bool:
    return not hasattr(agent, "ranks") or agent.ranks.first


def _evaluate(run: Run, agent: Any, name: str, watch: Watch) -> Report:
    report: Report = agent.evaluate(
        episodes=run.config.episodes,
        seed=run.config.seed,
        progress=lambda done, total: watch(name, done, total),
    )
    report.save(run.path / f"{name}.json")
    return report


def _learn(run: Run, agent: Any, watch: Watch, callbacks: Iterable[BaseCallback]) -> None:
    start = agent.num_timesteps
    outputs = [MetricsFile(run.path / "metrics.csv", start), _tensorboard(run, start)] if _leads(agent) else []
    agent.set_logger(Logger(str(run.path), outputs))
    if saved := run.progress(start):
        progress.restore(agent, saved)
    checkpoints = Checkpoints(run, watch)
    try:
        agent.learn(run.config.total_timesteps - start, callback=[*callbacks, checkpoints], reset_num_timesteps=False)
        agent.logger.dump(agent.num_timesteps)  # SB3 logs an update with the next rollout; the last one has none
        checkpoints.save()
    except (AgentError, RewardError) as error:
        raise type(error)(f"{error} {_left(run)}") from error
    finally:
        agent.logger.close()
    if agent.ranks.any(checkpoints.stopped) if hasattr(agent, "ranks") else checkpoints.stopped:
        raise KeyboardInterrupt


def _left(run: Run) -> str:
    """Says what a run that cannot go on has left."""
    kept = list(run.checkpoints().values())
    return f"The last good checkpoint is {kept[-1]}." if kept else "There is no checkpoint yet."


def _tensorboard(run: Run, start: int) -> TensorBoardOutputFormat:
    folder = run.path / "tensorboard"
    again = folder.exists()
    output = TensorBoardOutputFormat(str(folder))
    if again:
        output.writer.close()
        output.writer = SummaryWriter(str(folder), purge_step=start + 1)  # hides what was logged after the checkpoint
    return output
