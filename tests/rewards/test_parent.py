"""PARENT, against numbers worked by hand."""

from __future__ import annotations

import pytest

from textgym.errors import OptionError, RewardError
from textgym.rewards.parent import SMOOTHING, Parent

TABLE = (("first", "a b"), ("second", "d e"))


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)


def score(text: str, reference: str, table: object = TABLE, **options: float | None) -> float:
    return Parent(**options)([""], [text], references=[[reference]], table=[table])[0]


def test_what_table_and_reference_say_is_right():
    """The words of the table are a, b, d and e.

    P_1: of a b c d x, four are in the reference, x in neither: 4/5. P_2: ab bc cd are there, half of dx is in the
    table: 3.5/4. P_3: abc bcd, a third of cdx: 7/9. P_4: abcd, half of bcdx: 3/4. The reference is recalled whole. Of
    the table, the text has both words of the first value and one of the second: 3/4.
    """
    precision = (4 / 5 * 7 / 8 * 7 / 9 * 3 / 4) ** 0.25
    assert score("A b, c d x.", "a b c d") == pytest.approx(f1(precision, 0.75**0.5))
    assert score("a b c d x", "a b c d", lambda_weight=0) == pytest.approx(f1(precision, 1))
    assert score("a b c d x", "a b c d", lambda_weight=1) == pytest.approx(f1(precision, 0.75))
    assert score("a b c d x", "a b c d", lambda_weight=None) == pytest.approx(f1(precision, 0.75**0.25))


def test_what_of_the_reference_is_not_in_the_table_weighs_less():
    """The text a b c x against a b c d.

    P: 3/4, 2/3 (nothing of cx is in the table), (1 + 1 + 1/3 − 1)/2 = 2/3 and, of abcx, 2/4. R: 2/3 of a b d, as c
    weighs nothing; ab 1 and bc 1/2 of these and cd 1/2; abc of abc and bcd, 2/3 each; nothing of abcd.
    """
    precision = (3 / 4 * 2 / 3 * 2 / 3 * 1 / 2) ** 0.25
    recall = (2 / 3 * 3 / 4 * 1 / 2 * SMOOTHING) ** 0.25
    assert score("a b c x", "a b c d", lambda_weight=0) == pytest.approx(f1(precision, recall))


@pytest.mark.parametrize(
    ("text", "reference", "table", "expected"),
    [
        ("a b d e", "a b d e", TABLE, 1.0),
        ("a b d e", "a b d e", {"first": "A B", "second": "d, e"}, 1.0),
        ("", "a b d e", TABLE, 0.0),
        ("x y z w", "a b d e", TABLE, 0.0),
        ("x y z w v", "x y z w v", TABLE, f1(1, SMOOTHING**0.5)),  # the reference is of another table
        ("x y z w v", "x y z w v", [["empty", "–"]], 1.0),  # a table without a word
    ],
)
def test_ends(text, reference, table, expected):
    assert score(text, reference, table) == pytest.approx(expected)


def test_a_text_of_the_table_is_right_where_the_reference_is_silent():
    reference = "a b is what it is"
    assert score("a b is d e", reference) > score("a b is f g", reference)
    assert score("a b is what it is d e", reference) > score("a b is what it is", reference)


def test_the_best_reference_counts_and_the_corpus_form_is_the_mean():
    reward, columns = Parent(), {"references": [["x y z w", "a b d e"]] * 2, "table": [TABLE] * 2}
    assert reward(["", ""], ["a b d e", ""], **columns) == pytest.approx([1.0, 0.0])
    assert reward.corpus(["", ""], ["a b d e", ""], **columns) == pytest.approx(0.5)


@pytest.mark.parametrize("table", ["a b", None, [], [["a"]], [["a", 1]], 3])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(RewardError, match=r"needs a table of at least one pair .* for completion 0\. Actual value"):
        score("a", "a", table)


def test_a_missing_table_and_a_bad_weight_are_told():
    with pytest.raises(RewardError, match="Give the data a column 'table'"):
        Parent()([""], ["a"], references=[["a"]])
    with pytest.raises(OptionError, match=r"lambda_weight=…\) lies in \[0, 1\], or is None. Actual value: 2"):
        Parent(lambda_weight=2)
