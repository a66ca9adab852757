"""The folder that an export writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textgym.errors import OptionError


def write(folder: str | Path, files: Mapping[str, str]) -> Path:
    """Writes texts by their names below a folder that is new or empty, and returns it.

    Raises:
        OptionError: If the folder holds something.
    """
    root = Path(folder)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise OptionError(f"{str(root)!r} exists and is not empty, and nothing is written over. Choose another folder.")
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def name_of(env_id: str) -> str:
    """Returns an id as a name of a Python module: ``textgen_qa_v0``."""
    return env_id.rpartition(":")[2].replace("-", "_").lower()


def arguments(make_kwargs: Mapping[str, Any]) -> str:
    """Returns options of an environment as source code, each led by a comma.

    Raises:
        OptionError: If one of them is an object, which no file can hold.
    """
    for name, value in make_kwargs.items():
        try:
            json.dumps(value)
        except TypeError:
            raise OptionError(
                f"An export holds options that JSON can write, such as names of rewards. Actual value: "
                f"{name}={value!r}."
            ) from None
    return "".join(f", {name}={value!r}" for name, value in make_kwargs.items())
