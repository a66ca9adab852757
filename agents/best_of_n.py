"""Choosing among n completions by the task's own reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from textgym.data import SPLITS
from textgym.errors import AgentError
from textgym.generated import ENDLESS
from textgym.tasks import Task
from textgym.vector import TextGenVectorEnv

from .baselines import writer
from .planning import Opening, Planner, check_count, mask_argument, sample_rngs

SEARCHED = 2**15
"""Prompts of an endless split among which `BestOfN` looks for the one that it is asked."""


class BestOfN(Planner):
    """Writes n completions, scores them with the task's reward, and gives the best.

    It sees the reward, and with it whatever the reward sees of the prompt's row, references included: an upper mark for
    what choosing can do, not a competitor. It pays for n episodes where others pay for one. A conversation is played to
    its end n times against the task's own simulator.

    Args:
        agent: What writes: whatever has SB3's ``predict``, or a model (see `ZeroShot`).
        env: A registered id or a `Task`.
        n: Completions a prompt.
        **make_kwargs: Options of the environment; its prompts must be those that are asked. Of an endless split
            it knows the first `SEARCHED`; `textgym.evaluate` asks them in order.
    """

    whole = True

    def __init__(self, agent: Any, env: str | Task, n: int = 8, **make_kwargs: Any) -> None:
        self.n = check_count("n", n, "BestOfN")
        super().__init__(*writer(agent, env, make_kwargs))
        splits = reversed(SPLITS)
        self._tasks = {split: replace(self.task, split=split) for split in splits if self.task.rows.get(split)}
        self._places: dict[tuple[int, ...], tuple[str, int]] = {}  # of the prompts read so far
        self._unread = (
            (split, i)
            for split, one in self._tasks.items()
            for i in range(SEARCHED if len(one) >= ENDLESS else len(one))
        )

    def plan(self, openings: Sequence[Opening], deterministic: bool) -> list[np.ndarray]:
        """Returns the tokens of the best episode of each prompt."""
        places = [self._place(tuple(opening.ids.tolist())) for opening in openings]
        best: list[np.ndarray] = [np.empty(0, np.int64)] * len(openings)
        for split, task in self._tasks.items():
            rows = [i for i, place in enumerate(places) if place[0] == split]
            if rows:
                for i, episode in zip(
                    rows, self._best(task, [places[i][1] for i in rows], [openings[i] for i in rows]), strict=True
                ):
                    best[i] = episode[len(openings[i].ids) :]
        return best

    def _place(self, prompt: tuple[int, ...]) -> tuple[str, int]:
        """Returns split and number of the prompt with these ids, reading the task's prompts as far as needed."""
        while prompt not in self._places:
            place = next(self._unread, None)
            if place is None:
                raise AgentError(
                    "BestOfN was asked a prompt that its task does not have, so it cannot score an answer. Give it the "
                    f"environment that asks; of an endless split it knows the first {SEARCHED:,} prompts. "
                    f"Token ids: {list(prompt)}."
                )
            split, i = place
            self._places.setdefault(tuple(self._tasks[split].prompt_ids(i).tolist()), place)
        return self._places[prompt]

    def _best(self, task: Task, indices: list[int], openings: Sequence[Opening]) -> list[np.ndarray]:
        envs = TextGenVectorEnv(task, len(indices) * self.n, autoreset_mode="SameStep")
        options = {**mask_argument(self.agent, task, envs.num_envs), **sample_rngs(self.agent, openings, self.n)}
        obs, _ = envs.reset(options={"prompt_index": np.repeat(indices, self.n)})
        totals = np.zeros(envs.num_envs)
        episodes: dict[int, np.ndarray] = {}
        starts, state = np.ones(envs.num_envs, bool), None
        while len(episodes) < envs.num_envs:
            actions, state = self.agent.predict(obs, state=state, episode_start=starts, deterministic=False, **options)
            obs, rewards, starts, _, infos = envs.step(actions)
            for i in range(envs.num_envs):
                if i in episodes:
                    continue
                totals[i] += rewards[i]
                if starts[i]:
                    final = infos["final_obs"][i]
                    episodes[i] = final["input_ids"][: final["attention_mask"].sum(dtype=np.int64)]
        winners = totals.reshape(-1, self.n).argmax(1) + np.arange(len(indices)) * self.n
        return [episodes[i] for i in winners]
