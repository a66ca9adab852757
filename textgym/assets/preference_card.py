"""The card of the shipped model of preferences: every figure in it is measured here, on the files that ship."""

from __future__ import annotations

import hashlib
import random
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from . import preference_model, preference_pairs
from .preference_pairs import POINTS

if TYPE_CHECKING:
    from textgym.rewards.audit import Audit

COMMAND = "python -m textgym.assets.build --work build/assets --stages preferences preference preference_card"

ASKED = 200
"""Requests of the test split, each answered in every way."""


def card(folder: Path, tiny: Path, pairs: Path, seed: int = 0) -> str:
    """Returns the card in Markdown.

    Args:
        folder: The model that ships.
        tiny: The language model that ships; its replies to requests of the test split are judged too.
        pairs: The preferences, as `preference_model.write_pairs` wrote them.
        seed: Picks the requests.
    """
    from textgym.reward_models.judging import evaluate, load
    from textgym.rewards.audit import audit
    from textgym.rewards.preference import Preference

    reward = Preference(model=str(folder))
    quality = evaluate(folder, preference_model.load_pairs(pairs), device="cpu")
    requests = list(islice(preference_model.asked("test", seed + 1), ASKED))
    prompts = [request.prompt for request in requests]
    words, said = preference_model.material(tiny, prompts, seed + 1)
    spoiler = preference_pairs.Spoiler(random.Random(f"{seed}/card"), words, said)
    rows = []
    for way, points in POINTS.items():
        texts = [f" {spoiler.make(request, way).text}" for request in requests]
        rewards = reward.score(prompts, texts).total
        rows.append(f"| {way} | {points:g} | {rewards.mean():.2f} |")
    train, validation, test = preference_model.PAIRS.values()
    lesson, recipe = preference_model.LESSON["train"], preference_model.RECIPE
    weights = folder / "model.safetensors"
    size, digest = weights.stat().st_size, hashlib.sha256(weights.read_bytes()).hexdigest()
    parameters = load(folder, "cpu")[0].num_parameters()
    return f"""---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-classification
tags: [text-classification, preference, bradley-terry, reward-model, gpt2, textgym]
---

# textgym preference

A reward model of {parameters:,} parameters: the lower {preference_model.N_LAYER} blocks of textgym's tiny language
model with a head on the end token, trained on preferences between replies of a shop's agent to short messages. The
difference of two scores is the log-odds that the first reply is preferred; zero lies where good replies have
{preference_model.GOOD:g} in the mean. **reward = σ(2 · score)**, in [0, 1], is the reward `preference` of textgym.

It reads `Customer: …` and, on the next line, `Agent: …` as one text, which its tokenizer frames as `<bos> … <eos>` by
itself; pad on the right and pass the attention mask. Weights are float16 ({size:,} bytes). SHA-256 of
`model.safetensors`: `{digest}`.

## Data

Preferences of ours, made by `textgym/assets/preference_pairs.py` (Apache-2.0): {train:,} to train,
{validation:,} to validate, {test:,} to test.
What is asked of what is in one split only. Each pair is two replies to a request, good or spoilt in the ways below;
each way has points, and the reply with more of them is preferred with the probability σ(points − points). A judge who
knew the points would be right in {preference_pairs.ceiling():.1%} of the pairs: no model can do better.

## Held-out figures

The groups are what is wrong with the worse reply.

{quality.markdown()}
Replies to {ASKED} requests of the test split, good and spoilt:

| reply | points | reward |
|---|---|---|
{chr(10).join(rows)}

## Audit

Mean reward of good replies and of each kind of bad one, on the reward's own examples
(`textgym.testing.check_reward`):

{_audited(audit(reward))}
## Recipe

`{COMMAND}`:
Bradley-Terry on one processor core, AdamW, {recipe.batch_size} pairs a step, learning rate {recipe.learning_rate:g},
two lessons of one epoch each. The first, {lesson:,} pairs of a good reply and an irrelevant one, grows the heads that
compare what was asked with what was answered; the second has all the ways. Sums differ between processors, so a
rebuild gives a model of the same quality and not the same bits.

## Intended use and limits

A reward for learning experiments on short English messages to a shop. It cannot know whether a reply is true. Its good
replies come from some dozens of forms, and it likes what is written in their manner. It is small: a policy that trains
long enough will find texts that it overrates. Keep a second judge, and do not use it to judge people.
"""


def _audited(found: Audit) -> str:
    lines = ["| kind | good | bad |", "|---|---|---|"]
    lines += [f"| {finding.kind} | {finding.gold:.2f} | {finding.bad:.2f} |" for finding in found.findings]
    return "\n".join(lines) + "\n"
