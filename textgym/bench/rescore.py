"""New rewards on completions that were written before: nothing is generated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from textgym.bench import summary
from textgym.bench.results import Bench, Cell, EpisodeRecord
from textgym.data import records
from textgym.errors import DataError, OptionError, RewardError
from textgym.evaluation import files, scoring, statistics
from textgym.evaluation.report import Metric
from textgym.rewards import Reward
from textgym.tasks import Task

PREFIX = "reward/"
TEXTS = ("prompt", "completion")
_OF_TOKENS = ("prompt_ids", "completion_ids", "tokenizer")


def rescore(folder: str | Path, out: str | Path, rewards: Mapping[str, Reward]) -> Bench:
    """Returns a new bench whose episodes and cells also carry new rewards, as ``reward/<name>``.

    The columns of the data come from the task again, by the number of the prompt. What was rewarded, normalised and
    ranked stays as it is.

    Args:
        folder: A bench; it is not touched.
        out: Folder of the new bench, which must not exist.
        rewards: The new rewards by name.

    Raises:
        OptionError: If ``out`` exists, or a cell has another reward of that name.
        DataError: If ``folder`` is no bench, is damaged, or the task asks other prompts today.
        RewardError: If a reward needs a column that is not there.
    """
    bench, target = Bench.open(folder), Path(out)
    _check_new(target)
    tasks: dict[str, Task] = {}
    with files.whole_folder(target) as temporary:
        made = Bench.create(temporary, bench.config)
        for key, cell in bench.cells().items():
            episodes = bench.episodes(key)
            task = tasks.setdefault(cell.env_id, _task(cell))
            made.add(*_rescored(cell, episodes, task, rewards))
        summary.write(made)
    return Bench.open(target)


def rescore_file(path: str | Path, out: str | Path, rewards: Mapping[str, Reward]) -> dict[str, Metric]:
    """Writes the rows of a file of completions with new rewards, and returns the mean of each with its 95% interval.

    Args:
        path: JSONL, JSON, CSV, TSV or Parquet with the columns ``prompt`` and ``completion``; other columns reach the
            rewards under their own names, ``references`` as a list of texts.
        out: JSONL file to write, which must not exist; each row gets ``reward/<name>``.
        rewards: The new rewards by name.

    Raises:
        OptionError: If ``out`` exists, or the rows have a column of that name.
        DataError: If the file cannot be read, has no rows, or a row lacks a text.
        RewardError: If a reward needs a column that is not there.
    """
    _check_new(Path(out))
    rows = _rows(path)
    columns: dict[str, list[Any]] = {
        name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)
    }
    prompts, completions = (columns.pop(name) for name in TEXTS)
    if "references" in columns:
        columns["references"] = [[text] if isinstance(text, str) else text for text in columns["references"]]
    if taken := [name for name in rewards if PREFIX + name in columns]:
        raise OptionError(f"{str(path)!r} already has {PREFIX}{taken[0]}. Name the new one: --reward NAME=EXPR.")
    given = {name: values for name, values in columns.items() if not name.startswith(PREFIX)}
    totals = {name: _total(repr(name), reward, prompts, completions, given) for name, reward in rewards.items()}
    lines = [
        {**row, **{PREFIX + name: float(values[i]) for name, values in totals.items()}} for i, row in enumerate(rows)
    ]
    files.write_text(out, "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines))
    return {PREFIX + name: Metric.of(statistics.bootstrap_mean(values)) for name, values in totals.items()}


def _rescored(
    cell: Cell, episodes: Sequence[EpisodeRecord], task: Task, rewards: Mapping[str, Reward]
) -> tuple[Cell, list[EpisodeRecord]]:
    for episode in episodes:
        if episode.prompt_index >= len(task) or task[episode.prompt_index].prompt != episode.prompt:
            raise DataError(
                f"{cell.env_id} does not ask prompt {episode.prompt_index} of the {cell.split} split as it did: "
                f"{episode.prompt[:60]!r}. Rescore with the version of textgym that played it ({cell.versions})."
            )
    columns = scoring.columns(episodes, task)
    if task.tokenizer.fingerprint != cell.hashes["tokenizer"]:  # the agent brought its own, which is not at hand
        columns = {name: values for name, values in columns.items() if name not in _OF_TOKENS}
    prompts, completions = [e.prompt for e in episodes], [e.completion for e in episodes]
    terms, metrics = [dict(episode.reward_terms) for episode in episodes], dict(cell.metrics)
    for name, reward in rewards.items():
        values = _total(f"{name!r} on {cell.env_id}", reward, prompts, completions, columns)
        for term, value in zip(terms, values.tolist(), strict=True):
            if not np.isclose(term.setdefault(name, value), value):
                raise OptionError(
                    f"{cell.agent!r} on {cell.env_id} already has another {PREFIX}{name}: {term[name]} where the "
                    f"new one says {value}. Name the new one: --reward NAME=EXPR."
                )
        metrics[PREFIX + name] = Metric.of(statistics.bootstrap_mean(values, seed=cell.seed))
    scored = [replace(episode, reward_terms=term) for episode, term in zip(episodes, terms, strict=True)]
    return replace(cell, metrics=metrics), scored


def _total(
    what: str, reward: Reward, prompts: list[str], completions: list[str], columns: Mapping[str, Any]
) -> np.ndarray:
    try:
        return reward.score(prompts, completions, **columns).total
    except RewardError as error:
        raise RewardError(f"The reward {what} cannot score these completions. {error}") from error
    except KeyError as error:  # a function with **columns that takes one that is not there
        raise RewardError(
            f"The reward {what} failed on {error}. If that is a column: there are {', '.join(columns) or 'none'}."
        ) from error


def _task(cell: Cell) -> Task:
    options = {**cell.env_kwargs, "split": cell.split}
    task: Task = gym.make(cell.env_id, **options).unwrapped.task  # type: ignore[attr-defined]  # a TextGenEnv
    return task


def _rows(path: str | Path) -> list[dict[str, Any]]:
    source, rows = records.describe(path), []
    for record in records.read(path):
        row = record.value
        if record.fault is not None:
            raise DataError(f"{source}, {record.spot}: the row {record.fault}")
        if not isinstance(row, Mapping) or not all(isinstance(row.get(name), str) for name in TEXTS):
            raise DataError(
                f"{source}, {record.spot}: a row to rescore has the texts {' and '.join(map(repr, TEXTS))}. "
                f"Actual value: {str(row)[:80]}."
            )
        rows.append(dict(row))
    if not rows:
        raise DataError(f"{source} has no rows, so there is nothing to rescore.")
    return rows


def _check_new(path: Path) -> None:
    if path.exists():
        raise OptionError(f"{str(path)!r} exists, and nothing is written over. Choose another name with --out.")
