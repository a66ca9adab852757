"""Classification by writing: the completion is the name of a class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textgym.errors import RewardError

from .base import Reward
from .examples import Examples
from .options import check_choice
from .overlap import references_of

REVIEWS = Examples(
    prompts=(
        "Review: The soup was cold.\nPositive, negative or neutral?",
        "Review: A lovely evening.\nPositive, negative or neutral?",
        "Review: It opens at nine.\nPositive, negative or neutral?",
        "Review: I will never come back.\nPositive, negative or neutral?",
    ),
    completions=(" negative", " Positive.", " neutral", " Negative"),
    columns={"references": (["negative"], ["positive"], ["neutral"], ["negative"])},
    keywords=("positive", "negative", "neutral"),
)
"""Short reviews and their sentiment."""

MARKS = " \t\r\n.,;:!?…\"'“”‘’`*()[]"
"""What may stand around a label and is not part of it."""


@dataclass(frozen=True, repr=False)
class LabelAccuracy(Reward):
    """1 where the completion is the label of its row, and nothing else; else 0. Range [0, 1].

    Case, space, quotation marks and punctuation around the label do not matter: " Positive." is ``positive``. A list
    of all labels is no label, and scores 0. The corpus form is the accuracy.

    Args:
        labels: All labels that there are, if they are known: a reference that is none of them is an error.
    """

    labels: Any = ()

    name = "label_accuracy"
    range = (0.0, 1.0)
    examples = REVIEWS

    def __post_init__(self) -> None:
        given = [self.labels] if isinstance(self.labels, str) else self.labels
        labels = tuple(given) if isinstance(given, Sequence) else (given,)
        names = [normalize_label(label) if isinstance(label, str) else "" for label in labels]
        if not all(names) or len(set(names)) < len(names) or len(names) == 1:
            raise RewardError(
                f"{self.name}(labels=…) takes two labels or more that differ by more than case, space and "
                f"punctuation. Actual value: {self.labels!r}."
            )
        object.__setattr__(self, "labels", labels)  # a list is not hashable

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        gold = self._gold(completions, columns)
        return [float(normalize_label(text) == label) for text, label in zip(completions, gold, strict=True)]

    def _gold(self, completions: Sequence[str], columns: dict[str, Any]) -> list[str]:
        known = set(map(normalize_label, self.labels))
        gold: list[str] = []
        for i, references in enumerate(references_of(self, completions, columns)):
            labels = {normalize_label(text) for text in references}
            if len(labels) != 1 or "" in labels:
                raise RewardError(
                    f"Reward {self.name!r} needs one reference label for completion {i}. Actual value: {references!r}."
                )
            if known and not labels <= known:
                raise RewardError(
                    f"The reference of completion {i} is none of the labels {self.labels} of reward {self.name!r}. "
                    f"Actual value: {references[0]!r}."
                )
            gold += labels
        return gold


@dataclass(frozen=True, repr=False)
class LabelF1(LabelAccuracy):
    """F1 of the labels over a corpus; 1 or 0 for a completion, as `LabelAccuracy`. Range [0, 1].

    ``F1 = 2·TP / (2·TP + FP + FN)`` of each label: their mean (macro), or that of the counts summed over labels
    (micro). An answer that is no label is wrong: a miss of the right one, and a false alarm of none. The labels are
    those that occur as references or, from among the option ``labels``, as answers; scikit-learn's ``f1_score`` over
    them gives the same.

    Args:
        labels: All labels that there are. Without them an answer is a label if it is a reference in the corpus.
        average: ``"macro"`` or ``"micro"``.

    Source: van Rijsbergen 1979, "Information retrieval", chapter 7.
    """

    average: str = "macro"

    name = "label_f1"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self, "average", self.average, ("macro", "micro"))

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        gold = Counter(labels := self._gold(completions, columns))
        answers = [normalize_label(completion) for completion in completions]
        known = gold.keys() | set(map(normalize_label, self.labels))
        given = Counter(answer for answer in answers if answer in known)
        hits = Counter(label for label, answer in zip(labels, answers, strict=True) if label == answer)
        if self.average == "micro":
            return 2 * hits.total() / (gold.total() + given.total())
        occurring = sorted(gold.keys() | given.keys())
        return sum(2 * hits[label] / (gold[label] + given[label]) for label in occurring) / len(occurring)


def normalize_label(text: str) -> str:
    """Returns the label that a text is: in lower case, single-spaced, without the `MARKS` around it.

    A text of nothing but marks is its own label.
    """
    single = " ".join(text.casefold().split())
    return single.strip(MARKS) or single
