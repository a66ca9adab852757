"""CIDEr-D, worked by hand and against pycocoevalcap."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from pycocoevalcap.cider.cider import Cider as Published

from textgym.errors import DataError, RewardError
from textgym.rewards.cider import Cider, surprisal
from textgym.rewards.form import words

ROWS = 30
VOCABULARY = [
    "a",
    "the",
    "dog",
    "cat",
    "ball",
    "park",
    "red",
    "throws",
    "catches",
    "sits",
    "on",
    "near",
    "grass",
    "man",
    "and",
]


@pytest.fixture
def captions() -> tuple[list[str], list[list[str]]]:
    rng = np.random.default_rng(2)
    texts = [" ".join(rng.choice(VOCABULARY, size=rng.integers(0, 14))) for _ in range(ROWS)]
    references = [
        [
            f"{' '.join(rng.choice(VOCABULARY, size=rng.integers(1, 14))).capitalize()}."
            for _ in range(rng.integers(1, 5))
        ]
        for _ in range(ROWS)
    ]
    for i in range(0, ROWS, 3):  # some near their references
        texts[i] = references[i][0].replace("dog", "cat")
    return texts, references


@pytest.fixture
def published(captions) -> tuple[float, np.ndarray]:
    """Score of the corpus and of each row."""
    texts, references = captions
    gold = {i: [" ".join(words(text)) for text in row] for i, row in enumerate(references)}
    return Published().compute_score(gold, {i: [" ".join(words(text))] for i, text in enumerate(texts)})


def test_the_corpus_form_is_the_published_metric(captions, published):
    texts, references = captions
    assert Cider().corpus([""] * ROWS, texts, references=references) == pytest.approx(published[0], rel=1e-12)
    assert published[0] > 1


def test_with_documents_each_completion_scores_as_published(captions, published, tmp_path):
    texts, references = captions
    file = tmp_path / "train.jsonl"
    file.write_text("\n".join(json.dumps({"prompt": str(i), "references": row}) for i, row in enumerate(references)))
    scores = Cider(documents=str(file))([""] * ROWS, texts, references=references)
    np.testing.assert_allclose(scores, published[1], rtol=1e-12, atol=1e-12)
    assert max(scores) > 2 > 0.1 > min(scores)


def test_without_documents_words_weigh_by_how_rare_they_are_in_english():
    the, cat, dog = (surprisal((word,)) for word in ("the", "cat", "dog"))
    assert surprisal(("the", "cat")) == the + cat
    assert cat > the > 0
    unigrams = the**2 / (math.hypot(the, cat) * math.hypot(the, dog))
    assert Cider()([""], ["The cat."], references=[["the dog"]]) == [pytest.approx(10 * unigrams / 4)]


def test_longer_and_shorter_texts_pay_and_all_references_count():
    same, longer, half = Cider()(
        [""] * 3,
        ["a red rose for you", "a red rose for you for ever", "a red rose for you"],
        references=[["A red rose, for you!"], ["a red rose for you"], ["a red rose for you", "nothing alike"]],
    )
    assert same == pytest.approx(10)
    assert half == pytest.approx(5)
    assert 5 < longer < 10 * math.exp(-(2**2) / 72)


def test_a_completion_scores_alone_as_in_its_batch(captions):
    texts, references = captions
    batch = Cider()([""] * ROWS, texts, references=references)
    assert batch == [Cider()([""], [text], references=[row])[0] for text, row in zip(texts, references, strict=True)]


@pytest.mark.parametrize(("text", "expected"), [("rose", 2.5), ("red rose", 5.0), ("", 0.0), ("?!", 0.0)])
def test_short_texts(text, expected):
    assert Cider()([""], [text], references=[[text]]) == [pytest.approx(expected)]


def test_a_corpus_of_one_row_has_no_frequencies_and_scores_0():
    assert Cider().corpus([""], ["a red rose"], references=[["a red rose"]]) == 0.0


def test_what_cannot_be_scored_is_named(tmp_path):
    with pytest.raises(RewardError, match=r"'cider' .*which this call does not carry"):
        Cider()([""], ["a"])
    with pytest.raises(DataError, match="There is no data file"):
        Cider(documents=str(tmp_path / "none.jsonl"))([""], ["a"], references=[["a"]])
    file = tmp_path / "one.jsonl"
    file.write_text('{"prompt": "p", "references": ["a"]}\n')
    with pytest.raises(RewardError, match=r"at least two rows. Actual number of rows: 1"):
        Cider(documents=str(file))([""], ["a"], references=[["a"]])
