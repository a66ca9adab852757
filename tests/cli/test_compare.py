"""``textgym compare``, ``leaderboard`` and ``rescore`` as users run them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from textgym import agents
from textgym.bench import BenchConfig
from textgym.bench import run as run_bench
from textgym.cli.main import app


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def load(source, env_id, env_kwargs):
    return agents.load(source, env_id, env_kwargs=env_kwargs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "ours"
    ids = ("TextGen-Numbers-v0", "TextGen-Target-v0")
    run_bench(BenchConfig({"random": ("random",), "oracle": ("oracle",)}, ids, episodes=8), path, load)
    return path


def test_compare_says_who_is_better(folder, tmp_path):
    result = run(
        "compare", f"{folder}:random", f"{folder}:oracle", "--resamples", 300, "--json", tmp_path / "c.json",
        "--markdown", tmp_path / "c.md",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    for text in ("oracle against random", "TextGen-Target-v0", "oracle is ahead on 2", "over prompts"):
        assert text in result.output
    assert json.loads((tmp_path / "c.json").read_text())["pairs"][0]["after"] == "oracle"
    assert "**oracle is ahead on 2" in (tmp_path / "c.md").read_text()


def test_leaderboard_writes_both_forms(folder, tmp_path):
    for name in ("board.md", "board.html"):
        result = run("leaderboard", folder, "--out", tmp_path / name, "--resamples", 300)
        assert result.exit_code == 0, result.output
        assert "1 [1, 1]  oracle" in result.output
    assert (tmp_path / "board.md").read_text().startswith("# Leaderboard")
    assert (tmp_path / "board.html").read_text().startswith("<!doctype html>")
    assert "--out FILE.md" in run("leaderboard", folder, "--resamples", 300).output


def test_rescore_makes_a_bench_and_a_file(folder, tmp_path):
    result = run(
        "rescore", folder, "--reward", "length", "--reward", "short=length(target=2)", "--out", tmp_path / "new"
    )
    assert result.exit_code == 0, result.output
    assert "reward/short" in result.output
    assert run("compare", tmp_path / "new", "--metric", "reward/length", "--resamples", 200).exit_code == 0
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": " so good"}\n')
    result = run("rescore", tmp_path / "a.jsonl", "--reward", "length(target=2)", "--out", tmp_path / "b.jsonl")
    assert result.exit_code == 0, result.output
    assert "reward/length(target=2)" in (tmp_path / "b.jsonl").read_text()


@pytest.mark.parametrize(
    "args",
    [
        ("compare", "nowhere", "{folder}"),
        ("compare", "{folder}", "--json", "nowhere/c.json"),
        ("leaderboard", "nowhere"),
        ("leaderboard", "{folder}", "--out", "board.pdf"),
        ("leaderboard", "{folder}", "--out", "nowhere/board.md"),
        ("rescore", "nowhere", "--reward", "length", "--out", "new"),
        ("rescore", "{folder}", "--reward", "lenth", "--out", "new"),
        ("rescore", "{folder}", "--reward", "a=length", "--reward", "a=bleu", "--out", "new"),
    ],
)
def test_bad_input_is_one_message(folder, tmp_path, monkeypatch, args):
    monkeypatch.chdir(tmp_path)
    result = run(*(str(arg).format(folder=folder) for arg in args))
    assert result.exit_code == 2
    assert "Error:" in result.output
    assert not list(tmp_path.iterdir())
