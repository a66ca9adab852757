"""Agents that decide on whole turns and then give them token by token."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym
import numpy as np

from textgym import registry
from textgym.env import allowed_mask
from textgym.errors import AgentError
from textgym.evaluation.players import takes_masks, takes_rngs
from textgym.tasks import Task
from textgym.tokenizers import Tokenizer
from textgym.vector import TextGenVectorEnv


class Opening(NamedTuple):
    """Where a turn begins.

    Attributes:
        ids: The text so far, int64 ``(length,)``.
        prompt_length: Tokens of the prompt among them.
        budget: Tokens that the agent has left, at least 1.
        rng: What the turn is to be drawn with; None where the writer draws from its own.
    """

    ids: np.ndarray
    prompt_length: int
    budget: int
    rng: np.random.Generator | None = None


@dataclass
class _Plan:
    """What was decided for one row: the text so far and the turn, and the budget that is left after it."""

    ids: np.ndarray
    budget: int


@dataclass
class _Plans:
    """The recurrent state of a `Planner`: the plan of each row."""

    rows: dict[int, _Plan] = field(default_factory=dict)


class Planner(ABC):
    """An agent whose ``predict`` decides on a turn when one begins, and then gives its tokens.

    In a conversation each turn is decided on when the reply before it has been written. The state that ``predict``
    returns holds what was decided and must be passed back.

    Args:
        agent: What writes, if anything does; it lends its tokenizer and its ``seeded``.
        task: What is played; the observations must be of this task.
    """

    whole: ClassVar[bool] = False
    """Whether a plan is a whole episode, replies included, rather than one turn."""

    def __init__(self, agent: Any, task: Task) -> None:
        self.agent = agent
        self.task = task
        self.tokenizer: Tokenizer = task.tokenizer

    @abstractmethod
    def plan(self, openings: Sequence[Opening], deterministic: bool) -> list[np.ndarray]:
        """Returns the tokens that follow each opening, EOS included where it ends the turn, each int64 ``(n,)``."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Returns the next token of what was decided for each observation, and the state to pass back.

        Raises:
            AgentError: If an observation is amid something that was not decided on here, or of another environment.
        """
        input_ids = np.atleast_2d(observation["input_ids"])
        lengths = np.atleast_1d(np.asarray(observation["attention_mask"]).sum(-1, dtype=np.int64)).tolist()
        starts = np.atleast_2d(observation["prompt_length"])[:, 0].tolist()
        if input_ids.shape[1] != self.task.max_tokens:
            raise AgentError(
                f"{type(self).__name__} was made for episodes of {self.task.max_tokens} tokens ({self.task.name!r}), "
                f"the observation has {input_ids.shape[1]}. Make it with the environment that it plays, and the same "
                "options."
            )
        plans = state if isinstance(state, _Plans) else _Plans()
        openings: dict[int, Opening] = {}
        for row, (length, start) in enumerate(zip(lengths, starts, strict=True)):
            budget = self._budget(plans.rows.get(row), input_ids[row, :length], start)
            if budget is not None:
                rng = None if rngs is None else rngs[row]
                openings[row] = Opening(input_ids[row, :length].copy(), start, budget, rng)
        if openings:
            turns = self.plan(list(openings.values()), deterministic)
            for (row, opening), turn in zip(openings.items(), turns, strict=True):
                plans.rows[row] = _Plan(np.concatenate([opening.ids, turn]), opening.budget - len(turn))
        eos = self.tokenizer.eos_id  # for a row that is over; an environment that resets in the next step ignores it
        actions = np.array(
            [ids[n] if n < len(ids := plans.rows[row].ids) else eos for row, n in enumerate(lengths)], np.int64
        )
        return (actions[0] if np.ndim(observation["input_ids"]) == 1 else actions), plans

    def seeded(self, seed: int) -> AbstractContextManager[Any]:
        """Returns a context in which what this agent draws is drawn from ``seed``."""
        return self.agent.seeded(seed) if hasattr(self.agent, "seeded") else nullcontext()

    def _budget(self, plan: _Plan | None, context: np.ndarray, start: int) -> int | None:
        """Returns the tokens left for the turn that begins here; None where a plan goes on or is over."""
        if len(context) == start:
            return self.task.max_new_tokens
        size = 0 if plan is None else min(len(plan.ids), len(context))
        if plan is None or not np.array_equal(plan.ids[:size], context[:size]):
            raise AgentError(
                f"{type(self).__name__} decides before the first token, and was asked amid a text that it did not "
                "decide on. Pass back the state that predict() returned" + self._else_astray()
            )
        if len(context) <= len(plan.ids):
            return None
        if self.whole or plan.budget < 1:
            raise AgentError(
                f"{type(self).__name__} has nothing left to say, and the conversation goes on. Make it with the "
                "environment that it plays, and the same options" + self._else_astray()
            )
        return plan.budget

    def _else_astray(self) -> str:
        if not self.whole or self.task.simulator is None:
            return "."
        return (
            "; where two conversations begin with the same prompt, it cannot tell them apart, and this environment "
            "is not for it."
        )


def task_of(env: str | Task, tokenizer: Tokenizer | None = None, make_kwargs: Mapping[str, Any] | None = None) -> Task:
    """Returns the task of an environment.

    Args:
        env: A registered id or a `Task`.
        tokenizer: The vocabulary to play it in, unless ``make_kwargs`` name one; None leaves the environment's own.
        make_kwargs: Options of the environment.

    Raises:
        TextGymError: If the id or an option is unknown.
    """
    kwargs = dict(make_kwargs or {})
    if tokenizer is not None:
        kwargs.setdefault("tokenizer", tokenizer)
    if isinstance(env, Task):
        return TextGenVectorEnv(env, **kwargs).task
    registry.entry(env)  # raises for an id that is not one of ours, and knows what was meant
    return gym.make_vec(env, 1, **kwargs).unwrapped.task  # type: ignore[attr-defined]  # a TextGenVectorEnv


def mask_argument(agent: Any, task: Task, size: int) -> dict[str, np.ndarray]:
    """Returns ``action_masks`` bool ``(size, V)`` for ``agent.predict``, where the task has any and the agent asks."""
    if task.allowed_tokens is None or not takes_masks(agent):
        return {}
    return {"action_masks": np.tile(allowed_mask(task), (size, 1))}


def sample_rngs(agent: Any, openings: Sequence[Opening], n: int) -> dict[str, list[np.random.Generator]]:
    """Returns generators for ``agent.predict``, n of each opening's own, where it has one and the agent asks."""
    if not takes_rngs(agent) or any(opening.rng is None for opening in openings):
        return {}
    return {"rngs": [rng for opening in openings if opening.rng is not None for rng in opening.rng.spawn(n)]}


def check_count(name: str, value: Any, owner: str) -> int:
    """Returns ``value`` if it is a whole number of 1 or more.

    Raises:
        AgentError: Otherwise.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise AgentError(f"{owner} takes a whole number, at least 1, as {name}. Actual value: {name}={value!r}.")
    return int(value)
