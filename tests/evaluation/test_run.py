"""The run folder: what makes a folder a run, and which of its checkpoints count."""

from __future__ import annotations

import json
import os

import pytest

from textgym.errors import RunError
from textgym.evaluation import Run, RunConfig, evaluate

CONFIG = RunConfig("TextGen-Numbers-v0", "ppo", "scratch", 1000, {"gamma": 0.9}, hyperparameters={"n_epochs": 2})


class Notes:
    """What a run asks of an agent that it checkpoints."""

    def __init__(self, fails=False):
        self.fails = fails

    def save(self, folder):
        folder.mkdir()
        (folder / "weights").write_text("half")
        if self.fails:
            raise KeyboardInterrupt
        (folder / "weights").write_text("whole")


def test_a_run_opens_as_it_was_created(tmp_path):
    Run.create(tmp_path / "run", CONFIG)
    assert Run.open(tmp_path / "run").config == CONFIG


def test_versions_name_the_software_and_the_machine_but_not_its_owner(tmp_path):
    Run.create(tmp_path / "run", CONFIG)
    text = (tmp_path / "run" / "versions.json").read_text()
    content = json.loads(text)
    assert {"python", "textgym", "torch"} <= set(content["software"])
    assert content["machine"]["cores"] >= 1
    assert os.uname().nodename not in text


@pytest.mark.parametrize("content", ["file", "folder"])
def test_what_is_there_is_never_written_over(tmp_path, content):
    path = tmp_path / "mine"
    if content == "file":
        path.write_text("precious")
    else:
        path.mkdir()
        (path / "precious").touch()
    with pytest.raises(RunError, match="--resume"):
        Run.create(path, CONFIG)


def test_an_empty_folder_may_become_a_run(tmp_path):
    assert Run.create(tmp_path, CONFIG).path == tmp_path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "cannot be read"),
        ("[]", "schema"),
        ('{"schema": "textgym.agent"}', "schema"),
        ('{"schema": "textgym.run", "schema_version": 99}', "99"),
        ('{"schema": "textgym.run", "schema_version": 1}', "another textgym"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(RunError, match=message) as error:
        Run.open(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_a_run_of_the_version_before_is_read(tmp_path):
    """It made no evaluations while training."""
    run = Run.create(tmp_path / "run", CONFIG)
    content = json.loads((run.path / "config.json").read_text())
    for name in ("eval_every", "eval_episodes", "best", "wandb"):
        del content[name]
    (run.path / "config.json").write_text(json.dumps({**content, "schema_version": 1}))
    assert Run.open(run.path).config == CONFIG
    run.extend(2000)  # and is written as it is written today
    assert Run.open(run.path).config.total_timesteps == 2000
    (run.path / "config.json").write_text(json.dumps({**content, "schema_version": 2}))
    with pytest.raises(RunError, match="another textgym"):
        Run.open(run.path)


def test_the_best_checkpoint_is_never_swept(tmp_path):
    run = Run.create(tmp_path, CONFIG)
    assert run.best_evaluation() is None
    for name in ("best", "best.part", "best.part.part", "best.previous"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / "checkpoints" / name / "evaluation.json").write_text(json.dumps({"step": name}))
    run.save_checkpoint(Notes(), 5)
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"best", "step_00000005"}
    assert run.best_evaluation() == {"step": "best"}
    run.best.rename(tmp_path / "checkpoints" / "best.previous")  # a kill between the two renames of the next one
    run.save_checkpoint(Notes(), 6)
    assert run.best_evaluation() == {"step": "best"}


def test_what_the_run_needs_is_saved_with_the_agent(tmp_path):
    run = Run.create(tmp_path, CONFIG)
    run.save_checkpoint(Notes(), 5, {"logged": [1.5]})
    assert run.progress(5) == {"logged": [1.5]}
    assert run.progress(6) == run.progress(0) == {}


def test_the_newest_checkpoints_are_kept(tmp_path):
    run = Run.create(tmp_path, CONFIG)
    for step in (5, 10, 100_000_000):
        path = run.save_checkpoint(Notes(), step)
        assert (path / "weights").read_text() == "whole"
    assert list(run.checkpoints()) == [10, 100_000_000]


def test_a_checkpoint_that_was_cut_short_does_not_count(tmp_path):
    run = Run.create(tmp_path, CONFIG)
    run.save_checkpoint(Notes(), 5)
    with pytest.raises(KeyboardInterrupt):
        run.save_checkpoint(Notes(fails=True), 6)
    assert list(run.checkpoints()) == [5]


def test_what_a_kill_left_behind_is_ignored_and_swept(tmp_path):
    run = Run.create(tmp_path, CONFIG)
    leftover = tmp_path / "checkpoints" / "step_00000007.part"
    leftover.mkdir(parents=True)
    (leftover / "weights").write_text("half")
    assert run.checkpoints() == {}
    run.save_checkpoint(Notes(), 8)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_00000008"]


def test_a_run_can_be_made_longer(tmp_path):
    Run.create(tmp_path, CONFIG).extend(5000)
    assert Run.open(tmp_path).config.total_timesteps == 5000


def test_reports_are_found_by_name(tmp_path):
    run = Run.create(tmp_path, CONFIG)
    assert run.report("before") is None
    report = evaluate(lambda prompt: "1", "TextGen-Numbers-v0", episodes=2)
    report.save(tmp_path / "before.json")
    assert run.report("before") == report
