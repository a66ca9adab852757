"""TextGen-News: write the lead of a news story, one sentence, from who, what, where and when.

**Asked**: the prompt notes the facts of a story, one a line, and ends with ``Lead:``. The answer is the sentence that
opens it: from ``Who: retired pilots``, ``What: build a glass tower``, ``Where: Oxford`` and ``When: Friday``, for
instance `` Retired pilots built a glass tower in Oxford on Friday.``

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test: 720 groups of people, 100
deeds, 48 places, 32 times and, for ``facts=5``, 20 reasons. The split hangs on who does what: a story of the test is in
no training prompt, at whatever place and time. Each prompt has three leads as references.

**Reward**: ``facts stated / (facts asked for + facts made up) × form``, in [0, 1]. A fact counts where a sentence
states it: the group by its name; the deed by its verb in the past tense or as a participle, and by its object, with
whatever article; place, time and reason as phrases with their prepositions. Made up is each other group, object, place,
time or reason that the task knows, and each number. *Form* is 1 for one sentence that begins with a capital, has a
finite verb and ends with ``.``, ``!`` or ``?``; 0 without any of these or with a colon or other marks of a list; two
sentences halve it, three leave a third. So notes copied or strung together earn nothing. It is a success at 1. Metrics:
``rouge_l`` and ``bleu`` with the references, and ``perplexity`` under the shipped language model.

**Ending**: EOS, a line break, or 40 tokens.

**Options**: ``facts``, how many are given: 2 (who and what), 3 (and where), 4 (and when), 5 (and why); ``data_seed``.

**What the reward misses**: whatever the task has no name for: a lead may say that the tower fell down, and of whom the
group complained. Facts may stand in any order, whether that reads well or not, and grammar beyond the verb's tense is
for the metrics to see. A time without its "on", as American papers write it, does not count.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from textgym.data import Row
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material.facts import Facts, Lexicon, prose, sentences, stated
from .material.news_facts import DEEDS, GROUPS, KINDS, PARTICIPLES, PLACES, REASONS, TIMES
from .prose import Dice, source

MAX_PROMPT_TOKENS = 56
MAX_NEW_TOKENS = 40
FREE = "verb "

ENTRY = EnvEntry(
    id="TextGen-News-v0",
    task="textgym.envs_registry.news:task",
    summary="Write the lead of a news story from who, what, where and when.",
    tags=("core", "generated", "data-to-text", "creative"),
)


class Deed(NamedTuple):
    """What was done, and how it is said."""

    note: str  # "build a glass tower"
    past: str  # "built a glass tower"
    marks: tuple[str, str]


class Said(NamedTuple):
    """A fact as it is noted, as a sentence says it, the same at the beginning of one, and what marks it."""

    note: str
    phrase: str
    opening: str
    marks: tuple[str]


def _deed(base: str, past: str, thing: str) -> Deed:
    return Deed(f"{base} {thing}", f"{past} {thing}", (f"{FREE}{past}", f"thing {_bare(thing)}"))


def _said(kind: str, note: str, phrase: str) -> Said:
    return Said(note, phrase, phrase[0].upper() + phrase[1:], (f"{kind} {phrase}",))


def _bare(thing: str) -> str:
    """Returns what is left without the article: a text may choose its own."""
    first, _, rest = thing.partition(" ")
    return rest if first in ("a", "an", "the") else thing


WHO = tuple(_said("who", f"{kind} {group}", f"{kind} {group}") for kind in KINDS for group in GROUPS)
WHAT = tuple(_deed(*deed) for deed in DEEDS)
WHERE = tuple(_said("where", place, f"{preposition} {place}") for preposition, places in PLACES for place in places)
WHEN = tuple(_said("when", note, phrase) for note, phrase in TIMES)
WHY = tuple(_said("why", reason, reason) for reason in REASONS)
VERBS = frozenset(past for _, past, _ in DEEDS) | {"has", "have", "had", "was", "were", "is", "are"}


def task(facts: int = 4, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("facts", facts, 2, 5)

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        who, what = dice.choice(WHO), dice.choice(WHAT)
        where, when, why = dice.choice(WHERE), dice.choice(WHEN), dice.choice(WHY)
        given = (who.marks, what.marks, where.marks, when.marks, why.marks)[:facts]
        lines = f"Who: {who.note}\nWhat: {what.note}"
        if facts == 2:
            leads = [
                f" {who.opening} {what.past}.",
                f" It was {who.phrase} who {what.past}.",
                f" A group of {who.phrase} {what.past}.",
            ]
        elif facts == 3:
            lines += f"\nWhere: {where.note}"
            leads = [
                f" {who.opening} {what.past} {where.phrase}.",
                f" {where.opening}, {who.phrase} {what.past}.",
                f" It was {who.phrase} who {what.past} {where.phrase}.",
            ]
        else:
            end = f" {why.phrase}" if facts == 5 else ""
            lines += f"\nWhere: {where.note}\nWhen: {when.note}"
            lines += f"\nWhy: {why.note}" if facts == 5 else ""
            leads = [
                f" {who.opening} {what.past} {where.phrase} {when.phrase}{end}.",
                f" {when.opening}, {who.phrase} {what.past} {where.phrase}{end}.",
                f" {where.opening}, {who.phrase} {what.past} {when.phrase}{end}.",
            ]
        first = dice.whole(0, 2)
        return Row(f"{lines}\nLead:", (*leads[first:], *leads[:first]), {"facts": given})

    return Task(
        name="News",
        **source(
            draw,
            max_prompt_tokens=MAX_PROMPT_TOKENS,
            max_new_tokens=MAX_NEW_TOKENS,
            data_seed=data_seed,
            key=_story,
        )._asdict(),
        tokenizer=load("tiny"),
        reward=make(fact_coverage, range=(0.0, 1.0)),
        metrics={"rouge_l": make("rouge_l"), "bleu": make("bleu"), "perplexity": make("perplexity")},
        gold="rouge_l",
        stop=("\n",),
        success_threshold=1.0,
    )


def fact_coverage(prompts: list[str], completions: list[str], facts: list[Facts], **columns: object) -> list[float]:
    """Scores the share of the facts that a lead states, less what it makes up, as far as it is one sentence.

    ``stated / (facts + made up) · form / sentences``; range [0, 1]. The page of TextGen-News tells what counts.
    """
    scores = []
    for completion, given in zip(completions, facts, strict=True):
        found = stated(_lexicon().marks(completion), given, FREE)
        form = prose(completion, VERBS) / max(1, len(sentences(completion)))
        scores.append(form * found.right / (len(given) + found.foreign))
    return scores


@cache
def _lexicon() -> Lexicon:
    said = (each for kind in (WHO, WHERE, WHEN, WHY) for each in kind)
    return Lexicon(
        [
            *((each.phrase, each.marks[0]) for each in said),
            *((_bare(thing), f"thing {_bare(thing)}") for _, _, thing in DEEDS),
            *((form, f"{FREE}{past}") for _, past, _ in DEEDS for form in (past, PARTICIPLES.get(past, past))),
        ]
    )


def _story(row: Row) -> str:
    """Returns who did what: the first two lines."""
    who, what, *_ = row.prompt.split("\n")
    return f"{who}\n{what}"
