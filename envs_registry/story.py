"""TextGen-Story: tell a short story from a premise, with an ending.

**Asked**: the prompt gives a plot, a line for each of its five parts, and ``Story:``. The answer is a story of at least
four sentences that brings in all five, in this order, and ends as asked::

    Hero: Mara, a weaver
    Place: a small island
    Thing: a tin lantern
    Trouble: a thick fog
    Ending: a feast
    Story:

**Data**: generated from 36 names, 20 trades, 16 places, 25 things, 12 troubles and 14 endings; endless in training,
256 prompts for validation and 512 for the test. The split hangs on place, thing and trouble: no three of the test stand
together in training. The two references of a row are told by a grammar, in which each trouble is overcome with each
kind of thing in a way of its own.

**Reward**: in [0, 1], `plot_told` times ``0.4 + 0.3·ending_told + 0.15·coherence + 0.15·distinct_n``. The plot is told
by the parts that stand in sentences, in order. A sentence counts half for every fault that `faults` in
``material/sentences.py`` finds with it; with fewer than four that differ in more than the words of the plot, the whole
is worth as much less. The ending is told if the last sentence brings it in. Coherence is the mean
cosine of neighbouring sentences, full from 0.1 on; distinct_n is the share of different pairs of words.

**Ending**: EOS, or 116 tokens.

**Options**: ``data``, ``data_path``, ``data_seed``.

**Public data**: ``data="writingprompts"`` plays WritingPrompts (euclaise/writingprompts). Its plot are the five rarest
words of the prompt, in their order there; any full last sentence is an ending; its references are stories of people,
as far as 200 words reach.

**What the reward misses**: whether the parts have to do with each other, who did what, and whether it is worth telling.
Five sentences from five stories that have the right words get nearly all of it. The perplexity of a language model, and
ROUGE-L against the references, are metrics beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.rewards.form import words
from textgym.tasks import Task
from textgym.tokenizers import load

from .material.choices import Choices
from .material.inflection import article
from .material.sentences import faults, forms
from .material.story_plots import (
    ENDINGS,
    FINDS,
    INTRODUCTIONS,
    JOBS,
    NAMES,
    PLACES,
    THINGS,
    TROUBLES,
    Ending,
    Place,
    Thing,
    Trouble,
)
from .prose import Dice, source

ENTRY = EnvEntry(
    id="TextGen-Story-v0",
    task="textgym.envs_registry.story:task",
    summary="Tell a short story from a premise, with an ending.",
    tags=("core", "generated", "creative", "constrained"),
)

SENTENCES = 4
"""Sentences that a story has at least."""

TELLINGS = 2
"""References of a row."""

PUBLIC_WORDS = 200
"""Words of a public story that its reference keeps, to the end of a sentence."""

PUBLIC_PLOT = 5
"""Words of a public prompt that its story is to bring in."""


def task(data: str | None = None, data_path: str | None = None, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        return row(
            dice.choice(NAMES),
            dice.choice(JOBS),
            dice.choice(PLACES),
            dice.choice(THINGS),
            dice.choice(TROUBLES),
            dice.choice(ENDINGS),
        )

    return Task(
        name="Story",
        **source(
            draw,
            max_prompt_tokens=68,
            max_new_tokens=116,
            data_seed=data_seed,
            key=key,
            data=data,
            data_path=data_path,
            known=PUBLIC,
        )._asdict(),
        tokenizer=load("tiny"),
        reward=make(plot_told, range=(0.0, 1.0))
        * (
            0.4
            + 0.3 * make(ending_told, range=(0.0, 1.0))
            + make("1.5*coherence.clip(0, 0.1)")
            + make("0.15*distinct_n(n=2)")
        ),
        metrics={
            "rouge_l": make("rouge_l"),
            "perplexity": make("perplexity"),
            "english_words": make("english_words"),
        },
        gold="rouge_l",
    )


def key(row: Row) -> str:
    """Returns the lines of the prompt that name place, thing and trouble."""
    return "\n".join(row.prompt.split("\n")[1:4])


def row(name: str, job: str, place: Place, thing: Thing, trouble: Trouble, ending: Ending) -> Row:
    """Returns the row that asks for a story, with several as its references."""
    hero = f"{article(job)} {job}"
    prompt = (
        f"Hero: {name}, {hero}\nPlace: {place.asked}\nThing: {thing.asked}\n"
        f"Trouble: {trouble.asked}\nEnding: {ending.asked}\nStory:"
    )
    choices = Choices(prompt)
    start = f"{place.told[0].upper()}{place.told[1:]}"
    stories = tuple(
        " "
        + " ".join(
            (
                choices.choice(INTRODUCTIONS).format(n=name, j=hero, p=place.told, P=start),
                choices.choice(FINDS).format(n=name, a=thing.asked),
                choices.choice(trouble.told),
                trouble.solved[thing.kind].format(n=name, t=thing.noun),
                choices.choice(ending.told).format(n=name),
            )
        )
        for _ in range(TELLINGS)
    )
    plot = (name.lower(), place.noun, thing.noun, trouble.noun, ending.noun)
    return Row(prompt, stories, {"plot": plot, "ending": ending.noun})


def plot_told(prompts: list[str], completions: list[str], plot: list[Any]) -> list[float]:
    """Scores how much of a plot is told, in order, in sentences. Range [0, 1].

    ``max Σ_k w(s_k) / K  ·  min(1, Σ_s w(s) / 4)``: each of the K words of the plot is told by one sentence that has
    it, in any inflection, none by an earlier sentence than the word before; a sentence s that has n faults weighs
    ``w(s) = 0.5 ** n``; the second sum is over sentences that differ in more than the words of the plot.
    """
    return [_told(_sentences(text), _listed(wanted)) for text, wanted in zip(completions, plot, strict=True)]


def ending_told(prompts: list[str], completions: list[str], plot: list[Any], ending: list[str]) -> list[float]:
    """Scores the last sentence: ``0.5 ** faults`` if it has the word of the ending or none is asked, else 0.

    Range [0, 1].
    """
    scores = []
    for text, wanted, word in zip(completions, plot, ending, strict=True):
        last = _sentences(text)[-1:]
        told = last and (not word or forms(word) & _inflections(last[0]))
        scores.append(0.5 ** faults(last[0], _listed(wanted)) if told else 0.0)
    return scores


def _told(sentences: list[str], plot: tuple[str, ...]) -> float:
    weights = [0.5 ** faults(sentence, plot) for sentence in sentences]
    best = [0.0] * len(sentences)  # of the words so far, if the last of them is told in this sentence or before
    for each in plot:
        wanted, reached = forms(each), 0.0
        for i, (sentence, weight) in enumerate(zip(sentences, weights, strict=True)):
            reached = max(reached, best[i], (best[i] + weight) if wanted & _inflections(sentence) else 0.0)
            best[i] = reached
    named = frozenset().union(*map(forms, plot))
    frames = (tuple(word for word in words(sentence) if not forms(word) & named) for sentence in sentences)
    different = dict(zip(frames, weights, strict=True))
    return max(best, default=0.0) / len(plot) * min(1.0, sum(different.values()) / SENTENCES)


def _inflections(sentence: str) -> frozenset[str]:
    return frozenset().union(*map(forms, words(sentence)))


def _sentences(text: str) -> list[str]:
    return [each for each in re.split(r"(?<=[.!?])\s+|\n+", text.strip()) if words(each)]


def _listed(plot: Any) -> tuple[str, ...]:
    return tuple(plot.split(",")) if isinstance(plot, str) else tuple(plot)


def public_row(record: Mapping[str, Any]) -> Row:
    """Returns the row of a record of WritingPrompts, without the marks that its forum and its tokenizer left."""
    premise = _premise(record)
    return Row(
        f"Premise: {premise}\nStory:",
        (f" {_beginning(_plain(record['story']))}",),
        {"plot": rare_words(premise), "ending": ""},
    )


def _premise(record: Mapping[str, Any]) -> str:
    return _plain(re.sub(r"^\s*\[[^\]]*\]", "", record["prompt"]))  # without what kind of prompt it is, [ WP ]


def rare_words(text: str) -> tuple[str, ...]:
    """Returns the rarest words of a text, in their order; of equally rare ones, the first."""
    from wordfreq import zipf_frequency

    own = list(dict.fromkeys(words(text)))
    chosen = sorted(own, key=lambda word: zipf_frequency(word, "en"))[:PUBLIC_PLOT]
    return tuple(word for word in own if word in chosen)


def _plain(text: str) -> str:
    text = " ".join(text.replace("<newline>", " ").replace("``", '"').replace("''", '"').split())
    return re.sub(r"\s+([.,!?;:]|n't\b|'(?:s|re|ve|ll|d|m)\b)", r"\1", text)


def _beginning(story: str) -> str:
    """Returns the sentences of a story that end within `PUBLIC_WORDS` words, the first in any case."""
    kept: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", story):
        if kept and len(" ".join([*kept, sentence]).split()) > PUBLIC_WORDS:
            break
        kept.append(sentence)
    return " ".join(kept)


PUBLIC = {
    "writingprompts": PublicData(
        "euclaise/writingprompts",
        public_row,
        max_prompt_tokens=128,
        max_new_tokens=512,
        keep=lambda record: bool(words(_premise(record)) and words(record["story"])),
        truncation_side="left",
    )
}
