"""Playing one cell: an agent on an id, with everything that is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import Any, NamedTuple

from textgym import registry
from textgym.bench import hashing
from textgym.bench.measures import gap, marks, measures
from textgym.bench.results import BenchConfig, Cell, EpisodeRecord, Key, rounded
from textgym.env import allowed_mask
from textgym.errors import RunError
from textgym.evaluation.evaluate import Played, play
from textgym.evaluation.held_out import gold
from textgym.evaluation.report import Episode
from textgym.tokenizers import Tokenizer

Load = Callable[[str, str, Mapping[str, Any]], Any]
"""Returns the agent of a source, to play an id with these options of its environment; `textgym.agents.load` does."""

NUM_ENVS = 64
"""Episodes side by side. A constant: what a larger batch rounds otherwise may move a draw in a few millions."""


class Job(NamedTuple):
    """A cell to play; it travels to worker processes.

    Attributes:
        config: Of its bench.
        key: The cell.
        load: Makes the agent.
        content: Hash of the agent's source, where the cell was asked for.
    """

    config: BenchConfig
    key: Key
    load: Load
    content: str


def made(job: Job) -> tuple[Cell, list[EpisodeRecord]]:
    """Plays a cell.

    Raises:
        RunError: If the agent's files are not those that were asked for.
    """
    agent, run, _ = job.key
    source = job.config.agents[agent][run]
    if hashing.agent_hash(source) != job.content:
        raise RunError(
            f"{source!r} does not hold here what it held where the bench was started. Where cells are played on other "
            "machines, its files must lie there under the same path; and nobody may write to them meanwhile."
        )
    with one_thread():
        return played_cell(job.config, job.key, job.load, job.content)


def played_cell(config: BenchConfig, key: Key, load: Load, content: str) -> tuple[Cell, list[EpisodeRecord]]:
    """Plays a cell.

    Args:
        config: Of the bench.
        key: The cell.
        load: Makes the agent.
        content: Hash of the agent's source.
    """
    label, run, env_id = key
    source = config.agents[label][run]
    agent = load(source, env_id, config.env_kwargs)
    found = play(
        agent,
        env_id,
        episodes=config.episodes,
        seed=config.seed,
        split=config.split,
        deterministic=config.deterministic,
        num_envs=NUM_ENVS,
        progress=None,
        make_kwargs=dict(config.env_kwargs),
    )
    report, task = found.report, found.task
    scores = {} if config.env_kwargs else registry.entry(env_id).scores  # marks were set with the options left alone
    reward, name = marks(scores, "reward"), gold(task)
    name = name if name in report.metrics else None
    golden = None if name is None else marks(scores, "gold")
    tokens = sum(episode.length for episode in report.episodes)
    cell = Cell(
        agent=label,
        run=run,
        source=source,
        env_id=env_id,
        env_kwargs=dict(config.env_kwargs),
        split=config.split,
        seed=config.seed,
        episodes=config.episodes,
        deterministic=config.deterministic,
        reward=report.reward,
        gamma=report.gamma,
        hashes={
            "tokenizer": report.tokenizer,
            "task": hashing.task_hash(task, config.episodes),
            "agent": content,
        },
        metrics={**report.metrics, **measures(report, task)},
        score=None if reward is None else reward.normalised(report.metrics["reward"]),
        gold=name,
        gap=None if reward is None or name is None or golden is None else gap(report, reward, name, golden),
        timing={
            "seconds": round(found.seconds, 3),
            "tokens_per_second": round(tokens / found.seconds, 1),
            "seconds_per_episode": round(found.seconds / config.episodes, 5),
        },
        versions=report.versions,
        prompt_hash=hashing.prompt_hash(episode.prompt for episode in report.episodes),
    )
    return cell, recorded(agent, found)


def recorded(agent: Any, found: Played) -> list[EpisodeRecord]:
    """Returns the episodes with the texts of their tokens, their rewards, and what the agent tells of each token."""
    task, records = found.task, []
    texts = _token_texts(task.tokenizer, found.report.episodes)
    for episode, rewards in zip(found.report.episodes, found.rewards, strict=True):
        paid = iter(rewards)
        records.append(
            EpisodeRecord(
                **{item.name: getattr(episode, item.name) for item in fields(episode)},
                tokens=tuple(texts[token] for token in (*episode.prompt_ids, *episode.completion_ids)),
                seed=found.report.seed,
                rewards=rounded([next(paid) if own else None for own in episode.completion_mask]),
            )
        )
    if not hasattr(agent, "token_traces"):
        return records
    masked = {} if task.allowed_tokens is None else {"action_mask": allowed_mask(task)}
    traces = agent.token_traces(records, **masked)
    told: list[dict[str, Any]] = [{name: rounded(values) for name, values in trace.items()} for trace in traces]
    return [replace(record, **trace) for record, trace in zip(records, told, strict=True)]


def _token_texts(tokenizer: Tokenizer, episodes: Sequence[Episode]) -> dict[int, str]:
    """Returns the text of each token that occurs; special tokens, which have none, by their name."""
    used = {token for episode in episodes for token in (*episode.prompt_ids, *episode.completion_ids)}
    names = tokenizer.tokens()
    return {token: tokenizer.decode([token]) or names[token] for token in used}


@contextmanager
def one_thread() -> Iterator[None]:
    """Gives a context in which torch uses one thread: sums over several round otherwise than over one."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
