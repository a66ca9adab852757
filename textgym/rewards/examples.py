"""Rows on which a reward should score high: what its audit and its line in the documentation are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Examples:
    """B prompts with completions that a reward should like.

    Attributes:
        prompts: The texts before the completions.
        completions: The good completions, one a prompt.
        columns: What else the reward reads, one value a prompt. Where there are no ``references``, the good
            completions are their own.
        keywords: Words that somebody would pile up to please the reward, the most tempting first. Where there are
            none, the commonest words of the good completions.
    """

    prompts: tuple[str, ...]
    completions: tuple[str, ...]
    columns: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()

    def bait(self) -> list[str]:
        """Returns the keywords, at least one."""
        words = Counter(word for text in self.completions for word in text.split())
        return list(self.keywords) or [word for word, _ in words.most_common(9)]

    def rows(self) -> dict[str, list[Any]]:
        """Returns the columns as `Reward.score` takes them."""
        own = {name: list(values) for name, values in self.columns.items()}
        return {"references": [[text] for text in self.completions], **own}


MESSAGES = Examples(
    prompts=(
        "I ordered the blue jacket last week and",
        "The waiter came to our table and",
        "My flight was delayed, but the crew",
        "We stayed two nights at this hotel.",
        "I called the support line about my bill.",
        "The kettle I bought in May",
    ),
    completions=(
        " it arrived on time. The quality is excellent and I love the colour.",
        " was friendly and helpful all evening, so thank you for a lovely dinner.",
        " was kind and kept us informed. I would gladly fly with them again.",
        " The room was clean, the staff were wonderful and breakfast was great.",
        " The agent was patient, solved my problem quickly and was very kind.",
        " works perfectly every morning. I am really happy with it, thank you!",
    ),
    keywords=("great", "excellent", "perfect", "love", "best", "amazing", "wonderful", "happy", "thanks"),
)
"""Messages of customers, and happy ends for them."""
