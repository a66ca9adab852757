"""``textgym tune``: a search for the hyperparameters of an algorithm on an environment."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from textgym import registry
from textgym.cli import agents
from textgym.cli.console import INTERRUPTED, bars, err, out, quiet
from textgym.cli.options import (
    DeviceOption,
    EnvId,
    EnvOption,
    EnvsOption,
    ModelOption,
    RewardOption,
    SeedOption,
    env_kwargs,
    json_or_text,
)
from textgym.errors import AgentError, OptionError

if TYPE_CHECKING:
    from textgym.agents.search_config import SearchConfig
    from textgym.agents.tuning import Search, TrialResult

NAME = "tune"
EXAMPLES = """
`textgym tune TextGen-Target-v0 --algo ppo --trials 30 --timesteps 20000`

`textgym tune TextGen-Sort-v0 --algo grpo --set n_samples=8 --space space.yml --out studies/sort --write sort.yml`

`textgym tune TextGen-QA-v0 --warm-start sft:100000` searches from a model that was fine-tuned on references.

The same command goes on with a search that was cut off; `--trials` may grow. Given in two terminals, both work on it.
"""

DEFAULT_TIMESTEPS = 50_000
SHOWN_TRIALS = 30


def command(
    env_id: EnvId,
    algo: Annotated[str, typer.Option(help=f"The algorithm: {' or '.join(agents.ALGORITHMS)}.")] = "ppo",
    model: ModelOption = None,
    reward: RewardOption = None,
    options: EnvOption = None,
    trials: Annotated[int, typer.Option(help="Trials of the search, those of earlier calls included.", min=1)] = 20,
    timesteps: Annotated[int, typer.Option(help="Tokens that a trial is trained on.", min=1)] = DEFAULT_TIMESTEPS,
    n_envs: EnvsOption = None,
    seed: SeedOption = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A hyperparameter that is not searched for, its value in JSON; repeat it for more.",
            show_default=False,
        ),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(
            help="A YAML file that changes the space: `learning_rate: {low: 1.0e-5, high: 0.001, log: true}`, "
            "`n_steps: [16, 32]`, `ent_coef: null`.",
            show_default=False,
        ),
    ] = None,
    sampler: Annotated[str, typer.Option(help="What draws hyperparameters: tpe or random.")] = "tpe",
    pruner: Annotated[str, typer.Option(help="What leaves bad trials early: median or none.")] = "median",
    evaluations: Annotated[int, typer.Option(help="Evaluations of a trial, evenly over its tokens.", min=1)] = 4,
    episodes: Annotated[int, typer.Option(help="Validation episodes of an evaluation.", min=2)] = 128,
    warm_start: Annotated[
        str | None,
        typer.Option(
            metavar="ALGO:TOKENS",
            help="What is trained first, once, for every trial to start from, such as sft:100000, or `none`. Default: "
            "as tuned for ID.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes that work on the search.", min=1)] = 1,
    seconds: Annotated[
        float | None, typer.Option(help="Time for the search; none by default.", min=1, show_default=False)
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option("--out", help="The folder of the search. Default: studies/ID_ALGO_seedN.", show_default=False),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            help="A YAML file of hyperparameters, in rl-zoo's form, to put the best into; other ids in it stay.",
            show_default=False,
        ),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Search for the hyperparameters of an algorithm on ID, by its reward on validation prompts.

    The first trial is what `textgym train` does today; the others draw from the space of the algorithm. A trial that
    cannot be trained with (NaN, memory) is pruned, with its reason. One seed trains every trial, and the best of many
    is partly luck: confirm it with other seeds. Needs Optuna: pip install 'textgym[tune]'.
    """
    config = _config(
        env_id,
        algo,
        model,
        env_kwargs(options, reward=reward),
        agents.hyperparameters(algo, settings or []),
        space,
        warm_start,
        n_envs,
        sampler=sampler,
        pruner=pruner,
        trial={
            "timesteps": timesteps,
            "seed": seed,
            "episodes": episodes,
            "evaluations": evaluations,
            "device": agents.check_device(device),
        },
    )
    folder = path or Path("studies", f"{env_id}_{algo}_seed{seed}")
    search = _run(folder, config, trials, jobs, seconds)
    _print(search)
    best = search.best()
    if best is None:
        reasons = {result.reason for result in search.results() if result.reason}
        raise AgentError(f"No trial of {str(folder)!r} came to its end: {' '.join(sorted(reasons)) or 'no time'}")
    if write is not None:
        _write(write, search, best)
        out.print(f"\nWritten to {escape(str(write))}.", soft_wrap=True)
    out.print("\nTrain with the best:", soft_wrap=True)
    out.print(train_command(search, best), soft_wrap=True, markup=False, highlight=False)


def _config(
    env_id: str,
    algo: str,
    model: str | None,
    options: dict[str, Any],
    fixed: dict[str, Any],
    space: Path | None,
    warm_start: str | None,
    n_envs: int | None,
    *,
    sampler: str,
    pruner: str,
    trial: dict[str, Any],
) -> SearchConfig:
    from textgym.agents import search_spaces
    from textgym.agents.search_config import SearchConfig
    from textgym.agents.trials import TrialConfig

    quiet()
    entry = registry.entry(env_id)
    default = agents.tuned(algo, env_id) if model in (None, entry.model) else {}
    default.pop("n_timesteps", None)
    tuned_envs, tuned_options = default.pop("n_envs", 64), default.pop("env_kwargs", {})
    tuned_start = default.pop("warm_start", {})
    warm = {**tuned_start, **fixed.pop("warm_start", {})} if warm_start is None else _warm_start(warm_start, env_id)
    changes = {} if space is None else search_spaces.read(space)
    start = model or entry.model
    if algo in search_spaces.SPACES or not changes:
        own = search_spaces.space(algo, start != "scratch" or bool(warm))
    else:
        own = {}  # an algorithm of another package
    drawn = search_spaces.overridden(own, changes, fixed)
    return SearchConfig(
        trial=TrialConfig(
            env_id=env_id.rpartition(":")[2],
            algorithm=algo,
            model=start,
            env_kwargs={**tuned_options, **options},
            n_envs=n_envs or tuned_envs,
            **trial,
        ),
        base=search_spaces.merged(default, fixed),
        space={name: dimension.to_json() for name, dimension in drawn.items()},
        sampler=sampler,
        pruner=pruner,
        warm_start=warm,
    )


def _warm_start(text: str, env_id: str) -> dict[str, Any]:
    """Returns what ``sft:100000`` says, with the hyperparameters that were tuned for it."""
    if text == "none":
        return {}
    algo, colon, tokens = text.partition(":")
    if not colon or not tokens.isdigit() or not int(tokens):
        raise OptionError(f"--warm-start takes ALGO:TOKENS, such as sft:100000, or none. Actual value: {text!r}.")
    settings = agents.tuned(algo, env_id)
    return {**settings, "algo": algo, "n_timesteps": int(tokens)}


def _run(folder: Path, config: SearchConfig, trials: int, jobs: int, seconds: float | None) -> Search:
    from textgym.agents import tuning

    where = f"{config.trial.timesteps:,} tokens a trial: {folder}"
    out.print(f"Tuning [bold]{config.trial.algorithm}[/] on [bold]{config.trial.env_id}[/], {where}", soft_wrap=True)
    if config.warm_start and not (folder / "start").exists():
        out.print(f"Warm start first: {config.warm_start['algo']} on {config.warm_start['n_timesteps']:,} tokens.")
    try:
        with bars() as progress:
            bar = progress.add_task("trials", total=trials, note="")

            def watch(done: int, total: int, best: TrialResult | None) -> None:
                note = "" if best is None or best.score is None else f"best {best.score.mean:.3f}"
                progress.update(bar, completed=min(done, total), total=total, note=note)

            return tuning.run(folder, config, trials, jobs=jobs, seconds=seconds, watch=watch)
    except KeyboardInterrupt:
        err.print("\nInterrupted. The same command goes on.", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def _write(file: Path, search: Search, best: TrialResult) -> None:
    from textgym.agents.tuned import write

    trial, ended = search.config.trial, [r for r in search.results() if r.state in ("complete", "pruned")]
    comment = (
        f"textgym tune: {len(ended)} trials of {trial.timesteps} tokens, seed {trial.seed}; validation reward "
        f"{_score(best)}"
    )
    write(file, trial.env_id, search.entry(best), comment)


def train_command(search: Search, result: TrialResult) -> str:
    """Returns the command that trains with the hyperparameters of a trial, on the same budget."""
    trial, entry = search.config.trial, search.entry(result)
    words = ["textgym", "train", trial.env_id, "--algo", trial.algorithm]
    words += ["--timesteps", str(entry.pop("n_timesteps")), "--n-envs", str(entry.pop("n_envs"))]
    if trial.model != registry.entry(trial.env_id).model:
        words += ["--model", str(trial.model)]
    for name, value in trial.env_kwargs.items():
        words += ["--env", f"{name}={_text(value)}"]
    for name, value in entry.items():
        words += ["--set", f"{name}={_text(value)}"]
    return shlex.join(words)


def _text(value: Any) -> str:
    """Returns what `json_or_text` takes for ``value``."""
    return value if isinstance(value, str) and json_or_text(value) == value else json.dumps(value)


def _score(result: TrialResult) -> str:
    if result.score is None:
        return ""
    mean, low, high = result.score
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def _print(search: Search) -> None:
    results = search.results()
    order = sorted(results, key=lambda r: (r.score is None, -r.score.mean if r.score else r.number))
    table = Table("trial", "reward", "hyperparameters", "s", box=None, pad_edge=False, header_style="bold")
    table.title, table.title_justify = "trials by their validation reward, with 95% intervals", "left"
    for result in order[:SHOWN_TRIALS]:
        drawn = {name: value for name, value in result.hyperparameters.items() if search.config.base.get(name) != value}
        told = ", ".join(f"{name}={_text(value)}" for name, value in drawn.items()) or "as they are today"
        why = f" — {result.reason}" if result.reason else ""
        table.add_row(
            str(result.number), escape(_score(result) or result.state), escape(told + why), f"{result.seconds:.0f}"
        )
    out.print()
    out.print(table)
    if len(results) > SHOWN_TRIALS:
        out.print(f"and {len(results) - SHOWN_TRIALS} more")
    if importance := search.importance():
        shares = ", ".join(f"{name} {share:.0%}" for name, share in importance.items())
        out.print(f"\nHow much each matters, by Optuna's importance: {escape(shares)}", soft_wrap=True)
