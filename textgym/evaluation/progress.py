"""What a training run knows beside its agent: the last episodes, and numbers that wait for the next line of the log.

Stable-Baselines3 reports the mean of the last episodes, and logs an update with the rollout after it. An agent that
goes on from a checkpoint without them would make the same updates and log other numbers.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np


def of(agent: Any) -> dict[str, Any]:
    """Returns the progress of an agent between two rollouts, as JSON."""
    logger = agent.logger
    return {
        "episodes": [{name: _number(value) for name, value in episode.items()} for episode in agent.ep_info_buffer],
        "successes": [_number(value) for value in agent.ep_success_buffer],
        "logged": {
            name: [_number(value), logger.name_to_count.get(name, 0), logger.name_to_excluded.get(name)]
            for name, value in logger.name_to_value.items()
            if isinstance(value, Real | np.bool_) and math.isfinite(value)
        },
    }


def restore(agent: Any, progress: Mapping[str, Any]) -> None:
    """Puts back what `of` returned, before `learn` goes on; the agent has its logger already."""
    size = agent._stats_window_size
    episodes = [{name: _restored(value) for name, value in episode.items()} for episode in progress["episodes"]]
    agent.ep_info_buffer = deque(episodes, maxlen=size)
    agent.ep_success_buffer = deque(map(_restored, progress["successes"]), maxlen=size)
    for name, (value, count, excluded) in progress["logged"].items():
        agent.logger.name_to_value[name] = _restored(value)
        if count:
            agent.logger.name_to_count[name] = count
        agent.logger.name_to_excluded[name] = None if excluded is None else tuple(excluded)


def _number(value: Any) -> list[Any]:
    """Returns a number with its type of numpy, if it has one: means are computed in the precision of their parts."""
    return [value.item(), value.dtype.name] if isinstance(value, np.generic) else [value, None]


def _restored(number: list[Any]) -> Any:
    value, dtype = number
    return value if dtype is None else np.dtype(dtype).type(value)
