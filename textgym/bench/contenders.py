"""Agents to compare, read from wherever their episodes lie: a bench, a run folder, a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from textgym import registry
from textgym.bench import measures
from textgym.bench.results import CONFIG, Bench, Cell, EpisodeRecord
from textgym.errors import DataError, OptionError, suggest
from textgym.evaluation.report import Report
from textgym.evaluation.resampling import Scores
from textgym.evaluation.run import Run


@dataclass(frozen=True)
class Contender:
    """One agent with the episodes of each of its training runs on each id.

    Attributes:
        label: Its name in tables.
        source: Where it was read: a folder or a file.
        reports: A report a run, in order, by id; ids that lack a run are not here.
        tasks: Hash of each id's task; empty where a report does not say.
        marked: Ids whose reward can be normalised: it is the id's own, and the id has marks.
        missing: Ids without an episode of some run, each with those runs.
        one_model: True where a run is the same trained model on every id.
    """

    label: str
    source: str
    reports: Mapping[str, tuple[Report, ...]]
    tasks: Mapping[str, str]
    marked: frozenset[str]
    missing: Mapping[str, tuple[int, ...]]
    one_model: bool

    def has(self, env_id: str, metric: str) -> bool:
        """Whether every episode on an id has a score; success, for one, is not defined on all ids."""
        return all(metric in episode.scores for report in self.reports[env_id] for episode in report.episodes)

    def table(self, env_id: str, metric: str) -> np.ndarray:
        """Returns one score a run and prompt, float64 ``(R, P)``.

        Raises:
            OptionError: If the episodes have no such score.
        """
        scores = [[episode.scores for episode in report.episodes] for report in self.reports[env_id]]
        known = scores[0][0]
        if metric not in known:
            raise OptionError(
                f"The episodes of {self.label!r} on {env_id} have no score {metric!r}.{suggest(metric, known)} They "
                f"have {', '.join(known)}."
            )
        return np.array([[episode[metric] for episode in run] for run in scores])

    def scores(self, env_ids: Sequence[str], metric: str) -> Scores:
        """Returns the scores on some ids; the reward is normalised: 0 for a random agent, 1 for the oracle.

        Raises:
            DataError: If an id has fewer than two episodes.
        """
        tables = [self.table(env_id, metric) for env_id in env_ids]
        if metric == "reward":
            tables = [normalised(table, env_id) for table, env_id in zip(tables, env_ids, strict=True)]
        try:
            return Scores.of_prompts(tables, one_model=self.one_model)
        except ValueError as error:
            raise DataError(f"{self.label!r} cannot be compared: {error}") from error


def normalised(rewards: np.ndarray, env_id: str) -> np.ndarray:
    """Returns rewards as (reward − random) / (oracle − random), with the marks that the id registers.

    Raises:
        DataError: If it registers none.
    """
    found = measures.marks(registry.entry(env_id).scores, "reward")
    if found is None:
        raise DataError(f"{env_id} registers no scores of a random agent and an oracle, so nothing normalises on it.")
    return (rewards - found.zero) / (found.one - found.zero)


def load(spec: str) -> list[Contender]:
    """Returns the agents of a source.

    Args:
        spec: The folder of a bench, which gives all of its agents; ``FOLDER:AGENT`` for one of them; the folder of a
            run, of which the evaluation after training counts; or a file that `Report.save` wrote.

    Raises:
        DataError: If there is nothing of the kind, it is damaged, or it holds no whole cell.
        OptionError: If a bench has no such agent.
    """
    folder, colon, agent = spec, "", ""
    if not Path(spec).exists() and ":" in spec:
        folder, colon, agent = spec.rpartition(":")
    path = Path(folder)
    if (path / CONFIG).is_file():
        bench = Bench.open(path)
        if colon and agent not in bench.config.agents:
            raise OptionError(
                f"The bench {folder!r} has no agent {agent!r}.{suggest(agent, bench.config.agents)} It has "
                f"{', '.join(bench.config.agents)}."
            )
        return [of_bench(bench, label) for label in ([agent] if colon else bench.config.agents)]
    if colon:
        raise DataError(f"{folder!r} holds no bench, so there is no agent {agent!r} in it.")
    if path.is_dir() and (path / "versions.json").is_file():
        report = Run.open(path).report("after")
        if report is None:
            raise DataError(f"The run {spec!r} has no evaluation after training yet. Resume it.")
        return [_of_report(report, path)]
    if path.is_dir() or not path.exists():
        raise DataError(
            f"There is nothing to compare at {spec!r}. Give a folder of `textgym bench` (or FOLDER:AGENT), a run "
            "folder of `textgym train`, or a report of `textgym evaluate --json`."
        )
    return [_of_report(Report.load(path), path)]


def distinct(contenders: Iterable[Contender]) -> list[Contender]:
    """Returns the contenders under different labels: where two share one, the name of the source is put before it.

    Raises:
        DataError: If the same agent of the same source is there twice.
    """
    found = list(contenders)
    labels = [contender.label for contender in found]
    sources = [(Path(contender.source).resolve(), contender.label) for contender in found]
    for contender, source in zip(found, sources, strict=True):
        if sources.count(source) > 1:
            raise DataError(f"{contender.label!r} of {contender.source!r} is named twice. Name two different agents.")
    names = [Path(contender.source).stem for contender in found]
    short = len(set(zip(names, labels, strict=True))) == len(found)
    return [
        contender
        if labels.count(contender.label) == 1
        else replace(contender, label=f"{name if short else contender.source}:{contender.label}")
        for contender, name in zip(found, names, strict=True)
    ]


def of_bench(bench: Bench, label: str) -> Contender:
    """Returns an agent of a bench.

    Raises:
        DataError: If it has no whole cell, or one is damaged.
    """
    runs = range(len(bench.config.agents[label]))
    cells = {key: cell for key, cell in bench.cells().items() if key[0] == label}
    if not cells:
        raise DataError(f"The bench {str(bench.path)!r} has no whole cell of {label!r}. Run it again; it goes on.")
    missing = {
        env_id: lacking
        for env_id in bench.config.env_ids
        if (lacking := tuple(run for run in runs if (label, run, env_id) not in cells))
    }
    whole = [env_id for env_id in bench.config.env_ids if env_id not in missing]
    first = {env_id: cells[label, 0, env_id] for env_id in whole}
    models = [{(cells[label, run, e].source, cells[label, run, e].hashes["agent"]) for e in whole} for run in runs]
    return Contender(
        label=label,
        source=str(bench.path),
        reports={
            env_id: tuple(_report(cells[label, run, env_id], bench.episodes((label, run, env_id))) for run in runs)
            for env_id in whole
        },
        tasks={env_id: cell.hashes["task"] for env_id, cell in first.items()},
        marked=frozenset(env_id for env_id, cell in first.items() if cell.score is not None),
        missing=missing,
        one_model=len(runs) > 1 and all(len(found) == 1 for found in models),
    )


def _report(cell: Cell, episodes: Sequence[EpisodeRecord]) -> Report:
    return Report(
        env_id=cell.env_id,
        split=cell.split,
        seed=cell.seed,
        deterministic=cell.deterministic,
        reward=cell.reward,
        gamma=cell.gamma,
        tokenizer=cell.hashes["tokenizer"],
        metrics=cell.metrics,
        episodes=tuple(episodes),
        versions=cell.versions,
    )


def _of_report(report: Report, path: Path) -> Contender:
    # The hash of its task is not known, so the prompts, the reward and the vocabulary must tell.
    return Contender(path.stem, str(path), {report.env_id: (report,)}, {report.env_id: ""}, frozenset(), {}, False)
