"""Encoder-decoder models: the encoder reads the prompt once, the decoder writes the completion."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import Cache, EncoderDecoderCache, PreTrainedModel
from transformers.cache_utils import CacheLayerMixin

from textgym.errors import AgentError, ModelError

from . import places
from .affine import Map
from .decoding import SlotLayer, Slots, check_attention

OUTSIDE = torch.finfo(torch.bfloat16).min
"""Added to the scores of what is not attended to; finite in every precision that a body computes in."""


def start_token(lm: PreTrainedModel) -> int:
    """Returns the token that the decoder of a model begins with.

    Raises:
        ModelError: If the model does not say.
    """
    for config in (lm.config, lm.generation_config):
        token = getattr(config, "decoder_start_token_id", None)
        if token is not None:
            return int(token)
    raise ModelError(
        f"The config of the encoder-decoder {type(lm).__name__} has no decoder_start_token_id, so nobody knows what a "
        "completion begins after. Set it; for T5 it is the id of the pad token."
    )


def head(lm: PreTrainedModel) -> tuple[float, torch.Tensor | None]:
    """Returns what an encoder-decoder does to its logits besides the output embedding: a scale, and a bias ``(V,)``.

    The original T5 scales the state by D^(-1/2), T5 1.1 and FLAN do not; BART and its kin add ``final_logits_bias``.
    """
    config = lm.config
    # UMT5 and Switch Transformers have no setting of their own, and go by whether embeddings are tied.
    tied = config.model_type in ("t5", "umt5", "switch_transformers") and config.tie_word_embeddings
    scale = config.hidden_size**-0.5 if getattr(config, "scale_decoder_outputs", tied) else 1.0
    bias = getattr(lm, "final_logits_bias", getattr(lm.get_output_embeddings(), "bias", None))
    return scale, None if bias is None else bias.flatten()


def states(
    lm: PreTrainedModel, input_ids: torch.Tensor, wanted: torch.Tensor, prompt_lengths: torch.Tensor | None
) -> torch.Tensor:
    """Returns the decoder's hidden states of wanted contexts, ``(M, D)``, after the final norm, by row.

    Args:
        lm: The model.
        input_ids: Prompts and completions, right-padded, int64 ``(B, T)``.
        wanted: True at cell t where the state after the t + 1 first tokens is wanted, bool ``(B, T)``; M places, none
            of them before the end of a prompt.
        prompt_lengths: Tokens of each prompt, int64 ``(B,)``.

    Raises:
        AgentError: If nobody told where prompts end.
    """
    prompts = needed(prompt_lengths)
    lengths = torch.arange(1, input_ids.shape[1] + 1, device=input_ids.device)
    width = int(((wanted * lengths).amax(1) - prompts).max()) + 1
    cells = prompts[:, None] + torch.arange(-1, width - 1, device=input_ids.device)  # where each input stands
    inside = cells < input_ids.shape[1]
    cells = cells.clamp(max=input_ids.shape[1] - 1)
    written = input_ids.gather(1, cells)
    written[:, 0] = start_token(lm)
    encoded, mask = encode(lm, input_ids, prompts)
    return decode(lm, written, encoded, mask)[wanted.gather(1, cells) & inside]


def needed(prompt_lengths: Any) -> Any:
    """Returns the lengths of prompts.

    Raises:
        AgentError: If there are none.
    """
    if prompt_lengths is None:
        raise AgentError(
            "An encoder-decoder reads the prompt by its encoder and writes the completion by its decoder, so "
            "observations need prompt_length, as those of textgym environments have it."
        )
    return prompt_lengths


def encode(
    lm: PreTrainedModel, input_ids: torch.Tensor, prompt_lengths: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the encoder's states of prompts, ``(B, P, D)``, and True for those that exist, bool ``(B, P)``.

    Args:
        lm: The model.
        input_ids: Right-padded contexts, of which the first tokens are the prompt, int64 ``(B, T)``.
        prompt_lengths: Tokens of each prompt, int64 ``(B,)``.
    """
    prompts = input_ids[:, : int(prompt_lengths.max())]
    mask = torch.arange(prompts.shape[1], device=prompts.device) < prompt_lengths[:, None]
    encoded = lm.get_encoder()(input_ids=prompts, attention_mask=mask.long())
    return encoded.last_hidden_state, mask


def decode(
    lm: PreTrainedModel,
    written: torch.Tensor,
    encoded: torch.Tensor,
    mask: torch.Tensor,
    cache: EncoderDecoderCache | None = None,
) -> torch.Tensor:
    """Returns the decoder's hidden states ``(B, W, D)``.

    Args:
        lm: The model.
        written: The start token and what was written after it, right-padded, int64 ``(B, W)``.
        encoded: States of the prompts, ``(B, P, D)``, from `encode`.
        mask: True for those that exist, bool ``(B, P)``.
        cache: What remembers keys and values, or None.
    """
    return lm.get_decoder()(
        input_ids=written,
        # All ones: no real token ever attends to what comes after it.
        attention_mask=torch.ones_like(written),
        encoder_hidden_states=encoded,
        encoder_attention_mask=mask.long(),
        past_key_values=cache,
        use_cache=cache is not None,
    ).last_hidden_state


class Reader:
    """What the readers of this module share: which of N slots still hold the contexts that are asked for.

    Args:
        lm: The model, in ``eval()``.
        size: Number of rows, N.
        length: Longest context, prompt and completion together, L.
    """

    head: Map | None = None
    """See `token_model.ContextReader`."""

    def __init__(self, lm: PreTrainedModel, size: int, length: int) -> None:
        check_attention(lm)
        self.lm = lm
        self.ids = np.zeros((size, length), np.int64)  # the contexts that the slots hold
        self.lengths = np.full(size, -1)  # their tokens; -1 in a slot that was never filled
        self.prompts = np.zeros(size, np.int64)  # the tokens of their prompts
        self._start = start_token(lm)
        self._columns = np.arange(length)
        self._device = lm.device

    def move(self, source: int, target: int) -> None:
        """Copies the context of one slot into another, so that the live rows stay the first ones."""
        for array in (self.ids, self.lengths, self.prompts):
            array[target] = array[source]

    def _fresh(self, input_ids: np.ndarray, lengths: np.ndarray, prompts: np.ndarray) -> np.ndarray:
        """Returns the rows that did not just grow by one token, and takes note of what all hold now."""
        count = len(lengths)
        known = np.maximum(lengths - 1, prompts)  # the encoder has read the last token of a prompt, too
        changed = (input_ids != self.ids[:count]) & (self._columns < known[:, None])
        fresh = (self.lengths[:count] < lengths - 1) | (self.prompts[:count] != prompts) | changed.any(1)
        self.ids[:count], self.lengths[:count], self.prompts[:count] = input_ids, lengths, prompts
        return np.flatnonzero(fresh)

    def _written(self, input_ids: np.ndarray, lengths: np.ndarray, prompts: np.ndarray) -> torch.Tensor:
        """Returns the inputs of the decoder, int64 ``(n, W)``: the start token, then what follows the prompt."""
        cells = prompts[:, None] + np.arange(-1, int((lengths - prompts).max()))
        written = np.take_along_axis(input_ids, np.minimum(cells, input_ids.shape[1] - 1), 1)
        written[:, 0] = self._start
        return self._to_device(written)

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)


class RereadingDecoder(Reader):
    """Reads each prompt once, and all that was written anew for each token.

    That is right for every encoder-decoder model, however it knows the places of its tokens, but the work of a
    completion grows with the square of its length. `CachedDecoder` computes each token once.
    """

    def __init__(self, lm: PreTrainedModel, size: int, length: int) -> None:
        super().__init__(lm, size, length)
        self._mask = torch.zeros(size, length, dtype=torch.bool, device=self._device)
        self._encoded = torch.empty(0)

    def advance(self, input_ids: np.ndarray, lengths: np.ndarray, prompt_lengths: np.ndarray | None) -> torch.Tensor:
        """Returns the last hidden state of the first n rows; see `CachedDecoder.advance`."""
        prompts = needed(prompt_lengths)
        rows = self._fresh(input_ids, lengths, prompts)
        if len(rows):
            encoded, mask = encode(self.lm, self._to_device(input_ids[rows]), self._to_device(prompts[rows]))
            if not len(self._encoded):
                self._encoded = encoded.new_zeros(*self._mask.shape, encoded.shape[2])
            slots = self._to_device(rows)
            self._encoded[slots, : encoded.shape[1]] = encoded
            self._mask[slots] = nn.functional.pad(mask, (0, self._mask.shape[1] - mask.shape[1]))
        count, reach = len(lengths), int(prompts.max())
        written = self._written(input_ids, lengths, prompts)
        hidden = decode(self.lm, written, self._encoded[:count, :reach], self._mask[:count, :reach])
        return hidden[torch.arange(count, device=self._device), self._to_device(lengths - prompts)]

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Copies the context of one slot into another, so that the live rows stay the first ones."""
        super().move(source, target)
        self._mask[target] = self._mask[source]
        self._encoded[target] = self._encoded[source]


class PromptLayer(CacheLayerMixin):
    """Keys and values of what one layer's cross-attention reads, one slot a row, each ``(N, H, L, D)``.

    A decoder that has its prompts reads `keys` and `values` themselves: `show` makes these the slots of a step.
    """

    keys: torch.Tensor
    values: torch.Tensor
    is_sliding = False

    def __init__(self, slots: Slots) -> None:
        super().__init__()
        self.slots = slots

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocates the cells: the model knows heads, width and dtype only once it runs."""
        size, length = self.slots.size, self.slots.length
        self.cells = tuple(
            states.new_zeros(size, states.shape[1], length, states.shape[3]) for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes ``(R, H, P, D)`` states of prompts, and returns them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        for cells, read in zip(self.cells, (key_states, value_states), strict=True):
            cells[self.slots.rows, :, : read.shape[2]] = read
        return key_states, value_states

    def show(self, count: int, reach: int) -> None:
        """Makes the first ``reach`` cells of the first ``count`` slots what the cross-attention reads."""
        self.keys, self.values = (cells[:count, :, :reach] for cells in self.cells)

    def move(self, source: int, target: int) -> None:
        """Copies one slot into another."""
        for cells in self.cells:
            cells[target] = cells[source]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Never asked: the mask of the encoder's states goes by those."""
        return query_length, 0

    def get_seq_length(self) -> int:
        """Rows differ in length, so nobody may count on this one."""
        return 0

    def get_max_length(self) -> int:
        """Number of cells."""
        return self.slots.length


class CachedDecoder(Reader):
    """Computes the last hidden state of N growing completions, each token once, and each prompt once.

    The prompt of a row goes through the encoder when its slot is filled; then its cross-attention keys and values stay
    in the slot, and a row that grew by one token costs one token of the decoder's work. Any row is read anew at any
    time, whatever the others do. The forward is the model's own.

    Rows of one step stand at different places, and the decoders of transformers ask their cache for one that would hold
    for all rows. So the cache says 0, and `places` makes that right.

    Args:
        lm: The model, of a type that `places` knows, in ``eval()``.
        size: Number of rows, N.
        length: Longest context, prompt and completion together, L.
    """

    def __init__(self, lm: PreTrainedModel, size: int, length: int) -> None:
        super().__init__(lm, size, length)
        self.slots = Slots(size, length)
        self._own = Cache(layer_class_to_replicate=partial(SlotLayer, self.slots))
        self._cross = Cache(layer_class_to_replicate=partial(PromptLayer, self.slots))
        self.cache = EncoderDecoderCache(self._own, self._cross)
        self._decoder = lm.get_decoder()
        self._cells = torch.arange(length, device=self._device)
        self._rows = torch.arange(size, device=self._device)
        self._unread = torch.full((size, 1, 1, length), OUTSIDE, device=self._device)  # 0 where there is a prompt
        self._shape = torch.zeros(1, 1, 1, device=self._device)
        self._places = places.of(lm, length)

    def advance(self, input_ids: np.ndarray, lengths: np.ndarray, prompt_lengths: np.ndarray | None) -> torch.Tensor:
        """Returns the last hidden state of the first n rows.

        Args:
            input_ids: Contexts, prompt and then completion, right-padded, int64 ``(n, L)``, n ≤ N.
            lengths: Their tokens, at least those of the prompt, int64 ``(n,)``.
            prompt_lengths: Tokens of each prompt, at least 1, int64 ``(n,)``.

        Returns:
            The decoder's hidden state of each row's last token, after the final norm, ``(n, D)``.

        Raises:
            AgentError: If nobody told where prompts end.
        """
        prompts = needed(prompt_lengths)
        count = len(lengths)
        rows = self._fresh(input_ids, lengths, prompts)
        if len(rows) == count:
            return self._read(rows, input_ids, lengths, prompts)
        stands = lengths - prompts
        tokens = np.where(stands, input_ids[np.arange(count), lengths - 1], self._start)
        hidden = self._step(self._to_device(tokens), self._to_device(stands), int(stands.max()) + 1, int(prompts.max()))
        if len(rows):  # their step went astray; reading them writes every cell again
            read = self._read(rows, input_ids[rows], lengths[rows], prompts[rows])
            hidden[self._to_device(rows)] = read.to(hidden.dtype)
        return hidden

    @torch.inference_mode()
    def move(self, source: int, target: int) -> None:
        """Copies the context of one slot into another, so that the live rows stay the first ones."""
        super().move(source, target)
        for layer in self._own.layers:
            layer.keys[target] = layer.keys[source]
            layer.values[target] = layer.values[source]
        for layer in self._cross.layers:
            layer.move(source, target)
        self._unread[target] = self._unread[source]

    def _read(self, rows: np.ndarray, input_ids: np.ndarray, lengths: np.ndarray, prompts: np.ndarray) -> torch.Tensor:
        """Fills slots: the prompts through the encoder, what was written through the decoder."""
        slots = self._to_device(rows)
        self.slots.rows, self.slots.positions = slots, None
        self.cache.is_updated.clear()  # makes the cross-attention compute its keys and values
        prompt_lengths = self._to_device(prompts)
        encoded, mask = encode(self.lm, self._to_device(input_ids), prompt_lengths)
        self._unread[slots, 0, 0] = torch.where(self._cells < prompt_lengths[:, None], 0.0, OUTSIDE)
        hidden = decode(self.lm, self._written(input_ids, lengths, prompts), encoded, mask, self.cache)
        return hidden[torch.arange(len(rows), device=self._device), self._to_device(lengths - prompts)]

    def _step(self, tokens: torch.Tensor, stands: torch.Tensor, span: int, reach: int) -> torch.Tensor:
        """Appends one token to each of the first n slots; ``tokens`` and ``stands`` int64 ``(n,)``."""
        count = len(tokens)
        self.slots.rows, self.slots.positions, self.slots.span = self._rows[:count], stands, span
        for layer in self._cross.layers:
            layer.show(count, reach)
        distances = stands[:, None] - self._cells[:span]
        mask = self._places.bias(distances.clamp(min=0)).masked_fill(distances[:, None, None] < 0, OUTSIDE)
        with self._places.at(stands):
            return self._decoder(
                input_ids=tokens[:, None],
                attention_mask=mask,
                encoder_hidden_states=self._shape.expand(count, reach, 1),  # asked for its shape; see `PromptLayer`
                encoder_attention_mask=self._unread[:count, ..., :reach],
                past_key_values=self.cache,
                use_cache=True,
            ).last_hidden_state[:, 0]


def decoder(lm: PreTrainedModel, size: int, length: int) -> CachedDecoder | RereadingDecoder:
    """Returns what follows ``size`` contexts of up to ``length`` tokens, for as long as the weights stay."""
    return (CachedDecoder if places.known(lm) else RereadingDecoder)(lm, size, length)
