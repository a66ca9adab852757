"""What goes into a reward and what comes out of it, checked at the door."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from textgym.errors import RewardError


def texts(reward: Any, kind: str, values: Any) -> list[str]:
    """Returns the ``kind`` ("prompts" or "completions") that a reward was given, as a list.

    Raises:
        RewardError: If they are not texts.
    """
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise RewardError(f"Reward {reward.name!r} takes {kind} as a list of texts. Actual value: {shorten(values)}.")
    values = list(values)
    for value in values:
        if not isinstance(value, str):
            raise RewardError(f"Reward {reward.name!r} takes {kind} as texts. Actual value: {shorten(value)}.")
    return values


def numbers(reward: Any, values: Any, completions: Sequence[str]) -> np.ndarray:
    """Returns what a reward gave to B completions, as float64 ``(B,)``.

    Raises:
        RewardError: If it is not one finite number for each.
    """
    values = values.tolist() if hasattr(values, "tolist") else values  # an array or a tensor
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise RewardError(
            f"Reward {reward.name!r} returned {shorten(values)} ({type(values).__name__}); it must return a list, "
            f"one number for each of the {len(completions)} completions."
        )
    if len(values) != len(completions):
        raise RewardError(
            f"Reward {reward.name!r} returned {len(values)} numbers for {len(completions)} completions. "
            f"Actual value: {shorten(values)}."
        )
    values = [value.item() if hasattr(value, "item") else value for value in values]  # their scalars
    for value, completion in zip(values, completions, strict=True):
        if not isinstance(value, Real) or not math.isfinite(value):
            raise RewardError(
                f"Reward {reward.name!r} gave {shorten(value)} to the completion {shorten(completion)}; "
                "every score must be a finite number."
            )
    return np.array(values, dtype=np.float64)


def notes(reward: Any, values: Sequence[str], completions: Sequence[str]) -> tuple[str, ...]:
    """Returns the notes that a reward gave, one for each completion or none at all.

    Raises:
        RewardError: If there are some, and not one text for each completion.
    """
    if values and (len(values) != len(completions) or not all(isinstance(note, str) for note in values)):
        raise RewardError(
            f"Reward {reward.name!r} must note one text for each of the {len(completions)} completions. "
            f"Actual value: {shorten(values)}."
        )
    return tuple(values)


def shorten(value: Any) -> str:
    """Returns the ``repr`` of ``value``, cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
