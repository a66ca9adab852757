"""TextGen-ProbeLength: copy strings that are longer than any in training.

**Asked**: the prompt is random letters and ``=``, such as ``dbca=``; the answer is ``dbca``. Training and validation
have up to ``max_length`` letters, the test has more, up to ``test_length``. It tests whether what was learnt is
copying, or copying that many letters.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test; no prompt is in two splits.
Lengths are uniform, from ``min_length`` to ``max_length`` in training and validation and from ``max_length + 1`` to
``test_length`` in the test; letters are uniform over the first ``letters`` of the alphabet.

**Reward**: the share of positions with the right letter, over the longer of answer and completion. The metric ``score``
is the share of strings that are right altogether; on the validation split it tells what was learnt, on the test what
carries over.

**Ending**: EOS, or ``test_length + 1`` tokens.

**Options**: ``min_length`` and ``max_length`` (1 to 999; 3 and 6 by default), ``test_length`` (more than
``max_length``; 12 by default), ``letters`` (2 to 26; 8 by default), ``data_seed``.

**What the reward misses**: it pays the first letters of a long string as if they were the whole of a short one; the
score does not.
"""

from __future__ import annotations

import string

from textgym.data import Row
from textgym.generated import prompt_of
from textgym.registry import EnvEntry
from textgym.tasks import Task

from .exact import END, check_sizes, check_whole
from .probe_recipe import LONGEST, shifted_task, word
from .prose import Dice

ENTRY = EnvEntry(
    id="TextGen-ProbeLength-v0",
    task="textgym.envs_registry.probe_length:task",
    summary="Copy letters; the test has more of them than any training prompt.",
    model="scratch",
    tags=("probe", "generalization"),
)


def task(min_length: int = 3, max_length: int = 6, test_length: int = 12, letters: int = 8, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_sizes("length", min_length, max_length, LONGEST - 1)
    check_whole("test_length", test_length, max_length + 1, LONGEST)
    check_whole("letters", letters, 2, 26)
    alphabet = string.ascii_lowercase[:letters]

    def draw(dice: Dice, shortest: int, longest: int) -> Row:
        text = word(dice, alphabet, dice.whole(shortest, longest))
        return Row(text + END, (text,))

    return shifted_task(
        "ProbeLength",
        lambda dice: draw(dice, min_length, max_length),
        lambda dice: draw(dice, max_length + 1, test_length),
        characters=alphabet + END,
        max_prompt=test_length + len(END),
        max_answer=test_length,
        data_seed=data_seed,
        key=prompt_of,
    )
