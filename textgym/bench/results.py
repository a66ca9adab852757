"""The folder of a bench: typed results on disk, written whole and checked when they are read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from textgym.errors import DataError, OptionError, suggest
from textgym.evaluation import files
from textgym.evaluation.report import Episode, Metric

SCHEMA = "textgym.bench"
SCHEMA_VERSION = 1

CONFIG, CELLS, CELL, EPISODES = "bench.json", "cells", "cell.json", "episodes.jsonl"

Key = tuple[str, int, str]
"""What tells one cell from another: the agent's label, the number of its training run, the id."""

PER_TOKEN = frozenset({"length", "kl", "reference_perplexity", "token_entropy"})
"""Metrics that count tokens: agents with different vocabularies cannot be compared by them."""


@dataclass(frozen=True)
class BenchConfig:
    """What a bench was asked for; JSON only.

    Attributes:
        agents: Sources of each agent by its label, as `textgym.agents.load` takes them; several are training runs of
            the same agent, in order.
        env_ids: Registered ids.
        env_kwargs: Options that every environment is made with.
        episodes: Episodes a cell.
        split: The split whose prompts are asked.
        seed: Of everything random.
        deterministic: Whether agents take their likeliest token instead of sampling.

    Raises:
        OptionError: If there is no agent or id, one is named twice, or a number is out of range.
    """

    agents: Mapping[str, tuple[str, ...]]
    env_ids: tuple[str, ...]
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    episodes: int = 256
    split: str = "test"
    seed: int = 0
    deterministic: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "agents", {label: tuple(sources) for label, sources in self.agents.items()})
        object.__setattr__(self, "env_ids", tuple(self.env_ids))
        if not self.agents or not all(self.agents.values()):
            raise OptionError(f"A bench needs an agent, and each a source. Actual value: {dict(self.agents)}.")
        if not self.env_ids:
            raise OptionError("A bench needs an environment. Give an id or a suite.")
        for kind, names in (("id", self.env_ids), ("agent", [slug(label) for label in self.agents])):
            if twice := sorted({name for name in names if list(names).count(name) > 1}):
                raise OptionError(
                    f"The {kind} {twice[0]!r} is named twice. Labels become names of folders, where only letters, "
                    "digits, '.', '_', '=' and '-' count; give each agent its own."
                    if kind == "agent"
                    else f"The id {twice[0]!r} is named twice. Name it once."
                )
        for label, sources in self.agents.items():
            if len(set(sources)) != len(sources):
                raise OptionError(f"The agent {label!r} has a source twice, which is no second run: {sources}.")
        if isinstance(self.episodes, bool) or not isinstance(self.episodes, int) or self.episodes < 1:
            raise OptionError(f"episodes must be a whole number, at least 1. Actual value: {self.episodes!r}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise OptionError(f"seed must be a whole number, at least 0. Actual value: {self.seed!r}.")

    @property
    def keys(self) -> list[Key]:
        """The cells of the bench, agent by agent, run by run."""
        return [
            (label, run, env_id)
            for label, sources in self.agents.items()
            for run in range(len(sources))
            for env_id in self.env_ids
        ]


@dataclass(frozen=True)
class Cell:
    """One agent played on one id.

    Attributes:
        agent: Label of the agent.
        run: Number of its training run, from 0; an agent that was not trained has run 0 alone.
        source: What was loaded.
        env_id: The id.
        env_kwargs: Options of the environment.
        split: The split whose prompts were asked.
        seed: Of the sampling and the intervals.
        episodes: Number of episodes.
        deterministic: True where the agent took its likeliest token.
        reward: The reward, as an expression.
        gamma: Discount per token.
        hashes: ``"tokenizer"``, the vocabulary; ``"task"``, the prompts asked, the ending, the budgets and the reward;
            ``"agent"``, the content of its source, ``""`` where it has none.
        metrics: Those of `textgym.Report` and of `textgym.bench.measures`, by name, each with its 95% interval over
            prompts and draws.
        score: The reward normalised: (reward − random) / (oracle − random), with the marks that the id registers;
            None where it has none.
        gold: Name of the metric that is independent of the trained reward; None where there is none.
        gap: Normalised reward minus normalised gold; see `textgym.bench.measures.gap`. None where one is undefined.
        timing: ``"seconds"``, ``"tokens_per_second"``, ``"seconds_per_episode"``; nothing else differs between two
            runs of the same bench.
        versions: Versions of Python and of the packages.
        prompt_hash: Of the prompts asked, in order; tests are paired only where it is equal.
    """

    agent: str
    run: int
    source: str
    env_id: str
    env_kwargs: Mapping[str, Any]
    split: str
    seed: int
    episodes: int
    deterministic: bool
    reward: str
    gamma: float
    hashes: Mapping[str, str]
    metrics: Mapping[str, Metric]
    score: Metric | None
    gold: str | None
    gap: Metric | None
    timing: Mapping[str, float]
    versions: Mapping[str, str]
    prompt_hash: str

    @property
    def key(self) -> Key:
        """Where it stands in the bench."""
        return self.agent, self.run, self.env_id


@dataclass(frozen=True)
class EpisodeRecord(Episode):
    """An episode as it was played, with what a page or a new reward needs of it.

    The last five hold one number for each of ``completion_ids``, None for the tokens that the environment wrote; they
    are empty where nobody knows.

    Attributes:
        tokens: Text of each id of prompt and completion; joined, they are the text up to what a tokenizer hides.
        seed: Of the bench; the episode's own stream is hashed from it and ``index``.
        log_probs: log π of each token under the agent's law, in nat.
        values: What the agent's value head said of the context before each token.
        kl: KL(π ‖ reference) at the context before each token, in nat, where the agent keeps a reference.
        advantages: GAE's, from ``rewards`` and ``values``.
        rewards: Reward of the step that wrote each token; they sum to ``reward``.
    """

    tokens: tuple[str, ...] = ()
    seed: int = 0
    log_probs: tuple[float | None, ...] = ()
    values: tuple[float | None, ...] = ()
    kl: tuple[float | None, ...] = ()
    advantages: tuple[float | None, ...] = ()
    rewards: tuple[float | None, ...] = ()


TRACES = ("log_probs", "values", "kl", "advantages", "rewards")
"""Fields of `EpisodeRecord` that hold a number a token."""

_TUPLES = ("references", "prompt_ids", "completion_ids", "completion_mask", "turns", "tokens", *TRACES)


class Bench:
    """The folder of a bench.

    =============================================  =================================================================
    ``bench.json``                                 What was asked (`BenchConfig`); its presence makes a folder a bench.
    ``cells/<agent>/<run>/<id>/cell.json``         One `Cell`; it is written last, so a cell that has it is whole.
    ``cells/<agent>/<run>/<id>/episodes.jsonl``    Its episodes, one `EpisodeRecord` a line.
    ``README.md``, ``plots/``                      Tables and plots, made from the cells.
    =============================================  =================================================================

    Attributes:
        path: The folder.
        config: What was asked.
    """

    def __init__(self, path: str | Path, config: BenchConfig) -> None:
        self.path = Path(path)
        self.config = config

    @classmethod
    def create(cls, path: str | Path, config: BenchConfig) -> Bench:
        """Makes the folder of a bench, or opens the one that was begun with the same config.

        Raises:
            OptionError: If the folder holds a bench that was asked for something else, or something other than a bench.
        """
        path = Path(path)
        if (path / CONFIG).exists():
            bench = cls.open(path)
            _check_same(path, bench.config, config)
            return bench
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise OptionError(f"{str(path)!r} exists, is not empty, and holds no bench. Choose another folder.")
        try:
            files.write_json(path / CONFIG, {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(config)})
        except OSError as error:
            raise OptionError(f"{str(path)!r} cannot be written: {error}. Choose another folder.") from error
        return cls(path, config)

    @classmethod
    def open(cls, path: str | Path) -> Bench:
        """Opens the folder of a bench.

        Raises:
            DataError: If it holds none, or one of another version, or a damaged one.
        """
        path = Path(path)
        if not (path / CONFIG).is_file():
            raise DataError(
                f"{str(path)!r} holds no bench: it has no {CONFIG}. Give a folder that `textgym bench` made."
            )
        content = _read_json(path / CONFIG)
        return cls(path, _made(BenchConfig, content, path / CONFIG))

    def folder(self, key: Key) -> Path:
        """Returns the folder of a cell."""
        agent, run, env_id = key
        return self.path / CELLS / slug(agent) / str(run) / env_id

    def add(self, cell: Cell, episodes: Iterable[EpisodeRecord]) -> None:
        """Writes a cell, whole or not at all."""
        folder = self.folder(cell.key)
        lines = [json.dumps(asdict(episode), ensure_ascii=False, allow_nan=False) + "\n" for episode in episodes]
        files.write_text(folder / EPISODES, "".join(lines))
        files.write_json(folder / CELL, {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, **asdict(cell)})

    def cell(self, key: Key) -> Cell | None:
        """Returns one cell, or None while it is not whole.

        Raises:
            DataError: If its file is damaged, of another version, or of another cell.
        """
        path = self.folder(key) / CELL
        if not path.is_file() or not (path.parent / EPISODES).is_file():
            return None
        content = _read_json(path)
        try:
            content["metrics"] = {name: _metric(metric) for name, metric in content["metrics"].items()}
            for name in ("score", "gap"):
                content[name] = None if content[name] is None else _metric(content[name])
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{str(path)!r} holds something that is no metric: {error}.") from error
        cell = _made(Cell, content, path)
        if cell.key != key:
            raise DataError(f"{str(path)!r} stands where the cell {key} belongs. Actual value: the cell {cell.key}.")
        return cell

    def cells(self) -> dict[Key, Cell]:
        """Returns the cells that are whole, in the order of the config.

        Raises:
            DataError: If one is damaged.
        """
        found = ((key, self.cell(key)) for key in self.config.keys)
        return {key: cell for key, cell in found if cell is not None}

    def missing(self) -> list[Key]:
        """Returns the cells that are not whole yet."""
        return [key for key in self.config.keys if self.cell(key) is None]

    def episodes(self, key: Key) -> list[EpisodeRecord]:
        """Returns the episodes of a cell.

        Raises:
            DataError: If the cell is missing, or its file is truncated, damaged, or not as long as the cell says.
        """
        cell = self.cell(key)
        if cell is None:
            raise DataError(f"The bench {str(self.path)!r} has no cell {key}. Run the bench again; it goes on.")
        path = self.folder(key) / EPISODES
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{str(path)!r} cannot be read: {error}.") from error
        if lines.pop():  # every line ends with a line break, the last one too
            raise DataError(f"{str(path)!r} is truncated: its line {len(lines) + 1} has no end. Play the cell again.")
        if len(lines) != cell.episodes:
            raise DataError(f"{str(path)!r} should have {cell.episodes} lines. Actual value: {len(lines)}.")
        return [_record(line, f"{str(path)!r}, line {number}") for number, line in enumerate(lines, 1)]

    def matrix(self, metric: str = "score") -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:
        """Returns one number a cell.

        Args:
            metric: ``"score"``, ``"gap"``, or the name of a metric.

        Returns:
            Labels of the agents ``A``; ids ``E``; the values, float64 ``(A, R, E)`` with ``R`` the most runs of an
            agent, NaN where a cell is missing or has no such number.

        Raises:
            OptionError: If no cell has the metric.
            DataError: If the metric counts tokens (`PER_TOKEN`), and agents have different ones on an id.
        """
        cells, agents = self.cells(), tuple(self.config.agents)
        values = np.full((len(agents), max(map(len, self.config.agents.values())), len(self.config.env_ids)), np.nan)
        known = ("score", "gap", *dict.fromkeys(name for cell in cells.values() for name in cell.metrics))
        if metric not in known:
            raise OptionError(
                f"No cell has the metric {metric!r}.{suggest(metric, known)} There are {', '.join(known)}."
            )
        for (agent, run, env_id), cell in cells.items():
            found = getattr(cell, metric) if metric in ("score", "gap") else cell.metrics.get(metric)
            if found is not None:
                values[agents.index(agent), run, self.config.env_ids.index(env_id)] = found.mean
        if metric in PER_TOKEN:
            _check_one_vocabulary(cells.values(), metric)
        return agents, self.config.env_ids, values


def slug(label: str) -> str:
    """Returns a label as the name of a folder."""
    name = re.sub(r"[^\w.=-]+", "_", label)
    if not name.strip("._"):
        raise OptionError(f"A label needs a letter or a digit. Actual value: {label!r}.")
    return name


def vocabularies(cells: Iterable[Cell]) -> dict[str, set[str]]:
    """Returns the fingerprints of the vocabularies that each id was played in."""
    found: dict[str, set[str]] = {}
    for cell in cells:
        found.setdefault(cell.env_id, set()).add(cell.hashes["tokenizer"])
    return found


def _check_one_vocabulary(cells: Iterable[Cell], metric: str) -> None:
    mixed = [env_id for env_id, fingerprints in vocabularies(cells).items() if len(fingerprints) > 1]
    if mixed:
        raise DataError(
            f"{metric!r} counts tokens, and agents wrote {', '.join(mixed)} in different vocabularies. Compare them by "
            "a metric of texts."
        )


def _check_same(path: Path, old: BenchConfig, new: BenchConfig) -> None:
    for item in fields(BenchConfig):
        before, after = _plain(getattr(old, item.name)), _plain(getattr(new, item.name))
        if before != after:
            raise OptionError(
                f"{str(path)!r} holds a bench with {item.name} = {before}. Actual value: {after}. Choose another "
                "folder, or ask for the same; what differs would not be one bench."
            )


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, and no result is that")


def _read_json(path: Path) -> dict[str, Any]:
    """Returns the content of a file of this schema, without its two names."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except (OSError, ValueError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise DataError(f"{str(path)!r} cannot be read: {error}.") from error
    kind = content.pop("schema", None) if isinstance(content, dict) else None
    if kind != SCHEMA:
        raise DataError(f"{str(path)!r} should say schema {SCHEMA!r}. Actual value: {kind!r}.")
    version = content.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise DataError(
            f"{str(path)!r} has schema version {version!r}; this textgym reads {SCHEMA_VERSION}. Run the bench again, "
            "or use the textgym that wrote it."
        )
    return content


def _made(cls: Any, content: Mapping[str, Any], path: Path) -> Any:
    known = {item.name for item in fields(cls)}
    if wrong := known.symmetric_difference(content):
        raise DataError(f"{str(path)!r} lacks a field or has one too many: {', '.join(sorted(wrong))}.")
    try:
        return cls(**content)
    except (TypeError, AttributeError, OptionError) as error:
        raise DataError(f"{str(path)!r} is damaged: {error}") from error


def _metric(content: Mapping[str, Any]) -> Metric:
    metric = Metric(**content)
    if not all(isinstance(end, int | float) and math.isfinite(end) for end in metric.estimate):
        raise TypeError(f"{content} holds something other than numbers")
    return metric


def _record(line: str, place: str) -> EpisodeRecord:
    try:
        content = json.loads(line, parse_constant=_refuse)
        if wrong := {item.name for item in fields(EpisodeRecord)}.symmetric_difference(content):
            raise ValueError(f"it lacks a field or has one too many: {', '.join(sorted(wrong))}")
        record = EpisodeRecord(**{**content, **{name: tuple(content[name]) for name in _TUPLES}})
    except (ValueError, TypeError) as error:
        raise DataError(f"{place} is no episode: {error}.") from error
    for name, values in ((name, getattr(record, name)) for name in TRACES):
        if len(values) not in (0, len(record.completion_ids)):
            raise DataError(
                f"{place} should have {len(record.completion_ids)} {name}, one a token. Actual value: {len(values)}."
            )
    return record


def rounded(values: Sequence[float | None]) -> tuple[float | None, ...]:
    """Returns numbers of a token as they are kept, with six decimals: what float32 knows of a log-probability."""
    return tuple(None if value is None else round(float(value), 6) for value in values)
