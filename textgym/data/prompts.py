"""Prompts as token ids: BOS and a text, or messages in a tokenizer's chat template, within a budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textgym.data.rows import Row
from textgym.errors import DataError, TokenizerError
from textgym.tokenizers import Tokenizer

Messages = Sequence[Mapping[str, str]]
"""Chat messages, each with a ``role`` and a ``content``."""


def encode(tokenizer: Tokenizer, text: str, messages: Messages = (), *, chat: bool = False) -> list[int]:
    """Returns the ids of a prompt, however many: BOS (where there is one) and the text, or the rendered chat.

    Args:
        tokenizer: Whose ids.
        text: The prompt; in a chat without messages, what the user says.
        messages: The prompt of a chat.
        chat: Whether the tokenizer's chat template renders it, up to where the assistant's turn begins. The template
            writes BOS itself, where its model wants one.
    """
    if chat:
        return tokenizer.encode_chat(messages or ({"role": "user", "content": text},))
    return [*_bos(tokenizer), *tokenizer.encode(text)]


def cut(
    tokenizer: Tokenizer, text: str, messages: Messages = (), *, chat: bool = False, size: int, side: str
) -> list[int]:
    """Returns the ids of a prompt that has lost tokens on one side until it fits, where it can.

    A text keeps its BOS. A chat keeps its form: the content of its last message is what loses tokens.

    Args:
        tokenizer: See `encode`.
        text: See `encode`.
        messages: See `encode`.
        chat: See `encode`.
        size: Number of tokens to fit into.
        side: ``"left"`` or ``"right"``.
    """
    ids = encode(tokenizer, text, messages, chat=chat)
    if len(ids) <= size:
        return ids
    if not chat:
        kept = len(_bos(tokenizer))
        return ids[:kept] + _shorter(ids[kept:], len(ids) - size, side)
    *before, last = messages or ({"role": "user", "content": text},)
    content = tokenizer.encode(last["content"])
    while len(ids) > size and content:
        content = _shorter(content, len(ids) - size, side)
        ids = tokenizer.encode_chat([*before, {**last, "content": tokenizer.decode(content)}])
    return ids


class Budget:
    """Looks for prompts that are longer than a task allows, and tells of all of them at once.

    Args:
        tokenizer: See `encode`.
        size: Tokens of the longest prompt that is allowed.
        chat: See `encode`.
    """

    def __init__(self, tokenizer: Tokenizer, size: int, *, chat: bool = False) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._chat = chat
        self._count = 0
        self._first = self._longest = ("", 0)

    def check(self, row: Row, place: str) -> None:
        """Counts the tokens of a row.

        Raises:
            DataError: If the vocabulary cannot write it, or the chat template refuses it.
        """
        try:
            tokens = len(encode(self._tokenizer, row.prompt, row.messages, chat=self._chat))
        except TokenizerError as error:
            raise DataError(f"{place} cannot be written in the vocabulary. {error}") from error
        if tokens > self._size:
            self._count += 1
            self._first = self._first if self._count > 1 else (place, tokens)
            self._longest = max(self._longest, (place, tokens), key=lambda found: found[1])

    def close(self, column: str) -> None:
        """Ends the count.

        Args:
            column: Where the prompts come from, for the error.

        Raises:
            DataError: If any prompt was too long.
        """
        if not self._count:
            return
        (first, tokens), (longest, most) = self._first, self._longest
        more = f"; {self._count:,} rows are too long, most of all {longest}, with {most:,}" if self._count > 1 else ""
        raise DataError(
            f"{first} has a prompt of {tokens:,} tokens ({column}, vocabulary {self._tokenizer.name!r}), more than "
            f"max_prompt_tokens={self._size}{more}. Give max_prompt_tokens={most}, shorten the prompts, or have "
            "them cut with truncation_side='left' (or 'right')."
        )


def _bos(tokenizer: Tokenizer) -> list[int]:
    return [] if tokenizer.bos_id is None else [tokenizer.bos_id]


def _shorter(ids: list[int], excess: int, side: str) -> list[int]:
    return ids[excess:] if side == "left" else ids[: max(len(ids) - excess, 0)]
