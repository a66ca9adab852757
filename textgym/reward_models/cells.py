"""What one cell of a feedback file means: a rating, a label, a text, a list, a dialogue; or why it means nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

ASSISTANT = "\n\nAssistant:"
HUMAN = "\n\nHuman:"


class MalformedError(ValueError):
    """A cell that cannot be used; the message is a whole clause, such as "the rating is NaN"."""


def is_missing(value: Any) -> bool:
    """Returns True for None, a blank text, and NaN, which is how data frames write an absent text."""
    return (
        value is None
        or (isinstance(value, str) and not value.strip())
        or (isinstance(value, float) and math.isnan(value))
    )


def is_number(value: Any) -> bool:
    """Returns True for what `number` reads as one, NaN and infinity included."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def number(value: Any, name: str) -> float:
    """Returns a finite number; ``name`` says in the error what it would have been, such as ``rating``.

    Raises:
        MalformedError: If it is missing, NaN, infinite, or no number.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise MalformedError(f"the {name} is missing")
    if not is_number(value):
        raise MalformedError(f"the {name} {_short(value)} is not a number")
    result = float(value)
    if math.isnan(result):
        raise MalformedError(f"the {name} is NaN")
    if math.isinf(result):
        raise MalformedError(f"the {name} is infinite")
    return result


def label(value: Any) -> str:
    """Returns a label as text: 1 and 1.0, which data frames make of whole numbers, are both ``"1"``.

    Raises:
        MalformedError: If it is missing.
    """
    if is_missing(value):
        raise MalformedError("the label is missing")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def text(value: Any, name: str) -> str:
    """Returns a text that is not blank, without white space around it.

    Raises:
        MalformedError: If it is missing, blank, or no text.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise MalformedError(f"the {name} is missing")
    if not isinstance(value, str):
        raise MalformedError(f"the {name} is not a text but {_short(value)}")
    if not value.strip():
        raise MalformedError(f"the {name} is empty")
    return value.strip()


def items(value: Any, name: str) -> list[Any]:
    """Returns a list; in a text, such as a cell of a CSV file, it is a JSON list.

    Raises:
        MalformedError: If it is none.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise MalformedError(f"the {name} is not a JSON list: {_short(value)}") from error
    if not isinstance(value, list | tuple):
        raise MalformedError(f"the {name} is not a list but {_short(value)}")
    return list(value)


def by_rank(texts: Sequence[Any], ranks: Sequence[Any]) -> list[Any]:
    """Returns the texts best first; rank 1 is the best.

    Raises:
        MalformedError: If there is not one rank a text, or two texts share a rank.
    """
    if len(texts) != len(ranks):
        raise MalformedError(f"there are {len(texts)} texts but {len(ranks)} ranks")
    places = [number(rank, "rank") for rank in ranks]
    if len(set(places)) < len(places):
        raise MalformedError(f"two texts share a rank: {_short(list(ranks))}")
    return [texts[i] for i in sorted(range(len(texts)), key=places.__getitem__)]


def dialogue(prompt: Any, answers: Sequence[Any], names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Returns the prompt and the answers to it, taken apart where the answers hold whole dialogues.

    Three forms are understood. Texts are answers as they are. Without a prompt, texts that begin with "Human:" and
    hold "Assistant:" turns, each after an empty line, are dialogues: the prompt runs to the last "Assistant:" that all
    share. Lists of ``{"role", "content"}`` messages: the prompt is the messages that all share, if any; one message
    becomes its content, several become ``role: content`` paragraphs. Answers lose the white space around them.

    Args:
        prompt: A text, a list of messages, or None.
        answers: One cell an answer, at least one.
        names: What to call each answer in an error.

    Raises:
        MalformedError: If a text is missing, blank or no text, or the dialogues share no beginning.

    Source of the first form of dialogues: Bai et al. 2022, arXiv:2204.05862, github.com/anthropics/hh-rlhf.
    """
    turns = [_messages(answer) for answer in answers]
    if all(turn is not None for turn in turns):
        conversations = [turn for turn in turns if turn is not None]
        shared = _shared(conversations)
        written = _paragraphs(conversations[0][:shared]) if shared else _prompt(prompt)
        tails = ["\n\n".join(content for _, content in turn[shared:]) for turn in conversations]
        return written, tuple(text(tail, name) for tail, name in zip(tails, names, strict=True))
    texts = [text(answer, name) for answer, name in zip(answers, names, strict=True)]
    written = _prompt(prompt)
    if written or not all(item.startswith((HUMAN, HUMAN.lstrip())) and ASSISTANT in item for item in texts):
        return written, tuple(texts)
    whole = [str(answer) for answer in answers]
    low, high = min(whole), max(whole)  # what these two share, all between them share
    common = low[: next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))]
    end = common.rfind(ASSISTANT)
    if end < 0:
        raise MalformedError("the dialogues differ before the first answer")
    cut = end + len(ASSISTANT)
    return common[:cut], tuple(text(item[cut:], name) for item, name in zip(whole, names, strict=True))


def _prompt(value: Any) -> str:
    if is_missing(value):
        return ""
    messages = _messages(value)
    if messages is None and not isinstance(value, str):
        raise MalformedError(f"the prompt is not a text but {_short(value)}")
    return value if messages is None else _paragraphs(messages)


def _messages(value: Any) -> list[tuple[str, str]] | None:
    """The ``(role, content)`` of each message, or None if ``value`` is no list of messages."""
    if not isinstance(value, list | tuple) or not value:
        return None
    if not all(isinstance(m, Mapping) and isinstance(m.get("content"), str) and "role" in m for m in value):
        return None
    return [(str(message["role"]), message["content"]) for message in value]


def _shared(conversations: Sequence[Sequence[tuple[str, str]]]) -> int:
    """How many messages all begin with, leaving each at least its last."""
    most = min(map(len, conversations)) - 1
    same = (all(turn[i] == conversations[0][i] for turn in conversations) for i in range(most))
    return next((i for i, equal in enumerate(same) if not equal), most)


def _paragraphs(messages: Sequence[tuple[str, str]]) -> str:
    if len(messages) == 1:
        return messages[0][1]
    return "\n\n".join(f"{role}: {content}" for role, content in messages)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
