"""Two reports of the same prompts, score by score."""

from __future__ import annotations

from dataclasses import dataclass

from textgym.errors import DataError
from textgym.evaluation import statistics
from textgym.evaluation.report import Metric, Report
from textgym.evaluation.statistics import Estimate


@dataclass(frozen=True)
class Change:
    """One score before and after.

    Attributes:
        name: Name of the score, as in `Report.metrics`.
        before: Its value before.
        after: Its value after.
        difference: After minus before, with its 95% interval; paired by episode where the score is a mean.
    """

    name: str
    before: Metric
    after: Metric
    difference: Estimate

    @property
    def ratio(self) -> float | None:
        """After divided by before, or None where that says nothing: a sign changes, or before is 0."""
        return self.after.mean / self.before.mean if self.before.mean * self.after.mean > 0 else None


def compare(before: Report, after: Report) -> list[Change]:
    """Returns the change of every score that both reports have, in the order of the first.

    Raises:
        DataError: If the two were not asked the same prompts of the same environment.
    """
    check_same_prompts(before, after)
    return [
        Change(name, metric, after.metrics[name], _difference(name, before, after))
        for name, metric in before.metrics.items()
        if name in after.metrics
    ]


def check_same_prompts(before: Report, after: Report) -> None:
    """Raises a `DataError` if the two were not asked the same prompts of the same environment."""
    for name in ("env_id", "split", "tokenizer"):
        if getattr(before, name) != getattr(after, name):
            raise DataError(
                f"Reports of different environments cannot be compared: {name} is {getattr(before, name)!r} and "
                f"{getattr(after, name)!r}."
            )
    if [episode.prompt for episode in before.episodes] != [episode.prompt for episode in after.episodes]:
        raise DataError("The two reports asked different prompts. Evaluate both with the same number of episodes.")


def _difference(name: str, before: Report, after: Report) -> Estimate:
    first, second = before.metrics[name], after.metrics[name]
    if first.kind != "mean":
        return statistics.difference(first.estimate, second.estimate)
    pairs = zip(before.episodes, after.episodes, strict=True)
    return statistics.bootstrap_mean([b.scores[name] - a.scores[name] for a, b in pairs], seed=before.seed)
