"""``textgym sft``: fine-tuning on references, before any reward is learnt from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from textgym import registry
from textgym.cli import agents, monitoring, ranks, train
from textgym.cli.console import err, out
from textgym.cli.monitoring import BestOption, EvalEpisodesOption, EvalEveryOption, WandbOption
from textgym.cli.options import DeviceOption, EnvId, EnvOption, ModelOption, SeedOption, env_kwargs
from textgym.errors import OptionError

NAME = "sft"
EXAMPLES = """
`textgym sft TextGen-Copy-v0 --out runs/copy`

`textgym sft TextGen-Custom-v0 --model tiny --env data=my.csv --env references=answer --epochs 3 --out runs/sft`

`textgym train TextGen-Copy-v0 --model runs/copy` starts reinforcement learning there.

`textgym train --resume runs/copy` goes on after a crash or Ctrl-C.
"""

ALGORITHM = "sft"


def command(
    env_id: EnvId,
    model: ModelOption = None,
    options: EnvOption = None,
    timesteps: Annotated[
        int | None,
        typer.Option(
            help="Completion tokens to learn from. Default: as tuned for ID, else 200,000.", min=1, show_default=False
        ),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(
            help="Passes over the training prompts, in place of --timesteps; an endless split has none.",
            show_default=False,
        ),
    ] = None,
    seed: SeedOption = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A hyperparameter of SFT, such as learning_rate, its value in JSON; repeat it for more.",
            show_default=False,
        ),
    ] = None,
    episodes: Annotated[int, typer.Option(help="Test episodes before and after.", min=2)] = 256,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(help="Tokens between checkpoints. Default: a tenth of all.", min=1, show_default=False),
    ] = None,
    eval_every: EvalEveryOption = None,
    eval_episodes: EvalEpisodesOption = 64,
    best: BestOption = None,
    wandb: WandbOption = None,
    path: Annotated[
        Path | None,
        typer.Option("--out", help="The run folder. Default: runs/ID_sft_seedN.", show_default=False),
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Fine-tune a model on the references of ID, and write a run folder with a report.

    Where reinforcement learning starts (`textgym train --model RUN`), and what it is compared with. The folder is that
    of `textgym train`, which also resumes it; the log has loss and perplexity of held-out references.
    """
    from textgym.evaluation import RunConfig

    if timesteps is not None and epochs is not None:
        raise OptionError("--timesteps and --epochs both say for how long. Give one of them.")
    if epochs is not None and not epochs > 0:
        raise OptionError(f"--epochs is above 0. Actual value: {epochs}.")
    ranks.quieten()
    entry = registry.entry(env_id)
    chosen = agents.tuned(ALGORITHM, env_id) if model in (None, entry.model) else {}
    tokens = timesteps or chosen.pop("n_timesteps", train.DEFAULT_TIMESTEPS)
    chosen.pop("n_envs", None)  # nothing is played
    config = RunConfig(
        env_id=env_id,
        algorithm=ALGORITHM,
        model=model or entry.model,
        total_timesteps=tokens,
        env_kwargs=env_kwargs(options),
        n_envs=1,
        seed=seed,
        hyperparameters={**chosen, **agents.hyperparameters(ALGORITHM, settings or [])},
        episodes=episodes,
        eval_episodes=eval_episodes,
        wandb=wandb,
    )
    with err.status("loading"):
        agent = agents.new(config, device)  # first: what cannot be made should leave no folder
        if epochs is not None:
            tokens = max(1, round(epochs * agent.epoch_tokens()))
        every = checkpoint_every or max(1, tokens // 10)
        config = replace(config, total_timesteps=tokens, checkpoint_every=every)
        config = monitoring.planned(config, agent.task, eval_every, best)
        run, agent = ranks.started(path or Path("runs", f"{env_id}_{ALGORITHM}_seed{seed}"), config, agent, device)
    where = f"{tokens:,} tokens of references: {run.path}"
    out.print(f"[bold]{ALGORITHM}[/] on [bold]{env_id}[/] from {escape(config.model)}, {where}", soft_wrap=True)
    train.run_training(run, agent)
