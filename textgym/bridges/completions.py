"""Completions that another library wrote, ended and scored as the environment would have done."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textgym.dynamics import FINISH_REASONS, finish_codes
from textgym.evaluation import Episode, scoring
from textgym.rewards import Reward, Scores
from textgym.tasks import Task


def episode(task: Task, index: int, ids: Sequence[int]) -> Episode:
    """Returns the episode in which the environment was given these tokens; its reward is yet to be scored.

    What was written after the end, such as beyond a stop string that the other library does not know, is left out.
    Tokens that run out before an end were cut off by a smaller budget, so that the reason is ``"length"``.

    Args:
        task: A task of one turn.
        index: Number of the prompt in the split of ``task``.
        ids: Tokens after the prompt.
    """
    row, prompt_ids = task[index], task.prompt_ids(index)
    ids, reason = _played(task, list(ids[: task.max_new_tokens]))
    completion = task.tokenizer.decode(ids)
    for stop in task.stop:
        completion = completion.partition(stop)[0]
    return Episode(
        index=0,
        prompt_index=index,
        prompt=row.prompt,
        references=row.references,
        completion=completion,
        prompt_ids=tuple(prompt_ids.tolist()),
        completion_ids=tuple(ids),
        completion_mask=(1,) * len(ids),
        reward=0.0,
        discounted_return=0.0,
        reward_terms={},
        finish_reason=reason,
        length=len(ids),
        success=None,
    )


def ids_of(task: Task, text: str) -> list[int]:
    """Returns the tokens that write ``text`` and then end: what a function of prompt and completion plays."""
    return [*task.tokenizer.encode(text), task.tokenizer.eos_id]


def score(task: Task, reward: Reward, episodes: Sequence[Episode]) -> Scores:
    """Scores B episodes with all that the environment gives to a reward; statistics learn in training only.

    Args:
        task: The task that was played.
        reward: Its reward, or a part of it.
        episodes: What `episode` returned, B of them.
    """
    return reward.score(
        [played.prompt for played in episodes],
        [played.completion for played in episodes],
        update=task.split == "train",
        **scoring.columns(episodes, task),
    )


def _played(task: Task, ids: list[int]) -> tuple[list[int], str]:
    """The tokens up to the end of the episode, and why it ended."""
    codes = finish_codes(np.array(ids, np.int64), np.arange(1, len(ids) + 1), _stopped(task, ids), task)
    ends = np.flatnonzero(codes)
    if not len(ends):
        return ids, "length"
    return ids[: ends[0] + 1], FINISH_REASONS[codes[ends[0]]]


def _stopped(task: Task, ids: list[int]) -> np.ndarray:
    """True from the token on that completes the first stop string, bool ``(T,)``."""
    stopped = np.zeros(len(ids), bool)

    def holds(size: int) -> bool:
        text = task.tokenizer.decode(ids[:size])
        return any(stop in text for stop in task.stop)

    if task.stop and holds(len(ids)):  # most completions cost one decoding
        first = next(size for size in range(1, len(ids) + 1) if holds(size))
        stopped[first - 1 :] = True
    return stopped
