"""TextGen-Dialogue: answer a customer's message in one reply.

**Asked**: the prompt is what the shop knows of an order, the customer's message and ``Agent:``. A good reply does what
the message asks for (refund, replacement, exchange, cancellation, new address, new delivery day, technician, invoice,
or telling when a parcel comes), names what it is about (order number, product, and size, address, day or e-mail address
where these matter) and is polite: it says sorry where something went wrong. Where the message leaves out something that
the shop must know, a good reply asks for that instead. Each prompt has two references.

**Data**: generated from 1,600 products, nine requests and the order numbers, names, addresses and wordings of a small
world of shops; endless in training, 256 prompts for validation and 512 for the test. The split hangs on the product: no
product of the test is ever seen in training.

**Reward**: in [0, 1]. With *intent* 1 over the number of things that the reply does and asks for, if the right one is
among them, else 0; *slots* the F1 of the values it names, inventions included; *polite* 1 or 0:

    (3 intent + 2 slots + 1 polite + 4 intent · slots) / 10

A quarter of that where the reply is not one to four sentences in its own words: no capital or full stop, a word over
and over, eight words in a row from the prompt. Word patterns of many wordings say what a reply does; a reference earns
1. ``intent`` and ``slot_f1`` are metrics too, beside METEOR, distinct bigrams and the similarity of sentence vectors.

**Ending**: EOS, a line break, or 48 tokens.

**Options**: ``level`` 1 (messages say all that is needed) or 2 (a third of those that could leaves something out),
``data``, ``data_path``, ``data_seed``.

**Public data**: ``data="daily_dialog"``: the last utterance of a conversation of DailyDialog, given those before it,
the first of which may be cut. Nothing there says what a reply should do, so the reward is METEOR; ``level`` does
not apply.

**What the reward misses**: it knows the wordings that its patterns foresee. A rare but right one ("consider it
settled") earns nothing for intent, and clumsy English, or a silly sentence beside the right one, may earn all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.errors import OptionError
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material.service import (
    ACTS,
    DAYS,
    FAULTS,
    GREETINGS,
    NEEDS,
    REQUESTS,
    Case,
    draw_case,
    question,
    requests,
    resolution,
    tells,
)
from .material.service_acts import APOLOGY, COURTESY, Meaning, understand
from .prose import Dice, source

MAX_PROMPT = 80
MAX_NEW = 48
LATE = "late"
TROUBLE = frozenset((*FAULTS, "exchange", "visit", LATE))
"""Requests that call for an apology."""

SORRY = (
    "I am sorry about your {0}.",
    "I am very sorry for the trouble with your {0}.",
    "We apologise for the trouble with the {0}.",
    "I am so sorry to hear about your {0}.",
)
GLADLY = (
    "Thank you for your message about the {0}.",
    "Of course, I will gladly help with your {0}.",
    "Certainly, I am happy to help with the {0}.",
    "Thank you for telling us about your {0}.",
)
ARRIVALS = (
    "It will arrive on {0}.",
    "It will be delivered on {0}.",
    "You will get it on {0}.",
    "It is due on {0}.",
)

WORD = r"[\w'@.-]*\w"
SENTENCE_END = r"[.!?]+(?=\s|$)"

ENTRY = EnvEntry(
    id="TextGen-Dialogue-v0",
    task="textgym.envs_registry.dialogue:task",
    summary="Answer a customer's message in one reply: the right act, the right details, politely.",
    tags=("core", "generated", "grue", "dialogue", "generalization"),
)


def task(level: int = 2, data: str | None = None, data_path: str | None = None, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("level", level, 1, 2)
    if data is not None and level != 2:
        raise OptionError(
            f"level is of the generated messages, and data={data!r} plays recorded ones. Leave it out. "
            f"Actual value: {level}."
        )

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        wanted = dice.choice((*ACTS, LATE))
        case = draw_case(dice, "delivery" if wanted == LATE else wanted)
        due = case.value("day") if wanted == LATE else dice.choice(DAYS)
        said = () if wanted == LATE else tuple(slot for slot in NEEDS[wanted] if slot != "order")
        missing = dice.choice(said) if level == 2 and said and dice.chance(1 / 3) else ""
        opening = dice.choice(REQUESTS[LATE] if wanted == LATE else requests(case)).format(case.product)
        facts = [
            dice.choice(tells(slot, case.value(slot))).format(case.value(slot)) for slot in said if slot != missing
        ]
        message = " ".join([dice.choice(GREETINGS) + opening, *facts])
        prompt = f"Order {case.value('order')}: {case.product}, due {due}.\nCustomer: {message}\nAgent:"
        style = dice.whole(0, 3)
        references = _reply(case, wanted, missing, style), _reply(case, wanted, missing, (style + 1) % 4)
        return Row(prompt, references, {"case": case, "wanted": wanted, "missing": missing})

    public = data is not None
    return Task(
        name="Dialogue",
        **source(
            draw,
            max_prompt_tokens=MAX_PROMPT,
            max_new_tokens=MAX_NEW,
            data_seed=data_seed,
            key=_product,
            data=data,
            data_path=data_path,
            known=PUBLIC,
        )._asdict(),
        tokenizer=load("tiny"),
        reward=make("meteor") if public else make(reply_success, range=(0.0, 1.0)),
        metrics={
            **({} if public else {"meteor": make("meteor"), "intent": make(intent), "slot_f1": make(slot_f1)}),
            "distinct_2": make("distinct_n", n=2),
            "similarity": make("similarity"),
        },
        gold="similarity" if public else "meteor",
        stop=("\n",),
        success_threshold=None if public else 1.0,
    )


def reply_success(
    prompts: list[str], completions: list[str], case: list[Case], wanted: list[str], missing: list[str]
) -> list[float]:
    """Scores whether a reply does the right thing, names the right values and is polite. Range [0, 1].

    The formula is on the page of TextGen-Dialogue.
    """
    scores = []
    for prompt, text, one, want, lacking in zip(prompts, completions, case, wanted, missing, strict=True):
        meaning = understand(text)
        right, slots = _intent(meaning, want, lacking), _slots(meaning, one, want, lacking)
        score = (3 * right + 2 * slots + _is_polite(text, want) + 4 * right * slots) / 10
        scores.append(score if _is_a_reply(text, prompt) else score / 4)
    return scores


def intent(completions: list[str], wanted: list[str], missing: list[str]) -> list[float]:
    """Scores the right thing over the number of things that a reply does and asks for. Range [0, 1]."""
    rows = zip(completions, wanted, missing, strict=True)
    return [_intent(understand(text), want, lacking) for text, want, lacking in rows]


def slot_f1(completions: list[str], case: list[Case], wanted: list[str], missing: list[str]) -> list[float]:
    """Scores the F1 of the values that a reply names. Range [0, 1]."""
    rows = zip(completions, case, wanted, missing, strict=True)
    return [_slots(understand(text), one, want, lacking) for text, one, want, lacking in rows]


def _intent(meaning: Meaning, wanted: str, missing: str) -> float:
    moves = {*meaning.acts, *(f"ask {slot}" for slot in meaning.asked)}
    right = f"ask {missing}" if missing else "delivery" if wanted == LATE else wanted
    return 1 / len(moves) if right in moves else 0.0


def _slots(meaning: Meaning, case: Case, wanted: str, missing: str) -> float:
    """F1 of the values; the order number may always be named, and an e-mail address is not an invention where asked."""
    names = () if missing else ("day",) if wanted == LATE else tuple(slot for slot in NEEDS[wanted] if slot != "wish")
    needed = {(slot, case.value(slot).lower()) for slot in names} | {("product", case.noun)}
    named = {
        (slot, case.noun if value == case.product else value)
        for slot, values in meaning.named.items()
        for value in values
    }
    named -= {("order", case.value("order"))} - needed
    hits = len(named & needed)
    return 2 * hits / (len(named) + len(needed))


def _is_polite(text: str, wanted: str) -> bool:
    return bool(re.search(APOLOGY if wanted in TROUBLE else COURTESY, text.lower()))


def _is_a_reply(text: str, prompt: str) -> bool:
    """Whether a text is one to four sentences of its own: see the page."""
    text = text.strip()
    words = re.findall(WORD, text.lower())
    if len(words) < 4 or "\n" in text or not text[0].isupper() or text[-1] not in ".!?":
        return False
    if len(re.findall(SENTENCE_END, text)) > 4 or len(set(words)) < len(words) / 2:
        return False
    asked = " ".join(["", *re.findall(WORD, prompt.lower()), ""])
    return not any(f" {' '.join(words[i : i + 8])} " in asked for i in range(len(words) - 7))


def _reply(case: Case, wanted: str, missing: str, style: int) -> str:
    courtesy = (SORRY if wanted in TROUBLE else GLADLY)[style].format(case.product)
    if missing:
        return f" {courtesy} {question([missing], style)}"
    if wanted == LATE:
        return f" {courtesy} {ARRIVALS[style].format(case.value('day'))}"
    return f" {courtesy} {resolution(case, style)}"


def _product(row: Row) -> str:
    case: Case = row.columns["case"]
    return case.product


SPEAKERS = ("Agent", "Customer")
REMEMBERED = 6
"""Utterances before the reply that a prompt of DailyDialog holds."""


def _conversation(record: Mapping[str, Any]) -> Row:
    *before, last = [_joined(text) for text in record["dialog"]]
    before = before[-REMEMBERED:]
    lines = [f"{SPEAKERS[(len(before) - i) % 2]}: {text}" for i, text in enumerate(before)]
    return Row("\n".join([*lines, "Agent:"]), (f" {last}",))


def _joined(text: str) -> str:
    """Returns an utterance without the spaces that the set has around marks of punctuation."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ?([’']) ?(?=(?:s|t|m|d|re|ll|ve)\b)", r"\1", text)
    return re.sub(r" (?=[,.?!;:])", "", text)


def _has_a_reply(record: Mapping[str, Any]) -> bool:
    return len(record["dialog"]) > 1 and len(record["dialog"][-1].split()) > 3


PUBLIC = {
    "daily_dialog": PublicData(
        path="li2017dailydialog/daily_dialog",
        revision="refs/convert/parquet",  # the repository itself holds a loading script
        row=_conversation,
        keep=_has_a_reply,
        max_prompt_tokens=192,
        max_new_tokens=64,
        truncation_side="left",
    )
}
