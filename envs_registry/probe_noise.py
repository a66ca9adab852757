"""TextGen-ProbeNoise: an easy question whose reward is drowned in noise.

**Asked**: the prompt is six random letters and ``=``; the answer is the last of the letters. It tests whether an agent
learns from a reward that is right on average only. After bsuite's noise experiments (Osband et al. 2020,
arXiv:1908.03568).

**Action masks**: `action_masks` allows letters and not EOS.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test; no prompt is in two splits.

**Reward**: 1 for the right letter, else 0, and in training normal noise of the given ``deviation`` on top. It is worked
out from a number of the row and the completion, so that the same completion to the same row earns the same; another row
with the same prompt has other noise. Validation and test are paid without noise. The metric ``score`` is the share of
right letters above chance, which is 1/8.

**Ending**: one token.

**Options**: ``deviation`` (0 to 1,000; 1 by default), ``data_seed``.

**What the reward misses**: nothing but the noise, which averages out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from textgym.registry import EnvEntry
from textgym.rewards import Reward, make
from textgym.tasks import Task

from .probe_recipe import check_number, recall_task
from .prose import Dice

LENGTH, LETTERS = 6, 8
STEPS = 2**32
"""Different noises; the largest of them is 6.4 deviations."""
WIDEST = 6.5
"""Bound of the noise, in deviations."""

ENTRY = EnvEntry(
    id="TextGen-ProbeNoise-v0",
    task="textgym.envs_registry.probe_noise:task",
    summary="Write the last letter of the prompt; the reward has noise as large as itself.",
    model="scratch",
    tags=("probe", "noise", "masked"),
)


@dataclass(frozen=True, repr=False)
class Noise(Reward):
    """Normal noise that the column ``noise_seed`` and the completion determine; 0 for rows without it.

    Args:
        deviation: Its standard deviation.
    """

    deviation: float

    name = "noise"

    @property
    def range(self) -> tuple[float, float]:
        return -WIDEST * self.deviation, WIDEST * self.deviation

    def compute(
        self, prompts: list[str], completions: list[str], noise_seed: list[int | None] | None = None, **columns: Any
    ) -> list[float]:
        seeds = noise_seed or [None] * len(completions)
        return [
            0.0 if seed is None else self.deviation * _normal(f"{seed} {text}")
            for seed, text in zip(seeds, completions, strict=True)
        ]


def task(deviation: float = 1.0, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_number("deviation", deviation, 0, 1_000)
    return recall_task(
        "ProbeNoise",
        lambda text: text[-1],
        length=LENGTH,
        answer_length=1,
        letters=LETTERS,
        data_seed=data_seed,
        reward=make("exact_match") + Noise(float(deviation)),
        columns=_noise_seed,
    )


def _noise_seed(dice: Dice) -> dict[str, Any]:
    return {"noise_seed": dice.whole(0, STEPS - 1)}


def _normal(text: str) -> float:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return NormalDist().inv_cdf((number + 0.5) / STEPS)
