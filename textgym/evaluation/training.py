"""Training an agent inside a run folder: evaluate, learn with checkpoints, evaluate again, report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from textgym.evaluation import run_report
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

    def _on_training_start(self) -> None:
        self._saved = self.model.num_timesteps

    def _on_rollout_start(self) -> None:
        done = self.model.num_timesteps
        if done - self._saved >= self.run.config.checkpoint_every:
            self.run.save_checkpoint(self.model, done)
            self._saved = done

    def _on_step(self) -> bool:
        self.stopped = not self.watch("train", self.model.num_timesteps, self.run.config.total_timesteps)
        return not self.stopped


def train(run: Run, agent: Any, watch: Watch = lambda phase, done, total: True) -> Outcome:
    """Trains ``agent`` to the end of the run's budget, from wherever it is, and completes the run folder.

    Args:
        run: The run folder.
        agent: A new agent as `Run.config` describes it, or the one of the run's newest checkpoint.
        watch: Told how far each phase is; may stop the training.

    Raises:
        KeyboardInterrupt: If ``watch`` stopped the training. A checkpoint was saved.
    """
    before = run.report("before") or _evaluate(run, agent, "before", watch)
    if agent.num_timesteps < run.config.total_timesteps:
        _learn(run, agent, watch)
    after = _evaluate(run, agent, "after", watch)
    run_report.write(run, before, after)
    return Outcome(before, after)


def _evaluate(run: Run, agent: Any, name: str, watch: Watch) -> Report:
    report: Report = agent.evaluate(
        episodes=run.config.episodes,
        seed=run.config.seed,
        progress=lambda done, total: watch(name, done, total),
    )
    report.save(run.path / f"{name}.json")
    return report


def _learn(run: Run, agent: Any, watch: Watch) -> None:
    start = agent.num_timesteps
    agent.set_logger(Logger(str(run.path), [MetricsFile(run.path / "metrics.csv", start), _tensorboard(run, start)]))
    checkpoints = Checkpoints(run, watch)
    try:
        agent.learn(run.config.total_timesteps - start, callback=checkpoints, reset_num_timesteps=False)
        agent.logger.dump(agent.num_timesteps)  # SB3 logs an update with the next rollout; the last one has none
        run.save_checkpoint(agent, agent.num_timesteps)
    finally:
        agent.logger.close()
    if checkpoints.stopped:
        raise KeyboardInterrupt


def _tensorboard(run: Run, start: int) -> TensorBoardOutputFormat:
    folder = str(run.path / "tensorboard")
    output = TensorBoardOutputFormat(folder)
    if start:
        output.writer.close()
        output.writer = SummaryWriter(folder, purge_step=start + 1)  # hides what was logged after the checkpoint
    return output
