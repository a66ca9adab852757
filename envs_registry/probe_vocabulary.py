"""TextGen-ProbeVocabulary: do with letters what was only ever done with other letters.

**Asked**: the prompt is a command and letters: ``=abc`` copies, ``<abc`` reverses (``cba``), ``+abc`` doubles
(``aabbcc``). In training and validation every command meets two thirds of the alphabet, in the test the other third,
which training shows with the other two commands only. It tests whether an agent puts together what it knows: each
letter and each command is familiar, no letter was ever seen with this command. After the compositional splits of SCAN
(Lake and Baroni 2018, arXiv:1711.00350).

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test; no prompt is in two splits.
The letter in place i of the alphabet is kept from the command in place i mod 3. Commands are uniform, lengths from
``min_length`` to ``max_length``, letters uniform over those that the command meets.

**Reward**: the share of positions with the right letter, over the longer of answer and completion. The metric ``score``
is the share of answers that are right altogether; on the validation split it tells what was learnt, on the test what
carries over.

**Ending**: EOS, or ``2 × max_length + 1`` tokens.

**Options**: ``min_length`` and ``max_length`` (1 to 500; 3 and 6 by default), ``letters`` (6 to 26; 15 by default),
``data_seed``.

**What the reward misses**: copying where reversal was asked for has the middle letter right; the score pays nothing for
it, but for strings that read the same both ways.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping

from textgym.data import Row
from textgym.generated import prompt_of
from textgym.registry import EnvEntry
from textgym.tasks import Task

from .exact import check_sizes, check_whole
from .probe_recipe import LONGEST, shifted_task, word
from .prose import Dice

COMMANDS: Mapping[str, Callable[[str], str]] = {
    "=": lambda text: text,
    "<": lambda text: text[::-1],
    "+": lambda text: "".join(letter * 2 for letter in text),
}
"""What each command makes of the letters after it."""

ENTRY = EnvEntry(
    id="TextGen-ProbeVocabulary-v0",
    task="textgym.envs_registry.probe_vocabulary:task",
    summary="Copy, reverse or double letters; the test joins commands with letters that never met them in training.",
    model="scratch",
    tags=("probe", "generalization"),
)


def task(min_length: int = 3, max_length: int = 6, letters: int = 15, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_sizes("length", min_length, max_length, LONGEST // 2)
    check_whole("letters", letters, 6, 26)
    alphabet = string.ascii_lowercase[:letters]
    commands = list(COMMANDS)
    kept = {command: alphabet[i :: len(commands)] for i, command in enumerate(commands)}
    met = {command: "".join(letter for letter in alphabet if letter not in kept[command]) for command in commands}

    def draw(dice: Dice, known: Mapping[str, str]) -> Row:
        command = dice.choice(commands)
        text = word(dice, known[command], dice.whole(min_length, max_length))
        return Row(command + text, (COMMANDS[command](text),))

    return shifted_task(
        "ProbeVocabulary",
        lambda dice: draw(dice, met),
        lambda dice: draw(dice, kept),
        characters=alphabet + "".join(commands),
        max_prompt=1 + max_length,
        max_answer=2 * max_length,
        data_seed=data_seed,
        key=prompt_of,
    )
