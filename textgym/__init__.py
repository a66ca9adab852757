"""Text generation as Gymnasium environments.

``import textgym`` registers every id with Gymnasium and loads no model library:

    >>> import gymnasium as gym, textgym
    >>> env = gym.make("TextGen-Numbers-v0")
    >>> obs, info = env.reset(seed=0)
    >>> info["prompt"]
    '84 '
"""

from __future__ import annotations

import inspect
from importlib.metadata import version as _version
from pathlib import Path
from typing import Any

from textgym import envs_registry, plugins, registry
from textgym.env import TextGenEnv
from textgym.errors import TextGymError
from textgym.registry import EnvEntry, entries, register
from textgym.tasks import Task, make_task
from textgym.vector import TextGenVectorEnv

__version__ = _version("textgym")

envs_registry.register_all()
plugins.register_envs()


def __getattr__(name: str) -> Any:
    if name == "suites":  # computed when asked for, so that ids registered later are in it
        return registry.suites()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def evaluate(agent: Any, env_id: str | Task, **kwargs: Any) -> Any:
    """Plays an agent through an environment and returns a `textgym.evaluation.Report`.

    Args:
        agent: Whatever has Stable-Baselines3's ``predict``; a function from prompt to completion; a Hugging Face
            model; or a name, such as ``"oracle"``, ``"runs/demo"`` or ``"beam_search(tiny, n=4)"``, which
            `textgym.agents.load` lists.
        env_id: A registered id, or a `Task`.
        **kwargs: ``episodes``, ``seed``, ``split``, ``deterministic`` and the options of the environment; see
            `textgym.evaluation.evaluate`.
    """
    from textgym import evaluation

    if isinstance(agent, str | Path) or hasattr(agent, "get_output_embeddings"):
        from textgym import agents

        own = inspect.signature(evaluation.evaluate).parameters
        options = {name: value for name, value in kwargs.items() if name not in own}
        agent = agents.load(agent, env_id, env_kwargs={"split": kwargs.get("split", "test"), **options})
    return evaluation.evaluate(agent, env_id, **kwargs)


__all__ = [
    "EnvEntry",
    "Task",
    "TextGenEnv",
    "TextGenVectorEnv",
    "TextGymError",
    "entries",
    "evaluate",
    "make_task",
    "register",
    "suites",
]
