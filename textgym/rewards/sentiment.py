"""Sentiment of the message that prompt and completion make together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from textgym.errors import ModelError

from . import models
from .base import Reward


@dataclass(frozen=True, repr=False)
class Sentiment(Reward):
    """``P(positive) − P(negative)`` by a sequence classifier that reads prompt + completion. Range [-1, 1].

    The classes are those whose names in ``config.id2label`` begin with "pos" and "neg"; others, such as neutral, count
    through what they leave to these. A completion without text scores -1. A model with a single output, such as a
    reward model trained on preferences, gives that number as it is; the range is unbounded then, and an empty
    completion is the model's to judge.

    The model is loaded at the first score, once per process, in float32. A text longer than its window loses its
    beginning. Like every learnt judge it falls for words that its training data had in praise only, and is arbitrary on
    characters that it never saw.

    Args:
        model: A shipped name, the folder of any Hugging Face sequence classifier, or its Hub id.
        device: A torch device; ``"auto"`` takes the GPU, if there is one.

    Source: TRL's sentiment example scores query and response together in this way.
    """

    model: str = "sentiment"
    device: str = "auto"

    name = "sentiment"
    gameable_by = frozenset({"keyword_spam", "repeated_word", "unsupported_characters"})

    @property
    def range(self) -> tuple[float, float]:
        return (-1.0, 1.0) if _poles(models.locate(self.model)) else (-math.inf, math.inf)

    @property
    def fingerprint(self) -> str:
        """Sha-256 of the model's weights."""
        return self._classifier().fingerprint

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        classifier = self._classifier()
        messages = [prompt + completion for prompt, completion in zip(prompts, completions, strict=True)]
        if classifier.poles is None:
            return classifier.score(messages)
        spoken = [i for i, completion in enumerate(completions) if completion.strip()]
        scores = dict(zip(spoken, classifier.score([messages[i] for i in spoken]), strict=True))
        return [scores.get(i, -1.0) for i in range(len(completions))]

    def _classifier(self) -> Classifier:
        return _load(models.locate(self.model), models.pick_device(self.device))


@dataclass(frozen=True, repr=False)
class Vader(Reward):
    """VADER's compound sentiment of prompt + completion, from a lexicon and rules. Range [-1, 1].

    A completion without text scores -1. It shares nothing with the learnt judge, which makes it a check on it.

    Source: Hutto and Gilbert 2014, "VADER: a parsimonious rule-based model for sentiment analysis of social media
    text".
    """

    name = "vader"
    range = (-1.0, 1.0)
    gameable_by = frozenset({"keyword_spam", "repeated_word"})

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        analyzer = _vader()
        return [
            analyzer.polarity_scores(prompt + completion)["compound"] if completion.strip() else -1.0
            for prompt, completion in zip(prompts, completions, strict=True)
        ]


class Classifier:
    """A sequence classifier as a scorer of texts.

    Attributes:
        poles: Its outputs for (positive, negative), or None if it has one output only.
    """

    def __init__(self, source: str, device: str) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.poles = _poles(source)
        self._tokenizer = models.load(AutoTokenizer, source, truncation_side="left")
        self._model = models.load_frozen(AutoModelForSequenceClassification, source, device)
        config = self._model.config
        pads = (self._tokenizer.pad_token_id, config.pad_token_id, self._tokenizer.eos_token_id, 0)
        self._pad_id = next(pad for pad in pads if pad is not None)
        config.pad_token_id = self._pad_id  # decoders find the last token by it
        positions = getattr(config, "max_position_embeddings", None) or models.NO_LIMIT
        self._window = min(self._tokenizer.model_max_length, positions)
        self._cache = models.ScoreCache()

    @cached_property
    def fingerprint(self) -> str:
        """Sha-256 of its weights."""
        return models.fingerprint(self._model)

    def score(self, texts: list[str]) -> list[float]:
        """Returns a score for each text."""
        return self._cache.get(texts, self._forward)

    def _forward(self, texts: list[str]) -> list[float]:
        import torch

        rows = self._tokenizer(texts, truncation=True, max_length=self._window)["input_ids"]
        rows = [row or [self._pad_id] for row in rows]
        device = self._model.device
        scores = [0.0] * len(rows)
        with torch.inference_mode():
            for batch in models.micro_batches([len(row) for row in rows], device):
                ids, mask = models.right_padded([rows[i] for i in batch], self._pad_id, device)
                logits = self._model(input_ids=ids, attention_mask=mask).logits.float()  # (B, C)
                if self.poles is None:
                    values = logits[:, 0]
                else:
                    positive, negative = self.poles
                    shares = logits.softmax(dim=-1)
                    values = shares[:, positive] - shares[:, negative]
                for i, value in zip(batch, values.tolist(), strict=True):
                    scores[i] = value
        return scores


@cache
def _load(source: str, device: str) -> Classifier:
    return Classifier(source, device)


@cache
def _poles(source: str) -> tuple[int, int] | None:
    labels = models.labels(source)
    if len(labels) == 1:
        return None
    found = [[i for i, label in labels.items() if label.lower().startswith(pole)] for pole in ("pos", "neg")]
    if [len(matches) for matches in found] != [1, 1]:
        raise ModelError(
            f"{source!r} has the classes {list(labels.values())}: sentiment needs one that begins with 'pos' and one "
            "that begins with 'neg', or a single output. Name them in the id2label of its config.json."
        )
    return found[0][0], found[1][0]


@cache
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
