"""Public data sets: read lazily, dealt where a split is missing, and every failure named."""

from __future__ import annotations

import json

import pytest

from textgym import data
from textgym.data import SPLITS, Row, public
from textgym.data.public import PublicData
from textgym.errors import DataError

datasets = pytest.importorskip("datasets")

FEATURES = datasets.Features(
    text=datasets.Value("string"),
    label=datasets.ClassLabel(names=["bad", "good"]),
    tags=datasets.List(datasets.ClassLabel(names=["O", "PER"])),
    nested={"kind": datasets.ClassLabel(names=["x", "y"]), "n": datasets.Value("int64")},
)


def records(size, start=0):
    return [
        {"text": f"text {i}", "label": i % 2 if i else -1, "tags": [0, i % 2], "nested": {"kind": i % 2, "n": i}}
        for i in range(start, start + size)
    ]


def make(size, start=0):
    return datasets.Dataset.from_list(records(size, start), features=FEATURES)


def spec(**changes):
    def row(record):
        tags, kind = record["tags"], record["nested"]["kind"]
        return Row(f"{record['text']}\nLabel:", (f" {record['label']}",), {"tags": tags, "kind": kind})

    fields = {"path": "someone/some-set", "row": row, "max_prompt_tokens": 32, "max_new_tokens": 8}
    return PublicData(**(fields | changes))


def prompts(rows):
    return {split: [row.prompt for row in rows[split]] for split in SPLITS}


def test_splits_and_class_names(tmp_path):
    """Numbers of classes become their names, also in lists and nested records; −1 stays."""
    folder = tmp_path / "set"
    datasets.DatasetDict(train=make(6), validation=make(2, 6), test=make(2, 8)).save_to_disk(folder)
    rows = public.load(spec(), folder)
    assert [len(rows[split]) for split in SPLITS] == [6, 2, 2]
    assert rows["train"][1] == Row("text 1\nLabel:", (" good",), {"tags": ["O", "PER"], "kind": "y"})
    assert rows["train"][0].references == (" -1",)
    assert rows["test"][-1].prompt == "text 9\nLabel:"
    assert [row.prompt for row in rows["train"][1:3]] == ["text 1\nLabel:", "text 2\nLabel:"]
    with pytest.raises(IndexError):
        rows["train"][6]


def test_missing_splits_are_dealt_from_the_training_split(tmp_path):
    make(400).save_to_disk(tmp_path / "one")
    rows = public.load(spec(), tmp_path / "one")
    for split in SPLITS:
        assert len(rows[split]) > 20
        assert {data.hashed_split(row.prompt) for row in rows[split]} == {split}
    assert sum(len(rows[split]) for split in SPLITS) == 400


def test_one_missing_split_is_dealt_and_training_gives_up_shared_prompts(tmp_path):
    datasets.DatasetDict(training=make(400), test=make(20, 390)).save_to_disk(tmp_path / "two")
    rows = public.load(spec(splits={"train": "training", "validation": "dev", "test": "test"}), tmp_path / "two")
    found = prompts(rows)
    assert len(found["test"]) == 20
    assert {data.hashed_split(prompt) for prompt in found["validation"]} == {"validation"}
    assert "test" in {data.hashed_split(prompt) for prompt in found["train"]}
    assert not set(found["train"]) & set(found["test"])
    assert not set(found["train"]) & set(found["validation"])
    assert not set(found["validation"]) & set(found["test"])
    assert len(found["train"]) + len(found["validation"]) == 390


def test_keep_chooses_records_before_they_are_dealt(tmp_path):
    make(300).save_to_disk(tmp_path / "set")
    rows = public.load(spec(keep=lambda r: r["label"] == "good"), tmp_path / "set")
    assert {row.references for split in SPLITS for row in rows[split]} == {(" good",)}
    assert sum(len(rows[split]) for split in SPLITS) == 150
    numbers = [int(prompt.split()[1]) for prompt in prompts(rows)["train"]]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv", "parquet", "folder", "config", "export"])
def test_copies_on_disk(form, tmp_path, monkeypatch):
    """Files, folders of files whose names say the split, and the layout of the Hub's own export to Parquet."""
    flat = [{"text": f"text {i}", "label": f"l{i}"} for i in range(20)]
    part = datasets.Dataset.from_list(flat)
    chosen = spec(
        row=lambda r: Row(r["text"], (r["label"],)),
        name="plain" if form in ("config", "export") else None,
        revision="refs/convert/parquet" if form == "export" else None,
    )
    path = tmp_path / f"rows.{form}"
    match form:
        case "jsonl":
            path.write_text("\n".join(map(json.dumps, flat)), encoding="utf-8")
        case "csv" | "tsv":
            part.to_csv(path, sep="\t" if form == "tsv" else ",", index=False)
        case "parquet":
            part.to_parquet(path)
        case _:
            path.mkdir()
            folder = path if form == "folder" else path / "plain"
            for split in ("train", "test"):
                (folder / split).mkdir(parents=True)
                part.to_parquet(folder / split / "0000.parquet")
    rows = public.load(chosen, path)
    assert Row("text 3", ("l3",)) in [*rows["train"], *rows["validation"], *rows["test"]]
    assert len(rows["test"]) == 20 or form in ("jsonl", "csv", "tsv", "parquet")


def test_rows_are_made_when_they_are_asked_for(tmp_path):
    made = []
    datasets.DatasetDict(train=make(50), validation=make(2), test=make(2)).save_to_disk(tmp_path / "set")
    chosen = spec(row=lambda r: made.append(r["text"]) or Row(r["text"]))
    rows = public.load(chosen, tmp_path / "set")
    made.clear()
    assert rows["train"][7] is rows["train"][7]
    assert made == ["text 7"]
    assert public.load(chosen, tmp_path / "set")["train"] is rows["train"]


def test_a_copy_that_changed_is_read_again(tmp_path):
    file = tmp_path / "rows.jsonl"
    chosen = spec(row=lambda r: Row(r["text"]))
    for size in (30, 40):
        file.write_text("\n".join(json.dumps({"text": f"{i}"}) for i in range(size)), encoding="utf-8")
        assert sum(map(len, public.load(chosen, file).values())) == size


def test_a_set_that_cannot_be_reached():
    with pytest.raises(DataError, match=r"'someone/some-set'.*'main'.*could not be loaded.*HF_HUB_OFFLINE.*data_path="):
        public.load(spec(revision="main"))


def test_what_is_no_data_set(tmp_path):
    with pytest.raises(DataError, match=r"There is no data set at .*missing"):
        public.load(spec(), tmp_path / "missing")
    with pytest.raises(DataError, match="No data set could be read from"):
        public.load(spec(), tmp_path)
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(DataError, match=r"no file of a known kind: \.parquet"):
        public.load(spec(), tmp_path / "a.txt")
    datasets.DatasetDict(test=make(2)).save_to_disk(tmp_path / "set")
    with pytest.raises(DataError, match=r"no split 'train' to train on.*Its splits are test"):
        public.load(spec(), tmp_path / "set")


def test_records_of_another_form_are_named(tmp_path):
    make(5).save_to_disk(tmp_path / "set")
    expected = (
        r"Row 0 of the split 'train' of 'someone/some-set' has no column 'txt'\. Did you mean 'text'\? "
        r"Its columns are text, label, tags, nested\."
    )
    with pytest.raises(DataError, match=expected):
        public.load(spec(row=lambda r: Row(r["txt"])), tmp_path / "set")
    with pytest.raises(DataError, match=r"Row 0 of .* not of the form that the task reads: IndexError"):
        public.load(spec(row=lambda r: Row(r["tags"][9])), tmp_path / "set")
    with pytest.raises(DataError, match=r"Row 0 of .* has no column 'lable'\. Did you mean 'label'"):
        public.load(spec(keep=lambda r: r["lable"] == "good"), tmp_path / "set")
