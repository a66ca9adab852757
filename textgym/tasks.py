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

from textgym import rewards, tokenizers
from textgym.data import Row, check_split, load_rows, prompts
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
    "chat",
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
        gold: The metric that tells whether the reward was earned as meant: one of ``metrics`` that is no part of the
            reward, or ``"success"`` where a reward that reaches its threshold is the truth itself; None where there is
            none.
        success_threshold: An episode counts as a success from this reward on; None where success is not defined.
        truncation_side: Side on which a prompt that is too long loses tokens, ``"left"`` or ``"right"``; None makes it
            an error.
        simulator: What writes between the agent's turns; None where an episode is one turn.
        max_reply_tokens: Longest that all replies of an episode are together, in tokens; None takes the simulator's
            own.
        reference_policy: What a perfect agent writes, of a row and of its turns so far; None where the first reference
            says it, or where nobody knows.
        chat: Whether the tokenizer's own chat template renders the prompt, as what a user says (or as the messages of
            the row), up to where the assistant's turn begins.

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
    gold: str | None = None
    success_threshold: float | None = None
    truncation_side: str | None = None
    simulator: Simulator | None = None
    max_reply_tokens: int | None = None
    reference_policy: ReferencePolicy | None = None
    chat: bool = False
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
        if self.gold not in (None, "success", *self.metrics):
            raise TaskError(
                f"gold is one of the metrics {', '.join(self.metrics) or '(there are none)'}, or 'success'. Actual "
                f"value: {self.gold!r}."
            )
        set_("stop", _texts("stop", self.stop))
        check_split(self.split)
        budgets = ["max_prompt_tokens", "max_new_tokens"]
        if self.simulator is None and self.max_reply_tokens is not None:
            raise TaskError(
                f"{self.name!r} has no simulator, so nobody replies. "
                f"Leave max_reply_tokens={self.max_reply_tokens!r} out."
            )
        if self.simulator is not None:
            set_("max_reply_tokens", self.max_reply_tokens or self.simulator.max_reply_tokens)
            budgets.append("max_reply_tokens")
        for budget in budgets:
            set_(budget, _checked_budget(budget, getattr(self, budget)))
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
        if not isinstance(self.chat, bool):
            raise TaskError(f"chat is True or False. Actual value: {self.chat!r}.")
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
            row = self[index]
            self._encoded[index] = self._encode(row.prompt, row.messages)
        return self._encoded[index]

    def encode_prompt(self, prompt: str) -> np.ndarray:
        """Returns the ids of ``prompt``, BOS (where the vocabulary has one) or the chat template included, ``(P,)``.

        Raises:
            TaskError: If that is no token at all, or more than ``max_prompt_tokens``.
            TokenizerError: If the vocabulary cannot write it, or has no chat template for ``chat``.
        """
        return self._encode(prompt, ())

    def _encode(self, prompt: str, messages: prompts.Messages) -> np.ndarray:
        if not isinstance(prompt, str):
            raise TaskError(f"A prompt is a text. Actual value: {prompt!r} ({type(prompt).__name__}).")
        if self.truncation_side is None:
            ids = prompts.encode(self.tokenizer, prompt, messages, chat=self.chat)
        else:
            size, side = self.max_prompt_tokens, self.truncation_side
            ids = prompts.cut(self.tokenizer, prompt, messages, chat=self.chat, size=size, side=side)
        if not 1 <= len(ids) <= self.max_prompt_tokens:
            raise TaskError(
                f"The prompt {prompt[:60]!r} has {len(ids)} tokens, BOS{' and chat template' if self.chat else ''} "
                f"included; {self.name!r} takes 1 to {self.max_prompt_tokens}. Shorten it, or make the environment "
                f"with max_prompt_tokens={len(ids)} or truncation_side='left' (or 'right')."
            )
        return np.array(ids, dtype=np.int64)

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
            raise TaskError(
                f"{self.name!r} has no reference for the prompt {row.prompt[:60]!r}, and no reference_policy."
            )
        return row.references[0]

    def __deepcopy__(self, memo: Any) -> Task:
        return self  # frozen; Gymnasium deep-copies the kwargs of a spec


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (value,)
    if not all(isinstance(text, str) for text in texts):
        raise TaskError(f"{name} is a text or a list of texts. Actual value: {value!r}.")
    return texts


def _checked_budget(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise TaskError(f"{name} must be a whole number of tokens, at least 1. Actual value: {value!r}.")
    return int(value)


def make_task(
    data: str | Path | Iterable[Any],
    *,
    reward: Any,
    prompt: str | None = None,
    references: str | None = None,
    template: str | None = None,
    chat: bool = False,
    tokenizer: Any = "tiny",
    max_prompt_tokens: int = 64,
    max_new_tokens: int = 64,
    truncation_side: str | None = None,
    split: str = "train",
    gamma: float = 1.0,
    stop: str | Sequence[str] = (),
    metrics: Mapping[str, Any] | Sequence[str] | None = None,
    gold: str | None = None,
    success_threshold: float | None = None,
    name: str = "custom",
    config: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
) -> Task:
    r"""Returns a task on the user's own data; ``textgym.TextGenEnv(task)`` plays it.

    Args:
        data: A JSONL, JSON, CSV, TSV or Parquet file, a data set (an object, the folder that ``save_to_disk`` wrote, or
            its Hub id), an iterable of dicts or prompts, or a mapping of splits.
        reward: A name, an expression, a callable ``(prompts, completions, **columns) -> list[float]``, or a folder
            that holds a sequence classifier.
        prompt: Column of the prompts; ``"prompt"`` if neither it nor a template is given.
        references: Column of the reference texts, if any; other columns reach the reward under their own names.
        template: Makes the prompt of one or more columns, such as ``"Question: {question}\nAnswer:"``; braces hold
            names of columns and nothing else, ``{{`` and ``}}`` stand for braces.
        chat: See `Task`; the column of the prompts may then hold lists of messages with ``role`` and ``content``.
        tokenizer: What `textgym.tokenizers.load` takes.
        max_prompt_tokens: See `Task`; all prompts are measured.
        max_new_tokens: See `Task`.
        truncation_side: See `Task`.
        split: See `Task`.
        gamma: See `Task`.
        stop: See `Task`.
        metrics: Further scores for reports: what ``reward`` may be, by name, or a list of names.
        gold: See `Task`.
        success_threshold: See `Task`.
        name: See `Task`.
        config: Configuration of a data set on the Hub, where it has several.
        revision: Commit, tag or branch of a data set on the Hub.
        streaming: Whether rows stay on disk and are read when they are asked for; see `textgym.data.load_rows`. For
            data that does not fit memory: beyond `textgym.data.MAX_ROWS` rows nothing else works.

    Raises:
        DataError: If the data cannot be read, a column is missing, or a row cannot be played: file, line and column are
            named.
        OptionError: If an option has a value that it cannot take.
    """
    vocabulary, size = tokenizers.load(tokenizer), _checked_budget("max_prompt_tokens", max_prompt_tokens)
    measured = truncation_side is None and (not chat or vocabulary.can_chat)  # an agent may yet bring one that can
    return Task(
        name=name,
        rows=load_rows(
            data,
            prompt,
            references,
            template=template,
            chat=chat,
            config=config,
            revision=revision,
            streaming=streaming,
            budget=prompts.Budget(vocabulary, size, chat=chat) if measured else None,
        ),
        tokenizer=vocabulary,
        reward=rewards.make(reward),
        max_prompt_tokens=max_prompt_tokens,
        max_new_tokens=max_new_tokens,
        split=split,
        gamma=gamma,
        stop=stop,  # type: ignore[arg-type]  # a text alone is taken too
        metrics=_metrics(metrics),
        gold=gold,
        success_threshold=success_threshold,
        truncation_side=truncation_side,
        chat=chat,
    )


def _metrics(specs: Mapping[str, Any] | Sequence[str] | None) -> dict[str, Reward]:
    if not isinstance(specs, Mapping):
        specs = {spec: spec for spec in _texts("metrics", specs or ())}
    return {metric: rewards.make(spec) for metric, spec in specs.items()}


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
    check_split(changes.get("split", task.split))
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
