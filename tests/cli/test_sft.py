"""``textgym sft``: a run folder of supervised fine-tuning, its resumption, and training that starts from it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from textgym.cli.main import app
from textgym.evaluation import Report, Run, metrics_file

runner = CliRunner()
NUMBERS = [
    "sft",
    "TextGen-Numbers-v0",
    "--episodes",
    "8",
    "--eval-episodes",
    "4",
    "--seed",
    "3",
    "--set",
    "n_demonstrations=8",
]
SHORT = ["--timesteps", "2000", "--checkpoint-every", "200"]


def run(*args: Any) -> Any:
    return runner.invoke(app, [str(arg) for arg in args])


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    """Sums of several threads differ in the last bit from those of one, and other processes are compared with this."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def taught(tmp_path_factory: Any) -> Path:
    path = tmp_path_factory.mktemp("runs") / "taught"
    result = run(*NUMBERS, *SHORT, "--out", path)
    assert result.exit_code == 0, result.output
    assert result.output.rstrip().endswith(f"Report: {path / 'report.md'}")
    return path


def newest(path: Path) -> Path:
    checkpoints = Run.open(path).checkpoints()
    return checkpoints[max(checkpoints)]


def test_the_folder_is_a_run(taught: Path) -> None:
    config = Run.open(taught).config
    assert (config.algorithm, config.model, config.total_timesteps) == ("sft", "scratch", 2000)
    names = {name for row in metrics_file.read(taught / "metrics.csv") for name in row}
    assert {"train/loss", "held_out/loss", "held_out/perplexity"} <= names
    assert (taught / "learning_curve.png").is_file()


def test_it_can_be_evaluated(taught: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    result = run("evaluate", taught, "TextGen-Numbers-v0", "--episodes", 8, "--seed", 3, "--json", file)
    assert result.exit_code == 0, result.output
    after = Run.open(taught).report("after")
    assert Report.load(file).mean == after.mean


def test_reinforcement_learning_starts_from_the_run(taught: Path, tmp_path: Path) -> None:
    out = tmp_path / "rl"
    options = ["--model", taught, "--timesteps", 100, "--n-envs", 4, "--episodes", 8, "--seed", 3, "--out", out]
    result = run("train", "TextGen-Numbers-v0", *options)
    assert result.exit_code == 0, result.output
    ended, began = Run.open(taught).report("after"), Run.open(out).report("before")
    assert [one.completion for one in began.episodes] == [one.completion for one in ended.episodes]


def test_epochs_are_turned_into_tokens(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("prompt,answer\n" + "".join(f"what is {i},yes\n" for i in range(20)))
    out = tmp_path / "run"
    task = [f"data={data}", "prompt=prompt", "references=answer", "reward=length(target=3)"]
    options = [part for option in task for part in ("--env", option)]
    result = run("sft", "TextGen-Custom-v0", "--model", "tiny", *options, "--epochs", 2, "--episodes", 2, "--out", out)
    assert result.exit_code == 0, result.output
    config = Run.open(out).config
    assert config.total_timesteps > 0
    assert config.total_timesteps % 2 == 0
    assert config.total_timesteps < 20 * 2 * 6  # "yes" is a token or a few, and EOS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--timesteps", "10", "--epochs", "1"], "Give one of them"),
        (["--epochs", "0"], "--epochs is above 0"),
        (["--set", "clip_range=0.2"], "sft has no hyperparameter 'clip_range'"),
    ],
)
def test_what_cannot_be_is_refused(options: list[str], message: str, tmp_path: Path) -> None:
    result = run(*NUMBERS, *options, "--out", tmp_path / "no")
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "no").exists()


def test_a_run_that_was_killed_goes_on_to_the_same_weights(taught: Path, tmp_path: Path) -> None:
    path = tmp_path / "killed"
    command = [sys.executable, "-P", "-c", "from textgym.cli import main; main()", *NUMBERS, *SHORT, "--out", str(path)]
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=threads, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 300  # a busy machine needs its time
        while not list(path.glob("checkpoints/step_????????")):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    shutil.rmtree(path / "tensorboard", ignore_errors=True)
    result = run("train", "--resume", path)
    assert result.exit_code == 0, result.output
    ours, theirs = (load_file(newest(one) / "model" / "model.safetensors") for one in (path, taught))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in ours)
