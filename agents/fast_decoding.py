"""Collection and scoring of tokens laid end to end: a decoder and a teacher-forced pass for models with a fast body."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

from . import fast_bodies
from .affine import Affine
from .decoding import Decoder, first_equal
from .fast_bodies import FastBody


class FastDecoder(Decoder):
    """A `Decoder` that computes a step and the fresh rows of that step in one go, equal contexts once.

    Args:
        lm: A model that `fast_bodies.supports`.
        size: Number of rows, N.
        length: Longest context, L.
        head: From hidden states to logits.
        dtype: What it computes in. Matrices are packed at the first step: the decoder must not outlive an update.
    """

    def __init__(
        self, lm: PreTrainedModel, size: int, length: int, head: Affine, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(lm, size, length)
        self._dtype = dtype
        self._body: FastBody | None = None
        self._plain_head = head
        body = fast_bodies.own_weights(lm)
        # On a CPU attention is bound by memory, and its bfloat16 kernels copy what they read: float32 is faster.
        cells = dtype if lm.device.type == "cuda" else torch.float32
        self._no_cells = torch.zeros(size, body.kv_heads, 0, body.head_width, dtype=cells, device=lm.device)
        for layer in self.cache.layers:
            layer.keys = layer.values = self._no_cells

    def _compute(self, input_ids: np.ndarray, lengths: np.ndarray, fresh: np.ndarray) -> torch.Tensor:
        if self._body is None:
            self._body = fast_bodies.packed_copy(self.lm, self._dtype, len(lengths))
            self.head = self._plain_head.packed(torch.float32, len(lengths))
        body, count = self._body, len(lengths)
        # Every row asks with its last token; before that, fresh rows also read what stands in front of it.
        cells = self._columns[: int(lengths[fresh].max(initial=1)) - 1]
        unread = cells < lengths[fresh, None] - 1  # (R, P)
        first = first_equal(np.where(unread, input_ids[fresh, : len(cells)], -1))
        readers, twins = np.unique(first), np.flatnonzero(first != np.arange(len(first)))
        unread = unread[readers]
        rows = np.concatenate([np.arange(count), np.repeat(fresh[readers], unread.sum(1))])
        positions = np.concatenate([lengths - 1, np.broadcast_to(cells, unread.shape)[unread]])
        tokens = self._to_device(input_ids[rows, positions])
        read = _Padding(self._to_device(np.flatnonzero(unread)), unread.shape)
        places = self._to_device(rows), self._to_device(positions)
        copies = self._to_device(fresh[twins]), self._to_device(fresh[first[twins]])
        span, group = self._reserve(int(lengths.max())), body.heads // body.kv_heads
        kept = self.cache.layers[0].keys
        heads = torch.arange(body.kv_heads, device=self._device)
        # The cell of each token and head, counted through a layer's cache (N, G, L): one index serves all layers.
        flat_cells = ((places[0][:, None] * body.kv_heads + heads) * kept.shape[2] + places[1][:, None]).flatten()
        asked, read_too = flat_cells[: count * body.kv_heads], flat_cells[count * body.kv_heads :]
        unseen = self._cells[:span] > places[1][:count, None]
        bias = torch.zeros_like(unseen, dtype=kept.dtype).masked_fill_(unseen, -torch.inf)
        bias = bias[:, None].expand(count, body.kv_heads, span).reshape(-1, 1, span)  # (n G, 1, span)

        def attention(layer: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            layer_cells = self.cache.layers[layer].keys, self.cache.layers[layer].values
            for cached, new in zip(layer_cells, (k, v), strict=True):
                flat, new = cached.view(-1, body.head_width), new.to(cached.dtype).reshape(-1, body.head_width)
                if len(q) > count:
                    flat.index_copy_(0, read_too, new[len(asked) :])
                    if len(twins):
                        cached[copies[0], :, : len(cells)] = cached[copies[1], :, : len(cells)]
                flat.index_copy_(0, asked, new[: len(asked)])  # last: a twin's copy holds another's
            keys, values = (cached[:count].flatten(0, 1)[:, :span] for cached in layer_cells)  # views
            questions = q[:count].to(kept.dtype).reshape(len(bias), group, -1)
            scores = torch.baddbmm(bias, questions, keys.transpose(1, 2), alpha=body.head_width**-0.5)
            mixed = torch.bmm(scores.softmax(-1), values).view(count, -1).to(q.dtype)
            return torch.cat([mixed, read.attend(q[count:], k[count:], v[count:])]) if len(q) > count else mixed

        with torch.autocast(self._device.type, enabled=False):
            return body.hidden(tokens, places[1], attention, keep=slice(0, count))

    def _reserve(self, longest: int) -> int:
        """Makes room for contexts of ``longest`` tokens; returns the cells of a row that a step reads.

        Those are all that there are, the masked ones behind a context included, unless they are more than twice as
        many as needed: reading on without a gap is faster than skipping the end of each row.
        """
        cells = self.cache.layers[0].keys.shape[2]
        if longest > cells:
            size, heads, _, width = self._no_cells.shape
            for layer in self.cache.layers:
                old = layer.keys, layer.values
                layer.keys, layer.values = (
                    self._no_cells.new_zeros(size, heads, min(self.slots.length, 2 * longest), width) for _ in old
                )
                layer.keys[:, :, :cells], layer.values[:, :, :cells] = old
            cells = self.cache.layers[0].keys.shape[2]
        return cells if 2 * longest > cells else longest


def response_hidden(
    lm: PreTrainedModel, input_ids: torch.Tensor, lengths: torch.Tensor, keep: torch.Tensor
) -> torch.Tensor:
    """Returns the hidden states that tokens were drawn from, ``(M, D)``, with gradients.

    Args:
        lm: A model that `fast_bodies.supports`.
        input_ids: Episodes, right-padded, int64 ``(B, T)``.
        lengths: Their tokens, int64 ``(B,)``.
        keep: True for the M tokens to predict, bool ``(B, T)``; never at cell 0.
    """
    before = input_ids[:, :-1]  # nothing is predicted from the last token
    cells = torch.arange(before.shape[1], device=before.device)
    padding = _Padding((cells < lengths[:, None] - 1).flatten().nonzero().squeeze(1), tuple(before.shape))
    return fast_bodies.own_weights(lm).hidden(
        before.flatten()[padding.places],
        cells.expand(before.shape).flatten()[padding.places],
        lambda layer, q, k, v: padding.attend(q, k, v),
        keep=keep[:, 1:].flatten()[padding.places],
    )


class _Padding(NamedTuple):
    """Where S tokens laid end to end stand in right-padded rows.

    Attributes:
        places: Index of each in the flattened rows, int64 ``(S,)``.
        shape: Number of rows and of cells a row.
    """

    places: torch.Tensor
    shape: tuple[int, ...]

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Causal attention within each row, from ``(S, H or G, D / H)`` to ``(S, D)``."""
        rows, cells = self.shape
        full = len(self.places) == rows * cells
        padded = (
            x if full else x.new_zeros(rows * cells, *x.shape[1:]).index_copy(0, self.places, x) for x in (q, k, v)
        )
        q, k, v = (x.view(rows, cells, *x.shape[1:]).transpose(1, 2) for x in padded)
        given = q.dtype
        with torch.autocast(q.device.type, enabled=False):
            if q.device.type == "cpu":  # its kernel's backward pass is five times as slow in bfloat16
                q, k, v = q.float(), k.float(), v.float()
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=q.shape[1] != k.shape[1])
        mixed = mixed.to(given).transpose(1, 2).reshape(rows * cells, -1)
        return mixed if full else mixed[self.places]
