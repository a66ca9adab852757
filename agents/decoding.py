"""The KV cache: one slot a row, ragged, any slot refilled at any time, no padding on the left."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import Cache, DynamicCache, PreTrainedModel
from transformers.cache_utils import CacheLayerMixin, DynamicLayer

from textgym.errors import ModelError

from .affine import Map


class Slots:
    """Where the forward that is under way reads and writes; the layers of one cache share it.

    Attributes:
        rows: Slots of the forward's rows, int64 ``(R,)``.
        positions: Cell that each row writes, int64 ``(R,)``, or None while a prompt is read from cell 0 on.
        span: Cells that a step reads.
    """

    def __init__(self, size: int, length: int) -> None:
        self.size = size
        self.length = length
        self.rows = torch.empty(0, dtype=torch.int64)
        self.positions: torch.Tensor | None = None
        self.span = 0


class SlotLayer(CacheLayerMixin):
    """Keys and values of one layer, preallocated, each ``(N, H, L, D)``."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, slots: Slots) -> None:
        super().__init__()
        self.slots = slots

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocates the cells: the model knows heads, width and dtype only once it runs."""
        size, length = self.slots.size, self.slots.length
        # Zeros, since a masked cell has weight 0, and 0 times an uninitialised NaN would be NaN.
        self.keys, self.values = (
            states.new_zeros(size, states.shape[1], length, states.shape[3]) for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes ``(R, H, Q, D)`` states and returns what this forward attends to."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        slots = self.slots
        if slots.positions is None:
            self.keys[slots.rows, :, : key_states.shape[2]] = key_states
            self.values[slots.rows, :, : value_states.shape[2]] = value_states
            return key_states, value_states
        self.keys[slots.rows, :, slots.positions] = key_states.squeeze(2)
        self.values[slots.rows, :, slots.positions] = value_states.squeeze(2)
        count = len(slots.rows)
        return self.keys[:count, :, : slots.span], self.values[:count, :, : slots.span]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Asked only while a prompt is read, which attends to itself alone; a step brings its own mask."""
        return query_length, 0

    def get_seq_length(self) -> int:
        """Rows differ in length, so positions are always given and nobody may count on this one."""
        return 0

    def get_max_length(self) -> int:
        """Number of cells."""
        return self.slots.length


class Decoder:
    """Computes the last hidden state of N growing contexts, each token once.

    A row whose context grew by one token costs one token of work; any other row is read anew from its first token,
    at any time and whatever the others do. Works with every decoder-only Hugging Face model, through its own forward.

    Args:
        lm: The causal language model, in ``eval()``.
        size: Number of rows, N.
        length: Longest context, L.

    Raises:
        ModelError: If a layer of the model keeps something other than keys and values, or forgets within L tokens.
    """

    head: Map | None = None
    """See `token_model.ContextReader`."""

    def __init__(self, lm: PreTrainedModel, size: int, length: int) -> None:
        check_cacheable(lm, length)
        self.lm = lm
        self.slots = Slots(size, length)
        layers: list[Any] = [SlotLayer(self.slots) for _ in range(lm.config.get_text_config().num_hidden_layers)]
        self.cache = Cache(layers=layers)
        self.ids = np.zeros((size, length), np.int64)  # what the cells hold
        self.lengths = np.full(size, -1)  # tokens that the cells hold; -1 in a slot that was never filled
        self._columns = np.arange(length)
        self._device = lm.device
        self._cells = torch.arange(length, device=self._device)
        self._rows = torch.arange(size, device=self._device)
        # SDPA reads a mask of True where attended; the eager kernels add theirs to the scores.
        self._additive_mask = lm.config._attn_implementation != "sdpa"

    def advance(
        self, input_ids: np.ndarray, lengths: np.ndarray, prompt_lengths: np.ndarray | None = None
    ) -> torch.Tensor:
        """Returns the last hidden state of the first n rows.

        Args:
            input_ids: Contexts, right-padded, int64 ``(n, L)``, n ≤ N.
            lengths: Their tokens, at least 1, int64 ``(n,)``.
            prompt_lengths: Not needed: to these models prompt and completion are one text.

        Returns:
            Hidden state of each row's last token, after the final norm, ``(n, D)``.
        """
        count = len(lengths)
        changed = (input_ids != self.ids[:count]) & (self._columns < lengths[:, None] - 1)
        fresh = (self.lengths[:count] < lengths - 1) | changed.any(1)
        self.ids[:count] = input_ids
        self.lengths[:count] = lengths
        return self._compute(input_ids, lengths, np.flatnonzero(fresh))

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Copies the context of one slot into another, so that the live rows stay the first ones."""
        for layer in self.cache.layers:
            layer.keys[target] = layer.keys[source]
            layer.values[target] = layer.values[source]
        self.ids[target] = self.ids[source]
        self.lengths[target] = self.lengths[source]

    def _compute(self, input_ids: np.ndarray, lengths: np.ndarray, fresh: np.ndarray) -> torch.Tensor:
        """Returns the last hidden states, ``(n, D)``; all but the last token of the rows not ``fresh`` are cached."""
        if len(fresh) == len(lengths):
            return self._read(fresh, input_ids, lengths)
        hidden = self._step(input_ids, lengths)
        if len(fresh):  # their step went astray; reading them writes every cell again
            hidden[self._to_device(fresh)] = self._read(fresh, input_ids[fresh], lengths[fresh])
        return hidden

    def _read(self, rows: np.ndarray, input_ids: np.ndarray, lengths: np.ndarray) -> torch.Tensor:
        """Fills slots from their first cell on; equal contexts are read once."""
        longest = int(lengths.max())
        first = first_equal(np.where(self._columns[:longest] < lengths[:, None], input_ids[:, :longest], -1))
        readers = np.unique(first)
        self.slots.rows, self.slots.positions = self._to_device(rows[readers]), None
        hidden = causal_hidden(self.lm, self._to_device(input_ids[readers, :longest]), past_key_values=self.cache)
        if len(readers) < len(rows):
            twins, origins = self._to_device(rows), self._to_device(rows[first])
            for layer in self.cache.layers:
                for cells in (layer.keys, layer.values):
                    cells[twins, :, :longest] = cells[origins, :, :longest]
        last = self._to_device(lengths[readers] - 1)
        states = hidden[torch.arange(len(readers), device=self._device), last]
        return states[self._to_device(np.searchsorted(readers, first))]

    def _step(self, input_ids: np.ndarray, lengths: np.ndarray) -> torch.Tensor:
        """Appends the last token of each context to its slot."""
        count, span = len(lengths), int(lengths.max())
        tokens = self._to_device(input_ids[np.arange(count), lengths - 1])
        positions = self._to_device(lengths - 1)
        self.slots.rows, self.slots.positions, self.slots.span = self._rows[:count], positions, span
        mask = (self._cells[:span] <= positions[:, None])[:, None, None]  # (n, 1, 1, span)
        if self._additive_mask:
            dtype = self.cache.layers[0].keys.dtype
            mask = torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)
        return self.lm.base_model(
            input_ids=tokens[:, None],
            position_ids=positions[:, None],
            attention_mask=mask,
            past_key_values=self.cache,
            use_cache=True,
        ).last_hidden_state[:, 0]

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


def first_equal(contexts: np.ndarray) -> np.ndarray:
    """Returns for each row the first row that equals it, int64 ``(R,)``: the samples of one prompt are read once.

    Args:
        contexts: What each row has to read, −1 behind its end, int64 ``(R, P)``.
    """
    if len(contexts) < 2 or not contexts.shape[1]:
        return np.arange(len(contexts))
    keys = np.ascontiguousarray(contexts).view(np.dtype((np.void, contexts.dtype.itemsize * contexts.shape[1])))
    _, first, inverse = np.unique(keys.ravel(), return_index=True, return_inverse=True)
    return first[inverse.ravel()]


def causal_hidden(lm: PreTrainedModel, input_ids: torch.Tensor, past_key_values: Cache | None = None) -> torch.Tensor:
    """Returns the hidden states of right-padded contexts, ``(B, T, D)``, after the final norm.

    Padding on the right needs no mask: no real token ever attends to what comes after it.
    """
    positions = torch.arange(input_ids.shape[1], device=input_ids.device).expand(input_ids.shape)
    return lm.base_model(
        input_ids=input_ids,
        position_ids=positions,
        # All ones: None would make transformers look for packed sequences and warn about padding.
        attention_mask=torch.ones_like(input_ids),
        past_key_values=past_key_values,
        use_cache=past_key_values is not None,
    ).last_hidden_state


def check_cacheable(lm: PreTrainedModel, length: int) -> None:
    """Checks that L cells of keys and values are all that the model remembers.

    Raises:
        ModelError: If they are not.
    """
    check_attention(lm)
    name = type(lm).__name__
    for layer in DynamicCache(config=lm.config).layers:
        if not isinstance(layer, DynamicLayer):
            raise ModelError(
                f"{name} has layers that keep {type(layer).__name__} instead of keys and values; only attention "
                "layers are supported."
            )
        window = getattr(layer, "sliding_window", length)
        if window < length:
            raise ModelError(
                f"{name} attends to the last {window} tokens only, and contexts here have up to {length}. Shorten "
                "max_prompt_tokens or max_new_tokens, or take a model with full attention."
            )


def check_attention(lm: PreTrainedModel) -> None:
    """Checks that the attention of a model takes a mask a row.

    Raises:
        ModelError: If it does not.
    """
    if lm.config._attn_implementation not in ("sdpa", "eager"):
        raise ModelError(
            f"{type(lm).__name__} was loaded with attn_implementation={lm.config._attn_implementation!r}, which takes "
            "no mask a row. Load it with attn_implementation='sdpa' (or 'eager')."
        )
