"""Rewards composed in YAML, which equal the ones composed in Python."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from textgym import rewards
from textgym.errors import OptionError, RewardError
from textgym.rewards import Dense

ARTICLE = """
terms:
  - reward: similarity
    weight: 0.5
  - reward: length
    options: {target: 8}
    weight: 0.3
  - {reward: distinct_n(n=1), weight: 0.2, clip: [0, 0.9]}
clip: [-1, 1]
"""
PROMPTS = ["The waiter"] * 2
COMPLETIONS = [" was kind and quick.", " was was was."]
REFERENCES = [["was kind"]] * 2


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "reward.yml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_file_equals_the_expression(written):
    expression = "(0.5*similarity + 0.3*length(target=8) + 0.2*distinct_n(n=1).clip(0, 0.9)).clip(-1, 1)"
    ours, theirs = rewards.make(written(ARTICLE)), rewards.make(expression)
    assert repr(ours) == repr(theirs)
    a, b = (reward.score(PROMPTS, COMPLETIONS, references=REFERENCES) for reward in (ours, theirs))
    np.testing.assert_array_equal(a.total, b.total)
    assert list(a.terms) == ["similarity", "length", "distinct_n"]


def test_gate_comes_before_clip_and_normalize_is_last(written):
    file = written(
        "terms: [{reward: vader, gate: {reward: english_words, threshold: 0.5}, clip: [0, 1], normalize: true}]"
    )
    assert repr(rewards.make(file)) == "vader.gate(english_words, 0.5).clip(0.0, 1.0).normalize()"


def test_frequency_and_similarity_as_the_articles_have_it(written):
    file = written(
        "terms: [{reward: word_frequency, weight: 0.4, normalize: true},"
        " {reward: similarity, weight: 0.6, normalize: true}]"
    )
    terms = rewards.make(file).score(PROMPTS, COMPLETIONS, references=REFERENCES).terms
    assert list(terms) == ["word_frequency", "similarity"]


def test_minus_perplexity_plus_bleu(written):
    file = written("terms: [{reward: perplexity, weight: -0.01}, {reward: bleu}]")
    scores = rewards.make(file).score(PROMPTS, COMPLETIONS, references=REFERENCES)
    np.testing.assert_allclose(scores.total, -0.01 * scores.terms["perplexity"] + scores.terms["bleu"])


def test_dense(written):
    reward = rewards.make(written("terms: [{reward: vader}]\ndense: true"))
    assert isinstance(reward, Dense)


def test_an_environment_takes_the_file(written):
    env = gym.make("TextGen-Sentiment-v0", reward=written("terms: [{reward: vader, weight: 2}]"))
    env.reset(seed=0)
    terminated = False
    while not terminated:
        _, reward, terminated, _, info = env.step(5)
    assert reward == 2 * info["reward_terms"]["vader"]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("terms: []", RewardError, "at least one term"),
        ("term: [{reward: vader}]", RewardError, "Did you mean 'terms'"),
        ("[1, 2]", RewardError, "is a mapping of terms"),
        ("terms: [{reward: vadar}]", RewardError, "term 1: .*Did you mean 'vader'"),
        ("terms: [{reward: vader}, {weight: 2}]", RewardError, "term 2: It needs a 'reward'"),
        ("terms: [{reward: vader, wieght: 2}]", RewardError, "Did you mean 'weight'"),
        ("terms: [{reward: vader, weight: heavy}]", RewardError, "'heavy'"),
        ("terms: [{reward: vader, clip: 1}]", RewardError, "list \\[low, high\\]"),
        ("terms: [{reward: vader, normalize: 1}]", RewardError, "true or false"),
        ("terms: [{reward: length, options: {goal: 3}}]", OptionError, "no option goal=3"),
        ("terms: [", RewardError, "not YAML"),
    ],
)
def test_a_bad_file_says_where_and_what(written, text, error, message):
    with pytest.raises(error, match=message):
        rewards.make(written(text))


def test_a_missing_file_is_named():
    with pytest.raises(RewardError, match=r"no reward file 'nowhere\.yml'"):
        rewards.make("nowhere.yml")
