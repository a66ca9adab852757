"""Alignment of a completion with a reference, by words or by characters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from .base import Reward
from .overlap import references_of


@dataclass(frozen=True, repr=False)
class Meteor(Reward):
    """METEOR of exact and stem matches, the best over the references. Range [0, 1].

    ``F · (1 − 0.5 · (chunks / matches)³)``, ``F = PR / (0.9 P + 0.1 R)``: words are aligned by equality, then by
    Porter stem, in lower case; a chunk is a run of matches that are adjacent in both texts. The third stage of
    METEOR, synonyms of WordNet, is left out, since its data is no part of any package: scores lie at or below those
    of the full metric. A perfect match of m words scores ``1 − 0.5 / m³``.

    nltk computes it, on words and marks of punctuation as its `wordpunct_tokenize` splits them. The corpus form is
    the mean.

    Source: Lavie and Agarwal 2007, "METEOR: an automatic metric for MT evaluation with high levels of correlation
    with human judgments".
    """

    name = "meteor"
    range = (0.0, 1.0)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        rows = references_of(self, completions, columns)
        from nltk.tokenize import wordpunct_tokenize as split
        from nltk.translate.meteor_score import meteor_score

        meteor = partial(meteor_score, stemmer=_stemmer(), wordnet=NoSynonyms())
        return [
            meteor([split(text) for text in references], split(completion))
            for completion, references in zip(completions, rows, strict=True)
        ]


class NoSynonyms:
    """Stands where nltk expects WordNet, and knows no word."""

    def synsets(self, word: str) -> list[Any]:
        """Returns the senses of ``word``: none."""
        return []


@dataclass(frozen=True, repr=False)
class EditSimilarity(Reward):
    """``1 − edits / length of the longer text``, in characters; the best over the references. Range [0, 1].

    Edits are insertions, deletions and substitutions, the fewest that there can be (Levenshtein's distance). Space at
    both ends does not count; two empty texts are equal. rapidfuzz computes it. The corpus form is the mean.

    Source: Levenshtein 1966, "Binary codes capable of correcting deletions, insertions, and reversals".
    """

    name = "edit_similarity"
    range = (0.0, 1.0)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        rows = references_of(self, completions, columns)
        from rapidfuzz.distance.Levenshtein import normalized_similarity as similarity

        return [
            max(similarity(completion.strip(), text.strip()) for text in references)
            for completion, references in zip(completions, rows, strict=True)
        ]


@cache
def _stemmer() -> Any:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()
