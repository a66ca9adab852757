"""``textgym evaluate``: an agent's scores on held-out prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from textgym import registry
from textgym.cli import agents
from textgym.cli.console import bar, err, out
from textgym.cli.options import DeviceOption, EnvId, EnvOption, RewardOption, SeedOption, SplitOption, env_kwargs
from textgym.errors import RunError

NAME = "evaluate"
EXAMPLES = """
`textgym evaluate runs/sentiment TextGen-Sentiment-v0`

`textgym evaluate tiny TextGen-Sentiment-v0 --episodes 64 --reward vader --json vader.json`

`textgym evaluate "best_of_n(tiny, n=4)" TextGen-Sentiment-v0 --episodes 64`

`textgym evaluate my_agents.py:MyAgent TextGen-Numbers-v0`
"""


def command(
    agent: Annotated[
        str,
        typer.Argument(
            metavar="AGENT",
            help="A run folder, a saved agent, a Hugging Face model, oracle, random, beam_search(AGENT, n=4), "
            "best_of_n(AGENT), majority_vote(AGENT), greedy(AGENT), replay(FILE), module:Class or file.py:Class.",
            show_default=False,
        ),
    ],
    env_id: EnvId,
    episodes: Annotated[int, typer.Option(help="Episodes to play, over the prompts in order.", min=1)] = 256,
    split: SplitOption = "test",
    seed: SeedOption = 0,
    deterministic: Annotated[bool, typer.Option(help="Take the likeliest token instead of sampling.")] = False,
    reward: RewardOption = None,
    options: EnvOption = None,
    json: Annotated[
        Path | None,
        typer.Option(help="Also write the whole report, with every episode, to this file.", show_default=False),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Evaluate an agent through the environment, with a 95% interval on every score.

    Episode i is asked prompt i of the split, so that two agents are compared on the same prompts. The environment's own
    metrics are reported beside the reward: they show what the reward does not see.

    A run that was trained on ID with --env is evaluated with the same, where no --env says otherwise; its --reward is
    not taken, so that runs are compared by the reward of ID.
    """
    registry.entry(env_id)
    given = env_kwargs(options, split=split, reward=reward)
    inherited = {name: value for name, value in trained_with(agent, env_id).items() if name not in given}
    if json is not None and not json.absolute().parent.is_dir():
        raise RunError(f"The report cannot be written to {str(json)!r}: its folder does not exist. Make it first.")
    with err.status("loading"):
        from textgym.evaluation import evaluate
        from textgym.evaluation.report import number

        player = agents.load(agent, device, env_id, {**inherited, **given})
    with bar("playing") as progress:
        report = evaluate(
            player,
            env_id,
            episodes=episodes,
            seed=seed,
            deterministic=deterministic,
            progress=progress,
            **inherited,
            **given,
        )
    table = Table("score", "mean", "95% interval", box=None, pad_edge=False, header_style="bold")
    for name, metric in report.metrics.items():
        table.add_row(name, number(metric.mean), f"{number(metric.low)} to {number(metric.high)}")
    out.print(f"[bold]{report.env_id}[/]  {report.split} split, {len(report.episodes)} episodes, seed {report.seed}")
    if inherited:
        as_trained = ", ".join(f"{name}={value!r}" for name, value in inherited.items())
        out.print(f"[dim]as in training: {escape(as_trained)}[/]", soft_wrap=True)
    out.print(table)
    if json is not None:
        out.print(f"Report: {report.save(json)}")


def trained_with(agent: str, env_id: str) -> dict[str, Any]:
    """Returns the options of the environment that a run was trained with; none where it was another environment's.

    Its reward and gamma are left out: these say how the agent learnt, not what it is asked.
    """
    if not Path(agent, "versions.json").is_file():  # no run folder
        return {}
    from textgym.evaluation import Run

    config = Run.open(agent).config
    if config.env_id != env_id:
        return {}
    return {name: value for name, value in config.env_kwargs.items() if name not in ("reward", "gamma", "split")}
