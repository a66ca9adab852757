"""Texts as vectors, by any transformer of Hugging Face.

Shapes: T tokens of a text, D the width of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from textgym.errors import OptionError

from . import models

if TYPE_CHECKING:
    import torch

CACHED_VECTORS = 16384
"""Sentences whose vectors are kept: 25 MB at a width of 384."""


class Encoder:
    """An encoder, the encoder of an encoder-decoder, or a causal language model without its head.

    A text longer than its window is read in pieces, so that nothing of it goes unseen.

    Attributes:
        tokenizer: Its tokenizer.
        scores: What rewards computed with it and will be asked for again.
    """

    def __init__(self, source: str, device: str) -> None:
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        self._source = source
        self.tokenizer = models.load(AutoTokenizer, source)
        two_sided = models.load(AutoConfig, source).is_encoder_decoder
        unused = ("pooler.", "decoder.") if two_sided else ("pooler.",)
        whole = models.load_frozen(AutoModel, source, device, unused)
        self._model = whole.get_encoder() if two_sided else whole
        if getattr(self._model, "pooler", None) is not None:
            self._model.pooler = None  # the head of BERT's sentence order task, which no vector here comes from
        self._model.config.use_cache = False
        pads = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        self._pad_id = next(pad for pad in pads if pad is not None)
        positions = getattr(self._model.config, "max_position_embeddings", None) or models.NO_LIMIT
        self._window = min(self.tokenizer.model_max_length, positions)
        self._vectors = models.ScoreCache(CACHED_VECTORS)
        self.scores = models.ScoreCache()

    @cached_property
    def fingerprint(self) -> str:
        """Sha-256 of its weights."""
        return models.fingerprint(self._model)

    def embed(self, texts: list[str]) -> list[np.ndarray]:
        """Returns the mean of the last layer over the tokens of each text, of length 1, float32 ``(D,)``."""
        return self._vectors.get(texts, self._means)

    def ids(self, texts: list[str]) -> list[list[int]]:
        """Returns the tokens of each text, at least one, with those that the model frames a text in."""
        if not texts:
            return []
        rows = self.tokenizer(texts, verbose=False)["input_ids"]
        return [row or [self._pad_id] for row in rows]

    def states(self, rows: list[list[int]], layer: int = -1) -> list[torch.Tensor]:
        """Returns the output of a layer for each row of ids, float32 ``(T, D)`` each, on the model's device.

        Args:
            rows: Token ids.
            layer: 0 for the embeddings, 1 for the first block, …; or counted from the end, -1 for the last.

        Raises:
            OptionError: If there is no such layer.
        """
        import torch

        pieces = [(i, start) for i, row in enumerate(rows) for start in range(0, len(row), self._window)]
        parts: dict[tuple[int, int], torch.Tensor] = {}
        cut = [rows[i][start : start + self._window] for i, start in pieces]
        with torch.inference_mode():
            for batch, hidden in self._forward(cut, layer):
                for j, states in zip(batch, hidden, strict=True):
                    parts[pieces[j]] = states[: len(cut[j])]
        return [torch.cat([parts[i, k] for k in range(0, len(row), self._window)]) for i, row in enumerate(rows)]

    def _forward(self, rows: list[list[int]], layer: int) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yields which rows a batch holds, and its states, float32 ``(B, L, D)``."""
        device = self._model.device
        for batch in models.micro_batches([len(row) for row in rows], device):
            ids, mask = models.right_padded([rows[i] for i in batch], self._pad_id, device)
            last = layer == -1
            output = self._model(input_ids=ids, attention_mask=mask, output_hidden_states=not last)
            if last:
                yield batch, output.last_hidden_state.float()
                continue
            if not -len(output.hidden_states) <= layer < len(output.hidden_states):
                raise OptionError(
                    f"{self._source!r} has the layers 0 to {len(output.hidden_states) - 1}. Actual value: {layer}."
                )
            yield batch, output.hidden_states[layer].float()

    def _means(self, texts: list[str]) -> list[np.ndarray]:
        means = [states.mean(0) for states in self.states(self.ids(texts))]
        return [(mean / mean.norm().clamp(min=1e-12)).cpu().numpy() for mean in means]


@cache
def load(source: str, device: str) -> Encoder:
    """Returns the encoder of this name on this device, one a process; `models.locate` gives the name."""
    return Encoder(source, device)


def cosine(first: Any, second: Any) -> float:
    """Returns the cosine of two vectors of length 1, without what rounding adds beyond ±1."""
    return float(np.clip(first @ second, -1.0, 1.0))
