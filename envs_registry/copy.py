"""TextGen-Copy: write the letters again.

**Asked**: the prompt is random letters and ``=``, such as ``dbca=``; the answer is ``dbca``. It tests whether an agent
can look back at all, and over what distance.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test; no prompt is in two splits.
Lengths are uniform from ``min_length`` to ``max_length``, letters uniform over the first ``letters`` of the alphabet.

**Reward**: 1 for the very letters, else 0. With ``partial=True`` the share of positions with the right letter, over the
longer of answer and completion; each of the two is a metric of the other. Both call it a success at 1.

**Ending**: EOS, or ``max_length + 1`` tokens.

**Options**: ``min_length`` and ``max_length``, ``letters`` (2 to 26), ``partial``, ``data_seed``. To train on short
prompts and test on long ones, make both environments with the ``max_prompt_tokens`` and ``max_new_tokens`` of the
longer, so that their observations have one shape.

**What the reward misses**: nothing of the task. Partial credit pays about ``1 / letters`` for letters at random, and a
letter left out costs all after it.
"""

from __future__ import annotations

from textgym.registry import EnvEntry
from textgym.tasks import Task

from .letters import letters_task

ENTRY = EnvEntry(
    id="TextGen-Copy-v0",
    task="textgym.envs_registry.copy:task",
    summary="Write the letters of the prompt again.",
    model="scratch",
    tags=("algorithmic", "generated"),
)


def task(
    min_length: int = 3, max_length: int = 10, letters: int = 26, partial: bool = False, data_seed: int = 0
) -> Task:
    """Returns the task; the options are on the page above."""
    return letters_task(
        "Copy",
        str,
        min_length=min_length,
        max_length=max_length,
        letters=letters,
        partial=partial,
        data_seed=data_seed,
    )
