"""TextGen-Classification: name the sentiment, or the topic, of a line of customer feedback.

**Asked**: a line or two such as ``We are a family of four. The teapot is second to none.`` and, below it,
``Sentiment (positive, negative or neutral):``. The completion is the label and nothing else: `` positive``. With
``labels="topic"`` the labels are books, clothes, electronics, food, furniture, garden, toys and travel.

**Data**: generated from words, phrases and frames written for textgym; endless in training, 256 prompts for validation
and 512 for the test, all labels equally often. What carries the label is held out: the words and phrases that do so in
a line of the test (the column ``held_out`` has one) are in no training line, so that they must be understood, not
remembered. Everything else in a line, from the product to the year, is the same for all labels.

**Reward**: ``label_accuracy``, 1 for the label and 0 for all else; case, space and punctuation do not matter.
``label_f1`` is a metric, macro-averaged over the corpus; so is ``label_named``, whether the right label is among the
words of the completion at all: it tells an agent that chatters from one that is wrong. It is a success at 1.

**Ending**: EOS, a line break, or 8 tokens.

**Options**: ``labels`` (``"sentiment"`` or ``"topic"``); ``level``, 1: a plain line; 2: with a sentence beside it that
has nothing to do with the label; 3: the line turns on itself, by a negation or another's opinion, or, where the topic
is asked, by something of another topic that is named in passing; ``data_seed``.

**Public data**: ``data="imdb"`` (stanfordnlp/imdb) and ``"yelp"`` (fancyzhx/yelp_polarity) with the labels positive and
negative, of each review the last 1,000 characters; ``data="ag_news"`` (fancyzhx/ag_news) with world, sports, business
and science; ``data_path`` names a copy on disk. They set the labels; ``labels`` and ``level`` do not touch them.

**What the reward misses**: how the answer came about. One label for whatever is asked earns its share, a third of the
sentiments and an eighth of the topics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.errors import OptionError, suggest
from textgym.generated import Make
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.rewards.classification import normalize_label
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material import classification_words as text
from .material.pools import MARKS, Pools, draw_split, pools
from .prose import Dice, source

SENTIMENTS = ("positive", "negative", "neutral")
TOPICS = tuple(text.NOUNS)
LABELS: dict[str, tuple[str, ...]] = {"sentiment": SENTIMENTS, "topic": TOPICS}
OPPOSITE = {"positive": "negative", "negative": "positive"}

MAX_PROMPT_TOKENS = {"sentiment": 80, "topic": 96}
MAX_NEW_TOKENS = 8
REVIEW = 1_000
"""Characters of a public review that are shown: its end, where the verdict is."""

ENTRY = EnvEntry(
    id="TextGen-Classification-v0",
    task="textgym.envs_registry.classification:task",
    summary="Name the sentiment, or the topic, of a line of customer feedback.",
    tags=("core", "generated", "classification", "sentiment"),
)


def _by_label(words: Mapping[str, tuple[str, ...]]) -> dict[str, Pools]:
    return {label: pools(chosen) for label, chosen in words.items()}


WORDS, DEEDS, NOUNS, REMARKS = (_by_label(words) for words in (text.WORDS, text.DEEDS, text.NOUNS, text.REMARKS))
SPLIT_OF = {
    word: split
    for kind in (WORDS, DEEDS, NOUNS, REMARKS)
    for dealt in kind.values()
    for split, words in dealt.items()
    for word in words
}


def question(name: str, labels: tuple[str, ...]) -> str:
    """Returns the line below a text: ``Topic (books, clothes or toys):``."""
    return f"\n{name.capitalize()} ({', '.join(labels[:-1])} or {labels[-1]}):"


def task(
    labels: str = "sentiment",
    level: int = 2,
    data: str | None = None,
    data_path: str | None = None,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    if not isinstance(labels, str) or labels not in LABELS:
        raise OptionError(f"labels is one of {', '.join(LABELS)}.{suggest(labels, LABELS)} Actual value: {labels!r}.")
    check_whole("level", level, 1, 3)
    chosen = source(
        _drawer(labels, level),
        max_prompt_tokens=MAX_PROMPT_TOKENS[labels],
        max_new_tokens=MAX_NEW_TOKENS,
        data_seed=data_seed,
        key=_split_mark,
        data=data,
        data_path=data_path,
        known=PUBLIC,
    )
    return Task(
        name="Classification",
        **chosen._asdict(),
        tokenizer=load("tiny"),
        reward=make("label_accuracy"),
        metrics={"label_f1": make("label_f1"), "label_named": make(label_named, range=(0.0, 1.0))},
        gold="label_f1",
        stop=("\n",),
        success_threshold=1.0,
    )


def label_named(
    prompts: list[str], completions: list[str], references: list[list[str]], **columns: object
) -> list[float]:
    """Scores 1 where the label is somewhere in the completion, as words of their own; else 0. Range [0, 1].

    A list of all labels scores 1: this is a measure beside the accuracy, not in its place.
    """
    rows = zip(completions, references, strict=True)
    return [float(f" {normalize_label(gold[0])} " in f" {_words(completion)} ") for completion, gold in rows]


def _words(text: str) -> str:
    return " ".join(filter(None, (normalize_label(word) for word in text.split())))


def _split_mark(row: Row) -> str:
    return MARKS[SPLIT_OF[row.columns["held_out"]]]


def _drawer(labels: str, level: int) -> Make:
    line = {"sentiment": (_plain, _plain, _turned), "topic": (_about, _about, _aside)}[labels][level - 1]
    names, ending = LABELS[labels], question(labels, LABELS[labels])

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        split = draw_split(dice)
        label = dice.choice(names)
        said, word = line(dice, split, label)
        if level > 1:
            beside = dice.choice(text.CONTEXTS).format(number=dice.whole(1000, 99999), year=dice.whole(1980, 2025))
            said = f"{beside} {said}" if dice.chance(0.6) else f"{said} {beside}"
        return Row(said + ending, (" " + label,), {"held_out": word})

    return draw


def _plain(dice: Dice, split: str, label: str) -> tuple[str, str]:
    """Returns a line that shows the sentiment, and the words that do."""
    if dice.chance(0.3):
        word = dice.choice(DEEDS[label][split])
        return _framed(dice, text.DONE, deed=word), word
    word = dice.choice(WORDS[label][split])
    return _framed(dice, text.PLAIN, word=word), word


def _turned(dice: Dice, split: str, label: str) -> tuple[str, str]:
    """Returns a line in which the first words do not show the sentiment of its author."""
    if label == "neutral":
        if dice.chance(0.5):
            return _plain(dice, split, label)
        word = dice.choice(WORDS[dice.choice(SENTIMENTS[:2])][split])
        return _framed(dice, text.REPORTED, other=word), word
    other = dice.choice(WORDS[OPPOSITE[label]][split])
    if dice.chance(0.5):
        return _framed(dice, text.REVERSED, word=other), other
    word = dice.choice(WORDS[label][split])
    return _framed(dice, text.CONTRASTED, word=word, other=other), word


def _about(dice: Dice, split: str, label: str) -> tuple[str, str]:
    """Returns a line that shows the topic, and the words that do."""
    if dice.chance(0.2):
        word = dice.choice(REMARKS[label][split])
        return f"{dice.choice(text.OPENINGS)} {word}", word
    word = dice.choice(NOUNS[label][split])
    return _framed(dice, text.ABOUT, noun=word, verdict=_verdict(dice)), word


def _aside(dice: Dice, split: str, label: str) -> tuple[str, str]:
    """Returns a line that names something of another topic first."""
    word = dice.choice(NOUNS[label][split])
    another = TOPICS[(TOPICS.index(label) + dice.whole(1, len(TOPICS) - 1)) % len(TOPICS)]
    other = dice.choice(NOUNS[another][split])
    return _framed(dice, text.ASIDE, noun=word, other=other, verdict=_verdict(dice)), word


def _framed(dice: Dice, frames: tuple[str, ...], **words: str) -> str:
    return dice.choice(frames).format(
        thing=dice.choice(text.THINGS), number=dice.whole(1000, 99999), year=dice.whole(1980, 2025), **words
    )


def _verdict(dice: Dice) -> str:
    return dice.choice(text.VERDICTS).format(year=dice.whole(1980, 2025))


def _public(path: str, name: str, labels: Mapping[str, str], *, characters: int, max_prompt_tokens: int) -> PublicData:
    """Returns a public set whose records have a ``text`` and a ``label``, whose names there ``labels`` translates."""
    ending = question(name, tuple(labels.values()))

    def row(record: Mapping[str, Any]) -> Row:
        shown = " ".join(record["text"].replace("<br />", " ").split())
        if len(shown) > characters:
            shown = shown[-characters:].partition(" ")[2]
        return Row(shown + ending, (" " + labels[record["label"]],))

    return PublicData(
        path=path,
        row=row,
        max_prompt_tokens=max_prompt_tokens,
        max_new_tokens=MAX_NEW_TOKENS,
        splits={"train": "train", "test": "test"},
        truncation_side="left",
    )


PUBLIC: dict[str, PublicData] = {
    "imdb": _public(
        "stanfordnlp/imdb",
        "sentiment",
        {"neg": "negative", "pos": "positive"},
        characters=REVIEW,
        max_prompt_tokens=512,
    ),
    "yelp": _public(
        "fancyzhx/yelp_polarity",
        "sentiment",
        {"1": "negative", "2": "positive"},
        characters=REVIEW,
        max_prompt_tokens=512,
    ),
    "ag_news": _public(
        "fancyzhx/ag_news",
        "topic",
        {"World": "world", "Sports": "sports", "Business": "business", "Sci/Tech": "science"},
        characters=400,
        max_prompt_tokens=256,
    ),
}
