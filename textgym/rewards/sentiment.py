"""Sentiment of the message that prompt and completion make together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from .base import Reward
from .reward_model import RewardModel


@dataclass(frozen=True, repr=False)
class Sentiment(RewardModel):
    """``P(positive) − P(negative)`` by a sequence classifier that reads prompt + completion. Range [-1, 1].

    A `RewardModel` under a name of its own: it ships, and was distilled from people's labels of customer feedback. The
    classes are those whose names in ``config.id2label`` begin with "pos" and "neg"; others, such as neutral, count
    through what they leave to these. A completion without text scores -1. It judges the mood of the message, not the
    manners of whoever answers it.

    Source: TRL's sentiment example scores query and response together in this way.
    """

    name = "sentiment"


@dataclass(frozen=True, repr=False)
class Vader(Reward):
    """VADER's compound sentiment of prompt + completion, from a lexicon and rules. Range [-1, 1].

    A completion without text scores -1. It shares nothing with the learnt judge, which makes it a check on it.

    Source: Hutto and Gilbert 2014, "VADER: a parsimonious rule-based model for sentiment analysis of social media
    text".
    """

    name = "vader"
    range = (-1.0, 1.0)
    gameable_by = frozenset({"all_labels", "keyword_spam", "repeated_word"})

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        analyzer = _vader()
        return [
            analyzer.polarity_scores(prompt + completion)["compound"] if completion.strip() else -1.0
            for prompt, completion in zip(prompts, completions, strict=True)
        ]


@cache
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
