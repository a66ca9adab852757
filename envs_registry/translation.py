"""TextGen-Translation: translate a sentence about dates, times, numbers, places and prices.

**Asked**: the prompt is a sentence in the ``source`` language and the name of the ``target`` language; the answer is
the sentence in that language:

    English: The train to Vienna leaves on Friday at 8:40 PM.
    German: Der Zug nach Wien fährt am Freitag um 20:40 Uhr ab.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test. 27 sentence patterns, written
in all languages, are filled with content: days and times of day, numbers and prices, and the names that CLDR has for
countries, cities, languages, months and currencies. Each language writes them its own way: ``March 1``, ``1. März``,
``1er mars``, ``3月1日``; ``2.5``, ``2,5``; ``au Japon``, ``en Italie``. The split hangs on the content: what a sentence
of the test tells was in no training sentence, in whatever words or language.

**Reward**: chrF of the answer against the reference, on a scale where 0.1, which random tokens reach, is 0; the
reference itself earns 1, a success. It is one good translation of several. Metrics: BLEU (of characters for Chinese),
TER (not for Chinese, which has no spaces to tell words by), and ``exact_match``.

**Ending**: EOS, the end of the line, or the token budget. Budgets hang on the languages, since the shipped tokenizer
has English words, some German and French syllables, and three tokens for each Chinese character.

**Options**: ``source`` and ``target`` (``"en"``, ``"de"``, ``"fr"``, ``"zh"``), ``data``, ``data_path``, ``data_seed``.

**Public data**: ``data="wmt16"`` is the news translation task of 2016, for English and German; ``data="iwslt2017"`` are
TED talks, for English and any other. Prompts longer than the budget lose their beginning.

**What the reward misses**: chrF counts pieces of words. An answer with the right names and a wrong number keeps most of
it, and a translation in other words than the reference's loses some. Names that are alike in both languages earn a
little to who copies the prompt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.errors import OptionError, suggest
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import load

from .material import translation_tables as tables
from .material.translation_sentences import FRAMES, LANGUAGES
from .prose import Dice
from .prose import source as source_of

PROMPT_TOKENS = {"en": 40, "de": 56, "fr": 56, "zh": 84}
NEW_TOKENS = {"en": 30, "de": 48, "fr": 48, "zh": 72}
"""Budgets by source and by target."""

CHANCE = 0.1
"""chrF of random tokens, the zero of the reward: pieces of words are shared by any two texts of some length."""

PUBLIC_TOKENS = {"en": 160, "de": 256, "fr": 256, "zh": 320}
"""Budgets of public data, by language."""

ENTRY = EnvEntry(
    id="TextGen-Translation-v0",
    task="textgym.envs_registry.translation:task",
    summary="Translate a sentence.",
    model="tiny",
    tags=("core", "generated", "grue", "translation", "multilingual"),
)


class Piece(NamedTuple):
    """Text of a pattern, and the slot after it: its kind, and how the language writes it; the last has none."""

    text: str
    kind: str
    write: Callable[[Any], str] | None


class Pattern(NamedTuple):
    """A sentence pattern in two languages: the kinds of its content, and the pieces of each."""

    kinds: tuple[str, ...]
    source: tuple[Piece, ...]
    target: tuple[Piece, ...]


def task(
    source: str = "en",
    target: str = "de",
    data: str | None = None,
    data_path: str | None = None,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    for option, language in (("source", source), ("target", target)):
        if not isinstance(language, str) or language not in LANGUAGES:
            raise OptionError(
                f"{option} knows no language {language!r}.{suggest(language, LANGUAGES)} "
                f"The languages are {', '.join(LANGUAGES)}."
            )
    if source == target:
        raise OptionError(f"source and target must be different languages. Actual value of both: {source!r}.")
    asked = patterns(source, target)
    before, between = f"{LANGUAGES[source]}: ", f"\n{LANGUAGES[target]}:"

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        pattern = dice.choice(asked)
        content = {kind: tables.DRAWS[kind](dice) for kind in pattern.kinds}
        return Row(
            before + _written(pattern.source, content) + between,
            (" " + _written(pattern.target, content),),
            {"content": repr(content)},
        )

    chinese = target == "zh"
    return Task(
        name="Translation",
        **source_of(
            draw,
            max_prompt_tokens=PROMPT_TOKENS[source],
            max_new_tokens=NEW_TOKENS[target],
            data_seed=data_seed,
            key=_content,
            data=data,
            data_path=data_path,
            known=public_data(source, target),
        )._asdict(),
        tokenizer=load("tiny"),
        reward=((make("chrf") - CHANCE) / (1 - CHANCE)).clip(0.0, 1.0),
        stop=("\n",),
        metrics={
            "bleu": make("bleu", tokenize="zh" if chinese else "13a"),
            **({} if chinese else {"ter": make("ter")}),
            "exact_match": make("exact_match"),
        },
        gold="bleu",
        success_threshold=1.0,
    )


@cache
def patterns(source: str, target: str) -> tuple[Pattern, ...]:
    """Returns the sentence patterns of two languages."""
    found = []
    for frame in FRAMES:
        here, there = (_pieces(getattr(frame, language), language) for language in (source, target))
        kinds = dict.fromkeys(piece.kind for piece in (*here, *there) if piece.write is not None)
        found.append(Pattern(tuple(kinds), here, there))
    return tuple(found)


def _pieces(text: str, language: str) -> tuple[Piece, ...]:
    forms = tables.forms(language)
    return tuple(
        Piece(before, (slot or "").partition(".")[0], None if slot is None else forms[slot])
        for before, slot, _, _ in Formatter().parse(text)
    )


def _written(pieces: tuple[Piece, ...], content: Mapping[str, Any]) -> str:
    return "".join([text if write is None else text + write(content[kind]) for text, kind, write in pieces])


def _content(row: Row) -> str:
    content: str = row.columns["content"]
    return content


@cache
def public_data(source: str, target: str) -> Mapping[str, PublicData]:
    """Returns the public data sets of two languages."""
    if "en" not in (source, target):
        return {}

    def row(record: Mapping[str, Any]) -> Row:
        texts = record["translation"]
        here, there = (" ".join(texts[language].split()) for language in (source, target))
        return Row(f"{LANGUAGES[source]}: {here}\n{LANGUAGES[target]}:", (f" {there}",))

    budgets: dict[str, Any] = {
        "max_prompt_tokens": PUBLIC_TOKENS[source],
        "max_new_tokens": PUBLIC_TOKENS[target],
        "truncation_side": "left",
    }
    talks = PublicData(
        "IWSLT/iwslt2017", row, name=f"iwslt2017-{source}-{target}", revision="refs/convert/parquet", **budgets
    )
    news = PublicData("wmt/wmt16", row, name="de-en", **budgets)
    return {**({"wmt16": news} if "de" in (source, target) else {}), "iwslt2017": talks}
