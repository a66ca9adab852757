"""Options of an environment on the command line, and training on data of one's own with them."""

from __future__ import annotations

import csv
import json

import pytest
from typer.testing import CliRunner

from textgym.cli.main import app
from textgym.cli.options import env_kwargs
from textgym.errors import OptionError
from textgym.evaluation import Report, Run

runner = CliRunner()
CHARACTERS = "chars:0123456789+="
ROWS = [{"question": f"{a}+{b}=", "answer": str(a + b)} for a in range(10) for b in range(10)]


def run(*args):
    return runner.invoke(app, [str(arg) for arg in args])


def write(form, folder):
    """Returns the place of the rows: a JSONL, a CSV, or a folder in the format of `datasets`."""
    path = folder / f"sums.{form}"
    if form == "jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    elif form == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["question", "answer"])
            writer.writeheader()
            writer.writerows(ROWS)
    else:
        pytest.importorskip("datasets").Dataset.from_list(ROWS).save_to_disk(path)
    return path


def options(data):
    given = {"data": data, "prompt": "question", "references": "answer", "tokenizer": CHARACTERS}
    given |= {"max_prompt_tokens": 5, "max_new_tokens": 3}
    return [word for name, value in given.items() for word in ("--env", f"{name}={value}")]


@pytest.mark.parametrize("form", ["jsonl", "csv", "datasets"])
def test_data_of_ones_own_trains(form, tmp_path):
    data = write(form, tmp_path)
    small = ["--model", "scratch", "--timesteps", 200, "--n-envs", 8, "--set", "n_steps=4", "--episodes", 8]
    result = run("train", "TextGen-Custom-v0", *options(data), "--reward", "token_f1", *small, "--out", tmp_path / "r")
    assert result.exit_code == 0, result.output
    config = Run.open(tmp_path / "r").config
    assert config.env_kwargs["data"] == str(data)
    assert config.env_kwargs["max_new_tokens"] == 3
    assert config.env_kwargs["reward"] == "token_f1"
    before = Run.open(tmp_path / "r").report("before")
    assert {episode.prompt for episode in before.episodes} <= {row["question"] for row in ROWS}

    result = run("train", "--resume", tmp_path / "r", "--timesteps", 300)
    assert result.exit_code == 0, result.output
    result = run("train", "--resume", tmp_path / "r", "--env", "max_new_tokens=4")
    assert (result.exit_code, "leave out --env" in result.stderr) == (2, True)

    args = ["evaluate", tmp_path / "r", "TextGen-Custom-v0", "--episodes", 8, "--json", tmp_path / "report.json"]
    result = run(*args)
    assert result.exit_code == 0, result.output
    assert f"as in training: data='{data}'" in result.output
    report = Report.load(tmp_path / "report.json")
    assert [episode.prompt for episode in report.episodes] == [episode.prompt for episode in before.episodes]
    (data.parent / "other.jsonl").write_text('{"question": "1+1=", "answer": "2", "split": "test"}\n' * 3)
    result = run(*args, "--env", f"data={data.parent / 'other.jsonl'}")
    assert result.exit_code == 0, result.output
    assert {episode.prompt for episode in Report.load(tmp_path / "report.json").episodes} == {"1+1="}


def test_play_and_show_take_them(tmp_path):
    data = write("jsonl", tmp_path)
    result = runner.invoke(app, ["play", "TextGen-Custom-v0", *options(data)], input="3\n\n")
    assert result.exit_code == 0, result.output
    assert "token_f1" in result.output
    result = run("show", "TextGen-Arithmetic-v0", "--env", "level=2", "--env", "max_digits=1")
    assert result.exit_code == 0, result.output


def test_options_are_json_or_text():
    given = env_kwargs(["a=1", "b=one", 'c=["x", "y"]', "d=true", "e=x=y", "f="], reward="length", gamma=None)
    assert given == {"reward": "length", "a": 1, "b": "one", "c": ["x", "y"], "d": True, "e": "x=y", "f": ""}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["level"], r"--env takes KEY=VALUE, such as level=2\. Actual value: 'level'"),
        (["=2"], "KEY=VALUE"),
        (["level=1", "level=2"], r"level of the environment was given twice: --env level=1 and --env level=2"),
        (["reward=bleu"], r"reward .* was given twice: --reward and --env reward=bleu"),
        (["seed=3"], r"seed is no option of an environment\. Actual value: --env seed=3"),
    ],
)
def test_malformed_options(settings, message):
    with pytest.raises(OptionError, match=message):
        env_kwargs(settings, reward="length")


def test_unknown_options_are_told_by_the_environment(tmp_path):
    for command in (["show"], ["play"], ["evaluate", "tiny"], ["train", "--out", str(tmp_path / "r")]):
        name, *rest = command
        result = run(name, *rest, "TextGen-Arithmetic-v0", "--env", "levl=2")
        assert result.exit_code == 2, result.output
        assert "Did you mean 'level'" in result.stderr
    assert not (tmp_path / "r").exists()
