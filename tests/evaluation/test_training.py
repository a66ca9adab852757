"""Training inside a run folder: what goes wrong with numbers stops it, and what is good stays."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger

from textgym import make_task
from textgym.agents import PPO, REINFORCE, SFT, ExpertIteration
from textgym.errors import AgentError, RewardError
from textgym.evaluation import Run, RunConfig, progress
from textgym.evaluation.training import train

SMALL: dict[str, Any] = {"n_envs": 4, "seed": 0, "device": "cpu"}


class Broken:
    """A reward that is a number until it is not."""

    def __init__(self, good: int) -> None:
        self.left = good

    def __call__(self, prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        self.left -= len(completions)
        return [1.0 if self.left > 0 else math.nan for _ in completions]


def run(path: Path, algorithm: str = "ppo", **changes: Any) -> Run:
    settings: dict[str, Any] = {"episodes": 2, "checkpoint_every": 40, **changes}
    return Run.create(path, RunConfig("TextGen-Numbers-v0", algorithm, "scratch", 400, **settings))


class SpoilLoss(BaseCallback):
    """Makes the loss no number from a rollout on."""

    def __init__(self, rollout: int) -> None:
        super().__init__()
        self.rollout = rollout

    def _on_rollout_end(self) -> None:
        self.rollout -= 1
        if not self.rollout:
            self.model.rollout_buffer.advantages[:] = np.nan

    def _on_step(self) -> bool:
        return True


class SpoilWeights(BaseCallback):
    """Makes a weight no number between two rollouts."""

    def _on_rollout_start(self) -> None:
        if self.model.num_timesteps > 100:
            with torch.no_grad():
                next(self.model.policy.parameters()).view(-1)[0] = math.nan

    def _on_step(self) -> bool:
        return True


@pytest.mark.parametrize("cls", [PPO, REINFORCE, ExpertIteration])
def test_a_reward_that_is_no_number_stops_the_run_and_says_where(cls: Any, tmp_path: Path) -> None:
    data = {split: [str(i) for i in range(4)] for split in ("train", "test")}
    task = make_task(data, reward=Broken(60), tokenizer="chars:0123456789", max_new_tokens=4)
    own = {"n_prompts": 4, "n_samples": 2} if cls is ExpertIteration else {"n_steps": 8}
    agent, folder = cls("scratch", task, **own, **SMALL), run(tmp_path / "run")
    with pytest.raises(RewardError, match=r"nan.*in rollout \d+, \d+ tokens into .*last good checkpoint is .*step_"):
        train(folder, agent)
    assert not (folder.path / "after.json").exists()
    newest = folder.checkpoints()[max(folder.checkpoints())]
    loaded = cls.load(newest, task, device="cpu")
    assert all(torch.isfinite(parameter).all() for parameter in loaded.policy.parameters())


@pytest.mark.parametrize("cls", [PPO, REINFORCE])
def test_a_loss_that_is_no_number_stops_the_run_and_says_where(cls: Any, tmp_path: Path) -> None:
    agent, folder = cls("scratch", "TextGen-Numbers-v0", n_steps=8, **SMALL), run(tmp_path / "run")
    message = r"gradient of the loss is not finite.*in rollout 3, .*last good checkpoint is .*step_"
    with pytest.raises(AgentError, match=message):
        train(folder, agent, callbacks=[SpoilLoss(3)])
    assert len(folder.checkpoints()) == 2


def test_supervised_learning_says_the_batch_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = SFT("scratch", "TextGen-Numbers-v0", n_demonstrations=4, batch_size=20, **SMALL)
    monkeypatch.setattr(
        type(agent.policy.token_model), "own_log_probs", lambda self, batch: batch.response_mask.float().log().sum()
    )
    with pytest.raises(AgentError, match=r"loss is .* in batch 0 of the round.*in rollout 1, .*no checkpoint yet"):
        train(run(tmp_path / "run", "sft"), agent)


def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path) -> None:
    agent, folder = PPO("scratch", "TextGen-Numbers-v0", n_steps=8, **SMALL), run(tmp_path / "run")
    with pytest.raises(AgentError, match=r"weights .* no longer finite.*last good checkpoint is"):
        train(folder, agent, callbacks=[SpoilWeights()])
    for checkpoint in folder.checkpoints().values():
        assert all(torch.isfinite(one).all() for one in PPO.load(checkpoint, device="cpu").policy.parameters())


def test_progress_comes_back_with_its_types() -> None:
    """Means of SB3 are computed in the precision of their parts, so that float32 must come back as float32."""
    agent = PPO("scratch", "TextGen-Numbers-v0", n_steps=8, **SMALL)
    agent.set_logger(Logger(None, []))
    agent.ep_info_buffer = deque([{"r": np.float32(0.1), "l": np.int32(3), "t": 0.5}], maxlen=100)
    agent.ep_success_buffer = deque([True, np.bool_(False)], maxlen=100)
    agent.logger.record("train/loss", np.float32(0.2), exclude="stdout")
    agent.logger.record_mean("mean", 2.0)
    agent.logger.record("text", "no number")
    agent.logger.record("nothing", math.nan)
    saved = progress.of(agent)
    other = PPO("scratch", "TextGen-Numbers-v0", n_steps=8, **SMALL)
    other.set_logger(Logger(None, []))
    progress.restore(other, saved)
    assert progress.of(other) == saved
    assert type(other.ep_info_buffer[0]["r"]) is np.float32
    assert list(other.ep_success_buffer) == [True, False]
    assert other.logger.name_to_value == {"train/loss": np.float32(0.2), "mean": 2.0}
    other.logger.record_mean("mean", 4.0)
    assert other.logger.name_to_value["mean"] == 3.0
