"""PARENT: what a text says of a table, held against the references and against the table itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textgym.errors import OptionError, RewardError

from .base import Reward
from .examples import Examples
from .form import words
from .overlap import references_of

ORDERS = 4
SMOOTHING = 1e-5
"""Stands for a precision or recall of 0 among the higher orders, so that one of them does not undo the others."""

Values = list[list[str]]
"""The words of each value of a table."""


@dataclass(frozen=True, repr=False)
class Parent(Reward):
    """PARENT F1: precision and recall of n-grams, where what the table says counts as right too. Range [0, 1].

    A reference may say more than the table, or less. So an n-gram g of the completion that no reference has is right
    to the extent w(g) that the table has its words, and the n-grams of a reference weigh what the table knows of them:

        w(g) = share of the words of g that are in the table's values
        P_n  = Σ_g #(g) · (p(g) + (1 − p(g)) w(g)) / Σ_g #(g)           over the completion's n-grams
        R_n  = Σ_g #(g) · w(g) · q(g) / Σ_g #(g) · w(g)                 over the reference's n-grams
        R_T  = mean over the values v of LCS(v, completion) / |v|
        P = (P_1 P_2 P_3 P_4)^¼,   R = (R_1 R_2 R_3 R_4)^((1 − λ)/4) · R_T^λ,   F1 = 2 P R / (P + R)

    with p(g) the share of the g's of the completion that the reference has too, and q(g) the other way round. The
    best over the references; the corpus form is the mean. Words are lower case, without punctuation. A value in other
    words than the table's is not seen by R_T: a perfect text scores below 1 where a table says ``no`` for "not".

    The table is a row's column ``table``: pairs of attribute and value, or a mapping; texts, of which the values count.

    Args:
        lambda_weight: λ, the weight of the table in the recall, in [0, 1]; None sets it for each reference to the
            share of the table that the reference does not mention, ``1 − R_T(reference)``, as the paper proposes.

    Source: Dhingra et al. 2019, arXiv:1906.01081, section 3, with the word overlap model; 0.5 is what its code takes.
    """

    lambda_weight: float | None = 0.5

    name = "parent"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt"})
    examples = Examples(
        prompts=(
            "name: Anna Berg | trade: baker | town: Visby",
            "name: Luis Ortega | trade: tailor | born: 1950",
            "town: Visby | sight: town wall | age: 700 years",
        ),
        completions=(
            " Anna Berg is a baker who lives in the town of Visby.",
            " Luis Ortega, who was born in 1950, works as a tailor.",
            " In Visby stands a town wall that is some 700 years old.",
        ),
        columns={
            "table": (
                (("name", "Anna Berg"), ("trade", "baker"), ("town", "Visby")),
                (("name", "Luis Ortega"), ("trade", "tailor"), ("born", "1950")),
                (("town", "Visby"), ("sight", "town wall"), ("age", "700 years")),
            )
        },
    )

    def __post_init__(self) -> None:
        weight = self.lambda_weight
        if weight is not None and (
            isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1
        ):
            raise OptionError(f"parent(lambda_weight=…) lies in [0, 1], or is None. Actual value: {weight!r}.")

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        rows = references_of(self, completions, columns)
        tables = columns.get("table")
        if tables is None:
            raise RewardError(
                "Reward 'parent' compares with a table, which this call does not carry. Give the data a column "
                "'table': for each row pairs of attribute and value, such as [['name', 'Anna'], ['trade', 'baker']]."
            )
        scores = []
        for i, (completion, references, table) in enumerate(zip(completions, rows, tables, strict=True)):
            values, text = _values(table, i), words(completion)
            scores.append(max(parent_f1(text, words(each), values, self.lambda_weight) for each in references))
        return scores


def parent_f1(text: Sequence[str], reference: Sequence[str], values: Values, lambda_weight: float | None) -> float:
    """Returns PARENT's F1 of the words of a text; the formula is at `Parent`, worked by hand in its tests.

    Args:
        text: The words to score.
        reference: Those of one reference.
        values: Those of each value of the table.
        lambda_weight: See `Parent`.
    """
    known = frozenset(word for value in values for word in value)
    precisions, recalls = [], []
    for n in range(1, ORDERS + 1):
        mine, theirs = _ngrams(text, n), _ngrams(reference, n)
        right = sum(
            count * (found + (1 - found) * _entailed(gram, known))
            for gram, count in mine.items()
            for found in (min(1.0, theirs[gram] / count),)
        )
        weight = sum(count * _entailed(gram, known) for gram, count in theirs.items())
        recalled = sum(min(count, mine[gram]) * _entailed(gram, known) for gram, count in theirs.items())
        precisions.append(right / mine.total() if mine else 0.0)
        recalls.append(recalled / weight if weight else 1.0)  # nothing in the reference is of the table
    precision, of_reference = _geometric_mean(precisions), _geometric_mean(recalls)
    if not precision:
        return 0.0
    share = 1 - _mentioned(values, reference) if lambda_weight is None else lambda_weight
    of_table = _mentioned(values, text)
    recall: float = max(of_reference, SMOOTHING) ** (1 - share) * max(of_table, SMOOTHING) ** share
    return 2 * precision * recall / (precision + recall)


def _values(table: Any, row: int) -> Values:
    pairs = table.items() if isinstance(table, Mapping) else table
    if not isinstance(pairs, Iterable) or isinstance(pairs, str):
        pairs = ()
    pairs = [tuple(pair) if isinstance(pair, Sequence) else (pair,) for pair in pairs]
    if not pairs or not all(len(pair) == 2 and all(isinstance(part, str) for part in pair) for pair in pairs):
        raise RewardError(
            "Reward 'parent' needs a table of at least one pair of attribute and value, both texts, for completion "
            f"{row}. Actual value: {table!r}."
        )
    return [value for value in (words(pair[1]) for pair in pairs) if value]


def _ngrams(text: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def _entailed(gram: tuple[str, ...], known: frozenset[str]) -> float:
    return sum(word in known for word in gram) / len(gram)


def _mentioned(values: Values, text: Sequence[str]) -> float:
    """Returns how much of the table's values a text has, R_T above; 1 of a table that has no word."""
    if not values:
        return 1.0
    return sum(_common(value, text) / len(value) for value in values) / len(values)


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """Returns the length of the longest common subsequence."""
    row = [0] * (len(right) + 1)
    for a in left:
        diagonal = 0
        for j, b in enumerate(right, 1):
            diagonal, row[j] = row[j], diagonal + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]


def _geometric_mean(values: list[float]) -> float:
    """Returns it; only a 0 of the single words makes it 0, see `SMOOTHING`."""
    first, *others = values
    return math.prod([first, *(value or SMOOTHING for value in others)]) ** (1 / len(values))
