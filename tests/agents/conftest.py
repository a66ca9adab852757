from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from textgym.agents.models import SCRATCH


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # two busy processes of two threads each stop each other


@pytest.fixture
def gpt2() -> Any:
    """Makes GPT-2 models whose logits are spread out, so that a wrong token or place shows."""

    def make(vocab_size: int = 50, positions: int = 32, spread: float = 20.0, **changes: Any) -> GPT2LMHeadModel:
        torch.manual_seed(0)
        sizes = {"vocab_size": vocab_size, "n_positions": positions, "n_layer": 2, "n_embd": 32, "n_head": 4}
        model = GPT2LMHeadModel(GPT2Config(**{**SCRATCH, **sizes, **changes})).eval()
        with torch.no_grad():
            model.transformer.wte.weight.mul_(spread)
            model.transformer.wpe.weight.mul_(spread)
        return model

    return make
