"""What a reward model is to learn from feedback: rows, targets, a loss, and what its outputs will mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textgym.errors import DataError, OptionError, suggest

from .feedback import Feedback, Ranking, pairs
from .recipe import Recipe

LOSSES = {
    "ratings": ("mse", "bradley_terry"),
    "labels": ("cross_entropy", "mse", "bradley_terry"),
    "preferences": ("bradley_terry", "plackett_luce"),
    "rankings": ("plackett_luce",),
}
"""What can be minimised on each kind of feedback; the first is the default."""

Rows = tuple[Any, ...]
"""`Rating`, `Label` or `Ranking`, by the kind of feedback."""


@dataclass(frozen=True)
class Objective:
    """Feedback as a problem of optimisation.

    Attributes:
        loss: One of `LOSSES`.
        labels: Names of the classes; empty for a single output.
        meaning: What the outputs mean, for the model's configuration.
        rows: Rows to learn from and to validate on, by split.
        targets: Class, standardised rating or margin of each row, float64 ``(B,)``, by split.
    """

    loss: str
    labels: tuple[str, ...]
    meaning: Mapping[str, Any]
    rows: Mapping[str, Rows]
    targets: Mapping[str, np.ndarray]


def objective(feedback: Feedback, recipe: Recipe) -> Objective:
    """Returns what to minimise on ``feedback``.

    Raises:
        OptionError: If the loss does not fit the kind of feedback.
        DataError: If there is nothing to learn from, or labels without an order are to be ranked.
    """
    loss = recipe.loss or LOSSES[feedback.kind][0]
    if loss not in LOSSES[feedback.kind]:
        raise OptionError(
            f"There is no loss {loss!r} for {feedback.kind}.{suggest(loss, LOSSES[feedback.kind])} "
            f"It is one of {', '.join(LOSSES[feedback.kind])}."
        )
    rows: dict[str, Rows] = {split: tuple(feedback.splits.get(split, ())) for split in ("train", "validation")}
    if not rows["train"]:
        raise DataError(f"The training split is empty. {_sizes(feedback)} Give more rows, or a column 'split'.")
    if loss == "cross_entropy":
        index = {label: i for i, label in enumerate(feedback.labels)}
        values = label_values(feedback)
        meaning = {"kind": "labels", **({"values": list(values.values())} if values else {})}
        targets = {split: np.array([index[row.label] for row in part], np.float64) for split, part in rows.items()}
        return Objective(loss, feedback.labels, meaning, rows, targets)
    if loss == "mse":
        rated = {split: np.array(ratings(feedback, part), np.float64) for split, part in rows.items()}
        mean, deviation = float(rated["train"].mean()), float(rated["train"].std())
        if deviation == 0:
            raise DataError(f"All ratings of the training split are {mean:g}: there is nothing to learn.")
        standard = {split: (values - mean) / deviation for split, values in rated.items()}
        return Objective(loss, (), {"kind": "ratings", "mean": mean, "deviation": deviation}, rows, standard)
    rows = {split: rankings(feedback, part, recipe.pairs_per_row, recipe.seed) for split, part in rows.items()}
    if not rows["train"]:
        raise DataError("No two rows of the training split can be told apart: there are no preferences to learn from.")
    margins = {
        split: np.array([(row.margin or 0.0) * recipe.margin for row in part], np.float64)
        for split, part in rows.items()
    }
    return Objective(loss, (), {"kind": "preferences"}, rows, margins)


def rankings(feedback: Feedback, rows: Sequence[Any], per_row: int = 1, seed: int = 0) -> tuple[Ranking, ...]:
    """Returns rows as rankings; from ratings and labels preferences are made."""
    if feedback.kind in ("preferences", "rankings"):
        return tuple(rows)
    order = tuple(_ordered(feedback)) if feedback.kind == "labels" else ()
    return pairs(rows, per_row=per_row, rng=np.random.default_rng(seed), order=order)


def ratings(feedback: Feedback, rows: Sequence[Any]) -> list[float]:
    """Returns the rating of each row; a label counts as its value."""
    if feedback.kind == "ratings":
        return [row.score for row in rows]
    values = _ordered(feedback)
    return [values[row.label] for row in rows]


def label_values(feedback: Feedback) -> dict[str, float]:
    """Returns what each label is worth, worst first, or nothing where that cannot be known.

    Labels whose order was given are spread evenly over [-1, 1]; numbers are worth themselves; of others, one that
    begins with "pos" is 1, one that begins with "neg" is -1, and the rest 0.
    """
    labels = feedback.labels
    if feedback.ordered:
        return {label: float(value) for label, value in zip(labels, np.linspace(-1, 1, len(labels)), strict=True)}
    try:
        return {label: float(label) for label in labels}
    except ValueError:
        pass
    poles = [[label for label in labels if label.lower().startswith(pole)] for pole in ("pos", "neg")]
    if [len(pole) for pole in poles] != [1, 1]:
        return {}
    return {label: float(label in poles[0]) - float(label in poles[1]) for label in labels}


def _ordered(feedback: Feedback) -> dict[str, float]:
    values = label_values(feedback)
    if not values:
        raise DataError(
            f"Nothing says which of the labels {', '.join(feedback.labels)} is better. Give them from worst to best "
            "(labels=…, on the command line --labels)."
        )
    return dict(sorted(values.items(), key=lambda item: item[1]))


def _sizes(feedback: Feedback) -> str:
    return "Rows: " + ", ".join(f"{split} {len(rows)}" for split, rows in feedback.splits.items()) + "."
