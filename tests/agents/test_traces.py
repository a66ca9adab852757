"""What an agent tells of each token of episodes that were played."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import textgym
from textgym.agents import PPO, ZeroShot
from textgym.bench import EpisodeRecord

MODEL = {"model_type": "gpt2", "n_layer": 1, "n_head": 2, "n_embd": 16}
SCALE, DELAY = "TextGen-ProbeScale-v0", "TextGen-ProbeDelay-v0"


def test_log_probs_of_a_model_add_up_to_its_likelihood() -> None:
    agent = ZeroShot("tiny")
    episodes = textgym.evaluate(agent, "TextGen-QA-v0", episodes=3).episodes
    traces = agent.token_traces(episodes)
    assert [set(trace) for trace in traces] == [{"log_probs"}] * 3
    assert [len(trace["log_probs"]) for trace in traces] == [len(episode.completion_ids) for episode in episodes]
    expected = agent.log_likelihood([e.prompt_ids for e in episodes], [e.completion_ids for e in episodes])
    np.testing.assert_allclose([sum(trace["log_probs"]) for trace in traces], expected, rtol=1e-5)


def test_tokens_of_the_environment_have_none() -> None:
    agent = ZeroShot("tiny")
    (episode,) = textgym.evaluate(agent, "TextGen-CustomerService-v0", episodes=1, max_new_tokens=24).episodes
    (trace,) = agent.token_traces([episode])
    assert [value is not None for value in trace["log_probs"]] == [bool(own) for own in episode.completion_mask]


def test_values_kl_and_advantages_of_an_agent_that_has_learnt_values() -> None:
    agent = PPO(MODEL, DELAY, n_envs=2, kl_coef=0.0, gae_lambda=1.0, seed=0)
    torch.nn.init.normal_(agent.policy.value_head.weight, generator=torch.Generator().manual_seed(0))
    episode = textgym.evaluate(agent, DELAY, episodes=1).episodes[0]
    mask = np.ones(agent.policy.token_model.vocab_size, bool)
    (trace,) = agent.token_traces([episode], mask)
    assert set(trace) == {"log_probs", "values", "kl", "advantages"}
    np.testing.assert_allclose(trace["kl"], 0, atol=1e-5)  # it is still where it began
    values = np.array(trace["values"])
    np.testing.assert_allclose(trace["advantages"], episode.reward - values, atol=1e-5)  # λ = γ = 1, paid at the end
    dense = EpisodeRecord(**{**vars(episode), "rewards": (1.0,) + (0.0,) * (episode.length - 1)})
    (trace,) = agent.token_traces([dense], mask)
    np.testing.assert_allclose(trace["advantages"], (np.arange(episode.length) == 0) - values, atol=1e-5)


def test_a_value_head_of_zeros_says_nothing() -> None:
    agent = PPO(MODEL, SCALE, n_envs=2, kl_coef=None, seed=0)
    (trace,) = agent.token_traces(textgym.evaluate(agent, SCALE, episodes=1).episodes)
    assert set(trace) == {"log_probs"}


def test_a_mask_of_the_task_is_part_of_the_law() -> None:
    agent = PPO(MODEL, SCALE, n_envs=2, seed=0)
    episodes = textgym.evaluate(agent, SCALE, episodes=1).episodes
    only = np.zeros(agent.policy.token_model.vocab_size, bool)
    only[episodes[0].completion_ids[0]] = True
    assert agent.token_traces(episodes, only)[0]["log_probs"] == pytest.approx((0.0,))
