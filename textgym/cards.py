"""The page of an environment, made from its docstring, the registry and the environment itself.

``python -m textgym.cards FOLDER`` writes them all, and an index.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import gymnasium as gym

from textgym import dynamics, registry
from textgym.data import SPLITS, Row
from textgym.env import TextGenEnv
from textgym.generated import ENDLESS
from textgym.registry import EnvEntry
from textgym.rewards import Compound, Reward
from textgym.rewards.base import Constant
from textgym.tasks import Task
from textgym.wrappers import TextView

SHOWN_PROMPTS = 3
SHOWN_CHARACTERS = 400
"""A prompt or reference that is longer is cut on the page."""

INDEX = "README.md"


def card(env_id: str, **make_kwargs: Any) -> str:
    """Returns the page of an environment in Markdown.

    Args:
        env_id: A registered id.
        **make_kwargs: Options of the environment; the page tells what it is with them.
    """
    entry = registry.entry(env_id)
    env = gym.make(env_id, **make_kwargs)
    task = cast(TextGenEnv, env.unwrapped).task
    parts = [
        f"# {entry.id}",
        entry.summary,
        f"Tags: {', '.join(entry.tags)}." if entry.tags else "",
        _page(entry),
        "## Facts",
        _table(("", ""), facts(env, entry)),
        "## Prompts",
        *_prompts(task),
        "## An episode",
        *_episode(entry, env, make_kwargs),
        "## Reference scores",
        *_scores(entry),
        "## Versions",
        "\n".join(f"- {version}: {change}" for version, change in entry.versions.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def facts(env: gym.Env, entry: EnvEntry) -> list[tuple[str, str]]:
    """Returns what there is to know of an environment, as pairs of a name and a text in Markdown."""
    plain = cast(TextGenEnv, env.unwrapped)
    task, tokenizer = plain.task, plain.task.tokenizer
    rows = [
        (f"observation `{name}`", f"{type(space).__name__} {space.shape}, {space.dtype}")
        for name, space in dynamics.observation_space(task).spaces.items()
    ]
    rows.append(("action", f"`Discrete({tokenizer.vocab_size})`, a token of {_code(tokenizer.name)}"))
    if plain.masks_actions:
        rows.append(("", f"{plain.action_masks().sum()} of them allowed: see `action_masks()`"))
    rows.append(("prompt", f"at most {task.max_prompt_tokens} tokens, BOS included"))
    ends = ", ".join(["EOS", *(_code(repr(stop)) for stop in task.stop)])
    if task.simulator is None:
        rows.append(("completion", f"at most {task.max_new_tokens} tokens; {ends} ends it"))
    else:
        rows.append(("completion", f"at most {task.max_new_tokens} tokens of the agent in all; {ends} ends a turn"))
        rows.append(("replies", f"at most {task.max_reply_tokens} tokens in all"))
    rows.append(("rows", ", ".join(f"{_size(task.rows.get(split, ()))} {split}" for split in SPLITS)))
    rows.append(("gamma", f"{task.gamma:g} per token"))
    rows.append(("reward", _reward(task.reward)))
    rows += [("", _reward(part)) for part in leaves(task.reward) if part is not task.reward]
    if task.metrics:
        rows.append(("also reported", ", ".join(_code(name) for name in task.metrics)))
    if task.gold is not None:
        rows.append(("gold", _gold(task)))
    if task.success_threshold is not None:
        rows.append(("success", f"from a reward of {task.success_threshold:g} on"))
    return [*rows, ("starts from", _code(entry.model))]


def leaves(reward: Reward) -> Iterator[Reward]:
    """Yields the rewards that an expression is made of, in order; the weights are left out."""
    if isinstance(reward, Compound):
        for part in reward.parts:
            yield from leaves(part)
    elif not isinstance(reward, Constant):
        yield reward


def index(entries: Iterable[EnvEntry]) -> str:
    """Returns the page that leads to all others."""
    rows = [(f"[{entry.id}]({entry.id}.md)", entry.summary, ", ".join(entry.tags)) for entry in entries]
    text = "Made by `make docs` from the registry and the docstrings; `textgym show ID` prints a page.\n"
    return f"# The environments\n\n{text}\n{_table(('id', 'what is asked', 'tags'), rows)}\n"


def pages() -> dict[str, str]:
    """Returns all pages by the name of their file."""
    entries = registry.entries()
    return {INDEX: index(entries.values())} | {f"{env_id}.md": card(env_id) for env_id in entries}


def _page(entry: EnvEntry) -> str:
    """Returns the docstring of the task's module, without its title, with Markdown's backticks."""
    module = inspect.getmodule(registry.task_function(entry))
    _, _, body = (inspect.getdoc(module) or "").partition("\n")
    return re.sub(r"``(.+?)``", r"`\1`", body, flags=re.S).strip()


def _prompts(task: Task) -> list[str]:
    """Returns the first prompts of the split, each with what answers it."""
    blocks = []
    for i in range(min(SHOWN_PROMPTS, len(task))):
        answer = f"\n→{task.answer(task[i])}" if task.can_answer else ""
        blocks.append(f"```text\n{_cut(task[i].prompt)}{_cut(answer)}\n```")
    kind = "perfect first turn" if task.simulator is not None else "perfect answer"
    return [f"The first of the split `{task.split}`{f', with a {kind} each' if task.can_answer else ''}.", *blocks]


def _episode(entry: EnvEntry, env: gym.Env, make_kwargs: dict[str, Any]) -> list[str]:
    """Returns an episode as code and the output of that code."""
    task = cast(TextGenEnv, env.unwrapped).task
    if not task.can_answer:
        return []
    options = "".join(f", {name}={value!r}" for name, value in make_kwargs.items())
    code = [
        "import gymnasium as gym",
        "import textgym",
        "from textgym.wrappers import TextView",
        "",
        f'env = TextView(gym.make("{entry.id}"{options}))  # actions and observations are texts',
        'text, info = env.reset(options={"prompt_index": 0})',
    ]
    view = TextView(env)
    view.reset(options={"prompt_index": 0})
    over, reward, text = False, 0.0, ""
    while not over:
        turn = task.answer(task[0], tuple(cast(TextGenEnv, env.unwrapped).turns))
        code.append(f"text, reward, terminated, truncated, info = env.step({turn!r})")
        text, reward, over, _, _ = view.step(turn)
    code += ["print(text)", "print(round(reward, 3))"]
    shown = f"{text}\n{round(reward, 3)}"
    return ["```python\n" + "\n".join(code) + "\n```", f"```text\n{shown}\n```"]


def _gold(task: Task) -> str:
    if task.gold == "success":
        return "`success`: the reward checks the answer itself, so a full one is the truth"
    return f"{_code(str(task.gold))}, no part of the reward, tells whether it was earned as meant"


def _scores(entry: EnvEntry) -> list[str]:
    if not entry.scores:
        return ["Not measured yet."]
    rows = [
        (name, f"{score['reward']:.3f}", f"{score['low']:.3f} to {score['high']:.3f}")
        for name, score in entry.scores.items()
    ]
    command = "`benchmarks/reference_scores.py`, test split, 95% intervals over episodes."
    return [_table(("agent", "reward", "interval"), rows), f"{command}"]


def _reward(reward: Reward) -> str:
    low, high = (f"{end:g}".replace("inf", "∞").replace("-", "−") for end in reward.range)
    return f"{_code(repr(reward))} in {low} … {high}"


def _size(rows: Sequence[Row]) -> str:
    return str(len(rows)) if len(rows) < ENDLESS else "endless"


def _code(text: str) -> str:
    """Returns a text as code that no character of a table can break."""
    return f"`{text}`" if "`" not in text else f"`` {text} ``"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " …"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(header), ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    written = pages()
    for stale in set(folder.glob("*.md")) - {folder / name for name in written}:
        stale.unlink()
    for name, page in written.items():
        (folder / name).write_text(page, encoding="utf-8")
