"""Expert iteration: which episodes it keeps, that they make it better, and that it can be gone on with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import textgym
from textgym.agents.expert_iteration import ExpertIteration, best
from textgym.errors import AgentError

SMALL = {"n_envs": 32, "n_prompts": 8, "n_samples": 8, "device": "cpu", "seed": 0}


def weights(agent: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in agent.policy.parameters()])


@pytest.mark.parametrize(
    ("threshold", "quantile", "kept"),
    [
        (None, 0.0, [2, 3, 6]),  # of equal ones the first; the third prompt has no best
        (0.5, 0.0, [2, 9]),  # the fourth prompt's 0.5 at place 9 is reached by all three
        (2.0, 0.0, []),
        (None, 0.5, [2, 6]),
    ],
)
def test_the_best_of_each_prompt_is_kept(threshold: float | None, quantile: float, kept: list[int]) -> None:
    returns = np.array([[0.0, 0.2, 0.9], [0.1, 0.0, 0.1], [0.3, 0.0, 0.0], [0.5, 0.5, 0.5]])
    assert best(returns, threshold, quantile).tolist() == kept


def test_what_is_kept_is_what_was_written_and_scored_best() -> None:
    agent = ExpertIteration("scratch", "TextGen-Numbers-v0", **SMALL)
    agent.learn(1)
    played, lessons = agent.rollout_buffer.episodes, agent.lessons
    assert len(played.lengths) == 64
    prompts = [tuple(ids[ids != 0][:3]) for ids in np.where(played.response_mask, 0, played.input_ids)]
    assert all(len({*prompts[start : start + 8]}) == 1 for start in range(0, 64, 8))
    assert lessons is not None
    rewards = played.rewards.sum(1).reshape(8, 8)
    tops = rewards.max(1)[rewards.max(1) > rewards.min(1)]
    np.testing.assert_allclose(lessons.rewards.sum(1), tops)
    texts = {tuple(ids[:length].tolist()) for ids, length in zip(played.input_ids, played.lengths, strict=True)}
    assert {
        tuple(ids[:length].tolist()) for ids, length in zip(lessons.input_ids, lessons.lengths, strict=True)
    } <= texts


def test_the_target_is_found_and_distilled() -> None:
    """One completion of 256 earns 1, all others 0: random weights earn 0.004."""
    agent = ExpertIteration("scratch", "TextGen-Target-v0", device="cpu", seed=0)
    assert agent.evaluate(episodes=100).mean < 0.05
    agent.learn(25_000)
    assert agent.evaluate(episodes=200).mean > 0.8


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_counting_gets_better(seed: int) -> None:
    """From random weights to 0.15–0.3, where 0.1 is chance."""
    agent = ExpertIteration("scratch", "TextGen-Numbers-v0", device="cpu", seed=seed)
    start = agent.evaluate(episodes=200)
    agent.learn(60_000)
    assert start.mean < 0.15
    assert agent.evaluate(episodes=200).interval[0] > start.interval[1]


def test_where_nothing_is_good_enough_nothing_is_learnt() -> None:
    agent = ExpertIteration("scratch", "TextGen-Numbers-v0", threshold=2.0, **SMALL)
    before = weights(agent)
    agent.learn(500)
    assert torch.equal(weights(agent), before)
    assert agent.logger.name_to_value["rollout/kept"] == 0


def test_training_that_was_saved_amid_goes_on_bit_for_bit(tmp_path: Any) -> None:
    whole = ExpertIteration("scratch", "TextGen-Numbers-v0", **SMALL).learn(4_000)
    half = ExpertIteration("scratch", "TextGen-Numbers-v0", **SMALL).learn(2_000)
    half.save(tmp_path / "half")
    loaded = ExpertIteration.load(tmp_path / "half", device="cpu")
    assert loaded.n_prompts == 8
    loaded.learn(4_000 - half.num_timesteps, reset_num_timesteps=False)
    assert loaded.num_timesteps == whole.num_timesteps
    assert torch.equal(weights(loaded), weights(whole))


def test_an_environment_without_a_task_is_refused() -> None:
    import gymnasium as gym

    class Bare(gym.Env[Any, Any]):
        observation_space = textgym.agents.sb3.Detached(5, 6).observation_space
        action_space = gym.spaces.Discrete(5)

    venv = gym.vector.SyncVectorEnv([Bare] * 32, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP)
    with pytest.raises(AgentError, match="asks a task for prompts"):
        ExpertIteration("scratch", venv, **SMALL)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_prompts": 5, "n_samples": 3}, "5 × 3 episodes do not fill 32 environments"),
        ({"n_samples": 0}, "n_samples is at least 1. Actual value: 0"),
        ({"quantile": 1.0}, r"quantile lies in \[0, 1\)"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AgentError, match=message):
        ExpertIteration("scratch", "TextGen-Numbers-v0", **{**SMALL, **changes})
