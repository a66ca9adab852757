"""TextGen-NER: list the names and dates of a sentence, with their types.

**Asked**: a sentence such as ``Nora Lund joined Halden Bank on 3 May 2014.`` and, below it, ``Entities (name: PER, LOC,
ORG or DATE; ...):``. The completion lists the mentions in their order, each with its type, a person, a place, an
organisation or a date: `` Nora Lund: PER; Halden Bank: ORG; 3 May 2014: DATE``; or says `` none``, as about every
seventh sentence asks for. Titles such as ``Dr`` are not part of a name. An entity that is mentioned twice is listed
twice.

**Data**: generated; endless in training, 256 prompts for validation and 512 for the test. Frames of sentences, names of
people and organisations are textgym's own, countries and capitals are those of countryinfo. Names are held out: none
that is mentioned in the test, no first name, family name, place, organisation or date, is mentioned in a training
sentence; and the common words around them, such as ``violin`` or ``locksmith``, are other ones too. The column
``dealt_to`` is the split that a row was drawn for.

**Reward**: the mean of ``entity_boundary_f1``, which asks whether the names are right, and ``entity_f1``, for which the
types must be right too. Each is a metric of its own, over the corpus as seqeval counts; so are ``exact_match`` and
``mentions_in_text``, the share of the listed names that stand in the sentence at all, which needs no gold. It is a
success at 1.

**Ending**: EOS, a line break, or 20, 48 or 56 tokens, by the level.

**Options**: ``level``, 1: one mention at most; 2: up to three; 3: up to four, with repetition, family names alone, and
names such as Jordan or Florence, which only the sentence tells apart; ``data_seed``.

**Public data**: ``data="conll2003"`` (eriktks/conll2003) with its types PER, LOC, ORG and MISC, sentences of up to 50
tokens; ``data_path`` names a copy on disk. ``level`` does not touch it.

**What the reward misses**: names without types earn half. A type is right or wrong, and so is a name: ``Lund`` for
``Nora Lund`` earns nothing. To say `` none`` of every sentence earns 0.15.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from textgym.data import SPLITS, Row
from textgym.data.public import PublicData
from textgym.generated import Make
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.rewards.entities import parse_mentions
from textgym.tasks import Task
from textgym.tokenizers import load

from .dates import MONTHS
from .exact import check_whole
from .material import ner_sentences as text
from .material.countries import countries
from .material.names import FAMILY, FIRST, TOWNS
from .material.pools import MARKS, Pools, draw_split, pools
from .prose import Dice, source

TYPES = ("PER", "LOC", "ORG", "DATE")
CONLL_TYPES = ("PER", "LOC", "ORG", "MISC")
LEVELS = (text.ONE, text.ONE + text.SEVERAL, text.SEVERAL + text.HARD)
NO_ENTITY = 0.15
"""Share of sentences without a name."""

_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou])")

MAX_PROMPT_TOKENS = (64, 80, 88)
MAX_NEW_TOKENS = (20, 48, 56)
"""Budgets of the levels."""

LONGEST_NAME = 10
"""Letters of the longest place."""

LONGEST = 50
"""Tokens of a public sentence, as its authors count them."""

ENTRY = EnvEntry(
    id="TextGen-NER-v0",
    task="textgym.envs_registry.ner:task",
    summary="List the names and dates of a sentence, with their types.",
    tags=("core", "generated", "extraction"),
)


def question(types: tuple[str, ...]) -> str:
    """Returns the line below a sentence."""
    return f"\nEntities (name: {', '.join(types[:-1])} or {types[-1]}; ...):"


ENDING = question(TYPES)


def task(level: int = 2, data: str | None = None, data_path: str | None = None, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("level", level, 1, 3)
    chosen = source(
        _drawer(level),
        max_prompt_tokens=MAX_PROMPT_TOKENS[level - 1],
        max_new_tokens=MAX_NEW_TOKENS[level - 1],
        data_seed=data_seed,
        key=_split_mark,
        data=data,
        data_path=data_path,
        known=PUBLIC,
    )
    return Task(
        name="NER",
        **chosen._asdict(),
        tokenizer=load("tiny"),
        reward=make("0.5*entity_boundary_f1 + 0.5*entity_f1"),
        metrics={
            "entity_f1": make("entity_f1"),
            "entity_boundary_f1": make("entity_boundary_f1"),
            "exact_match": make("exact_match"),
            "mentions_in_text": make(mentions_in_text, range=(0.0, 1.0)),
        },
        gold="exact_match",
        stop=("\n",),
        success_threshold=1.0,
    )


def mentions_in_text(prompts: list[str], completions: list[str], **columns: object) -> list[float]:
    """Scores the share of the listed names that stand in the sentence; 1 for a list without any. Range [0, 1].

    It tells invention from omission: whether all names are listed, or with which types, does not matter.
    """
    scores = []
    for prompt, completion in zip(prompts, completions, strict=True):
        sentence = "".join(prompt.rpartition("\n")[0].split())
        listed = [mention.text in sentence for mention in parse_mentions(completion)]
        scores.append(sum(listed) / len(listed) if listed else 1.0)
    return scores


class Frame(NamedTuple):
    """A sentence with slots.

    Attributes:
        text: As `str.format` takes it.
        slots: Its slots, each once, in order.
        mentions: Those that are mentions, in order, a slot as often as it comes, with its type.
    """

    text: str
    slots: tuple[str, ...]
    mentions: tuple[tuple[str, str], ...]


KINDS = {"FAM": "PER", "AMBPER": "PER", "AMBLOC": "LOC", "AMBORG": "ORG", "YEAR": "DATE"}
"""Types of the slots that are not called by their type."""


def frame(sentence: str) -> Frame:
    """Returns the frame of a sentence."""
    slots = [slot for _, slot, _, _ in Formatter().parse(sentence) if slot]
    kinds = {slot: slot.rstrip("0123456789") for slot in slots}
    return Frame(
        sentence,
        tuple(dict.fromkeys(slot for slot in slots if slot != "FAM")),
        tuple((slot, KINDS.get(kinds[slot], kinds[slot])) for slot in slots if slot.isupper()),
    )


@cache
def words() -> dict[str, Pools]:
    """Returns the words that fill the slots, of each kind those of all splits."""
    places = dict.fromkeys([*TOWNS, *(name for land in countries() for name in (land.name, land.capitals[0]))])
    short = {name for name in places if len(name) <= LONGEST_NAME and not name.startswith("the ")}
    return {
        "first": pools(FIRST),
        "family": pools(FAMILY),
        "places": pools(short - set(text.AMBIGUOUS)),
        "stems": pools(text.STEMS),
        "years": pools(map(str, range(1900, 2030))),
        "ambiguous": pools(text.AMBIGUOUS),
        "things": pools(text.THINGS),
        "jobs": pools(text.JOBS),
    }


Filler = Callable[[Dice], str]


@cache
def fillers(split: str) -> dict[str, Filler]:
    """Returns what fills the slots of a sentence of a split, by their names without the digit."""
    pool = {name: kind[split] for name, kind in words().items()}

    def ambiguous(dice: Dice) -> str:
        return dice.choice(pool["ambiguous"])

    return {
        "PER": lambda dice: f"{dice.choice(pool['first'])} {dice.choice(pool['family'])}",
        "LOC": lambda dice: dice.choice(pool["places"]),
        "ORG": lambda dice: f"{dice.choice(pool['stems'])} {dice.choice(text.KINDS)}",
        "DATE": lambda dice: f"{dice.whole(1, 28)} {dice.choice(MONTHS)} {dice.choice(pool['years'])}",
        "YEAR": lambda dice: dice.choice(pool["years"]),
        "AMBPER": ambiguous,
        "AMBLOC": ambiguous,
        "AMBORG": ambiguous,
        "thing": lambda dice: dice.choice(pool["things"]),
        "job": lambda dice: dice.choice(pool["jobs"]),
    }


def _drawer(level: int) -> Make:
    frames = {split: [_filled(sentence, split) for sentence in LEVELS[level - 1]] for split in SPLITS}
    nones = {split: [_filled(sentence, split) for sentence in text.NONE] for split in SPLITS}

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        split = draw_split(dice)
        form, slots, mentions = dice.choice((nones if dice.chance(NO_ENTITY) else frames)[split])
        filled: dict[str, str] = {}
        for slot, filler in slots:
            word = filler(dice)
            while word in filled.values():
                word = filler(dice)
            filled[slot] = word
        if "{FAM}" in form:
            filled["FAM"] = filled["PER"].rpartition(" ")[2]
        answer = "; ".join([f"{filled[slot]}: {kind}" for slot, kind in mentions])
        return Row(
            _ARTICLE.sub(r"\1n ", form.format_map(filled)) + ENDING, (f" {answer or 'none'}",), {"dealt_to": split}
        )

    return draw


def _filled(sentence: str, split: str) -> tuple[str, list[tuple[str, Filler]], tuple[tuple[str, str], ...]]:
    """Returns a frame with what fills its slots."""
    form = frame(sentence)
    return sentence, [(slot, fillers(split)[slot.rstrip("0123456789")]) for slot in form.slots], form.mentions


def _split_mark(row: Row) -> str:
    return MARKS[row.columns["dealt_to"]]


def _conll(record: Mapping[str, Any]) -> Row:
    mentions = _mentions(record["tokens"], record["ner_tags"])
    answer = "; ".join(f"{name}: {kind}" for name, kind in mentions)
    return Row(" ".join(record["tokens"]) + question(CONLL_TYPES), (" " + (answer or "none"),))


def _mentions(tokens: list[str], tags: list[str]) -> list[tuple[str, str]]:
    """Returns the mentions that BIO tags mark, their words parted by spaces, as `tagged_mentions` finds them."""
    mentions: list[tuple[str, str]] = []
    inside = ""
    for token, tag in zip(tokens, tags, strict=True):
        prefix, _, kind = tag.partition("-")
        if prefix == "I" and kind == inside:
            mentions[-1] = (f"{mentions[-1][0]} {token}", kind)
        elif kind:
            mentions.append((token, kind))
        inside = kind
    return mentions


def _playable(record: Mapping[str, Any]) -> bool:
    """Tells whether a sentence is short enough, and no name of it holds what parts the names of a list."""
    names = [name for name, _ in _mentions(record["tokens"], record["ner_tags"])]
    return len(record["tokens"]) <= LONGEST and not any(";" in name for name in names)


PUBLIC: dict[str, PublicData] = {
    "conll2003": PublicData(
        path="eriktks/conll2003",
        revision="refs/convert/parquet",
        row=_conll,
        keep=_playable,
        max_prompt_tokens=256,
        max_new_tokens=160,
        truncation_side="left",
    )
}
"""The public sets, by name."""
