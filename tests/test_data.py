"""Rows from every source, in disjoint splits; every malformed row is named."""

from __future__ import annotations

import json

import pytest

import textgym
from textgym import data
from textgym.errors import DataError, OptionError, TaskError

RECORDS = [{"q": f"question {i}", "a": f"answer {i}", "topic": i % 3} for i in range(50)]


def write(path, records=RECORDS):
    if path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(records), encoding="utf-8")
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(records), path)
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        lines = [separator.join(records[0]), *(separator.join(map(str, r.values())) for r in records)]
        path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
def test_files_give_the_same_rows(suffix, tmp_path):
    rows = data.load_rows(write(tmp_path / f"rows{suffix}"), "q", "a")
    expected = data.load_rows(RECORDS, "q", "a")
    assert {s: [(r.prompt, r.references) for r in rows[s]] for s in rows} == {
        s: [(r.prompt, r.references) for r in expected[s]] for s in expected
    }
    assert all("topic" in row.columns for row in rows["train"])


def test_splits_are_disjoint_and_repeatable():
    rows = data.load_rows([f"prompt {i}" for i in range(500)])
    prompts = [{row.prompt for row in rows[split]} for split in data.SPLITS]
    assert sum(map(len, prompts)) == len(set.union(*prompts)) == 500
    assert len(prompts[0]) > 350
    assert min(map(len, prompts)) > 25


def test_a_split_column_or_mapping_decides():
    rows = data.load_rows([{"prompt": "a", "split": "test"}, {"prompt": "b", "split": "train"}])
    assert [row.prompt for row in rows["test"]] == ["a"]
    rows = data.load_rows({"validation": ["a"], "train": ["b", "c"]})
    assert [row.prompt for row in rows["validation"]] == ["a"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rows.jsonl", '{"q": "a"}\n{"q": ', "line 2 is not JSON"),
        ("rows.jsonl", '{"prompt": "a"}', "no column 'q'"),
        ("rows.jsonl", '{"q": 3}', "row 1 has a prompt that is not a text. Actual value: 3"),
        ("rows.jsonl", "", "No rows"),
        ("rows.json", '{"q": "a"}', "JSON list"),
        ("rows.jsonl", '{"q": "a", "finish_reason": "b"}', "column 'finish_reason'.*Rename"),
        ("rows.csv", "p\nx\n", r"no column 'q'.*Its columns are p"),
    ],
)
def test_malformed_files_are_named(name, text, message, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        data.load_rows(tmp_path / name, "q")


def test_missing_and_undecodable_files(tmp_path):
    with pytest.raises(DataError, match="no data file"):
        data.load_rows(tmp_path / "missing.jsonl")
    (tmp_path / "latin.jsonl").write_bytes('{"prompt": "café"}'.encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        data.load_rows(tmp_path / "latin.jsonl")
    with pytest.raises(OptionError, match="'dev'"):
        data.load_rows([{"prompt": "a", "split": "dev"}])


def test_an_environment_of_ones_own_data(tmp_path):
    path = write(tmp_path / "rows.jsonl")
    task = textgym.make_task(path, prompt="q", references="a", reward="exact_match", max_new_tokens=8)
    env = textgym.TextGenEnv(task)
    _, info = env.reset(seed=0, options={"prompt_index": 0})
    assert info["prompt"].replace("question", "answer") == info["references"][0]
    for token in [*task.tokenizer.encode(info["references"][0]), task.tokenizer.eos_id]:
        _, reward, over, _, _ = env.step(token)
    assert over
    assert reward == 1.0


def test_every_column_of_the_row_reaches_the_reward():
    seen = {}

    def reward(prompts, completions, topic, references, completion_ids, finish_reason, **_):
        seen.update(topic=topic, references=references, ids=completion_ids, why=finish_reason)
        return [0.0] * len(prompts)

    task = textgym.make_task(RECORDS, prompt="q", references="a", reward=reward, max_new_tokens=1)
    env = textgym.TextGenEnv(task)
    _, info = env.reset(options={"prompt_index": 1})
    env.step(5)
    assert seen == {"topic": [seen["topic"][0]], "references": [info["references"]], "ids": [[5]], "why": ["length"]}


def test_an_empty_split_is_an_error():
    with pytest.raises(TaskError, match="'test' of 'custom' has no rows"):
        textgym.make_task([{"prompt": "a", "split": "train"}], reward="length", split="test")
