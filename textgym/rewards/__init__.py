"""Rewards: what a completion is worth. Importing this package loads no model and no metric library.

    >>> from textgym import rewards
    >>> reward = rewards.make("0.7*distinct_n(n=2) + 0.3*length(target=3)")
    >>> reward(["Say something:"], [" a red rose"])
    [1.0]

`make` takes a registered name, an expression, a callable in TRL's signature, ``"module:attribute"``, or the
folder of a Hugging Face sequence classifier; `names` lists what is registered, `register` adds to it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from textgym.errors import RewardError

from . import composition, expressions, registry
from .base import Compound, Noted, Reward, Scores
from .dense import Dense, PerToken, Stepwise
from .ensemble import Ensemble
from .functions import FunctionReward
from .registry import names, register


def make(spec: Any, **options: Any) -> Reward:
    """Returns the reward that ``spec`` describes.

    Args:
        spec: A `Reward` (returned as it is) or a subclass of it; a callable
            ``(prompts, completions, **columns) -> list[float]``; a registered name; an expression such as
            ``"0.7*sentiment + 0.3*length(target=20)"``, see `textgym.rewards.expressions`;
            ``"module:attribute"``; a ``.yml`` file, see `textgym.rewards.composition`; or the folder of a reward model
            or any other Hugging Face sequence classifier.
        **options: Options of the class or of `FunctionReward`; a made reward and an expression take none.

    Raises:
        RewardError: If ``spec`` describes no reward.
        OptionError: If there is no such option.
    """
    if isinstance(spec, Reward):
        return registry.whole(spec, options)
    if isinstance(spec, type) and issubclass(spec, Reward):
        return registry.construct(spec, **options)
    if callable(spec):
        return registry.construct(FunctionReward, spec, **options)
    if isinstance(spec, os.PathLike):
        return _from_folder(os.fspath(spec), options)
    if not isinstance(spec, str):
        raise RewardError(
            f"A reward is a name, an expression, a callable, 'module:attribute', a .yml file, a folder or a Reward. "
            f"Actual value: {spec!r} ({type(spec).__name__})."
        )
    if registry.known(spec):
        return registry.build(spec, **options)
    if re.fullmatch(r"[\w.]+:[\w.]+", spec):
        return expressions.resolve_function(spec, **options)
    if spec.endswith(composition.SUFFIXES):
        return registry.whole(composition.load(spec, make), options)
    if os.path.isdir(spec) or (re.fullmatch(r"[\w.~-]*/[\w./-]*", spec) and spec.partition("/")[0] not in names()):
        return _from_folder(spec, options)
    return registry.whole(expressions.parse(spec), options)


def _from_folder(folder: str, options: dict[str, Any]) -> Reward:
    if not Path(folder, "config.json").is_file():
        raise RewardError(
            f"There is no Hugging Face model in {folder!r}: it holds no config.json. Give the folder of a sequence "
            "classifier, or reward_model(model='…') for one on the Hub."
        )
    return registry.build("reward_model", model=folder, **options)


__all__ = [
    "Compound",
    "Dense",
    "Ensemble",
    "FunctionReward",
    "Noted",
    "PerToken",
    "Reward",
    "Scores",
    "Stepwise",
    "make",
    "names",
    "register",
]
