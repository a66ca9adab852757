"""Callbacks of Stable-Baselines3 that watch an agent on held-out prompts while it learns.

They act between two updates, every so many tokens, and change nothing about the training: the same seed gives the same
weights with and without them. Of several ranks the first one acts, and the others wait. SB3's own callbacks, and
Weights & Biases' ``WandbCallback``, work with our algorithms as they are.
"""

from __future__ import annotations

import json
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from textgym.errors import AgentError, OptionError, suggest
from textgym.evaluation import Episode, Report, files, markdown
from textgym.evaluation.held_out import check_split, held_out_metric, higher_is_better
from textgym.evaluation.report import number
from textgym.evaluation.run import EVALUATION, best_evaluation
from textgym.tasks import Task

from .ranks import ONE


class BetweenUpdates(BaseCallback):
    """Calls `act` every ``every`` tokens, between two updates, and when the training is done.

    When it acts depends on the tokens that rollouts end at, not on where `learn` began: a run that is resumed from a
    checkpoint acts where the run that was never stopped does. Give it before a callback that saves checkpoints.

    Args:
        every: Tokens between two calls, at least 1; it acts with the first rollout that begins past each multiple.
        at_start: Whether it also acts before the first token.
        verbose: As in SB3.
    """

    def __init__(self, every: int, at_start: bool = False, verbose: int = 0) -> None:
        super().__init__(verbose)
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise AgentError(f"every is a number of tokens, at least 1. Actual value: {every!r}.")
        self.every = every
        self.at_start = at_start
        self._seen = 0
        self._acted: int | None = None

    @abstractmethod
    def act(self) -> None:
        """Does what is to be done; `num_timesteps` tokens have been learnt from."""

    @property
    def agent(self) -> Any:
        """The agent that learns; SB3 types it as any algorithm of its own, and ours can do more."""
        return self.model

    @property
    def task(self) -> Task:
        """What the agent learns.

        Raises:
            AgentError: If its environment has no task.
        """
        task = getattr(self.agent, "task", None)
        if task is None:
            raise AgentError(
                f"{type(self).__name__} plays held-out prompts, and the environment of this agent has no task. Train "
                "on a registered id or a textgym Task, or use SB3's EvalCallback."
            )
        return task

    def log(self, values: Mapping[str, Any], exclude: Sequence[str] | None = None) -> None:
        """Writes a row of its own to the outputs of the agent's logger, which keeps what it has not written yet."""
        row = Logger(None, self.logger.output_formats)
        for name, value in values.items():
            row.record(name, value, exclude=None if exclude is None else tuple(exclude))
        row.dump(self.num_timesteps)

    def _on_training_start(self) -> None:
        self._seen, self._acted = self.model.num_timesteps, None
        if self.at_start and not self._seen:
            self._act()

    def _on_rollout_start(self) -> None:
        last, self._seen = self._seen, self.model.num_timesteps
        if self._seen // self.every > last // self.every:
            self._act()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        done = self.model.num_timesteps
        if done >= self.model._total_timesteps and done != self._acted:  # it is less where a callback stopped early
            self._act()

    def _act(self) -> None:
        self.num_timesteps = self._acted = self.model.num_timesteps
        with getattr(self.model, "alone", ONE.alone)() as first:  # SB3's own algorithms have no ranks
            if first:
                self.act()


class Evaluation(BetweenUpdates):
    """Plays the agent on held-out prompts while it learns, logs every score, and keeps the best agent.

        agent.learn(200_000, callback=Evaluation(20_000, best="runs/mine/best"))

    Scores are logged as ``eval/<name>``, those of `textgym.evaluation.Report.metrics`. SB3's ``EvalCallback`` chooses
    by the reward that is trained, which goes on growing when an agent has learnt to exploit it; this one chooses by
    a score that is not trained, where the task has one.

    Args:
        every: Tokens between two evaluations.
        episodes: Episodes of each; episode ``i`` is asked prompt ``i``, every time.
        metric: What chooses the best agent. None takes the first of the task's metrics that is no part of its reward,
            or the reward where there is none.
        best: Folder that becomes the best agent so far, with its scores in ``evaluation.json``, whole at every moment;
            None keeps none. What it holds already has to be beaten: give a new folder for a new run.
        split: Where the prompts are from. The test split is better left for the report.
        seed: Of the sampling.
        verbose: 1 prints a line for every new best.
    """

    def __init__(
        self,
        every: int,
        episodes: int = 64,
        *,
        metric: str | None = None,
        best: str | Path | None = None,
        split: str = "validation",
        seed: int = 0,
        verbose: int = 0,
    ) -> None:
        super().__init__(every, verbose=verbose)
        self.episodes = episodes
        self.metric = metric
        self.best = None if best is None else Path(best)
        self.split = split
        self.seed = seed
        self.report: Report | None = None
        """The newest evaluation."""

    def _init_callback(self) -> None:
        check_split(self.task, self.split)
        self.metric = self.metric or held_out_metric(self.task)

    def act(self) -> None:
        """Evaluates, logs, and saves the agent where it is better than the best so far."""
        self.report = self.agent.evaluate(episodes=self.episodes, seed=self.seed, split=self.split)
        scores = {name: metric.mean for name, metric in self.report.metrics.items()}
        self.log({f"eval/{name}": value for name, value in scores.items()})
        if self.best is None:
            return
        assert self.metric is not None  # chosen when training began
        if self.metric not in scores:
            raise OptionError(
                f"The evaluation has no score {self.metric!r}.{suggest(self.metric, scores)} It has "
                f"{', '.join(scores)}."
            )
        value, sign = scores[self.metric], 1 if higher_is_better(self.task, self.metric) else -1
        so_far = best_evaluation(self.best)
        if so_far is not None and so_far["metric"] != self.metric:
            raise AgentError(
                f"{str(self.best)!r} holds the best agent by {so_far['metric']!r}, not by {self.metric!r}. Give "
                "another folder."
            )
        if so_far is None or sign * value > sign * so_far["value"]:
            self._keep(value, scores)

    def _keep(self, value: float, scores: Mapping[str, float]) -> None:
        assert self.best is not None
        record = {"metric": self.metric, "value": value, "step": self.num_timesteps, "scores": scores}
        with files.whole_folder(self.best) as folder:
            self.model.save(folder)
            files.write_json(folder / EVALUATION, record)
        if self.verbose:
            print(f"New best {self.metric}: {number(value)} after {self.num_timesteps:,} tokens")


class SampleTable(BetweenUpdates):
    """Writes what the agent answers to the same held-out prompts, again and again while it learns.

        agent.learn(200_000, callback=SampleTable(20_000, "runs/mine"))

    The folder gets ``samples_over_training.md`` and ``.jsonl`` (one line an answer: step, prompt, completion, reward),
    whole at every moment; a run that is resumed drops the lines after its checkpoint. TensorBoard, where it is logged
    to, shows the newest table as text, and so does Weights & Biases, in a table, while a run of it is open.

    Args:
        every: Tokens between two tables; the first is of the untrained agent.
        path: The folder; None writes to the log alone.
        prompts: Number of prompts, the first of the split.
        deterministic: True takes the likeliest tokens; False draws them, with the same seed every time.
        split: Where the prompts are from.
        seed: Of the sampling.
    """

    NAME = "samples_over_training"

    def __init__(
        self,
        every: int,
        path: str | Path | None = None,
        *,
        prompts: int = 8,
        deterministic: bool = False,
        split: str = "validation",
        seed: int = 0,
    ) -> None:
        super().__init__(every, at_start=True)
        self.path = None if path is None else Path(path)
        self.prompts = prompts
        self.deterministic = deterministic
        self.split = split
        self.seed = seed
        self.rows: list[dict[str, Any]] = []

    def _on_training_start(self) -> None:
        check_split(self.task, self.split)
        done = self.model.num_timesteps
        self.rows = [row for row in self._written() if 0 < done >= row["step"]]
        super()._on_training_start()

    def act(self) -> None:
        """Plays the prompts and adds the answers to the table."""
        report = self.agent.evaluate(
            episodes=min(self.prompts, len(self.task.rows[self.split])),
            seed=self.seed,
            split=self.split,
            deterministic=self.deterministic,
        )
        self.rows += [_sample(self.num_timesteps, episode) for episode in report.episodes]
        newest = [row for row in self.rows if row["step"] == self.num_timesteps]
        self.log({"samples": "\n".join(_table(newest))}, exclude=("stdout", "log", "json", "csv"))
        _to_wandb(newest)
        if self.path is not None:
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
            files.write_text(self.path / f"{self.NAME}.jsonl", lines)
            files.write_text(self.path / f"{self.NAME}.md", "\n".join(self._page()))

    def _written(self) -> list[dict[str, Any]]:
        file = None if self.path is None else self.path / f"{self.NAME}.jsonl"
        if file is None or not file.exists():
            return []
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def _page(self) -> list[str]:
        drawn = "the likeliest tokens" if self.deterministic else f"tokens drawn with seed {self.seed}"
        lines = ["# Samples over training\n", f"The same prompts of the {self.split} split; {drawn}.\n"]
        for index in dict.fromkeys(row["prompt_index"] for row in self.rows):
            rows = [row for row in self.rows if row["prompt_index"] == index]
            lines += [f"## {markdown.cell(rows[0]['prompt'])}\n", "| tokens | completion | reward |", "|---:|---|---:|"]
            lines += [
                f"| {row['step']:,} | {markdown.cell(row['completion'])} | {number(row['reward'])} |" for row in rows
            ]
            lines.append("")
        return lines


def _sample(step: int, episode: Episode) -> dict[str, Any]:
    return {
        "step": step,
        "prompt_index": episode.prompt_index,
        "prompt": episode.prompt,
        "completion": episode.completion,
        "reward": episode.reward,
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = [(row["prompt"], row["completion"]) for row in rows]
    return [
        "| prompt | completion | reward |",
        "|---|---|---:|",
        *(
            f"| {markdown.cell(prompt)} | {markdown.cell(completion)} | {number(row['reward'])} |"
            for (prompt, completion), row in zip(cells, rows, strict=True)
        ),
    ]


def _to_wandb(rows: Sequence[Mapping[str, Any]]) -> None:
    """Logs samples to the run of Weights & Biases that is open, if one is."""
    wandb = sys.modules.get("wandb")  # whoever opened a run has imported it
    if wandb is None or wandb.run is None:
        return
    columns = list(rows[0])
    wandb.run.log({"samples": wandb.Table(columns=columns, data=[[row[name] for name in columns] for row in rows])})
