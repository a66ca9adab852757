"""``textgym show``: all about one environment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from textgym import dynamics, registry
from textgym.cli.console import err, out
from textgym.cli.options import EnvId, RewardOption, SeedOption, SplitOption, env_kwargs
from textgym.data import SPLITS, Row
from textgym.env import TextGenEnv
from textgym.generated import ENDLESS
from textgym.rewards import Compound, Reward
from textgym.rewards.base import Constant

NAME = "show"
EXAMPLES = """
`textgym show TextGen-Target-v0`

`textgym show TextGen-Sentiment-v0 --reward "0.7*sentiment + 0.3*fluency" --seed 3`
"""


def command(env_id: EnvId, split: SplitOption = "train", reward: RewardOption = None, seed: SeedOption = 0) -> None:
    """Show an environment: its spaces, splits, reward, a prompt, and an episode of random tokens."""
    entry = registry.entry(env_id)
    env = gym.make(env_id, render_mode="ansi", **env_kwargs(split=split, reward=reward))
    assert isinstance(env.unwrapped, TextGenEnv)
    out.print(f"[bold]{entry.id}[/]  {escape(entry.summary)}\n")
    out.print(_facts(env.unwrapped, entry))
    _, info = env.reset(seed=seed)
    out.print(Panel(escape(info["prompt"]) or "[dim](empty)[/]", title="a prompt", title_align="left"))
    if info["references"]:
        out.print(Panel(escape("\n".join(info["references"])), title="its references", title_align="left"))
    with err.status("playing random tokens"):
        played = _random_episode(env, seed)
    out.print(Panel(played, title="an episode of random tokens", title_align="left"))
    out.print(f"[dim]Play it with `textgym play {entry.id}`, train with `textgym train {entry.id}`.[/]", soft_wrap=True)


def _facts(env: TextGenEnv, entry: registry.EnvEntry) -> Table:
    task, tokenizer = env.task, env.task.tokenizer
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for name, space in dynamics.observation_space(task).spaces.items():
        table.add_row(f"obs {name}", f"{type(space).__name__}{space.shape} {space.dtype}")
    table.add_row("action", f"Discrete({tokenizer.vocab_size}), a token of {tokenizer.name!r}")
    if env.masks_actions:
        table.add_row("", f"{env.action_masks().sum()} of them allowed: see action_masks()")
    table.add_row("prompt", f"at most {task.max_prompt_tokens} tokens, BOS included")
    table.add_row("completion", f"at most {task.max_new_tokens} tokens; EOS ends it")
    if task.stop:
        table.add_row("", "so do " + ", ".join(map(repr, task.stop)))
    table.add_row("rows", ", ".join(f"{_size(task.rows.get(split, ()))} {split}" for split in SPLITS))
    table.add_row("gamma", f"{task.gamma:g} per token")
    table.add_row("reward", _reward_line(task.reward))
    for part in leaves(task.reward):
        if part is not task.reward:
            table.add_row("", _reward_line(part))
    if task.metrics:
        table.add_row("also reported", ", ".join(task.metrics))
    if task.success_threshold is not None:
        table.add_row("success", f"from a reward of {task.success_threshold:g} on")
    table.add_row("starts from", entry.model)
    table.add_row("tags", ", ".join(entry.tags))
    return table


def _size(rows: Sequence[Row]) -> str:
    return str(len(rows)) if len(rows) < ENDLESS else "endless"


def leaves(reward: Reward) -> Iterator[Reward]:
    """Yields the rewards that an expression is made of, in order; the weights are left out."""
    if isinstance(reward, Compound):
        for part in reward.parts:
            yield from leaves(part)
    elif not isinstance(reward, Constant):
        yield reward


def _reward_line(reward: Reward) -> str:
    low, high = (f"{end:g}".replace("inf", "∞").replace("-", "−") for end in reward.range)
    return f"{escape(repr(reward))}  [dim]in {low} … {high}[/]"


def _random_episode(env: gym.Env[Any, Any], seed: int) -> str:
    env.action_space.seed(seed)
    mask = env.unwrapped.action_masks().astype("int8")  # type: ignore[attr-defined]  # a TextGenEnv
    env.reset(seed=seed)
    earned, over = 0.0, False
    while not over:
        _, reward, over, _, info = env.step(env.action_space.sample(mask))
        earned += float(reward)
    terms = "  ".join(f"{name} {value:.3f}" for name, value in info["reward_terms"].items())
    return f"{escape(str(env.render()))}\n\nreward [bold]{earned:.3f}[/]   [dim]{escape(terms)}[/]"
