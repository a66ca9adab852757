"""The exceptions that textgym raises: one class a kind of failure, all under `TextGymError`.

Every message says what was wrong, the value that was met, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TextGymError(Exception):
    """Base of every error that textgym raises on purpose."""


class OptionError(TextGymError):
    """An option, keyword argument, split or id that does not exist or lies outside its range."""


class TaskError(TextGymError):
    """A task that cannot be posed, such as a prompt longer than its budget."""


class DataError(TextGymError):
    """A data file or data set that is missing, empty or malformed."""


class TokenizerError(TextGymError):
    """A tokenizer that cannot be loaded, or that lacks what an environment needs."""


class RewardError(TextGymError):
    """A reward that cannot be built, or that returned something other than finite numbers."""


class ModelError(TextGymError):
    """A model that cannot be loaded, or that does not fit the environment."""


class AgentError(TextGymError):
    """An agent that cannot be built, trained or loaded as asked."""


class RunError(TextGymError):
    """A run folder that is missing, incomplete or of another kind."""


class AssetError(TextGymError):
    """A shipped asset that is missing from the installation."""


class ContractError(TextGymError):
    """An environment, vector environment or reward that breaks a contract of `textgym.testing`."""


def suggest(name: str, names: Iterable[str]) -> str:
    """Returns `` Did you mean 'x'?`` for the closest of ``names``, or an empty string."""
    close = difflib.get_close_matches(str(name), [str(n) for n in names], n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
