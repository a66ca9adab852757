"""Agents from names: saved agents, runs, models, agents that do not learn, and a user's own classes and functions."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import torch
from gymnasium import spaces

from textgym import assets, plugins
from textgym.env import TextGenEnv
from textgym.errors import AgentError, RunError, TextGymError, suggest
from textgym.evaluation.players import Oracle
from textgym.evaluation.run import Run
from textgym.tasks import Task

from . import ALGORITHMS, checkpoint, lora
from .baselines import Greedy, RandomAgent, ZeroShot
from .beam_search import BeamSearch
from .best_of_n import BestOfN
from .majority import MajorityVote
from .planning import task_of
from .replay import Replay
from .specs import Spec, parse

PLAY_OTHERS: dict[str, Any] = {
    "greedy": Greedy,
    "beam_search": BeamSearch,
    "best_of_n": BestOfN,
    "majority_vote": MajorityVote,
}
"""Agents that play another one, by the name in front of its brackets."""

NAMES = ("oracle", "random", "replay", "zero_shot", *PLAY_OTHERS)


def load(
    source: str | Path | Any,
    env: str | Task | None = None,
    *,
    device: torch.device | str = "auto",
    env_kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Returns an agent: whatever has ``predict``, a function from prompt to completion, or an `Oracle`.

    Every command that takes an agent, and `textgym.evaluate`, take the same:

    ==================================  ============================================================================
    ``runs/demo``                       The folder of a run, which stands for its newest checkpoint.
    ``runs/demo/checkpoints/…``         The folder of a saved agent.
    ``tiny``, a folder, a Hub id        A language model, which plays as it is.
    ``random``                          Tokens drawn uniformly. Needs the environment.
    ``oracle``                          The task's own answers.
    ``replay(answers.jsonl)``           What another system wrote; see `Replay`.
    ``zero_shot(tiny, top_p=0.9)``      A language model under a law of its own; see `ZeroShot`.
    ``greedy(AGENT)``                   The likeliest token; see `Greedy`.
    ``beam_search(AGENT, n=4)``         The likeliest turn; see `BeamSearch`. Needs the environment.
    ``best_of_n(AGENT, n=8)``           The best of n by the reward; see `BestOfN`. Needs the environment.
    ``majority_vote(AGENT, n=8)``       The most frequent of n; see `MajorityVote`. Needs the environment.
    ``package.module:Name``             A class, a function or an object of an installed module.
    ``path/to/file.py:Name``            The same, of a file.
    A name                              What another package adds as an entry point (`textgym.plugins`).
    ==================================  ============================================================================

    AGENT is any of these. A folder called ``random`` is ``./random``. A class is constructed with what its signature
    asks for: nothing, ``env`` (a Gymnasium environment) or ``task`` (its `Task`); so is a function that takes nothing,
    or ``env`` or ``task`` alone, and returns an agent. Any other function is the agent: it is given the text so far and
    returns what follows.

    Args:
        source: One of the above, or a transformers model.
        env: What the agent is to play, a registered id or a `Task`; those that need none do without.
        device: Where it runs.
        env_kwargs: Options of that environment.

    Raises:
        RunError: If a folder holds none of these, or is damaged.
        ModelError: If there is no model of that name.
        AgentError: If a name, a class or an option is unknown, or the environment is missing.
    """
    return _Loader(env, device, dict(env_kwargs or {})).load(source)


def saved_class(name: str, source: str | Path) -> Any:
    """Returns the class that a saved agent names: one of ours, or of another package.

    Raises:
        AgentError: If there is none.
    """
    if name in ALGORITHMS.values():
        return getattr(importlib.import_module(__package__), name)
    for added in plugins.found(plugins.AGENTS):
        cls = plugins.load(plugins.AGENTS, added, AgentError)
        if getattr(cls, "__name__", None) == name:
            return cls
    raise AgentError(
        f"{str(source)!r} holds a {name!r}, which neither this textgym nor an installed package knows. Install the "
        "package that it came from."
    )


class _Loader:
    """`load`, for one environment and one device."""

    def __init__(self, env: str | Task | None, device: torch.device | str, env_kwargs: dict[str, Any]) -> None:
        self.env = env
        self.device = device
        self.env_kwargs = env_kwargs

    def load(self, source: Any) -> Any:
        if not isinstance(source, str | Path):
            return self.model(source)
        name, path = str(source), Path(source)
        if name == "oracle":
            return Oracle()
        if name == "random":
            return self.random(Spec(name, None, {}))
        if checkpoint.is_agent(source):
            return saved_class(checkpoint.describe(source)["class"], source).load(source, device=self.device)
        if path.exists():
            return self.path(path)
        if name in plugins.found(plugins.AGENTS) and name not in assets.NAMES:
            return self.made(plugins.load(plugins.AGENTS, name, AgentError), name)
        if (spec := parse(name)) is not None:
            return self.called(spec, name)
        if name in NAMES:
            plays = "replay(answers.jsonl)" if name == "replay" else f"{name}(tiny)"
            raise AgentError(f"{name} needs to be told what to play, in brackets: {plays}.")
        place, _, attribute = name.rpartition(":")
        if place:
            return self.made(_attribute(place, attribute), name)
        return self.model(name)

    def path(self, path: Path) -> Any:
        """Returns the agent of a run, or the model, that is at ``path``."""
        if path.suffix == ".py":
            raise AgentError(f"{str(path)!r} is a file of Python. Say which class or function: '{path}:Name'.")
        if path.is_dir() and (path / "versions.json").is_file():
            checkpoints = Run.open(path).checkpoints()
            if not checkpoints:
                raise RunError(
                    f"The run {str(path)!r} has no checkpoint yet. Continue it: `textgym train --resume {path}`."
                )
            return self.load(list(checkpoints.values())[-1])
        if path.is_dir() and not any((path / name).is_file() for name in ("config.json", lora.CONFIG)):
            raise RunError(
                f"{str(path)!r} holds no saved agent, no run and no model. Give a folder that agent.save() or `textgym "
                "train` wrote, or a Hugging Face model."
            )
        return self.model(path)

    def model(self, source: Any, **options: Any) -> ZeroShot:
        """Returns a model as it is; only one with random weights takes its sizes from the environment."""
        env = None
        if source == "scratch" and self.env is not None:
            env = task_of(self.env, None, self.env_kwargs)
        return ZeroShot(source, env, device=self.device, **options)

    def random(self, spec: Spec) -> RandomAgent:
        task = task_of(self.needed("random"), None, self.env_kwargs)
        return RandomAgent(spaces.Discrete(task.tokenizer.vocab_size), **_checked(spec, RandomAgent, "env_or_space"))

    def called(self, spec: Spec, text: str) -> Any:
        """Returns the agent that a call makes."""
        if spec.name not in NAMES:
            raise AgentError(
                f"There is no agent {spec.name}(…).{suggest(spec.name, NAMES)} There are {', '.join(NAMES)}. Actual "
                f"value: {text!r}."
            )
        if (spec.source is None) != (spec.name in ("oracle", "random")):
            raise AgentError(
                f"{spec.name} plays nothing but itself; leave {spec.source!r} out."
                if spec.source is not None
                else f"{spec.name} needs to be told what to play: {spec.name}(tiny). Actual value: {text!r}."
            )
        if spec.name == "oracle":
            return Oracle(**_checked(spec, Oracle))
        if spec.name == "random":
            return self.random(spec)
        assert spec.source is not None
        if spec.name == "replay":
            return Replay(spec.source, **_checked(spec, Replay, "data"))
        if spec.name == "zero_shot":
            return self.model(spec.source, **_checked(spec, ZeroShot, "model", "env", "device"))
        cls = PLAY_OTHERS[spec.name]
        options = _checked(spec, cls, "agent", "env", "make_kwargs")
        agent = self.load(spec.source)
        if not hasattr(agent, "predict"):
            raise AgentError(f"{spec.name} plays an agent with predict(), and {spec.source!r} has none.")
        if cls is Greedy:
            return Greedy(agent, **options)
        return cls(agent, self.needed(spec.name), **options, **self.env_kwargs)

    def made(self, found: Any, name: str) -> Any:
        """Returns the agent that a class or function of the user's makes, or that it is."""
        agent = found
        if isinstance(found, type) or inspect.isroutine(found):
            wanted = _required(found)
            if isinstance(found, type) or set(wanted) <= {"env", "task"}:
                agent = self.constructed(found, wanted, name)
        if isinstance(agent, type) or not (hasattr(agent, "predict") or callable(agent)):
            raise AgentError(
                f"{name!r} is no agent: it has no predict(obs, state, episode_start, deterministic), and is no "
                f"function from prompt to completion. Actual value: {agent!r}."
            )
        return agent

    def constructed(self, make: Callable[..., Any], wanted: list[str], name: str) -> Any:
        if others := [parameter for parameter in wanted if parameter not in ("env", "task")]:
            raise AgentError(
                f"{name!r} cannot be constructed by name: it needs {', '.join(others)}. A class may ask for env or "
                "task and nothing else; give the rest defaults, or name a function that returns the agent."
            )
        given: dict[str, Any] = {}
        if wanted:
            task = task_of(self.needed(name), None, self.env_kwargs)
            env = self.env if isinstance(self.env, str) and "env" in wanted else None
            made = gym.make(env, **self.env_kwargs) if env is not None else TextGenEnv(task)
            given = {parameter: task if parameter == "task" else made for parameter in wanted}
        try:
            return make(**given)
        except TextGymError:
            raise
        except Exception as error:  # a class of somebody else's
            raise AgentError(f"{name!r} could not be constructed: {type(error).__name__}: {error}.") from error

    def needed(self, name: str) -> str | Task:
        if self.env is None:
            raise AgentError(
                f"{name} needs to know what it is to play. Give the environment: textgym.agents.load({name!r}, id)."
            )
        return self.env


def _required(function: Callable[..., Any]) -> list[str]:
    """Returns the names of the parameters that must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # a builtin does not tell
        return ["?"]
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one.name for one in parameters if one.default is one.empty and one.kind not in variadic]


def _checked(spec: Spec, cls: Any, *taken: str) -> dict[str, Any]:
    """Returns the options of a call if the class has them; ``taken`` are not for users to give."""
    known = [name for name in inspect.signature(cls).parameters if name not in taken]
    for name in spec.options:
        if name not in known:
            raise AgentError(
                f"{spec.name} has no option {name!r}.{suggest(name, known)} It has {', '.join(known) or 'none'}."
            )
    return spec.options


def _attribute(place: str, name: str) -> Any:
    """Returns what a module or a file calls ``name``."""
    module = _file(Path(place)) if place.endswith(".py") else _module(place, name)
    if not hasattr(module, name):
        public = [known for known in vars(module) if not known.startswith("_")]
        raise AgentError(f"{place!r} has nothing called {name!r}.{suggest(name, public)} Give a class or a function.")
    return getattr(module, name)


def _module(place: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except Exception as error:  # whatever a module of somebody else's does
        raise AgentError(
            f"No agent could be made of '{place}:{name}': {type(error).__name__}: {error}. Give 'module:Class' of a "
            "module that can be imported, or 'path/to/file.py:Class'."
        ) from error


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise AgentError(f"There is no file {str(path)!r} (from {Path.cwd()}).")
    name = f"_textgym_agent_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # a file that ends in .py always has one
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # as above
        del sys.modules[name]
        raise AgentError(f"{str(path)!r} cannot be imported: {type(error).__name__}: {error}.") from error
    return module
