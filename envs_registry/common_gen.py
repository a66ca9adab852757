"""TextGen-CommonGen: write a sentence that has all the given concepts.

**Asked**: the prompt lists 3 to 5 everyday words, such as ``Use these words: throw, park, girl, frisbee`` and
``Sentence:`` on a line of its own. The answer is one sentence with all of them, in any inflection and order: ``A girl
throws a red frisbee in the park.``

**Data**: generated from 20 scenes (who, does what to what, where, with what else), so that a set makes sense; endless
in training, 256 prompts for validation and 512 for the test. Each row has three references, which tell one event in
three ways. The split hangs on the set of concepts: no combination of the test is ever asked in training, in whatever
order, while each of its words is, so that the score tells how well an agent composes (Lin et al. 2020,
arXiv:1911.03705).

**Reward**: in [0, 1], the share of the concepts that are in the completion (``concept_coverage``) times
`sentence_form`, 1 for what is built as a sentence and halved by every fault: no capital at the start, no stop at the
end, a second sentence, concepts that stand side by side like a list, too few or too many function words, an article or
preposition that leads nowhere, words said again and again. A bare list of the concepts earns less than a tenth.

**Ending**: EOS, a line break, or 40 tokens.

**Options**: ``min_concepts`` and ``max_concepts`` (3 to 5), ``data``, ``data_path``, ``data_seed``.

**Public data**: ``data="common_gen"`` plays CommonGen (allenai/common_gen), each of its sentences being one row. Its
test split hides the sentences, so its validation split is our test; our validation is dealt from its training split.

**What the reward misses**: sense. ``A frisbee throws the girl in the park.`` is as good a sentence as any, and so is a
chain of events that have nothing to do with each other. BLEU and CIDEr against the references, and the perplexity of a
language model, are metrics beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material.choices import Choices
from .material.common_gen_scenes import SCENES, Scene
from .material.inflection import article, gerund, past, plural, singular
from .material.sentences import faults
from .prose import Dice, source

ENTRY = EnvEntry(
    id="TextGen-CommonGen-v0",
    task="textgym.envs_registry.common_gen:task",
    summary="Write a sentence that has all the given concepts.",
    tags=("core", "generated", "grue", "constrained", "generalization"),
)

AGENT, VERB, NOUN, PLACE, EXTRA = range(5)

SETS = {
    3: ((AGENT, VERB, NOUN), (VERB, NOUN, PLACE), (AGENT, NOUN, PLACE), (VERB, NOUN, EXTRA), (AGENT, NOUN, EXTRA)),
    4: (
        (AGENT, VERB, NOUN, PLACE),
        (AGENT, VERB, NOUN, EXTRA),
        (VERB, NOUN, PLACE, EXTRA),
        (AGENT, NOUN, PLACE, EXTRA),
    ),
    5: ((AGENT, VERB, NOUN, PLACE, EXTRA),),
}
"""Which parts of an event a set of concepts may name, by its size. A sentence always says who does what to what."""

TELLINGS = 3
"""References of a row."""

ALONE = frozenset({"couple", "family"})
"""Agents of whom two would be a crowd."""


class Event(NamedTuple):
    """One thing that happens in a scene, by the numbers of its parts there."""

    scene: Scene
    agent: int
    act: int
    place: int
    extra: int

    def concepts(self, parts: tuple[int, ...]) -> list[str]:
        """Returns the concepts that name these parts."""
        scene, act = self.scene, self.scene.acts[self.act]
        names = (scene.agents[self.agent], act.verb, act.noun, scene.places[self.place][0], scene.extras[self.extra][0])
        return [names[part] for part in parts]


def task(
    min_concepts: int = 3,
    max_concepts: int = 5,
    data: str | None = None,
    data_path: str | None = None,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("min_concepts", min_concepts, min(SETS), max(SETS))
    check_whole("max_concepts", max_concepts, min_concepts, max(SETS))

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        scene = dice.choice(SCENES)
        event = Event(
            scene,
            dice.whole(0, len(scene.agents) - 1),
            dice.whole(0, len(scene.acts) - 1),
            dice.whole(0, len(scene.places) - 1),
            dice.whole(0, len(scene.extras) - 1),
        )
        parts = dice.choice(SETS[dice.whole(min_concepts, max_concepts)])
        concepts = event.concepts(parts)
        return row(dice.sample(concepts, len(concepts)), event, parts)

    return Task(
        name="CommonGen",
        **source(
            draw,
            max_prompt_tokens=36,
            max_new_tokens=40,
            data_seed=data_seed,
            key=key,
            data=data,
            data_path=data_path,
            known=PUBLIC,
        )._asdict(),
        tokenizer=load("tiny"),
        reward=make("concept_coverage") * make(sentence_form, range=(0.0, 1.0)),
        metrics={"bleu": make("bleu"), "cider": make("cider"), "perplexity": make("perplexity")},
        gold="cider",
        stop=("\n",),
        success_threshold=1.0,
    )


def ask(concepts: list[str]) -> str:
    """Returns the prompt for these concepts."""
    return f"Use these words: {', '.join(concepts)}\nSentence:"


def key(row: Row) -> str:
    """Returns the set of concepts, whatever its order."""
    return " ".join(sorted(row.columns["concepts"]))


def row(concepts: list[str], event: Event, parts: tuple[int, ...]) -> Row:
    """Returns the row that asks for ``concepts``, with tellings of the event as its references.

    Parts that are not asked for follow from the prompt, so that the same prompt has the same references.
    """
    prompt = ask(concepts)
    choices = Choices(prompt)
    scene = event.scene
    agent = event.agent if AGENT in parts else choices.below(len(scene.agents))
    acts = scene.acts
    if VERB in parts:
        act = acts[event.act]
    else:
        act = choices.choice([act for act in acts if act.noun == acts[event.act].noun])
    place = scene.places[event.place][1] if PLACE in parts else ""
    extra = scene.extras[event.extra][1] if EXTRA in parts else ""
    who = scene.agents[agent]
    first = choices.below(TELLINGS)
    return Row(
        prompt,
        tuple(_tell((first + i) % TELLINGS, choices, who, act.verb, act.phrase, place, extra) for i in range(TELLINGS)),
        {"concepts": tuple(concepts)},
    )


def _tell(telling: int, choices: Choices, who: str, verb: str, what: str, place: str, extra: str) -> str:
    """Returns one of three kinds of sentences about an event, with a space before it."""
    beside = f", {extra}" if extra.startswith("wearing") else f" {extra}" if extra else ""
    end = f"{what} {place}{beside}" if place else what + beside
    form = choices.below(3)
    if telling == 0:  # now
        if form == 0:
            return f" {_articled(who)} {singular(verb)} {end}."
        if form == 1:
            return f" The {who} is {gerund(verb)} {end}."
        return f" You can see {article(who)} {who} {gerund(verb)} {end}."
    if telling == 1:  # then
        if form == 0 or who in ALONE:
            return f" {_articled(who)} {past(verb)} {end}."
        if form == 1:
            return f" Two {plural(who)} {past(verb)} {end}."
        return f" The {who} had to {verb} {end}."
    if place:  # what else, first
        start, end = place, what + beside
    elif extra:
        start, end = extra, what
    else:
        return f" Every day, {article(who)} {who} {singular(verb)} {end}."
    start = f"{start[0].upper()}{start[1:]}"
    if form == 0:
        return f" {start}, {article(who)} {who} {singular(verb)} {end}."
    if form == 1:
        return f" {start}, the {who} {past(verb)} {end}."
    return f" {start}, the {who} is {gerund(verb)} {end}."


def _articled(noun: str) -> str:
    return f"{'An' if article(noun) == 'an' else 'A'} {noun}"


def sentence_form(prompts: list[str], completions: list[str], concepts: list[Any]) -> list[float]:
    """Scores whether a completion is built as one sentence around its concepts. Range [0, 1].

    ``0.5 ** faults``; what a fault is, `faults` tells. It knows function words, not grammar, so that a sentence without
    sense has no fault.
    """
    wanted = (each.split(",") if isinstance(each, str) else each for each in concepts)
    return [
        0.5 ** faults(text, tuple(each)) if text.strip() else 0.0
        for text, each in zip(completions, wanted, strict=True)
    ]


def public_row(record: Mapping[str, Any]) -> Row:
    """Returns the row of a record of CommonGen, its sentence with a capital and a stop, and no space before a sign."""
    concepts = list(record["concepts"])
    target = re.sub(r"\s+([.,!?;:])", r"\1", " ".join(str(record["target"]).split()))
    target = f" {target[:1].upper()}{target[1:]}{'' if target.endswith(('.', '!', '?')) else '.'}"
    return Row(ask(concepts), (target,), {"concepts": tuple(concepts)})


PUBLIC = {
    "common_gen": PublicData(
        "allenai/common_gen",
        public_row,
        max_prompt_tokens=64,
        max_new_tokens=64,
        splits={"train": "train", "test": "validation"},
        keep=lambda record: bool(record["target"].strip()),
    )
}
