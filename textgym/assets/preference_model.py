"""The shipped model of preferences: two blocks of the language model with a Bradley-Terry head on the end token.

It is trained by `textgym.reward_models` on preferences of ours (`preference_pairs`), as a user's would be on theirs,
but in two lessons. That a reply must be about what was asked takes heads that compare the two, which the language model
lacks; among all other ways to spoil a reply they do not grow in time, and in a first lesson of their own they do.
"""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from textgym.data import hashed_split
from textgym.reward_models import Recipe

from . import language_model, preference_pairs
from . import preference_requests as requests
from .preference_requests import Request

if TYPE_CHECKING:
    from textgym.reward_models import Feedback, Trained

logger = logging.getLogger(__name__)

LESSON = {"train": 16_000, "validation": 500}
PAIRS = {"train": 48_000, "validation": 1_000, "test": 2_000}
"""Preferences of each split, in the first lesson and in the second."""

SAMPLED = 2_000
"""Requests of the training split that the language model answers, whose answers are spoilt replies to others."""

GOOD_REPLIES = 500
"""Good replies of the validation split whose mean score says where zero is."""

GOOD = 3.0
"""That mean score. Lower, and good replies would not be sure of the reward; higher, and noise would earn some."""

N_LAYER = 2
RECIPE = Recipe(
    loss="bradley_terry",
    epochs=1.0,
    batch_size=16,
    learning_rate=1e-3,
    head_learning_rate=2e-3,
    precision="fp32",
    checks_per_epoch=8,
    max_tokens=128,
)


def asked(split: str, seed: int) -> Iterator[Request]:
    """Yields requests of a split, without end."""
    rng = random.Random(f"{seed}/requests/{split}")
    while True:
        request = requests.draw(rng)
        if hashed_split(request.key) == split:
            yield request


def write_pairs(tiny: Path, lesson: Path, pairs: Path, seed: int) -> None:
    """Writes the preferences, all splits in one JSONL file a lesson.

    Args:
        tiny: The language model, which answers some requests itself.
        lesson: File of the first lesson.
        pairs: File of the second.
        seed: Of everything.
    """
    words, said = material(tiny, [request.prompt for request in islice(asked("train", seed), SAMPLED)], seed)
    for first, path, counts in ((True, lesson, LESSON), (False, pairs, PAIRS)):
        made = [
            preference_pairs.preferences(split, count, words, said, seed, lesson=first)
            for split, count in counts.items()
        ]
        preference_pairs.write([pair for part in made for pair in part], path)


def material(tiny: Path, prompts: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Returns the tokens of the language model as texts, and what it says to ``prompts``, empty lines left out."""
    model, tokenizer = language_model.load(tiny)
    said = language_model.sample(model, tokenizer, prompts, seed=seed)
    words = tokenizer.batch_decode([[i] for i in range(len(tokenizer))], skip_special_tokens=True)
    return words, [line for text in said if (line := text.strip().split("\n")[0].strip())]


def load_pairs(path: Path) -> Feedback:
    """Returns the preferences that `write_pairs` wrote, grouped by what is wrong with the worse reply."""
    from textgym.reward_models import load_feedback

    return load_feedback(path, columns={"group": "group"})


def train(lesson: Path, pairs: Path, tiny: Path, work: Path, seed: int) -> Trained:
    """Trains the model, lesson by lesson, in folders of ``work``; those that are there already are replaced."""
    from textgym.reward_models import train as train_reward_model

    def progress(step: int, steps: int, note: str) -> None:
        if step % 50 == 0:
            logger.info("preference step %d of %d %s", step, steps, note)

    model, tokenizer = language_model.load(tiny)
    model.transformer.h = model.transformer.h[:N_LAYER]
    model.config.n_layer = N_LAYER
    start, middle, out = (work / f"preference-{name}" for name in ("backbone", "lesson", "trained"))
    model.save_pretrained(start)
    tokenizer.save_pretrained(start)
    for backbone, folder, path in ((start, middle, lesson), (middle, out, pairs)):
        shutil.rmtree(folder, ignore_errors=True)
        recipe = replace(RECIPE, backbone=str(backbone), seed=seed)
        trained = train_reward_model(load_pairs(path), folder, recipe, source=path.name, progress=progress)
    return trained


def save(trained: Path, folder: Path, seed: int) -> None:
    """Saves a trained model as it ships: weights in float16, and the zero where good replies score `GOOD`.

    Args:
        trained: Folder of the training.
        folder: Where it goes; what was there is replaced.
        seed: Picks the good replies.
    """
    import torch

    from textgym.reward_models import judging
    from textgym.rewards.reward_model import CONFIG_KEY, logits

    model, tokenizer = judging.load(trained, "cpu")
    good = [f"{each.prompt} {requests.reference(each)}" for each in islice(asked("validation", seed), GOOD_REPLIES)]
    zero = GOOD - float(logits(model, tokenizer, good).mean())
    setattr(model.config, CONFIG_KEY, {"kind": "preferences", "mean": round(zero, 4)})
    shutil.rmtree(folder, ignore_errors=True)
    model.to(torch.float16).save_pretrained(folder)
    for key in ("is_local", "local_files_only"):  # how this process came by it
        tokenizer.init_kwargs.pop(key, None)
    tokenizer.save_pretrained(folder)
