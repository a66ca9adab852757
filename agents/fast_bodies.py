"""The bodies of GPT-2 and of the Llama family in plain torch operations, on the Hugging Face module's own weights.

A step of a small model is mostly dispatch, and the Transformers forward issues several times as many operations as the
arithmetic needs; it also computes padding. Here every matrix product runs on real tokens only, laid end to end, and
only the attention knows which row a token belongs to. Tests hold this file to the module's own forward and gradients.

Shapes: S tokens laid end to end, H heads of queries, G of keys and values, D width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from transformers import (
    GPT2LMHeadModel,
    LlamaForCausalLM,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2ForCausalLM,
)

from .affine import Adapted, Affine, Map, affine, plain

TANH_GELU = ("gelu_new", "gelu_pytorch_tanh", "gelu_fast")
"""Names that transformers gives to one function, gelu with the tanh approximation."""

FIXED_ROTATIONS = ("default", "linear", "llama3")
"""Rotary embeddings whose frequencies do not depend on how long a context is."""

Attention = Callable[[int, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Mixes values: from the number of a layer, its queries ``(S, H, D / H)``, keys and values ``(S, G, D / H)``, to
``(S, D)``."""

Finish = Callable[[Affine | Adapted], Map]
"""What becomes of the maps of a body: themselves, or a packed copy."""


class FastBody(ABC):
    """A decoder-only language model without its head.

    Attributes:
        layers: Number of layers.
        heads: Heads of queries, H.
        kv_heads: Heads of keys and values, G, a divisor of H.
        head_width: D / H.
    """

    layers: int
    heads: int
    kv_heads: int
    head_width: int

    def hidden(
        self, tokens: torch.Tensor, positions: torch.Tensor, attention: Attention, keep: torch.Tensor | slice
    ) -> torch.Tensor:
        """Returns the hidden states of the tokens to ``keep``, ``(K, D)``, after the final norm.

        Args:
            tokens: Token ids, int64 ``(S,)``.
            positions: Place of each in its row, int64 ``(S,)``.
            attention: Mixes the values of the tokens that belong together.
            keep: Which tokens are asked for; the others leave after the last attention, when all has been read of them.
        """
        x, turns = self._begin(tokens, positions)
        for layer in range(self.layers):
            mixed = attention(layer, *self._ask(layer, x, turns))
            if layer == self.layers - 1:
                x, mixed = x[keep], mixed[keep]
            x = self._digest(layer, x, mixed)
        return self._end(x)

    @abstractmethod
    def _begin(self, tokens: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """Returns the embedded tokens, ``(S, D)``, and what `_ask` needs of their positions."""

    @abstractmethod
    def _ask(self, layer: int, x: torch.Tensor, turns: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Returns the queries, keys and values of a layer."""

    @abstractmethod
    def _digest(self, layer: int, x: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        """Returns what leaves a layer, ``(K, D)``, after the attention found ``mixed``."""

    @abstractmethod
    def _end(self, x: torch.Tensor) -> torch.Tensor:
        """Returns the final norm of ``x``."""


class _GPT2Layer(NamedTuple):
    norm1: tuple[torch.Tensor, torch.Tensor]
    attend: Map
    project: Map
    norm2: tuple[torch.Tensor, torch.Tensor]
    expand: Map
    contract: Map


class GPT2Body(FastBody):
    """GPT-2: learnt positions, layer norms, one matrix for queries, keys and values."""

    def __init__(self, lm: GPT2LMHeadModel, dtype: torch.dtype | None, finish: Finish) -> None:
        def norm(module: nn.LayerNorm) -> tuple[torch.Tensor, torch.Tensor]:
            return _cast(module.weight, dtype), _cast(module.bias, dtype)

        body, config = lm.transformer, lm.config
        self.layers, self.heads = len(body.h), config.n_head
        self.kv_heads, self.head_width = config.n_head, config.n_embd // config.n_head
        self._tokens, self._positions = _cast(body.wte.weight, dtype), _cast(body.wpe.weight, dtype)
        self._layers = [
            _GPT2Layer(
                norm(block.ln_1),
                finish(affine(block.attn.c_attn)),
                finish(affine(block.attn.c_proj)),
                norm(block.ln_2),
                finish(affine(block.mlp.c_fc, gelu=True)),
                finish(affine(block.mlp.c_proj)),
            )
            for block in body.h
        ]
        self._final, self._epsilon = norm(body.ln_f), config.layer_norm_epsilon

    def _begin(self, tokens: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, Any]:
        return F.embedding(tokens, self._tokens) + F.embedding(positions, self._positions), None

    def _ask(self, layer: int, x: torch.Tensor, turns: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        weights = self._layers[layer]
        q, k, v = weights.attend(self._norm(x, weights.norm1)).view(len(x), 3, self.heads, -1).unbind(1)
        return q, k, v

    def _digest(self, layer: int, x: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        weights = self._layers[layer]
        x = x + weights.project(mixed)
        return x + weights.contract(weights.expand(self._norm(x, weights.norm2)))

    def _end(self, x: torch.Tensor) -> torch.Tensor:
        return self._norm(x, self._final)

    def _norm(self, x: torch.Tensor, weights: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], *weights, self._epsilon)


class _LlamaLayer(NamedTuple):
    norm1: torch.Tensor
    attend: tuple[Map, ...]
    project: Map
    norm2: torch.Tensor
    expand: tuple[Map, ...]
    contract: Map


class LlamaBody(FastBody):
    """Llama, Mistral and Qwen2: rotary positions, RMS norms, grouped queries, a gated feed-forward layer."""

    def __init__(self, lm: PreTrainedModel, dtype: torch.dtype | None, finish: Finish, joined: bool) -> None:
        body, config = lm.model, lm.config
        first = body.layers[0].self_attn
        self.layers, self.head_width = len(body.layers), first.head_dim
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads

        def maps(*modules: nn.Module) -> tuple[Map, ...]:
            parts = [affine(module) for module in modules]
            if joined:
                return (finish(Affine.join([part.merged() for part in parts])),)
            return tuple(finish(part) for part in parts)

        self._tokens = _cast(body.embed_tokens.weight, dtype)
        self._rotary = body.rotary_emb
        self._layers = [
            _LlamaLayer(
                _cast(block.input_layernorm.weight, dtype),
                maps(block.self_attn.q_proj, block.self_attn.k_proj, block.self_attn.v_proj),
                finish(affine(block.self_attn.o_proj)),
                _cast(block.post_attention_layernorm.weight, dtype),
                maps(block.mlp.gate_proj, block.mlp.up_proj),
                finish(affine(block.mlp.down_proj)),
            )
            for block in body.layers
        ]
        self._final, self._epsilon = _cast(body.norm.weight, dtype), config.rms_norm_eps

    def _begin(self, tokens: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, Any]:
        x = F.embedding(tokens, self._tokens)
        cos, sin = (turn[0, :, None] for turn in self._rotary(x, positions[None]))  # each (S, 1, D / H)
        return x, (cos, torch.cat([-sin[..., : sin.shape[-1] // 2], sin[..., sin.shape[-1] // 2 :]], -1))

    def _ask(self, layer: int, x: torch.Tensor, turns: Any) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        weights = self._layers[layer]
        h = self._norm(x, weights.norm1)
        sizes = [self.heads + self.kv_heads, self.kv_heads]
        heads = torch.cat([part(h) for part in weights.attend], -1).view(len(x), -1, self.head_width)
        turned, v = heads.split(sizes, 1)
        q, k = _rotated(turned, *turns).split([self.heads, self.kv_heads], 1)
        return q, k, v

    def _digest(self, layer: int, x: torch.Tensor, mixed: torch.Tensor) -> torch.Tensor:
        weights = self._layers[layer]
        x = x + weights.project(mixed)
        h = self._norm(x, weights.norm2)
        gate, up = torch.cat([part(h) for part in weights.expand], -1).chunk(2, -1)
        return x + weights.contract(F.silu(gate) * up)

    def _end(self, x: torch.Tensor) -> torch.Tensor:
        return self._norm(x, self._final)

    def _norm(self, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, x.shape[-1:], weight, self._epsilon)


def supports(lm: PreTrainedModel) -> bool:
    """Whether ``lm`` is just what this module computes: no hooks, no variants, every layer plain or under LoRA."""
    if any(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module) for module in lm.modules()):
        return False  # somebody's own, or layers that are to be computed again for their gradient
    return _is_gpt2(lm) or _is_llama(lm)


def own_weights(lm: PreTrainedModel) -> FastBody:
    """Returns the body of a model that is supported, on the weights themselves: gradients reach them."""
    if _is_gpt2(lm):
        return GPT2Body(lm, None, lambda part: part)
    return LlamaBody(lm, None, lambda part: part, joined=False)


def packed_copy(lm: PreTrainedModel, dtype: torch.dtype, rows: int) -> FastBody:
    """Returns the body for inference on the weights as they are now, in ``dtype``, packed for about ``rows`` tokens.

    An update of the weights spoils it: what is packed stays, what needed no copy moves.
    """

    def finish(part: Affine | Adapted) -> Map:
        return part.merged().packed(dtype, rows)

    with torch.inference_mode():
        return GPT2Body(lm, dtype, finish) if _is_gpt2(lm) else LlamaBody(lm, dtype, finish, joined=True)


def _is_gpt2(lm: PreTrainedModel) -> bool:
    config = lm.config
    return (
        type(lm) is GPT2LMHeadModel
        and config.activation_function in TANH_GELU
        and config.scale_attn_weights
        and not config.scale_attn_by_inverse_layer_idx
        and not config.add_cross_attention
        and all(
            plain([block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj])
            for block in lm.transformer.h
        )
    )


def _is_llama(lm: PreTrainedModel) -> bool:
    config = lm.config
    return (
        type(lm) in (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM)
        and config.hidden_act in ("silu", "swish")
        and (getattr(config, "sliding_window", None) is None or not getattr(config, "use_sliding_window", True))
        and config.rope_parameters["rope_type"] in FIXED_ROTATIONS
        and all(
            plain(
                [
                    *(getattr(block.self_attn, f"{name}_proj") for name in "qkvo"),
                    *(getattr(block.mlp, f"{name}_proj") for name in ("gate", "up", "down")),
                ]
            )
            for block in lm.model.layers
        )
    )


def _cast(weight: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    return weight if dtype is None else weight.detach().to(dtype)


def _rotated(x: torch.Tensor, cos: torch.Tensor, signed_sin: torch.Tensor) -> torch.Tensor:
    """Turns ``(S, heads, D / H)`` by the angles of their positions; the first half of ``signed_sin`` is negative."""
    return x * cos + x.roll(x.shape[-1] // 2, -1) * signed_sin
