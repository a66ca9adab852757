"""Learning curves of algorithms: numbers worked by hand, and runs that were resumed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from textgym.bench import curves
from textgym.bench.curves import Series
from textgym.errors import OptionError, RunError
from textgym.evaluation.run import Run, RunConfig

REWARD, ELAPSED, UPDATES = curves.REWARD, curves.ELAPSED, curves.UPDATES


def line(end: float, steps: int = 100) -> Series:
    """A reward that rises from 0 to ``end``; a token takes a tenth of a second, an update ten tokens."""
    at = np.linspace(10.0, steps, 10)
    return Series(at, at / 10, at / 10, (at - 10) / (steps - 10) * end)


def write_run(path: Path, rewards: list[float], env_id: str = "TextGen-Target-v0") -> Path:
    run = Run.create(path, RunConfig(env_id, "ppo", "scratch", 100))
    rows = [f"{10 * (i + 1)},{i},{2 * i},{reward}" for i, reward in enumerate(rewards)]
    (run.path / "metrics.csv").write_text("\n".join([f"step,{ELAPSED},{UPDATES},{REWARD}", *rows]) + "\n")
    return path


def test_the_mean_runs_through_the_middle_of_the_seeds() -> None:
    found = curves.curve([line(0.5), line(1.0)], "steps")
    assert found.at[0] == 10
    assert found.at[-1] == 100
    np.testing.assert_allclose(found.mean, (found.at - 10) / 90 * 0.75, atol=1e-12)
    assert (found.low <= found.mean).all()
    assert (found.high >= found.mean).all()
    assert found.high[-1] - found.low[-1] > found.high[1] - found.low[1]


@pytest.mark.parametrize(("axis", "end"), [("seconds", 10.0), ("updates", 10.0)])
def test_other_axes(axis: str, end: float) -> None:
    assert curves.curve([line(1.0)], axis).at[-1] == end


def test_a_curve_ends_where_the_shortest_run_ends() -> None:
    assert curves.curve([line(1.0, 100), line(1.0, 60)], "steps").at[-1] == 60


def test_an_unknown_axis_is_refused() -> None:
    with pytest.raises(OptionError, match="episodes"):
        curves.curve([line(1.0)], "episodes")


def test_area_and_tokens_to_a_threshold() -> None:
    found = curves.learning([line(1.0), line(0.5)], 0.6)
    # ∫ of a triangle of 90 tokens and height 1, over 100 tokens: 0.45; of half the height: 0.225.
    assert found.area[0] == pytest.approx((0.45 + 0.225) / 2)
    assert found.area[1] < 0.225 + 0.05
    assert found.to_threshold == (70.0, None)  # 10 + 90 · 0.6 = 64, and the log after that is at 70


def test_the_clock_of_a_resumed_run_goes_on() -> None:
    rows = [
        {"step": 10.0, ELAPSED: 5.0, UPDATES: 2.0, REWARD: 0.1},
        {"step": 20.0, ELAPSED: 9.0, UPDATES: 4.0, REWARD: 0.2},
        {"step": 30.0, ELAPSED: 4.0, UPDATES: 6.0, REWARD: 0.3},  # resumed at 20 tokens
        {"step": 30.0, UPDATES: 6.0},  # the last update is logged by itself
    ]
    found = curves.read(rows)
    assert found is not None
    assert found.seconds.tolist() == [5, 9, 13]
    assert found.updates.tolist() == [2, 4, 6]


def test_runs_that_learn_without_a_reward_have_no_curve(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "sft", RunConfig("TextGen-Target-v0", "sft", "scratch", 100))
    (run.path / "metrics.csv").write_text("step,train/loss\n10,1.0\n")
    assert curves.of_runs({"sft": [run.path]}) == {}
    with pytest.raises(RunError):
        curves.of_runs({"x": [tmp_path / "nowhere"]})


def test_the_files_of_any_runs(tmp_path: Path) -> None:
    runs = {
        "fast": [write_run(tmp_path / "f0", [0.0, 0.8, 1.0]), write_run(tmp_path / "f1", [0.2, 0.6, 1.0])],
        "slow": [write_run(tmp_path / "s0", [0.0, 0.1, 0.2]), write_run(tmp_path / "n0", [0, 1], "TextGen-Numbers-v0")],
    }
    learnt = curves.of_runs(runs, {"TextGen-Target-v0": 0.7})
    curves.write(tmp_path / "out", learnt)
    content = json.loads((tmp_path / "out" / "curves.json").read_text())
    band = content["fast"]["TextGen-Target-v0"]
    assert len(band["steps"]) == len(band["mean"]) == len(band["low"]) == len(band["high"]) == curves.POINTS
    assert band["mean"][-1] == 1.0
    assert band["by"]["updates"]["x"][-1] == 4
    assert band["tokens_to_threshold"] == [20.0, 30.0]
    assert set(content["slow"]) == {"TextGen-Target-v0", "TextGen-Numbers-v0"}
    page = (tmp_path / "out" / "curves.md").read_text()
    assert "| fast | 2 | 0.450 [" in page  # (0 + 4 + 9) / 30 and (2 + 4 + 8) / 30
    assert "| – | 0 of 1 |" in page
    assert (tmp_path / "out" / "curves.png").stat().st_size > 10_000
