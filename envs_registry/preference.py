"""TextGen-Preference: please a reward model that was trained from preferences.

**Asked**: the prompt is a short message to a shop, ``Customer: Do you have the blue kettle in stock?``, and on a line
of its own ``Agent:``; the completion is the agent's reply, on that line. There are twenty kinds of message: questions
about stock, prices, hours, deliveries and the way; requests for advice on stains, plants, cooking, presents and
purchases; complaints, bookings, cancellations, new addresses, lost things, apologies, invitations and thanks.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test; of more than a million. The
split hangs on what is asked of what, such as the price of the blue kettle: no such question of the test is in
training, in whatever words, and the reward model learnt from training only. The reference is a good reply.

**Reward**: ``preference``, σ(2 s) of the score s of the shipped Bradley-Terry model, in [0, 1]: the probability that
two judges who agree prefer the reply to a middling one. The model learnt from pairs of replies that we made, most of
them spoilt in one of twenty-six ways, and preferred by points for what is right and wrong with them
(`textgym.assets.preference_pairs`); its card tells how good it is. Perplexity, similarity to the reference, distinct
pairs of words and the share of English words are metrics that it has no part in.

**Ending**: EOS, the end of the line, or 48 tokens.

**Options**: ``data`` and ``data_path``, see below; ``data_seed`` draws other prompts.

**Public data**: ``data="hh-rlhf"`` (Anthropic/hh-rlhf) asks what people asked of an assistant, the whole dialogue,
written as ``Customer:`` and ``Agent:``; the reference is the chosen reply, on one line. ``data="tldr"`` (trl-lib/tldr)
asks for the summary of a post, and the reference is its author's. Prompts keep their last 160 and 192 tokens, so that
the shipped language model can read them. The shipped reward model never saw the like of either: give one that learnt
from them, ``reward="path/to/it"``.

**What the reward misses**: truth. The replies that the model learnt from invent their prices, hours and shelves; it
judges whether the thing asked for is answered. All its good replies come from some dozens of forms, and it likes what
is written in their manner. It is small, so a policy that trains long enough finds texts that it overrates; watch the
metrics.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from textgym.assets import preference_requests as requests
from textgym.data import Row
from textgym.data.public import PublicData
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.rewards.preference import Preference
from textgym.tasks import Task
from textgym.tokenizers import load

from .prose import Dice, source

ENTRY = EnvEntry(
    id="TextGen-Preference-v0",
    task="textgym.envs_registry.preference:task",
    summary="Please a reward model that was trained from preferences between replies.",
    tags=("core", "generated", "preference", "dialogue"),
)

SPEAKERS = {"Human": "Customer", "Assistant": "Agent"}
_TURN = re.compile(r"\n\n(Human|Assistant):")


def hh_rlhf(record: Mapping[str, Any]) -> Row:
    """Returns a dialogue up to its last reply, and that reply as it was chosen, each turn on one line."""
    parts = _TURN.split(record["chosen"])
    turns = [
        f"{SPEAKERS[speaker]}: {' '.join(text.split())}".strip()
        for speaker, text in zip(parts[1::2], parts[2::2], strict=True)
    ]
    last = turns.pop().removeprefix("Agent:")
    return Row("\n".join([*turns, "Agent:"]), (last,))


def ends_with_reply(record: Mapping[str, Any]) -> bool:
    """Says whether a dialogue ends with words of the assistant."""
    before, _, last = record["chosen"].rpartition("\n\nAssistant:")
    return bool(before.strip() and last.strip()) and "\n\nHuman:" not in last


def tldr(record: Mapping[str, Any]) -> Row:
    """Returns a post, which ends with ``TL;DR:``, and its author's summary on one line."""
    return Row(record["prompt"].rstrip(), (" " + " ".join(record["completion"].split()),))


PUBLIC = {
    "hh-rlhf": PublicData(
        path="Anthropic/hh-rlhf",
        row=hh_rlhf,
        keep=ends_with_reply,
        splits={"train": "train", "test": "test"},
        max_prompt_tokens=160,
        max_new_tokens=96,
        truncation_side="left",
    ),
    "tldr": PublicData(
        path="trl-lib/tldr",
        row=tldr,
        max_prompt_tokens=192,
        max_new_tokens=64,
        truncation_side="left",
    ),
}


def draw(rng: np.random.Generator) -> Row:
    """Returns a request with its reference."""
    request = requests.draw(Dice(rng))
    return Row(request.prompt, (" " + requests.reference(request),), {"asked": request.key})


def task(data: str | None = None, data_path: str | None = None, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    return Task(
        name="Preference",
        **source(
            draw,
            max_prompt_tokens=44,
            max_new_tokens=48,
            data_seed=data_seed,
            key=lambda row: row.columns["asked"],
            data=data,
            data_path=data_path,
            known=PUBLIC,
        )._asdict(),
        tokenizer=load("tiny"),
        reward=make(Preference),
        metrics={
            "perplexity": make("perplexity"),
            "similarity": make("similarity"),
            "distinct_2": make("distinct_n", n=2),
            "english_words": make("english_words"),
        },
        gold="similarity",
        stop=("\n",),
    )
