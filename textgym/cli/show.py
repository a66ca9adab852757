"""``textgym show``: all about one environment."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from rich.markdown import Markdown
from rich.markup import escape
from rich.panel import Panel

from textgym import cards, registry
from textgym.cli.console import err, out
from textgym.cli.options import EnvId, EnvOption, RewardOption, SeedOption, SplitOption, env_kwargs

NAME = "show"
EXAMPLES = """
`textgym show TextGen-Target-v0`

`textgym show TextGen-Sentiment-v0 --reward "0.7*sentiment + 0.3*fluency" --seed 3`

`textgym show TextGen-Arithmetic-v0 --env level=3`
"""


def command(
    env_id: EnvId,
    split: SplitOption = "train",
    reward: RewardOption = None,
    options: EnvOption = None,
    seed: SeedOption = 0,
) -> None:
    """Show an environment as it is with these options: its page, and an episode of random tokens."""
    entry = registry.entry(env_id)
    made = env_kwargs(options, split=None if split == "train" else split, reward=reward)
    out.print(Markdown(cards.card(env_id, **made)))
    with err.status("playing random tokens"):
        played = _random_episode(gym.make(env_id, render_mode="ansi", **made), seed)
    out.print(Panel(played, title="an episode of random tokens", title_align="left"))
    out.print(f"[dim]Play it with `textgym play {entry.id}`, train with `textgym train {entry.id}`.[/]", soft_wrap=True)


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
