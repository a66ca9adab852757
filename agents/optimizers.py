"""Optimizers by name, how their steps are computed, and what none of these may do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from textgym.errors import AgentError


def optimizer_of(spec: str | type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Returns the class of an optimizer, or the one that torch has under its name.

    Raises:
        AgentError: If there is none.
    """
    found = getattr(torch.optim, spec, None) if isinstance(spec, str) else spec
    if not isinstance(found, type) or not issubclass(found, torch.optim.Optimizer):
        raise AgentError(
            f"optimizer_class is the name of a class in torch.optim, such as 'AdamW'. Actual value: {spec!r}."
        )
    return found


def made(
    cls: type[torch.optim.Optimizer], parameters: Iterable[nn.Parameter], options: dict[str, Any]
) -> torch.optim.Optimizer:
    """Returns an optimizer, fused where torch has it so: one pass over the weights in place of a dozen.

    Args:
        cls: Its class.
        parameters: What it steps.
        options: Its arguments; one that chooses how steps are computed stays as it is given.
    """
    parameters = list(parameters)
    shared = any(hasattr(parameter, "full_tensor") for parameter in parameters)  # by ranks: SGD is not fused there
    able = cls in (torch.optim.Adam, torch.optim.AdamW) or (cls is torch.optim.SGD and not shared)
    if able and not options.keys() & {"fused", "foreach", "differentiable"}:
        options = {"fused": True, **options}
    return cls(parameters, **options)


def check_gradient(optimizer: torch.optim.Optimizer) -> None:
    """Stops a step of the optimizer whose gradient is not finite.

    Raises:
        AgentError: If it is not.
    """
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    if hasattr(norm, "full_tensor"):  # of weights that ranks share
        norm = norm.full_tensor()
    if not torch.isfinite(norm):
        raise AgentError(
            "The gradient of the loss is not finite; the weights were left as they were. Lower learning_rate, or "
            "bound the reward with .clip()."
        )
