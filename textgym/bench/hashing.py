"""What a cell hangs on, as hashes: the agent's content, the task, the prompts, the code that plays it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from textgym import assets, cards
from textgym.evaluation.run import Run
from textgym.tasks import Task

PACKAGES = ("textgym", "textgym.agents", "textgym.envs_registry")

PLAIN = ("random", "oracle")
"""Agents that are what their name says, and nothing else."""


def agent_hash(source: str) -> str:
    """Returns the hash of what ``source`` names, or ``""`` where its content cannot be told.

    Files and folders are their bytes, a run its newest checkpoint, and ``best_of_n(SOURCE, n=4)`` its text and SOURCE.
    Python code hangs on all that it imports, and a model on the Hub may move, so these have none.
    """
    call = re.fullmatch(r"\s*(\w+)\s*\((.*)\)\s*", source, re.DOTALL)
    if source in PLAIN or (call and call[1] in PLAIN):
        return _digest(source)
    if call:
        inner = agent_hash(_first(call[2]))
        return _digest(source, inner) if inner else ""
    path = assets.path(source) if source in assets.NAMES and not Path(source).exists() else Path(source)
    if path.is_file():
        return "" if path.suffix == ".py" else _digest(_bytes(path))
    if not path.is_dir():
        return ""
    if (path / "versions.json").is_file():
        checkpoints = Run.open(path).checkpoints()
        return agent_hash(str(checkpoints[max(checkpoints)])) if checkpoints else ""
    return _digest(*(part for file in _files(path) for part in (file.relative_to(path).as_posix(), _bytes(file))))


def task_hash(task: Task, episodes: int) -> str:
    """Returns the hash of what is asked in ``episodes`` episodes, how they end and how they are scored.

    The vocabulary is left out: it is the agent's, and has a hash of its own.
    """
    rows = [task[i] for i in range(min(episodes, len(task)))]
    scorers = [task.reward, *task.metrics.values()]
    weights = [getattr(leaf, "fingerprint", "") for scorer in scorers for leaf in cards.leaves(scorer)]
    content = {
        "name": task.name,
        "rows": [[row.prompt, row.references, dict(row.columns)] for row in rows],
        "budgets": [task.max_prompt_tokens, task.max_new_tokens, task.max_reply_tokens],
        "ending": [task.stop, task.truncation_side, task.chat, repr(task.simulator)],
        "scores": [repr(task.reward), sorted(map(str, task.metrics.items())), task.gamma, task.success_threshold],
        "weights": weights,
    }
    return _digest(json.dumps(content, sort_keys=True, default=repr))


def prompt_hash(prompts: Iterable[str]) -> str:
    """Returns the hash of the prompts that were asked, in order."""
    return _digest(json.dumps(list(prompts)))


def cache_key(**parts: Any) -> str:
    """Returns the name of a result in the cache: the hash of what it hangs on, and of the code that played it."""
    return _digest(json.dumps({**parts, "code": code_hash()}, sort_keys=True))


@cache
def code_hash() -> str:
    """Returns the hash of this package's own source: a version number does not tell two checkouts apart."""
    folders = []
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)  # finds a package without running it
        folders += [] if spec is None else list(spec.submodule_search_locations or ())
    files = sorted({file for folder in folders for file in Path(folder).rglob("*.py")})
    return _digest(*map(_bytes, files))


def _first(arguments: str) -> str:
    """Returns the first argument of a call, up to the first comma outside brackets."""
    depth = 0
    for i, character in enumerate(arguments):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            return arguments[:i].strip().strip("\"'")
    return arguments.strip().strip("\"'")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _bytes(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
