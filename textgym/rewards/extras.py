"""Libraries that only some rewards need, imported when they are."""

from __future__ import annotations

import importlib
from typing import Any

from textgym.errors import RewardError


def need(module: str, extra: str, why: str) -> Any:
    """Returns ``module``, imported.

    Args:
        module: Its import name.
        extra: The extra of textgym that installs it.
        why: What cannot be done without it, such as ``"Reward 'rouge_l'"``.

    Raises:
        RewardError: If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise  # the library is there, one of its own is not
        raise RewardError(f"{why} needs {error.name}. Run `pip install 'textgym[{extra}]'`.") from error
