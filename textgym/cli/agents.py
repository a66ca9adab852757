"""The agents that commands work with: a new one from a run's config, one from a checkpoint, one by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from textgym import plugins
from textgym.agents import ALGORITHMS
from textgym.cli.console import quiet
from textgym.cli.options import json_or_text
from textgym.errors import OptionError, suggest

if TYPE_CHECKING:
    from textgym.evaluation import Run, RunConfig

FIXED = {"self", "model", "env", "n_envs", "seed", "device", "verbose", "gamma", "env_kwargs", "tensorboard_log"}
"""Arguments of an algorithm that have an option of their own, or none."""


def algorithm(name: str) -> Any:
    """Returns the class of an algorithm: one of ours, or one that another package adds as an agent that learns.

    Raises:
        OptionError: If there is none of that name.
    """
    if name not in ALGORITHMS:
        if name in plugins.found(plugins.AGENTS):
            added = plugins.load(plugins.AGENTS, name, OptionError)
            if hasattr(added, "learn"):
                return added
            raise OptionError(f"The agent {name!r} does not learn: it has no learn(). Evaluate it instead.")
        raise OptionError(
            f"There is no algorithm {name!r}.{suggest(name, ALGORITHMS)} Choose {' or '.join(ALGORITHMS)}."
        )
    from textgym import agents

    return getattr(agents, ALGORITHMS[name])


def hyperparameters(algo: str, settings: Iterable[str]) -> dict[str, Any]:
    """Returns what ``--set key=value`` says: values in JSON, or a plain text where they are no JSON.

    Raises:
        OptionError: If a setting is malformed, or its key is no argument of the algorithm.
    """
    parameters = inspect.signature(algorithm(algo)).parameters
    known = [name for name in parameters if name not in FIXED]
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise OptionError(f"--set takes KEY=VALUE, such as learning_rate=0.0001. Actual value: {setting!r}.")
        if key not in known:
            raise OptionError(
                f"{algo} has no hyperparameter {key!r}.{suggest(key, known)} It has {', '.join(sorted(known))}."
            )
        found[key] = json_or_text(value)
        if isinstance(parameters[key].default, int | float) and not isinstance(found[key], int | float):
            raise OptionError(f"{algo} takes a number as {key}. Actual value: {value!r}.")
    return found


def tuned(algo: str, env_id: str) -> dict[str, Any]:
    """Returns the hyperparameters that were tuned for an algorithm on an environment, ``n_timesteps`` among them."""
    algorithm(algo)
    from textgym.agents.tuned import tuned as table

    return table(algo, env_id)


def new(config: RunConfig, device: str) -> Any:
    """Returns the agent that a run starts with."""
    quiet()
    try:
        return algorithm(config.algorithm)(
            config.model,
            config.env_id,
            n_envs=config.n_envs,
            env_kwargs=dict(config.env_kwargs),
            seed=config.seed,
            device=check_device(device),
            **config.hyperparameters,
        )
    except (AssertionError, TypeError, ValueError) as error:  # how SB3 and torch refuse a value
        if not config.hyperparameters:
            raise
        raise OptionError(f"{config.algorithm} refuses {dict(config.hyperparameters)}: {error}") from error


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
