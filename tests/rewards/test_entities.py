"""Generated lists of entities, worked by hand, against nervaluate, and against what seqeval gave."""

from __future__ import annotations

import nervaluate
import numpy as np
import pytest

from textgym.errors import RewardError
from textgym.rewards.entities import EntityBoundaryF1, EntityF1, Mention, parse_mentions, tagged_mentions

NAMES = [["Paris"], ["Ada", "Lovelace"], ["New", "York", "Times"], ["Siemens"], ["Leipzig"]]
KINDS = ["LOC", "PER", "ORG"]


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        (" Paris: LOC; Ada  Lovelace: per", [("Paris", "LOC"), ("AdaLovelace", "PER")]),
        ("- Paris: LOC\n* Ada Lovelace:PER;\n", [("Paris", "LOC"), ("AdaLovelace", "PER")]),
        ("Mission: Impossible: WORK", [("Mission:Impossible", "WORK")]),
        ("Paris; Lyon:", [("Paris", ""), ("Lyon", "")]),
        (": LOC", []),
        (" None. ", []),
        ("none; Paris: LOC", [("Paris", "LOC")]),
        ("", []),
    ],
)
def test_lists_are_read(text, mentions):
    assert parse_mentions(text) == [Mention(*mention) for mention in mentions]


@pytest.mark.parametrize(
    ("completion", "reference", "typed", "untyped"),
    [
        ("Paris: LOC; Ada: PER", "Ada: PER; Paris: LOC", 1.0, 1.0),
        ("Paris: PER; Ada: PER", "Paris: LOC; Ada: PER", 0.5, 1.0),
        ("Paris; Ada", "Paris: LOC; Ada: PER", 0.0, 1.0),
        ("Paris: LOC", "Paris: LOC; Ada: PER; Lyon: LOC", 0.5, 0.5),
        ("Paris: LOC", "Paris: LOC; Paris: LOC", 2 / 3, 2 / 3),  # one of two mentions
        ("Paris: LOC; Paris: LOC; Paris: LOC", "Paris: LOC", 0.5, 0.5),
        ("Paris: PER; Paris: LOC", "Paris: LOC; Paris: PER", 0.0, 1.0),  # in the order of the text
        ("I see Paris: LOC", "Paris: LOC", 0.0, 0.0),
        ("paris: LOC", "Paris: LOC", 0.0, 0.0),
        ("none", "None", 1.0, 1.0),
        ("Paris: LOC", "none", 0.0, 0.0),
        ("none", "Paris: LOC", 0.0, 0.0),
        ("", "Paris: LOC", 0.0, 0.0),
        ("", "none", 0.0, 0.0),
        (" ;\n", "none", 0.0, 0.0),
    ],
)
def test_scores_worked_by_hand(completion, reference, typed, untyped):
    columns = {"references": [[reference]]}
    assert EntityF1()([""], [completion], **columns) == [pytest.approx(typed)]
    assert EntityBoundaryF1()([""], [completion], **columns) == [pytest.approx(untyped)]


def test_the_corpus_form_pools_counts():
    columns = {"references": [["Paris: LOC"], ["none"], ["Ada: PER; Lyon: LOC; Rome: LOC"]]}
    answers = ["Paris: LOC", "", "Ada: PER; Oslo: LOC"]
    assert EntityF1().corpus([""] * 3, answers, **columns) == pytest.approx(2 * 2 / (3 + 4))
    assert EntityF1().corpus([""], [""], references=[["none"]]) == 0.0  # as seqeval: nothing to find, nothing found


def rows(count: int = 60) -> list[tuple[list[str], list[str], list[str]]]:
    """Draws sentences with the BIO tags of their entities, and other tags that err in types and in boundaries."""
    rng = np.random.default_rng(5)
    drawn = []
    for _ in range(count):
        tokens, gold, answer = [], [], []
        for name in rng.permutation(len(NAMES))[: rng.integers(0, 5)]:
            words, kind = NAMES[name], KINDS[rng.integers(3)]
            for _ in range(rng.integers(1, 3)):  # some are mentioned twice
                tokens += ["then", *words]
                gold += ["O", *bio(words, kind)]
                wrong = rng.random()
                length = len(words) if wrong < 0.6 else rng.integers(1, len(words) + 1)
                other = kind if wrong < 0.4 else KINDS[rng.integers(3)]
                answer += ["O", *bio(words[:length], other), *["O"] * (len(words) - length)]
        drawn.append((tokens, gold, answer))
    return drawn


def bio(words: list[str], kind: str) -> list[str]:
    return [f"{'I' if i else 'B'}-{kind}" for i in range(len(words))]


def listed(tokens: list[str], tags: list[str]) -> str:
    """Writes the entities of a tagged sentence as a completion would."""
    items: list[list[str]] = []
    for token, tag in zip(tokens, tags, strict=True):
        if tag.startswith("B-"):
            items.append([tag[2:], token])
        elif tag.startswith("I-"):
            items[-1].append(token)
    return "; ".join(f"{' '.join(words)}: {kind}" for kind, *words in items) or "none"


@pytest.mark.parametrize("form", ["references", "tags"])
def test_corpus_scores_are_those_of_nervaluate(form):
    tokens, gold, answers = (list(column) for column in zip(*rows(), strict=True))
    completions = [listed(*row) for row in zip(tokens, answers, strict=True)]
    if form == "tags":
        columns = {"tokens": tokens, "tags": gold}
    else:
        columns = {"references": [[listed(*row)] for row in zip(tokens, gold, strict=True)]}
    prompts = [""] * len(tokens)
    expected = nervaluate.Evaluator(gold, answers, tags=KINDS, loader="list").evaluate()["overall"]
    typed, untyped = expected["strict"].f1, expected["exact"].f1
    assert EntityF1().corpus(prompts, completions, **columns) == pytest.approx(typed)
    assert EntityBoundaryF1().corpus(prompts, completions, **columns) == pytest.approx(untyped)
    assert 0.3 < typed < untyped < 0.95


SEQEVAL_OF_60_ROWS = (0.5287958115183246, 0.9005235602094241)
"""`seqeval.metrics.f1_score`, version 1.2.2, of `rows()` as they are, and with one type for all entities."""

SEQEVAL = {
    "a wrong type": (["B-PER I-PER O B-LOC"], ["B-PER I-PER O B-ORG"], 0.5, 1.0),
    "a wrong boundary": (["B-PER I-PER O B-LOC"], ["B-PER O O B-LOC"], 0.5, 0.5),
    "one missed, one made up": (["B-PER O O B-LOC O"], ["B-PER O O O B-ORG"], 0.5, 0.5),
    "one cut in two": (["B-LOC I-LOC O"], ["B-LOC B-LOC O"], 0.0, 0.0),
    "pooled": (
        ["B-PER I-PER O B-LOC", "O O", "B-ORG O B-LOC"],
        ["B-PER I-PER O O", "O B-LOC", "B-ORG O B-ORG"],
        0.5,
        0.75,
    ),
}
"""Gold and answer of some corpora, and what seqeval makes of them; its source package no longer builds everywhere."""


@pytest.mark.parametrize(("gold", "answers", "typed", "untyped"), SEQEVAL.values(), ids=SEQEVAL)
def test_corpus_scores_are_those_that_seqeval_gave(gold, answers, typed, untyped):
    rows_of_tags = [(row.split(), answer.split()) for row, answer in zip(gold, answers, strict=True)]
    tokens = [[f"w{i}" for i in range(len(tags))] for tags, _ in rows_of_tags]
    columns = {"tokens": tokens, "tags": [tags for tags, _ in rows_of_tags]}
    completions = [listed(words, answer) for words, (_, answer) in zip(tokens, rows_of_tags, strict=True)]
    prompts = [""] * len(tokens)
    assert EntityF1().corpus(prompts, completions, **columns) == pytest.approx(typed)
    assert EntityBoundaryF1().corpus(prompts, completions, **columns) == pytest.approx(untyped)


def test_the_drawn_corpus_scores_as_seqeval_scored_it():
    tokens, gold, answers = (list(column) for column in zip(*rows(), strict=True))
    completions = [listed(*row) for row in zip(tokens, answers, strict=True)]
    scores = [cls().corpus([""] * 60, completions, tokens=tokens, tags=gold) for cls in (EntityF1, EntityBoundaryF1)]
    assert scores == pytest.approx(SEQEVAL_OF_60_ROWS)


def test_tags_are_read_as_spans():
    tokens = ["Ada", "Lovelace", "left", "New", "York", "Paris", "Rome", "don", "n't"]
    tags = ["B-PER", "I-PER", "O", "I-LOC", "I-LOC", "B-LOC", "I-PER", "B-x", "I-x"]
    expected = [("AdaLovelace", "PER"), ("NewYork", "LOC"), ("Paris", "LOC"), ("Rome", "PER"), ("donn't", "X")]
    assert tagged_mentions(tokens, tags) == [Mention(*mention) for mention in expected]
    assert tagged_mentions([], []) == []


@pytest.mark.parametrize("cls", [EntityF1, EntityBoundaryF1])
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "which this call does not carry"),
        ({"references": [["Paris: LOC", "Rome: LOC"]]}, "one reference list of entities for completion 0"),
        ({"tokens": [["Paris"]], "tags": [["B-LOC", "O"]]}, "as many tags as tokens. Actual numbers: 2 and 1"),
        ({"tokens": [["Paris"]], "tags": [["LOC"]]}, "are O, B-TYPE and I-TYPE. Actual value: 'LOC'"),
        ({"tokens": [["Paris"]], "tags": [["B-"]]}, "are O, B-TYPE and I-TYPE. Actual value: 'B-'"),
    ],
)
def test_gold_that_cannot_be_read_is_named(cls, columns, said):
    with pytest.raises(RewardError, match=said):
        cls()([""], ["Paris: LOC"], **columns)
