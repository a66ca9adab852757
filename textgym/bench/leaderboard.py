"""The table of many benches: agents by rank, their aggregates, and their scores on each id."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textgym.bench import contenders
from textgym.bench.contenders import Contender
from textgym.bench.results import Bench, Cell
from textgym.errors import DataError
from textgym.evaluation import aggregate
from textgym.evaluation.report import number
from textgym.evaluation.resampling import RESAMPLES
from textgym.evaluation.statistics import Interval


@dataclass(frozen=True)
class Entry:
    """One agent of a leaderboard.

    Attributes:
        label: Its name.
        runs: Number of its training runs.
        rank: By the interquartile mean, 1 for the best, with its interval.
        aggregates: Each of `textgym.evaluation.aggregate.AGGREGATES` of the normalised reward.
        scores: Mean normalised reward by id, over runs and prompts; ids that it lacks are missing.
    """

    label: str
    runs: int
    rank: Interval
    aggregates: dict[str, Interval]
    scores: dict[str, Interval]


@dataclass(frozen=True)
class Leaderboard:
    """The agents of many benches, best first.

    Attributes:
        entries: The agents.
        env_ids: Every id that an agent was played on.
        aggregate_ids: Those that all agents have whole, on which they are ranked.
        notes: How it was made, and what was left out.
    """

    entries: tuple[Entry, ...]
    env_ids: tuple[str, ...]
    aggregate_ids: tuple[str, ...]
    notes: tuple[str, ...]

    def columns(self) -> tuple[str, ...]:
        """Returns the heads of the table; ids are without what all share."""
        return ("rank", "agent", "runs", *(TITLES[name] for name in aggregate.AGGREGATES), *map(short, self.env_ids))

    def cells(self) -> Iterator[tuple[Interval | str | int | None, ...]]:
        """Yields the rows of the table; None stands for a cell that is missing."""
        for entry in self.entries:
            scores = [entry.scores.get(env_id) for env_id in self.env_ids]
            yield (entry.rank, entry.label, entry.runs, *entry.aggregates.values(), *scores)

    def to_markdown(self) -> str:
        """Returns the leaderboard as Markdown."""
        columns = self.columns()
        lines = ["# Leaderboard\n", f"| {' | '.join(columns)} |", f"|---:|---|{'---:|' * (len(columns) - 2)}"]
        lines += [
            f"| {' | '.join(shown(cell, rank=k == 0).replace('|', '·') for k, cell in enumerate(row))} |"
            for row in self.cells()
        ]
        return "\n".join([*lines, "", *(f"{note}\n" for note in self.notes)])


TITLES = {"iqm": "IQM", "mean": "mean", "median": "median", "optimality_gap": "optimality gap"}


def leaderboard(folders: Sequence[str | Path], *, resamples: int = RESAMPLES, seed: int = 0) -> Leaderboard:
    """Returns the leaderboard of all agents in some benches.

    Agents are ranked by the interquartile mean of the normalised reward, on the ids that all of them have whole: a
    missing cell takes its id out of the aggregates of every agent, and is shown as missing. Agents may write in
    different vocabularies, since rewards are of texts; a note then names those ids, where budgets in tokens are not the
    same number of letters.

    Args:
        folders: Folders of `textgym bench`.
        resamples: Of each bootstrap.
        seed: Of the resampling.

    Raises:
        DataError: If the benches do not belong in one table (another split, number of episodes, version of an id or of
            textgym, or another task under the same id), one agent is there twice, or no id is whole for all.
    """
    benches = [Bench.open(folder) for folder in dict.fromkeys(str(Path(folder)) for folder in folders)]
    if not benches:
        raise DataError("A leaderboard needs at least one bench. Name the folders that `textgym bench` made.")
    _check_mixture(benches)
    agents = contenders.distinct(
        contenders.of_bench(bench, label) for bench in benches for label in bench.config.agents
    )
    env_ids = tuple(dict.fromkeys(env_id for bench in benches for env_id in bench.config.env_ids))
    whole = [e for e in env_ids if all(e in agent.marked for agent in agents)]
    if not whole:
        raise DataError(
            "There is no id that every agent has whole and that has marks to normalise by. "
            + " ".join(f"{agent.label}: {', '.join(sorted(agent.marked)) or 'none'}." for agent in agents)
        )
    scores = {agent.label: agent.scores(whole, "reward") for agent in agents}
    ranks = aggregate.ranks(scores, resamples=resamples, seed=seed)
    summary = aggregate.aggregates(scores, resamples=resamples, seed=seed)
    entries = [
        Entry(
            agent.label,
            len(scores[agent.label].runs),
            ranks[agent.label],
            summary[agent.label],
            {e: _score(agent, e, resamples, seed) for e in env_ids if e in agent.marked},
        )
        for agent in agents
    ]
    entries.sort(key=lambda entry: entry.rank.value)
    return Leaderboard(tuple(entries), env_ids, tuple(whole), tuple(_notes(benches, agents, env_ids, whole, entries)))


def _score(agent: Contender, env_id: str, resamples: int, seed: int) -> Interval:
    scores = agent.scores([env_id], "reward")
    return aggregate.aggregates({"": scores}, resamples=resamples, seed=seed)[""]["mean"]


def _check_mixture(benches: Sequence[Bench]) -> None:
    """Raises a `DataError` that names the folders and what differs, unless all cells belong in one table."""
    seen: dict[tuple[str, str], tuple[Any, Bench]] = {}

    def same(what: str, where: str, value: Any, bench: Bench) -> None:
        known, first = seen.setdefault((what, where), (value, bench))
        if known != value:
            place = f" of {where}" if where else ""
            raise DataError(
                f"These results do not belong in one table: the {what}{place} is {known!r} in {str(first.path)!r} and "
                f"{value!r} in {str(bench.path)!r}. Bench one of them again like the other."
            )

    for bench in benches:
        same("split", "", bench.config.split, bench)
        same("number of episodes", "", bench.config.episodes, bench)
        for env_id in bench.config.env_ids:
            family, version = split_version(env_id)
            same("version", family, version, bench)
        for cell in bench.cells().values():
            same("major version of textgym", "", _major(cell), bench)
            same("options of the environment", cell.env_id, dict(cell.env_kwargs), bench)
            same("hash of the task", cell.env_id, cell.hashes["task"], bench)
            same("hash of the prompts", cell.env_id, cell.prompt_hash, bench)


def split_version(env_id: str) -> tuple[str, str]:
    """Returns an id in two: its name, and its version (``"v0"``), empty where it has none."""
    name, _, version = env_id.rpartition("-")
    return (name, version) if re.fullmatch(r"v\d+", version) else (env_id, "")


def short(env_id: str) -> str:
    """Returns an id as the head of a column: ``"Numbers"`` for ``TextGen-Numbers-v0``."""
    return split_version(env_id)[0].removeprefix("TextGen-")


def shown(cell: Interval | str | int | None, *, rank: bool = False) -> str:
    """Returns a cell of the table as text; ranks are whole or half numbers."""
    if cell is None:
        return "–"
    if not isinstance(cell, Interval):
        return str(cell)
    if rank:
        return f"{cell.value:g} [{cell.low:g}, {cell.high:g}]"
    return f"{number(cell.value)} [{number(cell.low)}, {number(cell.high)}]"


def _major(cell: Cell) -> str:
    return cell.versions.get("textgym", "unknown").partition(".")[0]


def _notes(
    benches: Sequence[Bench],
    agents: Sequence[Contender],
    env_ids: Sequence[str],
    whole: Sequence[str],
    entries: Sequence[Entry],
) -> Iterator[str]:
    config = benches[0].config
    yield (
        f"Normalised reward, 0 for random tokens and 1 for the oracle, over {config.episodes} episodes of the "
        f"{config.split} split. Agents are ranked by the interquartile mean (IQM)."
    )
    for over in sorted({entry.aggregates["iqm"].over for entry in entries}):
        labels = [entry.label for entry in entries if entry.aggregates["iqm"].over == over]
        yield f"In brackets: 95% bootstrap intervals, over {over} for {', '.join(labels)}."
    if left := [env_id for env_id in env_ids if env_id not in whole]:
        yield f"Ranks and aggregates leave out {', '.join(left)}, which not every agent has a normalised score on."
    if mixed := [env_id for env_id in env_ids if len(_vocabularies(agents, env_id)) > 1]:
        yield f"Agents wrote {', '.join(mixed)} in different vocabularies: their budgets in tokens differ in letters."
    for agent in agents:
        for env_id, runs in agent.missing.items():
            yield f"Missing: {agent.label} on {env_id}, run {', '.join(map(str, runs))}."


def _vocabularies(agents: Sequence[Contender], env_id: str) -> set[str]:
    return {report.tokenizer for agent in agents for report in agent.reports.get(env_id, ())}
