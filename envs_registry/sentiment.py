"""TextGen-Sentiment: continue a customer message so that it reads positive.

The prompts are openings of messages that could go either way, written for textgym. The reward model that ships with
textgym judges the whole message. Its judgement can be gamed, so reports also show VADER, a lexicon that shares nothing
with it, and what the text is like as text.
"""

from __future__ import annotations

from pathlib import Path

from textgym.data import load_rows
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import load

PROMPTS = Path(__file__).with_name("sentiment_prompts.jsonl")

ENTRY = EnvEntry(
    id="TextGen-Sentiment-v0",
    task="textgym.envs_registry.sentiment:task",
    summary="Continue a customer message so that it reads positive.",
    tags=("core",),
)


def task() -> Task:
    """Returns the task: 240 / 60 / 60 prompts; the reward is P(positive) − P(negative), in [−1, 1]."""
    return Task(
        name="Sentiment",
        rows=load_rows(PROMPTS),
        tokenizer=load("tiny"),
        reward=make("sentiment"),
        max_prompt_tokens=24,
        max_new_tokens=40,
        metrics={
            "vader": make("vader"),
            "perplexity": make("perplexity"),
            "distinct_2": make("distinct_n", n=2),
            "english_words": make("english_words"),
        },
    )
