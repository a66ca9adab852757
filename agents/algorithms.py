"""Algorithms by name: their classes, what may be set of them, and agents made from such settings."""

from __future__ import annotations

import atexit
import inspect
import json
import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from stable_baselines3.common.utils import LinearSchedule

from textgym import plugins
from textgym.errors import OptionError, suggest

from . import ALGORITHMS, checkpoint
from .checkpoint import is_agent
from .models import ModelSpec

FIXED = frozenset(
    ("self", "model", "env", "n_envs", "seed", "device", "verbose", "gamma", "env_kwargs", "tensorboard_log")
)
"""Arguments of an algorithm that are no hyperparameters of its own."""

WARM_START = "warm_start"
"""The hyperparameter that says what is trained first: ``{"algo": "sft", "n_timesteps": 100000, …}``."""

LINEAR = "lin_"
"""Prefix of a number that falls to 0 over training, in rl-zoo's files: ``lin_0.001``."""

SCHEDULES = ("learning_rate", "clip_range", "clip_range_vf")
"""Hyperparameters that may be schedules, those of rl-zoo."""


def find(name: str) -> Any:
    """Returns the class of an algorithm: one of ours, or one that another package adds as an agent that learns.

    Raises:
        OptionError: If there is none of that name.
    """
    if name in ALGORITHMS:
        return getattr(import_module(__name__.rpartition(".")[0]), ALGORITHMS[name])
    if name in plugins.found(plugins.AGENTS):
        added = plugins.load(plugins.AGENTS, name, OptionError)
        if hasattr(added, "learn"):
            return added
        raise OptionError(f"The agent {name!r} does not learn: it has no learn(). Evaluate it instead.")
    raise OptionError(f"There is no algorithm {name!r}.{suggest(name, ALGORITHMS)} Choose {' or '.join(ALGORITHMS)}.")


def hyperparameters(name: str) -> dict[str, inspect.Parameter]:
    """Returns the hyperparameters of an algorithm: arguments of its class without those that are `FIXED`."""
    parameters = inspect.signature(find(name)).parameters
    return {key: parameter for key, parameter in parameters.items() if key not in FIXED}


def check(name: str, key: str, value: Any) -> Any:
    """Returns the value of a hyperparameter; a number that is written as a text becomes one.

    Raises:
        OptionError: If the algorithm has no such hyperparameter, or takes a number there.
    """
    known = hyperparameters(name)
    if key == WARM_START:
        return checked_warm_start(value)
    if key not in known:
        raise OptionError(
            f"{name} has no hyperparameter {key!r}.{suggest(key, [*known, WARM_START])} It has "
            f"{', '.join(sorted(known))}."
        )
    if isinstance(value, str) and (number := _number(value)) is not None:
        return number  # YAML 1.1 reads 1e-4 as a text
    if key in SCHEDULES and isinstance(value, str) and value.startswith(LINEAR):
        _start(key, value)
        return value
    default = known[key].default
    choice = isinstance(default, bool) and isinstance(value, str)  # False in place of one of several names
    if isinstance(default, int | float) and not isinstance(value, int | float) and not choice:
        raise OptionError(f"{name} takes a number as {key}. Actual value: {value!r}.")
    return value


def make(
    name: str,
    model: ModelSpec,
    env_id: str,
    *,
    n_envs: int,
    env_kwargs: Mapping[str, Any],
    seed: int,
    device: str,
    hyperparameters: Mapping[str, Any],
) -> Any:
    """Returns a new agent.

    Args:
        name: Of the algorithm.
        model: What it starts from; see `textgym.agents.models.make_model`.
        env_id: A registered id.
        n_envs: Episodes side by side.
        env_kwargs: Options of the environment; they outdo those in ``hyperparameters``.
        seed: Of everything.
        device: Where it runs.
        hyperparameters: Arguments of the class, as JSON; schedules as ``"lin_0.001"``. ``env_kwargs`` holds options of
            the environment, `WARM_START` what is trained first, with the same seed.

    Raises:
        OptionError: If the class refuses them.
    """
    settings = dict(hyperparameters)
    options = {**(settings.pop("env_kwargs", None) or {}), **env_kwargs}
    if spec := settings.pop(WARM_START, None):
        model = str(warm_folder(checked_warm_start(spec), model, env_id, options, seed, device))
    try:
        return find(name)(
            model, env_id, n_envs=n_envs, env_kwargs=options, seed=seed, device=device, **with_schedules(settings)
        )
    except (AssertionError, TypeError, ValueError) as error:  # how SB3 and torch refuse a value
        if not settings:
            raise
        raise OptionError(f"{name} refuses {settings}: {error}") from error


def with_schedules(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns arguments with the objects that texts such as ``lin_0.001`` stand for.

    >>> with_schedules({"learning_rate": "lin_0.002", "n_steps": 16})["learning_rate"](0.5)
    0.001
    """
    return {
        key: LinearSchedule(_start(key, value), 0.0, 1.0)
        if key in SCHEDULES and isinstance(value, str) and value.startswith(LINEAR)
        else value
        for key, value in settings.items()
    }


def warm_start(
    spec: Mapping[str, Any],
    model: ModelSpec,
    env_id: str,
    env_kwargs: Mapping[str, Any],
    seed: int,
    device: str,
    folder: Path,
) -> Path:
    """Trains what another agent starts from, and returns the folder that holds it; a whole one is taken as it is.

    Args:
        spec: ``algo``, ``n_timesteps``, and hyperparameters of that algorithm.
        model: What that one starts from.
        env_id: A registered id.
        env_kwargs: Options of the environment.
        seed: Of everything.
        device: Where it runs.
        folder: Where it is saved.
    """
    settings = checked_warm_start(spec)
    if not is_agent(folder):
        algo, tokens = settings.pop("algo"), settings.pop("n_timesteps")
        n_envs = settings.pop("n_envs", 64)
        agent = make(
            algo,
            model,
            env_id,
            n_envs=n_envs,
            env_kwargs=env_kwargs,
            seed=seed,
            device=device,
            hyperparameters=settings,
        )
        agent.learn(tokens).save(folder)
        if not is_agent(folder):  # the first of several ranks alone has saved; each of the others has its own folder
            checkpoint.save(agent, folder)
    return folder


_warm: dict[str, str] = {}


def warm_folder(
    spec: dict[str, Any], model: ModelSpec, env_id: str, env_kwargs: dict[str, Any], seed: int, device: str
) -> Path:
    """Returns a folder that lives as long as the process: a command that makes an agent twice trains once."""
    key = json.dumps([spec, model, env_id, env_kwargs, seed, device], sort_keys=True, default=repr)
    if key not in _warm:
        _warm[key] = mkdtemp(prefix="textgym-")
        atexit.register(shutil.rmtree, _warm[key], ignore_errors=True)
    return warm_start(spec, model, env_id, env_kwargs, seed, device, Path(_warm[key], "agent"))


def checked_warm_start(spec: Any) -> dict[str, Any]:
    """Returns what is trained first, its hyperparameters checked; empty for None.

    Raises:
        OptionError: If it does not say what, or for how long.
    """
    if spec is None:
        return {}
    if not isinstance(spec, Mapping) or "algo" not in spec or "n_timesteps" not in spec:
        raise OptionError(
            f"{WARM_START} says what is trained first, such as {{algo: sft, n_timesteps: 100000}}. Actual value: "
            f"{spec!r}."
        )
    settings = dict(spec)
    algo, tokens = settings.pop("algo"), _number(str(settings.pop("n_timesteps")))
    if tokens is None or tokens < 1 or tokens != int(tokens):
        raise OptionError(f"n_timesteps of {WARM_START} are tokens, at least 1. Actual value: {spec['n_timesteps']!r}.")
    n_envs = {"n_envs": settings.pop("n_envs")} if "n_envs" in settings else {}
    checked = {key: check(algo, key, value) for key, value in settings.items()}
    return {"algo": algo, "n_timesteps": int(tokens), **n_envs, **checked}


def _number(text: str) -> float | int | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def _start(key: str, text: str) -> float:
    number = _number(text.removeprefix(LINEAR))
    if number is None:
        raise OptionError(f"{key} falls to 0 from a number, such as {LINEAR}0.001. Actual value: {text!r}.")
    return float(number)
