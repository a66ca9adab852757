"""``textgym evaluate``: an agent's scores on held-out prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from textgym import registry
from textgym.cli import agents
from textgym.cli.console import bar, err, out
from textgym.cli.options import DeviceOption, EnvId, RewardOption, SeedOption, SplitOption, env_kwargs
from textgym.errors import RunError

NAME = "evaluate"
EXAMPLES = """
`textgym evaluate runs/sentiment TextGen-Sentiment-v0`

`textgym evaluate tiny TextGen-Sentiment-v0 --episodes 64 --reward vader --json vader.json`
"""


def command(
    agent: Annotated[
        str,
        typer.Argument(
            metavar="RUN_OR_MODEL",
            help="A run folder, a saved agent, a Hugging Face model (folder or name), or module:Class.",
            show_default=False,
        ),
    ],
    env_id: EnvId,
    episodes: Annotated[int, typer.Option(help="Episodes to play, over the prompts in order.", min=1)] = 256,
    split: SplitOption = "test",
    seed: SeedOption = 0,
    deterministic: Annotated[bool, typer.Option(help="Take the likeliest token instead of sampling.")] = False,
    reward: RewardOption = None,
    json: Annotated[
        Path | None,
        typer.Option(help="Also write the whole report, with every episode, to this file.", show_default=False),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Evaluate an agent through the environment, with a 95% interval on every score.

    Episode i is asked prompt i of the split, so that two agents are compared on the same prompts. The environment's own
    metrics are reported beside the reward: they show what the reward does not see.
    """
    registry.entry(env_id)
    if json is not None and not json.absolute().parent.is_dir():
        raise RunError(f"The report cannot be written to {str(json)!r}: its folder does not exist. Make it first.")
    with err.status("loading"):
        from textgym.evaluation import evaluate
        from textgym.evaluation.report import number

        player = agents.load(agent, device)
    with bar("playing") as progress:
        report = evaluate(
            player,
            env_id,
            episodes=episodes,
            seed=seed,
            split=split,
            deterministic=deterministic,
            progress=progress,
            **env_kwargs(reward=reward),
        )
    table = Table("score", "mean", "95% interval", box=None, pad_edge=False, header_style="bold")
    for name, metric in report.metrics.items():
        table.add_row(name, number(metric.mean), f"{number(metric.low)} to {number(metric.high)}")
    out.print(f"[bold]{report.env_id}[/]  {report.split} split, {len(report.episodes)} episodes, seed {report.seed}")
    out.print(table)
    if json is not None:
        out.print(f"Report: {report.save(json)}")
