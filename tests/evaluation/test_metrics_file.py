"""The CSV of a run: new columns, torn lines, and rows that a resumed run writes again."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.logger import Logger

from textgym.evaluation import metrics_file
from textgym.evaluation.metrics_file import MetricsFile


def test_rows_come_back_with_the_columns_they_had(tmp_path):
    file = MetricsFile(tmp_path / "metrics.csv")
    file.write({"reward": 0.5}, {"reward": None}, step=10)
    file.write({"reward": np.float32(0.25), "kl": 0.125}, {"reward": None, "kl": None}, step=20)
    assert metrics_file.read(file.path) == [
        {"step": 10, "reward": 0.5},
        {"step": 20, "reward": 0.25, "kl": 0.125},
    ]
    assert file.path.read_text() == "step,reward,kl\n10,0.5,\n20,0.25,0.125\n"


def test_texts_excluded_keys_and_numbers_that_are_none_are_left_out(tmp_path):
    file = MetricsFile(tmp_path / "metrics.csv")
    file.write(
        {"note": "hello", "secret": 1.0, "loss": float("nan")}, {"note": None, "secret": ("csv",), "loss": None}, step=1
    )
    assert metrics_file.read(file.path) == [{"step": 1}]


def test_resuming_drops_the_rows_after_the_checkpoint(tmp_path):
    file = MetricsFile(tmp_path / "metrics.csv")
    for step in (10, 20, 30):
        file.write({"reward": step / 10}, {"reward": None}, step)
    MetricsFile(file.path, resume_from=20).write({"reward": 9.0}, {"reward": None}, 30)
    assert metrics_file.read(file.path) == [
        {"step": 10, "reward": 1.0},
        {"step": 20, "reward": 2.0},
        {"step": 30, "reward": 9.0},
    ]


def test_a_line_cut_short_is_not_read(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("step,reward\n10,0.5\n20,0.12")
    assert metrics_file.read(path) == [{"step": 10, "reward": 0.5}]


def test_it_is_an_output_of_sb3s_logger(tmp_path):
    logger = Logger(str(tmp_path), [MetricsFile(tmp_path / "metrics.csv")])
    logger.record_mean("rollout/reward", 1.0)
    logger.record_mean("rollout/reward", 2.0)
    logger.dump(step=5)
    logger.close()
    assert metrics_file.read(tmp_path / "metrics.csv") == [{"step": 5, "rollout/reward": 1.5}]


def test_a_training_that_begins_anew_keeps_nothing_of_an_earlier_try(tmp_path):
    MetricsFile(tmp_path / "metrics.csv").write({}, {}, 0)  # before the first rollout; a kill, and no checkpoint yet
    file = MetricsFile(tmp_path / "metrics.csv")
    file.write({}, {}, 0)
    file.write({"a": 1.0}, {}, 10)
    assert metrics_file.read(tmp_path / "metrics.csv") == [{"step": 0.0}, {"step": 10.0, "a": 1.0}]
