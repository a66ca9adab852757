"""TextGen-ProbeShift: the same question, asked in a way that training never asked it.

**Asked**: to write the letters of the prompt again, and to leave the dots. In training and validation the dots stand
before or after the letters, or are not there, ``..abc=``, ``abc..=``, ``abc=``; in the test they stand between them,
``a.b.c=``. The answer is always ``abc``. It tests whether what was learnt hangs on the form of the prompt: every
character is familiar, and so is what is asked.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test. The split hangs on the
answer: no letters of the test were asked for in training, in whatever form. Forms are uniform over those of the split,
lengths from ``min_length`` to ``max_length``, letters uniform over the first ``letters`` of the alphabet.

**Reward**: the share of positions with the right letter, over the longer of answer and completion. The metric ``score``
is the share of answers that are right altogether; on the validation split it tells what was learnt, on the test what
carries over.

**Ending**: EOS, or ``max_length + 1`` tokens.

**Options**: ``train_forms`` and ``test_forms`` (lists of forms, none in both; ``["plain", "before", "after"]`` and
``["between"]`` by default; the forms are those of `FORMS`, ``around`` being the fifth), ``min_length`` and
``max_length`` (2 to 500; 3 and 6 by default), ``letters`` (2 to 26; 8 by default), ``data_seed``.

**What the reward misses**: nothing much: letters at random have ``1 / letters`` of the positions right.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence

from textgym.data import Row
from textgym.errors import OptionError, suggest
from textgym.registry import EnvEntry
from textgym.tasks import Task

from .exact import END, check_sizes, check_whole
from .probe_recipe import LONGEST, shifted_task, word
from .prose import Dice

FORMS: Mapping[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "before": lambda text: f"..{text}",
    "after": lambda text: f"{text}..",
    "around": lambda text: f"..{text}..",
    "between": lambda text: ".".join(text),
}
"""How letters may be asked for: ``abc``, ``..abc``, ``abc..``, ``..abc..``, ``a.b.c``, each followed by ``=``."""

ENTRY = EnvEntry(
    id="TextGen-ProbeShift-v0",
    task="textgym.envs_registry.probe_shift:task",
    summary="Copy the letters and leave the dots; the test puts dots where training never does.",
    model="scratch",
    tags=("probe", "generalization"),
)


def task(
    train_forms: Sequence[str] = ("plain", "before", "after"),
    test_forms: Sequence[str] = ("between",),
    min_length: int = 3,
    max_length: int = 6,
    letters: int = 8,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    seen, unseen = _checked("train_forms", train_forms), _checked("test_forms", test_forms)
    if shared := set(seen) & set(unseen):
        raise OptionError(f"A form of the test must not be one of training. Actual value: {min(shared)!r} in both.")
    check_sizes("length", min_length, max_length, LONGEST // 2)
    check_whole("min_length", min_length, 2, max_length)  # a single letter has no place between
    check_whole("letters", letters, 2, 26)
    alphabet = string.ascii_lowercase[:letters]
    longest = "a" * max_length

    def draw(dice: Dice, forms: Sequence[str]) -> Row:
        text = word(dice, alphabet, dice.whole(min_length, max_length))
        return Row(FORMS[dice.choice(forms)](text) + END, (text,))

    return shifted_task(
        "ProbeShift",
        lambda dice: draw(dice, seen),
        lambda dice: draw(dice, unseen),
        characters=alphabet + "." + END,
        max_prompt=max(len(FORMS[form](longest)) for form in (*seen, *unseen)) + len(END),
        max_answer=max_length,
        data_seed=data_seed,
        key=_answer,
    )


def _checked(option: str, forms: Sequence[str]) -> list[str]:
    if isinstance(forms, str) or not isinstance(forms, Sequence) or not forms:
        raise OptionError(f"{option} is a list of forms, such as ['plain', 'before']. Actual value: {forms!r}.")
    for form in forms:
        if not isinstance(form, str) or form not in FORMS:
            raise OptionError(
                f"{option} knows no form {form!r}.{suggest(form, FORMS)} The forms are {', '.join(FORMS)}."
            )
    return list(forms)


def _answer(row: Row) -> str:
    return row.references[0]
