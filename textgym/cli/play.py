"""``textgym play``: write a completion by hand and see what it earns."""

from __future__ import annotations

import re
from typing import Annotated, Any, NamedTuple

import gymnasium as gym
import numpy as np
import typer
from rich.markup import escape
from rich.panel import Panel

from textgym import registry
from textgym.cli import agents
from textgym.cli.console import out
from textgym.cli.options import DeviceOption, EnvId, EnvOption, RewardOption, SeedOption, SplitOption, env_kwargs
from textgym.env import TextGenEnv
from textgym.errors import OptionError, TextGymError
from textgym.tokenizers import Tokenizer

NAME = "play"
EXAMPLES = """
`textgym play TextGen-Target-v0`, then type 我爱你。

`textgym play TextGen-Sentiment-v0 --model tiny` proposes tokens; `:1` takes the first.

`echo "8 9 11 30" | textgym play TextGen-Numbers-v0 --prompt "7 "` scores a text.
"""


class Proposal(NamedTuple):
    """A token that the model would write, and how probable it finds it."""

    token: int
    probability: float


def command(
    env_id: EnvId,
    model: Annotated[
        str | None,
        typer.Option(
            help="Propose the likeliest tokens of this run folder, agent or Hugging Face model.", show_default=False
        ),
    ] = None,
    top: Annotated[int, typer.Option(help="Number of proposals.", min=1)] = 5,
    prompt: Annotated[str | None, typer.Option(help="Your own prompt instead of one of the task's.")] = None,
    split: SplitOption = "train",
    reward: RewardOption = None,
    options: EnvOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Play an episode in the terminal: type text, or take tokens that a model proposes; then see the reward.

    Each line you type is added as it stands, spaces included. An empty line, or the end of the input, ends the
    completion.
    """
    entry = registry.entry(env_id)
    given = env_kwargs(options, split=split, reward=reward)
    agent = None if model is None else agents.load(model, device, env_id, given)
    if agent is not None and not hasattr(agent, "policy"):
        raise OptionError(
            f"{model!r} has no language model whose next tokens could be proposed. Give a run folder, a saved agent or "
            "a Hugging Face model."
        )
    if (tokenizer := getattr(agent, "tokenizer", None)) is not None:
        given["tokenizer"] = tokenizer
    env = gym.make(env_id, **given).unwrapped
    assert isinstance(env, TextGenEnv)
    obs, info = env.reset(seed=seed, options=None if prompt is None else {"prompt": prompt})
    out.print(f"[bold]{entry.id}[/]  {escape(entry.summary)}")
    out.print(Panel(escape(info["prompt"]) or "[dim](empty)[/]", title="prompt", title_align="left"))
    out.print(
        f"[dim]Type text; an empty line ends the completion{'; :1 takes the first proposal' if agent else ''}.[/]"
    )
    earned, over = 0.0, False
    while not over:
        proposals = [] if agent is None else propose(agent, env, obs, top)
        _show(env, obs, proposals)
        tokens = _read(env, proposals)
        if tokens is None:
            out.print("[yellow]Left unfinished.[/] No EOS is allowed here, so there is nothing to score.")
            return
        for token in tokens:
            obs, reward_now, over, _, info = env.step(token)
            earned += reward_now
            if over:
                break
    _show_end(env, obs, info, earned)


def propose(agent: Any, env: TextGenEnv, obs: dict[str, np.ndarray], top: int) -> list[Proposal]:
    """Returns the likeliest next tokens under the agent's law, likeliest first."""
    import torch

    model = agent.policy.token_model
    with torch.inference_mode():
        ids = torch.from_numpy(obs["input_ids"])[None].to(model.device)
        length = torch.tensor([obs["attention_mask"].sum()], device=model.device)
        prompt = torch.from_numpy(obs["prompt_length"]).to(model.device)
        mask = torch.from_numpy(env.action_masks()).to(model.device)
        law = model.distribution(model.context_hidden(ids, length, prompt), mask)
        best = law.log_probs[0].exp().topk(min(top, int(mask.sum())))
    return [Proposal(*pair) for pair in zip(best.indices.tolist(), best.values.tolist(), strict=True)]


def parse(line: str, env: TextGenEnv, proposals: list[Proposal]) -> list[int]:
    """Returns the tokens that a typed line stands for.

    Raises:
        TextGymError: If they cannot be written, or are not allowed here.
    """
    tokenizer = env.task.tokenizer
    choice = re.fullmatch(r":(\d+)", line)
    if choice and proposals:
        number = int(choice[1])
        if not 1 <= number <= len(proposals):
            raise OptionError(f"There are {len(proposals)} proposals. Actual value: {line!r}.")
        return [proposals[number - 1].token]
    tokens = tokenizer.encode(line) if line else [tokenizer.eos_id]
    allowed = env.action_masks()
    for token in tokens:
        if not allowed[token]:
            raise OptionError(f"{token_text(tokenizer, token)} is not allowed here.")
    return tokens


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """Returns a token as a person reads it; a special one by its name."""
    return tokenizer.decode([token]) or tokenizer.tokens()[token]


def _read(env: TextGenEnv, proposals: list[Proposal]) -> list[int] | None:
    """Returns the tokens of the next line; None where the input is over and the episode cannot be ended."""
    while True:
        try:
            line = out.input("> ")
        except EOFError:
            eos = env.task.tokenizer.eos_id
            out.print()
            return [eos] if env.action_masks()[eos] else None
        try:
            return parse(line, env, proposals)
        except TextGymError as error:
            out.print(f"[red]{escape(str(error))}[/]")


def _show(env: TextGenEnv, obs: dict[str, np.ndarray], proposals: list[Proposal]) -> None:
    written = _written(obs)
    if len(written):
        out.print(_marked(env, written))
    out.print(f"[dim]{env.task.max_new_tokens - len(written)} tokens left[/]")
    for number, (token, probability) in enumerate(proposals, 1):
        text = escape(repr(token_text(env.task.tokenizer, token)))
        out.print(f"  [cyan]:{number}[/]  {probability:6.1%}  {text}", highlight=False)


def _show_end(env: TextGenEnv, obs: dict[str, np.ndarray], info: dict[str, Any], earned: float) -> None:
    out.print(Panel(escape(info["completion"]) or "[dim](empty)[/]", title="completion", title_align="left"))
    out.print(_marked(env, _written(obs)))
    out.print(f"finished by {info['finish_reason']} after {len(_written(obs))} tokens")
    for name, value in info["reward_terms"].items():
        out.print(f"  {escape(name)}  {value:.3f}", highlight=False)
    out.print(f"[bold]reward  {earned:.3f}[/]")


def _written(obs: dict[str, np.ndarray]) -> np.ndarray:
    return obs["input_ids"][int(obs["prompt_length"][0]) : int(obs["attention_mask"].sum())]


def _marked(env: TextGenEnv, tokens: np.ndarray) -> str:
    """Returns tokens with bars between them, as markup."""
    return "[dim]|[/]".join(escape(token_text(env.task.tokenizer, int(token))) for token in tokens)
