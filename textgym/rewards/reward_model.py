"""Learnt rewards: a sequence classifier reads prompt and completion as one text and gives a number."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from textgym import assets
from textgym.errors import ModelError, RewardError, suggest

from . import models
from .base import Reward

CONFIG_KEY = "textgym_reward"
"""Entry of a ``config.json`` under which `textgym.reward_models` writes what the outputs mean."""


PER_TOKEN = 3
"""Dimensions of the outputs of a classifier of tokens, ``(B, L, C)``; those of texts have two."""


class Meaning(NamedTuple):
    """What the outputs of a model mean.

    Attributes:
        values: Reward of each class, for a classifier; empty for a single output.
        mean: Of the ratings that a single output was trained on, standardised.
        deviation: Theirs; 1 where there was no unit.
    """

    values: tuple[float, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True, repr=False)
class RewardModel(Reward):
    """The score of prompt + completion by a trained reward model.

    What the score is depends on how the model was trained. On ratings: the rating that it expects, in their unit. On
    preferences: its Bradley-Terry score, whose unit is a log-odds and whose zero means nothing. On labels: the
    expected value ``Σ_c P(c) v_c``, where the classes have the values v that the training gave them, or, for a model
    from elsewhere, 1 for the one whose name begins with "pos", -1 for the one that begins with "neg" and 0 for
    others. Range: from the lowest to the highest v; without bound for ratings and preferences. A completion without
    text gets the lowest v; a single output judges it as it does any other. A model that was trained to score every
    token scores a text at its last one, so that ``per_token(reward_model(model='runs/rm'))`` pays each token its own
    score; one that adds no text, such as EOS, is paid as the one before it.

    The model is loaded at the first score, once per process, in float32, and scores are remembered by text. A text
    longer than its window loses its beginning. Every learnt judge falls for words that its training data had in
    praise only, and is arbitrary on characters that it never saw.

    Args:
        model: A folder made by `textgym.reward_models` or any other Hugging Face sequence classifier; its Hub id; or
            the name of one that ships.
        label: Score by ``P(label)`` instead, range [0, 1]. The name of a class.
        device: A torch device; ``"auto"`` takes the GPU, if there is one.
    """

    model: str = "sentiment"
    label: str | None = None
    device: str = "auto"

    name = "reward_model"
    gameable_by = frozenset({"keyword_spam", "repeated_word", "unsupported_characters"})

    @property
    def range(self) -> tuple[float, float]:
        values = meaning(models.locate(self.model), self.label).values
        return (min(values), max(values)) if values else (-math.inf, math.inf)

    @property
    def fingerprint(self) -> str:
        """Sha-256 of the model's weights."""
        return self._classifier().fingerprint

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        classifier = self._classifier()
        messages = [prompt + completion for prompt, completion in zip(prompts, completions, strict=True)]
        values = classifier.meaning.values
        if not values:
            return classifier.score(messages)
        spoken = [i for i, completion in enumerate(completions) if completion.strip()]
        scores = dict(zip(spoken, classifier.score([messages[i] for i in spoken]), strict=True))
        return [scores.get(i, min(values)) for i in range(len(completions))]

    def _classifier(self) -> Classifier:
        return _load(models.locate(self.model), models.pick_device(self.device), self.label)


class Classifier:
    """A sequence classifier as a scorer of texts."""

    def __init__(self, source: str, device: str, label: str | None = None) -> None:
        self.meaning = meaning(source, label)
        self._model, self._tokenizer = load(source, device)
        self._cache = models.ScoreCache()

    @cached_property
    def fingerprint(self) -> str:
        """Sha-256 of its weights."""
        return models.fingerprint(self._model)

    def score(self, texts: list[str]) -> list[float]:
        """Returns a score for each text."""
        return self._cache.get(texts, self._forward)

    def _forward(self, texts: list[str]) -> list[float]:
        return scores(logits(self._model, self._tokenizer, texts), self.meaning).tolist()


def load(source: str, device: str) -> tuple[Any, Any]:
    """Returns the classifier in ``source``, of texts or, where its configuration says so, of tokens; and its tokenizer.

    Both are for scoring: the model is frozen, float32, and a text that is too long loses its beginning.

    Raises:
        ModelError: If there is none.
    """
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

    tokenizer = models.load(AutoTokenizer, source, truncation_side="left")
    per_token = _written(source).get("per_token")
    loader = AutoModelForTokenClassification if per_token else AutoModelForSequenceClassification
    return models.load_frozen(loader, source, device), tokenizer


def logits(model: Any, tokenizer: Any, texts: list[str], max_tokens: int | None = None) -> np.ndarray:
    """Returns the outputs of a classifier, float64 ``(B, C)``, in batches of rows of like length.

    A classifier of tokens is read at the last token of each text.

    Args:
        model: It is run as it is, in the mode that it is in.
        tokenizer: Its tokenizer.
        texts: B texts.
        max_tokens: Longer texts are cut, on the side that the tokenizer says; None is the model's window.
    """
    import torch

    window = min(tokenizer.model_max_length, max_tokens or models.NO_LIMIT, _positions(model.config))
    pad_id = padding(tokenizer, model.config)
    rows = tokenizer(texts, truncation=True, max_length=window)["input_ids"] if texts else []
    rows = [row or [pad_id] for row in rows]
    found = np.zeros((len(rows), model.config.num_labels))
    with torch.inference_mode():
        for batch in models.micro_batches([len(row) for row in rows], model.device):
            ids, mask = models.right_padded([rows[i] for i in batch], pad_id, model.device)
            outputs = model(input_ids=ids, attention_mask=mask).logits
            if outputs.ndim == PER_TOKEN:
                outputs = outputs[torch.arange(len(batch), device=outputs.device), mask.sum(1) - 1]
            found[batch] = outputs.double().cpu().numpy()
    return found


def scores(outputs: np.ndarray, meaning: Meaning) -> np.ndarray:
    """Returns the score of each row of ``outputs``, float64 ``(B, C)``, by what they mean, float64 ``(B,)``."""
    if not meaning.values:
        return meaning.mean + meaning.deviation * outputs[:, 0]
    shares = probabilities(outputs)
    # A class of value 0 is left out, not multiplied by it: P(pos) − P(neg) is exactly that.
    return np.sum([shares[:, c] * value for c, value in enumerate(meaning.values) if value], axis=0)


def probabilities(outputs: np.ndarray) -> np.ndarray:
    """Returns the softmax over classes, float64 ``(B, C)``."""
    shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def padding(tokenizer: Any, config: Any) -> int:
    """Returns the id to pad with, and tells it to the model: decoders find the last token by it."""
    pads = (tokenizer.pad_token_id, config.pad_token_id, tokenizer.eos_token_id, 0)
    config.pad_token_id = next(pad for pad in pads if pad is not None)
    return config.pad_token_id


@cache
def meaning(source: str, label: str | None = None) -> Meaning:
    """Returns what the outputs of the model in ``source`` mean.

    Raises:
        ModelError: If it is a classifier, and nothing says what its classes are worth.
        RewardError: If ``label`` is none of its classes.
    """
    names = models.labels(source)
    if label is not None:
        if label not in names.values():
            raise RewardError(
                f"{source!r} has no class {label!r}.{suggest(label, names.values())} "
                f"Its classes are {', '.join(names.values())}."
            )
        return Meaning(tuple(float(names[i] == label) for i in range(len(names))))
    written = _written(source)
    if len(names) == 1 or "values" in written:
        return of_config(written)
    found = [[i for i, name in names.items() if name.lower().startswith(pole)] for pole in ("pos", "neg")]
    if [len(matches) for matches in found] != [1, 1]:
        raise ModelError(
            f"{source!r} has the classes {list(names.values())}: a reward needs one that begins with 'pos' and one "
            "that begins with 'neg', or a single output. Name them in the id2label of its config.json, or choose one "
            "with reward_model(model=…, label=…)."
        )
    return Meaning(tuple(float(i in found[0]) - float(i in found[1]) for i in range(len(names))))


def of_config(written: Mapping[str, Any]) -> Meaning:
    """Returns the meaning that an entry of a configuration tells; of an empty one, that of an unscaled output."""
    return Meaning(
        tuple(written.get("values", ())), float(written.get("mean", 0.0)), float(written.get("deviation", 1.0))
    )


def _written(source: str) -> Mapping[str, Any]:
    """Returns our entry of the model's configuration, or an empty one; a folder is read without transformers."""
    file = Path(assets.resolve(source), "config.json")
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8")).get(CONFIG_KEY) or {}
    from transformers import AutoConfig

    return getattr(models.load(AutoConfig, source), CONFIG_KEY, None) or {}


def _positions(config: Any) -> int:
    return getattr(config, "max_position_embeddings", None) or models.NO_LIMIT


@cache
def _load(source: str, device: str, label: str | None) -> Classifier:
    return Classifier(source, device, label)
