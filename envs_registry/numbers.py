"""TextGen-Numbers: count upwards.

**Asked**: the prompt is a number and a space, such as ``7 ``; the completion should go on with larger and larger
numbers, such as ``8 9 11 30``. No model is needed to judge it, and a small Transformer learns it from nothing.

**Data**: the numbers from 0 to 99, dealt 80 / 10 / 10 to training, validation and test by the hash of their prompt.

**Reward**: the share of 8 numbers that the completion has in a row, each larger than all before it, the prompt's
included; the count stops at the first that is not. Range [0, 1]; 1 is a success.

**Ending**: EOS, or 24 characters, each a token of its own. Only digits, spaces and EOS are allowed (`action_masks`).

**Options**: none.

**What the reward misses**: the way there. ``10 20 30 40 50 60 70 80`` after ``7 `` earns as much as counting by one, as
does any text that goes on after the eighth number. From 93 on there is no room for 8 larger numbers, and the best that
can be had is 6 or 7 of them.
"""

from __future__ import annotations

import re

from textgym.data import Row, load_rows
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

GOAL = 8
"""Numbers in a row that earn the full reward."""

MAX_CHARACTERS = 24

ENTRY = EnvEntry(
    id="TextGen-Numbers-v0",
    task="textgym.envs_registry.numbers:task",
    summary="Go on counting: write numbers that only increase.",
    model="scratch",
    tags=("algorithmic",),
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


def count_on(row: Row, turns: tuple[str, ...]) -> str:
    """Returns the next numbers, GOAL of them or as many as leave room for EOS."""
    start = int(row.prompt)
    text = " ".join(str(start + step) for step in range(1, GOAL + 1))
    return text if len(text) < MAX_CHARACTERS else text[: text.rindex(" ", 0, MAX_CHARACTERS)]


def task() -> Task:
    """Returns the task: prompts from 0 to 99, 24 characters, reward in [0, 1]."""
    tokenizer = CharTokenizer("0123456789 ")
    return Task(
        name="Numbers",
        rows=load_rows(f"{number} " for number in range(100)),
        tokenizer=tokenizer,
        reward=make(increasing, range=(0.0, 1.0)),
        gold="success",
        max_prompt_tokens=4,
        max_new_tokens=MAX_CHARACTERS,
        allowed_tokens=(tokenizer.eos_id, *tokenizer.encode(tokenizer.characters)),
        success_threshold=1.0,
        reference_policy=count_on,
    )
