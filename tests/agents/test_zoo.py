"""rl-baselines3-zoo's own programs with our algorithms in them, as a user starts them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

NEEDS_RL_ZOO = pytest.mark.skipif(importlib.util.find_spec("rl_zoo3") is None, reason="needs textgym[zoo]")


def zoo(*args: object) -> str:
    command = [sys.executable, "-P", "-m", "textgym.agents.zoo", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow  # four processes load torch and rl_zoo3
@NEEDS_RL_ZOO
def test_it_trains_goes_on_enjoys_and_searches(tmp_path: Path) -> None:
    which = ["--algo", "textgym_ppo", "--env", "TextGen-Target-v0", "-f", tmp_path, "--device", "cpu"]
    short = [*which, "-n", 300, "--seed", 1, "-params", "n_envs:8", "learning_rate:'lin_0.001'"]
    zoo("train", *short, "--eval-freq", 100, "--eval-episodes", 2)
    folder = tmp_path / "textgym_ppo" / "TextGen-Target-v0_1"
    agent = folder / "TextGen-Target-v0.zip"
    assert agent.is_file()
    assert (folder / "best_model.zip").is_file()
    config = yaml.unsafe_load((folder / "TextGen-Target-v0" / "config.yml").read_text())
    assert dict(config)["learning_rate"] == "lin_0.001"
    zoo("train", *short, "--eval-freq", -1, "-i", agent)
    assert (tmp_path / "textgym_ppo" / "TextGen-Target-v0_2" / "TextGen-Target-v0.zip").is_file()
    assert "10 Episodes" in zoo("enjoy", *which, "--exp-id", 1, "--no-render", "--n-timesteps", 40)
    search = ["-optimize", "--n-trials", 1, "--n-evaluations", 1, "--eval-episodes", 2, "--no-optim-plots"]
    assert "clip_range" in zoo("train", *short, *search)


def test_who_lacks_rl_zoo_is_told_what_to_install() -> None:
    code = (
        "import sys; sys.modules['rl_zoo3'] = None\n"
        "import runpy; sys.argv = ['zoo', 'train', '--algo', 'textgym_ppo', '--env', 'TextGen-Target-v0']\n"
        "runpy.run_module('textgym.agents.zoo', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'textgym[zoo]'" in done.stderr
