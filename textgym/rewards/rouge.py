"""ROUGE: how much of a reference a completion recalls, and how precisely."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from .base import Reward
from .options import check_flag
from .overlap import references_of


@dataclass(frozen=True, repr=False)
class Rouge(Reward):
    """What the variants of ROUGE share: the F1 of the rouge-score library, the best over the references.

    The library lowers case and keeps the letters a to z and digits only: a text in another script has no words and
    scores 0.
    """

    use_stemmer: bool = False

    range = (0.0, 1.0)
    kind = ""
    """The name of the variant in rouge-score."""

    def __post_init__(self) -> None:
        check_flag(self, "use_stemmer", self.use_stemmer)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        rows = references_of(self, completions, columns)
        scorer = _scorer(self.kind, self.use_stemmer)
        return [
            scorer.score_multi(references, completion)[self.kind].fmeasure
            for completion, references in zip(completions, rows, strict=True)
        ]


@dataclass(frozen=True, repr=False)
class Rouge1(Rouge):
    """ROUGE-1: F1 of the words of completion and reference, as bags; the best over the references. Range [0, 1].

    ``2PR / (P + R)``, with P the share of the completion's words that are matched and R that of the reference's. The
    corpus form is the mean. Only the letters a to z and digits count, as in the rouge-score library, which computes
    it.

    Args:
        use_stemmer: Whether words match by their Porter stems (words of more than three letters).

    Source: Lin 2004, "ROUGE: a package for automatic evaluation of summaries".
    """

    name = "rouge_1"
    kind = "rouge1"


@dataclass(frozen=True, repr=False)
class Rouge2(Rouge):
    """ROUGE-2: F1 of the pairs of neighbouring words; the best over the references. Range [0, 1].

    As `Rouge1`, with bigrams. A completion or reference of one word has none and scores 0.

    Args:
        use_stemmer: Whether words match by their Porter stems (words of more than three letters).

    Source: Lin 2004, "ROUGE: a package for automatic evaluation of summaries".
    """

    name = "rouge_2"
    kind = "rouge2"


@dataclass(frozen=True, repr=False)
class RougeL(Rouge):
    """ROUGE-L: F1 of the longest common subsequence of words; the best over the references. Range [0, 1].

    ``2PR / (P + R)``, P = LCS / words of the completion, R = LCS / words of the reference. What is matched must be in
    order, but not adjacent. Line breaks do not matter; see `RougeLsum`.

    Args:
        use_stemmer: Whether words match by their Porter stems (words of more than three letters).

    Source: Lin 2004, "ROUGE: a package for automatic evaluation of summaries".
    """

    name = "rouge_l"
    kind = "rougeL"


@dataclass(frozen=True, repr=False)
class RougeLsum(Rouge):
    """ROUGE-Lsum: ROUGE-L of summaries, sentence by sentence; the best over the references. Range [0, 1].

    Each sentence of the reference is matched by the union of its longest common subsequences with the sentences of
    the completion. A sentence is a line: put one on each, as rouge-score expects. On texts of one line it is
    `RougeL`.

    Args:
        use_stemmer: Whether words match by their Porter stems (words of more than three letters).

    Source: Lin 2004, "ROUGE: a package for automatic evaluation of summaries", section 3.2.
    """

    name = "rouge_lsum"
    kind = "rougeLsum"


@cache
def _scorer(kind: str, use_stemmer: bool) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([kind], use_stemmer=use_stemmer)
