"""The folder of a training run: what is in it, under which names, and which of it can be trusted."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from textgym.errors import RunError
from textgym.evaluation import files
from textgym.evaluation.report import Report
from textgym.evaluation.versions import machine, versions

SCHEMA = "textgym.run"
PROGRESS = "progress.json"
"""File of a checkpoint, beside those of the agent: what the run needs to go on."""
EVALUATION = "evaluation.json"
"""File of the best checkpoint, beside those of the agent: what it scored, and when."""
SCHEMA_VERSION = 2
ADDED = {1: {"eval_every": 0, "eval_episodes": 64, "best": None, "wandb": None}}
"""What earlier versions of the schema did not have, and what stood for it."""


@dataclass(frozen=True)
class RunConfig:
    """All that a training run was started with; JSON only.

    Attributes:
        env_id: A registered id.
        algorithm: Name of the agent's class, in lower case.
        model: What the agent starts from.
        total_timesteps: Tokens to train on.
        env_kwargs: Options of the environment, such as ``reward`` and ``gamma``.
        n_envs: Episodes side by side.
        seed: Of everything.
        hyperparameters: Further arguments of the agent.
        episodes: Episodes of the evaluations before and after.
        checkpoint_every: Tokens between two checkpoints.
        keep_checkpoints: Number of checkpoints that are kept, the newest.
        eval_every: Tokens between two evaluations on the validation prompts; 0 makes none.
        eval_episodes: Episodes of each of them.
        best: Score of theirs that chooses the best checkpoint, a name of `Report.metrics`; None keeps no best one.
        wandb: Project of Weights & Biases that the run is logged to, or None.
    """

    env_id: str
    algorithm: str
    model: str
    total_timesteps: int
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    n_envs: int = 64
    seed: int = 0
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    episodes: int = 256
    checkpoint_every: int = 50_000
    keep_checkpoints: int = 2
    eval_every: int = 0
    eval_episodes: int = 64
    best: str | None = None
    wandb: str | None = None


class Run:
    """A run folder.

    ======================  ==========================================================================
    ``config.json``         What the run was started with (`RunConfig`); its presence makes a folder a run.
    ``versions.json``       Python, packages and machine.
    ``metrics.csv``         The logger's numbers; ``tensorboard/`` has the same.
    ``checkpoints/``        ``step_00050000/`` …: saved agents, the newest last; ``best/``: the best on the validation
                            prompts, with its scores in ``evaluation.json``.
    ``before.json``         `Report` of the untrained agent on the test prompts; ``after.json`` of the trained.
    ``report.md``           What ran and what came of it, with ``learning_curve.png`` and ``samples.md``.
                            ``samples_over_training.md``, with ``.jsonl``: the same validation prompts, again and again.
    ======================  ==========================================================================

    Everything but TensorBoard's own files is written to a temporary name and renamed: a name that exists is whole,
    whenever the process was killed.

    Attributes:
        path: The folder.
        config: What it was started with.
    """

    def __init__(self, path: str | Path, config: RunConfig) -> None:
        self.path = Path(path)
        self.config = config

    @classmethod
    def create(cls, path: str | Path, config: RunConfig) -> Run:
        """Makes the folder of a new run.

        Raises:
            RunError: If the folder already holds something, or cannot be written.
        """
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(
                f"{str(path)!r} already exists and is not empty. Continue it with --resume {path}, or choose another "
                "folder."
            )
        try:
            with files.whole_folder(path) as temporary:
                files.write_json(temporary / "versions.json", {"software": versions(), "machine": machine()})
                cls(temporary, config)._write_config()
        except OSError as error:
            raise RunError(f"The run folder {str(path)!r} cannot be written: {error}. Choose another place.") from error
        return cls(path, config)

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Opens the folder of an earlier run.

        Raises:
            RunError: If there is none, or it is of another version.
        """
        file = Path(path, "config.json")
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise RunError(
                f"{str(path)!r} is not a run folder: its config.json cannot be read ({error}). Give a folder that "
                "`textgym train --out` made."
            ) from error
        if not isinstance(content, dict) or content.pop("schema", None) != SCHEMA:
            raise RunError(
                f"{str(path)!r} is not a run folder: its config.json does not say schema {SCHEMA!r}. Give a folder "
                "that `textgym train --out` made."
            )
        version = content.pop("schema_version", None)
        content = {**ADDED.get(version, {}), **content}
        if version not in (*ADDED, SCHEMA_VERSION) or set(content) != {item.name for item in fields(RunConfig)}:
            raise RunError(
                f"{str(path)!r} was written by another textgym: schema version {version!r}, this one reads "
                f"{SCHEMA_VERSION} and earlier. Use the textgym that its versions.json names."
            )
        return cls(path, RunConfig(**content))

    def extend(self, total_timesteps: int, write: bool = True) -> None:
        """Sets another number of tokens to train on, and writes it down, unless another process does."""
        self.config = replace(self.config, total_timesteps=total_timesteps)
        if write:
            self._write_config()

    def checkpoints(self) -> dict[int, Path]:
        """Returns the whole checkpoints by step, oldest first."""
        folder = self.path / "checkpoints"
        found = {path: re.fullmatch(r"step_(\d{8,})", path.name) for path in folder.glob("step_*")}
        return dict(sorted((int(match[1]), path) for path, match in found.items() if match))

    def save_checkpoint(self, agent: Any, step: int, progress: Mapping[str, Any] | None = None) -> Path:
        """Saves an agent as the checkpoint of ``step``, and deletes the oldest ones and what a kill left behind.

        Args:
            agent: Whatever has ``save(folder)``.
            step: Tokens that it has learnt from.
            progress: What the run needs beside the agent to go on as if nothing had been, as JSON; see `progress`.
        """
        path = self.path / "checkpoints" / f"step_{step:08d}"
        if not path.exists():
            with files.whole_folder(path) as temporary:
                agent.save(temporary)
                if progress is not None:
                    files.write_json(temporary / PROGRESS, progress)
        kept = {*list(self.checkpoints().values())[-self.config.keep_checkpoints :], files.found(self.best)}
        for other in path.parent.iterdir():
            if other not in kept:
                shutil.rmtree(other)
        return path

    def progress(self, step: int) -> dict[str, Any]:
        """Returns what was saved beside the agent at ``step``; nothing where there is no such thing."""
        path = self.checkpoints().get(step, self.path) / PROGRESS
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    @property
    def best(self) -> Path:
        """The folder of the best checkpoint, whether or not there is one yet."""
        return self.path / "checkpoints" / "best"

    def best_evaluation(self) -> dict[str, Any] | None:
        """Returns what the best checkpoint scored: metric, value, step and all scores; None while there is none."""
        return best_evaluation(self.best)

    def report(self, name: str) -> Report | None:
        """Returns the report ``"before"`` or ``"after"``, or None while there is none."""
        path = self.path / f"{name}.json"
        return Report.load(path) if path.exists() else None

    def _write_config(self) -> None:
        content = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(self.config)}
        files.write_json(self.path / "config.json", content)


def best_evaluation(path: str | Path) -> dict[str, Any] | None:
    """Returns what the evaluation of a best agent says: metric, value, step and scores; None while there is none."""
    file = files.found(path) / EVALUATION
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
