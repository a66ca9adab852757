"""Rewards as YAML: a weighted sum of terms, each of which may be bounded, normalised or gated first.

    terms:
      - reward: word_frequency        # a name or an expression
        weight: 0.3
        normalize: true               # by its running mean and deviation
      - reward: similarity
        weight: 0.7
        clip: [0, 1]
      - reward: length
        options: {target: 12}
        gate: {reward: english_words, threshold: 0.9}
    clip: [-2, 2]                     # of the sum; normalize and gate can stand here too
    dense: true                       # paid in every step, see `Dense`

Within a term and for the whole, the order is gate, clip, normalize.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

from textgym.errors import RewardError, TextGymError, suggest

from .base import Reward
from .dense import Dense

SUFFIXES = (".yml", ".yaml")
SHAPING = ("gate", "clip", "normalize")
TERM = ("reward", "options", "weight", *SHAPING)
WHOLE = ("terms", *SHAPING, "dense")


def load(path: str | Path, make: Callable[..., Reward]) -> Reward:
    """Returns the reward that a YAML file composes.

    Args:
        path: The file.
        make: `textgym.rewards.make`, which the terms go through.

    Raises:
        RewardError: If there is no such file, or it composes no reward; the message names the file and the term.
    """
    import yaml

    file = Path(path)
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RewardError(f"There is no reward file {str(path)!r} (from {Path.cwd()}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RewardError(f"{file} is not YAML: {error}") from error
    try:
        return compose(content, make)
    except TextGymError as error:
        raise type(error)(f"{file}: {error}") from error


def compose(content: Any, make: Callable[..., Reward]) -> Reward:
    """Returns the reward that the content of such a file composes; `load` tells what is raised."""
    whole = _mapping(content, "A reward file", WHOLE)
    terms = whole.get("terms")
    if not isinstance(terms, list) or not terms:
        raise RewardError(f"'terms' is a list of at least one term. Actual value: {terms!r}.")
    reward = _shaped(reduce(Reward.__add__, [_term(term, i, make) for i, term in enumerate(terms, 1)]), whole, make)
    return Dense(reward) if _flag(whole, "dense") else reward


def _term(content: Any, place: int, make: Callable[..., Reward]) -> Reward:
    try:
        term = _mapping(content, "A term", TERM)
        if "reward" not in term:
            raise RewardError(f"It needs a 'reward'. Actual value: {dict(term)}.")
        weight = term.get("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise RewardError(f"'weight' is a number. Actual value: {weight!r}.")
        reward = _shaped(make(term["reward"], **_mapping(term.get("options", {}), "'options'")), term, make)
        return reward if weight == 1 else weight * reward
    except TextGymError as error:
        raise type(error)(f"term {place}: {error}") from error


def _shaped(reward: Reward, content: Mapping[str, Any], make: Callable[..., Reward]) -> Reward:
    if "gate" in content:
        gate = _mapping(content["gate"], "'gate'", ("reward", "threshold"))
        reward = reward.gate(make(gate.get("reward")), gate.get("threshold", 0.0))
    if "clip" in content:
        bounds = content["clip"]
        if not isinstance(bounds, list) or len(bounds) != 2:
            raise RewardError(f"'clip' is a list [low, high]. Actual value: {bounds!r}.")
        reward = reward.clip(*bounds)
    return reward.normalize() if _flag(content, "normalize") else reward


def _flag(content: Mapping[str, Any], name: str) -> bool:
    value = content.get(name, False)
    if not isinstance(value, bool):
        raise RewardError(f"{name!r} is true or false. Actual value: {value!r}.")
    return value


def _mapping(content: Any, what: str, known: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise RewardError(
            f"{what} is a mapping{' of ' + ', '.join(known) if known else ''}. Actual value: {content!r}."
        )
    for key in content:
        if known and key not in known:
            raise RewardError(f"{what} has no {key!r}.{suggest(str(key), known)} It has {', '.join(known)}.")
    return content
