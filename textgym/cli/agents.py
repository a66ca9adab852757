"""The agents that commands work with: a new one from a run's config, one from a checkpoint, one by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from textgym.agents import ALGORITHMS as ALGORITHMS
from textgym.cli.console import err, quiet
from textgym.cli.options import json_or_text
from textgym.errors import OptionError

if TYPE_CHECKING:
    from textgym.evaluation import Run, RunConfig


def algorithm(name: str) -> Any:
    """Returns the class of an algorithm: one of ours, or one that another package adds as an agent that learns.

    Raises:
        OptionError: If there is none of that name.
    """
    from textgym.agents import algorithms

    return algorithms.find(name)


def hyperparameters(algo: str, settings: Iterable[str]) -> dict[str, Any]:
    """Returns what ``--set key=value`` says: values in JSON, or a plain text where they are no JSON.

    Raises:
        OptionError: If a setting is malformed, or its key is no argument of the algorithm.
    """
    from textgym.agents import algorithms

    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise OptionError(f"--set takes KEY=VALUE, such as learning_rate=0.0001. Actual value: {setting!r}.")
        found[key] = algorithms.check(algo, key, json_or_text(value))
    return found


def tuned(algo: str, env_id: str) -> dict[str, Any]:
    """Returns the hyperparameters that were tuned for an algorithm on an environment, ``n_timesteps`` among them.

    Those that are left without ``n_timesteps`` and ``n_envs`` are what a run's config takes.
    """
    algorithm(algo)
    from textgym.agents.tuned import tuned as table

    return table(algo, env_id)


def new(config: RunConfig, device: str) -> Any:
    """Returns the agent that a run starts with."""
    quiet()
    from textgym.agents import algorithms

    if warm := config.hyperparameters.get(algorithms.WARM_START):
        err.print(f"Warm start first: {warm['algo']} on {warm['n_timesteps']:,} tokens.", soft_wrap=True)
    return algorithms.make(
        config.algorithm,
        config.model,
        config.env_id,
        n_envs=config.n_envs,
        env_kwargs=config.env_kwargs,
        seed=config.seed,
        device=check_device(device),
        hyperparameters=config.hyperparameters,
    )


def resumed(run: Run, device: str) -> Any:
    """Returns the agent of a run's newest checkpoint, or a new one where the run had not come so far."""
    quiet()
    checkpoints = run.checkpoints()
    if not checkpoints:
        return new(run.config, device)
    return algorithm(run.config.algorithm).load(checkpoints[max(checkpoints)], device=check_device(device))


def load(spec: str, device: str, env_id: str | None = None, options: Mapping[str, Any] | None = None) -> Any:
    """Returns the agent that ``spec`` names, to play an environment with these options; see `textgym.agents.load`."""
    from textgym import agents

    quiet()
    return agents.load(spec, env_id, device=check_device(device), env_kwargs=options)


def check_device(device: str) -> str:
    """Returns ``device`` if torch knows its kind.

    Raises:
        OptionError: Otherwise.
    """
    import torch

    try:
        if device != "auto":
            torch.device(device)
    except RuntimeError as error:
        raise OptionError(f"There is no device {device!r}. Give auto, cpu, cuda or cuda:N.") from error
    return device
