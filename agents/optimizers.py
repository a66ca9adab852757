"""Optimizers by name, and what no step of one may do."""

from __future__ import annotations

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


def check_gradient(optimizer: torch.optim.Optimizer) -> None:
    """Stops a step of the optimizer whose gradient is not finite.

    Raises:
        AgentError: If it is not.
    """
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    if not torch.isfinite(nn.utils.get_total_norm(gradients)):
        raise AgentError(
            "The gradient of the loss is not finite; the weights were left as they were. Lower learning_rate, or "
            "bound the reward with .clip()."
        )
