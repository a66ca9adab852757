from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import LinearSchedule
from transformers import AutoModelForCausalLM

import textgym
from textgym import Task
from textgym.agents import PPO, REINFORCE, ZeroShot, load, make_vec_env
from textgym.agents.arguments import Unsaved, decode, encode
from textgym.data import Row
from textgym.errors import AgentError, RunError

ENV = "TextGen-Numbers-v0"
SMALL: dict[str, Any] = {"n_envs": 4, "n_steps": 24, "batch_size": 48, "seed": 0, "device": "cpu"}
FILES = ("agent.json", "policy.safetensors", "training.safetensors", "training.json", "model/model.safetensors")


def make(cls: Any = PPO, **kwargs: Any) -> Any:
    return cls("scratch", kwargs.pop("env", ENV), **{**SMALL, **kwargs})


class SaveAt(BaseCallback):
    """Saves between the first and the second update, as a training run does."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if self.model._rollouts == 1:
            self.model.save(self.path)


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (PPO, {}),
        (PPO, {"kl_coef": 0.1, "kl_target": 0.01, "learning_rate": LinearSchedule(1e-3, 0.0, 1.0)}),
        (REINFORCE, {"baseline": "value", "kl_coef": 0.1, "env_kwargs": {"reward": "(2 * length).normalize()"}}),
        (PPO, {"env": "TextGen-Target-v0", "policy_kwargs": {"temperature": 0.9, "optimizer_class": "AdamW"}}),
    ],
)
def test_a_resumed_run_makes_the_same_updates_to_the_last_bit(cls: Any, settings: dict, tmp_path: Path) -> None:
    budget = 4 * 24 * 4
    whole = make(cls, **settings)
    whole.learn(budget, callback=SaveAt(tmp_path / "agent"))
    resumed = cls.load(tmp_path / "agent", device="cpu")
    assert 0 < resumed.num_timesteps < budget
    resumed.learn(budget - resumed.num_timesteps, reset_num_timesteps=False)
    assert resumed.num_timesteps == whole.num_timesteps
    assert resumed._rollouts == whole._rollouts >= 3
    for ours, theirs in zip(resumed.policy.parameters(), whole.policy.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    if whole.kl is not None:
        assert resumed.kl.coef == whole.kl.coef
    assert resumed.task.reward.state_dict() == whole.task.reward.state_dict()


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    agent = make(kl_coef=0.1, verbose=0).learn(4 * 24)
    agent.save(tmp_path / "agent")
    assert {path.name for path in (tmp_path / "agent").iterdir()} == {
        *("agent.json", "policy.safetensors", "training.safetensors", "training.json", "model", "reference")
    }
    other = load(tmp_path / "agent", device="cpu")
    assert isinstance(other, PPO)
    assert other.arguments == agent.arguments
    obs = make_vec_env(ENV, 8).reset()
    with agent.seeded(1), other.seeded(1):
        assert np.array_equal(agent.predict(obs)[0], other.predict(obs)[0])
    episodes = agent.evaluate(episodes=4).episodes
    assert other.kl_to_reference(episodes) == agent.kl_to_reference(episodes)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "agent" / "model")
    assert torch.equal(plain.lm_head.weight, agent.policy.lm.lm_head.weight)
    content = json.loads((tmp_path / "agent" / "agent.json").read_text())
    assert content["class"] == "PPO"
    assert content["num_timesteps"] == agent.num_timesteps
    assert content["arguments"]["env"] == ENV


def test_nothing_is_pickled(tmp_path: Path) -> None:
    make(kl_coef=0.1).learn(4 * 24).save(tmp_path / "agent")
    files = [path for path in (tmp_path / "agent").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors"}


def test_the_shipped_reference_is_named_and_checked(tmp_path: Path) -> None:
    rows = [Row("The parcel came")]
    task = Task(
        "letters", {"train": rows, "test": rows}, textgym.tokenizers.load("tiny"), textgym.rewards.make("length"), 8, 4
    )
    agent = PPO("tiny", task, **{**SMALL, "n_steps": 4})
    agent.learn(16)
    agent.save(tmp_path / "agent")
    assert not (tmp_path / "agent" / "reference").exists()
    other = PPO.load(tmp_path / "agent", env=task, device="cpu")
    assert torch.equal(other.reference.lm.lm_head.weight, agent.reference.lm.lm_head.weight)
    assert not torch.equal(other.reference.lm.lm_head.weight, other.policy.lm.lm_head.weight)
    file = tmp_path / "agent" / "agent.json"
    file.write_text(file.read_text().replace('"sha256": "', '"sha256": "0'))
    with pytest.raises(RunError, match="weights differ"):
        PPO.load(tmp_path / "agent", env=task, device="cpu")


def test_an_agent_acts_without_its_environment_and_learns_with_it(tmp_path: Path) -> None:
    task = make_vec_env(ENV, 1).get_attr("task")[0]
    make(env=task).learn(4 * 24).save(tmp_path / "agent")
    agent = load(tmp_path / "agent", device="cpu")
    assert agent.env is None
    assert textgym.evaluate(agent, ENV, episodes=4).episodes
    with pytest.raises(AgentError, match=r"env=…"):
        agent.learn(10)
    agent.set_env(gym.make_vec(ENV, num_envs=4, autoreset_mode="SameStep"))
    agent.learn(4 * 24)
    assert PPO.load(tmp_path / "agent", env=task, device="cpu").learn(4 * 24).num_timesteps > 4 * 24 - 1


def test_a_schedule_of_ones_own_is_asked_for_at_loading(tmp_path: Path) -> None:
    make(learning_rate=lambda progress: 1e-3 * progress).save(tmp_path / "agent")
    with pytest.raises(AgentError, match=r"learning_rate=…"):
        PPO.load(tmp_path / "agent", device="cpu")
    assert PPO.load(tmp_path / "agent", device="cpu", learning_rate=1e-4).learning_rate == 1e-4


def test_arguments_survive_json() -> None:
    values = {
        "plain": [1, 2.5, "x", None, True],
        "reward": textgym.rewards.make("0.5 * length"),
        "tokenizer": textgym.tokenizers.load("chars:ab"),
        "optimizer": torch.optim.AdamW,
        "device": torch.device("cpu"),
    }
    loaded = decode(json.loads(json.dumps(encode(values))))
    assert loaded["plain"] == values["plain"]
    assert repr(textgym.rewards.make(loaded["reward"])) == repr(values["reward"])
    assert loaded["tokenizer"] == "chars:ab"
    assert loaded["optimizer"] == "AdamW"
    assert loaded["device"] == "cpu"
    schedule = decode(json.loads(json.dumps(encode(LinearSchedule(1.0, 0.5, 0.2)))))
    assert schedule(0.9) == LinearSchedule(1.0, 0.5, 0.2)(0.9)
    assert isinstance(decode(json.loads(json.dumps(encode({"a": {"b": len}})))), Unsaved)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "agent"
    make(kl_coef=0.1).learn(4 * 24).save(path)
    return path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["truncate", "remove", "garble"])
def test_a_damaged_folder_is_refused_by_the_name_of_the_file(
    saved: Path, tmp_path: Path, name: str, damage: str
) -> None:
    folder = tmp_path / "agent"
    shutil.copytree(saved, folder)
    file = folder / name
    if damage == "truncate":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif damage == "remove":
        file.unlink()
    else:
        file.write_bytes(b"\x00garbage")
    with pytest.raises(RunError, match=name.split("/")[0].replace(".", r"\.")):
        PPO.load(folder, device="cpu")


def test_foreign_folders_are_refused(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere"):
        PPO.load(tmp_path / "nowhere")
    with pytest.raises(RunError, match="no saved agent"):
        load(tmp_path)
    with pytest.raises(AgentError, match="holds a PPO, not a REINFORCE"):
        REINFORCE.load(saved)
    (tmp_path / "agent.json").write_text('{"schema": "other"}')
    with pytest.raises(RunError, match="'other'"):
        PPO.load(tmp_path)
    (tmp_path / "agent.json").write_text("[]")
    with pytest.raises(RunError, match=r"agent\.json"):
        PPO.load(tmp_path)


def test_saving_again_replaces_the_folder(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    shutil.copytree(saved, folder)
    (folder / "left_over").touch()
    agent = PPO.load(folder, device="cpu")
    agent.save(folder)
    assert not (folder / "left_over").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["agent"]


def test_a_failure_while_saving_leaves_what_was_there(saved: Path, tmp_path: Path, monkeypatch: Any) -> None:
    folder = tmp_path / "agent"
    shutil.copytree(saved, folder)
    agent = PPO.load(folder, device="cpu")
    agent.num_timesteps += 1
    monkeypatch.setattr("textgym.agents.checkpoint._training_state", lambda agent: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        agent.save(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["agent"]
    assert PPO.load(folder, device="cpu").num_timesteps == agent.num_timesteps - 1


def test_a_kill_between_the_two_renames_loses_nothing(saved: Path, tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "agent.previous")
    (tmp_path / "agent.part").mkdir()
    assert isinstance(load(tmp_path / "agent", device="cpu"), PPO)


SAVE_FOR_EVER = """
import sys
from textgym.agents import PPO
agent = PPO.load(sys.argv[1], device="cpu")
while True:
    agent.num_timesteps += 1
    agent.save(sys.argv[2])
"""


def test_a_kill_at_any_moment_leaves_an_agent_that_loads(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    process = subprocess.Popen([sys.executable, "-c", SAVE_FOR_EVER, str(saved), str(folder)])
    while not folder.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(float(np.random.default_rng(0).uniform(0.0, 0.5)))
    process.kill()
    process.wait()
    agent = load(folder, device="cpu")
    assert agent.num_timesteps > 0
    agent.save(folder)  # over whatever the kill left behind
    assert [path.name for path in tmp_path.iterdir()] == ["agent"]


def test_old_tensors_do_not_pass_for_new_ones(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    shutil.copytree(saved, folder)
    tensors = load_file(folder / "policy.safetensors")
    assert set(tensors) == {"value_head.weight", "value_head.bias"}
    save_file({"value_head.weight": tensors["value_head.weight"]}, folder / "policy.safetensors")
    with pytest.raises(RunError, match=r"policy\.safetensors.*value_head\.bias"):
        PPO.load(folder, device="cpu")


def test_load_takes_agents_runs_models_and_classes(saved: Path, tmp_path: Path) -> None:
    assert isinstance(load("tiny"), ZeroShot)
    assert isinstance(load(saved / "model", device="cpu"), ZeroShot)
    assert isinstance(load(f"{__name__}:Mine") if "." not in __name__ else Mine(), Mine)
    with pytest.raises(AgentError, match="no_such_module:Agent"):
        load("no_such_module:Agent")
    run = tmp_path / "run"
    config = textgym.evaluation.run.RunConfig(ENV, "ppo", "scratch", 100)
    textgym.evaluation.Run.create(run, config)
    with pytest.raises(RunError, match="no checkpoint"):
        load(run)
    for step in (10, 20):
        agent = make()
        agent.num_timesteps = step
        textgym.evaluation.Run.open(run).save_checkpoint(agent, step)
    assert load(run, device="cpu").num_timesteps == 20


class Mine:
    """An agent of a user's own."""

    def predict(self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False) -> Any:
        return np.zeros(len(obs["input_ids"]), np.int64), state
