"""What is asked, how it is scored, and when it stops: a `Task` is data, an environment plays it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from textgym import data, rewards, tokenizers
from textgym.data import Row
from textgym.errors import OptionError, TaskError, suggest
from textgym.rewards import Reward
from textgym.simulators import Simulator
from textgym.tokenizers import Tokenizer

OVERRIDES = (
    "split",
    "reward",
    "tokenizer",
    "max_prompt_tokens",
    "max_new_tokens",
    "max_reply_tokens",
    "gamma",
    "truncation_side",
)
"""What may be changed of any task when its environment is made."""

ReferencePolicy = Callable[[Row, tuple[str, ...]], str]
"""What to answer to a row, after the agent's turns so far; see `Task.reference_policy`."""

ENCODED = 2**14
"""Prompts whose ids a task keeps; beyond them it starts anew, so that memory stays flat in an endless split."""


@dataclass(frozen=True)
class Task:
    """A text-generation task.

    Attributes:
        name: Name in reports.
        rows: The rows of each split; an item is addressed by its number and never changes.
        tokenizer: Vocabulary of the actions.
        reward: What scores a completion.
        max_prompt_tokens: Longest prompt, in tokens, BOS included.
        max_new_tokens: Longest completion, in tokens. The budget is a rule of the task: an episode that reaches it is
            over (``terminated``), and what was written is scored.
        split: The split in play.
        gamma: Discount per token, in (0, 1].
        stop: Strings that end a completion; the completion is cut before them.
        allowed_tokens: Ids that `action_masks` allows, or None for all.
        metrics: Further scores that reports show, by name; they are never part of the reward.
        success_threshold: An episode counts as a success from this reward on; None where success is not defined.
        truncation_side: Side on which a prompt that is too long loses tokens, ``"left"`` or ``"right"``; None makes it
            an error.
        simulator: What writes between the agent's turns; None where an episode is one turn.
        max_reply_tokens: Longest that all replies of an episode are together, in tokens; None takes the simulator's own.
        reference_policy: What a perfect agent writes, of a row and of its turns so far; None where the first reference
            says it, or where nobody knows.

    Raises:
        TaskError: If a budget, gamma or the split cannot work.
    """

    name: str
    rows: Mapping[str, Sequence[Row]]
    tokenizer: Tokenizer
    reward: Reward
    max_prompt_tokens: int
    max_new_tokens: int
    split: str = "train"
    gamma: float = 1.0
    stop: tuple[str, ...] = ()
    allowed_tokens: tuple[int, ...] | None = None
    metrics: Mapping[str, Reward] = field(default_factory=dict)
    success_threshold: float | None = None
    truncation_side: str | None = None
    simulator: Simulator | None = None
    max_reply_tokens: int | None = None
    reference_policy: ReferencePolicy | None = None
    _encoded: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        def set_(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        for name, value, kind in (
            ("tokenizer", self.tokenizer, Tokenizer),
            *(("reward", reward, Reward) for reward in (self.reward, *self.metrics.values())),
        ):
            if not isinstance(value, kind):
                raise TaskError(
                    f"A Task takes its {name} as an object; textgym.make_task() also takes names. "
                    f"Actual value: {value!r}."
                )
        set_("metrics", MappingProxyType(dict(self.metrics)))
        set_("stop", (self.stop,) if isinstance(self.stop, str) else tuple(self.stop))
        data.check_split(self.split)
        budgets = ["max_prompt_tokens", "max_new_tokens"]
        if self.simulator is None and self.max_reply_tokens is not None:
            raise TaskError(
                f"{self.name!r} has no simulator, so nobody replies. Leave max_reply_tokens={self.max_reply_tokens!r} out."
            )
        if self.simulator is not None:
            set_("max_reply_tokens", self.max_reply_tokens or self.simulator.max_reply_tokens)
            budgets.append("max_reply_tokens")
        for budget in budgets:
            value = getattr(self, budget)
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise TaskError(f"{budget} must be a whole number of tokens, at least 1. Actual value: {value!r}.")
            set_(budget, int(value))
        if not isinstance(self.gamma, int | float) or not 0 < self.gamma <= 1:
            raise TaskError(f"gamma must lie in (0, 1]. Actual value: {self.gamma!r}.")
        if isinstance(self.reward, rewards.Dense) and self.reward.gamma not in (None, self.gamma):
            raise TaskError(
                f"Dense(gamma={self.reward.gamma}) meets an environment with gamma={self.gamma}: the return would be "
                "discounted twice. Leave the gamma of Dense out; it takes the environment's."
            )
        if self.truncation_side not in (None, "left", "right"):
            raise TaskError(f"truncation_side is 'left', 'right' or None. Actual value: {self.truncation_side!r}.")
        if "" in self.stop:
            raise TaskError("A stop string must not be empty.")
        if not len(self):
            sizes = {split: len(rows) for split, rows in self.rows.items()}
            raise TaskError(f"The split {self.split!r} of {self.name!r} has no rows. Rows by split: {sizes}.")

    def __len__(self) -> int:
        return len(self.rows.get(self.split, ()))

    def __getitem__(self, index: int) -> Row:
        if not 0 <= index < len(self):
            raise TaskError(
                f"There is no prompt {index} in the split {self.split!r} of {self.name!r}; it has {len(self)} "
                f"(0 to {len(self) - 1})."
            )
        return self.rows[self.split][int(index)]

    def prompt_ids(self, index: int) -> np.ndarray:
        """Returns BOS and the ids of prompt ``index``, int64 ``(P,)``; the array is shared: do not write to it."""
        if index not in self._encoded:
            if len(self._encoded) >= ENCODED:
                self._encoded.clear()
            self._encoded[index] = self.encode_prompt(self[index].prompt)
        return self._encoded[index]

    def encode_prompt(self, prompt: str) -> np.ndarray:
        """Returns BOS (where the vocabulary has one) and the ids of ``prompt``, int64 ``(P,)``.

        Raises:
            TaskError: If that is no token at all, or more than ``max_prompt_tokens``.
        """
        if not isinstance(prompt, str):
            raise TaskError(f"A prompt is a text. Actual value: {prompt!r} ({type(prompt).__name__}).")
        bos = () if self.tokenizer.bos_id is None else (self.tokenizer.bos_id,)
        text = self.tokenizer.encode(prompt)
        room = self.max_prompt_tokens - len(bos)
        if self.truncation_side is not None and len(text) > room > 0:
            text = text[-room:] if self.truncation_side == "left" else text[:room]
        ids = np.array([*bos, *text], dtype=np.int64)
        if not 1 <= len(ids) <= self.max_prompt_tokens:
            raise TaskError(
                f"The prompt {prompt[:60]!r} has {len(ids)} tokens, BOS included; {self.name!r} takes 1 to "
                f"{self.max_prompt_tokens}. Shorten it, or make the environment with max_prompt_tokens={len(ids)} or "
                "truncation_side='left' (or 'right')."
            )
        return ids

    @property
    def max_tokens(self) -> int:
        """Longest episode, in tokens: prompt, completion, and the replies of a simulator."""
        return self.max_prompt_tokens + self.max_new_tokens + (self.max_reply_tokens or 0)

    @property
    def can_answer(self) -> bool:
        """Whether `answer` knows what to write."""
        return self.reference_policy is not None or bool(self[0].references)

    def answer(self, row: Row, turns: tuple[str, ...] = ()) -> str:
        """Returns what a perfect agent writes next.

        Args:
            row: A row of this task.
            turns: The agent's turns so far.

        Raises:
            TaskError: If nobody knows.
        """
        if self.reference_policy is not None:
            return self.reference_policy(row, turns)
        if not row.references:
            raise TaskError(f"{self.name!r} has no reference for the prompt {row.prompt[:60]!r}, and no reference_policy.")
        return row.references[0]

    def __deepcopy__(self, memo: Any) -> Task:
        return self  # frozen; Gymnasium deep-copies the kwargs of a spec


def make_task(
    source: str | Path | Iterable[Any],
    *,
    reward: Any,
    prompt: str = "prompt",
    references: str | None = None,
    tokenizer: Any = "tiny",
    max_prompt_tokens: int = 64,
    max_new_tokens: int = 64,
    split: str = "train",
    gamma: float = 1.0,
    stop: Sequence[str] = (),
    metrics: Mapping[str, Any] | None = None,
    name: str = "custom",
) -> Task:
    """Returns a task on the user's own data; ``textgym.TextGenEnv(task)`` plays it.

    Args:
        source: A JSONL, JSON, CSV, TSV or Parquet file, a data set or its Hub id, or an iterable of dicts or prompts.
        reward: A name, an expression, a callable ``(prompts, completions, **columns) -> list[float]``, or a folder
            that holds a sequence classifier.
        prompt: Column of the prompts.
        references: Column of the reference texts, if any; other columns reach the reward under their own names.
        tokenizer: What `textgym.tokenizers.load` takes.
        max_prompt_tokens: See `Task`.
        max_new_tokens: See `Task`.
        split: See `Task`.
        gamma: See `Task`.
        stop: See `Task`.
        metrics: Further scores for reports, by name; each is what ``reward`` may be.
        name: See `Task`.

    Raises:
        DataError: If the data cannot be read or a column is missing.
    """
    return Task(
        name=name,
        rows=data.load_rows(source, prompt, references),
        tokenizer=tokenizers.load(tokenizer),
        reward=rewards.make(reward),
        max_prompt_tokens=max_prompt_tokens,
        max_new_tokens=max_new_tokens,
        split=split,
        gamma=gamma,
        stop=tuple(stop),
        metrics={metric: rewards.make(spec) for metric, spec in (metrics or {}).items()},
    )


def resolve(task: Task | str, **kwargs: Any) -> Task:
    """Returns the task that an environment plays.

    Args:
        task: A task, or ``"module:function"`` that returns one.
        **kwargs: Options of that function, and any of `OVERRIDES`; None leaves the task's own value.

    Raises:
        OptionError: If an option is unknown; nothing is swallowed.
    """
    given = {name: value for name, value in kwargs.items() if value is not None}
    if not isinstance(task, str | Task):
        raise TaskError(f"A task is a Task or 'module:function'. Actual value: {task!r}.")
    own = list(inspect.signature(_load_function(task)).parameters) if isinstance(task, str) else []
    known = dict.fromkeys([*own, *OVERRIDES])
    for name, value in kwargs.items():
        if name not in known:
            raise OptionError(
                f"Unknown option {name}={value!r}.{suggest(name, known)} This environment takes {', '.join(known)}."
            )
    if isinstance(task, str):
        task = _load_function(task)(**{name: given.pop(name) for name in own if name in given})
    return _override(task, given)


def _override(task: Task, changes: dict[str, Any]) -> Task:
    data.check_split(changes.get("split", task.split))
    if "tokenizer" in changes:
        changes["tokenizer"] = tokenizers.load(changes["tokenizer"])
        if task.allowed_tokens is not None and changes["tokenizer"].fingerprint != task.tokenizer.fingerprint:
            raise TaskError(
                f"{task.name!r} restricts the tokens of its own vocabulary {task.tokenizer.name!r}; it cannot be "
                f"played with the tokenizer {changes['tokenizer'].name!r}."
            )
    if "reward" in changes:
        changes["reward"] = rewards.make(changes["reward"])
        changes["success_threshold"] = None  # it was stated for the task's own reward
    return replace(task, **changes) if changes else task


def _load_function(path: str) -> Callable[..., Task]:
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise TaskError(f"No task function could be loaded from {path!r}: {error}. Give 'module:function'.") from error
