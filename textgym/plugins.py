"""What other packages add: environments, rewards and agents that they declare as entry points.

A package names them in its ``pyproject.toml``:

.. code-block:: toml

    [project.entry-points."textgym.envs"]
    riddles = "riddles.envs:ENTRIES"         # an EnvEntry, several of them, or a function that registers

    [project.entry-points."textgym.rewards"]
    wit = "riddles.rewards:Wit"              # a Reward class: `textgym.rewards.make("wit")`

    [project.entry-points."textgym.agents"]
    sphinx = "riddles.agents:Sphinx"         # a class or function: `textgym.agents.load("sphinx")`

Environments are registered by ``import textgym``, so their module should import little. Rewards and agents are imported
when their name is used. A package that cannot be imported costs a warning, or an error where it was asked for by name,
and nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from textgym import registry
from textgym.errors import TextGymError, suggest
from textgym.registry import EnvEntry

ENVS, REWARDS, AGENTS = "textgym.envs", "textgym.rewards", "textgym.agents"


class PluginWarning(UserWarning):
    """A package that adds something to textgym, and could not."""


@cache
def found(group: str) -> dict[str, EntryPoint]:
    """Returns the entry points of a group by name; of two by one name the first, with a warning."""
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if points.setdefault(point.name, point).value != point.value:
            warnings.warn(
                f"{_origin(point)} adds {point.name!r} to {group}, which {_origin(points[point.name])} has added "
                "already; the latter is taken. Uninstall one of them.",
                PluginWarning,
                stacklevel=2,
            )
    return points


def register_envs() -> None:
    """Registers the environments of other packages; one that cannot be is named in a warning."""
    for point in found(ENVS).values():
        try:
            added = point.load()
            if callable(added) and not isinstance(added, EnvEntry):
                added = added() or ()
            for entry in _several(added):
                registry.register(entry)
        except Exception as error:  # whatever a package of somebody else's does, `import textgym` goes on
            warnings.warn(
                f"{_origin(point)} could not add its environments ({point.name} = {point.value}): "
                f"{type(error).__name__}: {error}. Update or uninstall it.",
                PluginWarning,
                stacklevel=3,
            )


def load(group: str, name: str, error: type[TextGymError]) -> Any:
    """Returns what another package has added under ``name``.

    Args:
        group: `REWARDS` or `AGENTS`.
        name: The name, one of `found`.
        error: What to raise.

    Raises:
        TextGymError: The ``error``, if there is nothing of that name, or it cannot be imported.
    """
    points = found(group)
    if name not in points:
        raise error(f"No package adds {name!r} to {group}.{suggest(name, points)}")
    try:
        return points[name].load()
    except Exception as reason:  # as above
        raise error(
            f"{_origin(points[name])} adds {name!r} to {group}, but it cannot be imported from "
            f"{points[name].value!r}: {type(reason).__name__}: {reason}. Update or uninstall it."
        ) from reason


def _several(added: Any) -> Iterable[EnvEntry]:
    entries = [added] if isinstance(added, EnvEntry) else list(added)
    for entry in entries:
        if not isinstance(entry, EnvEntry):
            raise TypeError(f"{entry!r} is no textgym.EnvEntry")
    return entries


def _origin(point: EntryPoint) -> str:
    if point.dist is None:
        return f"An installed package ({point.value})"
    return f"The package {point.dist.name} {point.dist.version}"
