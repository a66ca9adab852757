"""The prompts of TextGen-Sentiment: openings of messages; no wording of the training split is tested on."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from importlib import resources
from itertools import combinations

import pytest

import textgym.tokenizers

FILE = resources.files("textgym.envs_registry") / "sentiment_prompts.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def _words(prompt: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", prompt.lower())


def _n_grams(prompt: str, n: int) -> set[tuple[str, ...]]:
    words = _words(prompt)
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def test_splits() -> None:
    assert Counter(row["split"] for row in ROWS) == {"train": 240, "validation": 60, "test": 60}
    topics = defaultdict(set)
    for row in ROWS:
        topics[row["split"]].add(row["topic"])
    assert topics["train"] == topics["validation"] == topics["test"]


@pytest.mark.parametrize(("one", "other"), [*combinations(("train", "validation", "test"), 2)])
def test_splits_share_no_wording(one: str, other: str) -> None:
    prompts = {name: [row["prompt"] for row in ROWS if row["split"] == name] for name in (one, other)}
    first = {name: {tuple(_words(prompt)[:5]) for prompt in prompts[name]} for name in prompts}
    assert not first[one] & first[other]
    six = {name: set().union(*(_n_grams(prompt, 6) for prompt in prompts[name])) for name in prompts}
    assert not six[one] & six[other]


def test_every_prompt_is_an_opening() -> None:
    for prompt in (row["prompt"] for row in ROWS):
        assert prompt == " ".join(prompt.split())
        assert prompt.isascii(), prompt
        assert prompt[0].isupper(), prompt
        assert prompt[-1] not in ".!?", prompt
        assert 4 <= len(prompt.split()) <= 14, prompt


def test_prompts_fit_their_budget() -> None:
    """24 tokens with the BOS, and two to spare."""
    tokenizer = textgym.tokenizers.load("tiny")
    longest = max((row["prompt"] for row in ROWS), key=lambda prompt: len(tokenizer.encode(prompt)))
    assert 1 + len(tokenizer.encode(longest)) <= 22, longest
