"""Self-consistency: the answer that most of n samples agree on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from textgym.errors import AgentError
from textgym.tasks import Task

from .baselines import writer
from .planning import Opening, Planner, check_count, mask_argument, sample_rngs


class MajorityVote(Planner):
    r"""Writes n completions of a turn and gives the first of those whose answer is the most frequent.

    Self-consistency (Wang et al. 2022, arXiv:2203.11171, §2): reasoning is sampled, and answers are counted. It needs
    neither the reward nor the references. Answers are compared in lower case with single spaces; of equally frequent
    ones the one that was drawn first is taken.

    Args:
        agent: What writes: whatever has SB3's ``predict``, or a model (see `ZeroShot`). It samples, also where
            ``predict`` is called with ``deterministic=True``: n times the same answer would be no vote.
        env: A registered id or a `Task`.
        n: Completions a turn.
        answer: A regular expression that finds the answer in a completion, such as ``r"The answer is (.*)"``: its last
            match, or the first group of that. Completions without an answer have no vote, unless none has one. None
            takes the whole completion for the answer.
        **make_kwargs: Options of the environment.
    """

    def __init__(self, agent: Any, env: str | Task, n: int = 8, answer: str | None = None, **make_kwargs: Any) -> None:
        self.n = check_count("n", n, "MajorityVote")
        try:
            self._answer = None if answer is None else re.compile(answer)
        except (re.error, TypeError) as error:
            raise AgentError(f"answer is a regular expression. Actual value: {answer!r} ({error}).") from error
        super().__init__(*writer(agent, env, make_kwargs))

    def plan(self, openings: Sequence[Opening], deterministic: bool) -> list[np.ndarray]:
        """Returns the turn of each opening that most of n agree on."""
        turns = self._sample(openings)
        chosen = []
        for i in range(len(openings)):
            candidates = turns[i * self.n : (i + 1) * self.n]
            chosen.append(candidates[vote([self._answer_of(turn) for turn in candidates])])
        return chosen

    def _sample(self, openings: Sequence[Opening]) -> list[np.ndarray]:
        """Returns n turns of each opening, in order of opening."""
        rows = [opening for opening in openings for _ in range(self.n)]
        ids = np.full((len(rows), self.task.max_tokens), self.tokenizer.pad_id, np.int64)
        begins = np.array([len(row.ids) for row in rows])
        for cells, row in zip(ids, rows, strict=True):
            cells[: len(row.ids)] = row.ids
        lengths, live, starts = begins.copy(), np.ones(len(rows), bool), np.ones(len(rows), bool)
        options = {**mask_argument(self.agent, self.task, len(rows)), **sample_rngs(self.agent, openings, self.n)}
        columns = np.arange(ids.shape[1])
        state = None
        while live.any():
            observation = {
                "input_ids": ids.copy(),
                "attention_mask": (columns < lengths[:, None]).astype(np.int8),
                "prompt_length": np.array([[row.prompt_length] for row in rows]),
            }
            actions, state = self.agent.predict(
                observation, state=state, episode_start=starts, deterministic=False, **options
            )
            starts = np.zeros(len(rows), bool)
            for i in np.flatnonzero(live):
                ids[i, lengths[i]] = actions[i]
                lengths[i] += 1
                turn = ids[i, begins[i] : lengths[i]]
                live[i] = len(turn) < rows[i].budget and not ends_turn(turn, self.task)
        return [cells[begin:length] for cells, begin, length in zip(ids, begins, lengths, strict=True)]

    def _answer_of(self, turn: np.ndarray) -> str | None:
        text = self.tokenizer.decode(turn.tolist())
        for stop in self.task.stop:
            text = text.partition(stop)[0]
        if self._answer is not None:
            matches = list(self._answer.finditer(text))
            if not matches:
                return None
            text = matches[-1][1 if self._answer.groups else 0] or ""
        return " ".join(text.casefold().split())


def vote(answers: Sequence[str | None]) -> int:
    """Returns the number of the first of the most frequent answers; None has no vote unless nobody has one."""
    counts: Counter[str | None] = Counter(answer for answer in answers if answer is not None)
    counts = counts or Counter(answers)
    return answers.index(max(counts, key=counts.__getitem__))  # max() and Counter both keep the order of drawing


def ends_turn(turn: np.ndarray, task: Task) -> bool:
    """Whether a turn has come to its end by EOS or a stop string."""
    if turn[-1] == task.tokenizer.eos_id:
        return True
    return bool(task.stop) and any(stop in task.tokenizer.decode(turn.tolist()) for stop in task.stop)
