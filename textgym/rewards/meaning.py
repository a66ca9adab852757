"""What a completion means, by the vectors of a frozen encoder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from textgym.errors import OptionError

from . import encoders, models
from .base import Reward
from .examples import Examples
from .overlap import references_of

if TYPE_CHECKING:
    import torch

AGAINST = ("references", "prompt")
PAIRS = 64
"""Pairs of texts whose tokens are matched at once."""


class Encoded(Reward):
    """A reward that reads texts through an `encoders.Encoder`, loaded at the first score, once per process."""

    model: str
    device: str

    @property
    def fingerprint(self) -> str:
        """Sha-256 of the model's weights."""
        return self.encoder().fingerprint

    def encoder(self) -> encoders.Encoder:
        """Returns the encoder."""
        return encoders.load(models.locate(self.model), models.pick_device(self.device))


@dataclass(frozen=True, repr=False)
class Similarity(Encoded):
    """Cosine of the sentence vectors of the completion and of the closest reference. Range [-1, 1].

    A sentence vector is the mean of the last layer over the tokens. A completion without text scores -1, and so
    does one that has only blank texts to be compared with. The vectors tell what is talked about better than in
    which order, or whether a "not" stands in it: a list of the right words comes close.

    Args:
        model: A shipped name, ``"minilm-l6"`` (where its package is installed), the folder of any Hugging Face
            encoder, encoder-decoder or causal language model, or its Hub id.
        against: ``"references"``, or ``"prompt"`` to reward keeping to what the prompt talks about.
        device: A torch device; ``"auto"`` takes the GPU, if there is one.

    Source: Reimers and Gurevych 2019, arXiv:1908.10084 (mean pooling, cosine).
    """

    model: str = "similarity"
    against: str = "references"
    device: str = "auto"

    name = "similarity"
    range = (-1.0, 1.0)

    def __post_init__(self) -> None:
        if self.against not in AGAINST:
            raise OptionError(f"similarity(against=…) takes one of {AGAINST}. Actual value: {self.against!r}.")

    @property
    def gameable_by(self) -> frozenset[str]:
        """A list of words of the subject; and the prompt itself, where that is what counts."""
        return frozenset({"keyword_spam"} if self.against == "references" else {"keyword_spam", "copied_prompt"})

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        if self.against == "prompt":
            others = [[prompt] for prompt in prompts]
        else:
            others = references_of(self, completions, columns)
        pairs = [(completion, text) for completion, row in zip(completions, others, strict=True) for text in row]
        texts = list(dict.fromkeys(text for pair in pairs for text in pair if text.strip()))
        vectors = dict(zip(texts, self.encoder().embed(texts), strict=True))
        return [
            max(
                encoders.cosine(vectors[completion], vectors[text])
                if completion in vectors and text in vectors
                else -1.0
                for text in row
            )
            for completion, row in zip(completions, others, strict=True)
        ]


@dataclass(frozen=True, repr=False)
class BertScore(Encoded):
    """BERTScore F1 of the completion and the closest reference. Range [0, 1].

    With token vectors x_i of the reference and y_j of the completion, each of length 1:

        R = 1/|x| Σ_i max_j x_i·y_j,   P = 1/|y| Σ_j max_i x_i·y_j,   F1 = 2 P R / (P + R)

    Without idf weights and without rescaling to a baseline. As in the package bert-score, the tokens that frame a
    text ([CLS], [SEP]) may be matched and do not count in the means. F1 is 0 where P or R is not positive, and for a
    completion without text. Tokens of a text that holds all possible answers find partners too, so that a list of
    them comes close.

    Args:
        model: As in `Similarity`.
        layer: Whose output the vectors are: 0 for the embeddings, 1 for the first block, …, or -1 for the last. The
            package has tables of the best layer of known models, such as 17 for roberta-large.
        device: A torch device; ``"auto"`` takes the GPU, if there is one.

    Source: Zhang et al. 2020, arXiv:1904.09675, section 3. Checked against a loop written from it in
    tests/rewards/test_meaning.py.
    """

    model: str = "similarity"
    layer: int = -1
    device: str = "auto"

    name = "bert_score"
    range = (0.0, 1.0)
    gameable_by = frozenset({"all_labels"})

    def __post_init__(self) -> None:
        if isinstance(self.layer, bool) or not isinstance(self.layer, int):
            raise OptionError(f"bert_score(layer=…) takes the number of a layer. Actual value: {self.layer!r}.")

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        rows = references_of(self, completions, columns)
        pairs = [(completion, text) for completion, row in zip(completions, rows, strict=True) for text in row]
        spoken = [pair for pair in pairs if all(text.strip() for text in pair)]
        scores = dict(zip(spoken, self._f1(spoken), strict=True))
        return [
            max(scores.get((completion, text), 0.0) for text in row)
            for completion, row in zip(completions, rows, strict=True)
        ]

    def _f1(self, pairs: list[tuple[str, str]]) -> list[float]:
        encoder = self.encoder()

        def compute(keys: list[tuple[int, str, str]]) -> list[float]:
            texts = list(dict.fromkeys(text for _, *pair in keys for text in pair))
            rows = encoder.ids(texts)
            states = encoder.states(rows, self.layer)
            frames = {encoder.tokenizer.cls_token_id, encoder.tokenizer.sep_token_id}
            counted = [[token not in frames for token in row] for row in rows]
            index = {text: i for i, text in enumerate(texts)}
            scores: list[float] = []
            for start in range(0, len(keys), PAIRS):
                chosen = keys[start : start + PAIRS]
                mine, theirs = [index[key[1]] for key in chosen], [index[key[2]] for key in chosen]
                scores += matched_f1(_tokens(states, counted, mine), _tokens(states, counted, theirs)).tolist()
            return scores

        return encoder.scores.get([(self.layer, *pair) for pair in pairs], compute)


@dataclass(frozen=True, repr=False)
class Coherence(Encoded):
    """Mean cosine of the sentence vectors of neighbouring sentences of the completion. Range [-1, 1].

    Sentences end at ``.``, ``!`` or ``?`` before a space, or at a line break. A completion of fewer than two has
    nothing to hold together and scores -1. Saying the same twice is perfectly coherent: combine it with `repetition`.

    Args:
        model: As in `Similarity`.
        device: A torch device; ``"auto"`` takes the GPU, if there is one.

    Source: Foltz, Kintsch and Landauer 1998, "The measurement of textual coherence with latent semantic analysis".
    """

    model: str = "similarity"
    device: str = "auto"

    name = "coherence"
    range = (-1.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "repeated_word", "max_length"})
    examples = Examples(
        prompts=("How was the hotel?", "What did the kettle do?", "Tell me about your flight."),
        completions=(
            "The room at the hotel was clean. The hotel staff cleaned the room every day.",
            "The kettle stopped boiling water. I sent the kettle back because it did not boil water.",
            "My flight was delayed for two hours. The crew told us why the flight was delayed.",
        ),
    )

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        split = [_sentences(completion) for completion in completions]
        texts = list(dict.fromkeys(sentence for row in split for sentence in row))
        vectors = dict(zip(texts, self.encoder().embed(texts), strict=True))
        scores = []
        for row in split:
            steps = [encoders.cosine(vectors[a], vectors[b]) for a, b in pairwise(row)]
            scores.append(float(np.mean(steps)) if steps else -1.0)
        return scores


class Tokens(NamedTuple):
    """The tokens of P texts.

    Attributes:
        vectors: Of length 1, float32 ``(P, L, D)``.
        there: bool ``(P, L)``, True where the text has a token.
        counted: bool ``(P, L)``, True where it also counts in the mean.
    """

    vectors: torch.Tensor
    there: torch.Tensor
    counted: torch.Tensor


def matched_f1(completion: Tokens, reference: Tokens) -> torch.Tensor:
    """Returns the F1 of greedily matched tokens, float32 ``(P,)``; the formula is at `BertScore`.

    Args:
        completion: The tokens of P completions.
        reference: The tokens of their references.
    """
    alike = completion.vectors @ reference.vectors.transpose(1, 2)  # (P, C, R)
    either = completion.there[:, :, None] & reference.there[:, None, :]
    alike = alike.masked_fill(~either, -1.0)
    precision = _mean(alike.amax(2), completion.counted)
    recall = _mean(alike.amax(1), reference.counted)
    f1 = 2 * precision * recall / (precision + recall)
    return f1.where((precision > 0) & (recall > 0), 0.0).clamp(max=1.0)


def _mean(values: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Returns the mean of the counted ``values``, ``(P, L)`` each, or 0 where there are none, ``(P,)``."""
    return (values * counted).sum(1) / counted.sum(1).clamp(min=1)


def _tokens(states: list[torch.Tensor], counted: list[list[bool]], chosen: list[int]) -> Tokens:
    import torch
    from torch.nn.utils.rnn import pad_sequence

    vectors = pad_sequence([states[i] for i in chosen], batch_first=True)
    there = pad_sequence([torch.ones(len(states[i]), dtype=torch.bool) for i in chosen], batch_first=True)
    counts = pad_sequence([torch.tensor(counted[i]) for i in chosen], batch_first=True)
    unit = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    return Tokens(unit, there.to(vectors.device), counts.to(vectors.device))


def _sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in re.split(r"(?<=[.!?])\s+|\n+", text) if sentence.strip()]
