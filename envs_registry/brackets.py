"""TextGen-Brackets: close all brackets that are open.

**Asked**: the prompt is the beginning of a text of brackets, such as ``([]{(``, with at least one open; completed, each
bracket must be closed by its own kind, in order: ``)})``. More brackets may be opened and closed on the way, as the
budget allows. What a language of nested brackets takes is a stack.

**Action masks**: `action_masks` allows brackets and EOS.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test; no prompt is in two splits.
Lengths are uniform from ``min_length`` to ``max_length``; at each place a bracket is opened three times out of five,
or else the last one that is open is closed. The reference is the shortest completion.

**Reward**: 1 where prompt and completion together are balanced, else 0. With ``partial=True`` the share of the open
brackets that are closed before the first wrong one, in which everything from there on counts as left open; each of the
two is a metric of the other. Both call it a success at 1.

**Ending**: EOS, or ``max_length + 1`` tokens.

**Options**: ``min_length`` and ``max_length``, ``kinds`` (1 to 3: round, square, curly), ``partial``, ``data_seed``. To
train on short prompts and test on long ones, make both environments with the ``max_prompt_tokens`` and
``max_new_tokens`` of the longer, so that their observations have one shape.

**What the reward misses**: nothing of the task. Pairs that nobody asked for cost nothing. Chance closes a single open
bracket in one of 49 completions, and n of them in one of 7ⁿ⁺¹.
"""

from __future__ import annotations

import numpy as np

from textgym.data import Row
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task

from .exact import check_sizes, check_whole, exact_task

KINDS = (("(", ")"), ("[", "]"), ("{", "}"))
OPENING = 0.6
"""Chance that the next bracket of a prompt opens, where it may also close."""
LONGEST = 1_000
"""Largest ``max_length``."""

ENTRY = EnvEntry(
    id="TextGen-Brackets-v0",
    task="textgym.envs_registry.brackets:task",
    summary="Close all brackets that are open; action masks allow nothing but brackets.",
    model="scratch",
    tags=("algorithmic", "generated", "masked"),
)
_CLOSES = dict(KINDS)  # the closing bracket of each opening one
_CLOSING = frozenset(_CLOSES.values())


def task(min_length: int = 4, max_length: int = 16, kinds: int = 3, partial: bool = False, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_sizes("length", min_length, max_length, LONGEST)
    check_whole("kinds", kinds, 1, len(KINDS))

    def draw(rng: np.random.Generator) -> Row:
        length = int(rng.integers(min_length, max_length + 1))
        opens, of_kind = (rng.random(length) < OPENING).tolist(), rng.integers(kinds, size=length).tolist()
        text, due = "", ""  # what closes the open brackets, the last one first
        for i in range(length):
            if opens[i] or not due or (i == length - 1 and len(due) == 1):  # one is open in the end
                opening, closing = KINDS[of_kind[i]]
                text, due = text + opening, closing + due
            else:
                text, due = text + due[0], due[1:]
        return Row(text, (due,))

    return exact_task(
        "Brackets",
        draw,
        characters="".join(opening + closing for opening, closing in KINDS[:kinds]),
        max_prompt=max_length,
        max_answer=max_length,
        partial=partial,
        data_seed=data_seed,
        rewards=(make(balanced, range=(0.0, 1.0)), make(closed_share, range=(0.0, 1.0))),
        masked=True,
    )


def balanced(prompts: list[str], completions: list[str], **columns: object) -> list[float]:
    """Scores 1 where prompt and completion together close every bracket by its own kind, in order, else 0."""
    texts = (prompt + completion for prompt, completion in zip(prompts, completions, strict=True))
    return [float(_read(text) == ("", "")) for text in texts]


def closed_share(prompts: list[str], completions: list[str], **columns: object) -> list[float]:
    """Scores ``max(0, open − left) / (open + unread)``. Range [0, 1]; 1 where `balanced` gives 1, and nowhere else.

    ``open`` brackets of the prompt, ``left`` of them and of new ones when the completion is over or goes wrong, and
    ``unread`` characters of the completion from the first wrong one on.
    """
    scores = []
    for prompt, completion in zip(prompts, completions, strict=True):
        due, wrong = _read(prompt)
        left, unread = _read(completion, due)
        if wrong or not due:  # a prompt given by hand that is wrong, or in which nothing is open
            scores.append(float(not wrong and not left and not unread))
        else:
            scores.append(max(0, len(due) - len(left)) / (len(due) + len(unread)))
    return scores


def _read(text: str, due: str = "") -> tuple[str, str]:
    """Returns what must still be closed, the next first, and the text from the first wrong character on."""
    for i, character in enumerate(text):
        if character in _CLOSES:
            due = _CLOSES[character] + due
        elif due.startswith(character) and character in _CLOSING:
            due = due[1:]
        else:
            return due, text[i:]
    return due, ""
