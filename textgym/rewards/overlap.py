"""Overlap of a completion with its references."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from typing import Any

from textgym.errors import RewardError

from .base import Reward

TOKENIZE = ("13a", "char", "intl", "none", "zh")
"""The tokenizers of sacrebleu that need no download."""


@dataclass(frozen=True, repr=False)
class ExactMatch(Reward):
    """1 where the completion is one of its references, space at both ends aside; else 0. Range [0, 1]."""

    name = "exact_match"
    range = (0.0, 1.0)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        rows = zip(completions, references_of(self, completions, columns), strict=True)
        return [float(completion.strip() in [text.strip() for text in references]) for completion, references in rows]


class SacreBleu(Reward):
    """A metric of sacrebleu: for each completion its sentence score, for a corpus its corpus score, over 100."""

    range = (0.0, 1.0)

    @abstractmethod
    def metric(self, sentence: bool) -> Any:
        """Returns sacrebleu's metric, set up for single sentences or for a corpus."""

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        metric = self.metric(sentence=True)
        return [
            min(metric.sentence_score(completion, references).score / 100, 1.0)  # BLEU can be 100.00000000000004
            for completion, references in zip(completions, references_of(self, completions, columns), strict=True)
        ]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        streams = list(zip_longest(*references_of(self, completions, columns)))  # None where a row has fewer
        return self.metric(sentence=False).corpus_score(list(completions), streams).score / 100


@dataclass(frozen=True, repr=False)
class Bleu(SacreBleu):
    """BLEU against the references. Range [0, 1].

    A completion is scored as sacrebleu's `sentence_bleu` does (effective order, exponential smoothing), a
    corpus as its `corpus_bleu` does, each divided by 100.

    Args:
        tokenize: sacrebleu's tokenizer, one of `TOKENIZE`; ``"zh"`` or ``"char"`` for Chinese.

    Source: Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation"; Post 2018,
    arXiv:1804.08771.
    """

    tokenize: str = "13a"

    name = "bleu"

    def __post_init__(self) -> None:
        if self.tokenize not in TOKENIZE:
            raise RewardError(f"bleu(tokenize=…) takes one of {TOKENIZE}. Actual value: {self.tokenize!r}.")

    def metric(self, sentence: bool) -> Any:
        return _bleu(self.tokenize, effective_order=sentence)


@dataclass(frozen=True, repr=False)
class Chrf(SacreBleu):
    """chrF, the F2-score of character n-grams up to 6, against the references. Range [0, 1].

    sacrebleu's `sentence_chrf` and `corpus_chrf`, each divided by 100.

    Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation".
    """

    name = "chrf"

    def metric(self, sentence: bool) -> Any:
        return _chrf()


def references_of(reward: Reward, completions: Sequence[str], columns: dict[str, Any]) -> list[list[str]]:
    """Returns the references of each completion, at least one; a single text counts as a list of one.

    Raises:
        RewardError: If there are none.
    """
    rows = columns.get("references")
    if rows is None:
        raise RewardError(
            f"Reward {reward.name!r} compares with references, which this call does not carry. Name the column of the "
            "data that holds them, or choose a reward that needs none."
        )
    rows = [[row] if isinstance(row, str) else list(row or ()) for row in rows]
    for i, row in enumerate(rows):
        if not row or not all(isinstance(text, str) for text in row):
            raise RewardError(
                f"Reward {reward.name!r} needs at least one reference text for completion {i}. Actual value: {row!r}."
            )
    return rows


@cache
def _bleu(tokenize: str, effective_order: bool) -> Any:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=tokenize, effective_order=effective_order)


@cache
def _chrf() -> Any:
    from sacrebleu.metrics import CHRF

    return CHRF()
