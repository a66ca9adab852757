"""What a search for hyperparameters is started with, and the file that keeps it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from textgym.errors import OptionError, suggest
from textgym.evaluation import files

from . import algorithms, search_spaces
from .trials import TrialConfig

SCHEMA = "textgym.search"
SCHEMA_VERSION = 1
SAMPLERS = ("tpe", "random")
PRUNERS = ("median", "none")


@dataclass(frozen=True)
class SearchConfig:
    """What a search is started with; JSON only.

    Attributes:
        trial: What its trials have in common.
        base: Hyperparameters of every trial, where it draws no others; the first trial draws none.
        space: What is drawn, by hyperparameter, in the form of `textgym.agents.search_spaces.read`.
        sampler: ``"tpe"`` or ``"random"``.
        pruner: ``"median"`` leaves a trial whose validation reward stays below the median of the others'; ``"none"``.
        warm_start: What is trained first, once, and where every trial then starts; see
            `textgym.agents.algorithms.warm_start`. Empty for nothing.
    """

    trial: TrialConfig
    base: Mapping[str, Any] = field(default_factory=dict)
    space: Mapping[str, Any] = field(default_factory=dict)
    sampler: str = "tpe"
    pruner: str = "median"
    warm_start: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, known in (("sampler", self.sampler, SAMPLERS), ("pruner", self.pruner, PRUNERS)):
            if value not in known:
                raise OptionError(f"There is no {name} {value!r}.{suggest(value, known)} Choose {' or '.join(known)}.")
        if not self.space:
            raise OptionError("There is nothing to search: every hyperparameter is fixed. Leave some of --set out.")
        parameters = [*algorithms.hyperparameters(self.trial.algorithm), "n_envs"]
        for name in self.space:
            if name.partition(".")[0] not in parameters:
                raise OptionError(
                    f"{self.trial.algorithm} has no hyperparameter {name!r} to search for.{suggest(name, parameters)} "
                    f"It has {', '.join(sorted(parameters))}."
                )

    def dimensions(self) -> search_spaces.Space:
        """Returns the space as objects."""
        return {name: search_spaces.dimension(name, value) for name, value in self.space.items()}

    def to_json(self) -> dict[str, Any]:
        """Returns the attributes, those of ``trial`` too."""
        return asdict(self)

    def write(self, file: Path) -> None:
        """Writes it for `read`."""
        files.write_json(file, {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **self.to_json()})


def read(file: Path) -> SearchConfig:
    """Returns what a ``search.json`` says.

    Raises:
        OptionError: If it cannot be read, or is of another version.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content.pop("schema") != SCHEMA or content.pop("schema_version") != SCHEMA_VERSION:
            raise ValueError("it is of another version")
        return SearchConfig(**{**content, "trial": TrialConfig(**content["trial"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OptionError(f"{str(file)!r} is not that of a search ({error}). Give another folder.") from error


def comparable(config: SearchConfig) -> Any:
    """Returns what must be the same when a search goes on: all but the device."""
    content = config.to_json()
    content["trial"].pop("device")
    return json.loads(json.dumps(content))


def differences(one: SearchConfig, other: SearchConfig) -> str:
    """Returns in words what is not the same."""
    first, second = comparable(one), comparable(other)
    pairs = [(item.name, first[item.name], second[item.name]) for item in fields(SearchConfig) if item.name != "trial"]
    pairs += [(name, first["trial"][name], second["trial"][name]) for name in first["trial"]]
    return ", ".join(f"{name} {a!r}, not {b!r}" for name, a, b in pairs if a != b)
