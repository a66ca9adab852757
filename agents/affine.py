"""Affine maps of a model's own weights, and the same packed for the matrix products of oneDNN."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from .lora import LowRank, low_rank

Map = Callable[[torch.Tensor], torch.Tensor]
"""Maps ``(S, in)`` to ``(S, out)``."""


@dataclass(frozen=True, slots=True)
class Affine:
    """x Wᵀ + b, and what becomes of it.

    Attributes:
        weight: W, ``(out, in)``; of a `Conv1D`, a view of its transpose.
        bias: b, ``(out,)``, or None.
        gelu: Whether the result goes through gelu, with the tanh approximation.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    gelu: bool = False

    @classmethod
    def join(cls, parts: list[Affine]) -> Affine:
        """Returns one map with the outputs of all ``parts``, end to end; their weights are copied."""
        biases = [part.bias for part in parts if part.bias is not None]
        return cls(torch.cat([part.weight for part in parts]), torch.cat(biases) if biases else None)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = F.linear(x, self.weight, self.bias)
        return F.gelu(y, approximate="tanh") if self.gelu else y

    def merged(self) -> Affine:
        """Returns itself; see `Adapted.merged`."""
        return self

    def packed(self, dtype: torch.dtype, rows: int) -> Map:
        """Returns the same map on a copy of the weights in ``dtype``, packed where this machine gains by it.

        Args:
            dtype: What it computes in.
            rows: About how many rows it will be given at a time.
        """
        weight = self.weight.detach().to(dtype)
        bias = None if self.bias is None else self.bias.detach().to(dtype)
        if weight.device.type == "cpu" and can_pack(dtype):
            return _Packed(_pack(weight.contiguous(), rows), bias, self.gelu)
        return Affine(weight, bias, self.gelu)


@dataclass(frozen=True, slots=True)
class Adapted:
    """x Wᵀ + scale · x Aᵀ Bᵀ + b: an affine map with a low-rank adapter on it.

    Attributes:
        base: The map under the adapter.
        adapter: A, B and the scale.
    """

    base: Affine
    adapter: LowRank

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        _, down, up, scale = self.adapter
        y = F.linear(x, self.base.weight, self.base.bias) + scale * F.linear(F.linear(x, down), up)
        return F.gelu(y, approximate="tanh") if self.base.gelu else y

    def merged(self) -> Affine:
        """Returns the same map as one matrix, as it is now."""
        _, down, up, scale = self.adapter
        return Affine(self.base.weight + scale * up @ down, self.base.bias, self.base.gelu)


def affine(module: Any, gelu: bool = False) -> Affine | Adapted:
    """Returns the map that a layer of `plain` computes, on its own weights; ``gelu`` says what follows it."""
    adapter = low_rank(module)
    layer: Any = module if adapter is None else adapter.base
    base = Affine(layer.weight.t() if isinstance(layer, Conv1D) else layer.weight, layer.bias, gelu)
    return base if adapter is None else Adapted(base, adapter)


@dataclass(frozen=True, slots=True)
class _Packed:
    weight: torch.Tensor
    bias: torch.Tensor | None
    gelu: bool

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return _packed_linear(x, self.weight, self.bias, self.gelu)


@lru_cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this torch has oneDNN's packed products on this machine, and they are right.

    The operators are torch's own but private: whatever they answer but the right result means no.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    with torch.random.fork_rng(devices=[]), torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        x, weight, bias = (values.to(dtype) for values in (torch.randn(5, 48), torch.randn(80, 48), torch.randn(80)))
        for gelu in (False, True):
            try:
                found = _packed_linear(x, _pack(weight, 5), bias, gelu)
            except (AttributeError, RuntimeError):  # NotImplementedError is one
                return False
            exact = Affine(weight.double(), bias.double(), gelu)(x.double())
            if not torch.allclose(found.double(), exact, rtol=0.0, atol=1e-4 if dtype == torch.float32 else 0.3):
                return False
        return True


def _pack(weight: torch.Tensor, rows: int) -> torch.Tensor:
    return torch.ops.mkldnn._reorder_linear_weight(weight, rows)


def _packed_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, gelu: bool) -> torch.Tensor:
    name, way = ("gelu", "tanh") if gelu else ("none", "")
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, name, [], way)


def plain(modules: list[nn.Module]) -> bool:
    """Whether every module is exactly a ``Linear`` or a `Conv1D`, as it is or under a LoRA adapter of `agents.lora`."""
    adapters = [low_rank(module) for module in modules]
    layers = [module if adapter is None else adapter.base for module, adapter in zip(modules, adapters, strict=True)]
    return all(type(layer) in (nn.Linear, Conv1D) for layer in layers)
