"""Where hyperparameters are searched for: a space for each family of algorithms, and spaces of the user's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from textgym.errors import OptionError, suggest

DIGITS = 3
"""Significant digits of a number that is drawn: what is written to a file is what was trained with."""


@dataclass(frozen=True)
class Range:
    """Numbers between two ends.

    Attributes:
        low, high: The ends, both included.
        log: Whether each order of magnitude is as likely as another.
        whole: Whether the numbers are whole.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def suggest(self, trial: Any, name: str) -> Any:
        """Returns the number that an Optuna trial has under ``name``."""
        draw = trial.suggest_int if self.whole else trial.suggest_float
        return draw(name, self.low, self.high, log=self.log)

    def to_json(self) -> dict[str, Any]:
        """Returns the form that `read` takes."""
        return {"low": self.low, "high": self.high, **{key: True for key in ("log", "whole") if getattr(self, key)}}


@dataclass(frozen=True)
class Choice:
    """One of several values, in no order.

    Attributes:
        values: Numbers, texts, True, False or None.
    """

    values: tuple[Any, ...]

    def suggest(self, trial: Any, name: str) -> Any:
        """Returns the value that an Optuna trial has under ``name``."""
        return trial.suggest_categorical(name, self.values)

    def to_json(self) -> list[Any]:
        """Returns the form that `read` takes."""
        return list(self.values)


Dimension: TypeAlias = Range | Choice
Space: TypeAlias = dict[str, Dimension]
"""Dimensions by hyperparameter; ``policy_kwargs.temperature`` is an entry of a dictionary."""

_RETURNS: Space = {"n_steps": Choice((16, 32, 64)), "gae_lambda": Choice((0.9, 0.95, 0.98, 1.0))}
_ACTOR_CRITIC: Space = {**_RETURNS, "vf_coef": Range(0.03, 1.0, log=True)}
_SEVERAL_EPOCHS: Space = {"n_epochs": Choice((1, 2, 4)), "clip_range": Choice((0.1, 0.2, 0.3))}
_ENTROPY: Space = {"ent_coef": Range(1e-4, 0.03, log=True)}
_SAMPLES: Space = {"n_samples": Choice((2, 4, 8, 16))}

SPACES: dict[str, Space] = {
    "ppo": {**_ACTOR_CRITIC, **_SEVERAL_EPOCHS, **_ENTROPY, "batch_size": Choice((256, 512, 1024))},
    "a2c": {**_ACTOR_CRITIC, **_ENTROPY},
    "trpo": {**_RETURNS, "target_kl": Range(0.005, 0.2, log=True), "n_critic_updates": Choice((2, 4, 8))},
    "reinforce": {"n_steps": Choice((4, 8, 16, 32)), **_ENTROPY, "n_samples": Choice((1, 2, 4, 8))},
    "rloo": {"n_steps": Choice((4, 8, 16, 32)), **_ENTROPY, **_SAMPLES},
    "sft": {"batch_size": Choice((64, 128, 256, 512))},
    "expert_iteration": {
        "n_samples": Choice((4, 8, 16)),
        "quantile": Range(0.0, 0.8),
        "n_epochs": Choice((1, 2, 4)),
        "batch_size": Choice((32, 64, 128)),
    },
}
SPACES["nlpo"] = {**SPACES["ppo"], "mask_top_p": Range(0.7, 0.99), "mask_refresh": Choice((5, 10, 20, 40))}
SPACES["grpo"] = SPACES["dr_grpo"] = {**SPACES["rloo"], **_SEVERAL_EPOCHS, "n_minibatches": Choice((1, 2, 4))}

_LEARNING_RATES = {
    "sft": (Range(3e-5, 1e-3, log=True), Range(5e-4, 2e-2, log=True)),
    "expert_iteration": (Range(3e-5, 1e-3, log=True), Range(5e-4, 1e-2, log=True)),
}
_USUAL_RATES = (Range(1e-5, 1e-3, log=True), Range(3e-4, 1e-2, log=True))
_KEEPS_NO_REFERENCE = ("sft", "expert_iteration")


def space(algorithm: str, pretrained: bool) -> Space:
    """Returns the space of one of our algorithms.

    Args:
        algorithm: Its name.
        pretrained: Whether the model can write already. It is then spoilt by a large learning rate, held to what it was
            by ``kl_coef``, and ``policy_kwargs.temperature`` keeps it among the words that it knows.

    Raises:
        OptionError: If there is no space for it: one of another package.
    """
    if algorithm not in SPACES:
        raise OptionError(
            f"There is no search space for {algorithm!r}.{suggest(algorithm, SPACES)} Give one with --space FILE.yml."
        )
    rates = _LEARNING_RATES.get(algorithm, _USUAL_RATES)
    found: Space = {"learning_rate": rates[0 if pretrained else 1], **SPACES[algorithm]}
    if pretrained and algorithm not in _KEEPS_NO_REFERENCE:
        found["kl_coef"] = Range(0.003, 0.3, log=True)
    if pretrained and algorithm != "sft":
        found["policy_kwargs.temperature"] = Choice((0.7, 0.85, 1.0))
    return found


def read(path: str | Path) -> dict[str, Dimension | None]:
    """Returns the dimensions of a YAML file, which `overridden` puts over a space.

    A list names the values, a mapping the ends of a range, and ``null`` takes a hyperparameter out of the search:

    .. code-block:: yaml

        learning_rate: {low: 1.0e-5, high: 3.0e-4, log: true}
        n_critic_updates: {low: 2, high: 16, whole: true}
        n_steps: [16, 32, 64]
        policy_kwargs.temperature: [0.7, 1.0]
        ent_coef: null

    Raises:
        OptionError: If it cannot be read, or says something else.
    """
    try:
        table = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise OptionError(f"The search space {str(path)!r} cannot be read: {error}") from error
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table):
        raise OptionError(f"A search space is a mapping from hyperparameters. {str(path)!r} holds {table!r}.")
    return {name: None if value is None else dimension(name, value) for name, value in table.items()}


def dimension(name: str, value: Any) -> Dimension:
    """Returns what one entry of a file says; see `read`.

    Raises:
        OptionError: If it is neither a list of values nor the ends of a range.
    """
    if isinstance(value, list) and value and all(isinstance(v, str | int | float | None) for v in value):
        return Choice(tuple(value))
    if isinstance(value, Mapping) and {"low", "high"} <= value.keys() <= {"low", "high", "log", "whole"}:
        try:
            low, high = float(value["low"]), float(value["high"])
        except (TypeError, ValueError):
            low = high = math.nan
        log, whole = bool(value.get("log", False)), bool(value.get("whole", False))
        if low < high < math.inf and low > (0 if log else -math.inf) and not (whole and (low % 1 or high % 1)):
            return Range(int(low), int(high), log, whole) if whole else Range(low, high, log)
    raise OptionError(
        f"{name} of a search space is a list of values, such as [16, 32], or a range {{low: 0.001, high: 0.1, log: "
        f"true}} with low below high, above 0 where log is true. Actual value: {value!r}."
    )


def overridden(base: Space, changes: Mapping[str, Dimension | None], fixed: Mapping[str, Any]) -> Space:
    """Returns a space with the dimensions of ``changes`` in place of its own, and without what is ``fixed``.

    >>> sorted(overridden({"a": Choice((1, 2)), "p.q": Choice((1,))}, {"b": Range(0, 1)}, {"a": 2}))
    ['b', 'p.q']
    """
    merged = {name: dim for name, dim in {**base, **changes}.items() if dim is not None}
    return {name: dim for name, dim in merged.items() if not _in(fixed, name)}


def draw(trial: Any, space: Mapping[str, Dimension]) -> dict[str, Any]:
    """Returns the hyperparameters of an Optuna trial, as JSON."""
    return settle({name: dim.suggest(trial, name) for name, dim in space.items()})


def settle(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is drawn under flat names as hyperparameters, numbers rounded to `DIGITS`.

    >>> settle({"learning_rate": 0.00123456, "n_steps": 16, "policy_kwargs.temperature": 0.7})
    {'learning_rate': 0.00123, 'n_steps': 16, 'policy_kwargs': {'temperature': 0.7}}
    """
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        *outer, last = name.split(".")
        place = found
        for key in outer:
            place = place.setdefault(key, {})
        place[last] = float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
    return found


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Returns two dictionaries as one, those inside them too; the second wins.

    >>> merged({"a": 1, "p": {"x": 1}}, {"p": {"y": 2}})
    {'a': 1, 'p': {'x': 1, 'y': 2}}
    """
    both = dict(first)
    for key, value in second.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both


def _in(fixed: Mapping[str, Any], name: str) -> bool:
    first, dot, rest = name.partition(".")
    if first not in fixed:
        return False
    inner = fixed[first]
    return not dot or (_in(inner, rest) if isinstance(inner, Mapping) else True)
