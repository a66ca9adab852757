"""Hyperparameters that were tuned for an environment: ``hyperparams/ALGORITHM.yml``, in the form of rl-zoo's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "hyperparams"


def tuned(algorithm: str, env_id: str) -> dict[str, Any]:
    """Returns the tuned hyperparameters of an algorithm on an environment; empty where none were tuned.

    Args:
        algorithm: Name of the class in lower case, such as ``"ppo"``.
        env_id: A registered id; a module prefix such as ``"textgym:"`` is allowed.

    Returns:
        Arguments of the algorithm, and ``n_timesteps``, the tokens to train on.
    """
    path = FOLDER / f"{algorithm}.yml"
    if not path.is_file():
        return {}
    table: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return dict(table.get(env_id.rpartition(":")[2], {}))
