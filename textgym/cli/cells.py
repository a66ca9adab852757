"""One cell of a table, trained in its run folder and then played for the bench; any process can make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textgym import registry
from textgym.bench import recipes
from textgym.bench.recipes import Job, Table
from textgym.cli import agents
from textgym.errors import OptionError

if TYPE_CHECKING:
    from textgym.evaluation import Run, RunConfig

WATCHED = 8
"""Episodes of the evaluations before and after a run; the bench measures with more."""

CHECKPOINTS = 4
"""Checkpoints of a run: what a kill costs at most is a part of its budget."""

BENCH = "bench"
"""Folder of the bench, inside that of the table."""

DEFAULT_TIMESTEPS = 200_000
DEFAULT_ENVS = 64

PROMPTS = 256
"""Prompts from which the length of a demonstration is estimated."""


@dataclass(frozen=True)
class Work:
    """Makes a cell, from wherever it had stopped.

    Attributes:
        table: What it is a cell of.
        out: Folder of the table.
        scale: What every budget is multiplied with.
        device: Where it runs.
    """

    table: Table
    out: Path
    scale: float
    device: str

    def __call__(self, job: Job) -> None:
        """Trains what is to be trained, and plays it."""
        from textgym.bench.hashing import agent_hash
        from textgym.bench.playing import one_thread, played_cell
        from textgym.bench.results import Bench

        self.table.register()  # in this process, too
        with one_thread():
            run = self._trained(job) if self.table.row(job.row).algorithm is not None else None
            bench = Bench.open(self.out / BENCH)
            key = (job.row, job.run, job.env_id)
            if bench.cell(key) is None:
                content = agent_hash(self._resolved(bench.config.agents[job.row][job.run], job.env_id))
                bench.add(*played_cell(bench.config, key, self.load, content))
            if run is not None:
                self._write_card(run, job, bench)

    def load(self, source: str, env_id: str, env_kwargs: Mapping[str, Any]) -> Any:
        """Returns the agent that a source of the table's bench stands for."""
        return agents.load(self._resolved(source, env_id), self.device, env_id, env_kwargs)

    def _resolved(self, source: str, env_id: str) -> str:
        return recipes.resolve(source, self.table, env_id, self.out)

    def config(self, job: Job) -> RunConfig:
        """Returns what the training run of a cell is started with."""
        from textgym.evaluation import RunConfig

        row = self.table.row(job.row)
        algorithm = str(row.algorithm)
        entry = registry.entry(job.env_id)
        own = self.table.model(job.env_id)
        tuned = agents.tuned(algorithm, job.env_id) if self.table.tuned and own == entry.model else {}
        tokens, n_envs = tuned.pop("n_timesteps", DEFAULT_TIMESTEPS), tuned.pop("n_envs", DEFAULT_ENVS)
        timesteps = max(1, round(self.scale * (self.table.timesteps(job) or tokens)))
        if row.data_of is not None:
            timesteps = self._equal_data(Job(row.data_of, job.env_id, job.seed, job.run))
        start = None if row.start is None else self._folder(Job(row.start, job.env_id, job.seed, job.run))
        return RunConfig(
            env_id=job.env_id,
            algorithm=algorithm,
            model=own if start is None else str(start),
            total_timesteps=timesteps,
            env_kwargs=dict(self.table.env_kwargs),
            n_envs=self.table.n_envs(job) or n_envs,
            seed=job.seed,
            hyperparameters={**tuned, **self.table.hyperparameters(job)},
            episodes=WATCHED,
            checkpoint_every=max(1, timesteps // CHECKPOINTS),
            keep_checkpoints=1,
        )

    def _trained(self, job: Job) -> Run:
        from textgym.evaluation import Run
        from textgym.evaluation.training import train

        config, folder = self.config(job), self._folder(job)
        if (folder / "config.json").exists():
            run = Run.open(folder)
            if run.config != config:
                raise OptionError(
                    f"{str(folder)!r} was started with {run.config}, and the table now says {config}. Delete it, or "
                    "choose another --out."
                )
            if (folder / "report.md").exists():
                return run
            agent = agents.resumed(run, self.device)
        else:
            agent = agents.new(config, self.device)  # first: what cannot be made should leave no folder
            run = Run.create(folder, config)
        train(run, agent)
        return run

    def _folder(self, job: Job) -> Path:
        return self.out / self.table.folder(job)

    def _equal_data(self, other: Job) -> int:
        """Returns the tokens of as many demonstrations as the run of another cell saw episodes."""
        from textgym.agents.demonstrations import demonstrate
        from textgym.agents.models import model_tokenizer
        from textgym.agents.planning import task_of
        from textgym.evaluation import metrics_file

        episodes = episodes_seen(metrics_file.read(self._folder(other) / "metrics.csv"))
        tokenizer = model_tokenizer(self.table.model(other.env_id))
        task = task_of(other.env_id, tokenizer, self.table.env_kwargs)
        shown = demonstrate(task, range(min(len(task), PROMPTS)), np.random.default_rng(0))
        return max(1, round(episodes * float(shown.response_mask.sum(1).mean())))

    def _write_card(self, run: Run, job: Job, bench: Any) -> None:
        from textgym.bench import cards

        cell = bench.cell((job.row, job.run, job.env_id))
        command = f"{self.table.command} --only '{job}'"
        measured = f"{cell.episodes} episodes of the {cell.split} split"
        cards.write(run.path, cards.of_run(run, command=command, metrics=cell.metrics, measured=measured))


def episodes_seen(rows: list[dict[str, float]]) -> float:
    """Returns the number of training episodes of a run: Σ over rollouts of tokens / mean length.

    >>> length = "rollout/completion_length"
    >>> episodes_seen([{"step": 100, length: 10.0}, {"step": 160, length: 20.0}])
    13.0
    """
    total = before = 0.0
    for row in rows:
        if "rollout/completion_length" in row:
            total += (row["step"] - before) / row["rollout/completion_length"]
            before = row["step"]
    return total
