"""The result of an evaluation: its episodes, and each score with its interval."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from textgym.errors import DataError
from textgym.evaluation import files
from textgym.evaluation.statistics import Estimate

SCHEMA = "textgym.report"
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class Metric:
    """A score over all episodes, with its 95% interval.

    Attributes:
        mean: The mean over episodes, or the score of the corpus as a whole where the two differ (BLEU, distinct-n).
        low: Lower end of the interval.
        high: Upper end of the interval.
        kind: ``"mean"`` of `Episode.scores` (bootstrap interval), ``"rate"`` (Wilson), ``"ratio"`` of sums, such as
            KL per token (bootstrap), or ``"corpus"`` (jackknife).
    """

    mean: float
    low: float
    high: float
    kind: str = "mean"

    @classmethod
    def of(cls, estimate: Estimate, kind: str = "mean") -> Metric:
        """Returns the metric that a function of `textgym.evaluation.statistics` estimated."""
        return cls(*estimate, kind)

    @property
    def estimate(self) -> Estimate:
        """What `textgym.evaluation.statistics` computes with."""
        return Estimate(self.mean, self.low, self.high)

    def __str__(self) -> str:
        return f"{number(self.mean)} [{number(self.low)}, {number(self.high)}]"


@dataclass(frozen=True)
class Episode:
    """One episode as it was played.

    Attributes:
        index: Place in the evaluation, from 0.
        prompt_index: Number of the prompt in its split.
        prompt: The prompt's text.
        references: Texts that would answer it.
        completion: The text after the prompt: what the agent wrote, and in a conversation the replies.
        prompt_ids: Ids of the prompt, BOS included.
        completion_ids: Ids after the prompt, EOS included where it was chosen.
        completion_mask: For each of them, 1 where the agent chose it, 0 where the environment replied.
        reward: Sum of the rewards of the steps, undiscounted.
        discounted_return: Σ_t γ^t r_t, with the environment's γ.
        reward_terms: The parts of the reward, before weighting, by name.
        finish_reason: ``"eos"``, ``"stop"`` or ``"length"``.
        length: Number of tokens that the agent chose.
        success: Whether it counts as a success, or None where the task does not say.
        turns: The agent's turns of a conversation; empty elsewhere.
        metrics: The task's further scores of this completion, by name.
    """

    index: int
    prompt_index: int
    prompt: str
    references: tuple[str, ...]
    completion: str
    prompt_ids: tuple[int, ...]
    completion_ids: tuple[int, ...]
    completion_mask: tuple[int, ...]
    reward: float
    discounted_return: float
    reward_terms: Mapping[str, float]
    finish_reason: str
    length: int
    success: bool | None
    turns: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def scores(self) -> dict[str, float]:
        """The numbers of this episode, by the names that `Report.metrics` gives to their means."""
        terms = {f"reward/{name}": value for name, value in self.reward_terms.items()}
        success = {} if self.success is None else {"success": float(self.success)}
        returns = {"discounted_return": self.discounted_return}
        return {"reward": self.reward, **terms, **returns, **success, **self.metrics, "length": float(self.length)}


@dataclass(frozen=True)
class Report:
    """An agent's evaluation on one environment.

    Attributes:
        env_id: The id, or the name of the task.
        split: The split whose prompts were asked.
        seed: Seed of the sampling and of the intervals.
        deterministic: True where the agent took its likeliest token.
        reward: The reward, as an expression.
        gamma: Discount per token.
        tokenizer: Fingerprint of the vocabulary.
        metrics: Scores by name, each with its 95% interval: ``reward``, ``reward/<term>`` for its parts, the task's
            own metrics, ``success`` where defined, ``discounted_return`` where γ < 1, ``length``, ``kl`` to
            the agent's reference, in nat per token, where it keeps one, ``reference_perplexity`` of the agent's
            language model on the references, where there are any, and ``finish/<reason>`` for the share of each ending.
        episodes: The episodes, in order.
        versions: Versions of Python and of the packages.
    """

    env_id: str
    split: str
    seed: int
    deterministic: bool
    reward: str
    gamma: float
    tokenizer: str
    metrics: Mapping[str, Metric]
    episodes: tuple[Episode, ...]
    versions: Mapping[str, str]

    @property
    def mean(self) -> float:
        """Mean reward of an episode."""
        return self.metrics["reward"].mean

    @property
    def interval(self) -> tuple[float, float]:
        """95% interval of `mean`, over the prompts asked and the tokens drawn."""
        return self.metrics["reward"].low, self.metrics["reward"].high

    def to_json(self) -> str:
        """Returns the report as JSON, with the version of its schema; `from_json` reads it back."""
        content = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(self)}
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Returns the report that `to_json` wrote.

        Raises:
            DataError: If the text is no report, is truncated, or has another schema version.
        """
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"This is no whole report: {error}. Actual value: {text[:80]!r}.") from error
        kind = content.get("schema") if isinstance(content, dict) else None
        if kind != SCHEMA:
            raise DataError(f"A report says schema {SCHEMA!r}. Actual value: {kind!r}. Give a file that `save` wrote.")
        if content["schema_version"] != SCHEMA_VERSION:
            raise DataError(
                f"This textgym reads reports of schema version {SCHEMA_VERSION}. Actual value: "
                f"{content['schema_version']!r}. Evaluate again, or use the textgym that wrote it."
            )
        try:
            values = {item.name: content[item.name] for item in fields(cls)}
            values["metrics"] = {name: Metric(**metric) for name, metric in values["metrics"].items()}
            values["episodes"] = tuple(_episode(episode) for episode in values["episodes"])
        except (KeyError, TypeError) as error:
            raise DataError(f"The report lacks a field or has one too many: {error}.") from error
        return cls(**values)

    def save(self, path: str | Path) -> Path:
        """Writes the report as JSON to ``path``, whole or not at all, and returns the path."""
        return files.write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Returns the report that `save` wrote to ``path``.

        Raises:
            DataError: If there is no such file, or it is no report.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"There is no report to read at {str(path)!r}: {error}.") from error

    def to_markdown(self) -> str:
        """Returns the scores as a Markdown table."""
        lines = [
            f"**{self.env_id}**, {self.split} split, {len(self.episodes)} episodes, seed {self.seed}.",
            "",
            "| metric | mean | 95% interval |",
            "|---|---:|---:|",
        ]
        lines += [
            f"| {name} | {number(metric.mean)} | {number(metric.low)} to {number(metric.high)} |"
            for name, metric in self.metrics.items()
        ]
        return "\n".join(lines) + "\n"


def _episode(content: dict[str, Any]) -> Episode:
    names = ("references", "prompt_ids", "completion_ids", "completion_mask", "turns")
    lists = {name: tuple(content[name]) for name in names}
    return Episode(**{**content, **lists})


def number(value: float) -> str:
    """Returns ``value`` with three decimals, or fewer where it is large; a minus is the sign −."""
    decimals = 3 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:z.{decimals}f}".replace("-", "−")
