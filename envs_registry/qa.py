"""TextGen-QA: answer a question briefly, from a passage or from what one knows of the world.

**Asked**: a passage of two to four sentences about invented people, inns, fairs or rivers, such as ``The Busy Otter
opened in 1987. The Red Spoon opened in 1994.``, and a question: ``When did the Red Spoon open?`` The completion is the
answer and nothing else: `` 1994``. With ``passages=False`` there is only the question, about countries or the calendar:
capitals, continents, currencies, neighbours, calling codes, internet domains, nationalities, which of two has more
people or more land, and dates.

**Data**: generated; endless in training, 256 prompts for validation and 512 for the test. The passages are textgym's
own; the names that they are about are held out: no first or family name, inn, fair or river of a test passage is in a
training passage. The facts are those of countryinfo, with what has changed since, and of CLDR for currencies. There a
fact is held out: what the test asks is not asked in training, however it may be put. Where several answers are right,
all are references.

**Reward**: ``token_f1``, as SQuAD scores answers: the F1 of the words, without articles and punctuation, with the
closest reference. With ``passages=False`` it is the mean of that and of the exact match, so that naming all that a
question gives to choose from earns less than the right one of them. Metrics: ``exact_match`` (SQuAD's), ``chrf``, which
is about letters in place of words, and, with passages, ``words_in_prompt``, the share of the answer's words that stand
in the prompt, which needs no reference. It is a success at 1.

**Ending**: EOS, a line break, or 16 tokens; 24 with ``passages=False``.

**Options**: ``passages``; ``level``, 1: one subject, or three answers to choose from; 2: a second subject of the same
kind that could be mistaken for the first, or no choice of answers; 3: two steps, such as the place where somebody works
or the difference of two years, or the country whose capital is named; ``data_seed``.

**Public data**: ``data="squad"`` (rajpurkar/squad), passages of up to 900 characters; ``data="narrativeqa"``
(deepmind/narrativeqa) with the summary as the passage, of up to 2,400 characters; ``data_path`` names a copy on disk.
``passages`` and ``level`` do not touch them, and both are scored as questions on passages are.

**What the reward misses**: part of an answer earns part of the reward, as does the answer among other words. Facts age:
populations are compared only where one is twice the other, areas where it is half as large again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.errors import OptionError
from textgym.generated import Make
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.rewards.overlap import squad_words
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material import qa_passages, qa_world
from .material.pools import MARKS, draw_split
from .prose import Dice, source

MAX_PROMPT_TOKENS = {True: (72, 96, 120), False: (80, 56, 72)}
"""Budgets of the levels, with passages and without."""

MAX_NEW_TOKENS = {True: 16, False: 24}
SQUAD_PASSAGE = 900
NARRATIVE_PASSAGE = 2_400
"""Characters of the longest public passages that are taken."""

ENTRY = EnvEntry(
    id="TextGen-QA-v0",
    task="textgym.envs_registry.qa:task",
    summary="Answer a question briefly, from a passage or from what one knows of the world.",
    tags=("core", "generated", "grue", "qa", "reading", "knowledge"),
)


def prompt(question: str, passage: str = "") -> str:
    """Returns the prompt that asks a question."""
    return f"{passage}\nQuestion: {question}\nAnswer:" if passage else f"Question: {question}\nAnswer:"


def task(
    passages: bool = True,
    level: int = 2,
    data: str | None = None,
    data_path: str | None = None,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    if not isinstance(passages, bool):
        raise OptionError(f"passages is True or False. Actual value: {passages!r}.")
    check_whole("level", level, 1, 3)
    chosen = source(
        _of_passages(level) if passages else _of_the_world(level),
        max_prompt_tokens=MAX_PROMPT_TOKENS[passages][level - 1],
        max_new_tokens=MAX_NEW_TOKENS[passages],
        data_seed=data_seed,
        key=_split_mark,
        data=data,
        data_path=data_path,
        known=PUBLIC,
    )
    exact, chrf = make("exact_match", squad=True), make("chrf")
    read = passages or data is not None
    return Task(
        name="QA",
        **chosen._asdict(),
        tokenizer=load("tiny"),
        reward=make("token_f1") if read else make("0.5*token_f1 + 0.5*exact_match(squad=True)"),
        metrics={"exact_match": exact, "chrf": chrf}
        | ({"words_in_prompt": make(words_in_prompt, range=(0.0, 1.0))} if read else {"token_f1": make("token_f1")}),
        gold="exact_match" if read else "chrf",
        stop=("\n",),
        success_threshold=1.0,
    )


def words_in_prompt(prompts: list[str], completions: list[str], **columns: object) -> list[float]:
    """Scores the share of the words of a completion that stand in its prompt; 0 where there are none. Range [0, 1].

    Words as SQuAD compares them. It tells what was read from what was made up, not right from wrong.
    """
    scores = []
    for prompt, completion in zip(prompts, completions, strict=True):
        known, words = set(squad_words(prompt)), squad_words(completion)
        scores.append(sum(word in known for word in words) / len(words) if words else 0.0)
    return scores


def _split_mark(row: Row) -> str:
    return MARKS[row.columns["dealt_to"]]


def _of_passages(level: int) -> Make:
    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        split = draw_split(dice)
        text, question, answer = qa_passages.passage(dice, split, level)
        return Row(prompt(question, text), (" " + answer,), {"dealt_to": split})

    return draw


def _of_the_world(level: int) -> Make:
    def draw(rng: np.random.Generator) -> Row:
        text, answers, split = qa_world.question(Dice(rng), level)
        return Row(prompt(text), tuple(" " + answer for answer in answers), {"dealt_to": split})

    return draw


def _squad(record: Mapping[str, Any]) -> Row:
    answers = dict.fromkeys(text.strip() for text in record["answers"]["text"])
    return Row(
        prompt(record["question"].strip(), " ".join(record["context"].split())), tuple(" " + text for text in answers)
    )


def _narrative(record: Mapping[str, Any]) -> Row:
    answers = dict.fromkeys(answer["text"].strip() for answer in record["answers"])
    return Row(
        prompt(record["question"]["text"].strip(), " ".join(record["document"]["summary"]["text"].split())),
        tuple(" " + text for text in answers),
    )


PUBLIC: dict[str, PublicData] = {
    "squad": PublicData(
        path="rajpurkar/squad",
        row=_squad,
        keep=lambda record: len(record["context"]) <= SQUAD_PASSAGE,
        splits={"train": "train", "test": "validation"},
        max_prompt_tokens=512,
        max_new_tokens=48,
        truncation_side="left",
    ),
    "narrativeqa": PublicData(
        path="deepmind/narrativeqa",
        row=_narrative,
        keep=lambda record: len(record["document"]["summary"]["text"]) <= NARRATIVE_PASSAGE,
        max_prompt_tokens=1_024,
        max_new_tokens=48,
        truncation_side="left",
    ),
}
"""The public sets, by name."""
