"""TextGen-Arithmetic: work out a sum, a difference or a product of whole numbers.

**Asked**: the prompt is an expression and ``=``, such as ``47+305=``; the answer is its value, ``352``, with a minus
sign where it is negative. ``*`` is multiplication and binds closer than ``+`` and ``-``.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test. An expression and the one
with its summands or factors in another order are in the same split, so ``305+47`` does not give ``47+305`` away. The
number of digits of each operand is uniform from ``min_digits`` to ``max_digits``, and so is the number among those of
that many digits; 0 has one digit, and no number starts with 0.

**Reward**: 1 for the very number, else 0. With ``partial=True`` the share of positions with the right character, over
the longer of answer and completion; each of the two is a metric of the other. Both call it a success at 1.

**Ending**: EOS, or the characters of the longest answer and one token.

**Options**: ``level`` (see `LEVELS`), ``min_digits`` and ``max_digits``, ``partial``, ``data_seed``. To train on
small numbers and test on large ones, make both environments with the ``max_prompt_tokens`` and ``max_new_tokens`` of
the larger, so that their observations have one shape.

**What the reward misses**: it does not see how the number was found. Partial credit counts digits from the left, and
so pays for the size of an answer and its first digits (1 leads more often than 9) but not for a number that is off by
one at a carry, such as 1000 for 999.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from textgym.data import Row
from textgym.registry import EnvEntry
from textgym.tasks import Task

from .exact import END, check_sizes, check_whole, exact_task


class Level(NamedTuple):
    """What an expression is made of.

    Attributes:
        operators: Those that may stand in it, each as likely as another.
        operands: How many numbers it has.
    """

    operators: str
    operands: int


LEVELS = (Level("+", 2), Level("+-", 2), Level("+-*", 2), Level("+-*", 3))
"""The levels 1 to 4: sums; differences too; products too; and three numbers, where products come first."""

MOST_DIGITS = 15
"""Largest ``max_digits``: a random float still reaches every number of so many digits."""

ENTRY = EnvEntry(
    id="TextGen-Arithmetic-v0",
    task="textgym.envs_registry.arithmetic:task",
    summary="Work out a sum, a difference or a product.",
    model="scratch",
    tags=("algorithmic", "generated"),
)


def task(level: int = 2, min_digits: int = 1, max_digits: int = 3, partial: bool = False, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("level", level, 1, len(LEVELS))
    check_sizes("digits", min_digits, max_digits, MOST_DIGITS)
    operators, operands = LEVELS[level - 1]

    def draw(rng: np.random.Generator) -> Row:
        chances = iter(rng.random(3 * operands - 1).tolist())
        expression = ""
        for _ in range(operands):
            if expression:
                expression += operators[int(next(chances) * len(operators))]
            digits = min_digits + int(next(chances) * (max_digits + 1 - min_digits))
            low = 10 ** (digits - 1) if digits > 1 else 0
            expression += str(low + int(next(chances) * (10**digits - low)))
        return Row(expression + END, (str(value(expression)),))

    return exact_task(
        "Arithmetic",
        draw,
        characters="0123456789+-*" + END,
        max_prompt=operands * (max_digits + 1),  # each number and what follows it
        max_answer=1 + (operands * max_digits if "*" in operators else max_digits + 1),  # with a sign
        partial=partial,
        data_seed=data_seed,
        key=_in_any_order,
    )


def value(expression: str) -> int:
    """Returns what an expression such as ``2+3*4-5`` comes to, products first."""
    return sum(math.prod(map(int, addend.split("*"))) for addend in _addends(expression))


def _addends(expression: str) -> list[str]:
    """The products that an expression adds up, with a sign where they are taken away."""
    return expression.replace("-", "+-").split("+")


def _in_any_order(row: Row) -> str:
    addends = _addends(row.prompt.removesuffix(END))
    return str(sorted([addend[0] == "-", *sorted(addend.lstrip("-").split("*"))] for addend in addends))
