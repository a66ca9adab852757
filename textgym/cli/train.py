"""``textgym train``: a training run, in a folder that can be resumed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from textgym import registry
from textgym.cli import agents, monitoring, ranks
from textgym.cli.console import INTERRUPTED, err, out
from textgym.cli.monitoring import BestOption, EvalEpisodesOption, EvalEveryOption, WandbOption
from textgym.cli.options import DeviceOption, EnvOption, EnvsOption, ModelOption, RewardOption, SeedOption, env_kwargs
from textgym.cli.watch import watching
from textgym.errors import OptionError

if TYPE_CHECKING:
    from textgym.evaluation import Report, Run, RunConfig

NAME = "train"
EXAMPLES = """
`textgym train TextGen-Sentiment-v0`

`textgym train TextGen-Target-v0 --algo reinforce --timesteps 40000 --set learning_rate=0.003`

`textgym train TextGen-Sentiment-v0 --reward "0.7*sentiment + 0.3*fluency" --out runs/fluent`

`textgym train TextGen-Custom-v0 --env data=my.csv --env prompt=question --env references=answer`

`textgym train --resume runs/fluent` goes on after a crash or Ctrl-C; with `--timesteps` it goes on for longer.

`torchrun --nproc-per-node 2 --no-python textgym train TextGen-Sentiment-v0` trains one agent in two processes.
"""

KEPT_OPTIONS = {"resume", "timesteps", "device"}
"""What may be given with --resume; the rest is in the run's config."""

SHOWN_SAMPLES = 5

DEFAULT_TIMESTEPS = 200_000
DEFAULT_ENVS = 64


def command(
    context: typer.Context,
    env_id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="A registered id; `textgym envs` lists them.", show_default=False),
    ] = None,
    algo: Annotated[str, typer.Option(help=f"The algorithm: {' or '.join(agents.ALGORITHMS)}.")] = "ppo",
    model: ModelOption = None,
    reward: RewardOption = None,
    options: EnvOption = None,
    timesteps: Annotated[
        int | None,
        typer.Option(help="Tokens to train on. Default: as tuned for ID, else 200,000.", min=1, show_default=False),
    ] = None,
    n_envs: EnvsOption = None,
    gamma: Annotated[
        float | None, typer.Option(help="Discount per token; it belongs to the environment.", show_default=False)
    ] = None,
    seed: SeedOption = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any other hyperparameter of the algorithm, its value in JSON; repeat it for more.",
            show_default=False,
        ),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Test episodes before and after.", min=2)] = 256,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(help="Tokens between checkpoints. Default: a tenth of --timesteps.", min=1, show_default=False),
    ] = None,
    eval_every: EvalEveryOption = None,
    eval_episodes: EvalEpisodesOption = 64,
    best: BestOption = None,
    wandb: WandbOption = None,
    path: Annotated[
        Path | None,
        typer.Option("--out", help="The run folder. Default: runs/ID_ALGO_seedN.", show_default=False),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Go on with the run in this folder, from its newest checkpoint.", show_default=False),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Train an agent, evaluate it before and after, and write a run folder with a report.

    The folder holds the config, versions, metrics (CSV and TensorBoard), checkpoints, a learning curve, samples of the
    same prompts before, during and after, and report.md. While it trains, the agent is evaluated on the validation
    prompts, and checkpoints/best keeps the best by a score that is not trained, where ID has one. Ctrl-C saves a
    checkpoint first; --resume goes on from there, and after a kill, too.
    Hyperparameters are those that were tuned for ID, where there are any, then those of --set.
    """
    ranks.quieten()
    if resume is not None:
        run, agent = _resume(resume, _conflicts(context), timesteps, device)
    elif env_id is None:
        raise OptionError("There is nothing to train on. Give an id (`textgym envs` lists them), or --resume RUN.")
    else:
        from textgym.evaluation import RunConfig

        entry = registry.entry(env_id)
        chosen = agents.tuned(algo, env_id) if model in (None, entry.model) else {}
        tuned_timesteps, tuned_envs = chosen.pop("n_timesteps", DEFAULT_TIMESTEPS), chosen.pop("n_envs", DEFAULT_ENVS)
        tokens = timesteps or tuned_timesteps
        config = RunConfig(
            env_id=env_id,
            algorithm=algo,
            model=model or entry.model,
            total_timesteps=tokens,
            env_kwargs=env_kwargs(options, reward=reward, gamma=gamma),
            n_envs=n_envs or tuned_envs,
            seed=seed,
            hyperparameters={**chosen, **agents.hyperparameters(algo, settings or [])},
            episodes=episodes,
            checkpoint_every=checkpoint_every or max(1, tokens // 10),
            eval_episodes=eval_episodes,
            wandb=wandb,
        )
        run, agent = _start(path or Path("runs", f"{env_id}_{algo}_seed{seed}"), config, device, eval_every, best)
    run_training(run, agent)


def _start(path: Path, config: RunConfig, device: str, eval_every: int | None, best: str | None) -> tuple[Run, Any]:
    with err.status("loading"):
        agent = agents.new(config, device)  # first: what cannot be made should leave no folder
        config = monitoring.planned(config, agent.task, eval_every, best)
        run, agent = ranks.started(path, config, agent, device)
    out.print(f"[bold]{config.algorithm}[/] on [bold]{config.env_id}[/] from {escape(config.model)}: {path}")
    return run, agent


def _resume(path: Path, conflicts: list[str], timesteps: int | None, device: str) -> tuple[Run, Any]:
    from textgym.evaluation import Run

    run = Run.open(path)
    if conflicts:
        raise OptionError(
            f"A resumed run keeps what it was started with; leave out {', '.join(conflicts)}. Only --timesteps and "
            "--device may change."
        )
    if timesteps is not None:
        if timesteps < run.config.total_timesteps:
            raise OptionError(
                f"--timesteps {timesteps} is less than the {run.config.total_timesteps} that {str(path)!r} was started "
                "for. Give more, or leave it out."
            )
        run.extend(timesteps, write=ranks.leads())
    with err.status("loading"):
        agent = agents.resumed(run, device)
    done = f"{agent.num_timesteps:,} of {run.config.total_timesteps:,} tokens"
    out.print(f"[bold]{run.config.algorithm}[/] on [bold]{run.config.env_id}[/], {done} done: {path}")
    return run, agent


def run_training(run: Run, agent: Any) -> None:
    """Trains the agent of a run to its end, watched, and prints what came of it."""
    from textgym.evaluation.training import train

    if run.config.best is not None:
        out.print(monitoring.announcement(run.config), soft_wrap=True)
    try:
        with ranks.watched(run), watching(agent) as watch, monitoring.callbacks(run) as callbacks:
            outcome = train(run, agent, watch, callbacks)
    except KeyboardInterrupt:
        if ranks.leads():
            err.print(f"\nInterrupted. Go on with: textgym train --resume {run.path}", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    if outcome is None:  # this is not the first of several ranks
        return
    _print_outcome(*outcome)
    out.print(f"\nReport: {run.path / 'report.md'}", soft_wrap=True)


def _print_outcome(before: Report, after: Report) -> None:
    from textgym.evaluation import run_report
    from textgym.evaluation.report import number

    scores = Table(title="held-out scores, with 95% intervals", title_justify="left", box=None, pad_edge=False)
    for name in ("score", "before", "after", "change", "ratio"):
        scores.add_column(name, justify="left" if name == "score" else "right")
    for change in run_report.changes(before, after):
        ratio = "" if change.ratio is None else f"{change.ratio:.2f}"
        scores.add_row(change.name, str(change.before), str(change.after), run_report.difference(change), ratio)
    out.print()
    out.print(scores)
    samples = Table(title="samples of the same prompts", title_justify="left", show_lines=True)
    for name in ("prompt", "before", "after"):
        samples.add_column(name, overflow="fold")
    for pair in run_report.sample(before, after, SHOWN_SAMPLES):
        texts = [f"{escape(episode.completion)} [dim]({number(episode.reward)})[/]" for episode in pair]
        samples.add_row(escape(pair[0].prompt), *texts)
    out.print()
    out.print(samples)


def _given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _conflicts(context: typer.Context) -> list[str]:
    parameters = [parameter for parameter in context.command.params if parameter.name not in KEPT_OPTIONS]
    given = [parameter for parameter in parameters if parameter.name and _given(context, parameter.name)]
    return ["ID" if parameter.name == "env_id" else parameter.opts[0] for parameter in given]
