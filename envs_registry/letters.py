"""Tasks on random letters, ``dbca=``: what Copy, Reverse and Sort share but for the answer."""

from __future__ import annotations

import string
from collections.abc import Callable

import numpy as np

from textgym.data import Row
from textgym.generated import prompt_of
from textgym.tasks import Task

from .exact import END, check_sizes, check_whole, exact_task

LONGEST = 1_000
"""Largest ``max_length``."""


def letters_task(
    name: str,
    answer: Callable[[str], str],
    *,
    min_length: int,
    max_length: int,
    letters: int,
    partial: bool,
    data_seed: int,
    key: Callable[[Row], str] = prompt_of,
) -> Task:
    """Returns a task whose prompts are random letters and `END`.

    Args:
        name: See `Task`.
        answer: The right answer to the letters of a prompt.
        min_length: Fewest letters of a prompt; each length up to ``max_length`` is as likely as another.
        max_length: Most letters.
        letters: Size of the alphabet: the first so many letters of a to z.
        partial: See `exact_task`.
        data_seed: See `exact_task`.
        key: See `exact_task`.
    """
    check_sizes("length", min_length, max_length, LONGEST)
    check_whole("letters", letters, 2, 26)
    alphabet = string.ascii_lowercase[:letters]
    codes = np.frombuffer(alphabet.encode(), np.uint8)

    def draw(rng: np.random.Generator) -> Row:
        length = int(rng.integers(min_length, max_length + 1))
        text = codes[rng.integers(letters, size=length)].tobytes().decode()
        return Row(text + END, (answer(text),))

    return exact_task(
        name,
        draw,
        characters=alphabet + END,
        max_prompt=max_length + len(END),
        max_answer=max_length,
        partial=partial,
        data_seed=data_seed,
        key=key,
    )
