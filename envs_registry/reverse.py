"""TextGen-Reverse: write the letters from the last to the first.

**Asked**: the prompt is random letters and ``=``, such as ``dbca=``; the answer is ``acbd``. Unlike in Copy, each
letter is looked up at another distance.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test. No prompt is in two splits,
and neither are a prompt and its mirror image. Lengths are uniform from ``min_length`` to ``max_length``, letters
uniform over the first ``letters`` of the alphabet.

**Reward**: 1 for the very letters, else 0. With ``partial=True`` the share of positions with the right letter, over the
longer of answer and completion; each of the two is a metric of the other. Both call it a success at 1.

**Ending**: EOS, or ``max_length + 1`` tokens.

**Options**: ``min_length`` and ``max_length``, ``letters`` (2 to 26), ``partial``, ``data_seed``. To train on short
prompts and test on long ones, make both environments with the ``max_prompt_tokens`` and ``max_new_tokens`` of the
longer, so that their observations have one shape.

**What the reward misses**: nothing of the task. A prompt that reads the same both ways is answered by copying it; of
those with ten letters that is one in 26⁵. Partial credit pays copying its middle letter and chance.
"""

from __future__ import annotations

from textgym.data import Row
from textgym.registry import EnvEntry
from textgym.tasks import Task

from .letters import letters_task

ENTRY = EnvEntry(
    id="TextGen-Reverse-v0",
    task="textgym.envs_registry.reverse:task",
    summary="Write the letters of the prompt from the last to the first.",
    model="scratch",
    tags=("algorithmic", "generated"),
)


def task(
    min_length: int = 3, max_length: int = 10, letters: int = 26, partial: bool = False, data_seed: int = 0
) -> Task:
    """Returns the task; the options are on the page above."""
    return letters_task(
        "Reverse",
        reverse,
        min_length=min_length,
        max_length=max_length,
        letters=letters,
        partial=partial,
        data_seed=data_seed,
        key=_either_way,
    )


def reverse(text: str) -> str:
    """Returns ``text`` from the last character to the first."""
    return text[::-1]


def _either_way(row: Row) -> str:
    (answer,) = row.references
    return min(answer, reverse(answer))
