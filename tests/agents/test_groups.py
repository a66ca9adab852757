"""Groups of k episodes of one prompt: how they are played, and what is made of their returns."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.callbacks import BaseCallback

from textgym.agents import REINFORCE, make_vec_env
from textgym.agents.groups import episode_baseline, group_deviation, zero_variance
from textgym.agents.grpo import GRPO, RLOO, DrGRPO
from textgym.errors import AgentError
from textgym.vector import TextGenVectorEnv

ENV = "TextGen-Numbers-v0"
TWO_GROUPS = np.array([1.0, 0, 0, 1, 2, 4, 6, 8])


def returns_of(whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Episodes of two tokens after a prompt of one, the first of which has the return ``whole``."""
    mask = np.tile([False, True, True], (len(whole), 1))
    return np.stack([0 * whole, whole, whole / 2], 1), mask


def test_baselines_of_groups_by_hand() -> None:
    def baseline(name: str) -> list[float]:
        return episode_baseline(name, *returns_of(TWO_GROUPS), n_samples=4).tolist()

    assert baseline("none") == [0] * 8
    assert baseline("mean") == [22 / 8] * 8
    assert baseline("group") == [0.5] * 4 + [5] * 4
    assert baseline("leave_one_out") == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1 / 3, 6, 16 / 3, 14 / 3, 4])


def test_rloo_is_the_centred_return_times_k_over_k_minus_1() -> None:
    """Ahmadian et al. 2024: R_i − mean of the others = k / (k − 1) (R_i − mean of all)."""
    returns, mask = returns_of(np.random.default_rng(0).normal(size=15))
    rloo, group = (episode_baseline(name, returns, mask, 5) for name in ("leave_one_out", "group"))
    np.testing.assert_allclose(returns[:, 1] - rloo, 5 / 4 * (returns[:, 1] - group))


def test_grpo_advantages_are_those_of_trl() -> None:
    returns, mask = returns_of(TWO_GROUPS)
    deviation = group_deviation(returns, mask, 4)
    assert deviation == pytest.approx([(1 / 3) ** 0.5 + 1e-4] * 4 + [(20 / 3) ** 0.5 + 1e-4] * 4)
    rewards = torch.from_numpy(TWO_GROUPS).view(-1, 4)
    theirs = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    ours = (returns[:, 1] - episode_baseline("group", returns, mask, 4)) / deviation
    np.testing.assert_allclose(ours, theirs.flatten())


def test_groups_that_teach_nothing_are_counted() -> None:
    assert zero_variance(np.array([1.0, 1, 1, 1, 0, 1, 0, 0]), 4) == 0.5
    assert zero_variance(np.array([0.1, 0.1 + 1e-12]), 2) == 1.0


class Ends(BaseCallback):
    """Counts the episodes that each environment ended."""

    def _on_rollout_start(self) -> None:
        self.counts = np.zeros(self.training_env.num_envs, int)

    def _on_step(self) -> bool:
        self.counts += self.locals["dones"]
        return True


def make(cls: Any = REINFORCE, **kwargs: Any) -> Any:
    settings = {"env": ENV, "n_envs": 6, "n_samples": 3, "n_steps": 40, "seed": 0, "device": "cpu", **kwargs}
    return cls({"initializer_range": 0.3}, settings.pop("env"), **settings)


def prompts(episodes: Any) -> list[tuple[int, ...]]:
    return [
        tuple(ids[:start].tolist())
        for ids, start in zip(episodes.input_ids, episodes.response_mask.argmax(1), strict=True)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_samples_of_a_prompt_stand_together_and_none_is_missing(seed: int) -> None:
    agent, ends = make(seed=seed), Ends()
    agent.learn(6 * 40, callback=ends)
    episodes = agent.rollout_buffer.episodes
    asked = prompts(episodes)
    groups = [asked[i : i + 3] for i in range(0, len(asked), 3)]
    assert all(len(group) == 3 and len(set(group)) == 1 for group in groups)
    assert len({group[0] for group in groups}) > 1
    assert (ends.counts.reshape(2, 3) == ends.counts.reshape(2, 3)[:, :1]).all()
    assert ends.counts.sum() == len(asked)
    assert episodes.response_mask.sum() == agent.num_timesteps >= 6 * 40
    completions = [tuple(ids[mask]) for ids, mask in zip(episodes.input_ids, episodes.response_mask, strict=True)]
    assert len(set(completions)) > len(groups)  # of one prompt, each sample is drawn anew
    ending = [info["completion"] for info in agent.rollout_buffer.infos]
    assert ending == [agent.task.tokenizer.decode(completion) for completion in completions]


def test_groups_ask_what_single_environments_would() -> None:
    """The first environments of the groups draw the prompts that they would have drawn without groups."""
    alone = make(n_samples=1)
    alone.learn(6 * 40)
    grouped = make(env=make_vec_env(ENV, 6))
    grouped.learn(6 * 40)
    assert prompts(grouped.rollout_buffer.episodes)[0] == prompts(alone.rollout_buffer.episodes)[0]
    assert prompts(grouped.rollout_buffer.episodes)[3] == prompts(alone.rollout_buffer.episodes)[3]


def test_groups_work_over_single_environments() -> None:
    singles = gym.make_vec(ENV, 6, "sync", vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP})
    theirs, ours = make(env=singles).learn(2 * 6 * 40), make().learn(2 * 6 * 40)
    assert np.array_equal(theirs.policy.parameters_to_vector(), ours.policy.parameters_to_vector())


def test_environments_that_ask_other_prompts_in_a_group_are_refused() -> None:
    class Obstinate(TextGenVectorEnv):
        def reset(self, *, seed: Any = None, options: Any = None) -> Any:
            return super().reset(seed=list(range(self.num_envs)), options=options)

    task = make_vec_env(ENV, 1).get_attr("task")[0]
    agent = make(env=Obstinate(task, 6, autoreset_mode="SameStep"))
    before = agent.policy.parameters_to_vector()
    with pytest.raises(
        AgentError, match=r"groups of 3 episodes have different prompts, such as the ids \[.*n_samples=1"
    ):
        agent.learn(100)
    assert np.array_equal(before, agent.policy.parameters_to_vector())


def test_a_group_that_does_not_fill_the_environments_is_refused() -> None:
    for settings in ({"n_envs": 8}, {"env": make_vec_env(ENV, 8)}):
        with pytest.raises(AgentError, match=r"n_samples=3, n_envs=8\. Take a multiple, such as n_envs=9"):
            make(**settings)


class Share(BaseCallback):
    """Keeps the logged share of groups that teach nothing; SB3 clears its log before the update."""

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.share = self.logger.name_to_value["rollout/zero_variance_groups"]


@pytest.mark.parametrize("cls", [RLOO, GRPO, DrGRPO])
def test_the_advantages_of_a_rollout(cls: Any) -> None:
    agent, logged = make(cls, n_samples=2, env_kwargs={"reward": "length"}), Share()
    agent.learn(1, callback=logged)
    buffer = agent.rollout_buffer
    groups = buffer.episodes.rewards.sum(1).reshape(-1, 2)
    centred = groups - groups.mean(1, keepdims=True)
    scale = {
        RLOO: np.full((len(groups), 1), 2.0),
        GRPO: 1 / (groups.std(1, ddof=1, keepdims=True) + 1e-4),
        DrGRPO: np.ones((len(groups), 1)),
    }[cls]
    expected = (centred * scale).reshape(-1, 1) * buffer.episodes.response_mask
    np.testing.assert_allclose(buffer.advantages, expected, rtol=1e-4, atol=1e-6)
    flat = np.ptp(groups, axis=1) == 0
    assert 0 < flat.mean() < 1
    assert logged.share == flat.mean()
    assert not buffer.advantages.reshape(len(groups), -1)[flat].any()
