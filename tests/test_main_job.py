"""The main job is learnt, by both algorithms, on every seed, and the text stays text."""

from __future__ import annotations

import pytest

from textgym.evaluation import Report

ENV_ID = "TextGen-Sentiment-v0"
SEEDS = range(5)


def trained(algorithm: str, seed: int) -> tuple[Report, Report]:
    """Trains as ``textgym train`` does, with the tuned hyperparameters; returns the reports before and after."""
    from textgym import agents
    from textgym.agents.tuned import tuned

    settings = tuned(algorithm, ENV_ID)
    tokens = settings.pop("n_timesteps")
    agent = getattr(agents, algorithm.upper())("tiny", ENV_ID, seed=seed, **settings)
    before = agent.evaluate(episodes=128, seed=seed)
    agent.learn(tokens)
    return before, agent.evaluate(episodes=128, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("algorithm", ["ppo", "reinforce"])
def test_both_algorithms_beat_zero_shot_by_half_and_keep_the_text(algorithm, seed):
    before, after = trained(algorithm, seed)
    first, last = ({name: metric.mean for name, metric in report.metrics.items()} for report in (before, after))
    assert last["reward"] > first["reward"] + 0.5
    assert last["vader"] > first["vader"]  # the judge that is not trained on
    assert last["kl"] < 0.5  # nat a token, to the model as it was
    assert last["perplexity"] < 1.5 * first["perplexity"]
    assert last["distinct_2"] > 0.5 * first["distinct_2"]
    assert min(first["english_words"], last["english_words"]) > 0.97
