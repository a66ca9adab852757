"""TextGen-NER: exact gold, held-out names, and what the reward sees."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.data import SPLITS, Row
from textgym.envs_registry import ner
from textgym.envs_registry.material import names, ner_sentences
from textgym.rewards.entities import parse_mentions
from textgym.tasks import Task
from textgym.tokenizers import load

ID = "TextGen-NER-v0"
LEVELS = (1, 2, 3)


def make(**options: Any) -> Task:
    return gym.make(ID, **options).unwrapped.task  # type: ignore[attr-defined]


def mentions(row: Row) -> list[tuple[str, str]]:
    if row.references == (" none",):
        return []
    return [tuple(item.strip().rsplit(": ", 1)) for item in row.references[0].split(";")]  # type: ignore[misc]


@pytest.mark.parametrize("level", LEVELS)
def test_gold_is_the_mentions_in_their_order(level: int) -> None:
    """Every capital within a sentence is a mention's, a title's or a quotation's: nothing is left out."""
    counts = set()
    for row in make(level=level).rows["train"][:1500]:
        rest = row.prompt.rpartition("\n")[0]
        for name, kind in mentions(row):
            before, found, rest = rest.partition(name)
            assert found, row
            assert kind in ner.TYPES
            assert not re.search(r"\b(?<![.?] )(?<!^)(?<!\")(?!Mr |Dr |I )[A-Z]|\d{3}", before), row
        assert not re.search(r"(?<!^)(?<![.?] )\b(?!Mr |Dr |I )[A-Z]|\d{3}", rest), row
        counts.add(len(mentions(row)))
    assert counts == {1: {0, 1}, 2: {0, 1, 2, 3}, 3: {0, 2, 3, 4}}[level]


@pytest.mark.parametrize("level", LEVELS)
def test_types_are_those_of_the_names(level: int) -> None:
    months = "|".join(ner.MONTHS)
    known = defaultdict(set)
    for row in make(level=level).rows["train"][:1500]:
        for name, kind in mentions(row):
            if name in ner_sentences.AMBIGUOUS:
                known[name].add(kind)
            elif kind == "DATE":
                assert re.fullmatch(rf"(\d+ ({months}) )?\d{{4}}", name)
            elif kind == "PER":
                assert name.split()[-1] in names.FAMILY
            elif kind == "ORG":
                assert name.rpartition(" ")[2] in ner_sentences.KINDS
            else:
                assert name in {place for pool in ner.words()["places"].values() for place in pool}
    assert bool(known) is (level == 3)
    if level == 3:
        assert sum(len(kinds) == 3 for kinds in known.values()) > 20  # only the sentence tells


@pytest.mark.parametrize("level", LEVELS)
def test_held_out_names_are_in_no_training_sentence(level: int) -> None:
    task = make(level=level)
    seen = {
        split: {word for row in task.rows[split][:3000] for name, _ in mentions(row) for word in parts(name)}
        for split in SPLITS
    }
    assert not seen["train"] & (seen["validation"] | seen["test"])
    assert not seen["validation"] & seen["test"]
    assert min(map(len, seen.values())) > 20


def parts(name: str) -> list[str]:
    """The words of a name that are held out: first and family name, place, year, an organisation's first word."""
    if name in ner_sentences.AMBIGUOUS or name in {place for pool in ner.words()["places"].values() for place in pool}:
        return [name]
    words = name.split()
    if words[-1].isdigit():
        return words[-1:]
    return words[:1] if words[-1] in ner_sentences.KINDS else words


def test_names_are_of_one_kind() -> None:
    kinds = [
        set(names.FIRST),
        set(names.FAMILY),
        {place for pool in ner.words()["places"].values() for place in pool},
        set(ner_sentences.STEMS),
        set(ner_sentences.AMBIGUOUS),
    ]
    for i, one in enumerate(kinds):
        for other in kinds[i + 1 :]:
            assert not one & other


def test_about_every_seventh_sentence_has_no_name() -> None:
    for level in LEVELS:
        rows = make(level=level).rows["train"][:2000]
        assert 0.11 < np.mean([row.references == (" none",) for row in rows]) < 0.19


@pytest.mark.parametrize("level", LEVELS)
def test_sentences_are_good_english(level: int) -> None:
    for row in make(level=level).rows["train"][:1500]:
        sentence = row.prompt.rpartition("\n")[0]
        assert re.match(r'["A-Z0-9]', sentence)
        assert sentence[-1] in ".?"
        assert not re.search(r"[{}]|\s\s|\b[Aa] [aeiou]|\b[Aa]n [^aeiou]", sentence), sentence


@pytest.mark.parametrize("level", LEVELS)
def test_the_longest_sentence_and_answer_fit(level: int) -> None:
    """Words are tokens of their own, so that the longest sentence is the one with the longest words."""
    tokenizer = load("tiny")

    def tokens(text: str) -> int:
        return len(tokenizer.encode(text))

    def longest(texts: Any) -> str:
        return max(texts, key=lambda text: tokens(" " + text))

    pools = {field: [word for words in pool.values() for word in words] for field, pool in ner.words().items()}
    words = {
        "PER": f"{longest(pools['first'])} {longest(pools['family'])}",
        "FAM": longest(pools["family"]),
        "LOC": longest(pools["places"]),
        "ORG": f"{longest(pools['stems'])} {longest(ner_sentences.KINDS)}",
        "DATE": f"28 {longest(ner.MONTHS)} {longest(pools['years'])}",
        "YEAR": longest(pools["years"]),
        "thing": longest(pools["things"]),
        "job": longest(pools["jobs"]),
        **dict.fromkeys(("AMBPER", "AMBLOC", "AMBORG"), longest(pools["ambiguous"])),
    }
    task = make(level=level)
    for sentence in ner.LEVELS[level - 1] + ner_sentences.NONE:
        form = ner.frame(sentence)
        filled = {slot: words[slot.rstrip("23")] for slot in (*form.slots, "FAM")}
        answer = "; ".join(f"{filled[slot]}: {kind}" for slot, kind in form.mentions)
        assert 1 + tokens(f" {sentence.format(**filled)}{ner.ENDING}") <= task.max_prompt_tokens, sentence
        assert tokens(" " + answer) + 1 <= task.max_new_tokens, sentence


@pytest.mark.parametrize(
    ("completion", "reward", "in_text"),
    [
        (" Nora Lund: PER; Oslo: LOC", 1.0, 1.0),
        (" Oslo: loc;Nora Lund: PER.", 1.0, 1.0),
        (" Nora Lund; Oslo", 0.5, 1.0),
        (" Nora Lund: LOC; Oslo: PER", 0.5, 1.0),
        (" Nora Lund: PER", 2 / 3, 1.0),
        (" Lund: PER; Oslo: LOC", 0.5, 1.0),
        (" Nora Lund: PER; Oslo: LOC; Bergen: LOC; Rome: LOC", 2 / 3, 0.5),
        (" Nora: PER; Nora: LOC; Lund: PER; Oslo: ORG", (1 / 3 + 0) / 2, 1.0),
        (" none", 0.0, 1.0),
        ("", 0.0, 1.0),
    ],
)
def test_what_answers_earn(completion: str, reward: float, in_text: float) -> None:
    prompt, references = "Nora Lund lives in Oslo." + ner.ENDING, [" Nora Lund: PER; Oslo: LOC"]
    score = make().reward.score([prompt], [completion], references=[references]).total
    if completion.endswith("."):
        reward = 0.75  # the full stop is part of the last type
    assert score == pytest.approx([reward])
    assert ner.mentions_in_text([prompt], [completion]) == [in_text]


def test_where_there_is_no_name() -> None:
    texts = [" none", " None.", "", " The kettle: ORG", " none; kettle: ORG"]
    scores = make().reward.score(["The kettle broke." + ner.ENDING] * 5, texts, references=[[" none"]] * 5).total
    assert scores.tolist() == [1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 0}, "level is a whole number from 1 to 3. Actual value: 0"),
        ({"data": "conll"}, r"no data set 'conll'. Did you mean 'conll2003'\? It knows conll2003"),
        ({"types": 3}, "Unknown option types=3"),
    ],
)
def test_bad_options_say_what_and_how(options: dict[str, Any], message: str) -> None:
    with pytest.raises(textgym.errors.OptionError, match=message):
        gym.make(ID, **options)


def test_conll(tmp_path: Any) -> None:
    datasets = pytest.importorskip("datasets")
    tags = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"]
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=tags)),
        }
    )
    sentences: list[list[tuple[str, str]]] = [
        [
            ("Ada", "B-PER"),
            ("Holm", "I-PER"),
            ("met", "O"),
            ("Bo", "B-PER"),
            ("in", "O"),
            ("Cape", "B-LOC"),
            ("Town", "I-LOC"),
        ],
        [("It", "O"), ("rained", "O"), (".", "O")],
        [("Oslo", "I-LOC"), ("Bergen", "B-LOC"), ("beat", "O"), ("FC", "B-ORG"), ("Rome", "I-ORG"), ("Cup", "B-MISC")],
        [("word", "O")] * 51,
        [("A;B", "B-ORG"), ("fell", "O")],
    ]

    def part(prefix: str) -> Any:
        records = [
            {
                "id": str(i),
                "tokens": [prefix, *(word for word, _ in sentence)],
                "ner_tags": [0, *(tags.index(tag) for _, tag in sentence)],
            }
            for i, sentence in enumerate(sentences)
        ]
        return datasets.Dataset.from_list(records, features=features)

    datasets.DatasetDict(train=part("Today"), validation=part("So"), test=part("Then")).save_to_disk(tmp_path / "set")
    task = make(data="conll2003", data_path=str(tmp_path / "set"), split="test")
    rows = [task[i] for i in range(len(task))]
    assert [row.references[0] for row in rows] == [
        " Ada Holm: PER; Bo: PER; Cape Town: LOC",
        " none",
        " Oslo: LOC; Bergen: LOC; FC Rome: ORG; Cup: MISC",
    ]
    assert rows[0].prompt == "Then Ada Holm met Bo in Cape Town\nEntities (name: PER, LOC, ORG or MISC; ...):"
    prompts, texts = [row.prompt for row in rows], [row.references[0] for row in rows]
    assert task.reward.score(prompts, texts, references=[[text] for text in texts]).total.tolist() == [1, 1, 1]
    assert [len(parse_mentions(text)) for text in texts] == [3, 0, 4]
