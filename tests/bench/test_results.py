"""The folder of a bench: what is written comes back, and what is damaged is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from textgym.bench import Bench, BenchConfig, Cell, EpisodeRecord
from textgym.errors import DataError, OptionError
from textgym.evaluation.report import Metric

SORT, COPY = "TextGen-Sort-v0", "TextGen-Copy-v0"
CONFIG = BenchConfig({"ours": ("a", "b"), "random tokens": ("random",)}, (SORT, COPY), episodes=2)


def episode(index: int) -> EpisodeRecord:
    return EpisodeRecord(
        index, index, "ba=", ("ab",), "ab", (1, 4, 3), (3, 4, 2), (1, 1, 1), 1.0, 1.0, {"exact_match": 1.0}, "eos", 3,
        True, metrics={"position_accuracy": 1.0}, tokens=("<bos>", "b", "a", "=", "a", "b", "<eos>"), seed=0,
        log_probs=(-0.5, -0.25, None), rewards=(0.0, 0.0, 1.0),
    )  # fmt: skip


def cell(agent: str, run: int, env_id: str, score: float, vocabulary: str = "x") -> Cell:
    metric = Metric(score, score, score)
    return Cell(
        agent, run, CONFIG.agents[agent][run], env_id, {}, "test", 0, 2, False, "exact_match", 1.0,
        {"tokenizer": vocabulary, "task": "t", "agent": ""}, {"reward": metric, "length": metric}, metric, None, None,
        {"seconds": 1.0}, {"python": "3"}, "p",
    )  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench.create(tmp_path / "bench", CONFIG)
    bench.add(cell("ours", 0, SORT, 0.25), [episode(0), episode(1)])
    bench.add(cell("ours", 1, SORT, 0.75), [episode(0), episode(1)])
    bench.add(cell("random tokens", 0, SORT, 0.0), [episode(0), episode(1)])
    return bench


def test_what_was_written_comes_back(bench: Bench) -> None:
    opened = Bench.open(bench.path)
    assert opened.config == CONFIG
    assert opened.cells()["ours", 1, SORT] == cell("ours", 1, SORT, 0.75)
    assert opened.episodes(("ours", 0, SORT)) == [episode(0), episode(1)]
    assert opened.missing() == [("ours", 0, COPY), ("ours", 1, COPY), ("random tokens", 0, COPY)]


def test_a_missing_cell_is_nan_and_never_a_number(bench: Bench) -> None:
    agents, env_ids, values = bench.matrix()
    assert (agents, env_ids, values.shape) == (("ours", "random tokens"), (SORT, COPY), (2, 2, 2))
    np.testing.assert_array_equal(values[:, :, 0], [[0.25, 0.75], [0.0, np.nan]])
    assert np.isnan(values[:, :, 1]).all()


def test_a_name_that_no_cell_has_is_refused_with_a_suggestion(bench: Bench) -> None:
    with pytest.raises(OptionError, match="Did you mean 'reward'"):
        bench.matrix("rewards")


def test_metrics_that_count_tokens_are_not_set_beside_each_other_in_different_vocabularies(bench: Bench) -> None:
    bench.add(cell("random tokens", 0, SORT, 0.0, vocabulary="y"), [episode(0), episode(1)])
    assert bench.matrix("reward")[2][0, 0, 0] == 0.25
    with pytest.raises(DataError, match=rf"counts tokens.*{SORT}.*different vocabularies"):
        bench.matrix("length")


@pytest.mark.parametrize("file", ["bench.json", f"cells/ours/0/{SORT}/cell.json"])
def test_another_schema_version_is_refused_by_file_and_value(bench: Bench, file: str) -> None:
    path = bench.path / file
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(DataError, match=r"schema version 99; this textgym reads 1") as caught:
        Bench.open(bench.path).cells()
    assert Path(file).name in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text[:-30], "truncated: its line 2 has no end"),
        (lambda text: text.splitlines(keepends=True)[0], "should have 2 lines. Actual value: 1"),
        (lambda text: text.replace('"reward": 1.0', '"reward": NaN', 1), "line 1 is no episode: it holds NaN"),
        (lambda text: text.replace('"seed": 0, ', "", 1), "lacks a field or has one too many: seed"),
        (lambda text: text.replace("[-0.5, -0.25, null]", "[-0.5]", 1), "should have 3 log_probs"),
        (lambda text: "{" + text, "line 1 is no episode"),
    ],
)
def test_damaged_episodes_are_refused_with_their_line(bench: Bench, spoil, message: str) -> None:
    path = bench.folder(("ours", 0, SORT)) / "episodes.jsonl"
    path.write_text(spoil(path.read_text()))
    with pytest.raises(DataError, match=message):
        bench.episodes(("ours", 0, SORT))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace('"mean": 0.25', '"mean": NaN', 1), "holds NaN"),
        (lambda text: text.replace('"mean": 0.25', '"mean": "much"', 1), "no metric"),
        (lambda text: text.replace('"gamma": 1.0,', "", 1), "one too many: gamma"),
        (lambda text: text.replace('"agent": "ours"', '"agent": "theirs"', 1), "Actual value: the cell"),
        (lambda text: text[:40], "cannot be read"),
    ],
)
def test_damaged_cells_are_refused(bench: Bench, spoil, message: str) -> None:
    path = bench.folder(("ours", 0, SORT)) / "cell.json"
    path.write_text(spoil(path.read_text()))
    with pytest.raises(DataError, match=message):
        bench.cells()


def test_numbers_that_are_none_are_not_written(bench: Bench) -> None:
    broken = replace(cell("ours", 0, COPY, 0.0), metrics={"reward": Metric(float("nan"), 0.0, 0.0)})
    with pytest.raises(ValueError, match="JSON compliant"):
        bench.add(broken, [episode(0), episode(1)])
    assert ("ours", 0, COPY) in bench.missing()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agents": {}}, "needs an agent"),
        ({"env_ids": ()}, "needs an environment"),
        ({"env_ids": (SORT, SORT)}, "named twice"),
        ({"agents": {"a b": ("x",), "a/b": ("y",)}}, "The agent 'a_b' is named twice"),
        ({"agents": {"a": ("x", "x")}}, "no second run"),
        ({"agents": {"..": ("x",)}}, "needs a letter"),
        ({"episodes": 0}, "episodes must be"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_a_config_that_cannot_be_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        replace(CONFIG, **changes)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(OptionError, match="not empty, and holds no bench"):
        Bench.create(tmp_path, CONFIG)
    with pytest.raises(DataError, match="holds no bench"):
        Bench.open(tmp_path)


def test_another_config_in_the_same_folder_is_told_by_its_field(bench: Bench) -> None:
    with pytest.raises(OptionError, match=r"with episodes = 2. Actual value: 3"):
        Bench.create(bench.path, replace(CONFIG, episodes=3))
