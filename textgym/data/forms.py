"""The form of a data set: which of its columns make the prompt, the references, and what the reward sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textgym.data import templates
from textgym.data.rows import RESERVED, SPLITS, Row
from textgym.data.templates import Template
from textgym.errors import DataError, OptionError, suggest

_KINDS = {
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a truth value",
    list: "a list",
    tuple: "a list",
    dict: "a record",
}


@dataclass(frozen=True)
class Form:
    """How a record becomes a row.

    Attributes:
        prompt: Column of the prompts; of no account where a template makes them.
        references: Column of the reference or references, if any.
        template: Makes the prompts of several columns.
        chat: Whether prompts may be chat messages.
    """

    prompt: str
    references: str | None = None
    template: Template | None = None
    chat: bool = False

    @classmethod
    def of(cls, prompt: str | None, references: str | None, template: str | None, chat: bool) -> Form:
        """Returns the form that the options of `textgym.make_task` describe.

        Raises:
            OptionError: If the template cannot be read, or leaves the prompt out.
        """
        if template is None:
            return cls(prompt or "prompt", references, None, chat)
        parsed = templates.parse(template)
        if prompt is not None and prompt not in parsed.columns:
            raise OptionError(
                f"The template {template!r} makes the prompts and does not name the column prompt={prompt!r}. Write "
                f"{{{prompt}}} into it, or leave prompt out."
            )
        return cls(prompt or "prompt", references, parsed, chat)

    @property
    def source(self) -> str:
        """Where prompts come from, for errors."""
        return f"column {self.prompt!r}" if self.template is None else "made by the template"

    def record(self, value: Any, place: str) -> Mapping[str, Any]:
        """Returns a record of named columns; a text alone is a prompt.

        Raises:
            DataError: If it is neither.
        """
        if isinstance(value, str):
            return {self.prompt: value}
        if not isinstance(value, Mapping):
            raise DataError(
                f"{place} is not a record of columns, such as {{{self.prompt!r}: …}}. Actual value: {value!r:.80}."
            )
        return value

    def row(self, record: Mapping[str, Any], place: str) -> Row:
        """Returns the row of a record.

        Args:
            record: The columns.
            place: Where the record stands, for errors.

        Raises:
            DataError: If a column is missing, or holds what it must not.
        """
        needed = [self.references] if self.template is not None else [self.prompt, self.references]
        for column in needed:
            if column is not None and column not in record:
                option = "prompt" if column == self.prompt and self.template is None else "references"
                raise DataError(
                    f"{place} has no column {column!r}.{suggest(column, record)} Its columns are {', '.join(record)}. "
                    f"Name the right one with {option}=."
                )
        messages: tuple[Mapping[str, str], ...] = ()
        if self.template is not None:
            text = _text(self.template.render(record, place), place, self.source)
        elif isinstance(record[self.prompt], list | tuple):
            messages = self._messages(record[self.prompt], place)
            text = readable(messages)
        else:
            text = _text(record[self.prompt], place, self.source)
        if not text.strip():
            raise DataError(
                f"{place} has an empty prompt ({self.source}). Drop the row, or give it a prompt. "
                f"Actual value: {text!r:.80}."
            )
        return Row(text, self._answers(record, place), self._columns(record, place), messages)

    def split(self, record: Mapping[str, Any], place: str) -> str | None:
        """Returns what the column ``split`` says, if there is one.

        Raises:
            DataError: If it is no split of ours.
        """
        split = record.get("split")
        if split is None or split in SPLITS:
            return split
        raise DataError(
            f"{place} has the split {split!r} in column 'split'.{suggest(split, SPLITS)} The splits are "
            f"{', '.join(SPLITS)}. Rename it, or rename the column if it means something else."
        )

    def _answers(self, record: Mapping[str, Any], place: str) -> tuple[str, ...]:
        if self.references is None:
            return ()
        value = record[self.references]
        answers = (value,) if isinstance(value, str) else () if value is None else value
        if not isinstance(answers, list | tuple):
            raise DataError(
                f"{place} has references that are not texts (column {self.references!r}). Actual value: {value!r}. "
                "Write a text, or a list of texts."
            )
        return tuple(_text(answer, place, f"column {self.references!r}", "a reference") for answer in answers)

    def _columns(self, record: Mapping[str, Any], place: str) -> dict[str, Any]:
        used = (None if self.template else self.prompt, self.references, "split")
        columns = {name: value for name, value in record.items() if name not in used}
        if taken := RESERVED.intersection(columns):
            raise DataError(
                f"{place} has a column {min(taken)!r}, a name under which rewards get something else. "
                "Rename the column, or choose it as prompt or references."
            )
        return columns

    def _messages(self, value: Sequence[Any], place: str) -> tuple[Mapping[str, str], ...]:
        well_formed = value and all(
            isinstance(message, Mapping) and all(isinstance(message.get(key), str) for key in ("role", "content"))
            for message in value
        )
        if not well_formed:
            raise DataError(
                f"{place} has a prompt that is not a text ({self.source}), nor a list of chat messages, each with a "
                f"text as role and as content. Actual value: {value!r:.200}."
            )
        if not self.chat:
            raise DataError(
                f"{place} has chat messages as its prompt ({self.source}). Give chat=True and the tokenizer of a chat "
                "model, or a column of texts."
            )
        messages = tuple({"role": message["role"], "content": message["content"]} for message in value)
        for message in messages:
            _text(message["content"], place, self.source)
        if messages[-1]["role"] == "assistant" or not messages[-1]["content"].strip():
            raise DataError(
                f"{place} has chat messages ({self.source}) that end in "
                f"{'one of the assistant' if messages[-1]['role'] == 'assistant' else 'an empty one'}; what the agent "
                f"answers is the last one of a prompt. Leave it out. Actual value: {messages[-1]}."
            )
        return messages


class Kinds:
    """Holds each column to one kind of value; None stands for nothing and goes with all.

    Args:
        lenient: Columns that are not looked at.
    """

    def __init__(self, *lenient: str | None) -> None:
        self._lenient = {"split", *lenient}
        self._seen: dict[str, tuple[str, str]] = {}

    def check(self, record: Mapping[str, Any], place: str) -> None:
        """Compares a record with those before it.

        Raises:
            DataError: If a column changes its kind.
        """
        for column, value in record.items():
            if value is None or column in self._lenient:
                continue
            kind = _KINDS.get(type(value)) or type(value).__name__
            known, first = self._seen.setdefault(column, (kind, place))
            if known != kind:
                raise DataError(
                    f"{place} has {kind} in column {column!r}, where {first} has {known}. Make the column one kind in "
                    f"all rows, or drop it. Actual value: {value!r:.80}."
                )


def readable(messages: Sequence[Mapping[str, str]]) -> str:
    """Returns chat messages as a person reads them; a single one without its role."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n".join(f"{message['role']}: {message['content']}" for message in messages)


def _text(value: Any, place: str, source: str, what: str = "a prompt") -> str:
    if not isinstance(value, str):
        raise DataError(
            f"{place} has {what} that is not a text ({source}). Actual value: {value!r:.80}. Write it as a text, or "
            "drop the row."
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{place} has {what} with half of a surrogate pair ({source}), which is no character: "
            f"{value[error.start]!r} at position {error.start}. Write the character whole, or drop it."
        ) from error
    return value
