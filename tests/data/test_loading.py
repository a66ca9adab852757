"""Rows from every source, in disjoint splits, in memory or streamed; every malformed row is named."""

from __future__ import annotations

import json
import pickle
import tracemalloc

import pytest

import textgym
from textgym import data
from textgym.errors import DataError, OptionError, TaskError

RECORDS = [{"q": f"question {i}", "a": f"answer {i}", "topic": i % 3} for i in range(50)]
SUFFIXES = [".jsonl", ".json", ".csv", ".tsv", ".parquet"]
STREAMED = [".jsonl", ".csv", ".tsv", ".parquet", "saved", "DatasetDict"]


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


def source(form, tmp_path, records=RECORDS):
    if form.startswith("."):
        return write(tmp_path / f"rows{form}", records)
    datasets = pytest.importorskip("datasets")
    part = datasets.Dataset.from_list(records)
    if form == "saved":
        part.save_to_disk(tmp_path / "saved")
        return tmp_path / "saved"
    return datasets.DatasetDict(train=part.select(range(40)), test=part.select(range(40, 50)))


@pytest.mark.parametrize("suffix", SUFFIXES)
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
    assert data.load_rows({"train": [f"{i}" for i in range(99)]})["test"] == ()


def test_a_data_set_without_splits_is_dealt_and_its_classes_are_named(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(prompt=datasets.Value("string"), label=datasets.ClassLabel(names=["bad", "good"]))
    part = datasets.Dataset.from_list([{"prompt": f"{i}", "label": i % 2} for i in range(99)], features=features)
    for given in (part, datasets.DatasetDict(train=part), part.with_format("numpy")):
        rows = data.load_rows(given, references="label")
        assert all(len(rows[split]) > 3 for split in data.SPLITS)
        assert {row.references for row in rows["train"]} == {("bad",), ("good",)}
    part.save_to_disk(tmp_path / "saved")
    assert data.load_rows(tmp_path / "saved", references="label") == rows


@pytest.mark.parametrize("form", STREAMED)
def test_streamed_rows_are_the_rows_in_memory(form, tmp_path):
    given = source(form, tmp_path)
    streamed, whole = (data.load_rows(given, "q", "a", streaming=streaming) for streaming in (True, False))
    assert {split: tuple(streamed[split]) for split in data.SPLITS} == whole
    assert len(streamed["train"]) > 20
    if form != "DatasetDict":
        assert pickle.loads(pickle.dumps(streamed))["train"][3] == whole["train"][3]


def test_streamed_lines_are_found_again_whatever_is_in_them(tmp_path):
    """A byte order mark, empty lines, Windows' and old Macs' line ends, quoted line ends, many bytes a character."""
    texts = ["我爱你", 'said "yes"', "two\nlines", "old\rMac", "Windows\r\nline", "comma, tab\t", "a\u2028b", "plain"]
    expected = [data.Row(text) for text in texts]
    (tmp_path / "rows.jsonl").write_bytes(
        b"\xef\xbb\xbf"
        + "\r\n\n".join(json.dumps({"prompt": t, "split": "train"}, ensure_ascii=False) for t in texts).encode()
    )
    quoted = ['"' + text.replace('"', '""') + '",train' for text in texts]
    for name, end in (("a.csv", "\n"), ("b.csv", "\r\n"), ("c.csv", "\r"), ("d.csv", "\n\n")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + end.join(["prompt,split", *quoted]).encode())
    for name in ("rows.jsonl", "a.csv", "b.csv", "c.csv", "d.csv"):
        for streaming in (True, False):
            assert list(data.load_rows(tmp_path / name, streaming=streaming)["train"]) == expected, name


def test_a_streamed_file_must_stay_as_it_is(tmp_path):
    path = write(tmp_path / "rows.jsonl")
    rows = data.load_rows(path, "q", streaming=True)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(DataError, match=r"rows.jsonl has changed since its rows were found"):
        rows["train"][0]


def test_memory_of_a_streamed_file_stays_flat(tmp_path):
    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for i in range(20_000):
            file.write(json.dumps({"prompt": f"prompt {i} " + "x" * 500}) + "\n")
    tracemalloc.start()
    try:
        rows = data.load_rows(path, streaming=True)
        for i in range(0, len(rows["train"]), 5):
            rows["train"][i]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < path.stat().st_size / 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a", "b"], "Rows that are Python objects are in memory"),
        ("rows.json", r"A JSON list can only be read as a whole\. Write one row a line"),
    ],
)
def test_what_cannot_be_streamed(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "rows.json")
    with pytest.raises(OptionError, match=message):
        data.load_rows(given, "q", streaming=True)


@pytest.mark.parametrize("form", ["list", ".json", ".jsonl", ".csv", ".parquet", "endless"])
def test_more_rows_than_memory_is_for(form, tmp_path, monkeypatch):
    """Ten million rows, in the small."""
    monkeypatch.setattr("textgym.data.loading.MAX_ROWS", 30)
    if form == "endless":
        given = iter(lambda: "one more", None)
    else:
        given = RECORDS if form == "list" else source(form, tmp_path)
    remedy = "streaming=True" if form in (".jsonl", ".csv", ".parquet") else "JSON lines"
    with pytest.raises(DataError, match=f"more than 30 rows in .*too many to hold in memory.*{remedy}"):
        data.load_rows(given, None if form == "endless" else "q")
    if remedy == "streaming=True":
        assert sum(map(len, data.load_rows(given, "q", streaming=True).values())) == 50


BAD_FILES = [
    ("rows.jsonl", b'{"q": "a"}\n{"q": ', r"rows.jsonl, line 2 is not JSON: .* Actual value: '{\"q\":'"),
    ("rows.jsonl", b'{"q": ' + b"[" * 100_000, r"rows.jsonl, line 1 is not JSON"),
    ("rows.jsonl", b'{"q": ' + b"1" * 5_000 + b"}", r"rows.jsonl, line 1 is not JSON: Exceeds the limit"),
    ("rows.jsonl", b"7", r"rows.jsonl, line 1 is not a record of columns, such as {'q': …}\. Actual value: 7"),
    ("rows.jsonl", b'{"prompt": "a"}', r"line 1 has no column 'q'\. Its columns are prompt\. .* prompt="),
    ("rows.jsonl", b'\n{"qq": "a"}', r"line 2 has no column 'q'\. Did you mean 'qq'\?"),
    ("rows.jsonl", b'{"q": 3}', r"line 1 has a prompt that is not a text \(column 'q'\)\. Actual value: 3"),
    ("rows.jsonl", b'{"q": null}', r"line 1 has a prompt that is not a text .* Actual value: None"),
    ("rows.jsonl", b'{"q": "a"}\n{"q": ""}', r"line 2 has an empty prompt \(column 'q'\)\. Drop the row"),
    ("rows.csv", b"q\n ok\n \t\n", r"rows.csv, line 3 has an empty prompt"),
    ("rows.jsonl", b'{"q": "\\ud83d"}', r"line 1 has a prompt with half of a surrogate pair"),
    (
        "rows.jsonl",
        b'{"q": "a", "n": 1}\n{"q": "b", "n": null}\n{"q": "c", "n": "two"}',
        r"line 3 has a text in column 'n', where rows.jsonl, line 1 has a number\. Make .* Actual value: 'two'",
    ),
    ("rows.jsonl", b"", "No rows were found in .*rows.jsonl'"),
    ("rows.csv", b"q\n", "No rows were found in .*rows.csv'"),
    ("rows.parquet", b"", r"rows.parquet could not be read as Parquet"),
    ("rows.json", b'{"q": "a"}', r"must hold a JSON list of rows\. Actual value: a dict"),
    ("rows.json", b'[{"q": "a"},\n{]', r"could not be read: .* at line 2, column 2"),
    ("rows.jsonl", b'{"q": "a", "finish_reason": "b"}', r"line 1 has a column 'finish_reason'.*Rename"),
    ("rows.csv", b"p\nx\n", r"rows.csv, line 2 has no column 'q'.*Its columns are p"),
    ("rows.csv", b"q,a\nx,y\nx\n", r"rows.csv, line 3 has 1 fields where the header has 2"),
    ("rows.csv", b"q,q\nx,y\n", "two columns 'q'"),
    ("rows.csv", b'q,a\nx,y\n"x,y\nz,z\n', r"rows.csv, lines 3 to 4 has quotes that do not pair up or fit"),
    ("rows.csv", b'q\n"' + b"x\n" * 70_000, r"field of more than 131,072 characters, or a quote that is never closed"),
    ("rows.jsonl", '{"q": "a"}\n{"q": "é"}'.encode("latin-1"), r"not UTF-8 text: byte 0xe9 in line 2.*iconv"),
    ("rows.csv", b"q\na\n\x00\n", r"NUL byte in line 3.*iconv -f utf-16"),
    ("rows.csv", "q\nab\n".encode("utf-16-le"), r"NUL byte in line 1"),
    ("rows.jsonl", b'{"q": "a", "split": "dev"}', r"line 1 has the split 'dev' in column 'split'.*validation"),
    ("rows.txt", b"a", r"rows.txt' is no file of a known kind\. Convert it to one of \.jsonl"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES)
@pytest.mark.parametrize("streaming", [False, True])
def test_malformed_files_are_named(name, content, message, streaming, tmp_path):
    (tmp_path / name).write_bytes(content)
    expected = OptionError if streaming and name.endswith(".json") else DataError
    with pytest.raises(expected, match="whole" if expected is OptionError else message):
        data.load_rows(tmp_path / name, "q", streaming=streaming)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"prompt": "p", "a": 5}, r"row 1 has references that are not texts \(column 'a'\)\. Actual value: 5"),
        ({"prompt": "p", "a": ["x", 5]}, r"row 1 has a reference that is not a text \(column 'a'\)\. Actual value: 5"),
        ({"prompt": "p", "aa": "x"}, r"row 1 has no column 'a'\. Did you mean 'aa'\?.* references="),
        (["p", "a"], "row 1 is not a record"),
    ],
)
def test_malformed_references_are_named(record, message):
    with pytest.raises(DataError, match=message):
        data.load_rows([record], references="a")


def test_sources_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for missing in ("missing.jsonl", tmp_path / "missing"):
        with pytest.raises(DataError, match=r"no data file .*missing.* \(from "):
            data.load_rows(missing)
    write(tmp_path / "rows.csv")
    with pytest.raises(DataError, match=r"is a folder, and none that save_to_disk.* Give one file: rows.csv\."):
        data.load_rows(str(tmp_path))
    with pytest.raises(DataError, match=r"'someone/some-set', revision 'v1' could not be loaded.*HF_HUB_OFFLINE"):
        data.load_rows("someone/some-set", revision="v1")
    with pytest.raises(OptionError, match=r"config and revision choose .*rows.csv"):
        data.load_rows("rows.csv", "q", revision="v1")
    with pytest.raises(DataError, match=r"Data is a file.* Actual value: 7"):
        data.load_rows(7)
    with pytest.raises(DataError, match=r"Rows are listed under 'unsupervised', which is no split"):
        data.load_rows({"train": ["a"], "unsupervised": ["b"]})


def test_templates():
    rows = data.load_rows(RECORDS, template="{{Q}} {q} of {topic}\nA:", references="a")
    row = rows["train"][1]
    number = int(row.references[0].split()[1])
    assert row.prompt == f"{{Q}} question {number} of {number % 3}\nA:"
    assert row.columns == {"q": f"question {number}", "topic": number % 3}
    (row,) = data.load_rows({"train": ["a"]}, template="> {prompt}")["train"]
    assert row.prompt == "> a"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("Q: {q.__class__}", r"has {q.__class__}; braces hold the name of a column"),
        ("Q: {q[0]}", r"has {q\[0\]}"),
        ("Q: {q!r}", r"has {q!r}"),
        ("Q: {q:>9}", r"has {q:>9}"),
        ("Q: {}", r"has {}"),
        ("Q: {q", r"cannot be read: .* Write {{ and }} for braces"),
        ("Q:", "names no column"),
        (7, "Actual value: 7"),
    ],
)
def test_templates_hold_plain_names(template, message):
    with pytest.raises(OptionError, match=message):
        data.load_rows(RECORDS, template=template)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_template_that_names_what_is_not_there(streaming, tmp_path):
    path = write(tmp_path / "rows.jsonl", [{"q": "a"}, {"qu": "b"}])
    expected = (
        r"rows.jsonl, line 2 has no column 'q', which the template names\. Did you mean 'qu'\? Its columns are qu\."
    )
    with pytest.raises(DataError, match=expected):
        data.load_rows(path, template="Q: {q}", streaming=streaming)
    with pytest.raises(OptionError, match=r"does not name the column prompt='q'\. Write {q} into it"):
        data.load_rows(path, "q", template="Q: {question}", streaming=streaming)
    with pytest.raises(DataError, match=r"row 1 has nothing to write for column 'q' .* Actual value: \['a'\]"):
        data.load_rows([{"q": ["a"]}], template="Q: {q}")


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_longer_than_the_budget_are_told_all_at_once(streaming, tmp_path):
    prompts = ["short", "a" * 12, "b" * 20, "c" * 11]
    path = write(tmp_path / "rows.jsonl", [{"q": text, "split": "train"} for text in prompts])

    def make(**options):
        options = {"prompt": "q", "reward": "length", "tokenizer": "chars:abcshort", "streaming": streaming} | options
        return textgym.make_task(path, **options)

    expected = (
        r"rows.jsonl, line 2 has a prompt of 13 tokens \(column 'q', vocabulary 'chars:abcshort'\), more than "
        r"max_prompt_tokens=11; 3 rows are too long, most of all rows.jsonl, line 3, with 21. Give max_prompt_tokens=21"
    )
    with pytest.raises(DataError, match=expected):
        make(max_prompt_tokens=11)
    assert len(make(max_prompt_tokens=21)) == 4
    task = make(max_prompt_tokens=11, truncation_side="left")
    assert [len(task.prompt_ids(i)) for i in range(4)] == [6, 11, 11, 11]
    with pytest.raises(DataError, match=r"line 2 cannot be written in the vocabulary.*'a'"):
        make(tokenizer="chars:short", max_prompt_tokens=99)
    with pytest.raises(TaskError, match="'many'"):
        make(max_prompt_tokens="many")


def test_an_environment_of_ones_own_data(tmp_path):
    path = write(tmp_path / "rows.jsonl")
    task = textgym.make_task(data=path, prompt="q", references="a", reward="exact_match", max_new_tokens=8)
    env = textgym.TextGenEnv(task)
    _, info = env.reset(seed=0, options={"prompt_index": 0})
    assert info["prompt"].replace("question", "answer") == info["references"][0]
    for token in [*task.tokenizer.encode(info["references"][0]), task.tokenizer.eos_id]:
        _, reward, over, _, _ = env.step(token)
    assert over
    assert reward == 1.0


def test_metrics_may_be_listed():
    task = textgym.make_task(RECORDS, prompt="q", reward="length", metrics=["distinct_n"], success_threshold=0.5)
    assert list(task.metrics) == ["distinct_n"]
    assert task.success_threshold == 0.5


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"chat": "yes"}, "chat is True or False. Actual value: 'yes'"),
        ({"streaming": 1}, "streaming is True or False. Actual value: 1"),
        ({"stop": 3}, "stop is a text or a list of texts. Actual value: 3"),
        ({"metrics": 3}, "metrics is a text or a list of texts. Actual value: 3"),
        ({"truncation_side": "middle"}, "'middle'"),
    ],
)
def test_options_that_cannot_be(option, message):
    with pytest.raises((OptionError, TaskError), match=message):
        textgym.make_task(RECORDS, prompt="q", reward="length", **option)


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
