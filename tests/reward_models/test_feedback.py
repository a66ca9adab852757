"""Feedback from every kind of file: nothing dropped in silence, no text in two splits, errors that say what to do."""

from __future__ import annotations

import csv
import hashlib
import json
import time

import numpy as np
import pytest

from textgym.errors import DataError, OptionError
from textgym.reward_models.feedback import Label, Problem, Ranking, Rating, load_feedback, pairs

REVIEWS = [{"review": f"text {i}, with a comma", "stars": i % 5 + 1, "branch": "ab"[i % 2]} for i in range(200)]


def rows(feedback):
    return [row for split in feedback.splits.values() for row in split]


def write(path, records):
    if path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(records), encoding="utf-8")
    elif path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(records), path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(records[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(records)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_every_kind_of_file_gives_the_same_feedback(suffix, tmp_path):
    found = load_feedback(write(tmp_path / f"reviews{suffix}", REVIEWS), columns={"group": "branch"})
    assert found == load_feedback(REVIEWS, columns={"group": "branch"})
    assert found.kind == "ratings"
    assert found.columns == {"text": "review", "score": "stars", "group": "branch"}
    assert Rating("", "text 7, with a comma", 3.0, "b") in rows(found)
    assert not found.problems


def test_a_data_set_and_its_class_names():
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    train = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [0, 1, -1]}, features=features)
    test = datasets.Dataset.from_dict({"text": ["a"], "label": [0]}, features=features)
    found = load_feedback(datasets.DatasetDict({"train": train, "test": test}))
    assert found.labels == ("-1", "bad", "good")
    assert found.problems == (Problem("test row 1", "the row repeats train row 1"),)


def test_splits_are_the_hash_of_the_text_or_of_the_prompt():
    found = load_feedback(REVIEWS)
    for split, buckets in (("train", range(8)), ("validation", [8]), ("test", [9])):
        for row in found.splits[split]:
            assert int(hashlib.md5(row.text.encode()).hexdigest(), 16) % 10 in buckets
    prompted = load_feedback([{"prompt": "p", "text": str(i), "score": i} for i in range(20)])
    assert sorted(map(len, prompted.splits.values())) == [0, 0, 20]
    pair = {"chosen": "a", "rejected": "b"}
    both = load_feedback([pair, {"chosen": "b", "rejected": "a"}])
    assert sorted(map(len, both.splits.values())) == [0, 0, 2]  # else the test split would hold trained-on texts


def test_given_splits_are_kept():
    records = [{"text": f"t{i}", "score": i, "split": "test" if i % 4 == 0 else "train"} for i in range(400)]
    found = load_feedback(records)
    assert {row.score % 4 for row in found.splits["test"]} == {0}
    assert 10 < len(found.splits["validation"]) < 60  # taken from the training rows
    assert len(found.splits["test"]) == 100
    with_dev = load_feedback([*records, {"text": "d", "score": 1, "split": "dev"}])
    assert with_dev.splits["validation"] == (Rating("", "d", 1.0),)
    only_train = load_feedback({"train": records})
    assert only_train.columns["split"] == "split"
    assert len(load_feedback({"train": REVIEWS}).splits["test"]) > 5


def test_a_wrong_split_is_a_problem():
    found = load_feedback(
        [{"text": "a", "score": 1, "split": "trian"}, {"text": "b", "score": 2}, {"text": "c", "score": 1}]
    )
    assert found.problems == (Problem("row 1", "there is no split 'trian'; the splits are train, validation, test"),)


PROBLEMS = """text,rating
good,5
bad,nan
worse,inf
silent,
"  ",3
odd,four
one,two,three
"two
lines",4
good,5
good,1
"stray"quote,2
fine,2
"""


def test_every_malformed_row_is_listed_by_line(tmp_path):
    path = tmp_path / "feedback.csv"
    path.write_text(PROBLEMS, encoding="utf-8")
    found = load_feedback(path)
    assert [str(problem).removeprefix("feedback.csv, ") for problem in found.problems] == [
        "line 3: the rating is NaN",
        "line 4: the rating is infinite",
        "line 5: the rating is missing",
        "line 6: the text is empty",
        "line 7: the rating 'four' is not a number",
        "line 8: the row has 3 fields where the header has 2",
        "line 11: the row repeats line 2",
        "line 12: the row repeats the text of line 2, which is rated 5, not 1",
        "line 13: the row has quotes that do not pair up or fit: ',' expected after '\"'",
    ]
    assert sorted(row.text for row in rows(found)) == ["fine", "good", "two\nlines"]


def test_a_quote_that_is_never_closed_does_not_swallow_the_file_unseen(tmp_path):
    path = tmp_path / "feedback.csv"
    path.write_text('text,score\na,1\nb,2\n"c,3\nd,4\ne,5\n', encoding="utf-8")
    (problem,) = load_feedback(path).problems
    assert problem.place == "feedback.csv, lines 4 to 6"
    assert "quotes" in problem.reason


def test_broken_json_lines_and_rows_that_are_no_records(tmp_path):
    path = tmp_path / "feedback.jsonl"
    lines = ['{"text": "a\u2028b", "score": 1}', '{"text": "b", ', "[1]", '{"text": 7, "score": 2}', '{"score": NaN}']
    path.write_text("\n".join([*lines, '{"text": "z", "score": 2}']), encoding="utf-8")
    found = load_feedback(path)
    assert [problem.place for problem in found.problems] == [f"feedback.jsonl, line {i}" for i in (2, 3, 4, 5)]
    assert [problem.reason.split(":")[0] for problem in found.problems] == [
        "the row is not JSON",
        "the row is not a record of named columns",
        "the text is not a text but 7",
        "the text is missing",
    ]
    assert len(rows(found)) == 2  # a line separator inside a string does not cut the line


def test_a_wrong_encoding_names_the_byte_and_the_way_out(tmp_path):
    path = tmp_path / "feedback.csv"
    path.write_bytes("text,label\nfine,good\ncafé,good\nnaïve,bad\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"not UTF-8 text: byte 0xe9 in line 3.*`--encoding latin-1`"):
        load_feedback(path)
    assert "café" in {row.text for row in rows(load_feedback(path, encoding="latin-1"))}
    with pytest.raises(OptionError, match="no encoding 'latin-99'"):
        load_feedback(path, encoding="latin-99")
    path.write_bytes("text,label\nfine,good\ncafé,bad\n".encode("utf-8-sig"))  # as spreadsheets write it
    assert load_feedback(path).columns == {"text": "text", "label": "label"}


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "No rows were found"),
        ([{"text": "", "score": 1}, {"text": "a", "score": "x"}], r"None of the 2 rows .* the text is empty \(1\)"),
        ([{"text": "a", "label": "good"}, {"text": "b", "label": "good"}], "All 2 usable rows .* the label 'good'"),
        ([{"text": "a", "score": 3}, {"text": "b", "score": 3.0}], "the rating 3.0"),
        ([{"a": "text"}], "The columns a hold no feedback"),
        (["just a text"], "not a record of named columns: 'just a text'"),
    ],
)
def test_feedback_that_teaches_nothing_is_an_error(records, message):
    with pytest.raises(DataError, match=message):
        load_feedback(records)


def test_an_empty_file_is_an_error(tmp_path):
    for name, content in (("a.csv", ""), ("b.csv", "text,score\n"), ("c.jsonl", "\n"), ("d.json", "[]")):
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=f"No rows were found in .*{name}"):
            load_feedback(tmp_path / name)


@pytest.mark.parametrize(
    ("record", "kind", "columns"),
    [
        ({"Comment": "a b", "Rating": 3}, "ratings", {"text": "Comment", "score": "Rating"}),
        ({"completion": "a", "reward": 0.5, "prompt": "p"}, "ratings", {"prompt": "prompt", "text": "completion"}),
        ({"sentiment": "good", "confidence": 0.3, "text": "a"}, "labels", {"text": "text", "label": "sentiment"}),
        ({"text": "a", "rating": "good"}, "labels", {"label": "rating"}),
        ({"text": "a", "sentiment": 0.37}, "ratings", {"score": "sentiment"}),
        ({"text": "a", "label": 1}, "labels", {"label": "label"}),
        ({"opinion": "a long one", "points": 7, "id": 4}, "ratings", {"text": "opinion", "score": "points"}),
        ({"chosen": "a", "rejected": "b", "margin": 2}, "preferences", {"margin": "margin", "chosen": "chosen"}),
        ({"question": "q", "ranking": ["a", "b"]}, "rankings", {"prompt": "question", "ranking": "ranking"}),
        ({"texts": ["a", "b"], "ranks": [1, 2]}, "rankings", {"texts": "texts", "ranks": "ranks"}),
    ],
)
def test_columns_are_guessed_by_name_and_by_values(record, kind, columns):
    records = [record]
    for i in range(30):
        other = dict(record)
        for name, value in record.items():
            if isinstance(value, str) and value != "good":
                other[name] = f"{value} {i}"
            elif value == "good":
                other[name] = ("good", "bad")[i % 2]
            elif isinstance(value, list):
                other[name] = [f"x {i}", f"y {i}"] if isinstance(value[0], str) else value
            else:
                other[name] = value + i % 2 + (0.013 * i if isinstance(value, float) else 0)
        records.append(other)
    found = load_feedback(records)
    assert found.kind == kind
    assert columns.items() <= found.columns.items()
    assert not found.problems


@pytest.mark.parametrize(
    ("record", "options", "message"),
    [
        (
            {"text": "a", "comment": "b", "score": 1},
            {},
            "Several columns could be the text: text, comment. .*text=text",
        ),
        ({"text": "a", "score": 1, "label": "x"}, {}, r"ratings \(text, score\) or as labels \(text, label\)"),
        ({"text": "a", "x": 1, "y": 2}, {}, "could be the score: x, y"),
        ({"text": "a", "score": 1}, {"columns": {"score": "scor"}}, "no column 'scor'.*Did you mean 'score'"),
        ({"text": "a", "score": 1}, {"columns": {"rating": "score"}}, "no role 'rating'"),
        ({"text": "a", "score": 1}, {"kind": "rating"}, "Did you mean 'ratings'"),
        ({"text": "a", "score": 1}, {"kind": "preferences"}, "No column could be the chosen, which preferences need"),
        ({"text": "a", "s": 1, "l": "x"}, {"columns": {"score": "s", "label": "l"}}, "labels and for ratings"),
        ({"text": "a", "score": 1}, {"labels": ["a", "b"]}, "goes with feedback of the kind labels"),
    ],
)
def test_ambiguous_columns_are_an_error_that_lists_them(record, options, message):
    with pytest.raises((DataError, OptionError), match=message):
        load_feedback([record, {**record, "text": "other"}], **options)


def test_the_user_may_settle_what_is_ambiguous():
    records = [{"text": f"t{i}", "stars": i % 3, "category": "ab"[i % 2], "sentiment": "xy"[i % 2]} for i in range(9)]
    assert load_feedback(records, kind="ratings").columns["score"] == "stars"
    found = load_feedback(records, columns={"group": "category"}, kind="labels")
    assert (found.columns["label"], found.labels) == ("sentiment", ("x", "y"))


def test_labels_outside_the_map_are_problems():
    records = [{"text": "a", "label": "good"}, {"text": "b", "label": "bad"}, {"text": "c", "label": "goood"}]
    found = load_feedback(records, labels=["good", "bad"])
    assert found.labels == ("good", "bad")
    assert found.problems == (Problem("row 3", "the label 'goood' is none of good, bad. Did you mean 'good'?"),)
    with pytest.raises(DataError, match="None of the 3 rows"):
        load_feedback(records, labels=["1", "2"])


def test_numbers_as_labels_do_not_depend_on_how_a_data_frame_writes_them():
    found = load_feedback([{"text": "a", "label": 1.0}, {"text": "b", "label": 0}, {"text": "c", "label": "1"}])
    assert found.labels == ("0", "1")
    assert {row.label for row in rows(found) if row.text in "ac"} == {"1"}


def test_preferences_and_what_is_wrong_with_them():
    found = load_feedback(
        [
            {"prompt": "p", "chosen": "a", "rejected": "b", "margin": 1.5},
            {"prompt": "p", "chosen": "a", "rejected": "a", "margin": None},
            {"prompt": "p", "chosen": "a", "rejected": " a ", "margin": None},
            {"prompt": "p", "chosen": "c", "rejected": "", "margin": None},
            {"prompt": None, "chosen": "a", "rejected": "b", "margin": ""},
            {"prompt": "p", "chosen": "d", "rejected": "e", "margin": float("inf")},
        ]
    )
    assert set(rows(found)) == {Ranking("p", ("a", "b"), 1.5), Ranking("", ("a", "b"))}
    assert [(p.place, p.reason) for p in found.problems] == [
        ("row 2", "the chosen text equals the rejected one"),
        ("row 3", "a text is ranked twice: 'a'"),
        ("row 4", "the rejected text is empty"),
        ("row 6", "the margin is infinite"),
    ]


def test_rankings_from_a_csv_and_by_ranks(tmp_path):
    records = [
        {"prompt": "p", "texts": json.dumps(["b", "c", "a"]), "ranks": "[2, 3, 1]"},
        {"prompt": "p", "texts": json.dumps(["b", "a"]), "ranks": "[1, 1]"},
        {"prompt": "p", "texts": json.dumps(["b", "a"]), "ranks": "[1]"},
        {"prompt": "p", "texts": "b, a", "ranks": "[1, 2]"},
        {"prompt": "p", "texts": '["b"]', "ranks": "[1]"},
    ]
    found = load_feedback(write(tmp_path / "rankings.csv", records))
    assert rows(found) == [Ranking("p", ("a", "b", "c"))]
    assert [problem.reason for problem in found.problems] == [
        "two texts share a rank: [1, 1]",
        "there are 2 texts but 1 ranks",
        "the list of texts is not a JSON list: 'b, a'",
        "a ranking needs at least two texts, not 1",
    ]


def test_whole_dialogues_are_taken_apart():
    """In the published helpful-and-harmless data, chosen and rejected repeat the whole dialogue."""
    start = "\n\nHuman: Hi\n\nAssistant: Hello. How can I help?\n\nHuman: Bake bread?\n\nAssistant:"
    found = load_feedback(
        [
            {"chosen": f"{start} Knead, then wait.", "rejected": f"{start} Know your baker."},
            {"chosen": "\n\nHuman: A\n\nAssistant: x", "rejected": "\n\nHuman: B\n\nAssistant: x"},
        ]
    )
    assert rows(found) == [Ranking(start, ("Knead, then wait.", "Know your baker."))]
    assert found.problems == (Problem("row 2", "the dialogues differ before the first answer"),)


def test_conversations_are_taken_apart():
    user, other = {"role": "user", "content": "Bake bread?"}, {"role": "system", "content": "Be brief."}
    answers = [{"role": "assistant", "content": text} for text in ("Knead.", "Buy it.")]
    single = {"chosen": [user, answers[0]], "rejected": [user, answers[1]], "prompt": "Bake bread?"}
    several = {"chosen": [other, user, answers[0]], "rejected": [other, user, answers[1]]}
    apart = {"prompt": [user], "chosen": [answers[0]], "rejected": [answers[1]]}
    expected = Ranking("Bake bread?", ("Knead.", "Buy it."))
    assert rows(load_feedback([single])) == rows(load_feedback([apart])) == [expected]
    assert rows(load_feedback([several])) == [Ranking("system: Be brief.\n\nuser: Bake bread?", expected.texts)]


def test_pairs_prefer_what_was_rated_higher_and_stay_within_a_prompt():
    rng = np.random.default_rng(0)
    ratings = [Rating(f"prompt {i % 3}", f"text {i}", float(rng.integers(5)), "ab"[i % 2]) for i in range(90)]
    score = {row.text: row.score for row in ratings}
    prompt = {row.text: row.prompt for row in ratings}
    group = {row.text: row.group for row in ratings}
    made = pairs(ratings, per_row=3, rng=np.random.default_rng(1))
    assert 150 < len(made) <= 270
    for row in made:
        better, worse = row.texts
        assert row.margin == score[better] - score[worse] > 0
        assert row.prompt == prompt[better] == prompt[worse]
        assert row.group == (group[better] if group[better] == group[worse] else None)
    assert len({frozenset(row.texts) for row in made}) == len(made)
    assert made == pairs(ratings, per_row=3, rng=np.random.default_rng(1))


def test_pairs_draw_every_rival_alike():
    ratings = [Rating("", text, score) for text, score in (("a", 1.0), ("b", 1.0), ("c", 2.0), ("d", 3.0))]
    made = pairs(ratings, per_row=200, rng=np.random.default_rng(0))
    assert {row.texts for row in made} == {("c", "a"), ("c", "b"), ("d", "a"), ("d", "b"), ("d", "c")}


def test_pairs_of_labels_need_their_order():
    labels = [Label("", "a", "bad"), Label("", "b", "good"), Label("", "c", "fair")]
    made = pairs(labels, per_row=9, rng=np.random.default_rng(0), order=("bad", "fair", "good"))
    assert {(row.texts, row.margin) for row in made} == {(("b", "a"), 2.0), (("c", "a"), 1.0), (("b", "c"), 1.0)}
    with pytest.raises(OptionError, match=r"Missing in \['bad', 'good'\]: \['fair'\]"):
        pairs(labels, rng=np.random.default_rng(0), order=("bad", "good"))
    with pytest.raises(DataError, match="No two rows of one prompt"):
        pairs([Rating("p", "a", 1.0), Rating("q", "b", 2.0)], rng=np.random.default_rng(0))


def test_forty_thousand_rows_take_seconds(tmp_path):
    path, words = tmp_path / "large.csv", ["the", "service", "was", "très", "bon", "and", "our", "staff", "friendly"]
    rng = np.random.default_rng(0)
    with path.open("w", encoding="latin-1", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sentiment", "confidence", "text"])
        for i in range(40_000):
            text = " ".join(rng.choice(words, 12)) + f' "{i % 39_000}"\nand more'
            writer.writerow([("negative", "neutral", "positive")[i % 3], 0.5, text])
    start = time.process_time()
    found = load_feedback(path, encoding="latin-1")
    assert time.process_time() - start < 5
    assert len(rows(found)) + len(found.problems) == 40_000
    assert found.columns == {"text": "text", "label": "sentiment"}
