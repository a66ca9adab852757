"""How much better people would like a completion than a middling one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from textgym.errors import RewardError

from . import models
from .base import Reward
from .examples import Examples
from .reward_model import RewardModel, meaning


@dataclass(frozen=True, repr=False)
class Preference(Reward):
    """``σ(2 s)`` of a reward model that learnt from preferences. Range [0, 1].

    s is the model's Bradley-Terry score of prompt + completion, a log-odds: a judge prefers the completion to one of
    score 0 with probability σ(s). σ(2 s) is the probability that two judges do who agree with each other: a middling
    reply earns a half, and a bad one hardly anything. Preferences leave the zero open. The model that ships has it
    where the good replies of its validation split score 3 in the mean; it judges one-line replies to short messages
    to a shop, ``Customer: …`` and ``Agent:`` on two lines, in English. A completion without text scores 0.

    Args:
        model: A shipped name, a folder made by `textgym.reward_models` from preferences, or its Hub id. Its zero is
            where the training left it, unless its configuration says otherwise; see ``Recipe.centering``.
        device: A torch device; ``"auto"`` takes the GPU, if there is one.

    Source: Bradley and Terry 1952, "Rank analysis of incomplete block designs".
    """

    model: str = "preference"
    device: str = "auto"

    name = "preference"
    range = (0.0, 1.0)
    examples = Examples(
        prompts=(
            "Customer: Do you have the blue kettle in stock?\nAgent:",
            "Customer: How long is the library open on Friday? Thanks.\nAgent:",
            "Customer: Hello! My toaster smells of smoke. What can I do?\nAgent:",
            "Customer: How do I get coffee out of a shirt?\nAgent:",
            "Customer: I left my scarf in the bakery on Monday. Have you found it?\nAgent:",
            "Customer: Please cancel my order of the green chair.\nAgent:",
        ),
        completions=(
            " Thank you for asking! You find the blue kettle on the second floor.",
            " On Friday the library is open until six. Have a lovely day!",
            " We are sorry about that. Please bring the toaster to our repair desk, and we will look at it tomorrow.",
            " Good question! Rub the shirt with warm water and a little soap to get the coffee out.",
            " Yes, we found your scarf in the bakery, and you can fetch it today. See you soon!",
            " Of course! Your order of the green chair is cancelled, and your money is back in a week.",
        ),
    )

    @property
    def fingerprint(self) -> str:
        """Sha-256 of the model's weights."""
        return self._scores.fingerprint

    @cached_property
    def _scores(self) -> RewardModel:
        if meaning(models.locate(self.model)).values:
            raise RewardError(
                f"{self.model!r} is a classifier of texts and gives no score of preferences. Take "
                f"reward_model(model={self.model!r}), or train one from preferences."
            )
        return RewardModel(self.model, device=self.device)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> np.ndarray:
        scores = np.array(self._scores.compute(prompts, completions), dtype=np.float64)
        spoken = np.array([bool(completion.strip()) for completion in completions], dtype=bool)
        return np.where(spoken, sigmoid(2 * scores), 0.0)


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """Returns ``σ(s) = 1 / (1 + e^{−s})``, written so that nothing overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * scores))
