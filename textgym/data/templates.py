"""Prompt templates: a text with the names of columns in braces, such as ``"Question: {question} Answer:"``."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textgym.errors import DataError, OptionError, suggest


@dataclass(frozen=True)
class Template:
    """A template that has been read.

    Attributes:
        parts: Text and the column that follows it, or None after the last text.
    """

    parts: tuple[tuple[str, str | None], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it names."""
        return tuple(dict.fromkeys(column for _, column in self.parts if column is not None))

    def render(self, record: Mapping[str, Any], place: str) -> str:
        """Returns the text for a record; texts, numbers and truth values are written as Python does.

        Args:
            record: The columns.
            place: Where the record stands, for errors.

        Raises:
            DataError: If a column is missing, or holds something else.
        """
        return "".join(text if column is None else text + _value(column, record, place) for text, column in self.parts)


def parse(text: str) -> Template:
    """Returns the template that ``text`` stands for, in the form of `str.format` with nothing but plain names.

    Raises:
        OptionError: If braces do not pair up, or hold something else than the name of a column.
    """
    if not isinstance(text, str):
        raise OptionError(f"A template is a text with columns in braces. Actual value: {text!r}.")
    try:
        found = list(string.Formatter().parse(text))
    except ValueError as error:
        raise OptionError(f"The template {text!r} cannot be read: {error}. Write {{{{ and }}}} for braces.") from error
    for _, column, form, conversion in found:
        if column is not None and (not column.strip() or set(column) & set(".[]") or form or conversion):
            field = f"{column}{'!' + conversion if conversion else ''}{':' + form if form else ''}"
            raise OptionError(
                f"The template {text!r} has {{{field}}}; braces hold the name of a column and nothing more. "
                "Prepare the column beforehand, or write {{ and }} for braces."
            )
    template = Template(tuple((literal, column) for literal, column, _, _ in found))
    if not template.columns:
        raise OptionError(f"The template {text!r} names no column, so that all prompts would be one.")
    return template


def _value(column: str, record: Mapping[str, Any], place: str) -> str:
    if column not in record:
        raise DataError(
            f"{place} has no column {column!r}, which the template names.{suggest(column, record)} "
            f"Its columns are {', '.join(record)}."
        )
    value = record[column]
    if not isinstance(value, str | int | float):
        raise DataError(
            f"{place} has nothing to write for column {column!r} of the template: it takes texts and numbers. "
            f"Actual value: {value!r}. Fill the column in, or drop the row."
        )
    return str(value)
