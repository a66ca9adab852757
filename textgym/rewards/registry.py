"""The rewards by name, imported when they are first made."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from textgym.errors import OptionError, RewardError, suggest

from .base import Reward

FORMS = ("dense", "function", "inf")
"""Words of the expression language, which no reward may be called."""

_CLASSES: dict[str, type[Reward] | str] = {
    "bleu": "textgym.rewards.overlap:Bleu",
    "chrf": "textgym.rewards.overlap:Chrf",
    "distinct_n": "textgym.rewards.form:DistinctN",
    "english_words": "textgym.rewards.frequency:EnglishWords",
    "exact_match": "textgym.rewards.overlap:ExactMatch",
    "fluency": "textgym.rewards.fluency:Fluency",
    "length": "textgym.rewards.form:Length",
    "perplexity": "textgym.rewards.fluency:Perplexity",
    "regex": "textgym.rewards.form:Regex",
    "repetition": "textgym.rewards.form:Repetition",
    "sentiment": "textgym.rewards.sentiment:Sentiment",
    "vader": "textgym.rewards.sentiment:Vader",
    "word_frequency": "textgym.rewards.frequency:WordFrequency",
}


def names() -> list[str]:
    """Returns the registered names, sorted; `make` takes each of them, without further arguments."""
    return sorted(_CLASSES)


def register(name: str, cls: type[Reward] | str) -> None:
    """Makes ``cls`` available under ``name``, in `make` and in expressions.

    Args:
        name: A Python identifier, the ``name`` of the class.
        cls: The class, or ``"module:Class"`` to import it when it is first made.

    Raises:
        RewardError: If the name cannot be used or is taken by another class.
    """
    if not name.isidentifier() or name in FORMS:
        raise RewardError(f"A reward cannot be registered as {name!r}: give an identifier other than {FORMS}.")
    if _CLASSES.setdefault(name, cls) != cls:
        raise RewardError(f"The reward name {name!r} is taken by {_CLASSES[name]}. Choose another.")


def build(name: str, *args: Any, **options: Any) -> Reward:
    """Returns the reward registered as ``name``, made with these options.

    Raises:
        RewardError: If there is no such reward, or an option has a value that it cannot take.
        OptionError: If there is no such option.
    """
    if name not in _CLASSES:
        raise RewardError(f"No reward is called {name!r}.{suggest(name, names())} Registered: {', '.join(names())}.")
    target = _CLASSES[name]
    if isinstance(target, str):
        module, _, attribute = target.partition(":")
        target = getattr(importlib.import_module(module), attribute)
    return construct(target, *args, **options)


def construct(cls: Any, *args: Any, **options: Any) -> Any:
    """Returns ``cls(*args, **options)``, and names the options that there are where one does not exist."""
    parameters = inspect.signature(cls).parameters
    for option, value in options.items():
        if option not in parameters:
            raise OptionError(
                f"{_label(cls)} has no option {option}={value!r}.{suggest(option, parameters)} "
                f"It takes {', '.join(parameters) or 'none'}."
            )
    try:
        inspect.signature(cls).bind(*args, **options)
    except TypeError as error:
        raise OptionError(f"{_label(cls)}: {error}. It takes {', '.join(parameters) or 'no options'}.") from error
    return cls(*args, **options)


def whole(reward: Reward, options: dict[str, Any]) -> Reward:
    """Returns ``reward``, which takes no options any more.

    Raises:
        OptionError: If there are options.
    """
    if options:
        raise OptionError(f"{reward!r} is already made and takes no options. Actual value: {options}.")
    return reward


def _label(cls: Any) -> str:
    name = getattr(cls, "name", None)
    return f"Reward {name!r}" if isinstance(name, str) and name else cls.__name__
