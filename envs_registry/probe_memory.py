"""TextGen-ProbeMemory: write what stood at the start of the prompt, before the noise.

**Asked**: the prompt is a key of ``key_length`` letters, ``gap`` random letters that do not matter, and ``=``; the
answer is the key. It tests how far back an agent can look, past things that look alike. After bsuite's memory length
(Osband et al. 2020, arXiv:1908.03568).

**Action masks**: `action_masks` allows letters and not EOS.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test; no prompt is in two splits.
Letters are uniform over the first ``letters`` of the alphabet.

**Reward**: 1 for the key, else 0. The metric ``score`` is the share of right keys above chance, which is
``letters^−key_length``.

**Ending**: ``key_length`` tokens, or EOS.

**Options**: ``gap`` (1 to 1,000; 10 by default), ``key_length`` (1 to 1,000; 1 by default), ``letters`` (2 to 26; 8 by
default), ``data_seed``. There must be some ten thousand prompts: key and gap together at least five of eight letters.

**What the reward misses**: nothing.
"""

from __future__ import annotations

from textgym.registry import EnvEntry
from textgym.tasks import Task

from .exact import check_whole
from .probe_recipe import LONGEST, recall_task

ENTRY = EnvEntry(
    id="TextGen-ProbeMemory-v0",
    task="textgym.envs_registry.probe_memory:task",
    summary="Write the letter that the prompt began with, ten letters ago.",
    model="scratch",
    tags=("probe", "memory", "masked"),
)


def task(gap: int = 10, key_length: int = 1, letters: int = 8, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("gap", gap, 1, LONGEST)
    check_whole("key_length", key_length, 1, LONGEST)
    return recall_task(
        "ProbeMemory",
        lambda text: text[:key_length],
        length=key_length + gap,
        answer_length=key_length,
        letters=letters,
        data_seed=data_seed,
    )
