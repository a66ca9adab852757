"""ReviewsRL4LMs: go on with a film review so that it reads positive, as RL4LMs' IMDB task has it.

**Asked**: the first half of the words of a review, of which the last 64 tokens are kept; the completion goes on.

**Data**: stanfordnlp/imdb, all of it; validation is dealt from training. The reference is the second half.

**Reward**: P(positive) of prompt and completion by lvwerra/distilbert-imdb, in [0, 1]. VADER is the independent metric.

**Ending**: EOS, or 48 tokens.

**Options**: none.

Where RL4LMs learns from demonstrations it takes positive reviews alone; here SFT sees reviews of either mood.

Source: Ramamurthy et al. 2023, arXiv:2210.01241, §4 and the task configurations published with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textgym.data import Row, public
from textgym.data.public import PublicData
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import load

ENTRY = EnvEntry(
    id="ReviewsRL4LMs-v0",
    task="textgym.bench.imdb:task",
    summary="Go on with a film review so that it reads positive.",
    model="gpt2",
    tags=("sentiment",),
)


def halves(record: Mapping[str, Any]) -> Row:
    """Returns the first half of the words of a review as the prompt, the second half as the reference.

    >>> halves({"text": "Not bad at<br />all ."})
    Row(prompt='Not bad', references=(' at<br />all .',), columns={}, messages=())
    """
    words = record["text"].split(" ")
    half = len(words) // 2
    return Row(" ".join(words[:half]), (" " + " ".join(words[half:]),))


REVIEWS = PublicData(
    path="stanfordnlp/imdb",
    row=halves,
    splits={"train": "train", "test": "test"},
    max_prompt_tokens=64,
    max_new_tokens=48,
    truncation_side="left",
)


def task() -> Task:
    """Returns the task: reviews of films, 48 tokens, reward in [0, 1]."""
    return Task(
        name="ReviewsRL4LMs",
        rows=public.load(REVIEWS),
        tokenizer=load("tiny"),  # every model brings its own
        reward=make("reward_model", model="lvwerra/distilbert-imdb", label="POSITIVE"),
        max_prompt_tokens=REVIEWS.max_prompt_tokens,
        max_new_tokens=REVIEWS.max_new_tokens,
        metrics={"vader": make("vader"), "perplexity": make("perplexity"), "distinct_2": make("distinct_n", n=2)},
        truncation_side=REVIEWS.truncation_side,
    )
