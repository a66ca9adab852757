"""What the bench measures of a cell: by hand, by nltk, and over all registered ids."""

from __future__ import annotations

import math
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

import textgym
from textgym import cards, registry
from textgym.agents import RandomAgent
from textgym.bench import measures
from textgym.bench.measures import Marks
from textgym.errors import TaskError
from textgym.evaluation import Oracle, held_out
from textgym.evaluation.report import Metric
from textgym.rewards.form import words

TEXTS = [
    "the cat sat on the mat",
    "the cat sat on a mat today",
    "a dog ran in the park and the cat sat",
    "the the the the",
    "green ideas",
]


def test_self_bleu_is_that_of_nltk() -> None:
    split = [words(text) for text in TEXTS]
    smooth = SmoothingFunction(epsilon=0.1).method1
    expected = [
        sentence_bleu([*split[:i], *split[i + 1 :]], text, smoothing_function=smooth) for i, text in enumerate(split)
    ]
    assert measures.self_bleu(TEXTS, 0).mean == pytest.approx(np.mean(expected))


def test_self_bleu_tells_copies_from_texts_of_their_own() -> None:
    assert measures.self_bleu([TEXTS[0]] * 5, 0).mean == 1.0
    assert measures.self_bleu(["a b c d e", "f g h i j", "k l m n o"], 0).mean == 0.0
    assert measures.self_bleu(["", "", "a b"], 0).mean == 0.0


def test_token_entropy_counts_what_the_agent_chose() -> None:
    episodes = [
        SimpleNamespace(completion_ids=(5, 6, 9), completion_mask=(1, 1, 0)),
        SimpleNamespace(completion_ids=(5, 7), completion_mask=(1, 1)),
    ]
    entropy = measures.token_entropy(episodes, 0).mean
    assert entropy == pytest.approx(0.5 * math.log(2) + 2 * 0.25 * math.log(4))


def test_marks_are_zero_and_one() -> None:
    assert Marks(0.25, 0.75).normalised(Metric(0.5, 0.25, 0.75)) == Metric(0.5, 0.0, 1.0)
    assert Marks(5.0, 1.0).normalised(Metric(3.0, 2.0, 4.0)) == Metric(0.5, 0.25, 0.75)  # lower is better
    scores = {"random": {"reward": 0.1, "gold": 0.3}, "oracle": {"reward": 0.9, "gold": 0.3}}
    assert measures.marks(scores, "reward") == Marks(0.1, 0.9)
    assert measures.marks(scores, "gold") is None  # it tells nothing from nothing
    assert measures.marks({"random": {"reward": 0.1}}, "reward") is None


def test_the_gap_is_what_the_reward_says_more_than_the_gold() -> None:
    report = textgym.evaluate(lambda prompt: " wonderful", "TextGen-Sentiment-v0", episodes=8)
    scores = registry.entry("TextGen-Sentiment-v0").scores
    reward, gold = measures.marks(scores, "reward"), measures.marks(scores, "gold")
    found = measures.gap(report, reward, "vader", gold)
    assert found.mean == pytest.approx(reward.at(report.mean) - gold.at(report.metrics["vader"].mean))
    assert found.low <= found.mean <= found.high


def test_a_language_task_has_diversity_and_fluency_and_characters_have_neither() -> None:
    report = textgym.evaluate(lambda prompt: " it is a very good day", "TextGen-Sentiment-v0", episodes=8)
    task = gym.make("TextGen-Sentiment-v0").unwrapped.task
    found = measures.measures(report, task)
    assert set(found) == {
        "token_entropy", "distinct_1", "distinct_2", "msttr", "self_bleu", "completion_perplexity",
    }  # fmt: skip
    assert found["distinct_1"].mean == 6 / 48
    assert found["self_bleu"].mean == pytest.approx(1.0)
    given = textgym.rewards.make("perplexity").corpus(
        [episode.prompt for episode in report.episodes],
        [episode.completion for episode in report.episodes],
        completion_ids=[list(episode.completion_ids) for episode in report.episodes],
        prompt_ids=[list(episode.prompt_ids) for episode in report.episodes],
        finish_reason=[episode.finish_reason for episode in report.episodes],
        tokenizer=task.tokenizer,
    )
    assert found["completion_perplexity"].mean == pytest.approx(given)
    sort = textgym.evaluate("random", "TextGen-Sort-v0", episodes=4)
    assert set(measures.measures(sort, gym.make("TextGen-Sort-v0").unwrapped.task)) == {"token_entropy"}


@pytest.mark.parametrize("env_id", registry.entries())
def test_every_id_has_a_gold_that_is_reported_and_is_no_part_of_its_reward(env_id: str) -> None:
    task = gym.make(env_id).unwrapped.task
    name = held_out.gold(task)
    assert name is not None
    assert name == task.gold
    terms = {repr(leaf) for leaf in cards.leaves(task.reward)}
    if name == "success":
        assert task.success_threshold is not None
    else:
        assert repr(task.metrics[name]) not in terms
    scores = registry.entry(env_id).scores
    marks = measures.marks(scores, "gold")
    assert marks is not None
    assert marks.one - marks.zero > 0.1  # the oracle is good at it, and random tokens are not


@pytest.mark.parametrize("env_id", ["TextGen-Sort-v0", "TextGen-ProbeNoise-v0"])
def test_the_gold_is_in_the_report(env_id: str) -> None:
    gold = gym.make(env_id).unwrapped.task.gold
    for agent in (RandomAgent(gym.make(env_id)), Oracle()):
        assert gold in textgym.evaluate(agent, env_id, episodes=2).metrics


def test_a_gold_that_became_the_reward_is_none() -> None:
    assert held_out.gold(gym.make("TextGen-Sentiment-v0", reward="vader").unwrapped.task) is None
    assert held_out.gold(gym.make("TextGen-Sentiment-v0", reward="sentiment + vader").unwrapped.task) is None
    assert held_out.gold(gym.make("TextGen-Sentiment-v0", reward="length").unwrapped.task) == "vader"
    assert held_out.gold(gym.make("TextGen-Sort-v0", reward="length").unwrapped.task) is None  # of that, no truth


def test_gold_names_a_metric() -> None:
    rows = [{"prompt": "a", "split": "train"}]
    assert textgym.make_task(rows, reward="length", metrics=["repetition"], gold="repetition").gold == "repetition"
    with pytest.raises(TaskError, match="gold is one of the metrics repetition"):
        textgym.make_task(rows, reward="length", metrics=["repetition"], gold="bleu")
