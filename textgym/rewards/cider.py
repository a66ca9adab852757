"""CIDEr: consensus with the references, by n-grams weighted by how much they say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from textgym import data
from textgym.errors import RewardError

from .base import Reward
from .form import ngrams
from .frequency import UNKNOWN
from .overlap import references_of

ORDERS = (1, 2, 3, 4)
SIGMA = 6.0
"""Width of the penalty on differing lengths, in words, as the paper has it."""

Gram = tuple[str, ...]
Weight = Callable[[Gram], float]


class Vector(NamedTuple):
    """A text as the weights of its n-grams.

    Attributes:
        weights: For each order, count × weight of each n-gram.
        norms: For each order, the Euclidean norm of these.
        length: Number of its bigrams: its words less one.
    """

    weights: list[dict[Gram, float]]
    norms: list[float]
    length: int


@dataclass(frozen=True, repr=False)
class Cider(Reward):
    """CIDEr-D: likeness of the completion's n-grams to those of its references, rare ones first. Range [0, 10].

    ``10 · mean over n = 1…4 and references of  exp(−(l_c − l_r)² / 72) · (min(g_c, g_r) · g_r) / (‖g_c‖ ‖g_r‖)``,
    with g the vector of ``count · weight`` of the n-grams of the words, and l the length. A text of one word has
    unigrams only and reaches 2.5.

    In the published metric the weight is the inverse document frequency ``log(N / df)``, a row's references being one
    document of the N that are scored. `corpus` is that metric, and 0 for a single row. But then a completion's score
    would hang on what else is in its batch, so `score` takes its weights from elsewhere: from ``documents``, as
    captioners trained on CIDEr do; else the weight of an n-gram is ``−Σ log p(w)`` over its words, p being the word's
    share of running English text. Words are taken in lower case and without punctuation, unstemmed.

    Args:
        documents: A data file with the columns ``prompt`` and ``references``, such as that of the task: each row's
            references are a document. Any file that `textgym.make_task` reads.

    Source: Vedantam et al. 2015, arXiv:1411.5726; Rennie et al. 2017, arXiv:1612.00563, train on it.
    """

    documents: str | None = None

    name = "cider"
    range = (0.0, 10.0)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        weight = surprisal if self.documents is None else _weights_of(self.documents)
        return _scores(completions, references_of(self, completions, columns), weight)

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        rows = references_of(self, completions, columns)
        return math.fsum(_scores(completions, rows, inverse_document_frequency(rows))) / len(rows)


def surprisal(gram: Gram) -> float:
    """Returns ``−Σ log p(w)`` over the words of an n-gram, in nats, by the English word list of wordfreq."""
    from wordfreq import word_frequency

    return -sum(math.log(word_frequency(word, "en", minimum=UNKNOWN)) for word in gram)


def inverse_document_frequency(documents: Sequence[Iterable[str]]) -> Weight:
    """Returns the weight ``log(N / df)`` of an n-gram that df of N documents hold; ``log N`` if none does.

    Args:
        documents: N of them, each as its texts.
    """
    counts = Counter(gram for texts in documents for gram in {gram for text in texts for gram in _grams(text)})
    return lambda gram: math.log(len(documents)) - math.log(counts[gram] or 1)


def _scores(completions: Sequence[str], rows: Sequence[Sequence[str]], weight: Weight) -> list[float]:
    scores = []
    for completion, references in zip(completions, rows, strict=True):
        own = _vector(completion, weight)
        total = math.fsum(_similarity(own, _vector(text, weight)) for text in references)
        scores.append(min(10 * total / len(references), 10.0))  # equal texts can give 10.000000000000002
    return scores


def _similarity(own: Vector, other: Vector) -> float:
    penalty = math.exp(-((own.length - other.length) ** 2) / (2 * SIGMA**2))
    total = 0.0
    for ours, theirs, own_norm, other_norm in zip(own.weights, other.weights, own.norms, other.norms, strict=True):
        if own_norm and other_norm:
            common = sum(min(value, theirs[gram]) * theirs[gram] for gram, value in ours.items() if gram in theirs)
            total += common / (own_norm * other_norm)
    return penalty * total / len(ORDERS)


def _vector(text: str, weight: Weight) -> Vector:
    weights = [{gram: count * weight(gram) for gram, count in Counter(ngrams(text, n)).items()} for n in ORDERS]
    norms = [math.sqrt(sum(value * value for value in each.values())) for each in weights]
    return Vector(weights, norms, len(ngrams(text, 2)))


def _grams(text: str) -> list[Gram]:
    return [gram for n in ORDERS for gram in ngrams(text, n)]


@cache
def _weights_of(file: str) -> Weight:
    documents = [row.references for rows in data.load_rows(file, references="references").values() for row in rows]
    if len(documents) < 2 or not any(map(any, documents)):
        raise RewardError(
            f"cider(documents={file!r}) counts n-grams over the references of at least two rows. "
            f"Actual number of rows: {len(documents)}."
        )
    return inverse_document_frequency(documents)
