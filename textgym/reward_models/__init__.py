"""Reward models learnt from human feedback: what people said, the loss, the training, the judgement.

    feedback = load_feedback("feedback.csv")
    train(feedback, "runs/rm", Recipe(epochs=2))
    gym.make("TextGen-Sentiment-v0", reward="runs/rm")

`textgym reward-model` does the same from the command line.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .feedback import Feedback, Label, Problem, Ranking, Rating, load_feedback, pairs
from .recipe import Recipe

if TYPE_CHECKING:
    from .judging import evaluate
    from .quality import Quality
    from .training import Trained, train

_LAZY = {"evaluate": "judging", "Quality": "quality", "Trained": "training", "train": "training"}


def __getattr__(name: str) -> Any:
    """Imports what needs torch and transformers when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)


__all__ = [
    "Feedback",
    "Label",
    "Problem",
    "Quality",
    "Ranking",
    "Rating",
    "Recipe",
    "Trained",
    "evaluate",
    "load_feedback",
    "pairs",
    "train",
]
