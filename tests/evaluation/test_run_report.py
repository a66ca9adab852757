"""What a person reads after a training run."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from textgym.evaluation import Metric, Run, RunConfig, compare, evaluate, learning_curve, run_report
from textgym.evaluation.metrics_file import MetricsFile

ID = "TextGen-Numbers-v0"


def after(prompt):
    return f"{int(prompt) + 1} {int(prompt) + 2}"


@pytest.fixture
def run(tmp_path):
    run = Run.create(tmp_path / "run", RunConfig(ID, "ppo", "scratch", 400, {"gamma": 0.9}, seed=7))
    metrics = MetricsFile(run.path / "metrics.csv")
    for step in range(1, 5):
        values = {"rollout/ep_rew_mean": step / 4, "rollout/completion_length": 20.0, "rollout/entropy": 2.0 / step}
        metrics.write(values, dict.fromkeys(values), step * 100)
    return run


@pytest.fixture(scope="module")
def reports():
    return evaluate(lambda prompt: "1", ID, episodes=12), evaluate(after, ID, episodes=12)


def test_the_report_says_what_ran_and_what_came_of_it(run, reports):
    run_report.write(run, *reports)
    page = (run.path / "report.md").read_text(encoding="utf-8")
    assert "Held-out reward **0.000 → 0.250** (+0.250) over 12 episodes of the test split." in page
    assert "| reward | 0.000 [0.000, 0.000] | 0.250 [0.250, 0.250] | +0.250 [0.250, 0.250] |  |" in page
    assert "![learning curve](learning_curve.png)" in page
    assert "| environment: gamma | 0.9 |" in page
    assert "| seed | 7 |" in page
    assert "| 1 **(0.000)** |" in page


def test_every_score_is_in_the_table(run, reports):
    run_report.write(run, *reports)
    page = (run.path / "report.md").read_text(encoding="utf-8")
    shown = [change.name for change in compare(*reports) if f"| {change.name} |" in page]
    assert shown == ["reward", "success", "length", "finish/eos", "finish/length"]  # reward/increasing is the reward


def test_samples_are_of_distinct_prompts_and_pair_the_same_one(run, reports):
    pairs = run_report.sample(*reports)
    prompts = [first.prompt for first, _ in pairs]
    assert prompts == [second.prompt for _, second in pairs]
    assert sorted(prompts) == sorted({episode.prompt for episode in reports[0].episodes})
    assert len(run_report.sample(*reports, count=3)) == 3


@pytest.mark.parametrize("text", ["a | b", "line\nbreak", "<script>", "*bold* `code`", "[link](x)"])
def test_no_completion_can_break_the_table(run, reports, text):
    first, second = reports
    spoilt = replace(second, episodes=tuple(replace(episode, completion=text) for episode in second.episodes))
    run_report.write(run, first, spoilt)
    rows = [line for line in (run.path / "samples.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    for row in rows:
        assert row.replace("\\|", "").count("|") == 4
        assert "<script>" not in row


def test_the_picture_is_drawn_with_what_was_logged(run, reports):
    run_report.write(run, *reports)
    with Image.open(run.path / "learning_curve.png") as picture:
        assert picture.size == (1350, 975)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(maxcolors=1 << 24)}
    assert (0x00, 0x72, 0xB2) in colours  # the reward's line
    assert (0x00, 0x9E, 0x73) in colours  # the entropy's
    assert (0xD5, 0x5E, 0x00) not in colours  # no KL was logged


def test_the_curve_on_validation_prompts_is_shown_and_the_best_is_named(run, reports):
    run = Run(run.path, replace(run.config, eval_every=100, best="chrf"))
    metrics = MetricsFile(run.path / "metrics.csv", resume_from=400)
    for step, reward, chosen in ((100, 0.1, 0.5), (200, 0.4, 0.25)):
        values = {"eval/reward": reward, "eval/chrf": chosen}
        metrics.write(values, dict.fromkeys(values), step)
    run_report.write(run, *reports)
    page = (run.path / "report.md").read_text(encoding="utf-8")
    assert "## Validation\n\n| tokens | reward | chrf |\n|---:|---:|---:|\n| 100 | 0.100 | 0.500 |\n" in page
    assert "The best by" not in page  # nothing was kept
    run.best.mkdir(parents=True)
    (run.best / "evaluation.json").write_text(json.dumps({"metric": "chrf", "value": 0.5, "step": 100, "scores": {}}))
    run_report.write(run, *reports)
    page = (run.path / "report.md").read_text(encoding="utf-8")
    assert "The best by `chrf`: 0.500 after 100 tokens" in page
    assert "[samples_over_training.md](samples_over_training.md)" in page


@pytest.mark.parametrize("rows", [[], [{"step": 5.0}], [{"step": 5.0, "rollout/ep_rew_mean": 1.0}]])
def test_a_run_too_short_for_a_curve_still_has_a_picture(tmp_path, rows):
    path = learning_curve.draw(tmp_path / "curve.png", "short", rows, Metric(0, 0, 0), Metric(1, 1, 1))
    assert path.stat().st_size > 1000


def test_the_moving_average_by_hand():
    # d = ½: 8; (4 + 0) / 1.5 = 8/3; (2 + 0 + 4) / 1.75 = 24/7.
    np.testing.assert_allclose(learning_curve.moving_average([8.0, 0.0, 4.0], half_life=1), [8.0, 8 / 3, 24 / 7])
