"""What watches an agent while it trains: evaluations on validation prompts, samples, Weights & Biases."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from textgym.cli.console import out
from textgym.errors import OptionError

if TYPE_CHECKING:
    from stable_baselines3.common.callbacks import BaseCallback

    from textgym.evaluation import Run, RunConfig
    from textgym.tasks import Task

EvalEveryOption = Annotated[
    int | None,
    typer.Option(
        help="Tokens between evaluations on validation prompts; 0 makes none. Default: a tenth of all tokens, where ID "
        "has such prompts.",
        min=0,
        show_default=False,
    ),
]
EvalEpisodesOption = Annotated[int, typer.Option(help="Validation episodes of each.", min=2)]
BestOption = Annotated[
    str | None,
    typer.Option(
        metavar="METRIC",
        help="Score that chooses checkpoints/best. Default: the first metric of ID that is no part of the reward, else "
        "the reward.",
        show_default=False,
    ),
]
WandbOption = Annotated[
    str | None,
    typer.Option(metavar="PROJECT", help="Also log to this project of Weights & Biases.", show_default=False),
]

EVALUATIONS = 10
"""Evaluations of a run, where nothing else was asked for."""


def planned(config: RunConfig, task: Task | None, eval_every: int | None, best: str | None) -> RunConfig:
    """Returns the config with the evaluations that were asked for, or those that the task makes sense of.

    Raises:
        OptionError: If the task has no validation prompts, or no such score, or a package is missing.
    """
    from textgym.evaluation.held_out import check_metric, check_split, held_out_metric

    if config.wandb is not None:
        _check_wandb()
    if task is None or eval_every == 0 or (eval_every is None and best is None and not task.rows.get("validation")):
        if best is not None:
            raise OptionError(f"--best {best} chooses among evaluations, and --eval-every 0 makes none. Leave one out.")
        return config
    check_split(task, "validation")
    return replace(
        config,
        eval_every=eval_every or max(1, config.total_timesteps // EVALUATIONS),
        best=held_out_metric(task) if best is None else check_metric(task, best),
    )


def announcement(config: RunConfig) -> str:
    """Says what chooses the best checkpoint."""
    name = escape(f"{config.best}")
    plain = f"The best checkpoint by {name} on validation prompts is kept in checkpoints/best"
    return f"{plain}; the reward is trained, but there is no other score." if name == "reward" else f"{plain}."


@contextmanager
def callbacks(run: Run) -> Iterator[list[BaseCallback]]:
    """Gives the callbacks that a run asks for; closes what they log to."""
    found: list[BaseCallback] = []
    config = run.config
    if config.eval_every:
        from textgym.agents.callbacks import Evaluation, SampleTable

        found.append(
            Evaluation(config.eval_every, config.eval_episodes, metric=config.best, best=run.best, seed=config.seed)
        )
        found.append(SampleTable(config.eval_every, run.path, seed=config.seed))
    if config.wandb is None or out.quiet:  # the first of several ranks logs
        yield found
        return
    opened, callback = _wandb(run)
    try:
        yield [*found, callback]
    finally:
        opened.finish()


def _check_wandb() -> None:
    if find_spec("wandb") is None:
        raise OptionError("--wandb needs Weights & Biases. Run `pip install 'textgym[wandb]'`.")


def _wandb(run: Run) -> tuple[Any, BaseCallback]:
    """Opens the run at Weights & Biases, the same one again when it is resumed."""
    from textgym.evaluation import files

    _check_wandb()
    import wandb
    from wandb.integration.sb3 import WandbCallback

    file = run.path / "wandb.json"
    if not file.exists():
        files.write_json(file, {"project": run.config.wandb, "id": secrets.token_hex(4)})
    name = json.loads(file.read_text(encoding="utf-8"))["id"]
    opened = wandb.init(
        project=run.config.wandb,
        id=name,
        resume="allow",
        name=run.path.resolve().name,
        dir=str(run.path),
        config=asdict(run.config),
        sync_tensorboard=True,  # everything that is logged to TensorBoard; it must be opened after this
    )
    return opened, WandbCallback()
