"""The judgement of a reward model on held-out feedback: how right, how calibrated, how fair, how swayed by length."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from textgym.errors import DataError
from textgym.evaluation import files
from textgym.evaluation.plots import BLUE, FAINT, tidy
from textgym.evaluation.report import number
from textgym.evaluation.statistics import Estimate, bootstrap_mean, bootstrap_ratio, jackknife, wilson
from textgym.reward_models import measures as by
from textgym.reward_models.feedback import Ranking
from textgym.reward_models.measures import Bin, Breakdown, Floats, Indices, bootstrap, by_group

SCHEMA = "textgym.reward_model_quality"
SCHEMA_VERSION = 1

_TITLES = {
    "labels": ("probability of the likeliest class", "share that is right"),
    "rankings": ("probability of the preferred order", "share ordered as people do"),
    "ratings": ("score of the model, tenths of the rows", "mean rating by people"),
}


@dataclass(frozen=True)
class Quality:
    """What held-out feedback says of a reward model; every value with its 95% interval.

    Attributes:
        kind: ``"labels"``, ``"ratings"`` or ``"rankings"``.
        count: Number of rows that were judged.
        metrics: By name. Labels: ``accuracy``, ``macro_f1``, ``auc`` (see `valence`), ``ece``. Ratings: ``spearman``,
            ``pearson``. Rankings: ``pairwise_accuracy`` over all pairs of each ranking, ``ece``. Bootstrap intervals
            over rows; of ``ece`` the jackknife's, because resampling adds to it.
        groups: Metrics by group, where rows have groups. ``favour`` is the group's mean of standardised score minus
            standardised human rating: above 0, the model likes its texts more than people do.
        reliability: Predictions in bins, against what people said.
        length_bias: See `textgym.reward_models.measures.length_bias`; for rankings also the pairwise accuracy where the
            better text is the longer and where it is the shorter one.
    """

    kind: str
    count: int
    metrics: Mapping[str, Estimate]
    groups: Mapping[str, Breakdown]
    reliability: tuple[Bin, ...]
    length_bias: Mapping[str, Estimate]

    def to_json(self) -> str:
        """Returns the judgement as JSON, with the version of its schema; NaN becomes null."""
        content = {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind,
            "count": self.count,
            "metrics": _named(self.metrics),
            "groups": {
                name: {
                    "groups": [{"name": g.name, "rows": g.rows, **_estimate(g.value)} for g in found.groups],
                    "gap": None if found.gap is None else _estimate(found.gap),
                    "highest": found.highest,
                    "lowest": found.lowest,
                }
                for name, found in self.groups.items()
            },
            "reliability": [bin._asdict() for bin in self.reliability],
            "length_bias": _named(self.length_bias),
        }
        return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"

    def markdown(self) -> str:
        """Returns the judgement as Markdown tables."""
        lines = [f"{self.count:,} held-out {self.kind}; in brackets: 95% intervals over them.", ""]
        lines += _table("metric", self.metrics)
        if self.length_bias:
            lines += ["", *_table("length bias (rank correlations; lengths in words)", self.length_bias)]
        for name, found in self.groups.items():
            lines += ["", f"| group | rows | {name} |", "|---|---:|---:|"]
            lines += [f"| {_cell(g.name)} | {g.rows:,} | {_shown(g.value)} |" for g in found.groups]
            if found.gap is not None:
                between = f"{_cell(found.highest)} − {_cell(found.lowest)}"
                lines.append(f"| largest gap: {between} | | {_shown(found.gap)} |")
        return "\n".join(lines) + "\n"

    def plot(self, path: str | Path) -> Path:
        """Draws the reliability diagram to ``path``, whose suffix names the format, and returns the path.

        Dots on the line mean what they say; their area grows with the number of rows. Scores that are no probabilities
        have no such line: there the dots should rise.
        """
        from matplotlib.figure import Figure  # not pyplot: no global state, no display

        figure = Figure(figsize=(5, 5), dpi=150, layout="constrained")
        axes = figure.add_subplot()
        sizes = np.array([bin.rows for bin in self.reliability])
        x, y = [bin.predicted for bin in self.reliability], [bin.observed for bin in self.reliability]
        if self.kind != "ratings":
            start = 0.0 if self.kind == "labels" else 0.5
            axes.plot([start, 1], [start, 1], color=FAINT, linewidth=1.5)
            axes.set_xlim(start, 1)
            axes.set_ylim(start if min(y) >= start else 0, 1)
        axes.plot(x, y, color=BLUE, linewidth=1.5, alpha=0.5)
        axes.scatter(x, y, s=15 + 150 * sizes / sizes.max(), color=BLUE, clip_on=False, zorder=3)
        across, up = _TITLES[self.kind]
        headline = ", ".join(f"{name} {number(self.metrics[name].value)}" for name in self.metrics)
        tidy(axes, headline, across, up)
        with files.whole_file(path) as temporary:
            figure.savefig(temporary)
        return Path(path)


def valence(labels: Sequence[str]) -> tuple[int, int] | None:
    """Returns the places of the good and the bad label, which make one number of class probabilities: P(good) − P(bad).

    They are those named positive and negative, in any case, else the second and the first of two; otherwise None.
    """
    names = [label.lower() for label in labels]
    if "positive" in names and "negative" in names:
        return names.index("positive"), names.index("negative")
    return (1, 0) if len(labels) == 2 else None


def judge_labels(
    probabilities: ArrayLike,
    labels: Sequence[str],
    truth: Sequence[str],
    texts: Sequence[str],
    groups: Sequence[str | None] | None = None,
    *,
    seed: int = 0,
) -> Quality:
    """Judges a classifier.

    Args:
        probabilities: Of each class, rows summing to 1, ``(B, C)``.
        labels: Names of the C classes.
        truth: Label that people gave, ``(B,)``.
        texts: What was judged, ``(B,)``.
        groups: Group of each row, ``(B,)``.
        seed: Of the intervals.

    Raises:
        DataError: If a true label is none of ``labels``.
        ValueError: If shapes do not fit, or rows do not sum to 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.shape != (len(truth), len(labels)) or len(texts) != len(truth) or not len(truth):
        raise ValueError(f"Expected shape: {(len(truth), len(labels))} and {len(texts)} texts. Actual: {p.shape}.")
    if not np.allclose(p.sum(1), 1, atol=1e-3) or p.min() < -1e-6:
        raise ValueError(f"Rows are probabilities. Actual sums: {p.sum(1).min():g} to {p.sum(1).max():g}.")
    if unknown := sorted(set(truth) - set(labels)):
        raise DataError(f"The model knows the labels {', '.join(labels)}. Labels of the feedback too: {unknown}.")
    true, said = np.array([list(labels).index(label) for label in truth]), p.argmax(1)
    hits, sure = true == said, np.clip(p.max(1), 0, 1)
    ends, size = valence(labels), len(truth)
    score = None if ends is None else p[:, ends[0]] - p[:, ends[1]]
    human = None if ends is None else (true == ends[0]).astype(float) - (true == ends[1])

    def metrics(i: Indices) -> dict[str, float]:
        found = {"accuracy": by.accuracy(true[i], said[i]), "macro_f1": by.macro_f1(true[i], said[i])}
        if score is not None and human is not None:
            polar = i[human[i] != 0]
            found["auc"] = by.auc(score[polar], human[polar] > 0)
        return found

    estimates = bootstrap(metrics, size, seed=seed)
    if size > 1:
        estimates["ece"] = _calibration(lambda i: (sure[i], hits[i].astype(float)), size, seed)
    broken = {}
    if _any(groups):
        broken["accuracy"] = by_group(groups or (), lambda i: wilson(int(hits[i].sum()), i.size))
        if score is not None and human is not None:
            broken |= _favour(score, human, groups or (), seed)
    return Quality(
        "labels",
        size,
        _defined(estimates),
        broken,
        by.reliability(sure, hits),
        {} if score is None else _swayed(score, texts, human, seed),
    )


def judge_ratings(
    scores: ArrayLike,
    ratings: ArrayLike,
    texts: Sequence[str],
    groups: Sequence[str | None] | None = None,
    *,
    seed: int = 0,
) -> Quality:
    """Judges scores against human ratings; only order and line count, so the two may have different units.

    Args:
        scores: Of the model, ``(B,)``.
        ratings: Of people, ``(B,)``.
        texts: What was rated, ``(B,)``.
        groups: Group of each row, ``(B,)``.
        seed: Of the intervals.

    Raises:
        ValueError: If shapes do not fit.
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(ratings, dtype=np.float64)
    if x.ndim != 1 or not x.shape == y.shape == (len(texts),) or not len(texts):
        raise ValueError(f"One score, rating and text a row. Actual shapes: {x.shape}, {y.shape}, ({len(texts)},).")

    def metrics(i: Indices) -> dict[str, float]:
        return {"spearman": by.spearman(x[i], y[i]), "pearson": by.pearson(x[i], y[i])}

    broken = {}
    if _any(groups):
        broken["spearman"] = by_group(
            groups or (),
            lambda g: bootstrap(lambda i: {"r": by.spearman(x[g[i]], y[g[i]])}, g.size, seed=seed)["r"],
        )
        broken |= _favour(x, y, groups or (), seed)
    return Quality(
        "ratings",
        x.size,
        _defined(bootstrap(metrics, x.size, seed=seed)),
        broken,
        by.mean_ratings(x, y),
        _swayed(x, texts, y, seed),
    )


def judge_rankings(scores: Sequence[ArrayLike], rankings: Sequence[Ranking], *, seed: int = 0) -> Quality:
    """Judges scores against human preferences and rankings, pair by pair; intervals are over whole rankings.

    Args:
        scores: Of each ranking's texts, in its order, ``(k,)`` each.
        rankings: Best first.
        seed: Of the intervals.

    Raises:
        ValueError: If a ranking has another number of scores than texts, or there is none.
    """
    if not rankings or any(np.shape(s) != (len(r.texts),) for s, r in zip(scores, rankings, strict=True)):
        raise ValueError("Each ranking needs one score a text, and there must be one ranking at least.")
    better, worse, longer, owner = [], [], [], []
    for i, (values, ranking) in enumerate(zip(scores, rankings, strict=True)):
        values, lengths = np.asarray(values, dtype=np.float64), _lengths(ranking.texts)
        first, second = by.ordered_pairs(values.size)
        better.append(values[first])
        worse.append(values[second])
        longer.append(np.sign(lengths[first] - lengths[second]))
        owner.append(np.full(first.size, i))
    s, t, sign, whose = (np.concatenate(parts) for parts in (better, worse, longer, owner))
    won, size = by.wins(s, t), len(rankings)

    def rate(where: np.ndarray, of: Indices | slice = slice(None)) -> Estimate:
        """Pairwise accuracy over the pairs ``where``, of the rankings ``of``."""
        hits = np.bincount(whose[where], won[where], minlength=size)[of]
        pairs = np.bincount(whose[where], minlength=size)[of]
        return bootstrap_ratio(hits[pairs > 0], pairs[pairs > 0], resamples=1000, seed=seed)

    def claims(i: Indices) -> tuple[Floats, Floats]:
        of = np.repeat(np.arange(whose.size), np.bincount(i, minlength=size)[whose])
        return by.preference_confidence(s[of], t[of])

    every = np.ones(whose.size, dtype=bool)
    metrics = {"pairwise_accuracy": rate(every)}
    if size > 1:
        metrics["ece"] = _calibration(claims, size, seed)
    swayed = _swayed(
        np.concatenate([np.asarray(v) for v in scores]), [t for r in rankings for t in r.texts], None, seed
    )
    for name, way in (("pairwise accuracy, better is longer", 1), ("pairwise accuracy, better is shorter", -1)):
        if (sign == way).any():
            swayed[name] = rate(sign == way)
    groups = [ranking.group for ranking in rankings]
    broken = {"pairwise_accuracy": by_group(groups, lambda i: rate(every, i))} if _any(groups) else {}
    table = by.reliability(*by.preference_confidence(s, t))
    return Quality("rankings", size, metrics, broken, table, swayed)


def _calibration(claims: Callable[[Indices], tuple[Floats, Floats]], size: int, seed: int) -> Estimate:
    found = jackknife(lambda i: by.expected_calibration_error(*claims(i)), size, seed=seed)
    return Estimate(found.value, max(0.0, found.low), min(1.0, found.high))


def _swayed(score: Floats, texts: Sequence[str], human: Floats | None, seed: int) -> dict[str, Estimate]:
    lengths = _lengths(texts)
    found = bootstrap(
        lambda i: by.length_bias(score[i], lengths[i], None if human is None else human[i]), score.size, seed=seed
    )
    return _defined(found)


def _favour(score: Floats, human: Floats, groups: Sequence[str | None], seed: int) -> dict[str, Breakdown]:
    if np.ptp(score) == 0 or np.ptp(human) == 0:
        return {}
    apart = (score - score.mean()) / score.std() - (human - human.mean()) / human.std()
    return {"favour": by_group(groups, lambda i: bootstrap_mean(apart[i], resamples=1000, seed=seed))}


def _lengths(texts: Sequence[str]) -> Floats:
    return np.array([len(text.split()) for text in texts], dtype=np.float64)


def _any(groups: Sequence[str | None] | None) -> bool:
    return groups is not None and any(group is not None for group in groups)


def _defined(found: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {name: estimate for name, estimate in found.items() if math.isfinite(estimate.value)}


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in estimate._asdict().items()}


def _named(found: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    return {name: _estimate(estimate) for name, estimate in found.items()}


def _table(head: str, found: Mapping[str, Estimate]) -> list[str]:
    return [f"| {head} | |", "|---|---:|", *(f"| {_cell(name)} | {_shown(e)} |" for name, e in found.items())]


def _shown(estimate: Estimate) -> str:
    if not math.isfinite(estimate.value):
        return "undefined"
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
