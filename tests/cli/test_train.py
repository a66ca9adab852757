"""Training from the command line: the run folder, and what a kill, a Ctrl-C or a bad option leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner

from textgym import make_task
from textgym.cli import monitoring
from textgym.cli.main import app
from textgym.errors import OptionError
from textgym.evaluation import Report, Run, RunConfig, metrics_file

runner = CliRunner()
TEXTGYM = [sys.executable, "-P", "-c", "from textgym.cli import main; main()"]
NUMBERS = ["TextGen-Numbers-v0", "--n-envs", "8", "--episodes", "12", "--seed", "3", "--eval-episodes", "4"]
SHORT = ["--timesteps", "2000", "--checkpoint-every", "200", "--set", "n_steps=16", "--gamma", "0.99"]


def run(*args):
    return runner.invoke(app, [str(arg) for arg in args])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short run, uninterrupted."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    result = run("train", *NUMBERS, *SHORT, "--out", path)
    assert result.exit_code == 0, result.output
    return path, result.output


def test_the_run_folder_holds_everything(trained):
    path, _ = trained
    assert {item.name for item in path.iterdir()} == {
        "config.json",
        "versions.json",
        "metrics.csv",
        "tensorboard",
        "checkpoints",
        "before.json",
        "after.json",
        "learning_curve.png",
        "samples.md",
        "samples_over_training.md",
        "samples_over_training.jsonl",
        "report.md",
    }
    config = Run.open(path).config
    assert (config.algorithm, config.model, config.seed) == ("ppo", "scratch", 3)
    assert config.env_kwargs == {"gamma": 0.99}
    assert config.hyperparameters["n_steps"] == 16


def test_metrics_grow_with_the_tokens(trained):
    rows = metrics_file.read(trained[0] / "metrics.csv")
    steps = [row["step"] for row in rows]
    assert steps == sorted(steps)
    assert steps[-1] >= 2000
    assert {"rollout/ep_rew_mean", "rollout/completion_length", "train/loss"} <= {name for row in rows for name in row}
    assert any(name.startswith("events.out.tfevents") for name in os.listdir(trained[0] / "tensorboard"))


def test_the_best_checkpoint_on_validation_prompts_is_kept_and_said(trained, tmp_path):
    path, output = trained
    assert "The best checkpoint by success on validation prompts" in output
    config, best = Run.open(path).config, Run.open(path).best_evaluation()
    assert (config.eval_every, config.eval_episodes, config.best) == (200, 4, "success")
    curve = [row for row in metrics_file.read(path / "metrics.csv") if "eval/reward" in row]
    assert len(curve) >= 8
    assert best["value"] == pytest.approx(max(row["eval/success"] for row in curve))
    page = (path / "report.md").read_text()
    assert "## Validation" in page
    assert f"The best by `success`: {best['value']:.3f} after {best['step']:,} tokens" in page
    file = tmp_path / "best.json"
    args = ["evaluate", path / "checkpoints" / "best", "TextGen-Numbers-v0", "--split", "validation", "--seed", 3]
    result = run(*args, "--episodes", 4, "--json", file)
    assert result.exit_code == 0, result.output
    assert Report.load(file).metrics["success"].mean == best["value"]


def test_the_terminal_shows_before_and_after_and_where_the_report_is(trained):
    path, output = trained
    before, after = Run.open(path).report("before"), Run.open(path).report("after")
    (line,) = [line for line in output.splitlines() if line.startswith("reward ")]
    assert str(before.metrics["reward"]) in line
    assert str(after.metrics["reward"]) in line
    assert "samples of the same prompts" in output
    assert output.rstrip().endswith(f"Report: {path / 'report.md'}")


def test_a_run_can_be_evaluated(trained, tmp_path):
    path, _ = trained
    file = tmp_path / "report.json"
    args = ["evaluate", path, "TextGen-Numbers-v0", "--episodes", 12, "--seed", 3, "--json", file]
    result = run(*args)
    assert result.exit_code == 0, result.output
    assert str(file) in result.output
    report = Report.load(file)
    trained_on = Run.open(path).report("after").episodes
    assert [episode.completion for episode in report.episodes] == [episode.completion for episode in trained_on]
    assert run(*args).output == result.output


def test_an_untrained_model_can_be_evaluated_with_another_reward(tmp_path):
    file = tmp_path / "report.json"
    args = ["TextGen-Sentiment-v0", "--episodes", 4, "--reward", "length(target=5)", "--split", "train", "--json", file]
    result = run("evaluate", "tiny", *args)
    assert result.exit_code == 0, result.output
    report = Report.load(file)
    assert (report.reward, report.split) == ("length(target=5)", "train")


def test_play_takes_a_proposal_of_a_run(trained):
    args = ["play", "TextGen-Numbers-v0", "--model", str(trained[0]), "--top", "3"]
    result = runner.invoke(app, args, input=":1\n:9\n:3\n\n")
    assert result.exit_code == 0, result.output
    assert "There are 3 proposals. Actual value: ':9'." in result.output
    assert "finished by" in result.output


def test_reinforce_trains_too(tmp_path):
    options = ["--algo", "reinforce", "--set", "baseline=mean", "--set", "learning_rate=0.001", "--set", "n_steps=4"]
    result = run("train", "TextGen-Target-v0", *options, "--timesteps", 200, "--episodes", 8, "--out", tmp_path / "r")
    assert result.exit_code == 0, result.output
    assert Run.open(tmp_path / "r").config.hyperparameters["baseline"] == "mean"


@contextmanager
def running(*args):
    """A command in a process of its own, killed when the block ends."""
    command = [*TEXTGYM, *map(str, args)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition, process):
    end = time.monotonic() + 300  # a busy machine needs its time
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.005)


def assert_nothing_is_half_written(path):
    """Every name that counts holds a whole thing."""
    run = Run.open(path)
    for checkpoint in run.checkpoints().values():
        assert json.loads((checkpoint / "agent.json").read_text())["num_timesteps"] > 0
    for name in ("before", "after"):
        run.report(name)
    if (path / "metrics.csv").exists():
        metrics_file.read(path / "metrics.csv")


def newest(path):
    return max(Run.open(path).checkpoints(), default=0) if (path / "config.json").exists() else 0


def test_a_run_killed_at_any_moment_goes_on_to_the_same_end(trained, tmp_path):
    path = tmp_path / "killed"
    with running("train", *NUMBERS, *SHORT, "--out", path) as process:
        wait_for((path / "config.json").exists, process)  # before the first evaluation
    with running("train", "--resume", path) as process:
        wait_for(lambda: newest(path) > 600, process)  # amid the training
    assert_nothing_is_half_written(path)
    result = run("train", "--resume", path)
    assert result.exit_code == 0, result.output
    assert Report.load(path / "after.json") == Report.load(trained[0] / "after.json")
    steps = [[row["step"] for row in metrics_file.read(folder / "metrics.csv")] for folder in (path, trained[0])]
    assert steps[0] == steps[1]


def test_a_score_that_is_not_trained_can_choose_and_evaluations_can_be_left_out(tmp_path):
    options = ["--timesteps", 60, "--n-envs", 4, "--episodes", 2, "--eval-episodes", 2]
    sentiment = ["train", "TextGen-Sentiment-v0", "--reward", "vader", *options]
    result = run(*sentiment, "--eval-every", 40, "--out", tmp_path / "one")
    assert result.exit_code == 0, result.output
    assert "The best checkpoint by perplexity on validation prompts" in result.output  # vader is trained
    assert Run.open(tmp_path / "one").best_evaluation()["metric"] == "perplexity"
    result = run(*sentiment, "--eval-every", 0, "--out", tmp_path / "two")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "two" / "checkpoints" / "best").exists()
    assert not (tmp_path / "two" / "samples_over_training.md").exists()
    assert "## Validation" not in (tmp_path / "two" / "report.md").read_text()


def test_a_task_without_validation_prompts_is_trained_on_without_evaluations():
    config = RunConfig("mine", "ppo", "tiny", 1000)
    task = make_task({"train": ["a"], "test": ["b"]}, reward="length")
    assert monitoring.planned(config, task, None, None) == config
    for every, best in ((100, None), (None, "reward")):
        with pytest.raises(OptionError, match="no validation prompts"):
            monitoring.planned(config, task, every, best)


def test_ctrl_c_saves_a_checkpoint_and_says_how_to_go_on(tmp_path):
    path = tmp_path / "run"
    with running("train", *NUMBERS, *SHORT, "--out", path) as process:
        wait_for(lambda: newest(path) > 0, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert f"Go on with: textgym train --resume {path}" in errors
    assert "Traceback" not in errors
    assert newest(path) > 0
    assert not (path / "report.md").exists()
    result = run("train", "--resume", path)
    assert result.exit_code == 0, result.output
    assert (path / "report.md").exists()


def test_a_finished_run_can_go_on_for_longer(trained, tmp_path):
    path = tmp_path / "longer"
    shutil.copytree(trained[0], path)
    result = run("train", "--resume", path, "--timesteps", 2300)
    assert result.exit_code == 0, result.output
    assert "of 2,300 tokens done" in result.output
    assert newest(path) >= 2300
    assert Report.load(path / "before.json") == Report.load(trained[0] / "before.json")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], ["--resume", "textgym envs"]),
        (["TextGen-Numbers-v0", "--best", "rewrad"], ["'rewrad'", "Did you mean 'reward'"]),
        (["TextGen-Numbers-v0", "--best", "reward", "--eval-every", "0"], ["--best reward", "--eval-every 0"]),
        (["TextGen-Nmbers-v0"], ["'TextGen-Nmbers-v0'", "Did you mean 'TextGen-Numbers-v0'"]),
        (["TextGen-Numbers-v0", "--algo", "pp"], ["'pp'", "Did you mean 'ppo'"]),
        (
            ["TextGen-Numbers-v0", "--set", "learnin_rate=1"],
            ["'learnin_rate'", "Did you mean 'learning_rate'", "n_steps"],
        ),
        (["TextGen-Numbers-v0", "--set", "gamma=0.9"], ["'gamma'"]),
        (["TextGen-Numbers-v0", "--set", "n_steps"], ["'n_steps'", "KEY=VALUE"]),
        (["TextGen-Numbers-v0", "--set", "n_steps=many"], ["n_steps", "'many'"]),
        (["TextGen-Numbers-v0", "--set", "learning_rate=-1"], ["learning_rate", "-1"]),
        (["TextGen-Numbers-v0", "--set", "kl_estimator=k4"], ["'k4'"]),
        (["TextGen-Numbers-v0", "--gamma", "1.5"], ["1.5"]),
        (["TextGen-Numbers-v0", "--reward", "exact_mtch"], ["exact_mtch", "exact_match"]),
        (["TextGen-Numbers-v0", "--reward", "length +"], ["length +"]),
        (["TextGen-Numbers-v0", "--model", "no/such-model"], ["'no/such-model'"]),
        (["TextGen-Target-v0", "--model", "tiny"], ["tiny"]),
        (["TextGen-Numbers-v0", "--device", "abacus"], ["'abacus'", "cpu"]),
    ],
)
def test_bad_training_is_one_clear_message_and_leaves_no_folder(args, words, tmp_path):
    result = run("train", *args, "--out", tmp_path / "run")
    assert_refused(result, words)
    assert not (tmp_path / "run").exists()


def assert_refused(result, words):
    assert result.exit_code == 2, result.output
    assert result.stderr.count("Error: ") == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_a_run_is_never_written_over(trained):
    assert_refused(run("train", *NUMBERS, "--out", trained[0]), [str(trained[0]), "--resume"])


def test_a_folder_that_is_no_run_is_not_resumed(tmp_path):
    assert_refused(run("train", "--resume", tmp_path), [str(tmp_path), "not a run folder"])


def test_a_resumed_run_keeps_its_config(trained):
    args = ["train", "TextGen-Target-v0", "--resume", trained[0], "--seed", 4]
    assert_refused(run(*args), ["leave out ID, --seed."])
    assert_refused(run("train", "--resume", trained[0], "--timesteps", 5), ["--timesteps 5", "2000"])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["no/such/run", "TextGen-Numbers-v0"], ["'no/such/run'"]),
        (["tiny", "TextGen-Numbrs-v0"], ["Did you mean 'TextGen-Numbers-v0'"]),
        (["tiny", "TextGen-Numbers-v0", "--split", "dev"], ["'dev'"]),
        (["tiny", "TextGen-Numbers-v0", "--json", "no/such/folder/report.json"], ["no/such/folder/report.json"]),
        (["tiny", "TextGen-Target-v0"], ["tiny"]),
    ],
)
def test_bad_evaluation_is_one_clear_message(args, words):
    assert_refused(run("evaluate", *args), words)
