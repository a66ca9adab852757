"""TextGen-ProbeScale: an easy question whose reward is very large, or very small.

**Asked**: the prompt is six random letters and ``=``; the answer is the last of the letters. It tests whether an agent
needs its reward in a certain unit. After bsuite's reward-scale experiments (Osband et al. 2020, arXiv:1908.03568).

**Action masks**: `action_masks` allows letters and not EOS.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test; no prompt is in two splits.

**Reward**: ``scale`` for the right letter, else 0. The metric ``score`` is the share of right letters above chance,
which is 1/8.

**Ending**: one token.

**Options**: ``scale`` (0.001 to 1,000,000; 100 by default), ``data_seed``.

**What the reward misses**: nothing.
"""

from __future__ import annotations

from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task

from .probe_recipe import check_number, recall_task

LENGTH, LETTERS = 6, 8

ENTRY = EnvEntry(
    id="TextGen-ProbeScale-v0",
    task="textgym.envs_registry.probe_scale:task",
    summary="Write the last letter of the prompt; the reward is a hundredfold.",
    model="scratch",
    tags=("probe", "scale", "masked"),
)


def task(scale: float = 100.0, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_number("scale", scale, 1e-3, 1e6)
    return recall_task(
        "ProbeScale",
        lambda text: text[-1],
        length=LENGTH,
        answer_length=1,
        letters=LETTERS,
        data_seed=data_seed,
        reward=float(scale) * make("exact_match"),
        success_threshold=float(scale),
    )
