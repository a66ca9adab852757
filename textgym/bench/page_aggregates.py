"""What the page of a bench says over many ids at once: aggregates, capabilities, performance profiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textgym import registry
from textgym.bench.page_episodes import short
from textgym.bench.results import BenchConfig, Cell, Key
from textgym.evaluation import aggregate
from textgym.evaluation.report import Metric
from textgym.evaluation.resampling import Scores, bootstrap
from textgym.evaluation.statistics import Interval

NO_CAPABILITIES = frozenset({"core", "custom", "generated", "grue", "masked", "probe"})
"""Tags that name a suite or how an environment is made, not what an agent must be able to do."""

RESAMPLES = 2000
"""Of the intervals in plots, where two digits are seen; the table of aggregates has the usual number."""

TITLES = {
    "iqm": "IQM",
    "mean": "mean",
    "median": "median",
    "optimality_gap": "optimality gap",
}


@dataclass(frozen=True)
class PageAggregates:
    """The scores of the agents on the ids that all of them have whole.

    Attributes:
        agents: Place of each agent in the config that has such scores, with its normalised rewards on ``env_ids``.
        env_ids: The ids, in the order of the config.
        note: What the numbers are over, and what was left out.
        size: Number of agents in the config.
    """

    agents: Mapping[int, Scores]
    env_ids: tuple[str, ...]
    note: str
    size: int

    @classmethod
    def of(
        cls, config: BenchConfig, cells: Mapping[Key, Cell], rewards: Mapping[Key, Sequence[float]]
    ) -> PageAggregates:
        """Takes what is whole: an agent with no score is left out, then each id that another one lacks a score on."""
        labels = list(config.agents)
        scored = {
            key: normalised(rewards[key], cell.metrics["reward"], cell.score)
            for key, cell in cells.items()
            if cell.score is not None
        }
        present = [label for label in labels if any(key[0] == label for key in scored)]
        env_ids = tuple(
            env_id
            for env_id in config.env_ids
            if all((label, run, env_id) in scored for label in present for run in range(len(config.agents[label])))
        )
        left_out = f"{len(env_ids)} of {len(config.env_ids)} ids"
        if not present or not env_ids:
            note = "There is no aggregate: it takes an id with a normalised score in every run of every agent."
            return cls({}, (), note, len(labels))
        if min(cells[label, 0, env_id].episodes for label in present for env_id in env_ids) < 2:
            return cls({}, (), "There is no aggregate: an interval takes two episodes a cell.", len(labels))
        agents = {}
        for label in present:
            runs = range(len(config.agents[label]))
            tables = [np.stack([scored[label, run, e] for run in runs]) for e in env_ids]
            models = [{cells[label, run, e].hashes["agent"] for e in env_ids} for run in runs]
            sources_tell = all(len(found) == 1 and "" not in found for found in models)
            agents[labels.index(label)] = Scores.of_prompts(tables, one_model=len(runs) > 1 and sources_tell)
        note = f"Normalised scores over {left_out} that have one in every run of every agent, with 95% intervals"
        note += " (stratified bootstrap). IQM: the mean of the middle half. A low optimality gap is good."
        if set_aside := [env_id for env_id in config.env_ids if env_id not in env_ids]:
            note += f" Left out: {', '.join(set_aside)}."
        if absent := [label for label in labels if label not in present]:
            note += f" Without any score: {', '.join(absent)}."
        return cls(agents, env_ids, note, len(labels))

    def content(self) -> dict[str, Any]:
        """Returns what the page draws, JSON only."""
        return {
            "aggregates": self._aggregates(),
            "tags": self._tags(),
            "profiles": self._profiles(),
        }

    def _aggregates(self) -> dict[str, Any]:
        found = (
            aggregate.aggregates({str(agent): scores for agent, scores in self.agents.items()}) if self.agents else {}
        )
        rows: list[dict[str, Any]] = [
            {"agent": int(agent), "values": [_ends(by_name[name]) for name in TITLES], "over": by_name["iqm"].over}
            for agent, by_name in found.items()
        ]
        rows.sort(key=lambda row: -row["values"][0][0])
        return {
            "measures": [{"name": name, "title": title} for name, title in TITLES.items()],
            "rows": rows,
            "note": self.note,
        }

    def _tags(self) -> list[dict[str, Any]]:
        known = registry.entries()
        by_tag: dict[str, list[int]] = {}
        for place, env_id in enumerate(self.env_ids):
            for tag in known[env_id].tags if env_id in known else ():
                if tag not in NO_CAPABILITIES:
                    by_tag.setdefault(tag, []).append(place)
        return [
            {
                "tag": tag,
                "ids": [self.env_ids[place] for place in places],
                "values": [self._mean(agent, places) for agent in range(self.size)],
            }
            for tag, places in sorted(by_tag.items())
        ]

    def _mean(self, agent: int, places: Sequence[int]) -> list[float] | None:
        if agent not in self.agents:
            return None
        scores = self.agents[agent]
        some = Scores.of_prompts([(scores.prompts or ())[place] for place in places], one_model=scores.one_model)
        return _ends(bootstrap([some], aggregate.mean, resamples=RESAMPLES).interval())

    def _profiles(self) -> dict[str, Any]:
        if not self.agents:
            return {"taus": [], "agents": [None] * self.size, "note": self.note}
        every = np.concatenate([scores.runs.ravel() for scores in self.agents.values()])
        taus = np.linspace(min(0.0, float(every.min())), max(1.0, float(every.max())), 121)
        bands = {
            agent: aggregate.performance_profile(scores, taus, resamples=RESAMPLES)
            for agent, scores in self.agents.items()
        }
        over = " or ".join(sorted({band.over for band in bands.values()}))
        cells = "runs and ids" if len(every) > len(bands) * len(self.env_ids) else "ids"
        return {
            "taus": [short(tau) for tau in taus],
            "agents": [_band(bands[agent]) if agent in bands else None for agent in range(self.size)],
            "note": f"The share of an agent's {cells} on which it scores above τ. A line that is above another "
            f"everywhere is better everywhere. Bands: 95%, over {over}.",
        }


def normalised(rewards: Sequence[float], reward: Metric, score: Metric) -> np.ndarray:
    """Returns the rewards of a cell's episodes on the scale of its score, float64 ``(P,)``.

    The score is the reward, shifted and stretched by the marks that the id had when the cell was played, which may not
    be those of today; the two intervals tell by how much. Rewards without any spread are all worth the score.

    Args:
        rewards: One an episode.
        reward: Their mean with its interval, as the cell has it.
        score: The same, normalised.
    """
    spread = reward.high - reward.low
    stretch = (score.high - score.low) / spread if spread else 0.0
    return score.mean + stretch * (np.asarray(rewards, dtype=np.float64) - reward.mean)


def _ends(interval: Interval) -> list[float]:
    return [short(interval.value), short(interval.low), short(interval.high)]


def _band(band: aggregate.Band) -> dict[str, list[float]]:
    return {
        "mean": [short(value) for value in band.values],
        "low": [short(value) for value in band.low],
        "high": [short(value) for value in band.high],
    }
