"""TextGen-Sort: write the letters in the order of the alphabet.

**Asked**: the prompt is random letters and ``=``, such as ``dbcab=``; the answer is ``abbcd``. A letter that comes
twice is written twice.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test. The split hangs on the
answer, so no answer of the test is the answer of a training prompt, which a prompt in another order would be. Lengths
are uniform from ``min_length`` to ``max_length``, letters uniform over the first ``letters`` of the alphabet.

**Reward**: 1 for the very letters in order, else 0. With ``partial=True`` the share of positions with the right letter,
over the longer of answer and completion; each of the two is a metric of the other. Both call it a success at 1.

**Ending**: EOS, or ``max_length + 1`` tokens.

**Options**: ``min_length`` and ``max_length``, ``letters`` (2 to 26), ``partial``, ``data_seed``. To train on short
prompts and test on long ones, make both environments with the ``max_prompt_tokens`` and ``max_new_tokens`` of the
longer, so that their observations have one shape.

**What the reward misses**: nothing of the task. Partial credit knows neither that the letters are those of the prompt
nor that they increase: a fixed text of early, middle and late letters earns some of it.
"""

from __future__ import annotations

from textgym.data import Row
from textgym.registry import EnvEntry
from textgym.tasks import Task

from .letters import letters_task

ENTRY = EnvEntry(
    id="TextGen-Sort-v0",
    task="textgym.envs_registry.sort:task",
    summary="Write the letters of the prompt in the order of the alphabet.",
    model="scratch",
    tags=("algorithmic", "generated"),
)


def task(
    min_length: int = 3, max_length: int = 10, letters: int = 26, partial: bool = False, data_seed: int = 0
) -> Task:
    """Returns the task; the options are on the page above."""
    return letters_task(
        "Sort",
        in_order,
        min_length=min_length,
        max_length=max_length,
        letters=letters,
        partial=partial,
        data_seed=data_seed,
        key=_answer,
    )


def in_order(text: str) -> str:
    """Returns the characters of ``text``, sorted."""
    return "".join(sorted(text))


def _answer(row: Row) -> str:
    return row.references[0]
