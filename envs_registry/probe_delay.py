"""TextGen-ProbeDelay: the first token decides, and what it earned is told many tokens later.

**Asked**: one letter first, the right one, then ``delay`` letters that do not matter. There is a single, empty prompt,
so that nothing is to be learnt but which letter was rewarded. It tests credit assignment: after n tokens of distraction
the signal of the one that mattered is 1 among n + 1. After bsuite's umbrella problem (Osband et al. 2020,
arXiv:1908.03568).

**Action masks**: `action_masks` allows letters and not EOS, which would shorten the wait.

**Data**: a single prompt in all splits. The right letter is drawn from ``data_seed``.

**Reward**: at the end 1 where the first letter is right and ``delay`` more tokens follow, else 0. The metric ``score``
is the share of such episodes above chance, which is ``1 / letters``: 0 for random letters, 1 for the best.

**Ending**: ``delay + 1`` tokens, or EOS.

**Options**: ``delay`` (0 to 1,000; 10 by default), ``letters`` (2 to 26), ``data_seed``.

**What the reward misses**: nothing. It says nothing of the later letters, as it should.
"""

from __future__ import annotations

import string

import numpy as np

from textgym.registry import EnvEntry
from textgym.tasks import Task

from .exact import check_whole
from .probe_recipe import LONGEST, AboveChance, FirstToken, single_task

ENTRY = EnvEntry(
    id="TextGen-ProbeDelay-v0",
    task="textgym.envs_registry.probe_delay:task",
    summary="The first token decides; the reward comes after ten more.",
    model="scratch",
    tags=("probe", "credit-assignment", "masked"),
)


def task(delay: int = 10, letters: int = 10, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("delay", delay, 0, LONGEST)
    check_whole("letters", letters, 2, 26)
    check_whole("data_seed", data_seed, 0, 2**32 - 1)
    alphabet = string.ascii_lowercase[:letters]
    right = alphabet[int(np.random.default_rng(data_seed).integers(letters))]
    reward = FirstToken(right, delay)
    return single_task(
        "ProbeDelay",
        right + alphabet[0] * delay,
        characters=alphabet,
        reward=reward,
        score=AboveChance(reward, 1 / letters),
        success_threshold=1.0,
    )
