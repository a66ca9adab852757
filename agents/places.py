"""How decoders of transformers know the places of their tokens, made right for rows that stand at different ones."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

SHARED_BIAS = ("t5", "mt5", "longt5")
"""Types whose decoder knows places by one bias of distance, which all of its layers share."""

EMBEDDED = ("bart", "blenderbot", "blenderbot-small", "marian", "mbart", "mvp", "pegasus", "plbart")
"""Types whose decoder knows places by a vector that it adds to each token's."""


class Places(Protocol):
    """How a decoder knows the place of each row's token, where its cache says that all stand at 0."""

    def bias(self, distances: torch.Tensor) -> torch.Tensor:
        """Returns what is added to self-attention scores, ``(n, 1 or H, 1, span)``.

        Args:
            distances: How far back each cell lies of each row's token, int64 ``(n, span)``.
        """

    def at(self, places: torch.Tensor) -> AbstractContextManager[Any]:
        """Returns a context in which the decoder takes its one token a row to stand at ``places``, int64 ``(n,)``."""


class SharedBias:
    """T5's: a bias of distance and head, in the scores of every layer.

    A decoder that takes its token to stand at 0 adds the bias of distance 0 to all cells, since none lies behind it.
    That is one number a head, which the softmax takes out again. So the bias of each row's true distances can be a
    part of the mask, which is added too.
    """

    def __init__(self, decoder: Any, length: int) -> None:
        attention = decoder.block[0].layer[0].SelfAttention
        behind = -torch.arange(length, device=decoder.device)
        buckets = attention._relative_position_bucket(
            behind, False, attention.relative_attention_num_buckets, attention.relative_attention_max_distance
        )
        self._table = attention.relative_attention_bias(buckets).detach()  # (L, H), by distance

    def bias(self, distances: torch.Tensor) -> torch.Tensor:
        """Returns the bias of each distance, ``(n, H, 1, span)``."""
        return self._table[distances].permute(0, 2, 1)[:, :, None]

    def at(self, places: torch.Tensor) -> AbstractContextManager[Any]:
        """Returns a context that changes nothing: the mask says it all."""
        return nullcontext()


class EmbeddedPlaces:
    """BART's: a vector a place, learnt or sinusoidal, put in place of what the decoder looks up for place 0."""

    @torch.no_grad()
    def __init__(self, lm: PreTrainedModel, length: int) -> None:
        decoder: Any = lm.get_decoder()
        self._module = decoder.embed_positions
        found: list[torch.Tensor] = []
        ids = torch.zeros(1, length, dtype=torch.int64, device=decoder.device)
        encoded = torch.zeros(1, 1, lm.config.hidden_size, device=decoder.device)
        with self._module.register_forward_hook(lambda module, inputs, output: found.append(output)):
            decoder(input_ids=ids, encoder_hidden_states=encoded, use_cache=False)
        self._table = found[0].reshape(length, -1).detach()

    def bias(self, distances: torch.Tensor) -> torch.Tensor:
        """Returns zeros, ``(n, 1, 1, span)``: distances do not matter."""
        return torch.zeros(distances.shape, device=distances.device)[:, None, None]

    def at(self, places: torch.Tensor) -> AbstractContextManager[Any]:
        """Returns a context in which the decoder finds the vectors of ``places``."""
        vectors = self._table[places][:, None]
        return self._module.register_forward_hook(lambda module, inputs, output: vectors)


def known(lm: PreTrainedModel) -> bool:
    """Whether `of` knows how the decoder of a model tells places."""
    return lm.config.model_type in (*SHARED_BIAS, *EMBEDDED)


def of(lm: PreTrainedModel, length: int) -> Places:
    """Returns the first ``length`` places of a model that is `known`, for as long as its weights stay."""
    embedded = lm.config.model_type in EMBEDDED
    return EmbeddedPlaces(lm, length) if embedded else SharedBias(lm.get_decoder(), length)
