"""TextGen-ProbeExplore: one string in 2ⁿ pays, and each step towards it costs.

**Asked**: at each of ``size`` places write ``a`` or ``b``, whichever is right there; only the string that is right
everywhere pays. Which letter is right differs from place to place, so that repeating one does not help. As every right
letter costs a little, greed leads away from the goal. It tests whether an agent explores on purpose: undirected, the
goal is met once in ``2^size`` episodes. Deep sea (Osband et al. 2019, arXiv:1703.07608; bsuite, arXiv:1908.03568).

**Action masks**: `action_masks` allows ``a`` and ``b``, and not EOS.

**Data**: a single, empty prompt in all splits. The right string is drawn from ``data_seed``.

**Reward**: 1 for the right string, else 0, less ``0.01 / size`` for every letter that is right in its place; the best
is 0.99, and writing every letter wrong earns 0. The metric ``score`` is the share of episodes with the right string,
above chance.

**Ending**: ``size`` tokens, or EOS.

**Options**: ``size`` (1 to 100; 10 by default), ``data_seed``.

**What the reward misses**: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from textgym.registry import EnvEntry
from textgym.rewards import Reward, make
from textgym.tasks import Task

from .exact import check_whole
from .probe_recipe import AboveChance, single_task

LETTERS = "ab"
COST = 0.01
"""What all right letters cost together."""
DEEPEST = 100

ENTRY = EnvEntry(
    id="TextGen-ProbeExplore-v0",
    task="textgym.envs_registry.probe_explore:task",
    summary="Find the one string of ten letters that pays, though each step towards it costs.",
    model="scratch",
    tags=("probe", "exploration", "masked"),
)


@dataclass(frozen=True, repr=False)
class DeepSea(Reward):
    """1 for the treasure, less ``0.01 · right / length`` for the letters that are right in their place.

    Args:
        treasure: The right string.
    """

    treasure: str

    name = "deep_sea"
    range = (-COST, 1.0 - COST)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [float(text == self.treasure) - COST * self._share(text) for text in completions]

    def _share(self, text: str) -> float:
        return sum(a == b for a, b in zip(text, self.treasure, strict=False)) / len(self.treasure)


def task(size: int = 10, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("size", size, 1, DEEPEST)
    check_whole("data_seed", data_seed, 0, 2**32 - 1)
    treasure = "".join(LETTERS[i] for i in np.random.default_rng(data_seed).integers(2, size=size))
    return single_task(
        "ProbeExplore",
        treasure,
        characters=LETTERS,
        reward=DeepSea(treasure),
        score=AboveChance(make("exact_match"), 2.0**-size),
        success_threshold=1.0 - COST,
    )
