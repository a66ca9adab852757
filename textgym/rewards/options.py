"""The options of rewards, checked when a reward is made."""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Real
from typing import Any

from textgym.errors import RewardError


def check_count(reward: Any, option: str, value: Any) -> None:
    """Raises `RewardError` unless ``value`` is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RewardError(f"{reward.name}({option}=…) takes a whole number of at least 1. Actual value: {value!r}.")


def check_number(reward: Any, option: str, value: Any) -> None:
    """Raises `RewardError` unless ``value`` is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise RewardError(f"{reward.name}({option}=…) takes a finite number. Actual value: {value!r}.")


def check_flag(reward: Any, option: str, value: Any) -> None:
    """Raises `RewardError` unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise RewardError(f"{reward.name}({option}=…) takes True or False. Actual value: {value!r}.")


def check_choice(reward: Any, option: str, value: Any, choices: Collection[Any]) -> None:
    """Raises `RewardError` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise RewardError(f"{reward.name}({option}=…) takes one of {tuple(choices)}. Actual value: {value!r}.")
