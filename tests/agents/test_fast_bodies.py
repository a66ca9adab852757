from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from textgym.agents import affine, fast_bodies, fast_decoding, lora
from textgym.agents.decoding import Decoder, causal_hidden
from textgym.agents.fast_decoding import FastDecoder
from textgym.agents.models import make_model

VOCAB, LENGTH = 50, 24


def llama_like(cls: Any, config: Any, **changes: Any) -> PreTrainedModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    ids = {"vocab_size": VOCAB, "bos_token_id": None, "eos_token_id": None, "max_position_embeddings": 64}
    return cls(config(**{**sizes, **ids, "initializer_range": 0.2, **changes})).eval()


PLAIN = {
    "gpt2": lambda: make_model({"n_layer": 2, "n_embd": 32, "n_head": 4, "initializer_range": 0.2}, VOCAB, LENGTH, 0),
    "llama": lambda: llama_like(LlamaForCausalLM, LlamaConfig, num_key_value_heads=2, attention_bias=True),
    "qwen2": lambda: llama_like(Qwen2ForCausalLM, Qwen2Config, num_key_value_heads=1),
    "mistral": lambda: llama_like(MistralForCausalLM, MistralConfig, num_key_value_heads=4, sliding_window=None),
}


def adapted(lm: PreTrainedModel) -> PreTrainedModel:
    """Puts an adapter that has learnt something into a model."""
    torch.manual_seed(1)
    lora.inject(lm, {"r": 3})
    with torch.no_grad():
        for name, weight in lm.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.2)
    return lm


MODELS = PLAIN | {f"{name}, adapted": lambda name=name: adapted(PLAIN[name]()) for name in ("gpt2", "llama")}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return MODELS[request.param]()


def episodes(seed: int = 0, count: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    ids = torch.from_numpy(rng.integers(0, VOCAB, (count, LENGTH)))
    lengths = torch.from_numpy(np.sort(rng.integers(4, LENGTH + 1, count)))
    cells = torch.arange(LENGTH)
    keep = (cells >= 3) & (cells < lengths[:, None]) & torch.from_numpy(rng.random((count, LENGTH)) < 0.8)
    return ids, lengths, keep


def test_packed_tokens_have_the_states_and_gradients_of_the_padded_forward(model: PreTrainedModel) -> None:
    ids, lengths, keep = episodes()
    goal = torch.randn(int(keep.sum()), 32, generator=torch.Generator().manual_seed(0))
    results = []
    for hidden in (
        causal_hidden(model, ids[:, :-1])[keep[:, 1:]],
        fast_decoding.response_hidden(model, ids, lengths, keep),
    ):
        model.zero_grad()
        (hidden * goal).sum().backward()
        results.append((hidden.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    (expected, gradients), (found, own) = results
    assert torch.allclose(found, expected, atol=1e-5)
    assert len(own) == len(gradients)
    for one, other in zip(own, gradients, strict=True):
        assert torch.allclose(one, other, atol=1e-5 * max(1.0, float(other.abs().max())))


def test_the_same_prompt_is_read_once(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    prompts, samples = 3, 4
    ids = np.repeat(rng.integers(0, VOCAB, (prompts, LENGTH)), samples, 0)
    lengths = np.repeat(np.array([5, 9, 1]), samples)
    read: list[int] = []
    whole = fast_bodies.FastBody.hidden
    monkeypatch.setattr(
        fast_bodies.FastBody,
        "hidden",
        lambda body, tokens, *rest, **kw: (read.append(len(tokens)), whole(body, tokens, *rest, **kw))[1],
    )
    plain = Decoder(model, len(ids), LENGTH)
    fast = FastDecoder(model, len(ids), LENGTH, affine.Affine(model.lm_head.weight, None))
    with torch.inference_mode():
        for step in range(6):
            assert torch.allclose(fast.advance(ids, lengths), plain.advance(ids, lengths), atol=1e-5)
            if step == 2:  # a group of another prompt starts in the middle of the others
                ids[:samples], lengths[:samples] = rng.integers(0, VOCAB, LENGTH), 7
            else:
                lengths = lengths + 1
            ids[np.arange(len(ids)), lengths - 1] = rng.integers(0, VOCAB, len(ids))  # samples part ways
    asked = prompts * samples
    assert read == [asked + 4 + 8 + 0, asked, asked, asked + 6, asked, asked]


def test_cells_grow_with_the_contexts(model: PreTrainedModel) -> None:
    """What contexts held before they grew, and what longer ones left behind, changes nothing."""
    rng = np.random.default_rng(0)
    fast = FastDecoder(model, 4, LENGTH, affine.Affine(model.lm_head.weight, None))
    cells = []
    with torch.inference_mode():
        for lengths in (3, 4, 6, 7, 8, 20, 21, LENGTH, 2, 3, 11):
            ids, count = rng.integers(0, VOCAB, (4, LENGTH)), np.full(4, lengths)
            ids[:, : min(lengths, 7)] = 1  # a step where the context goes on, else read anew
            exact = causal_hidden(model, torch.from_numpy(ids))[:, lengths - 1]
            assert torch.allclose(fast.advance(ids, count), exact, atol=1e-5)
            cells.append(fast.cache.layers[0].keys.shape[2])
    assert cells == [6, 6, 6, 14, 14, LENGTH, LENGTH, LENGTH, LENGTH, LENGTH, LENGTH]


def test_bfloat16_stays_within_its_rounding(model: PreTrainedModel) -> None:
    ids, lengths = np.random.default_rng(0).integers(0, VOCAB, (8, LENGTH)), np.arange(8) + 3
    fast = FastDecoder(model, 8, LENGTH, affine.Affine(model.lm_head.weight, None), torch.bfloat16)
    with torch.inference_mode():
        for _ in range(10):
            hidden = fast.advance(ids, lengths).float()
            exact = causal_hidden(model, torch.from_numpy(ids))[torch.arange(8), torch.from_numpy(lengths) - 1]
            assert (hidden - exact).abs().mean() < 0.02 * exact.abs().mean().clamp(min=1.0)
            lengths = lengths + 1


def test_an_adapter_that_does_more_is_left_to_its_own_forward() -> None:
    model = PLAIN["gpt2"]()
    assert fast_bodies.supports(model)
    lora.inject(model, {"use_dora": True})
    assert not fast_bodies.supports(model)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_map_is_the_map(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    linear = torch.nn.Linear(40, 72, bias=bias)
    x = torch.randn(9, 40)
    with torch.inference_mode():
        found = affine.Affine(linear.weight, linear.bias).packed(dtype, 9)(x.to(dtype)).float()
        assert torch.allclose(found, linear(x), atol=1e-5 if dtype == torch.float32 else 0.03)


def test_a_machine_without_the_packed_products_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise NotImplementedError("no such operator")

    monkeypatch.setattr(affine, "_packed_linear", gone)
    affine.can_pack.cache_clear()
    try:
        assert not affine.can_pack(torch.float32)
        assert isinstance(affine.Affine(torch.ones(4, 4), None).packed(torch.float32, 2), affine.Affine)
    finally:
        affine.can_pack.cache_clear()
