"""Gradients of all ranks, added up before a step of the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from .ranks import Ranks


class Reduction:
    """Makes the gradient of each rank that of all ranks' tokens, and bounds its norm.

    g = Σ_r w_r g_r / Σ_r w_r, where g_r is the gradient of rank r's mean loss, and w_r what that mean was divided by,
    such as its tokens: the gradient of the mean over all. One collective a step, of one flat buffer.

    A parameter that no rank has a gradient for keeps none, so that optimizers leave it alone.

    Args:
        ranks: Who takes part.
        parameters: What learns, the same on all ranks.
        max_grad_norm: Norm that the whole gradient is scaled down to, infinite for none.
        weight: Tells w_r of the gradient that is there when it is called.
    """

    def __init__(
        self, ranks: Ranks, parameters: Sequence[nn.Parameter], max_grad_norm: float, weight: Callable[[], float]
    ) -> None:
        self._ranks = ranks
        self._parameters = parameters
        self._max_grad_norm = max_grad_norm
        self._weight = weight
        first, count = parameters[0], len(parameters)
        dtype = torch.float64 if any(p.dtype == torch.float64 for p in parameters) else torch.float32
        sizes = [parameter.numel() for parameter in parameters]
        self._flat = torch.empty(sum(sizes) + count + 1, dtype=dtype, device=first.device)
        *parts, self._known, self._total = self._flat.split([*sizes, count, 1])
        self._parts = [part.view_as(parameter) for part, parameter in zip(parts, parameters, strict=True)]

    @torch.no_grad()
    def __call__(self) -> None:
        """Replaces the gradients of the parameters."""
        weight = self._weight()
        self._total.fill_(weight)
        own = [parameter.grad is not None for parameter in self._parameters]
        self._known.copy_(torch.tensor(own))
        for part, parameter in zip(self._parts, self._parameters, strict=True):
            if parameter.grad is None or not weight:
                part.zero_()
            else:
                part.copy_(parameter.grad).mul_(weight)
        self._ranks.add(self._flat)
        self._flat[: -len(own) - 1].div_(self._total)
        for part, parameter, known in zip(self._parts, self._parameters, self._known.tolist(), strict=True):
            if not known:
                continue
            if parameter.grad is None:
                parameter.grad = part.to(parameter, copy=True)
            else:
                parameter.grad.copy_(part)
        nn.utils.clip_grad_norm_(self._parameters, self._max_grad_norm)
