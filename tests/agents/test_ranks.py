"""Several processes that train one agent: the update of one, no hang, one writer, and a resume by any number."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from stable_baselines3.common.logger import Logger

from textgym.agents import PPO, SFT, ExpertIteration
from textgym.agents.episodes import Episodes, deal_into
from textgym.agents.ranks import ONE, Ranks
from textgym.agents.reduction import Reduction
from textgym.errors import OptionError
from textgym.evaluation import Run, metrics_file

PROGRAM = Path(__file__).with_name("ranks_program.py")
UPDATES = ("ppo", "ppo_kl_in_loss", "a2c", "nlpo", "reinforce", "rloo", "grpo")
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

Play = Callable[..., Path]


def _loaded() -> Any:
    spec = importlib.util.spec_from_file_location("ranks_program", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


program = _loaded()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the scenarios that take a second or so each, played by two processes."""
    scenarios = ("updates", "supervised", "uneven", "drifted", "refused", "killed")
    return _play(tmp_path_factory.mktemp("ranks"), *scenarios, "shared", "share_of_the_work", "shared_killed")


def _play(folder: Path, *scenarios: str) -> Path:
    command = [sys.executable, "-P", str(PROGRAM), str(folder), *scenarios]
    subprocess.run(command, check=True, timeout=500, env=os.environ | ENVIRONMENT)
    return folder


def _codes(folder: Path, scenario: str) -> list[int]:
    return list(json.loads((folder / scenario / "codes.json").read_text())["codes"])


def _printed(folder: Path, scenario: str, rank: int) -> str:
    return (folder / scenario / f"rank{rank}.txt").read_text(encoding="utf-8")


def _union(saved: dict[str, np.ndarray]) -> Episodes:
    """Returns the episodes of both ranks."""
    fields = {field: saved[field] for field in Episodes._fields if field in saved}
    return Episodes(**{"action_masks": None, "vocab_size": int(saved["counted"][2]), **fields})


def _same(first: Path, second: Path) -> None:
    for name, weight in load_file(first).items():
        assert torch.equal(weight, load_file(second)[name]), name


def _close(agent: Any, file: Path) -> None:
    """Whether an agent of one process has the weights that two came to, to 1e-6, and moved at all."""
    found = load_file(file)
    for name, weight in program.weights(agent).items():
        torch.testing.assert_close(
            found[name], weight, rtol=0, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("name", UPDATES)
def test_two_ranks_update_as_one_process_with_the_episodes_of_both(played: Path, name: str) -> None:
    assert _codes(played, "updates") == [0, 0], _printed(played, "updates", 0)[-3000:]
    _same(played / "updates" / f"{name}_0.safetensors", played / "updates" / f"{name}_1.safetensors")
    saved = dict(np.load(played / "updates" / f"{name}.npz"))
    agent = program.agent(name)
    before = program.weights(agent)
    buffer, agent._kl_coef = agent.rollout_buffer, 0.1
    buffer.episodes, buffer.advantages, buffer.targets = _union(saved), saved["advantages"], saved["targets"]
    agent.set_logger(Logger(None, []))
    agent.train()
    moved = max(float((weight - before[key]).abs().max()) for key, weight in program.weights(agent).items())
    assert moved > 1e-4
    _close(agent, played / "updates" / f"{name}_0.safetensors")


@pytest.mark.parametrize("name", ["ppo", "reinforce", "rloo"])
def test_advantages_and_prices_are_those_of_all_episodes(played: Path, name: str) -> None:
    saved = dict(np.load(played / "updates" / f"{name}.npz"))
    assert len(saved["own_episodes"]) == 2
    agent = program.agent(name)
    episodes = _union(saved)
    cut = np.zeros(len(episodes.lengths), bool)
    rewards = agent.shaper(episodes.rewards, episodes.response_mask, cut)
    tokens, coef, _ = saved["counted"]
    assert tokens == episodes.response_mask.sum()
    if agent.kl is not None:
        agent.set_logger(Logger(None, []))
        log_ratio = episodes.log_probs - agent._reference_log_probs(episodes)
        rewards = rewards - agent.kl.coef * agent._estimate_kl(log_ratio)
        agent.kl.update(float(log_ratio[episodes.response_mask].mean()))
        assert agent.kl.coef == pytest.approx(coef, abs=1e-9)
    agent.set_logger(Logger(None, []))
    advantages, targets = agent._advantages(episodes, rewards)
    np.testing.assert_allclose(saved["advantages"], advantages, atol=1e-5)
    np.testing.assert_allclose(saved["targets"], targets, atol=1e-5)


def test_ranks_play_the_environments_of_one_process(played: Path) -> None:
    saved = dict(np.load(played / "updates" / "reinforce.npz"))
    agent = program.agent("reinforce")
    agent._seed_environments(agent.env)
    obs = agent.env.reset()
    first, second = saved["own_episodes"]
    for env, episode in enumerate([0, 1, 2, 3, first, first + 1, first + 2, first + 3]):
        length = int(obs["prompt_length"][env, 0])
        prompt = obs["input_ids"][env, :length]
        np.testing.assert_array_equal(saved["input_ids"][episode, :length], prompt)
    assert first + second == len(saved["lengths"])


def test_supervised_learning_is_that_of_one_process(played: Path) -> None:
    assert _codes(played, "supervised") == [0, 0], _printed(played, "supervised", 1)[-3000:]
    _same(played / "supervised" / "sft_0.safetensors", played / "supervised" / "sft_1.safetensors")
    _same(played / "supervised" / "expert_0.safetensors", played / "supervised" / "expert_1.safetensors")
    agent: SFT = program.sft().learn(200)
    _close(agent, played / "supervised" / "sft_0.safetensors")


def test_ranks_that_play_unequally_take_the_same_steps(played: Path) -> None:
    assert _codes(played, "uneven") == [0, 0], _printed(played, "uneven", 0)[-3000:]
    for name in ("uneven", "uneven_grpo"):
        _same(played / "uneven" / f"{name}_0.safetensors", played / "uneven" / f"{name}_1.safetensors")


def test_the_first_rank_alone_saves_and_one_process_loads(played: Path) -> None:
    saved = load_file(played / "uneven" / "uneven_grpo_0.safetensors")
    agent = program.GRPO.load(played / "uneven" / "agent", device="cpu")
    assert agent.n_envs == 8
    for name, weight in program.weights(agent).items():
        assert torch.equal(weight, saved[name])


def test_weights_that_drift_apart_are_found(played: Path) -> None:
    assert _codes(played, "drifted") == [1, 1]
    assert "The weights of rank 1 are no longer those of rank 0" in _printed(played, "drifted", 0)


def test_what_ranks_cannot_share_is_refused(played: Path) -> None:
    text = _printed(played, "refused", 1)
    assert "Actual value: n_envs=7. Take a multiple of 2, such as 8." in text
    assert "in whole groups of n_samples=4. Actual value: n_envs=12. Take a multiple of 8, such as 16." in text
    assert "TRPO trains in one process, and a launcher started 2." in text
    assert "regularisation={'whiten_rewards': 'running'}" in text
    assert "fsdp=True is for PPO, A2C, REINFORCE, RLOO, GRPO and Dr. GRPO. Actual value: NLPO." in text
    assert "fsdp=True goes without lora." in text


def test_a_killed_rank_ends_the_other(played: Path) -> None:
    text = _printed(played, "killed", 0)
    assert _codes(played, "killed") == [1, -9], text[-3000:]
    assert json.loads((played / "killed" / "codes.json").read_text())["seconds"] < 60
    assert "AgentError: Another rank has ended or cannot be reached, so this one (rank 0 of 2) stops" in text
    assert "Start all ranks again, by the same command" in text


@pytest.mark.parametrize("name", [name for name in UPDATES if name != "nlpo"])
def test_ranks_that_share_the_weights_update_as_those_that_hold_them(played: Path, name: str) -> None:
    assert _codes(played, "shared") == [0, 0], _printed(played, "shared", 0)[-3000:]
    _same(played / "shared" / f"{name}_0.safetensors", played / "shared" / f"{name}_1.safetensors")
    expected = load_file(played / "updates" / f"{name}_0.safetensors")
    for key, weight in load_file(played / "shared" / f"{name}_0.safetensors").items():
        torch.testing.assert_close(weight, expected[key], rtol=0, atol=1e-6)


def test_a_rank_keeps_its_part_of_weights_and_moments(played: Path) -> None:
    first, second = (_printed(played, "share_of_the_work", rank) for rank in range(2))
    assert _codes(played, "share_of_the_work") == [0, 0], first[-3000:]
    total = int(re.findall(r"rests with (\d+) weights", first)[0])
    kept = [re.findall(r"keeps (\d+) weights and (\d+) moments", text) for text in (first, second)]
    weights, moments = np.array([text[0] for text in kept], int).T
    value_head = 32 + 1  # learns nothing here
    assert weights.sum() == moments.sum() + value_head == total
    assert max(weights) < 0.6 * total
    assert first.count("alone: True") >= 2
    assert "alone" not in second.replace("agent.alone", "").replace("part alone", "")
    told = "by itself: The weights are spread over the ranks (fsdp)"
    assert first.count(told) == 2 * second.count(told)  # the first one alone would save
    assert told in second
    assert not (played / "share_of_the_work" / "early").exists()


def test_what_ranks_shared_is_saved_whole(played: Path) -> None:
    folder = played / "share_of_the_work"
    _same(folder / "shared_0.safetensors", folder / "shared_1.safetensors")
    expected = load_file(folder / "whole_0.safetensors")
    agent = program.REINFORCE.load(folder / "agent", device="cpu")
    for name, weight in program.weights(agent).items():
        assert torch.equal(weight, load_file(folder / "shared_0.safetensors")[name])
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-3)  # Adam: see `program.SGD`
    moments = agent.policy.optimizer.state_dict()["state"]
    shapes = [tuple(parameter.shape) for parameter in agent.policy.lm.parameters()]
    assert [tuple(moments[index]["exp_avg"].shape) for index in range(len(shapes))] == shapes
    agent.learn(64, reset_num_timesteps=False)


def test_a_killed_rank_ends_the_others_that_wait_for_its_weights(played: Path) -> None:
    text = _printed(played, "shared_killed", 0)
    assert _codes(played, "shared_killed") == [1, -9], text[-3000:]
    assert json.loads((played / "shared_killed" / "codes.json").read_text())["seconds"] < 60
    assert "AgentError: Another rank has ended or cannot be reached, so this one (rank 0 of 2) stops" in text


@pytest.mark.slow
def test_ranks_say_why_they_stop(tmp_path: Path) -> None:
    _play(tmp_path, "failing", "frozen", "different")
    assert _codes(tmp_path, "failing") == [1, 1]
    assert "Rank 1 stopped: RewardError: " in _printed(tmp_path, "failing", 0)
    assert _codes(tmp_path, "frozen")[0] == 1
    assert "rank 1 gave no sign of life for" in _printed(tmp_path, "frozen", 0)
    assert "The ranks were given different agents; this one, rank 0, has a A2C" in _printed(tmp_path, "different", 0)


@pytest.mark.slow
def test_a_run_goes_on_with_any_number_of_ranks(tmp_path: Path) -> None:
    _play(tmp_path, "one_rank", "two_ranks", "one_again", "same_command", "same_command_again")
    for scenario in ("one_rank", "two_ranks", "one_again", "same_command", "same_command_again"):
        assert not any(_codes(tmp_path, scenario)), _printed(tmp_path, scenario, 0)[-3000:]
    run = Run.open(tmp_path / "run")
    assert max(run.checkpoints()) >= 500
    steps = [row["step"] for row in metrics_file.read(run.path / "metrics.csv") if "time/iterations" in row]
    assert steps == sorted(set(steps))
    assert _printed(tmp_path, "two_ranks", 1) == ""
    assert "Report: " in _printed(tmp_path, "two_ranks", 0)
    assert "This run has been started before; it goes on after" in _printed(tmp_path, "same_command_again", 0)


@pytest.mark.slow
def test_a_run_of_shared_weights_goes_on_in_one_process_and_back(tmp_path: Path) -> None:
    scenarios = ("shared_run", "shared_by_one", "shared_again")
    _play(tmp_path, *scenarios)
    for scenario in scenarios:
        assert not any(_codes(tmp_path, scenario)), _printed(tmp_path, scenario, 0)[-3000:]
    assert max(Run.open(tmp_path / "spread").checkpoints()) >= 400


@pytest.mark.slow
def test_torchrun_starts_the_command(tmp_path: Path) -> None:
    textgym = [sys.executable, "-P", "-c", "from textgym.cli import main; main()"]
    launcher = [sys.executable, "-P", "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    options = ["--set", "n_demonstrations=4", "--timesteps", "100", "--episodes", "2", "--eval-every", "0"]
    out = tmp_path / "run"
    ended = subprocess.run(
        [*launcher, "--no-python", *textgym, "sft", program.ENV, *options, "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | ENVIRONMENT,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.count("Report: ") == 1
    assert (out / "report.md").exists()


@pytest.mark.parametrize(("parts", "tokens"), [(3, [1, 1, 90]), (3, [90, 1, 1]), (4, [5, 5, 5, 5]), (1, [3, 4])])
def test_every_part_has_an_episode(parts: int, tokens: list[int]) -> None:
    dealt = deal_into(parts, np.arange(len(tokens)), np.array(tokens))
    assert len(dealt) == parts
    assert all(len(part) for part in dealt)
    np.testing.assert_array_equal(np.concatenate(dealt), np.arange(len(tokens)))


def test_a_parameter_without_a_gradient_keeps_none() -> None:
    used, unused = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    used.grad = torch.tensor([3.0, 4.0])
    Reduction(ONE, [used, unused], 1.0, lambda: 7.0)()
    assert unused.grad is None
    torch.testing.assert_close(used.grad, torch.tensor([0.6, 0.8]))


@pytest.mark.parametrize(
    ("variables", "said"),
    [({"WORLD_SIZE": "2", "RANK": "2"}, "RANK=2, WORLD_SIZE=2"), ({"WORLD_SIZE": "two"}, "'two'")],
)
def test_variables_that_contradict_each_other_are_named(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OptionError, match=said):
        Ranks.current()


def test_a_launcher_of_one_rank_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    alone: PPO = program.agent("ppo", target_kl=None).learn(1)
    for name, value in {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    launched = program.agent("ppo", target_kl=None).learn(1)
    assert launched.ranks == ONE
    assert not torch.distributed.is_initialized()
    for name, weight in program.weights(alone).items():
        assert torch.equal(weight, program.weights(launched)[name])


def test_prompts_are_shared_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(program.AgentError, match="n_prompts=7"):
        ExpertIteration("scratch", program.ENV, n_envs=4, n_prompts=7, n_samples=2)
