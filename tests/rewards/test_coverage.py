"""Which of the wanted words are found, by tables of strings."""

from __future__ import annotations

import pytest

from textgym.errors import RewardError
from textgym.rewards.coverage import ConceptCoverage, KeywordCoverage


@pytest.mark.parametrize(
    ("text", "keywords", "expected"),
    [
        ("He paints the GARDEN.", ["painting", "garden"], 1.0),
        ("A party", ["art"], 0.0),
        ("a new house in York", ["New York"], 0.0),
        ("in new-york's streets", ["New York"], 0.0),
        ("in New York, streets", ["new york", "street", "river"], 2 / 3),
        ("red rose", "red, blue , rose,red", 2 / 3),  # a keyword counts once
        ("organization", ["organ"], 1.0),  # stems agree
        ("She threw it", ["throw"], 0.0),  # stems differ
        ("", ["red"], 0.0),
        ("我爱你", ["我爱你"], 1.0),
    ],
)
def test_keywords_are_found_by_stem(text, keywords, expected):
    assert KeywordCoverage(keywords=keywords)([""], [text]) == [pytest.approx(expected)]
    assert KeywordCoverage()([""], [text], keywords=[keywords]) == [pytest.approx(expected)]


@pytest.mark.parametrize(
    ("text", "concepts", "expected"),
    [
        ("She threw a ball; the children caught it.", ["throw", "ball", "child", "catch"], 1.0),
        ("She throws balls to a child, catching them.", ["throw", "ball", "child", "catch"], 1.0),
        ("They were at the mill", ["be", "mills"], 1.0),
        ("organization", ["organ"], 0.0),
        ("a thrower", ["throw"], 0.0),
        ("floompables", ["floompables", "zxqwv"], 0.5),  # words that no dictionary has
        ("he picked up the kids", ["pick up", "kid"], 1.0),
        ("", ["dog"], 0.0),
    ],
)
def test_concepts_are_found_in_any_inflection(text, concepts, expected):
    assert ConceptCoverage(concepts=concepts)([""], [text]) == [pytest.approx(expected)]
    assert ConceptCoverage()([""], [text], concepts=[concepts]) == [pytest.approx(expected)]


def test_the_option_goes_before_the_column_and_the_corpus_form_is_the_mean():
    texts, columns = ["red", "blue", "red"], {"keywords": [["red"], ["red"], "red,blue"]}
    assert KeywordCoverage()([""] * 3, texts, **columns) == [1.0, 0.0, 0.5]
    assert KeywordCoverage().corpus([""] * 3, texts, **columns) == pytest.approx(0.5)
    assert KeywordCoverage(keywords=["blue"])([""] * 3, texts, **columns) == [0.0, 1.0, 0.0]


def test_keywords_are_equal_hashable_and_printed_as_they_can_be_read():
    reward = KeywordCoverage(keywords=["red", "rose"])
    assert reward == KeywordCoverage(keywords="red, rose")
    assert len({reward, KeywordCoverage(keywords="red, rose")}) == 1
    assert repr(reward) == "keyword_coverage(keywords=('red', 'rose'))"


@pytest.mark.parametrize("cls", [KeywordCoverage, ConceptCoverage])
def test_what_cannot_be_looked_for_is_named(cls):
    option = cls.column
    with pytest.raises(RewardError, match=f"looks for {option}, which this call does not carry"):
        cls()([""], ["a"])
    with pytest.raises(RewardError, match=f"needs {option}, each with a word, for completion 1. Actual value: \\(\\)"):
        cls()(["", ""], ["a", "b"], **{option: [["a"], None]})
    with pytest.raises(RewardError, match=r"each with a word, for completion 0. Actual value: \('red', '!'\)"):
        cls()([""], ["a"], **{option: [["red", "!"]]})
    with pytest.raises(RewardError, match=f"The {option} of {cls.name} are texts. Actual value in the option: \\[1\\]"):
        cls(**{option: [1]})
    with pytest.raises(RewardError, match=r"are texts. Actual value in row 1: 7"):
        cls()(["", ""], ["a", "b"], **{option: ["a", 7]})
