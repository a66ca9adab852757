"""``textgym tune`` as a user runs it: a real study, gone on with, and the command and the file that it ends with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from textgym.cli.main import app
from textgym.evaluation import Run

pytest.importorskip("optuna", reason="needs textgym[tune]")

runner = CliRunner()
SPACE = "learning_rate: {low: 0.001, high: 0.01, log: true}\nn_steps: [4, 8]\n" + "".join(
    f"{name}: null\n" for name in ("gae_lambda", "vf_coef", "n_epochs", "clip_range", "ent_coef", "batch_size")
)
SHORT = ["TextGen-Target-v0", "--timesteps", "128", "--n-envs", "8", "--episodes", "8", "--evaluations", "2"]


def run(*args: Any) -> Any:
    return runner.invoke(app, [str(arg) for arg in args])


def rows(output: str) -> str:
    """The table of the trials."""
    ends = [text for text in ("How much each", "Written to", "Train with") if text in output]
    return output[output.index("trial ") : min(map(output.index, ends))].strip()


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: Any) -> tuple[Path, list[Any], str]:
    """A search of three trials; the folder, its arguments and its output."""
    folder = tmp_path_factory.mktemp("studies")
    (folder / "space.yml").write_text(SPACE)
    args = [*SHORT, "--space", folder / "space.yml", "--set", "max_grad_norm=0.5", "--out", folder / "target"]
    result = run("tune", *args, "--trials", 3, "--write", folder / "best.yml")
    assert result.exit_code == 0, result.output
    return folder, args, result.output


def test_the_table_shows_every_trial(searched: tuple[Path, list[Any], str]) -> None:
    _, _, output = searched
    assert "as they are today" in output
    assert rows(output).count("learning_rate=") == 2
    assert "n_epochs" not in output


def test_the_best_is_written_and_its_command_trains(searched: tuple[Path, list[Any], str], tmp_path: Path) -> None:
    folder, _, output = searched
    entry = yaml.safe_load((folder / "best.yml").read_text())["TextGen-Target-v0"]
    assert (entry["n_timesteps"], entry["n_envs"], entry["max_grad_norm"]) == (128, 8, 0.5)
    command = shlex.split(output.rstrip().splitlines()[-1])
    assert command[:2] == ["textgym", "train"]
    result = run(*command[1:], "--episodes", 4, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    config = Run.open(tmp_path / "run").config
    assert {"n_timesteps": config.total_timesteps, "n_envs": config.n_envs, **config.hyperparameters} == entry


def test_the_same_command_goes_on(searched: tuple[Path, list[Any], str]) -> None:
    _, args, output = searched
    again = run("tune", *args, "--trials", 3)
    assert again.exit_code == 0, again.output
    assert rows(again.output) == rows(output)
    more = run("tune", *args, "--trials", 4)
    assert more.exit_code == 0, more.output
    assert rows(more.output).count("learning_rate=") == 3
    other = run("tune", *args, "--trials", 4, "--seed", 1)
    assert other.exit_code == 2
    assert "seed 0, not 1" in other.output


def test_bad_options_leave_nothing_behind(tmp_path: Path) -> None:
    for extra, message in (
        (["--set", "learning_rte=1"], "Did you mean 'learning_rate'"),
        (["--algo", "ppq"], "Did you mean 'ppo'"),
        (["--sampler", "grid"], "no sampler 'grid'"),
        (["--warm-start", "sft"], "ALGO:TOKENS"),
        (["--space", tmp_path / "none.yml"], "cannot be read"),
    ):
        result = run("tune", *SHORT, *extra, "--out", tmp_path / "target")
        assert result.exit_code == 2, result.output
        assert message in result.output
    assert not (tmp_path / "target").exists()


def test_a_search_without_a_result_says_why(tmp_path: Path) -> None:
    args = ["--set", "learning_rate=1e30", "--set", "max_grad_norm=1e30", "--timesteps", "2000"]
    result = run("tune", *SHORT, *args, "--trials", 1, "--out", tmp_path / "target")
    assert result.exit_code == 2
    assert "finite" in result.output
