"""Weights & Biases, in its offline mode: nothing reaches a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from textgym.cli.main import app

TEXTGYM = [sys.executable, "-P", "-c", "from textgym.cli import main; main()"]
TARGET = ["train", "TextGen-Target-v0", "--timesteps", "150", "--n-envs", "8", "--set", "n_steps=8"]
SHORT = ["--episodes", "4", "--eval-episodes", "4", "--eval-every", "70", "--checkpoint-every", "60"]


def test_who_lacks_it_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    result = CliRunner().invoke(app, [*TARGET, *SHORT, "--wandb", "mine", "--out", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert "pip install 'textgym[wandb]'" in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_metrics_and_samples_reach_the_run_and_a_resumed_one_goes_on_in_it(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    path = tmp_path / "run"
    environment = os.environ | {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    for arguments in ([*TARGET, *SHORT, "--wandb", "mine", "--out", path], ["train", "--resume", path]):
        if "--resume" in arguments:
            arguments += ["--timesteps", "300"]
        command = [*TEXTGYM, *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
    runs = sorted((path / "wandb").glob("offline-run-*"))
    assert len(runs) == 2
    (name,) = {run.name.rpartition("-")[2] for run in runs}
    assert name in (path / "wandb.json").read_text()
    tables = [json.loads(file.read_text()) for file in (runs[0] / "files" / "media" / "table").glob("samples_*.json")]
    assert len(tables) >= 3
    assert {tuple(table["columns"]) for table in tables} == {("step", "prompt_index", "prompt", "completion", "reward")}
    written = next(runs[0].glob("*.wandb")).read_bytes()
    for key in ("rollout/ep_rew_mean", "eval/reward", "train/loss", "samples", "eval_every"):
        assert key.encode() in written
