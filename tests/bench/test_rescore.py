"""New rewards on stored completions."""

from __future__ import annotations

import json

import pytest

from textgym import evaluate, rewards
from textgym.bench.compare import compare
from textgym.bench.rescore import rescore, rescore_file
from textgym.errors import DataError, OptionError, RewardError

NUMBERS, TARGET = "TextGen-Numbers-v0", "TextGen-Target-v0"


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_new_reward_is_what_playing_with_it_gives(counters, tmp_path):
    before = content(counters.path)
    made = rescore(counters.path, tmp_path / "new", {"short": rewards.make("length(target=3)")})
    assert content(counters.path) == before
    played = evaluate(
        lambda prompt: " ".join(str(int(prompt) + i + 1) for i in range(5)),
        NUMBERS,
        episodes=12,
        reward="length(target=3)",
    )
    cell = made.cells()["long", 0, NUMBERS]
    assert cell.metrics["reward/short"] == played.metrics["reward"]
    episodes = made.episodes(("long", 0, NUMBERS))
    assert [episode.reward_terms["short"] for episode in episodes] == [e.reward for e in played.episodes]
    old = counters.cells()["long", 0, NUMBERS]
    assert (cell.score, cell.metrics["reward"], cell.hashes) == (old.score, old.metrics["reward"], old.hashes)
    assert set(made.cells()) == set(counters.cells())


def test_the_new_bench_can_be_compared_by_it(counters, tmp_path):
    rescore(counters.path, tmp_path / "new", {"short": rewards.make("length(target=3)")})
    specs = [f"{tmp_path / 'new'}:random", f"{tmp_path / 'new'}:long"]
    assert compare(specs, metric="reward/short", resamples=200).pairs[0].rows[0].prompts == 12


def test_columns_of_the_data_come_from_the_task(play_bench, tmp_path):
    bench = play_bench(tmp_path / "bench", {"oracle": ("oracle",)}, [TARGET])
    made = rescore(bench.path, tmp_path / "new", {"f1": rewards.make("chrf")})
    assert made.cells()["oracle", 0, TARGET].metrics["reward/f1"].mean == pytest.approx(1.0)


def needs_answer(prompts, completions, answer):
    return [1.0] * len(prompts)


def takes_answer(prompts, completions, **columns):
    return [float(len(answer)) for answer in columns["answer"]]


@pytest.mark.parametrize(
    ("reward", "words"),
    [
        (needs_answer, "'x' on TextGen-Numbers-v0 cannot score.*needs answer.*Columns here"),
        (takes_answer, "'x' on TextGen-Numbers-v0 failed on 'answer'.*there are .*references"),
        ("exact_match", "'x' on TextGen-Numbers-v0 cannot score.*reference"),
    ],
)
def test_a_column_that_is_not_there_is_named(counters, tmp_path, reward, words):
    with pytest.raises(RewardError, match=words):
        rescore(counters.path, tmp_path / "new", {"x": rewards.make(reward)})
    assert not list(tmp_path.iterdir())


def test_another_reward_of_the_same_name_is_refused(counters, tmp_path):
    with pytest.raises(OptionError, match="already has another reward/increasing"):
        rescore(counters.path, tmp_path / "new", {"increasing": rewards.make("length(target=3)")})


def test_nothing_is_written_over(counters, tmp_path):
    with pytest.raises(OptionError, match="exists"):
        rescore(counters.path, tmp_path, {"length": rewards.make("length")})


def test_prompts_that_the_task_no_longer_asks_are_refused(synthetic, tmp_path):
    synthetic(tmp_path / "bench", skills={"a": 0.5}, env_ids=("TextGen-Sentiment-v0",))  # of made-up prompts
    with pytest.raises(DataError, match="does not ask prompt 0 of the test split as it did"):
        rescore(tmp_path / "bench", tmp_path / "new", {"length": rewards.make("length")})


def test_a_file_of_completions(tmp_path):
    rows = [
        {"prompt": "a", "completion": " x y", "references": ["x y"], "reward/old": 3.0},
        {"prompt": "b", "completion": " x", "references": "z"},
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    means = rescore_file(tmp_path / "rows.jsonl", tmp_path / "new.jsonl", {"f1": rewards.make("token_f1")})
    assert means["reward/f1"].mean == 0.5
    written = [json.loads(line) for line in (tmp_path / "new.jsonl").read_text().splitlines()]
    assert [row["reward/f1"] for row in written] == [1.0, 0.0]
    assert written[0] == {**rows[0], "reward/f1": 1.0}
    with pytest.raises(OptionError, match="already has reward/old"):
        rescore_file(tmp_path / "rows.jsonl", tmp_path / "newer.jsonl", {"old": rewards.make("token_f1")})


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ('{"prompt": "a", "completion": "b"}\n{"prompt": "a"}\n', DataError, "line 2.*'prompt' and 'completion'"),
        ("", DataError, "no rows"),
        ('{"prompt": "a", "completion": "b"}\n', RewardError, "does not carry"),
    ],
)
def test_a_file_that_cannot_be_scored_is_one_clear_error(tmp_path, text, error, words):
    (tmp_path / "rows.jsonl").write_text(text)
    with pytest.raises(error, match=words):
        rescore_file(tmp_path / "rows.jsonl", tmp_path / "new.jsonl", {"f1": rewards.make("token_f1")})
    assert not (tmp_path / "new.jsonl").exists()
