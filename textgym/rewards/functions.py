"""Plain functions as rewards."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from textgym.errors import RewardError

from .base import Reward


@dataclass(frozen=True, repr=False)
class FunctionReward(Reward):
    """A function ``(prompts, completions, **columns) -> list[float]``, as written for TRL.

    It is called by keyword, with what its signature names, so it may leave out what it does not need.

    Args:
        function: The function, or any callable with a signature.
        name: Name of the term; by default the function's own.
        range: Lowest and highest score, if known.
    """

    function: Callable[..., Sequence[float]]
    name: str = ""
    range: tuple[float, float] = (-math.inf, math.inf)
    _needs: dict[str, bool] = field(init=False, compare=False)  # its keywords; True where it has no default
    _takes_any: bool = field(init=False, compare=False)  # whether it has **columns

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise RewardError(f"A reward function must be callable. Actual value: {self.function!r}.")
        if not self.name:
            object.__setattr__(self, "name", _own_name(self.function))
        object.__setattr__(self, "range", tuple(self.range))
        if len(self.range) != 2 or not self.range[0] <= self.range[1]:
            raise RewardError(f"The range of {self.name!r} must be (lowest, highest). Actual value: {self.range!r}.")
        try:
            parameters = inspect.signature(self.function).parameters.values()
        except ValueError as error:
            raise RewardError(f"The reward function {self.name!r} has no signature to read: {error}.") from error
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        needs = {each.name: each.default is inspect.Parameter.empty for each in parameters if each.kind in named}
        takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)
        if "completions" not in needs and not takes_any:
            raise RewardError(
                f"The reward function {self.name!r} takes {', '.join(needs) or 'nothing'}; it must take completions: "
                "def reward(prompts, completions, **columns) -> list[float]."
            )
        object.__setattr__(self, "_needs", needs)
        object.__setattr__(self, "_takes_any", takes_any)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> Sequence[float]:
        given = {"prompts": prompts, "completions": completions, **columns}
        if missing := [name for name, needed in self._needs.items() if needed and name not in given]:
            raise RewardError(
                f"The reward function {self.name!r} needs {', '.join(missing)}, which this call does not carry. "
                f"Columns here: {', '.join(columns) or 'none'}. Add the column to the data, or give it a default."
            )
        if not self._takes_any:
            given = {name: value for name, value in given.items() if name in self._needs}
        return self.function(**given)

    def __repr__(self) -> str:
        options = [repr(f"{self.function.__module__}:{_own_name(self.function, '__qualname__')}")]
        if self.name != _own_name(self.function):
            options.append(f"name={self.name!r}")
        if self.range != (-math.inf, math.inf):
            options.append(f"range={self.range!r}")
        return f"function({', '.join(options)})"


def load(path: str) -> Any:
    """Returns the attribute that ``"module:attribute"`` names.

    Raises:
        RewardError: If there is no such module or attribute.
    """
    module, _, attribute = path.partition(":")
    try:
        value: Any = importlib.import_module(module)
        for name in attribute.split("."):
            value = getattr(value, name)
    except (ImportError, AttributeError, ValueError) as error:
        raise RewardError(
            f"No reward could be loaded from {path!r}: {error}. Give 'module:function', with the module on the Python "
            "path."
        ) from error
    return value


def _own_name(function: Callable[..., Any], attribute: str = "__name__") -> str:
    return getattr(function, attribute, type(function).__name__)
