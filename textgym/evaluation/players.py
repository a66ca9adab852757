"""What plays an environment during evaluation: an agent with ``predict``, or a function from prompt to completion."""

from __future__ import annotations

import inspect
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Protocol

import numpy as np

from textgym.data import Row
from textgym.errors import AgentError
from textgym.vector import TextGenVectorEnv

Observations = dict[str, np.ndarray]


class Player(Protocol):
    """Chooses the next token of N episodes side by side."""

    def begin(self, row: int, item: Row, rng: np.random.Generator) -> None:
        """Is told that ``row`` starts a new episode, what is asked, and where its randomness comes from."""

    def act(self, obs: Observations, starts: np.ndarray) -> np.ndarray:
        """Returns the next tokens, int64 ``(N,)``; ``starts`` is True for rows at their first token, bool ``(N,)``."""

    def end(self, row: int) -> None:
        """Is told that the episode in ``row`` is over."""

    def seeded(self, seed: int) -> AbstractContextManager[Any]:
        """Returns a context in which sampling follows ``seed`` and after which nothing else has moved."""


class AgentPlayer:
    """Plays whatever has Stable-Baselines3's ``predict``, recurrent state included.

    An agent whose ``predict`` has an argument ``rngs`` is given one generator an episode and draws what it draws for an
    observation from that one: then it writes the same whatever is played beside it. Others draw as ``seeded`` has it.
    """

    def __init__(self, agent: Any, envs: TextGenVectorEnv, deterministic: bool) -> None:
        self.agent = agent
        self.deterministic = deterministic
        self.state: Any = None
        masks = {"action_masks": envs.action_masks()} if envs.masks_actions and takes_masks(agent) else {}
        self.rngs = [np.random.default_rng(0)] * envs.num_envs  # each row is given its own before it acts
        self.given = {**masks, "rngs": self.rngs} if takes_rngs(agent) else masks

    def begin(self, row: int, item: Row, rng: np.random.Generator) -> None:
        """Takes the generator of the row; ``predict`` is told of the start by ``episode_start``."""
        self.rngs[row] = rng

    def end(self, row: int) -> None:
        """Does nothing."""

    def act(self, obs: Observations, starts: np.ndarray) -> np.ndarray:
        """Asks the agent."""
        actions, self.state = self.agent.predict(
            obs, state=self.state, episode_start=starts, deterministic=self.deterministic, **self.given
        )
        return np.asarray(actions)

    def seeded(self, seed: int) -> AbstractContextManager[Any]:
        """Uses the agent's own ``seeded``; stock SB3 agents sample from torch's global generator, which is lent."""
        own = getattr(self.agent, "seeded", None)
        return own(seed) if own is not None else _torch_seeded(seed)


def takes_masks(agent: Any) -> bool:
    """Whether an agent's ``predict`` asks which tokens are allowed, by the name that sb3-contrib gave it."""
    return "action_masks" in inspect.signature(agent.predict).parameters


def takes_rngs(agent: Any) -> bool:
    """Whether an agent's ``predict`` draws for each observation from a generator of its own, ``rngs``."""
    return "rngs" in inspect.signature(agent.predict).parameters


class Oracle:
    """An agent that answers as well as its task knows to: by the reference policy, or the first reference.

    `textgym.evaluate` and the bench play it, as the mark that scores are normalised by. It sees what no agent may see,
    so it has no ``predict``.
    """


Write = Callable[[Row, tuple[str, ...], str], str]
"""Returns the next turn, of the row that is asked, the agent's turns so far and the whole text so far."""


class ScriptPlayer:
    """Replays texts, decided a turn at a time, token by token, so that they pass through the same ``step``."""

    def __init__(
        self, write: Write, envs: TextGenVectorEnv, seeded: Callable[[int], AbstractContextManager[Any]] | None = None
    ) -> None:
        self.write = write
        self.envs = envs
        self.scripts: list[deque[int]] = [deque() for _ in range(envs.num_envs)]
        self.items: dict[int, Row] = {}  # of the rows that play; the others idle
        self.spoken: dict[int, int] = {}  # turns that were over when the script of a row was written
        self._seeded = seeded

    def begin(self, row: int, item: Row, rng: np.random.Generator | None = None) -> None:
        """Takes note of the row that is asked; its script is written when it is to act."""
        self.items[row] = item
        self.scripts[row].clear()

    def act(self, obs: Observations, starts: np.ndarray) -> np.ndarray:
        """Returns the next token of each script; a row that was given none, idle at the end, pads."""
        tokenizer = self.envs.task.tokenizer
        for row, item in self.items.items():
            turns = tuple(self.envs.turns(row))
            if not self.scripts[row] or self.spoken[row] != len(turns):  # a stop string may end a turn before its EOS
                turn = self.write(item, turns, self.envs.text(row))
                self.scripts[row] = deque([*tokenizer.encode(turn), tokenizer.eos_id])
                self.spoken[row] = len(turns)
        return np.array([script.popleft() if script else tokenizer.pad_id for script in self.scripts], np.int64)

    def end(self, row: int) -> None:
        """Drops what is left of the script of an episode that is over."""
        self.items.pop(row, None)
        self.scripts[row].clear()

    def seeded(self, seed: int) -> AbstractContextManager[Any]:
        """Uses the script's own ``seeded``, where it has one; its randomness, if any, is its own affair."""
        return nullcontext() if self._seeded is None else self._seeded(seed)


def player(agent: Any, envs: TextGenVectorEnv, deterministic: bool) -> Player:
    """Returns the player of an agent; a function is given the whole text so far and writes a turn.

    Raises:
        AgentError: If it has no ``predict`` and is no function.
    """
    if hasattr(agent, "predict"):
        return AgentPlayer(agent, envs, deterministic)
    if isinstance(agent, Oracle):
        return ScriptPlayer(lambda item, turns, text: envs.task.answer(item, turns), envs)
    if callable(agent) and not isinstance(agent, type):
        return ScriptPlayer(partial(_written_by, agent), envs, getattr(agent, "seeded", None))
    raise AgentError(
        "An agent has Stable-Baselines3's predict(obs, state, episode_start, deterministic), or is a function from "
        f"prompt to completion. Actual value: {agent!r} ({type(agent).__name__}). `textgym.evaluate` also takes names."
    )


def _written_by(function: Callable[[str], str], item: Row, turns: tuple[str, ...], text: str) -> str:
    completion = function(text)
    if not isinstance(completion, str):
        name = getattr(function, "__name__", repr(function))
        raise AgentError(
            f"{name} must return the completion as a text. Actual value for the prompt {text!r}: "
            f"{completion!r} ({type(completion).__name__})."
        )
    return completion


@contextmanager
def _torch_seeded(seed: int) -> Iterator[None]:
    torch = sys.modules.get("torch")
    if torch is None:  # then nothing can sample with it
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
