"""TextGen-ProbeDiscount: which of several waits is worth it.

**Asked**: the first token chooses a chain, ``a`` for the first one, ``b`` for the second, and so on; the tokens after
it do not matter. Each chain pays once, after its own number of further tokens: 1, 3, 10 or 30. All pay 1, but for one
that pays 1.1. Whoever looks far enough ahead takes that one. After bsuite's discounting chain (Osband et al. 2020,
arXiv:1908.03568).

**Action masks**: `action_masks` allows the letters of the chains and not EOS: all episodes have the same length.

**Data**: a single, empty prompt in all splits.

**Reward**: paid in the step in which the chain pays, 0 in all others; an agent is shown it when it comes. The metric
``score`` is the share of episodes that chose the better chain and lasted until it paid, above chance, which is
``1 / chains``.

**Ending**: the tokens of the longest wait and one, or EOS.

**Options**: ``delays`` (2 to 26 rising whole numbers from 1 to 1,000; ``[1, 3, 10, 30]`` by default) and ``bonus``, the
wait that pays 10 % more (one of ``delays``; the longest by default). The environment's ``gamma`` is 1 by default; with
``gamma=0.9`` the longest wait is worth less than the shortest, and the score still counts the better chain: it tells
how far an agent looks, not whether it should.

**What the reward misses**: nothing. Where the bonus is not on the longest wait, the reward of the complete text alone
is 0, since it was paid on the way.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textgym.errors import OptionError
from textgym.registry import EnvEntry
from textgym.rewards import Reward
from textgym.rewards.dense import PerToken
from textgym.tasks import Task

from .exact import check_whole
from .probe_recipe import LONGEST, AboveChance, FirstToken, single_task

DELAYS = (1, 3, 10, 30)
BONUS = 0.1
"""What the better chain pays above the others' 1."""

ENTRY = EnvEntry(
    id="TextGen-ProbeDiscount-v0",
    task="textgym.envs_registry.probe_discount:task",
    summary="The first token chooses a chain; the longest wait pays ten percent more.",
    model="scratch",
    tags=("probe", "credit-assignment", "masked"),
)


@dataclass(frozen=True, repr=False)
class Chains(Reward):
    """What a completion that chose chain ``i`` earns at its present length: 1 or more after the wait, else 0.

    Args:
        delays: Wait of each chain, in characters after the first.
        bonus: The wait that pays 1.1.
    """

    delays: tuple[int, ...]
    bonus: int

    name = "chains"
    range = (0.0, 1.0 + BONUS)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [self._paid(text) for text in completions]

    def _paid(self, text: str) -> float:
        chain = string.ascii_lowercase.find(text[:1]) if text else -1
        if not 0 <= chain < len(self.delays) or len(text) != self.delays[chain] + 1:
            return 0.0
        return 1.0 + BONUS * (self.delays[chain] == self.bonus)


def task(delays: Sequence[int] = DELAYS, bonus: int | None = None) -> Task:
    """Returns the task; the options are on the page above."""
    if isinstance(delays, str) or not isinstance(delays, Sequence) or not 2 <= len(delays) <= 26:
        raise OptionError(f"delays is a list of 2 to 26 whole numbers, such as [1, 3, 10]. Actual value: {delays!r}.")
    for delay in delays:
        check_whole("Each of delays", delay, 1, LONGEST)
    if sorted(set(delays)) != list(delays):
        raise OptionError(f"delays rise, each once, such as [1, 3, 10]. Actual value: {list(delays)}.")
    best = delays[-1] if bonus is None else bonus
    if best not in delays:
        raise OptionError(f"bonus is one of delays, {list(delays)}. Actual value: {bonus!r}.")
    alphabet = string.ascii_lowercase[: len(delays)]
    letter = alphabet[list(delays).index(best)]
    return single_task(
        "ProbeDiscount",
        letter + alphabet[0] * delays[-1],
        characters=alphabet,
        reward=PerToken(Chains(tuple(delays), best)),
        score=AboveChance(FirstToken(letter, best), 1 / len(delays)),
        success_threshold=None,  # what the last token pays says nothing of the episode
    )
