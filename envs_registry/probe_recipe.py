"""What the probes have in common: the score that tells them apart from chance, and tasks on random letters.

The suite follows bsuite (Osband et al. 2020, "Behaviour Suite for Reinforcement Learning", arXiv:1908.03568): small and
fast environments, each of which isolates one capability and ends in one number between 0 and 1.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textgym.data import SPLITS, Row
from textgym.errors import OptionError
from textgym.generated import Generated
from textgym.rewards import Reward, make
from textgym.rewards.base import Compound
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

from .exact import END, check_whole, position_accuracy
from .prose import Dice

LONGEST = 1_000
"""Largest length, gap or delay of a probe."""


@dataclass(frozen=True, repr=False)
class AboveChance(Compound):
    """The score of a probe: over a corpus ``(mean − chance) / (1 − chance)``, held within [0, 1].

    0 is what random tokens reach, 1 is the best. Of a single completion it is what the part says.

    Args:
        part: A reward with range [0, 1].
        chance: Its mean over random completions.
    """

    part: Reward
    chance: float = 0.0

    name = "score"
    range = (0.0, 1.0)

    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        return totals[0]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        mean = super().corpus(prompts, completions, **columns)
        return min(1.0, max(0.0, (mean - self.chance) / (1 - self.chance)))


@dataclass(frozen=True, repr=False)
class FirstToken(Reward):
    """1 where the first character is the right one and at least ``delay`` more follow, else 0.

    Args:
        right: The right character.
        delay: What must follow it, in characters.
    """

    right: str
    delay: int

    name = "first_token"
    range = (0.0, 1.0)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [float(text.startswith(self.right) and len(text) > self.delay) for text in completions]


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raises `OptionError` unless ``value`` is a number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise OptionError(f"{name} is a number from {low} to {high}. Actual value: {value!r}.")


def word(dice: Dice, alphabet: str, length: int) -> str:
    """Returns ``length`` random letters of an alphabet."""
    return "".join([dice.choice(alphabet) for _ in range(length)])


def single_task(
    name: str, answer: str, *, characters: str, reward: Reward, score: Reward, success_threshold: float | None
) -> Task:
    """Returns a task with the empty prompt, of as many tokens as ``answer`` has, all of them to be written.

    Action masks allow ``characters`` and not EOS, so that an agent that keeps to them cannot cut an episode short.
    """
    tokenizer = CharTokenizer(characters)
    return Task(
        name=name,
        rows=dict.fromkeys(SPLITS, (Row("", (answer,)),)),
        tokenizer=tokenizer,
        reward=reward,
        max_prompt_tokens=1,
        max_new_tokens=len(answer),
        allowed_tokens=tuple(tokenizer.encode(characters)),
        metrics={"score": score},
        gold="score",
        success_threshold=success_threshold,
    )


def recall_task(
    name: str,
    answer: Callable[[str], str],
    *,
    length: int,
    answer_length: int,
    letters: int,
    data_seed: int,
    reward: Reward | None = None,
    success_threshold: float = 1.0,
    columns: Callable[[Dice], dict[str, Any]] | None = None,
) -> Task:
    """Returns a task whose prompts are ``length`` random letters and `END`, of which some are to be written again.

    Action masks allow letters and not EOS: every completion has ``answer_length`` tokens.

    Args:
        name: See `Task`.
        answer: What is to be written, of the letters of a prompt.
        length: Letters of a prompt.
        answer_length: Letters of an answer.
        letters: Size of the alphabet.
        data_seed: Of the rows.
        reward: What is paid; None takes ``exact_match``.
        success_threshold: See `Task`.
        columns: Draws the columns of training rows; those of validation and test have none.
    """
    check_whole("letters", letters, 2, 26)
    check_whole("data_seed", data_seed, 0, 2**32 - 1)
    alphabet = string.ascii_lowercase[:letters]
    exact = make("exact_match")
    tokenizer = CharTokenizer(alphabet + END)

    def draw(rng: np.random.Generator, drawn: Callable[[Dice], dict[str, Any]] | None = None) -> Row:
        dice = Dice(rng)
        text = word(dice, alphabet, length)
        return Row(text + END, (answer(text),), {} if drawn is None else drawn(dice))

    rows = {split: Generated(draw, split, seed=data_seed) for split in SPLITS}
    if columns is not None:
        rows["train"] = Generated(lambda rng: draw(rng, columns), "train", seed=data_seed)
    return Task(
        name=name,
        rows=rows,
        tokenizer=tokenizer,
        reward=exact if reward is None else reward,
        max_prompt_tokens=1 + length + len(END),  # BOS
        max_new_tokens=answer_length,
        allowed_tokens=tuple(tokenizer.encode(alphabet)),
        metrics={"score": AboveChance(exact, letters**-answer_length)},
        gold="score",
        success_threshold=success_threshold,
    )


def shifted_task(
    name: str,
    seen: Callable[[Dice], Row],
    unseen: Callable[[Dice], Row],
    *,
    characters: str,
    max_prompt: int,
    max_answer: int,
    data_seed: int,
    key: Callable[[Row], str],
) -> Task:
    """Returns a task whose training and validation rows are of one kind and whose test rows are of another.

    Validation tells what was learnt, the test what of it carries over. Position accuracy is paid, since an exact reward
    is out of reach for chance; the score is exact.

    Args:
        name: See `Task`.
        seen: Draws a row of training or validation.
        unseen: Draws a row of the test.
        characters: The vocabulary.
        max_prompt: Characters of the longest prompt of any kind.
        max_answer: Characters of the longest answer; a token for EOS is added.
        data_seed: Of the rows.
        key: What the split of a row hangs on, besides its kind.
    """
    check_whole("data_seed", data_seed, 0, 2**32 - 1)
    kinds = {"train": seen, "validation": seen, "test": unseen}

    def rows(split: str) -> Generated:
        return Generated(lambda rng: kinds[split](Dice(rng)), split, seed=data_seed, key=key)

    return Task(
        name=name,
        rows={split: rows(split) for split in SPLITS},
        tokenizer=CharTokenizer(characters),
        reward=make(position_accuracy, range=(0.0, 1.0)),
        max_prompt_tokens=1 + max_prompt,  # BOS
        max_new_tokens=max_answer + 1,  # EOS
        metrics={"score": AboveChance(make("exact_match"))},
        gold="score",
        success_threshold=1.0,
    )
