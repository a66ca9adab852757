"""Agents as text: ``"beam_search(runs/demo, n=4)"``, taken apart; nothing is evaluated as code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from textgym.errors import AgentError

WORDS = {"None": None, "True": True, "False": False}


class Spec(NamedTuple):
    """An agent made by a call.

    Attributes:
        name: What stands before the brackets.
        source: What the agent plays or reads, as it stands; None where the call names none.
        options: The rest, by name.
    """

    name: str
    source: str | None
    options: dict[str, Any]


def parse(text: str) -> Spec | None:
    """Returns the parts of ``name(source, option=value, …)``, or None where ``text`` is no call.

    The source is taken as it stands, up to the next comma outside brackets and quotes; it may be a call itself. Values
    are JSON, ``None``, ``True``, ``False`` or a plain text. Quotes, single or double, keep commas and equals signs
    together.

    Raises:
        AgentError: If the brackets hold something else.
    """
    match = re.fullmatch(r"\s*(\w+)\s*\((.*)\)\s*", text, re.DOTALL)
    if match is None:
        return None
    source: str | None = None
    options: dict[str, Any] = {}
    for part in _parts(match[2], text):
        option = re.fullmatch(r"([A-Za-z_]\w*)\s*=\s*(.*)", part, re.DOTALL)
        if option is not None and option[1] not in options:
            options[option[1]] = _value(option[2])
        elif option is None and source is None and not options and part:
            source = _unquoted(part)
        else:
            raise AgentError(
                f"{part!r} cannot stand there. Write name(source, option=value, …), each option once, such as "
                f"beam_search(tiny, n=4). Actual value: {text!r}."
            )
    return Spec(match[1], source, options)


def _parts(inside: str, text: str) -> Iterator[str]:
    """Yields what the commas outside brackets and quotes separate."""
    if not inside.strip():
        return
    depth, quote, start = 0, "", 0
    for i, character in enumerate(inside):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and not inside[start:i].strip().rpartition("=")[2].strip():
            quote = character  # one that opens a source or a value; in the midst of a path it is an apostrophe
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            yield inside[start:i].strip()
            start = i + 1
    if quote or depth:
        raise AgentError(f"Brackets or quotes are not closed. Actual value: {text!r}.")
    yield inside[start:].strip()


def _value(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if text[:1] == "'":
        return _unquoted(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return _unquoted(text)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
