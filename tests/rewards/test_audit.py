"""The audit of every registered reward: what it must score low, that it is the same twice, that it stays in range."""

from __future__ import annotations

import numpy as np
import pytest

from textgym import rewards, tokenizers
from textgym.rewards import Reward

PROMPTS = [
    "I ordered the blue jacket last week and",
    "The waiter came to our table and",
    "My flight was delayed, but the crew",
    "We stayed two nights at this hotel.",
    "I called the support line about my bill.",
    "The kettle I bought in May",
]
GOOD = [
    " it arrived on time. The quality is excellent and I love the colour.",
    " was friendly and helpful all evening, so thank you for a lovely dinner.",
    " was kind and kept us informed. I would gladly fly with them again.",
    " The room was clean, the staff were wonderful and breakfast was great.",
    " The agent was patient, solved my problem quickly and was very kind.",
    " works perfectly every morning. I am really happy with it, thank you!",
]
BAD = {
    "empty": [""] * len(PROMPTS),
    "copied_prompt": [f" {prompt}" for prompt in PROMPTS],
    "repeated_word": [" good" * 14] * len(PROMPTS),
    "keyword_spam": [" great excellent perfect love best amazing wonderful happy thanks"] * len(PROMPTS),
    "max_length": [" and then they went to see what the other one of them had to do with it" * 4] * len(PROMPTS),
    "unsupported_characters": [" ☃\ufffd日本語 ¤¶ \u0007☃☃"] * len(PROMPTS),
}
LANGUAGE_MODEL = tokenizers.load("tiny")


def score(reward: Reward, completions: list[str], **extra) -> np.ndarray:
    """Scores as an environment does; the empty completion is an EOS at once."""
    ended = [[LANGUAGE_MODEL.eos_id] * (completion == "") for completion in completions]
    columns = {
        "references": [[good] for good in GOOD],
        "tokenizer": LANGUAGE_MODEL,
        "prompt_ids": [[LANGUAGE_MODEL.bos_id, *LANGUAGE_MODEL.encode(prompt)] for prompt in PROMPTS],
        "completion_ids": [LANGUAGE_MODEL.encode(text) + eos for text, eos in zip(completions, ended, strict=True)],
        "finish_reason": ["eos" if eos else "length" for eos in ended],
    }
    return reward.score(PROMPTS, completions, **columns, **extra).total


@pytest.fixture(params=rewards.names())
def reward(request) -> Reward:
    return rewards.make(request.param)


TOLD_APART = [(name, kind) for name in rewards.names() for kind in BAD if kind not in rewards.make(name).gameable_by]


@pytest.mark.parametrize(("name", "kind"), TOLD_APART)
def test_a_bad_completion_scores_below_a_good_one(name, kind):
    reward = rewards.make(name)
    sign = 1 if reward.higher_is_better else -1
    assert (sign * score(reward, GOOD)).mean() > (sign * score(reward, BAD[kind])).mean()


def test_saying_nothing_never_pays(reward):
    sign = 1 if reward.higher_is_better else -1
    assert (sign * score(reward, GOOD) > sign * score(reward, BAD["empty"])).all()


def test_scores_lie_in_the_range_and_are_the_same_twice(reward):
    low, high = reward.range
    for completions in (GOOD, *BAD.values(), ["\n", ".", "a", "\ud7ff\x00", "1 2", "😀"]):
        first, second = score(reward, completions), score(reward, completions)
        assert (first >= low).all()
        assert (first <= high).all()
        np.testing.assert_array_equal(first, second)


def test_a_batch_scores_as_its_rows_do(reward):
    batch = score(reward, GOOD)
    for i, completion in enumerate(GOOD):
        ids = LANGUAGE_MODEL.encode(completion)
        alone = reward.score(
            PROMPTS[i : i + 1],
            [completion],
            references=[[completion]],
            tokenizer=LANGUAGE_MODEL,
            prompt_ids=[[LANGUAGE_MODEL.bos_id, *LANGUAGE_MODEL.encode(PROMPTS[i])]],
            completion_ids=[ids],
            finish_reason=["length"],
        )
        assert alone.total.item() == batch[i]


def test_what_is_declared_gameable_is_a_kind_of_the_audit(reward):
    assert reward.gameable_by <= set(BAD)


@pytest.mark.parametrize("name", ["sentiment", "fluency"])
def test_the_shipped_models_are_known_by_their_weights(name):
    reward = rewards.make(name)
    assert reward.fingerprint == rewards.make(name).fingerprint
    assert len(reward.fingerprint) == 64
