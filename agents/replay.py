"""Replaying what another system wrote, from a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from textgym.data import records
from textgym.errors import AgentError, DataError, suggest

COLUMNS = ("prompt", "completion")


class Replay:
    """A function from prompt to completion that looks the completion up in a file.

    `textgym.evaluate` and the commands play it like any function: its texts go through ``env.step`` token by token. In
    a conversation each turn is a line of its own, whose prompt is the whole text so far. It has no ``predict``: what an
    observation holds are tokens, and another system's texts need not have the same ones.

    Args:
        data: JSONL, JSON, CSV, TSV or Parquet with the columns ``prompt`` and ``completion``, or rows of them. A prompt
            that has several completions gets them in turn, from the first again after the last.

    Raises:
        DataError: If the file cannot be read, or a row lacks a column or holds something other than texts.
    """

    def __init__(self, data: Any) -> None:
        self.source = records.describe(data)
        self._completions: dict[str, list[str]] = {}
        for record in records.read(data):
            if record.fault is not None:
                raise DataError(f"{self.source}, {record.spot}: the row {record.fault}")
            row = record.value if isinstance(record.value, Mapping) else {}
            prompt, completion = (row.get(column) for column in COLUMNS)
            if not isinstance(prompt, str) or not isinstance(completion, str):
                raise DataError(
                    f"{self.source}, {record.spot}: a row to replay has the texts {' and '.join(map(repr, COLUMNS))}. "
                    f"Actual value: {str(record.value)[:80]}."
                )
            self._completions.setdefault(prompt, []).append(completion)
        if not self._completions:
            raise DataError(f"{self.source} has no rows, so there is nothing to replay.")
        self._asked: Counter[str] = Counter()

    def __call__(self, prompt: str) -> str:
        """Returns the next completion of ``prompt``.

        Raises:
            AgentError: If the file has none.
        """
        if prompt not in self._completions:
            raise AgentError(
                f"{self.source} has no completion for the prompt {prompt!r}.{suggest(prompt, self._completions)} It "
                f"has {len(self._completions):,} prompts; write a line for each that is asked, exactly as it is asked."
            )
        known = self._completions[prompt]
        self._asked[prompt] += 1
        return known[(self._asked[prompt] - 1) % len(known)]

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Gives a context in which each prompt starts from its first completion; ``seed`` changes nothing."""
        own, self._asked = self._asked, Counter()
        try:
            yield
        finally:
            self._asked = own
