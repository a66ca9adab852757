"""Agents set against each other: what is paired, what is corrected, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from textgym import evaluate
from textgym.bench import Bench, contenders
from textgym.bench.compare import compare
from textgym.errors import DataError, OptionError
from textgym.evaluation import Run, RunConfig

NUMBERS, TARGET = "TextGen-Numbers-v0", "TextGen-Target-v0"


def test_a_constant_gain_is_certain_over_prompts_and_shown(counters):
    (pair,) = compare([f"{counters.path}:long", f"{counters.path}:oracle"], resamples=500).pairs
    (row,) = pair.rows
    # The oracle writes 8 numbers of 8, the other 5 (fewer where they would pass 99).
    gain = np.mean(
        [
            b.reward - a.reward
            for a, b in zip(
                counters.episodes(("long", 0, NUMBERS)), counters.episodes(("oracle", 0, NUMBERS)), strict=True
            )
        ]
    )
    assert row.difference.value == pytest.approx(gain)
    assert row.difference.over == "prompts"
    assert row.p < 0.001
    assert row.sign == pair.sign == 1


def test_two_runs_are_not_taken_for_certainty(counters):
    # Two runs, of 2 and of 3 numbers: against 5 the test over prompts is sure, and the interval over seeds is not.
    (pair,) = compare([f"{counters.path}:short", f"{counters.path}:long"], resamples=500).pairs
    (row,) = pair.rows
    assert row.difference.over == "prompts and seeds"
    assert row.p < 0.001
    assert row.difference.low < 0 < row.difference.high
    assert row.sign == 0


def test_every_agent_meets_the_first_and_all_tests_are_corrected_together(counters):
    comparison = compare([str(counters.path)], resamples=500)
    assert [(pair.before, pair.after) for pair in comparison.pairs] == [
        ("short", "long"),
        ("short", "random"),
        ("short", "oracle"),
    ]
    rows = sorted((row for pair in comparison.pairs for row in pair.rows), key=lambda row: row.p)
    assert rows[0].p_holm == pytest.approx(3 * rows[0].p)
    assert all(row.p <= row.p_holm <= 1 for row in rows)


def test_many_ids_and_runs_have_aggregates(synthetic, tmp_path):
    synthetic(tmp_path / "bench", runs={"random": 1, "zero_shot": 3, "ppo": 4}, episodes=16)
    spec = str(tmp_path / "bench")
    first, second = compare([spec], resamples=500).pairs
    assert first.p_seeds is None  # one run of the first agent
    (pair,) = compare([f"{spec}:zero_shot", f"{spec}:ppo"], resamples=500).pairs
    assert pair.iqm_difference.low > 0
    assert pair.iqm_difference.value == pytest.approx(pair.iqm_after.value - pair.iqm_before.value)
    assert pair.iqm_difference.over == pair.probability.over == "prompts and seeds"
    assert pair.probability.value > 0.9
    assert pair.p_seeds < 0.1
    assert second.sign == pair.sign == 1


def test_an_agent_does_not_beat_itself_under_another_seed(play_bench, tmp_path):
    for seed in (3, 4):
        play_bench(tmp_path / str(seed), {"random": ("random",)}, [NUMBERS, TARGET], seed=seed)
    comparison = compare([str(tmp_path / "3"), str(tmp_path / "4")], resamples=500)
    (pair,) = comparison.pairs
    assert (pair.before, pair.after) == ("3:random", "4:random")
    assert pair.sign == 0
    assert all(row.sign == 0 for row in pair.rows)
    assert comparison.verdict(pair) == "4:random is ahead on 0 and behind on 0 of 2 ids (Holm, 5%)."


def test_missing_cells_are_shown_and_left_out(synthetic, tmp_path):
    labels = {"a": 0.3, "b": 0.5}
    gone = ("b", 1, "TextGen-Story-v0")
    synthetic(tmp_path / "bench", skills=labels, runs=2, missing=[gone])
    comparison = compare([str(tmp_path / "bench")], resamples=200)
    (pair,) = comparison.pairs
    assert pair.missing == {"TextGen-Story-v0": "missing: b, run 1"}
    assert "TextGen-Story-v0" not in [row.env_id for row in pair.rows]
    assert "TextGen-Story-v0" not in pair.aggregate_ids
    assert "| TextGen-Story-v0 | – | – | – | – | – | – | missing: b, run 1 |" in comparison.to_markdown()


def test_reports_and_runs_compare_too(tmp_path):
    before = evaluate(lambda prompt: "1", NUMBERS, episodes=12)
    after = evaluate(lambda prompt: f"{int(prompt) + 1}", NUMBERS, episodes=12)
    before.save(tmp_path / "before.json")
    run = Run.create(tmp_path / "run", RunConfig(NUMBERS, "ppo", "scratch", 400))
    with pytest.raises(DataError, match="no evaluation after training yet"):
        contenders.load(str(run.path))
    after.save(run.path / "after.json")
    (pair,) = compare([str(tmp_path / "before.json"), str(run.path)], resamples=200).pairs
    assert (pair.before, pair.after) == ("before", "run")
    assert pair.rows[0].difference[:3] == pytest.approx((0.125, 0.125, 0.125))
    assert pair.iqm_difference is None


def test_other_scores_are_higher_or_lower(counters):
    comparison = compare([f"{counters.path}:long", f"{counters.path}:oracle"], metric="length", resamples=200)
    assert "oracle is higher than long" in comparison.verdict(comparison.pairs[0])
    assert comparison.pairs[0].iqm_difference is None


def test_an_id_that_lacks_the_score_is_shown_as_missing(synthetic, tmp_path):
    synthetic(tmp_path / "bench", skills={"a": 0.3, "b": 0.7})  # success is not defined on stories
    (pair,) = compare([str(tmp_path / "bench")], metric="success", resamples=200).pairs
    assert pair.missing == {"TextGen-Story-v0": "no success"}
    assert len(pair.rows) == len(pair.aggregate_ids) == 5


def test_the_json_is_whole_and_repeats(counters):
    found = compare([str(counters.path)], resamples=200, seed=3).to_json()
    content = json.loads(found)
    assert (content["schema"], content["schema_version"], content["metric"]) == ("textgym.comparison", 1, "reward")
    assert content["pairs"][0]["rows"][0]["difference"]["over"] == "prompts and seeds"
    assert content["pairs"][0]["verdict"]
    assert compare([str(counters.path)], resamples=200, seed=3).to_json() == found


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"episodes": 6}, "different prompts"),
        ({"split": "train"}, "split is 'test' and 'train'"),
        ({"env_kwargs": {"reward": "length"}}, "their rewards are"),
        ({"env_kwargs": {"max_new_tokens": 12}}, "different tasks.*hashes"),
    ],
)
def test_what_was_asked_otherwise_is_refused(counters, play_bench, tmp_path, other, words):
    play_bench(tmp_path / "other", {"oracle": ("oracle",)}, **other)
    with pytest.raises(DataError, match=words):
        compare([f"{counters.path}:long", str(tmp_path / "other")])


def test_another_vocabulary_is_refused(synthetic, tmp_path):
    synthetic(tmp_path / "one", skills={"a": 0.5})
    bench = synthetic(tmp_path / "two", skills={"b": 0.5})
    for cell in bench.cells().values():
        hashes = {**cell.hashes, "tokenizer": "vocabulary1"}
        bench.add(replace(cell, hashes=hashes), bench.episodes(cell.key))
    with pytest.raises(DataError, match="tokenizer is 'vocabulary0' and 'vocabulary1'"):
        compare([str(tmp_path / "one"), str(tmp_path / "two")])


@pytest.mark.parametrize(
    ("specs", "error", "words"),
    [
        (["{bench}:long"], DataError, "needs two agents"),
        (["{bench}", "{bench}:long"], DataError, "named twice"),
        (["{bench}:lang", "{bench}"], OptionError, "Did you mean 'long'"),
        (["{bench}/nowhere", "{bench}"], DataError, "There is nothing to compare at"),
        (["{bench}/bench.json", "{bench}"], DataError, "textgym.report"),
        (["{bench}/nowhere:a", "{bench}"], DataError, "holds no bench"),
    ],
)
def test_what_is_no_agent_is_one_clear_error(counters, specs, error, words):
    with pytest.raises(error, match=words):
        compare([spec.format(bench=counters.path) for spec in specs])


def test_an_unknown_score_is_named(counters):
    with pytest.raises(OptionError, match=r"no score 'rewrd'.*Did you mean 'reward'"):
        compare([str(counters.path)], metric="rewrd")


def test_a_damaged_bench_is_refused(play_bench, tmp_path):
    bench: Bench = play_bench(tmp_path / "bench", {"a": ("count 1",), "b": ("count 2",)})
    path = bench.folder(("b", 0, NUMBERS)) / "episodes.jsonl"
    path.write_text(path.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    with pytest.raises(DataError, match="truncated"):
        compare([str(bench.path)])


def test_one_model_on_many_ids_is_told_from_a_model_an_id(synthetic, tmp_path):
    bench = synthetic(tmp_path / "bench", skills={"a": 0.5}, runs=2)
    assert contenders.of_bench(bench, "a").one_model  # run 0 has the same weights on every id
    for cell in bench.cells().values():
        hashes = {**cell.hashes, "agent": f"{cell.run} {cell.env_id}"}
        bench.add(replace(cell, hashes=hashes), bench.episodes(cell.key))
    assert not contenders.of_bench(bench, "a").one_model
