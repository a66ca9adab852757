"""Arguments and options that several commands take, defined once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from textgym.errors import OptionError

EnvId = Annotated[
    str, typer.Argument(metavar="ID", help="A registered id; `textgym envs` lists them.", show_default=False)
]
SplitOption = Annotated[str, typer.Option(help="Prompts: train, validation or test.")]
RewardOption = Annotated[
    str | None,
    typer.Option(
        help="Another reward: a name, an expression such as `0.7*sentiment + 0.3*fluency`, or `module:function`.",
        show_default=False,
    ),
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        "--env",
        metavar="KEY=VALUE",
        help="An option of the environment, its value in JSON or a plain text, such as `level=2` or `data=my.csv`; "
        "repeat it for more.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        help="What to start from: tiny, scratch, a folder or a Hugging Face name. Default: see `textgym envs`.",
        show_default=False,
    ),
]
EnvsOption = Annotated[
    int | None,
    typer.Option(help="Episodes side by side. Default: as tuned for ID, else 64.", min=1, show_default=False),
]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
DeviceOption = Annotated[str, typer.Option(help="Where the model runs: auto, cpu, cuda, cuda:1 …")]


OTHERS = frozenset(
    (
        "agent",
        "autoreset_mode",
        "deterministic",
        "disable_env_checker",
        "env",
        "env_id",
        "episodes",
        "id",
        "max_episode_steps",
        "n_envs",
        "num_envs",
        "progress",
        "render_mode",
        "seed",
        "task",
        "vector_kwargs",
        "vectorization_mode",
        "wrappers",
    )
)
"""What goes the same way as an option of an environment, and is none."""


def env_kwargs(settings: Iterable[str] | None = None, **options: Any) -> dict[str, Any]:
    """Returns the options of an environment that were given.

    Args:
        settings: What ``--env`` said, each ``KEY=VALUE``.
        **options: Those that have an option of their own; None where it was not given.

    Raises:
        OptionError: If a setting is malformed, or an option was given twice.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals or not key.isidentifier():
            raise OptionError(f"--env takes KEY=VALUE, such as level=2. Actual value: {setting!r}.")
        if key in OTHERS:
            raise OptionError(f"{key} is no option of an environment. Actual value: --env {setting}.")
        if key in given:
            other = f"--{key}" if options.get(key) is not None else f"--env {key}={given[key]}"
            raise OptionError(f"The option {key} of the environment was given twice: {other} and --env {setting}.")
        given[key] = json_or_text(value)
    return given


def json_or_text(value: str) -> Any:
    """Returns the value that a text stands for in JSON, or the text where it is no JSON."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value
