"""The table of many benches: ranks with intervals, and what does not belong in one table."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from textgym.bench import leaderboard_page
from textgym.bench.leaderboard import leaderboard
from textgym.errors import DataError

SKILLS = {"zero_shot": 0.35, "ppo": 0.72}


@pytest.fixture(scope="module")
def folders(synthetic, tmp_path_factory):
    path = tmp_path_factory.mktemp("boards")
    synthetic(path / "trained", skills=SKILLS, runs={"zero_shot": 1, "ppo": 3})
    synthetic(path / "ours", skills={"random": 0.08, "ppo": 0.7})
    return path / "trained", path / "ours"


@pytest.fixture(scope="module")
def board(folders):
    return leaderboard(folders, resamples=300)


def test_agents_are_ranked_with_intervals(board):
    assert [entry.label for entry in board.entries][2:] == ["zero_shot", "random"]
    assert {entry.label for entry in board.entries[:2]} == {"trained:ppo", "ours:ppo"}
    assert [entry.rank.value for entry in board.entries] == [1, 2, 3, 4]
    for entry in board.entries:
        assert entry.rank.low <= entry.rank.value <= entry.rank.high
        assert set(entry.aggregates) == {"iqm", "mean", "median", "optimality_gap"}
        assert set(entry.scores) == set(board.env_ids)
    over = {entry.label: entry.aggregates["iqm"].over for entry in board.entries}
    assert over == {
        "trained:ppo": "prompts and seeds",
        "ours:ppo": "prompts",
        "zero_shot": "prompts",
        "random": "prompts",
    }
    assert any("over prompts and seeds for trained:ppo." in note for note in board.notes)


def test_the_markdown_has_a_row_an_agent_and_a_column_an_id(board):
    lines = board.to_markdown().splitlines()
    assert lines[2].startswith("| rank | agent | runs | IQM | mean | median | optimality gap | Arithmetic |")
    rows = [line for line in lines if re.match(r"\| [1-4] ", line)]
    assert len(rows) == 4
    assert {line.count("|") for line in rows} == {lines[2].count("|")}


def test_the_page_is_small_and_needs_no_network(board):
    page = leaderboard_page.render(board)
    assert len(page) < 60_000
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert page.count("<tr>") == 5
    assert page.count('aria-sort="ascending"') == 1


def test_labels_cannot_write_into_the_page(synthetic, tmp_path):
    synthetic(tmp_path / "bench", skills={"<script>a": 0.5, "b|c": 0.6})
    board = leaderboard([tmp_path / "bench"], resamples=100)
    assert "<script>a" not in leaderboard_page.render(board)
    assert "&lt;script&gt;a" in leaderboard_page.render(board)
    assert "b·c" in board.to_markdown()


def test_a_missing_cell_takes_its_id_out_for_all(synthetic, tmp_path):
    synthetic(tmp_path / "bench", skills=SKILLS, missing=[("ppo", 0, "TextGen-Story-v0")])
    board = leaderboard([tmp_path / "bench"], resamples=100)
    assert "TextGen-Story-v0" not in board.aggregate_ids
    assert "Missing: ppo on TextGen-Story-v0, run 0." in board.notes
    (row,) = [row for row in board.cells() if row[1] == "ppo"]
    assert row[-1] is None
    assert "–" in board.to_markdown()


def test_vocabularies_may_differ_and_are_told(synthetic, tmp_path):
    bench = synthetic(tmp_path / "bench", skills=SKILLS)
    for cell in bench.cells().values():
        if cell.agent == "ppo":
            bench.add(replace(cell, hashes={**cell.hashes, "tokenizer": "own"}), bench.episodes(cell.key))
    assert any("different vocabularies" in note for note in leaderboard([tmp_path / "bench"], resamples=100).notes)


def changed(bench, **values):
    for cell in bench.cells().values():
        bench.add(replace(cell, **values), bench.episodes(cell.key))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda bench: changed(bench, hashes={"tokenizer": "vocabulary0", "task": "new", "agent": ""}),
            "hash of the task",
        ),
        (lambda bench: changed(bench, versions={"textgym": "7.0.0"}), "major version of textgym is '0' .* '7'"),
        (lambda bench: changed(bench, env_kwargs={"level": 2}), "options of the environment"),
        (lambda bench: changed(bench, prompt_hash="new"), "hash of the prompts"),
    ],
)
def test_results_of_other_tasks_and_versions_are_refused(synthetic, folders, tmp_path, change, words):
    bench = synthetic(tmp_path / "other", skills={"a": 0.5})
    change(bench)
    with pytest.raises(DataError, match=words) as error:
        leaderboard([folders[0], tmp_path / "other"])
    assert str(folders[0]) in str(error.value)
    assert str(tmp_path / "other") in str(error.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"episodes": 10}, "number of episodes is 12 .* and 10"),
        ({"env_ids": ("TextGen-Arithmetic-v1",)}, "version of TextGen-Arithmetic is 'v0' .* 'v1'"),
    ],
)
def test_results_of_other_sizes_and_ids_are_refused(synthetic, folders, tmp_path, options, words):
    synthetic(tmp_path / "other", skills={"a": 0.5}, **options)
    with pytest.raises(DataError, match=words):
        leaderboard([folders[0], tmp_path / "other"])


def test_agents_with_no_id_in_common_have_no_table(synthetic, tmp_path):
    synthetic(tmp_path / "one", skills={"a": 0.5}, env_ids=("TextGen-Story-v0",))
    synthetic(tmp_path / "two", skills={"b": 0.5}, env_ids=("TextGen-Arithmetic-v0",))
    with pytest.raises(DataError, match=r"a: TextGen-Story-v0\. b: TextGen-Arithmetic-v0\."):
        leaderboard([tmp_path / "one", tmp_path / "two"])
