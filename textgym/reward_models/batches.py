"""Feedback as batches of tokens for transformers' `Trainer`.

Shapes: B rows of feedback, K completions of a row (1 but for rankings), L tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch.utils.data import Dataset, Sampler

from textgym.rewards.models import right_padded

from .feedback import Label, Ranking, Rating


class Item(NamedTuple):
    """One row of feedback, encoded.

    Attributes:
        ids: Tokens of each completion with its prompt, best first.
        target: Class, standardised rating, or margin of a ranking.
        starts: Where in its tokens each completion begins, where every token of it is to be scored; else empty.
    """

    ids: list[list[int]]
    target: float
    starts: Sequence[int] = ()


class Items(Dataset):
    """Rows of feedback, encoded once."""

    def __init__(self, rows: Sequence[Item]) -> None:
        self.rows = rows
        self.lengths = [max(map(len, row.ids)) for row in rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Item:
        return self.rows[index]


class Collator:
    """Makes a batch of items.

    The batch has ``input_ids`` and ``attention_mask``, int64 ``(ΣK, L)``, the completions of all rows one after the
    other; ``sizes``, K of each row, int64 ``(B,)``; ``labels``, the targets, ``(B,)``, int64 for classes and
    float32 otherwise; and, where every token is to be scored, ``starts``, int64 ``(ΣK,)``.
    """

    def __init__(self, pad_id: int, classes: bool) -> None:
        self.pad_id = pad_id
        self.classes = classes

    def __call__(self, rows: list[Item]) -> dict[str, Any]:
        """Returns the batch."""
        ids, mask = right_padded([ids for row in rows for ids in row.ids], self.pad_id, "cpu")
        targets = torch.tensor([row.target for row in rows])
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "sizes": torch.tensor([len(row.ids) for row in rows]),
            "labels": targets.long() if self.classes else targets.float(),
            **({"starts": torch.tensor([start for row in rows for start in row.starts])} if rows[0].starts else {}),
        }


class LengthGrouped(Sampler[int]):
    """Shuffles so that the rows of a batch are of like length: padding costs as much as text.

    The order is a function of seed and epoch, so that a resumed training sees the rows that it would have seen.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch whose order comes next; `Trainer` calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        from transformers.trainer_pt_utils import get_length_grouped_indices

        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + self._epoch)
        return iter(get_length_grouped_indices(list(self._lengths), self._batch_size, generator=generator))


def message(prompt: str, text: str) -> str:
    """Returns prompt and completion as one text, with a blank between them where neither brings one."""
    blank = prompt and text and not prompt[-1].isspace() and not text[0].isspace()
    return f"{prompt} {text}" if blank else prompt + text


def messages(row: Rating | Label | Ranking) -> list[str]:
    """Returns the texts of a row, each with its prompt, best first."""
    texts = row.texts if isinstance(row, Ranking) else (row.text,)
    return [message(row.prompt, text) for text in texts]


def encode(
    rows: Sequence[Rating | Label | Ranking],
    targets: Sequence[float],
    tokenizer: Any,
    length: int,
    per_token: bool = False,
) -> Items:
    """Returns the rows as items of at most ``length`` tokens a text; longer ones lose their beginning.

    Args:
        rows: B rows of feedback.
        targets: Class, standardised rating or margin of each.
        tokenizer: The model's; it must tell where in a text its tokens lie, for ``per_token``.
        length: In tokens.
        per_token: Whether every token of a completion is to be scored, so that its beginning must be known.
    """
    texts = [messages(row) for row in rows]
    flat = [text for row in texts for text in row]
    options = {"truncation": True, "max_length": length, "return_offsets_mapping": per_token}
    found = tokenizer(flat, **options) if flat else {"input_ids": [], "offset_mapping": []}
    ids = iter(found["input_ids"])
    spans = iter(found["offset_mapping"]) if per_token else None
    items = []
    for row, parts, target in zip(rows, texts, targets, strict=True):
        starts = [] if spans is None else [_start(next(spans), len(row.prompt)) for _ in parts]
        items.append(Item([next(ids) for _ in parts], float(target), starts))
    return Items(items)


def _start(spans: Sequence[tuple[int, int]], prompt: int) -> int:
    """Returns the place of the first token that reaches beyond ``prompt`` characters, or of the last token."""
    return next((i for i, (_, end) in enumerate(spans) if end > prompt), len(spans) - 1)
