"""Agents from names: saved agents, runs, models, and classes of the user's own."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch

from textgym import assets, plugins
from textgym.errors import AgentError, RunError
from textgym.evaluation.run import Run

from . import checkpoint
from .baselines import ZeroShot
from .ppo import PPO
from .reinforce import REINFORCE

CLASSES = {cls.__name__: cls for cls in (PPO, REINFORCE)}
"""Agents that can be saved, by the name that ``agent.json`` gives."""


def load(source: str | Path | Any, device: torch.device | str = "auto") -> Any:
    """Returns an agent with ``predict``.

    Args:
        source: The folder of a saved agent; of a run, which stands for its newest checkpoint; a language model (a
            shipped name, a folder, a Hub id, a transformers model), which plays as it is; or ``"module:Class"`` or the
            name of an agent that another package adds (`textgym.plugins`), which is constructed without arguments.
        device: Where it runs.

    Raises:
        RunError: If a folder holds none of these, or is damaged.
        ModelError: If there is no model of that name.
    """
    if not isinstance(source, str | Path):
        return ZeroShot(source, device=device)
    if checkpoint.is_agent(source):
        name = checkpoint.describe(source)["class"]
        return saved_class(name, source).load(source, device=device)
    path = Path(source)
    if path.is_dir() and not (path / "config.json").is_file():
        raise RunError(
            f"{str(source)!r} holds no saved agent, no run and no model. Give a folder that agent.save() or `textgym "
            "train` wrote, or a Hugging Face model."
        )
    if path.is_dir() and (path / "versions.json").is_file():
        checkpoints = Run.open(path).checkpoints()
        if not checkpoints:
            raise RunError(
                f"The run {str(source)!r} has no checkpoint yet. Continue it: `textgym train --resume {source}`."
            )
        return load(list(checkpoints.values())[-1], device)
    if str(source) in plugins.found(plugins.AGENTS) and str(source) not in assets.NAMES and not path.exists():
        return plugins.load(plugins.AGENTS, str(source), AgentError)()
    module, _, attribute = str(source).rpartition(":")
    if module and not path.exists():
        return _construct(module, attribute)
    return ZeroShot(source, device=device)


def saved_class(name: str, source: str | Path) -> Any:
    """Returns the class that a saved agent names: one of ours, or of another package.

    Raises:
        AgentError: If there is none.
    """
    if name in CLASSES:
        return CLASSES[name]
    for added in plugins.found(plugins.AGENTS):
        cls = plugins.load(plugins.AGENTS, added, AgentError)
        if getattr(cls, "__name__", None) == name:
            return cls
    raise AgentError(
        f"{str(source)!r} holds a {name!r}, which neither this textgym nor an installed package knows. Install the "
        "package that it came from."
    )


def _construct(module: str, attribute: str) -> Any:
    try:
        return getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError) as error:
        raise AgentError(f"No agent could be made of '{module}:{attribute}': {error}. Give 'module:Class'.") from error
