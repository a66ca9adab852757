"""Over-optimisation: what a gold judge says while a policy learns to please a proxy.

Both scores are drawn against d = √KL, the distance from where the policy started, in units of the untrained policy's
own scores: its mean is 0, its standard deviation 1. Choosing the best of n completions leaves the start by
KL = log n − (n − 1)/n.

Source: Gao, Schulman and Hilton 2022, "Scaling laws for reward model overoptimization", arXiv:2210.10760.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from textgym.errors import OptionError, RunError
from textgym.evaluation import files
from textgym.evaluation.plots import BLUE, ORANGE, tidy
from textgym.evaluation.report import Report, number
from textgym.evaluation.statistics import Estimate, bootstrap_mean

SCHEMA = "textgym.overoptimization"
SCHEMA_VERSION = 1
BEST_OF_N = "best_of_n"
COLOURS = {"proxy": BLUE, "gold": ORANGE}


class Point(NamedTuple):
    """Where a policy is.

    Attributes:
        method: ``"best_of_n"``, or the name of the algorithm.
        setting: n, or the tokens trained on.
        kl: Divergence from the start, in nat an episode.
        proxy: What it was optimised for, standardised, with a 95% interval over prompts and draws.
        gold: What it should be good at, likewise.
    """

    method: str
    setting: int
    kl: float
    proxy: Estimate
    gold: Estimate


class Unit(NamedTuple):
    """Mean and standard deviation of a score over the untrained policy's completions."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: ArrayLike) -> Unit:
        """Returns the unit of some scores.

        Raises:
            OptionError: If they are all equal.
        """
        scores = np.asarray(values, dtype=np.float64)
        found = cls(float(scores.mean()), float(scores.std()))
        if found.deviation == 0:
            raise OptionError(
                f"All completions of the untrained policy score {found.mean:g}: there is nothing to optimise. Choose "
                "another reward."
            )
        return found

    def standardised(self, values: ArrayLike) -> np.ndarray:
        """Returns ``(values − mean) / deviation``."""
        return (np.asarray(values, dtype=np.float64) - self.mean) / self.deviation


class Fit(NamedTuple):
    """The functional form of a curve: ``R(d) = d (α − β d)`` for best-of-n, ``d (α − β log d)`` for learning."""

    alpha: float
    beta: float

    def at(self, d: np.ndarray, method: str) -> np.ndarray:
        """Returns R(d), for d > 0."""
        return d * (self.alpha - self.beta * _bend(d, method))


@dataclass(frozen=True)
class Overoptimization:
    """The curves of one environment, proxy and gold.

    Attributes:
        env_id: The environment.
        proxy: The reward that was optimised, as an expression.
        gold: The judge, as an expression.
        points: In the order of their methods and settings; the first of each method is the untrained policy.
        units: Of ``"proxy"`` and ``"gold"``.
        settings: What else the result depends on.
    """

    env_id: str
    proxy: str
    gold: str
    points: tuple[Point, ...]
    units: Mapping[str, Unit]
    settings: Mapping[str, Any]

    def curve(self, method: str) -> list[Point]:
        """Returns the points of a method."""
        return [point for point in self.points if point.method == method]

    @property
    def methods(self) -> list[str]:
        """The methods, in order."""
        return list(dict.fromkeys(point.method for point in self.points))

    def fit(self, method: str, score: str) -> Fit | None:
        """Returns the form that fits a curve best, by least squares; None below three points off the start."""
        points = [point for point in self.curve(method) if point.kl > 0]
        if len(points) < 3:
            return None
        d = np.sqrt([point.kl for point in points])
        rise = np.array([getattr(point, score).value for point in points]) - getattr(self.curve(method)[0], score).value
        (alpha, beta), *_ = np.linalg.lstsq(np.stack([d, -d * _bend(d, method)], axis=1), rise, rcond=None)
        return Fit(float(alpha), float(beta))

    def to_json(self) -> str:
        """Returns everything as JSON, with the version of its schema."""
        points = [
            {**point._asdict(), "proxy": point.proxy._asdict(), "gold": point.gold._asdict()} for point in self.points
        ]
        units = {name: unit._asdict() for name, unit in self.units.items()}
        content = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(self), "points": points, "units": units}
        return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"

    @classmethod
    def load(cls, path: str | Path) -> Overoptimization:
        """Reads what `to_json` wrote.

        Raises:
            RunError: If it is something else.
        """
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if (content.pop("schema", None), content.pop("schema_version", None)) != (SCHEMA, SCHEMA_VERSION):
            raise RunError(f"{str(path)!r} is not a result of `textgym overoptimize` of version {SCHEMA_VERSION}.")
        points = tuple(
            Point(**{**point, "proxy": Estimate(**point["proxy"]), "gold": Estimate(**point["gold"])})
            for point in content.pop("points")
        )
        units = {name: Unit(**unit) for name, unit in content.pop("units").items()}
        return cls(points=points, units=units, **content)

    def markdown(self) -> str:
        """Returns the points as a Markdown table, and where gold was highest."""
        lines = [
            f"{self.env_id}: proxy `{self.proxy}`, gold `{self.gold}`; scores in deviations of the untrained policy's.",
            "",
            "| method | n or tokens | KL (nat an episode) | proxy | gold |",
            "|---|---:|---:|---:|---:|",
        ]
        lines += [
            f"| {p.method} | {p.setting:,} | {number(p.kl)} | {_shown(p.proxy)} | {_shown(p.gold)} |"
            for p in self.points
        ]
        for method in self.methods:
            curve = self.curve(method)
            top, end = max(curve, key=lambda point: point.gold.value), curve[-1]
            lines += [
                "",
                f"{method}: gold is highest, {_shown(top.gold)}, at KL {number(top.kl)}, ends at {_shown(end.gold)}.",
            ]
        return "\n".join(lines) + "\n"

    def draw(self, path: str | Path) -> Path:
        """Draws proxy and gold against √KL, a panel a method, with the fitted forms; the suffix names the format."""
        from matplotlib.figure import Figure  # not pyplot: no global state, no display

        figure = Figure(figsize=(4.6 * len(self.methods), 4), dpi=150, layout="constrained")
        for axes, method in zip(np.atleast_1d(figure.subplots(1, len(self.methods))), self.methods, strict=True):
            curve = self.curve(method)
            d = np.sqrt([point.kl for point in curve])
            for score, colour in COLOURS.items():
                estimates: list[Estimate] = [getattr(point, score) for point in curve]
                values = np.array([estimate.value for estimate in estimates])
                ends = np.array([[e.value - e.low for e in estimates], [e.high - e.value for e in estimates]])
                axes.errorbar(d, values, ends, fmt="o", color=colour, markersize=4, capsize=2, label=score)
                if (fit := self.fit(method, score)) is not None:
                    line = np.linspace(1e-3, d.max(), 200)
                    axes.plot(line, values[0] + fit.at(line, method), color=colour, linewidth=1.5, alpha=0.7)
            tidy(axes, method.replace("_", "-"), "√KL to the start (√nat)", "score (deviations of the start)")
            axes.legend(frameon=False, fontsize=9)
        with files.whole_file(path) as temporary:
            figure.savefig(temporary)
        return Path(path)


def best_of_n(proxy: ArrayLike, gold: ArrayLike, ns: Sequence[int], seed: int = 0) -> list[Point]:
    """Returns what choosing the best of n by the proxy would give, from N completions of each prompt.

    Every subset of n counts, not one draw of it: sorted by the proxy, completion i (from 1) is the best of a random n
    with probability ``C(i−1, n−1) / C(N, n)``, and the estimate is the mean of either score with these weights.

    Args:
        proxy: Standardised scores, float ``(P, N)``: prompts, completions.
        gold: Likewise.
        ns: Values of n, each from 1 to N.
        seed: Of the intervals, which are over prompts.

    Source: Nakano et al. 2021, arXiv:2112.09332, appendix I.
    """
    x, y = np.asarray(proxy, dtype=np.float64), np.asarray(gold, dtype=np.float64)
    size = x.shape[1]
    order = np.argsort(x, axis=1, kind="stable")
    x, y = np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1)
    points = []
    for n in ns:
        if not 1 <= n <= size:
            raise OptionError(f"The best of n needs 1 to {size} completions a prompt. Actual value: n={n}.")
        weights = np.array([math.comb(i, n - 1) / math.comb(size, n) for i in range(size)])
        kl = math.log(n) - (n - 1) / n
        estimates = [bootstrap_mean(scores @ weights, seed=seed) for scores in (x, y)]
        points.append(Point(BEST_OF_N, n, kl, *estimates))
    return points


def learnt(report: Report, method: str, setting: int, units: Mapping[str, Unit], seed: int = 0) -> Point:
    """Returns the point of a policy that was evaluated on the proxy, with a metric ``gold`` and its KL to the start."""
    kl = report.metrics["kl"].mean * report.metrics["length"].mean if "kl" in report.metrics else 0.0
    proxy = units["proxy"].standardised([episode.reward for episode in report.episodes])
    gold = units["gold"].standardised([episode.metrics["gold"] for episode in report.episodes])
    return Point(method, setting, max(kl, 0.0), bootstrap_mean(proxy, seed=seed), bootstrap_mean(gold, seed=seed))


def powers(most: int) -> list[int]:
    """Returns 1, 2, 4 … up to ``most``, and ``most``."""
    return sorted({2**i for i in range(most.bit_length()) if 2**i <= most} | {most})


def _bend(d: np.ndarray, method: str) -> np.ndarray:
    return d if method == BEST_OF_N else np.log(d)


def _shown(estimate: Estimate) -> str:
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"
