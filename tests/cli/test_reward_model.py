"""Reward models from the command line: from a CSV to a policy, and what bad feedback is told."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from textgym import rewards
from textgym.cli.main import app
from textgym.evaluation import Report

ROOT = Path(__file__).resolve().parents[2]
TEXTGYM = [sys.executable, "-P", "-c", "from textgym.cli import main; main()"]
FAST = ["--epochs", "0.4", "--set", "head_learning_rate=0.003", "--set", "checks_per_epoch=8"]

runner = CliRunner()


def run(*args):
    return runner.invoke(app, ["reward-model", *(str(arg) for arg in args)])


@pytest.fixture(scope="module")
def feedback(tmp_path_factory):
    """The feedback of the examples, with a group, and with rows that cannot be used."""
    with (ROOT / "examples" / "feedback.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["text", "label"]
    grouped = [[*row, "shop" if i % 2 else "bank"] for i, row in enumerate(rows)]
    path = tmp_path_factory.mktemp("data") / "feedback.csv"
    broken = [["too", "many", "fields", "here"], ["", "positive", "shop"], grouped[0]]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "label", "branch"], *grouped, *broken])
    return path


@pytest.fixture(scope="module")
def trained(feedback, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "rm"
    result = run("train", feedback, "--out", path, *FAST)
    assert result.exit_code == 0, result.output
    return path, result.output


@pytest.mark.slow
def test_from_a_csv_to_a_policy_in_the_three_commands_of_the_readme(tmp_path):
    """The README's own lines, as a user types them, made short by options at their end."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = next(
        found for found in re.findall(r"^```bash\n(.*?)^```", text, re.M | re.S) if "reward-model train" in found
    )
    commands = [shlex.split(line, comments=True) for line in block.splitlines() if line.strip()]
    assert [command[:2] for command in commands] == [
        ["textgym", name] for name in ("reward-model", "train", "evaluate")
    ]
    small = [
        FAST,
        ["--timesteps", "3000", "--n-envs", "32", "--episodes", "32"],
        ["--episodes", "32", "--json", "report.json"],
    ]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for command, options in zip(commands, small, strict=True):
        done = subprocess.run(
            [*TEXTGYM, *command[1:], *options],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    model, policy = (tmp_path / command[command.index("--out") + 1] for command in commands[:2])
    after = Report.load(policy / "after.json")
    assert after.reward.startswith("reward_model(model=")
    assert Path(re.findall(r"'(.*)'", after.reward)[0]).name == model.name
    assert len(Report.load(tmp_path / "report.json").episodes) == 32


def test_it_shows_the_columns_the_rows_and_what_could_not_be_used(trained):
    path, output = trained
    assert "labels: text from 'text', label from 'label'" in output
    assert re.search(r"rows: 1,\d+ train, \d+ validation, \d+ test", output)
    assert "labels: negative, neutral, positive" in output
    problems = [json.loads(line) for line in (path / "problems.jsonl").read_text(encoding="utf-8").splitlines()]
    assert f"{len(problems)} rows could not be used" in output
    assert all(re.fullmatch(r"feedback\.csv, lines? \d+( to \d+)?", problem["place"]) for problem in problems)
    for reason, problem in zip(
        ("4 fields where the header has 3", "text is empty", "repeats line 2"), problems[-3:], strict=True
    ):
        assert reason in problem["reason"]
    assert "accuracy" in output
    assert str(path) in output.replace("\n", "")


def test_it_learnt(trained):
    accuracy = json.loads((trained[0] / "quality.json").read_text(encoding="utf-8"))["metrics"]["accuracy"]["value"]
    assert accuracy > 0.7  # one label in twelve is wrong; the commonest label is right in less than half


def test_evaluate_by_group_and_by_pairs(trained, feedback, tmp_path):
    path, _ = trained
    files = ["--json", tmp_path / "quality.json", "--plot", tmp_path / "reliability.png"]
    result = run("evaluate", path, feedback, "--column", "group=branch", *files)
    assert result.exit_code == 0, result.output
    assert "accuracy, bank" in result.output
    quality = json.loads((tmp_path / "quality.json").read_text(encoding="utf-8"))
    assert {group["name"] for group in quality["groups"]["accuracy"]["groups"]} == {"bank", "shop"}
    assert (tmp_path / "reliability.png").stat().st_size > 1000
    pairs = run("evaluate", path, feedback, "--pairs")
    assert "pairwise_accuracy" in pairs.output


def test_score_adds_a_column(trained, tmp_path):
    path, _ = trained
    data = tmp_path / "answers.jsonl"
    rows = [
        {"question": "How was it?", "answer": "It is lovely, thank you!"},
        {"question": "And?", "answer": "It broke."},
    ]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = run("score", path, data, "--prompt", "question", "--text", "answer")
    assert result.exit_code == 0, result.output
    scored = [json.loads(line) for line in result.stdout.splitlines()]
    assert [{name: row[name] for name in ("question", "answer")} for row in scored] == rows
    expected = rewards.make(path).score(["How was it?", "And?"], [" It is lovely, thank you!", " It broke."]).total
    assert [row["score"] for row in scored] == pytest.approx(expected.tolist())
    out = tmp_path / "scores.jsonl"
    assert run("score", "vader", data, "--text", "answer", "--out", out).exit_code == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 2
    missing = run("score", path, data, "--text", "anser")
    assert missing.exit_code == 2
    assert "Did you mean 'answer'" in missing.output


def test_audit_shows_every_kind_and_fails_with_what_fails(tmp_path):
    good = run("audit", "sentiment", "0.7*sentiment + 0.3*exact_match")
    assert good.exit_code == 0, good.output
    bad = run("audit", "1 - english_words")
    assert bad.exit_code == 1
    assert "empty scores" in bad.output


def test_a_kill_is_survived(feedback, tmp_path):
    command = ["reward-model", "train", str(feedback), "--out", str(tmp_path / "rm"), *FAST]
    process = subprocess.Popen([*TEXTGYM, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    work = tmp_path / "rm.training"
    deadline = time.monotonic() + 120
    while not list(work.glob("checkpoint-*/trainer_state.json")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "rm").exists()
    refused = run(*command[1:])
    assert refused.exit_code == 2
    assert "--resume" in refused.output
    resumed = run(*command[1:], "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert not work.exists()
    rewards.make(tmp_path / "rm").score(["The soup"], [" was cold."])


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("empty.csv", b"", [], "No rows"),
        ("header.csv", b"text,label\n", [], "No rows"),
        ("one.csv", b"text,label\na,good\nb,good\n", [], "one"),
        ("nan.csv", b"text,rating\na,nan\nb,NaN\n", [], "NaN"),
        ("equal.jsonl", b'{"prompt": "p", "chosen": "a", "rejected": "a"}\n', [], "equals the rejected"),
        ("labels.csv", b"text,label\na,good\nb,awful\n", ["--labels", "bad,fair"], "none of bad, fair"),
        ("latin.csv", "text,label\nb\xe9,good\n".encode("latin-1"), [], "--encoding latin-1"),
        ("which.csv", b"text,review,label\na,b,good\nc,d,bad\n", [], "--column|text="),
        ("column.csv", b"text,label\na,good\nb,bad\n", ["--column", "text=txt"], "Did you mean 'text'"),
        ("role.csv", b"text,label\na,good\nb,bad\n", ["--column", "txt=text"], "Did you mean 'text'"),
        ("set.csv", b"text,label\na,good\nb,bad\n", ["--set", "lora=8"], "lora_rank"),
        ("kind.csv", b"text,label\na,good\nb,bad\n", ["--set", "lora_rank=many"], "like 0"),
        ("loss.csv", b"text,label\na,good\nb,bad\n", ["--loss", "plackett_luce"], "no loss 'plackett_luce'"),
    ],
)
def test_bad_input_is_told(name, content, options, message, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    result = run("train", path, "--out", tmp_path / "rm", *options)
    assert result.exit_code == 2, result.output
    assert re.search(message, " ".join(result.output.split())), result.output
    assert not (tmp_path / "rm").exists()
    assert not (tmp_path / "rm.training").exists()
