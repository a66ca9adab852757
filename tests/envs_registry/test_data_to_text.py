"""TextGen-DataToText: what is missing and what is made up, and the public tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.data import SPLITS, Row
from textgym.envs_registry import data_to_text
from textgym.envs_registry.material import tables
from textgym.envs_registry.prose import Dice
from textgym.errors import DataError, OptionError
from textgym.rewards.form import words
from textgym.tasks import Task

OWL = (("name Golden Owl",), ("food Thai",), ("price low",), ("children no",))
SUNDAY = (("city Rome",), ("time Sunday night",), ("sky snowy",), ("high 3",), ("wind east",))
CUP = (("team Ashby",), ("team Newton",), ("score 3-1", "result Newton over Ashby"), ("crowd 12,000",))
DRAW = (("team Ashby",), ("team Newton",), ("score 2-2", "result Ashby and Newton"))


def make(**options: object) -> Task:
    return gym.make("TextGen-DataToText-v0", **options).unwrapped.task  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("world", "facts", "text", "expected"),
    [
        ("restaurants", OWL, "The Golden Owl is a cheap Thai restaurant for adults only.", 1.0),
        ("restaurants", OWL, "Thai food at low prices is what the Golden Owl offers. It is not child-friendly!", 1.0),
        ("restaurants", OWL, "The Golden Owl is a cheap Thai restaurant.", 3 / 4),
        ("restaurants", OWL, "The Golden Owl is a Thai restaurant by the river.", 1 / 4),
        ("restaurants", OWL, "The Golden Owl is a cheap, family-friendly Thai restaurant.", 2 / 4),
        (
            "restaurants",
            OWL,
            "The Golden Owl serves cheap Thai food. Children are not allowed. It has 40 seats.",
            3 / 4,
        ),
        ("restaurants", OWL, "The Golden Fox is a cheap Thai restaurant for adults only.", 2 / 4),
        ("restaurants", OWL, "Golden Owl, Thai, cheap, for adults only.", 0.0),
        ("restaurants", OWL, "name: Golden Owl, which is Thai, cheap, for adults only.", 0.0),
        ("restaurants", OWL, "The Golden Owl is a cheap Thai restaurant for adults only", 0.0),
        ("restaurants", OWL, "The Golden Owl is cheap. Thai food, for adults only.", 1 / 2),
        ("restaurants", OWL, "The Red Fox is an expensive Greek restaurant.", 0.0),
        ("restaurants", OWL, "", 0.0),
        ("weather", SUNDAY, "Expect snow in Rome on Sunday night, 3 degrees and easterly winds.", 1.0),
        ("weather", SUNDAY, "Rome will be snowy on Sunday night, with a high of 3 degrees and a west wind.", 3 / 5),
        ("matches", CUP, "Newton beat Ashby 3-1 in front of 12,000 fans.", 1.0),
        ("matches", CUP, "In front of 12,000 fans, Ashby lost 1-3 to Newton.", 1.0),
        ("matches", CUP, "Before 12,000 fans, Ashby were beaten by Newton. It ended 3-1.", 1.0),
        ("matches", CUP, "Ashby beat Newton 3-1 in front of 12,000 fans.", 2 / 4),
        ("matches", CUP, "Newton beat Ashby in front of 12,000 fans.", 3 / 4),
        ("matches", CUP, "Newton met Ashby. It was 3-1, and 12,000 saw it.", 3 / 4),
        ("matches", CUP, "Newton beat Ashby 3-1 in front of 13,000 fans.", 2 / 4),
        ("matches", DRAW, "Ashby and Newton drew 2-2.", 1.0),
        ("matches", DRAW, "Newton held Ashby to a 2-2 draw.", 1.0),
        ("matches", DRAW, "Newton edged Ashby 2-2.", 1 / 3),
    ],
)
def test_a_text_is_paid_for_what_the_table_says(world, facts, text, expected):
    scores = data_to_text.slot_accuracy([""], [f" {text}"], facts=[facts], world=[world])
    assert scores == [pytest.approx(expected)]


@pytest.mark.parametrize("world", list(tables.WORLDS))
@pytest.mark.parametrize("max_slots", [3, 6])
def test_every_reference_earns_all_and_fits(world, max_slots):
    task = make(worlds=[world], max_slots=max_slots)
    for split in SPLITS:
        rows = [task.rows[split][i] for i in range(250)]
        assert {len(row.columns["facts"]) for row in rows} == set(range(3, max_slots + 1))
        columns = {name: [row.columns[name] for row in rows] for name in ("facts", "world")}
        for k in range(3):
            texts = [row.references[k] for row in rows]
            assert task.reward.score([""] * len(rows), texts, **columns).total.min() == 1.0
        other = [row.references[0] for row in rows[1:] + rows[:1]]
        assert task.reward.score([""] * len(rows), other, **columns).total.mean() < 0.1


@pytest.mark.parametrize("world", list(tables.WORLDS))
def test_the_longest_table_and_text_fit(world):
    """The longest line of each slot together, and the longest texts of many; with tokens to spare."""
    task, encode = make(), textgym.tokenizers.load("tiny").encode
    dice, lines, texts = Dice(np.random.default_rng(0)), {}, 0
    for _ in range(1000):
        table = tables.WORLDS[world].draw(dice, 6)
        for slot, value in table.lines:
            lines[slot] = max(lines.get(slot, 0), len(encode(f"{slot}: {value}\n")))
        texts = max(texts, *(len(encode(text)) + 1 for text in table.texts))
    six = sorted(lines.values())[-6:]
    assert 1 + sum(six) + len(encode(data_to_text.CUE)) <= task.max_prompt_tokens
    assert texts + 2 <= task.max_new_tokens


def test_nothing_is_told_of_what_the_test_asks_about():
    rows = make().rows
    about = {split: {data_to_text._about(row) for row in rows[split][:3000]} for split in SPLITS}
    assert sum(map(len, about.values())) == len(set.union(*about.values()))
    assert {text.split()[0] for text in about["test"]} == set(tables.WORLDS)
    turned = [Row("", (), {"world": "matches", "table": (("home", a), ("away", b))}) for a, b in ("xy", "yx")]
    assert data_to_text._about(turned[0]) == data_to_text._about(turned[1])


@pytest.mark.parametrize("world", list(tables.WORLDS))
def test_a_phrase_says_one_thing(world):
    marks: dict[str, set[str]] = {}
    for phrase, mark in tables.WORLDS[world].phrases():
        marks.setdefault(" ".join(words(phrase)), set()).add(mark)
    assert [phrase for phrase, each in marks.items() if len(each) > 1] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"worlds": ["whether"]}, r"There is no world 'whether'. Did you mean 'weather'\? There are restaurants,"),
        ({"worlds": "weather"}, "worlds is a list of restaurants, weather, matches. Actual value: 'weather'"),
        ({"worlds": []}, "worlds is a list"),
        ({"max_slots": 7}, "max_slots is a whole number from 3 to 6. Actual value: 7"),
        ({"data": "e2e"}, "knows no data set 'e2e'. Did you mean 'e2e_nlg'"),
    ],
)
def test_bad_options_say_what_and_how(options, message):
    with pytest.raises(OptionError, match=message):
        gym.make("TextGen-DataToText-v0", **options)


def saved(path: Path, features: dict[str, Any], records: dict[str, list[dict[str, Any]]]) -> str:
    parts = {
        split: datasets.Dataset.from_list(rows, features=datasets.Features(features)) for split, rows in records.items()
    }
    datasets.DatasetDict(parts).save_to_disk(str(path))
    return str(path)


def test_e2e_nlg(tmp_path):
    features = {"meaning_representation": datasets.Value("string"), "human_reference": datasets.Value("string")}
    record = {
        "meaning_representation": "name[The Mill], eatType[pub], priceRange[£20-25], customer rating[3 out of 5]",
        "human_reference": "The Mill is a pub at £20-25, rated 3 out of 5. ",
    }
    folder = saved(tmp_path / "e2e", features, {split: [record] for split in SPLITS})
    env = gym.make("TextGen-DataToText-v0", data="e2e_nlg", data_path=folder, split="test")
    _, info = env.reset(seed=0)
    assert info["prompt"] == "name: The Mill\neatType: pub\npriceRange: £20-25\ncustomer rating: 3 out of 5\nText:"
    assert info["references"] == [" The Mill is a pub at £20-25, rated 3 out of 5."]
    report = textgym.evaluate(
        lambda prompt: info["references"][0], "TextGen-DataToText-v0", episodes=1, data="e2e_nlg", data_path=folder
    )
    assert report.mean > 0.9
    assert {"bleu", "rouge_l"} <= set(report.metrics)
    assert "success" not in report.metrics


CELL = {
    "column_span": datasets.Value("int32"),
    "is_header": datasets.Value("bool"),
    "row_span": datasets.Value("int32"),
    "value": datasets.Value("string"),
}
NOTES = ("original_sentence", "sentence_after_deletion", "sentence_after_ambiguity", "final_sentence")
TOTTO = {
    "id": datasets.Value("int32"),
    "table_page_title": datasets.Value("string"),
    "table_webpage_url": datasets.Value("string"),
    "table_section_title": datasets.Value("string"),
    "table_section_text": datasets.Value("string"),
    "table": [[CELL]],
    "highlighted_cells": [[datasets.Value("int32")]],
    "example_id": datasets.Value("string"),
    "sentence_annotations": {name: [datasets.Value("string")] for name in NOTES},
    "overlap_subset": datasets.Value("string"),
}


def cell(value: str, header: bool = False, span: int = 1) -> dict[str, Any]:
    return {"column_span": span, "is_header": header, "row_span": 1, "value": value}


def totto(page: str, highlighted: list[list[int]]) -> dict[str, Any]:
    texts = ["In 1998, Anna Berg came second.", "Anna Berg came second in 1998.", "In 1998, Anna Berg came second."]
    return {
        "id": 0,
        "table_page_title": page,
        "table_webpage_url": "",
        "table_section_title": "Results",
        "table_section_text": "",
        "table": [
            [cell("Year", True), cell("Where it was", True, 2), cell("Place", True)],
            [cell("1997"), cell("Oslo"), cell("Norway"), cell("1st")],
            [cell("1998"), cell("abroad", span=2), cell("2nd")],
        ],
        "highlighted_cells": highlighted,
        "example_id": "",
        "sentence_annotations": dict.fromkeys(NOTES, texts),
        "overlap_subset": "",
    }


def test_totto(tmp_path):
    """A cell stands under the header of its column, also after one that spans two; the test set has no texts."""
    records = {
        "train": [totto(f"Anna Berg {i}", [[2, 0], [2, 2]]) for i in range(30)],
        "validation": [totto("Anna Berg", [[1, 2], [2, 2]])],
        "test": [{**totto("Anna Berg", [[2, 0]]), "sentence_annotations": {name: list[str]() for name in NOTES}}],
    }
    task = make(data="totto", data_path=saved(tmp_path / "totto", TOTTO, records), split="test")
    assert [row.prompt for row in task.rows["test"]] == [
        "page: Anna Berg\nsection: Results\nWhere it was: Norway\nPlace: 2nd\nText:"
    ]
    assert task[0].references == (" In 1998, Anna Berg came second.", " Anna Berg came second in 1998.")
    assert task[0].columns["table"][-1] == ("Place", "2nd")
    assert {len(task.rows[split]) > 0 for split in SPLITS} == {True}
    score = task.reward.score([task[0].prompt], [task.answer(task[0])], table=[task[0].columns["table"]],
                              references=[task[0].references]).total  # fmt: skip
    assert 0.5 < score[0] < 1  # the place is "2nd" in the table and "second" in the text


def test_a_set_of_another_form_is_told(tmp_path):
    folder = saved(tmp_path / "other", {"mr": datasets.Value("string")}, {"train": [{"mr": "name[The Mill]"}]})
    with pytest.raises(DataError, match="has no column 'meaning_representation'"):
        make(data="e2e_nlg", data_path=folder)
