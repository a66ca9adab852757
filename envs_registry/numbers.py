"""TextGen-Numbers: count upwards.

The prompt is a number and a space; the completion should go on with larger and larger numbers, such as ``7 `` then
``8 9 11 30``. No model is needed to judge it, and a small Transformer learns it from nothing.
"""

from __future__ import annotations

import re

from textgym.data import load_rows
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

GOAL = 8
"""Numbers in a row that earn the full reward."""

ENTRY = EnvEntry(
    id="TextGen-Numbers-v0",
    task="textgym.envs_registry.numbers:task",
    summary="Go on counting: write numbers that only increase.",
    model="scratch",
    tags=("core", "algorithmic"),
)


def increasing(prompts: list[str], completions: list[str], **columns: object) -> list[float]:
    """Scores how many numbers increase from the start: a completion with GOAL in a row gets 1.

    Each number must be larger than all before it, the prompt's included; the count stops at the first that is not.
    """
    return [
        min(_run(prompt + completion), GOAL) / GOAL for prompt, completion in zip(prompts, completions, strict=True)
    ]


def _run(text: str) -> int:
    numbers = [int(digits) for digits in re.findall(r"\d+", text)]
    run = 0
    while run + 1 < len(numbers) and numbers[run + 1] > numbers[run]:
        run += 1
    return run


def task() -> Task:
    """Returns the task: prompts from 0 to 99, 24 characters, reward in [0, 1]."""
    tokenizer = CharTokenizer("0123456789 ")
    return Task(
        name="Numbers",
        rows=load_rows(f"{number} " for number in range(100)),
        tokenizer=tokenizer,
        reward=make(increasing, range=(0.0, 1.0)),
        max_prompt_tokens=4,
        max_new_tokens=24,
        allowed_tokens=(tokenizer.eos_id, *tokenizer.encode(tokenizer.characters)),
        success_threshold=1.0,
    )
