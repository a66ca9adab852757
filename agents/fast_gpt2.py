"""A decoding step for GPT-2 written out in plain torch operations.

A step of a small model is mostly dispatch: the Transformers forward issues several times as many operations as the
arithmetic needs. This one runs on the weights of the Hugging Face module itself, and tests hold it to that module's
own forward.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.nn import functional as F
from transformers import GPT2LMHeadModel, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from .decoding import Decoder

TANH_GELU = ("gelu_new", "gelu_pytorch_tanh", "gelu_fast")
"""Names that transformers gives to one function, gelu with the tanh approximation."""


class _Block(NamedTuple):
    """Weights of one layer; matrices are ``(in, out)`` as in `Conv1D`."""

    norm1: tuple[torch.Tensor, torch.Tensor]
    attend: tuple[torch.Tensor, torch.Tensor]
    project: tuple[torch.Tensor, torch.Tensor]
    norm2: tuple[torch.Tensor, torch.Tensor]
    expand: tuple[torch.Tensor, torch.Tensor]
    contract: tuple[torch.Tensor, torch.Tensor]


def supports(lm: PreTrainedModel) -> bool:
    """Whether ``lm`` is exactly the GPT-2 that this module computes: no adapters, hooks or variants."""
    config = lm.config
    return (
        type(lm) is GPT2LMHeadModel
        and config.activation_function in TANH_GELU
        and config.scale_attn_weights
        and not config.scale_attn_by_inverse_layer_idx
        and not config.add_cross_attention
        and all(
            type(module) is Conv1D
            for block in lm.transformer.h
            for module in (block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj)
        )
        and not any(module._forward_hooks or module._forward_pre_hooks for module in lm.modules())
    )


class GPT2Decoder(Decoder):
    """A `Decoder` with its own step; prompts still go through the Transformers forward.

    Args:
        lm: A model that `supports` accepts.
        size: Number of rows, N.
        length: Longest context, L.
        dtype: What the step computes in; weights are cast once, here, so a decoder must not outlive an update of them
            unless this is the dtype that they have.
    """

    def __init__(self, lm: GPT2LMHeadModel, size: int, length: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(lm, size, length)
        body, config = lm.transformer, lm.config
        self._heads = config.n_head
        self._scale = (config.n_embd // config.n_head) ** -0.5
        self._epsilon = config.layer_norm_epsilon

        def pair(module: Any) -> tuple[torch.Tensor, torch.Tensor]:
            return module.weight.detach().to(dtype), module.bias.detach().to(dtype)

        self._tokens = body.wte.weight.detach().to(dtype)
        self._positions = body.wpe.weight.detach().to(dtype)
        self._final = pair(body.ln_f)
        self._blocks = [
            _Block(
                pair(block.ln_1),
                pair(block.attn.c_attn),
                pair(block.attn.c_proj),
                pair(block.ln_2),
                pair(block.mlp.c_fc),
                pair(block.mlp.c_proj),
            )
            for block in body.h
        ]

    def _step(self, tokens: torch.Tensor, positions: torch.Tensor, span: int) -> torch.Tensor:
        count, heads = len(tokens), self._heads
        rows = self._rows[:count]
        x = F.embedding(tokens, self._tokens) + F.embedding(positions, self._positions)  # (n, D)
        width = x.shape[1]
        visible = self._cells[:span] <= positions[:, None]
        bias = x.new_zeros(count, span).masked_fill_(~visible, -torch.inf)
        bias = bias[:, None].expand(count, heads, span).reshape(count * heads, 1, span)
        for block, layer in zip(self._blocks, self.cache.layers, strict=True):
            h = F.layer_norm(x, (width,), *block.norm1, self._epsilon)
            q, k, v = _affine(h, *block.attend).view(count, 3, heads, -1).unbind(1)  # each (n, H, D / H)
            layer.keys[rows, :, positions] = k
            layer.values[rows, :, positions] = v
            keys = layer.keys[:count].flatten(0, 1)[:, :span]  # (n H, span, D / H), a view
            values = layer.values[:count].flatten(0, 1)[:, :span]
            scores = torch.baddbmm(bias, q.reshape(count * heads, 1, -1), keys.transpose(1, 2), alpha=self._scale)
            mixed = torch.bmm(scores.softmax(-1), values).view(count, width)
            x = x + _affine(mixed, *block.project)
            h = F.layer_norm(x, (width,), *block.norm2, self._epsilon)
            x = x + _affine(F.gelu(_affine(h, *block.expand), approximate="tanh"), *block.contract)
        return F.layer_norm(x, (width,), *self._final, self._epsilon)


def _affine(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return torch.addmm(bias, x, weight)
