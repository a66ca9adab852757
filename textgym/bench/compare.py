"""Who is better: agents set against a first one, on identical prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain

import numpy as np

from textgym.bench import contenders
from textgym.bench.contenders import Contender
from textgym.errors import DataError
from textgym.evaluation import aggregate
from textgym.evaluation.comparison import check_same_prompts
from textgym.evaluation.report import number
from textgym.evaluation.resampling import RESAMPLES, Scores, bootstrap
from textgym.evaluation.significance import holm, run_permutation_test, sign_flip_test
from textgym.evaluation.statistics import Interval

SCHEMA = "textgym.comparison"
SCHEMA_VERSION = 1
LEVEL = 0.05
FEWEST_IDS = 4
"""From so many on there are aggregates: an interquartile mean of fewer has no quarters."""
GOOD = ("reward", "success")
"""Scores of which more is better; of others a comparison says which is higher."""


@dataclass(frozen=True)
class Row:
    """Two agents on one id.

    Attributes:
        env_id: The id.
        prompts: Number of prompts.
        before: Mean of the first agent.
        after: Mean of the second.
        difference: After minus before on identical prompts, with its 95% interval and what that is over.
        p: Of the paired permutation test over prompts; it takes the trained models as they are.
        p_holm: The same, corrected for all rows of the comparison (Holm).
    """

    env_id: str
    prompts: int
    before: float
    after: float
    difference: Interval
    p: float
    p_holm: float

    @property
    def sign(self) -> int:
        """1 where the second agent is ahead, −1 where it is behind, 0 where neither is shown.

        Shown is what both say: the corrected test is below 5%, and the interval, which knows of seeds, is off 0.
        """
        return (self.p_holm < LEVEL) * _sign(self.difference)


@dataclass(frozen=True)
class Pair:
    """Two agents on all ids that both have.

    Attributes:
        before: Label of the first agent.
        after: Label of the second.
        rows: One an id.
        missing: Ids that are left out, each with the reason.
        aggregate_ids: Ids behind the aggregates below; they are None where there are fewer than four.
        iqm_before: Interquartile mean of the first agent.
        iqm_after: Interquartile mean of the second.
        iqm_difference: After minus before.
        probability: That the second beats the first on an id at random.
        p_seeds: Of the permutation test of the mean over training runs; None where an agent has one run.
    """

    before: str
    after: str
    rows: tuple[Row, ...]
    missing: dict[str, str]
    aggregate_ids: tuple[str, ...] = ()
    iqm_before: Interval | None = None
    iqm_after: Interval | None = None
    iqm_difference: Interval | None = None
    probability: Interval | None = None
    p_seeds: float | None = None

    @property
    def sign(self) -> int:
        """1 where the second agent is better over all, −1 where the first is, 0 where neither is shown."""
        if self.iqm_difference is not None:
            return _sign(self.iqm_difference)
        return self.rows[0].sign if len(self.rows) == 1 else 0


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        metric: The score that was compared.
        pairs: The first agent against each of the others.
    """

    metric: str
    pairs: tuple[Pair, ...]

    def verdict(self, pair: Pair) -> str:
        """Returns in a sentence who is better."""
        word = "better" if self.metric in GOOD else "higher"
        ahead = sum(row.sign > 0 for row in pair.rows)
        behind = sum(row.sign < 0 for row in pair.rows)
        share = f"ahead on {ahead} and behind on {behind} of {len(pair.rows)} ids (Holm, {LEVEL:.0%})"
        if pair.iqm_difference is not None:
            share = f"IQM {_signed(pair.iqm_difference)} over {pair.iqm_difference.over}; {pair.after} is {share}"
        elif len(pair.rows) == 1:
            row = pair.rows[0]
            share = f"{_signed(row.difference)} over {row.difference.over}, p = {_p(row.p_holm)}"
        else:
            return f"{pair.after} is {share}."
        if pair.sign == 0:
            return f"Neither {pair.before} nor {pair.after} is shown to be {word}: {share}."
        first, second = (pair.after, pair.before) if pair.sign > 0 else (pair.before, pair.after)
        return f"{first} is {word} than {second}: {share}."

    def to_json(self) -> str:
        """Returns the comparison as JSON, with the version of its schema."""
        pairs = [{**asdict(pair), "verdict": self.verdict(pair)} for pair in self.pairs]
        for pair, content in zip(self.pairs, pairs, strict=True):
            intervals = {name: _mapping(getattr(pair, name)) for name in AGGREGATES}
            rows = [{**asdict(row), "difference": _mapping(row.difference)} for row in pair.rows]
            content.update(intervals, rows=rows)
        content = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "metric": self.metric, "pairs": pairs}
        return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"

    def to_markdown(self) -> str:
        """Returns the comparison as Markdown, one table a pair."""
        return "\n".join(chain.from_iterable(self._page(pair) for pair in self.pairs)) + "\n"

    def columns(self, pair: Pair) -> tuple[str, ...]:
        """Returns the heads of the table of a pair."""
        return ("id", "prompts", pair.before, pair.after, "difference", "p", "p (Holm)", "")

    def cells(self, pair: Pair) -> list[tuple[str, ...]]:
        """Returns the rows of the table of a pair; an id that one of them lacks has dashes."""
        words = ("", "better", "worse") if self.metric in GOOD else ("", "higher", "lower")
        shown = [
            (
                row.env_id,
                str(row.prompts),
                number(row.before),
                number(row.after),
                _signed(row.difference),
                _p(row.p),
                _p(row.p_holm),
                words[row.sign],
            )
            for row in pair.rows
        ]
        return shown + [(env_id, *["–"] * 6, reason) for env_id, reason in pair.missing.items()]

    def notes(self, pair: Pair) -> Iterator[str]:
        """Yields what the numbers of a pair mean."""
        if sources := sorted({row.difference.over for row in pair.rows}):
            yield (
                f"Brackets: 95% intervals over {' or '.join(sources)}. p: paired permutation test over prompts, of "
                f"these very models; Holm corrects it for all {sum(len(p.rows) for p in self.pairs)} tests."
            )
        if pair.iqm_before and pair.iqm_after and pair.iqm_difference and pair.probability:
            kind = "normalised reward" if self.metric == "reward" else self.metric
            yield (
                f"IQM of the {kind} over {len(pair.aggregate_ids)} ids: {_plain(pair.iqm_before)} and "
                f"{_plain(pair.iqm_after)}. P({pair.after} > {pair.before}) = {_plain(pair.probability)}."
            )
        if pair.p_seeds is not None:
            yield f"Permutation test over training runs: p = {_p(pair.p_seeds)}."

    def _page(self, pair: Pair) -> Iterator[str]:
        yield f"## {pair.after} against {pair.before}: {self.metric}\n"
        yield f"**{self.verdict(pair)}**\n"
        yield f"| {' | '.join(self.columns(pair))} |"
        yield "|---|---:|---:|---:|---:|---:|---:|---|"
        yield from (f"| {' | '.join(cell.replace('|', '·') for cell in row)} |" for row in self.cells(pair))
        yield "\n" + "\n".join(self.notes(pair)) + "\n"


AGGREGATES = ("iqm_before", "iqm_after", "iqm_difference", "probability")


def compare(specs: Sequence[str], *, metric: str = "reward", resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compares the first agent with each of the others, id by id and over all, on identical prompts.

    Aggregates are of the reward, normalised by the marks of each id, or of success; other scores have units of their
    own and are compared id by id only.

    Args:
        specs: What `textgym.bench.contenders.load` takes; together they hold at least two agents.
        metric: A score of episodes: ``"reward"``, ``"success"``, ``"length"``, one of the task's metrics.
        resamples: Of each bootstrap and each test.
        seed: Of the resampling.

    Raises:
        DataError: If there are fewer than two agents, two have no id in common, or were asked different prompts, or
            another task, reward or vocabulary under the same id.
        OptionError: If there is no such agent or score.
    """
    agents = contenders.distinct(contender for spec in specs for contender in contenders.load(spec))
    if len(agents) < 2:
        raise DataError("A comparison needs two agents. Name two folders, two reports, or a bench of several agents.")
    first, *others = agents
    pairs = [_pair(first, other, metric, resamples, seed) for other in others]
    corrected = iter(holm([row.p for pair in pairs for row in pair.rows]))
    return Comparison(
        metric,
        tuple(
            replace(pair, rows=tuple(replace(row, p_holm=float(next(corrected))) for row in pair.rows))
            for pair in pairs
        ),
    )


def _pair(first: Contender, second: Contender, metric: str, resamples: int, seed: int) -> Pair:
    shared = [env_id for env_id in first.reports if env_id in second.reports]
    if not shared:
        raise DataError(
            f"{first.label!r} and {second.label!r} have no whole id in common: {', '.join(first.reports) or 'none'} "
            f"and {', '.join(second.reports) or 'none'}."
        )
    for env_id in shared:
        _check_same(first, second, env_id, metric)
    missing = _missing(first, second)
    scored = [env_id for env_id in shared if first.has(env_id, metric) and second.has(env_id, metric)]
    missing |= {env_id: f"no {metric}" for env_id in shared if env_id not in scored}
    shared = scored or shared  # where no id has the score, the first table asked for says what there is
    rows = tuple(_row(first, second, env_id, metric, resamples, seed) for env_id in shared)
    pair = Pair(first.label, second.label, rows, missing)
    marked = first.marked & second.marked if metric == "reward" else frozenset(shared)
    env_ids = [env_id for env_id in shared if env_id in marked]
    if len(env_ids) < FEWEST_IDS or metric not in GOOD:
        return pair
    x, y = first.scores(env_ids, metric), second.scores(env_ids, metric)
    summary = aggregate.aggregates({"x": x, "y": y}, resamples=resamples, seed=seed)
    one_model = x.one_model or y.one_model
    several = min(len(x.runs), len(y.runs)) > 1
    test = (
        run_permutation_test(x.runs, y.runs, one_model=one_model, resamples=resamples, seed=seed) if several else None
    )
    return replace(
        pair,
        aggregate_ids=tuple(env_ids),
        iqm_before=summary["x"]["iqm"],
        iqm_after=summary["y"]["iqm"],
        iqm_difference=aggregate.difference(x, y, resamples=resamples, seed=seed),
        probability=aggregate.probability_of_improvement(y, x, resamples=resamples, seed=seed),
        p_seeds=test,
    )


def _row(first: Contender, second: Contender, env_id: str, metric: str, resamples: int, seed: int) -> Row:
    x, y = first.table(env_id, metric), second.table(env_id, metric)
    try:
        pair = [Scores.of_prompts([x]), Scores.of_prompts([y])]
    except ValueError as error:
        raise DataError(f"{first.label!r} and {second.label!r} cannot be compared on {env_id}: {error}") from error
    draws = bootstrap(pair, _difference, resamples=resamples, seed=seed)
    p = sign_flip_test(x.mean(0), y.mean(0), resamples=resamples, seed=seed)
    return Row(env_id, x.shape[1], float(x.mean()), float(y.mean()), draws.interval(), p, p)


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return aggregate.mean(second) - aggregate.mean(first)


def _check_same(first: Contender, second: Contender, env_id: str, metric: str) -> None:
    one = first.reports[env_id][0]
    names = f"{first.label!r} and {second.label!r} cannot be compared on {env_id}"
    for other in (*first.reports[env_id][1:], *second.reports[env_id]):
        try:
            check_same_prompts(one, other)
        except DataError as error:
            raise DataError(f"{names}. {error}") from error
        if metric.startswith("reward") and other.reward != one.reward:
            raise DataError(
                f"{names}: their rewards are {one.reward!r} and {other.reward!r}. `textgym rescore` gives one to both."
            )
    tasks = first.tasks[env_id], second.tasks[env_id]
    if all(tasks) and tasks[0] != tasks[1]:
        raise DataError(
            f"{names}: they played different tasks (data, ending, budget or reward; hashes {tasks[0]} and {tasks[1]}). "
            "Bench both with the same options and the same version of textgym."
        )


def _missing(first: Contender, second: Contender) -> dict[str, str]:
    found: dict[str, str] = {}
    for agent, other in ((first, second), (second, first)):
        for env_id, runs in agent.missing.items():
            found[env_id] = f"missing: {agent.label}, run {', '.join(map(str, runs))}"
        for env_id in other.reports:
            if env_id not in agent.reports:
                found.setdefault(env_id, f"missing: {agent.label}")
    return found


def _sign(interval: Interval) -> int:
    return int(interval.low > 0) - int(interval.high < 0)


def _mapping(interval: Interval | None) -> dict[str, float | str] | None:
    return None if interval is None else interval._asdict()


def _plain(interval: Interval) -> str:
    return f"{number(interval.value)} [{number(interval.low)}, {number(interval.high)}]"


def _signed(interval: Interval) -> str:
    return f"{'+' if interval.value > 0 else ''}{_plain(interval)}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
