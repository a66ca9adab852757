from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from textgym.agents import optimizers


@pytest.mark.parametrize(
    ("cls", "options", "fused"),
    [
        (torch.optim.Adam, {}, True),
        (torch.optim.AdamW, {"weight_decay": 0.1}, True),
        (torch.optim.SGD, {"momentum": 0.9}, True),
        (torch.optim.Adam, {"foreach": True}, None),
        (torch.optim.AdamW, {"fused": False}, False),
        (torch.optim.RMSprop, {}, None),
    ],
)
def test_steps_are_fused_where_torch_can_and_nobody_chose(
    cls: type[torch.optim.Optimizer], options: dict[str, Any], fused: bool | None
) -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = optimizers.made(cls, [weight], {"lr": 0.1, **options})
    assert optimizer.defaults.get("fused") is fused
    weight.sum().backward()
    optimizer.step()
    assert (weight < torch.tensor([1.0, -2.0])).all()
