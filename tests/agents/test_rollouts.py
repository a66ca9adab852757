from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from textgym import Task
from textgym.agents import PPO
from textgym.agents.decoding import Decoder
from textgym.errors import AgentError, RewardError
from textgym.tokenizers import CharTokenizer
from textgym.vector import TextGenVectorEnv

ENV = "TextGen-Numbers-v0"
SPREAD = {"initializer_range": 0.3}


class Recorder(BaseCallback):
    """Keeps every rollout, and what SB3's callbacks are told on the way."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.rollouts: list[Any] = []
        self.steps: list[tuple[int, int]] = []
        self.stop_after = stop_after
        self.begun = 0

    def _on_rollout_start(self) -> None:
        self.begun += 1

    def _on_step(self) -> bool:
        live, dones = self.locals["live"], self.locals["dones"]
        assert len(self.locals["infos"]) == len(dones) == len(self.locals["rewards"])
        assert not dones[np.setdiff1d(np.arange(len(dones)), live)].any()
        self.steps.append((self.num_timesteps, len(live)))
        return self.stop_after is None or len(self.steps) < self.stop_after

    def _on_rollout_end(self) -> None:
        self.rollouts.append(self.model.rollout_buffer.episodes)


def agent(**kwargs: Any) -> PPO:
    return PPO(SPREAD, kwargs.pop("env", ENV), **{"n_envs": 6, "n_steps": 40, "seed": 0, "device": "cpu", **kwargs})


def test_a_rollout_is_whole_episodes_and_is_accounted_for() -> None:
    model, recorder = agent(), Recorder()
    model.learn(6 * 40 * 3, callback=recorder)
    assert recorder.begun == len(recorder.rollouts) == 3
    assert model.num_timesteps == sum(int(one.response_mask.sum()) for one in recorder.rollouts)
    task = model.task
    assert task is not None
    for one in recorder.rollouts:
        assert one.response_mask.sum() >= 6 * 40
        counts = one.response_mask.sum(1)
        last = one.input_ids[np.arange(len(one.lengths)), one.lengths - 1]
        assert ((last == task.tokenizer.eos_id) | (counts == task.max_new_tokens)).all()
        for row, mask, length in zip(one.input_ids, one.response_mask, one.lengths, strict=True):
            completion = task.tokenizer.decode(row[mask].tolist())
            prompt = task.tokenizer.decode(row[: length - mask.sum()].tolist())
            index = int(prompt)
            score = task.reward.score([prompt], [completion], references=[[""]]).total[0]
            assert prompt == f"{index} "
            i = np.flatnonzero((one.input_ids == row).all(1))[0]
            assert one.rewards[i].sum() == pytest.approx(score)
    steps = [tokens for _, tokens in recorder.steps]
    assert sum(steps) == model.num_timesteps
    assert min(steps) < 6  # the last episodes ended one by one, and idle rows were not counted
    assert len(model.ep_info_buffer) == min(100, sum(len(one.lengths) for one in recorder.rollouts))
    assert all(info["l"] <= 24 for info in model.ep_info_buffer)


def test_idle_rows_cost_no_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    model, recorder = agent(), Recorder()
    widths = []
    advance = Decoder.advance
    monkeypatch.setattr(
        Decoder,
        "advance",
        lambda self, ids, lengths, prompts: (widths.append(len(lengths)), advance(self, ids, lengths))[1],
    )
    model.learn(6 * 40, callback=recorder)
    assert widths == [tokens for _, tokens in recorder.steps]


@pytest.mark.parametrize("generic", [False, True])
def test_cached_collection_equals_uncached(generic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if generic:
        monkeypatch.setattr("textgym.agents.fast_bodies.supports", lambda lm: False)
    settings = {"learning_rate": 0.0, "policy_kwargs": {"temperature": 0.9, "top_p": 0.95}}
    cached, recorder = agent(**settings), Recorder()
    nn.init.normal_(cached.policy.value_head.weight, std=0.1)
    cached.learn(6 * 40 * 2, callback=recorder)

    class Uncached(Decoder):
        def advance(self, input_ids: np.ndarray, lengths: np.ndarray, prompts: np.ndarray) -> torch.Tensor:
            hidden = uncached.policy.token_model.context_hidden(torch.from_numpy(input_ids), torch.from_numpy(lengths))
            return hidden

        def move(self, source: int, target: int) -> None:
            pass

    uncached, other = agent(**settings), Recorder()
    uncached.policy.load_state_dict(cached.policy.state_dict())
    model = uncached.policy.token_model
    monkeypatch.setattr(type(model), "decoder", lambda self, size, length: Uncached(self.lm, size, length))
    uncached.learn(6 * 40 * 2, callback=other)
    for ours, theirs in zip(recorder.rollouts, other.rollouts, strict=True):
        assert np.array_equal(ours.input_ids, theirs.input_ids)
        np.testing.assert_allclose(ours.log_probs, theirs.log_probs, atol=1e-5)
        np.testing.assert_allclose(ours.values, theirs.values, atol=1e-5)


@pytest.mark.parametrize("law", [{}, {"temperature": 1.3, "top_k": 6, "top_p": 0.9}])
def test_the_first_minibatch_has_ratio_one_and_no_kl(law: dict) -> None:
    model = agent(policy_kwargs=law, n_epochs=1, batch_size=100_000)
    model.learn(1)
    assert abs(model.logger.name_to_value["train/approx_kl"]) < 1e-6
    assert model.logger.name_to_value["train/clip_fraction"] == 0
    model = agent(policy_kwargs=law, learning_rate=0.0, n_epochs=1)
    model.learn(1)
    for sample in model.rollout_buffer.get(64):
        _, log_prob, _ = model.policy.evaluate_actions(sample.observations, sample.actions)
        torch.testing.assert_close((log_prob - sample.old_log_prob).exp(), torch.ones_like(log_prob), atol=1e-5, rtol=0)


def test_the_first_minibatch_has_ratio_one_in_bfloat16_too() -> None:
    model = agent(policy_kwargs={"precision": "bfloat16"}, n_epochs=1, batch_size=100_000)
    model.learn(1)
    assert abs(model.logger.name_to_value["train/approx_kl"]) < 1e-6


def test_masks_are_part_of_the_law_and_of_the_record() -> None:
    model, recorder = agent(env="TextGen-Target-v0", n_steps=8), Recorder()
    model.learn(6 * 8, callback=recorder)
    (one,) = recorder.rollouts
    task = model.task
    assert task is not None
    assert set(one.input_ids[one.response_mask]) <= set(task.allowed_tokens)
    assert one.action_masks is not None
    masks = np.unpackbits(one.action_masks, axis=-1, count=7).astype(bool)
    assert (masks == np.isin(np.arange(7), task.allowed_tokens)).all()
    for sample in model.rollout_buffer.get():
        (_, log_prob, _) = model.policy.evaluate_actions(sample.observations, sample.actions)
        bare = sample.observations._replace(action_masks=None)
        assert (model.policy.evaluate_actions(bare, sample.actions)[1] < log_prob).all()


def test_a_callback_that_returns_false_stops_at_once() -> None:
    model, recorder = agent(), Recorder(stop_after=5)
    model.learn(10_000, callback=recorder)
    assert len(recorder.steps) == 5
    assert recorder.rollouts == []
    assert model.num_timesteps == 5 * 6


def test_prompts_follow_the_seed_and_the_number_of_the_rollout() -> None:
    runs = []
    for seed in (0, 0, 1):
        recorder = Recorder()
        agent(seed=seed).learn(6 * 40 * 2, callback=recorder)
        runs.append([one.input_ids.tolist() for one in recorder.rollouts])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert runs[0][0] != runs[0][1]


def test_training_leaves_the_global_generators_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002  # the very thing to watch
    agent().learn(6 * 40)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002


def test_a_reward_that_is_no_number_stops_with_its_completion() -> None:
    class Broken(TextGenVectorEnv):
        def step(self, actions: Any) -> Any:
            obs, rewards, *rest = super().step(actions)
            return obs, np.where(rest[0], np.nan, rewards), *rest

    model = agent(env=Broken(agent().task, 3, autoreset_mode="SameStep"))
    before = model.policy.parameters_to_vector()
    with pytest.raises(RewardError, match=r"returned the reward nan\. Completion: '"):
        model.learn(1000)
    assert np.array_equal(before, model.policy.parameters_to_vector())


def test_a_truncated_episode_stops_with_a_reason() -> None:
    class Cut(TextGenVectorEnv):
        def step(self, actions: Any) -> Any:
            obs, rewards, terminated, truncated, infos = super().step(actions)
            return obs, rewards, truncated, terminated, infos

    with pytest.raises(AgentError, match="TimeLimit"):
        agent(env=Cut(agent().task, 3, autoreset_mode="SameStep")).learn(1000)


def test_an_environment_where_token_0_ends_the_episode() -> None:
    class ZeroEnds(CharTokenizer):
        pad_id, bos_id, eos_id = 2, 1, 0

    task = Task("zero", {"train": agent().task.rows["train"]}, ZeroEnds("0123456789 "), agent().task.reward, 4, 6)
    model, recorder = agent(env=task, n_steps=4), Recorder()
    model.learn(24 * 2, callback=recorder)
    assert len(recorder.rollouts) == 2
