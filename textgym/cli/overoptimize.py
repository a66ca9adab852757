"""``textgym overoptimize``: how far a reward can be pushed before what it stands for falls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import gymnasium as gym
import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from textgym import registry
from textgym.cli import agents
from textgym.cli.console import INTERRUPTED, bars, err, out
from textgym.cli.options import DeviceOption, EnvId, ModelOption, SeedOption
from textgym.cli.watch import watching
from textgym.errors import OptionError

if TYPE_CHECKING:
    from textgym.evaluation import Report, Run
    from textgym.evaluation.overoptimization import Overoptimization
    from textgym.tasks import Task

NAME = "overoptimize"
EXAMPLES = """
`textgym overoptimize TextGen-Sentiment-v0 --proxy runs/small-rm --gold runs/large-rm --out runs/gao`

`textgym overoptimize TextGen-Sentiment-v0 --proxy vader --gold sentiment --best-of 16 --out runs/vader`

The same command goes on with a folder that was cut off.
"""

SETTINGS = "overoptimize.json"


def command(
    env_id: EnvId,
    proxy: Annotated[str, typer.Option(help="The reward that is optimised.", show_default=False)],
    gold: Annotated[
        str,
        typer.Option(
            help="The judge that is not: a larger reward model, one that was trained on more feedback, a metric.",
            show_default=False,
        ),
    ],
    path: Annotated[Path, typer.Option("--out", help="The folder of the result.", show_default=False)],
    algo: Annotated[str, typer.Option(help=f"What learns: {' or '.join(agents.ALGORITHMS)}.")] = "ppo",
    model: ModelOption = None,
    timesteps: Annotated[int, typer.Option(help="Tokens to train on.", min=1)] = 200_000,
    points: Annotated[int, typer.Option(help="Points of the learning curve, even in tokens.", min=1)] = 16,
    best_of: Annotated[int, typer.Option(help="Completions a prompt, for the best of 1, 2, 4 … of them.", min=2)] = 64,
    episodes: Annotated[int, typer.Option(help="Test episodes a point of the learning curve.", min=2)] = 256,
    n_envs: Annotated[int, typer.Option(help="Episodes side by side in training.", min=1)] = 64,
    seed: SeedOption = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A hyperparameter of the algorithm. There is no price on KL unless kl_coef says so.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Optimise a proxy by best-of-n and by learning, let gold judge along the way, and plot both against √KL.

    As Gao et al. 2022 (arXiv:2210.10760) do it. The folder holds overoptimization.json, .png and .md, and the run.
    """
    from textgym.evaluation import Run, RunConfig
    from textgym.evaluation.files import write_json

    entry = registry.entry(env_id)
    tuned = agents.tuned(algo, env_id) if model in (None, entry.model) else {}
    for name in ("n_timesteps", "n_envs"):
        tuned.pop(name, None)
    asked: dict[str, Any] = {"gold": gold, "best_of": best_of, "points": points}
    config = RunConfig(
        env_id=env_id,
        algorithm=algo,
        model=model or entry.model,
        total_timesteps=timesteps,
        env_kwargs={"reward": proxy},
        n_envs=n_envs,
        seed=seed,
        hyperparameters={**tuned, "kl_coef": 0.0, **agents.hyperparameters(algo, settings or [])},
        episodes=episodes,
        checkpoint_every=max(1, timesteps // points),
        keep_checkpoints=points + 1,
    )
    task = _task(env_id, proxy, gold)
    if (path / "config.json").exists():
        run = Run.open(path)
        written = json.loads((path / SETTINGS).read_text(encoding="utf-8")) if (path / SETTINGS).exists() else asked
        if run.config != config or written != asked:
            raise OptionError(
                f"{str(path)!r} was started with other options. Give the same ones to go on with it, or another --out."
            )
    else:
        with err.status("loading"):
            agents.new(config, device)  # first: what cannot be made should leave no folder
        run = Run.create(path, config)
    write_json(path / SETTINGS, asked)
    _run(run, task, asked, device)


def _task(env_id: str, proxy: str, gold: str) -> Task:
    """Returns the task of the test prompts, rewarded by the proxy, with gold among its metrics."""
    from textgym import rewards

    env: Any = gym.make(env_id, split="test", reward=proxy).unwrapped
    return replace(env.task, metrics={**env.task.metrics, "gold": rewards.make(gold)})


def _run(run: Run, task: Task, asked: dict[str, Any], device: str) -> None:
    from textgym.evaluation.files import write_text
    from textgym.evaluation.overoptimization import Overoptimization, Unit, best_of_n, learnt, powers
    from textgym.evaluation.training import train

    algorithm, agent = agents.algorithm(run.config.algorithm), agents.resumed(run, device)
    try:
        with watching(agent) as watch:
            train(run, agent, watch)
    except KeyboardInterrupt:
        err.print("\nInterrupted. The same command goes on.", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    with bars() as progress:
        bar = progress.add_task("judging", total=None, note="")
        start = agents.new(run.config, device)
        sampled = _report(run, start, task, "best_of_n", asked["best_of"] * len(task), progress, bar)
        scores = _scores(sampled, len(task))
        units = {name: Unit.of(values) for name, values in scores.items()}
        standard = {name: units[name].standardised(values) for name, values in scores.items()}
        points = best_of_n(standard["proxy"], standard["gold"], powers(asked["best_of"]), run.config.seed)
        for step, checkpoint in {0: None, **run.checkpoints()}.items():
            current = algorithm.load(checkpoint, device=device) if checkpoint else start
            report = _report(run, current, task, f"step_{step:08d}", run.config.episodes, progress, bar)
            points.append(learnt(report, run.config.algorithm, step, units, run.config.seed))
    result = Overoptimization(
        run.config.env_id,
        repr(task.reward),
        repr(task.metrics["gold"]),
        tuple(points),
        units,
        {"seed": run.config.seed, "model": run.config.model, "hyperparameters": dict(run.config.hyperparameters)},
    )
    write_text(run.path / "overoptimization.json", result.to_json())
    picture = result.draw(run.path / "overoptimization.png")
    write_text(run.path / "overoptimization.md", result.markdown() + f"\n![proxy and gold]({picture.name})\n")
    _print(result)
    out.print(f"\nPlot: {escape(str(picture))}", soft_wrap=True)


def _report(run: Run, agent: Any, task: Task, name: str, episodes: int, progress: Any, bar: Any) -> Report:
    """Returns the evaluation of that name, which is made once."""
    from textgym.evaluation import Report, evaluate

    path = run.path / "judged" / f"{name}.json"
    if path.exists():
        return Report.load(path)
    report = evaluate(
        agent,
        task,
        episodes=episodes,
        seed=run.config.seed,
        progress=lambda done, total: progress.update(bar, completed=done, total=total, note=name),
    )
    report.save(path)
    return report


def _scores(report: Report, prompts: int) -> dict[str, np.ndarray]:
    """Returns proxy and gold of best-of-n's completions, float64 ``(P, N)``; episode i was asked prompt i mod P."""
    return {
        "proxy": np.array([episode.reward for episode in report.episodes]).reshape(-1, prompts).T,
        "gold": np.array([episode.metrics["gold"] for episode in report.episodes]).reshape(-1, prompts).T,
    }


def _print(result: Overoptimization) -> None:
    from textgym.evaluation.report import number

    table = Table("method", "n or tokens", "KL", "proxy", "gold", box=None, pad_edge=False, header_style="bold")
    for point in result.points:
        scores = [f"{number(e.value)} [{number(e.low)}, {number(e.high)}]" for e in (point.proxy, point.gold)]
        table.add_row(point.method, f"{point.setting:,}", number(point.kl), *map(escape, scores))
    out.print(table)
