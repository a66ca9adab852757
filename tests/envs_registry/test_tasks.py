"""What each task asks, and how it scores."""

from __future__ import annotations

import gymnasium as gym
import pytest

from textgym.envs_registry.numbers import increasing


@pytest.mark.parametrize(
    ("prompt", "completion", "expected"),
    [
        ("7 ", "8 9 10 11 12 13 14 15", 1.0),
        ("7 ", "8 9 9 10", 2 / 8),
        ("7 ", "8 3 9 10", 1 / 8),
        ("7 ", "", 0.0),
        ("7 ", "   ", 0.0),
        ("7 ", "7 7 7 7", 0.0),
        ("3 ", "4 50 600 7000", 4 / 8),
        ("9 ", "10 20 30 40 50 60 70 80 90 100", 1.0),
    ],
)
def test_numbers(prompt, completion, expected):
    assert increasing([prompt], [completion]) == [expected]


@pytest.mark.parametrize(("text", "reward"), [("我爱你。", 1.0), ("我爱你你", 0.0), ("。你爱我", 0.0)])
def test_target(text, reward):
    env = gym.make("TextGen-Target-v0")
    env.reset(seed=0)
    for token in env.unwrapped.task.tokenizer.encode(text):
        _, total, over, _, info = env.step(token)
    assert over
    assert total == reward
    assert info["is_success"] is (reward == 1.0)


def test_sentiment_tells_good_from_bad():
    env = gym.make("TextGen-Sentiment-v0").unwrapped
    prompt = "The kettle I ordered last month"
    texts = [" is wonderful. Thank you so much!", " broke after a day and nobody answers. Terrible service."]
    good, bad = env.task.reward.score([prompt, prompt], texts).total
    assert good > 0.5
    assert bad < -0.5


def test_sentiment_prompts_fit_and_all_splits_are_there():
    for split, size in (("train", 240), ("validation", 60), ("test", 60)):
        task = gym.make("TextGen-Sentiment-v0", split=split).unwrapped.task
        assert len(task) == size
        assert max(len(task.prompt_ids(i)) for i in range(size)) <= task.max_prompt_tokens
