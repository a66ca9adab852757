"""``textgym reproduce``: a table of two algorithms, made, cut off, gone on with, and checked."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from textgym.bench import Bench, recipes
from textgym.cli import agents
from textgym.cli.cells import Work
from textgym.cli.main import app

runner = CliRunner()
TARGET = "TextGen-Target-v0"
TABLE = f"""
title: A miniature
ids:
  {TARGET}: {{timesteps: 512, n_envs: 8}}
seeds: [0, 1]
episodes: 24
rows:
  random: {{agent: random}}
  PPO: {{algorithm: ppo, hyperparameters: {{n_steps: 8}}}}
  SFT: {{algorithm: sft, data_of: PPO, hyperparameters: {{n_demonstrations: 8}}}}
"""


def run(*args: Any) -> Any:
    return runner.invoke(app, ["reproduce", *map(str, args)])


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory: Any) -> Path:
    """A folder with the table, what it gave, and what is published of it."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("reproduce")
    (folder / "mini.yml").write_text(TABLE, encoding="utf-8")
    result = run(folder / "mini.yml", "--out", folder / "out", "--results", folder / "results")
    assert result.exit_code == 0, result.output
    return folder


def test_a_whole_table_is_published(made: Path) -> None:
    content = json.loads((made / "results" / "mini.json").read_text(encoding="utf-8"))
    assert len(content["cells"]) == 1 + 2 * 2
    assert content["command"] == "textgym reproduce mini.yml"
    assert content["versions"]["textgym"]
    mean, low, high = content["rows"]["SFT"][TARGET]["reward"]
    assert low <= mean <= high
    assert mean > 0.3  # it imitates the only right answer; a random agent is right once in 256
    page = (made / "results" / "mini.md").read_text(encoding="utf-8")
    assert "| | random | PPO | SFT |" in page


def test_every_cell_is_a_run_with_a_card_and_a_cell_of_a_bench(made: Path) -> None:
    bench = Bench.open(made / "out" / "bench")
    assert not bench.missing()
    cell = bench.cell(("PPO", 1, TARGET))
    assert cell is not None
    assert cell.hashes["agent"]
    for row in ("PPO", "SFT"):
        for seed in (0, 1):
            card = made / "out" / "runs" / row / str(seed) / TARGET / "README.md"
            assert f"textgym reproduce mini.yml --only '{row}/{TARGET}/{seed}'" in card.read_text(encoding="utf-8")
    curves = json.loads((bench.path / "curves.json").read_text(encoding="utf-8"))
    assert curves["PPO"][TARGET]["runs"] == 2


def test_equal_data_are_equal_prompts(made: Path) -> None:
    """PPO's 512 tokens are 128 episodes of four; so are SFT's demonstrations."""
    config = json.loads((made / "out" / "runs" / "SFT" / "0" / TARGET / "config.json").read_text(encoding="utf-8"))
    assert config["total_timesteps"] == 512


def test_what_is_done_is_not_done_again(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (made / "out" / "runs").rglob("after.json")}
    before |= {path: path.stat().st_mtime_ns for path in (made / "out" / "bench").rglob("cell.json")}
    assert run(made / "mini.yml", "--out", made / "out", "--results", made / "results").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_a_killed_table_goes_on_to_the_same_numbers(made: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", "from textgym.cli import main; main()", "reproduce", str(made / "mini.yml")]
    options = ["--out", str(tmp_path / "out"), "--results", str(tmp_path)]
    process = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out").glob("runs/PPO/0/*/checkpoints/step_*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "mini.json").exists()
    result = run(made / "mini.yml", *options)
    assert result.exit_code == 0, result.output
    rows = [json.loads((folder / "mini.json").read_text())["rows"] for folder in (tmp_path, made / "results")]
    assert rows[0] == rows[1]


def test_a_part_is_not_published(made: Path, tmp_path: Path) -> None:
    result = run(made / "mini.yml", "--only", "random", "--out", tmp_path / "out", "--results", tmp_path / "results")
    assert result.exit_code == 0, result.output
    assert "4 cells are missing" in result.output
    assert not (tmp_path / "results").exists()
    assert (tmp_path / "out" / "README.md").exists()


def test_a_check_passes_where_nothing_has_changed(made: Path) -> None:
    result = run(made / "mini.yml", "--check", "--only", "SFT/Target/1", "--results", made / "results")
    assert result.exit_code == 0, result.output
    assert "as published" in result.output


def test_a_check_fails_where_a_number_has_moved(made: Path, tmp_path: Path) -> None:
    content = json.loads((made / "results" / "mini.json").read_text(encoding="utf-8"))
    for cell in content["cells"]:
        cell["values"]["reward"] = [-1.0 - 0.01 * cell["seed"]] * 3
    (tmp_path / "mini.json").write_text(json.dumps(content), encoding="utf-8")
    result = run(made / "mini.yml", "--check", "--only", "random", "--results", tmp_path)
    assert result.exit_code == 1, result.output
    assert "left what was published" in result.output


def test_a_check_of_another_table_is_refused(made: Path, tmp_path: Path) -> None:
    shutil.copy(made / "results" / "mini.json", tmp_path)
    (tmp_path / "mini.yml").write_text(TABLE.replace("512", "600"), encoding="utf-8")
    result = run(tmp_path / "mini.yml", "--check", "--results", tmp_path)
    assert result.exit_code == 2
    assert "another table" in result.stderr


def test_a_changed_table_does_not_go_on_in_the_same_folder(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "out", tmp_path / "out")
    (tmp_path / "mini.yml").write_text(TABLE.replace("512", "600"), encoding="utf-8")
    result = run(tmp_path / "mini.yml", "--out", tmp_path / "out", "--results", tmp_path)
    assert result.exit_code == 1
    assert "the table now says" in result.stderr.replace("\n", " ")


def test_the_readme_takes_a_whole_table(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("README.md").write_text("# Mine\n<!-- table:mini -->\n<!-- /table -->\n", encoding="utf-8")
    options = ["--out", made / "out", "--results", tmp_path, "--write"]
    assert run(made / "mini.yml", *options).exit_code == 0
    assert "| | random | PPO | SFT |" in Path("README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["cores"], "core"),
        (["core", "--timesteps-scale", "0"], "above 0"),
        (["core", "--check", "--write"], "leave out --write"),
        (["imdb"], "hf download gpt2"),
    ],
)
def test_what_cannot_be_is_refused(args: list[str], said: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.slow
def test_processes_give_the_same_numbers(made: Path, tmp_path: Path) -> None:
    result = run(made / "mini.yml", "--out", tmp_path / "out", "--results", tmp_path, "--processes", 2)
    assert result.exit_code == 0, result.output
    rows = [json.loads((folder / "mini.json").read_text())["rows"] for folder in (tmp_path, made / "results")]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("name", ["algorithms", "walks"])
def test_the_agents_of_a_shipped_table_can_be_made(name: str, tmp_path: Path) -> None:
    """A wrong hyperparameter, or a number of prompts that does not fill the environments, fails here."""
    table = recipes.load(name)
    table.register()
    work = Work(table, tmp_path, 1.0, "cpu")
    for job in table.jobs():
        if job.run == 0 and table.row(job.row).algorithm is not None and not table.before(job):
            config = work.config(job)
            assert agents.new(config, "cpu").num_timesteps == 0
            assert config.total_timesteps == table.timesteps(job)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "cells"),
    [
        ("algorithms", ("ppo/Target/0", "reinforce/Target/1", "rloo/Target/2")),
        ("core", ("zero-shot/Sentiment/0", "PPO/Sentiment/1", "SFT + RLOO/Classification/2")),
    ],
)
def test_published_numbers_come_out_again(monkeypatch: pytest.MonkeyPatch, table: str, cells: tuple[str, ...]) -> None:
    """Another machine rounds otherwise, so its runs are other runs; their numbers lie where those of a new seed do."""
    monkeypatch.chdir(Path(__file__).parents[2])
    result = run(table, "--check", "--processes", 2, *(f"--only={cell}" for cell in cells))
    assert result.exit_code == 0, result.output
