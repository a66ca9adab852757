"""Overlap of the words of a completion with those of its references."""

from __future__ import annotations

import math
import re
import string
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from typing import Any

from textgym.errors import RewardError

from .base import Reward
from .options import check_choice, check_flag

TOKENIZE = ("13a", "char", "intl", "none", "zh")
"""The tokenizers of sacrebleu that need no download."""


@dataclass(frozen=True, repr=False)
class ExactMatch(Reward):
    """1 where the completion is one of its references, space at both ends aside; else 0. Range [0, 1].

    Args:
        squad: Whether case, punctuation, articles and the amount of space do not matter either, as in SQuAD.

    Source of the normalisation: Rajpurkar et al. 2016, arXiv:1606.05250.
    """

    squad: bool = False

    name = "exact_match"
    range = (0.0, 1.0)

    def __post_init__(self) -> None:
        check_flag(self, "squad", self.squad)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        read = squad_words if self.squad else str.strip
        rows = zip(completions, references_of(self, completions, columns), strict=True)
        return [float(any(read(completion) == read(text) for text in references)) for completion, references in rows]


@dataclass(frozen=True, repr=False)
class TokenF1(Reward):
    """F1 of the words of the completion and of a reference, as bags; the best over the references. Range [0, 1].

    ``2 · common / (words of the completion + words of the reference)``, after SQuAD's normalisation: lower case, no
    ASCII punctuation, no articles, words split at space. Where either has no word left, 1 if both have none, else 0.

    Source: Rajpurkar et al. 2016, arXiv:1606.05250; for texts without a word, Rajpurkar et al. 2018,
    arXiv:1806.03822.
    """

    name = "token_f1"
    range = (0.0, 1.0)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        scores = []
        for completion, references in zip(completions, references_of(self, completions, columns), strict=True):
            bag = squad_words(completion)
            scores.append(max(_bag_f1(bag, squad_words(text)) for text in references))
        return scores


def squad_words(text: str) -> list[str]:
    """Returns the words of ``text`` as SQuAD compares them: in lower case, without punctuation and articles."""
    return re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(_NO_PUNCTUATION)).split()


_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _bag_f1(left: list[str], right: list[str]) -> float:
    if not left or not right:
        return float(left == right)
    return 2 * (Counter(left) & Counter(right)).total() / (len(left) + len(right))


class SacreBleu(Reward):
    """A metric of sacrebleu: for each completion its sentence score, for a corpus its corpus score, over 100."""

    range = (0.0, 1.0)

    @abstractmethod
    def metric(self, sentence: bool) -> Any:
        """Returns sacrebleu's metric, set up for single sentences or for a corpus."""

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        metric = self.metric(sentence=True)
        return [
            min(metric.sentence_score(completion, references).score / 100, self.range[1])  # BLEU: 100.00000000000004
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
        check_choice(self, "tokenize", self.tokenize, TOKENIZE)

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


@dataclass(frozen=True, repr=False)
class Ter(SacreBleu):
    """Translation edit rate: edits per word of the references. Range [0, ∞); lower is better.

    Edits are insertions, deletions and substitutions of words and shifts of phrases: the fewest that make the
    completion one of its references, over the mean length of the references. Case does not matter. sacrebleu's
    `sentence_ter` and `corpus_ter`, each divided by 100.

    An empty completion scores about 1, one insertion a word; a long text that is all wrong scores worse. As a reward,
    ``1 - ter.clip(0, 1)`` pays for neither.

    Source: Snover et al. 2006, "A study of translation edit rate with targeted human annotation".
    """

    name = "ter"
    range = (0.0, math.inf)
    higher_is_better = False

    def metric(self, sentence: bool) -> Any:
        return _ter()


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


@cache
def _ter() -> Any:
    from sacrebleu.metrics import TER

    return TER()
