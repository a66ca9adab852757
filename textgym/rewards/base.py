"""What a reward is, and its algebra: `+`, `-`, `*`, clip, normalize, gate.

A reward maps prompts and completions to numbers, one for each completion. Its signature is TRL's, so that a
function written for TRL is a reward here, and a `Reward` is a reward function there.

Shapes: B completions a call.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields, is_dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from textgym.errors import RewardError

from . import checks
from .examples import MESSAGES, Examples
from .moments import Moments


class Scores(NamedTuple):
    """What a reward says of B completions.

    Attributes:
        total: The reward, float64 ``(B,)``.
        terms: Each named part as it was scored, before weights, clips and the like, float64 ``(B,)``; a
            second part of the same name is ``name_2``.
        notes: For each part that explains itself, why, a text for each completion; empty where all is well.
    """

    total: np.ndarray
    terms: dict[str, np.ndarray]
    notes: dict[str, tuple[str, ...]]


class Noted(NamedTuple):
    """What `Reward.compute` may return in place of the numbers alone.

    Attributes:
        values: One number for each completion.
        notes: Why, one text for each completion, empty where there is nothing to say. They reach
            ``info["reward_notes"]``, so they must be the same for the same completion.
    """

    values: Sequence[float] | np.ndarray
    notes: Sequence[str]


class Term(NamedTuple):
    """One part of a reward: its name, which others may share, its scores, float64 ``(B,)``, and notes, if any."""

    name: str
    values: np.ndarray
    notes: tuple[str, ...] = ()


class Call(NamedTuple):
    """The arguments of `Reward.score`, checked."""

    prompts: list[str]
    completions: list[str]
    update: bool
    columns: dict[str, Any]


class Reward(ABC):
    """Scores completions. Subclass it with a `name`, a `range` and `compute`.

        class Polite(Reward):
            name, range = "polite", (0.0, 1.0)

            def compute(self, prompts, completions, **columns):
                return [float("please" in completion) for completion in completions]

    Rewards combine: ``0.7 * sentiment + 0.3 * fluency.clip(-10, 0)``. They do not change, but for the
    statistics of `normalize`, and a copy is the reward itself: Gymnasium deep-copies what `make` is given,
    and models and statistics are to stay shared. ``repr`` is an expression from which `textgym.rewards.make`
    builds an equal reward, as long as the names in it are registered.
    """

    higher_is_better = True
    """False for metrics such as perplexity, where lower is better."""

    composable = True
    """False for `Dense`, which says when the environment pays and so cannot be part of a sum."""

    __array_ufunc__ = None  # makes numpy leave `np.float64(2) * reward` to us

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the term in infos, logs and reports."""

    @property
    @abstractmethod
    def range(self) -> tuple[float, float]:
        """Lowest and highest score, infinite where there is no bound."""

    @property
    def gameable_by(self) -> frozenset[str]:
        """Kinds of bad completion that this reward, by its nature, cannot be relied on to score low.

        Any of the kinds of `textgym.rewards.audit`. Combine it with a reward that sees them.
        """
        return frozenset()

    @property
    def examples(self) -> Examples:
        """Rows on which it should score high, which its audit sets against bad ones; override them for another task."""
        return MESSAGES

    @abstractmethod
    def compute(
        self, prompts: list[str], completions: list[str], **columns: Any
    ) -> Sequence[float] | np.ndarray | Noted:
        """Returns one finite number for each completion; `score` tells what the arguments are."""

    def score(
        self, prompts: Sequence[str], completions: Sequence[str], *, update: bool = False, **columns: Any
    ) -> Scores:
        """Scores B completions.

        Args:
            prompts: The texts before them, B of them.
            completions: The texts to score.
            update: Whether running statistics learn from this call; environments ask for it in training only.
            **columns: What else is known, each a list of B: ``references`` (a list of texts each),
                ``prompt_ids`` and ``completion_ids`` (the tokens really written), ``finish_reason``, every
                column of the data; and ``tokenizer``, the one that the ids are of.

        Raises:
            RewardError: If lengths differ, a column is missing, or a score is not a finite number.
        """
        prompts = checks.texts(self, "prompts", prompts)
        completions = checks.texts(self, "completions", completions)
        for column, values in {"prompts": prompts, **columns}.items():
            if isinstance(values, list) and len(values) != len(completions):
                raise RewardError(
                    f"Reward {self.name!r} needs as many {column} as completions. "
                    f"Actual numbers: {len(values)} and {len(completions)}."
                )
        total, terms = self._evaluate(Call(prompts, completions, update, columns))
        unique = _unique(terms)
        notes = {name: term.notes for name, term in unique.items() if term.notes}
        return Scores(total, {name: term.values for name, term in unique.items()}, notes)

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        """Returns one score for a whole corpus: the mean, unless the reward has a corpus form of its own."""
        self.check_corpus(completions)
        return float(self.score(prompts, completions, **columns).total.mean())

    def check_corpus(self, completions: Sequence[str]) -> None:
        """Raises a `RewardError` where there is nothing to score."""
        if not completions:
            raise RewardError(f"The corpus score of {self.name!r} needs at least one completion. Actual number: 0.")

    def __call__(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> list[float]:
        """Scores as TRL calls a reward function, in training: running statistics learn."""
        return self.score(prompts, completions, update=True, **columns).total.tolist()

    @property
    def __name__(self) -> str:  # under which TRL logs a reward function
        return self.name

    def state_dict(self) -> dict[str, Any]:
        """Returns what scoring has changed, as JSON: the statistics of `normalize`; empty for most rewards."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned.

        Raises:
            RewardError: If it is the state of a different reward.
        """
        if set(state) != set(self.state_dict()):
            raise RewardError(
                f"This is not a state of the reward {self!r}, which has the keys {sorted(self.state_dict())}. "
                f"Actual keys: {sorted(state)}."
            )

    def clip(self, low: float = -math.inf, high: float = math.inf) -> Reward:
        """Returns this reward held within ``[low, high]``."""
        return Clip(self, _bound(low), _bound(high))

    def normalize(self) -> Reward:
        """Returns this reward less its running mean, over its running deviation."""
        return Normalize(self)

    def gate(self, other: Reward, threshold: float = 0.0) -> Reward:
        """Returns this reward where ``other >= threshold``, and the low end of its range elsewhere."""
        return Gate(self, other, _bound(threshold))

    def __add__(self, other: Reward | float) -> Reward:
        return Sum(self, _reward(other)) if isinstance(other, Reward | Real) else NotImplemented

    def __radd__(self, other: float) -> Reward:
        return Sum(_reward(other), self) if isinstance(other, Real) else NotImplemented

    def __sub__(self, other: Reward | float) -> Reward:
        return self + -other if isinstance(other, Reward | Real) else NotImplemented

    def __rsub__(self, other: float) -> Reward:
        return other + -self if isinstance(other, Real) else NotImplemented

    def __mul__(self, other: Reward | float) -> Reward:
        return Product(self, _reward(other)) if isinstance(other, Reward | Real) else NotImplemented

    def __rmul__(self, other: float) -> Reward:
        return Product(_reward(other), self) if isinstance(other, Real) else NotImplemented

    def __truediv__(self, other: float) -> Reward:
        return self * (1 / other) if isinstance(other, Real) else NotImplemented

    def __neg__(self) -> Reward:
        return Product(MINUS_ONE, self)

    def __copy__(self) -> Reward:
        return self

    def __deepcopy__(self, memo: Any) -> Reward:
        return self

    def __repr__(self) -> str:
        options: tuple[Field, ...] = fields(self) if is_dataclass(self) else ()
        given = [f"{o.name}={getattr(self, o.name)!r}" for o in options if getattr(self, o.name) != o.default]
        return f"{self.name}({', '.join(given)})" if given else self.name

    def _evaluate(self, call: Call) -> tuple[np.ndarray, list[Term]]:
        values = self.compute(call.prompts, call.completions, **call.columns)
        values, notes = values if isinstance(values, Noted) else (values, ())
        total = checks.numbers(self, values, call.completions)
        return total, [Term(self.name, total, checks.notes(self, notes, call.completions))]


@dataclass(frozen=True, repr=False)
class Constant(Reward):
    """A weight or an offset: the same number for every completion, and no term. Range [value, value]."""

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise RewardError(f"The weights and offsets of a reward are finite. Actual value: {self.value}.")

    @property
    def name(self) -> str:
        return repr(self.value)

    @property
    def range(self) -> tuple[float, float]:
        return self.value, self.value

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> np.ndarray:
        return np.full(len(completions), self.value)

    def __repr__(self) -> str:
        return self.name

    def _evaluate(self, call: Call) -> tuple[np.ndarray, list[Term]]:
        return self.compute(call.prompts, call.completions), []


MINUS_ONE = Constant(-1.0)


@dataclass(frozen=True, repr=False)
class Compound(Reward):
    """A reward computed from the totals of others, its parts, which are fields of the subclass."""

    @abstractmethod
    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        """Returns the total, float64 ``(B,)``, from those of the parts, in order."""

    def __post_init__(self) -> None:
        for part in self.parts:
            if not part.composable:
                raise RewardError(f"{part!r} must stand outermost: compose first, then apply it to the whole.")

    @property
    def parts(self) -> tuple[Reward, ...]:
        """The rewards that this one is computed from, constants included."""
        values = (getattr(self, part.name) for part in fields(self))
        return tuple(value for value in values if isinstance(value, Reward))

    @property
    def name(self) -> str:
        return repr(self)

    @property
    def gameable_by(self) -> frozenset[str]:
        """What any part is gameable by; whether the parts make up for each other is for an audit to find."""
        return frozenset().union(*(part.gameable_by for part in self.parts))

    @property
    def examples(self) -> Examples:
        """Those of the first part that has its own."""
        return next((part.examples for part in self.parts if part.examples is not MESSAGES), MESSAGES)

    def further_terms(self, totals: list[np.ndarray]) -> list[Term]:
        """Returns what is logged beside the terms of the parts, from the totals of the parts, in order."""
        return []

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> np.ndarray:
        return self.score(prompts, completions, **columns).total

    def state_dict(self) -> dict[str, Any]:
        return {str(i): state for i, part in enumerate(self.parts) if (state := part.state_dict())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        for i, part in enumerate(self.parts):
            part.load_state_dict(state.get(str(i), {}))

    def _evaluate(self, call: Call) -> tuple[np.ndarray, list[Term]]:
        totals, terms = zip(*(part._evaluate(call) for part in self.parts), strict=True)
        with np.errstate(over="ignore"):  # the check reports an overflow, by name
            values = self.combine(list(totals), call.update)
        further = self.further_terms(list(totals))
        return checks.numbers(self, values, call.completions), [term for part in terms for term in part] + further


@dataclass(frozen=True, repr=False)
class Sum(Compound):
    """``left + right``. Range: the sums of the ends."""

    left: Reward
    right: Reward

    @property
    def range(self) -> tuple[float, float]:
        (a, b), (c, d) = self.left.range, self.right.range
        return a + c, b + d

    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        left, right = totals
        return left + right

    def __repr__(self) -> str:
        if isinstance(self.right, Product) and self.right.left == MINUS_ONE:
            return f"{self.left!r} - {_factor(self.right.right)}"
        return f"{self.left!r} + {_term(self.right)}"


@dataclass(frozen=True, repr=False)
class Product(Compound):
    """``left · right``. Range: the extremes of the products of the ends, with 0 · ∞ = 0."""

    left: Reward
    right: Reward

    @property
    def range(self) -> tuple[float, float]:
        ends = [a * b if a and b else 0.0 for a in self.left.range for b in self.right.range]
        return min(ends), max(ends)

    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        left, right = totals
        return left * right

    def __repr__(self) -> str:
        if self.left == MINUS_ONE:
            return f"-{_factor(self.right)}"
        return f"{_term(self.left)} * {_factor(self.right)}"


@dataclass(frozen=True, repr=False)
class Clip(Compound):
    """``min(max(part, low), high)``. Range: that of the part, clipped."""

    part: Reward
    low: float
    high: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.low > self.high:
            raise RewardError(f"clip(low, high) needs low <= high. Actual values: {self.low}, {self.high}.")

    @property
    def range(self) -> tuple[float, float]:
        low, high = (min(max(end, self.low), self.high) for end in self.part.range)
        return low, high

    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        return np.clip(totals[0], self.low, self.high)

    def __repr__(self) -> str:
        return f"{_factor(self.part)}.clip({self.low!r}, {self.high!r})"


@dataclass(frozen=True, repr=False)
class Normalize(Compound):
    """``(part − mean) / deviation`` over all that was scored in training, this call included. Range: unbounded.

    Mean and deviation move only in calls with ``update=True``, so that evaluation sees a fixed reward; before
    the first of them they are 0 and 1. They live in this process: environments in worker processes have each
    their own.
    """

    part: Reward
    moments: Moments = field(default_factory=Moments, init=False, compare=False)

    range = (-math.inf, math.inf)

    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        if update:
            self.moments.update(totals[0])
        return (totals[0] - self.moments.mean) / self.moments.deviation

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "moments": dict(vars(self.moments))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        vars(self.moments).update(state["moments"])

    def __repr__(self) -> str:
        return f"{_factor(self.part)}.normalize()"


@dataclass(frozen=True, repr=False)
class Gate(Compound):
    """``part`` where ``other >= threshold``, and the low end of the part's range elsewhere. Range: the part's.

    That low end must be finite: 0, say, in place of a log-probability would be the best score, not the worst.
    """

    part: Reward
    other: Reward
    threshold: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.other, Reward):
            raise RewardError(f"gate(other) needs a reward to look at. Actual value: {self.other!r}.")
        if math.isinf(self.part.range[0]):
            raise RewardError(
                f"{self.part!r} has no lowest score for a closed gate to give. Bound it first, such as "
                f"{_factor(self.part)}.clip(-10, 10).gate(…), or state the range of a function: range=(low, high)."
            )

    @property
    def range(self) -> tuple[float, float]:
        return self.part.range

    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        part, other = totals
        return np.where(other >= self.threshold, part, self.part.range[0])

    def __repr__(self) -> str:
        return f"{_factor(self.part)}.gate({self.other!r}, {self.threshold!r})"


def _reward(value: Any) -> Reward:
    return value if isinstance(value, Reward) else Constant(float(value))


def _bound(value: Any) -> float:
    if not isinstance(value, Real) or math.isnan(value):
        raise RewardError(f"The bounds of clip and the threshold of gate are numbers. Actual value: {value!r}.")
    return float(value)


def _unique(terms: list[Term]) -> dict[str, Term]:
    unique: dict[str, Term] = {}
    for term in terms:
        key, count = term.name, 1
        while key in unique:
            count += 1
            key = f"{term.name}_{count}"
        unique[key] = term
    return unique


def _term(reward: Reward) -> str:
    """Writes a reward as the right operand of `+` or the left one of `*`."""
    return f"({reward!r})" if isinstance(reward, Sum) else repr(reward)


def _factor(reward: Reward) -> str:
    """Writes a reward as the right operand of `*`, or before a dot."""
    return f"({reward!r})" if isinstance(reward, Sum | Product) else repr(reward)
