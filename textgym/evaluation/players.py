"""What plays an environment during evaluation: an agent with ``predict``, or a function from prompt to completion."""

from __future__ import annotations

import inspect
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import numpy as np

from textgym.errors import AgentError
from textgym.vector import TextGenVectorEnv

Observations = dict[str, np.ndarray]


class Player(Protocol):
    """Chooses the next token of N episodes side by side."""

    def begin(self, row: int, prompt: str) -> None:
        """Is told that ``row`` starts a new episode."""

    def act(self, obs: Observations, starts: np.ndarray) -> np.ndarray:
        """Returns the next tokens, int64 ``(N,)``; ``starts`` is True for rows at their first token, bool ``(N,)``."""

    def seeded(self, seed: int) -> AbstractContextManager[Any]:
        """Returns a context in which sampling follows ``seed`` and after which nothing else has moved."""


class AgentPlayer:
    """Plays whatever has Stable-Baselines3's ``predict``, recurrent state included."""

    def __init__(self, agent: Any, envs: TextGenVectorEnv, deterministic: bool) -> None:
        self.agent = agent
        self.deterministic = deterministic
        self.state: Any = None
        parameters = inspect.signature(agent.predict).parameters
        takes_masks = "action_masks" in parameters  # the name that sb3-contrib gave it
        self.masks = {"action_masks": envs.action_masks()} if takes_masks and envs.masks_actions else {}

    def begin(self, row: int, prompt: str) -> None:
        """Does nothing: ``predict`` is told by ``episode_start``."""

    def act(self, obs: Observations, starts: np.ndarray) -> np.ndarray:
        """Asks the agent."""
        actions, self.state = self.agent.predict(
            obs, state=self.state, episode_start=starts, deterministic=self.deterministic, **self.masks
        )
        return np.asarray(actions)

    def seeded(self, seed: int) -> AbstractContextManager[Any]:
        """Uses the agent's own ``seeded``; stock SB3 agents sample from torch's global generator, which is lent."""
        own = getattr(self.agent, "seeded", None)
        return own(seed) if own is not None else _torch_seeded(seed)


class FunctionPlayer:
    """Replays the completions of a function token by token, so that they pass through the same ``step``."""

    def __init__(self, function: Callable[[str], str], envs: TextGenVectorEnv) -> None:
        self.function = function
        self.tokenizer = envs.task.tokenizer
        self.scripts: list[deque[int]] = [deque() for _ in range(envs.num_envs)]

    def begin(self, row: int, prompt: str) -> None:
        """Asks the function for its whole completion."""
        completion = self.function(prompt)
        if not isinstance(completion, str):
            name = getattr(self.function, "__name__", repr(self.function))
            raise AgentError(
                f"{name} must return the completion as a text. Actual value for the prompt {prompt!r}: "
                f"{completion!r} ({type(completion).__name__})."
            )
        self.scripts[row] = deque([*self.tokenizer.encode(completion), self.tokenizer.eos_id])

    def act(self, obs: Observations, starts: np.ndarray) -> np.ndarray:
        """Returns the next token of each script; a row that was given none, idle at the end, pads."""
        pad = self.tokenizer.pad_id
        return np.array([script.popleft() if script else pad for script in self.scripts], np.int64)

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Does nothing: a function's randomness, if any, is its own."""
        yield


def player(agent: Any, envs: TextGenVectorEnv, deterministic: bool) -> Player:
    """Returns the player of an agent.

    Raises:
        AgentError: If it has no ``predict`` and is no function.
    """
    if hasattr(agent, "predict"):
        return AgentPlayer(agent, envs, deterministic)
    if callable(agent) and not isinstance(agent, type):
        return FunctionPlayer(agent, envs)
    raise AgentError(
        "An agent has Stable-Baselines3's predict(obs, state, episode_start, deterministic), or is a function from "
        f"prompt to completion. Actual value: {agent!r} ({type(agent).__name__}). `textgym.evaluate` also takes names."
    )


@contextmanager
def _torch_seeded(seed: int) -> Iterator[None]:
    torch = sys.modules.get("torch")
    if torch is None:  # then nothing can sample with it
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
