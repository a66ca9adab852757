"""ReviewsTRL: go on with the first words of a film review so that it reads positive, as TRL's former notebook has it.

**Asked**: the first words of a review, two to seven of them and never more than seven tokens; the completion goes on.

**Data**: stanfordnlp/imdb, reviews of more than 200 characters; validation is dealt from training.

**Reward**: the logit of the class POSITIVE of lvwerra/distilbert-imdb for prompt and completion; it has no bound. VADER
is the independent metric.

**Ending**: EOS, or 15 tokens.

**Options**: none.

The notebook draws the length of each query, 2 to 7 tokens, and of each completion, 4 to 15; here a hash of the review
says how many words are asked, and every completion may have 15 tokens.

Source: the notebook ``gpt2-sentiment`` of TRL 0.x, whose PPO trainer later versions no longer have, with the models
``lvwerra/gpt2-imdb`` and ``lvwerra/distilbert-imdb``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from textgym.data import Row, public
from textgym.data.public import PublicData
from textgym.data.rows import digest
from textgym.registry import EnvEntry
from textgym.rewards import Reward, make
from textgym.tasks import Task
from textgym.tokenizers import load

JUDGE, CLASS = "lvwerra/distilbert-imdb", "POSITIVE"
SHORTEST, LONGEST = 2, 7
"""Words of a query."""

ENTRY = EnvEntry(
    id="ReviewsTRL-v0",
    task="textgym.bench.imdb_trl:task",
    summary="Go on with the first words of a film review so that it reads positive.",
    model="lvwerra/gpt2-imdb",
    tags=("sentiment",),
)


def query(record: Mapping[str, Any]) -> Row:
    """Returns the first words of a review.

    >>> query({"text": "Not bad at all for a film that nobody has seen"})
    Row(prompt='Not bad at all for a', references=(), columns={}, messages=())
    """
    words = digest(record["text"])[0] % (LONGEST - SHORTEST + 1) + SHORTEST
    return Row(" ".join(record["text"].split(" ")[:words]))


REVIEWS = PublicData(
    path="stanfordnlp/imdb",
    row=query,
    splits={"train": "train", "test": "test"},
    max_prompt_tokens=LONGEST,
    max_new_tokens=15,
    keep=lambda record: len(record["text"]) > 200,
)


class ClassLogit(Reward):
    """The logit that a sequence classifier gives one of its classes, for prompt and completion.

    Args:
        model: Any name that `textgym.assets.resolve` knows.
        label: The class.
        device: A torch device, or ``"auto"``.
    """

    name = "class_logit"

    def __init__(self, model: str, label: str, device: str = "auto") -> None:
        self.model = model
        self.label = label
        self.device = device

    @property
    def range(self) -> tuple[float, float]:
        """No bound."""
        return -math.inf, math.inf

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> np.ndarray:
        """Returns the logits, float64 ``(B,)``."""
        from textgym.rewards import reward_model

        classifier, tokenizer = self._loaded
        texts = [prompt + completion for prompt, completion in zip(prompts, completions, strict=True)]
        return reward_model.logits(classifier, tokenizer, texts)[:, classifier.config.label2id[self.label]]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from textgym.rewards import models, reward_model

        return reward_model.load(self.model, models.pick_device(self.device))


def task() -> Task:
    """Returns the task: beginnings of reviews, 15 tokens, reward without bound."""
    return Task(
        name="ReviewsTRL",
        rows=public.load(REVIEWS),
        tokenizer=load("tiny"),  # every model brings its own
        reward=ClassLogit(JUDGE, CLASS),
        max_prompt_tokens=REVIEWS.max_prompt_tokens,
        max_new_tokens=REVIEWS.max_new_tokens,
        metrics={"vader": make("vader"), "perplexity": make("perplexity"), "distinct_2": make("distinct_n", n=2)},
    )
