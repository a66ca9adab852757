"""The arguments of an agent's constructor as JSON, for agents that are saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from stable_baselines3.common.utils import ConstantSchedule, LinearSchedule

from textgym import rewards, tokenizers
from textgym.errors import TextGymError
from textgym.rewards import Reward
from textgym.tokenizers import Tokenizer

UNSAVED, LINEAR = "$unsaved", "$linear_schedule"


class Unsaved(NamedTuple):
    """Stands for a value that JSON cannot hold, such as a function; whoever loads must give it again."""

    text: str


def encode(value: Any) -> Any:
    """Returns ``value`` as JSON; rewards and tokenizers become names that make them again."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {name: encode(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, Path | torch.device):
        return str(value)
    if isinstance(value, ConstantSchedule):
        return value.val
    if isinstance(value, LinearSchedule):
        return {LINEAR: [value.start, value.end, value.end_fraction]}
    if isinstance(value, type) and issubclass(value, torch.optim.Optimizer):
        name = str(value.__qualname__)
        return name if getattr(torch.optim, name, None) is value else {UNSAVED: name}
    if isinstance(value, Reward | Tokenizer):
        return _name(value) or {UNSAVED: repr(value)}
    return {UNSAVED: repr(value)}


def decode(value: Any) -> Any:
    """Returns what `encode` was given, or `Unsaved` where any part of it could not be kept."""
    if isinstance(value, dict):
        if UNSAVED in value:
            return Unsaved(value[UNSAVED])
        if LINEAR in value:
            return LinearSchedule(*value[LINEAR])
        items = {name: decode(item) for name, item in value.items()}
        return next((item for item in items.values() if isinstance(item, Unsaved)), items)
    return [decode(item) for item in value] if isinstance(value, list) else value


def _name(value: Reward | Tokenizer) -> str | None:
    """Returns the name that makes an equal object again, if there is one."""
    try:
        if isinstance(value, Tokenizer):
            return value.name if tokenizers.load(value.name).fingerprint == value.fingerprint else None
        return repr(value) if repr(rewards.make(repr(value))) == repr(value) else None
    except TextGymError:
        return None
