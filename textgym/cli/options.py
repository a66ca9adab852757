"""Arguments and options that several commands take, defined once."""

from __future__ import annotations

from typing import Annotated, Any

import typer

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
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
DeviceOption = Annotated[str, typer.Option(help="Where the model runs: auto, cpu, cuda, cuda:1 …")]


def env_kwargs(**options: Any) -> dict[str, Any]:
    """Returns the options of an environment that were given."""
    return {name: value for name, value in options.items() if value is not None}
