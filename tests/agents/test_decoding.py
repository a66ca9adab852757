from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from textgym.agents import fast_bodies
from textgym.agents.affine import Affine
from textgym.agents.decoding import Decoder, causal_hidden
from textgym.agents.fast_decoding import FastDecoder
from textgym.errors import ModelError

LENGTH, VOCAB = 24, 50


def build(cls: type[PreTrainedModel], config: Any, **changes: Any) -> PreTrainedModel:
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "vocab_size": VOCAB,
        "max_position_embeddings": 64,
        "bos_token_id": None,
        "eos_token_id": None,
        "initializer_range": 0.2,
    }
    return cls(config(**{**sizes, **changes})).eval()


MODELS = {
    "llama": lambda: build(LlamaForCausalLM, LlamaConfig, num_key_value_heads=2),
    "llama-eager": lambda: build(LlamaForCausalLM, LlamaConfig, attn_implementation="eager"),
    "qwen2": lambda: build(Qwen2ForCausalLM, Qwen2Config, num_key_value_heads=2),
    "mistral": lambda: build(MistralForCausalLM, MistralConfig, num_key_value_heads=2, sliding_window=LENGTH),
    "gpt-neox": lambda: build(GPTNeoXForCausalLM, GPTNeoXConfig),
}

FAST = {
    "llama": lambda: build(LlamaForCausalLM, LlamaConfig, num_key_value_heads=2),
    "llama-bias": lambda: build(LlamaForCausalLM, LlamaConfig, num_key_value_heads=1, attention_bias=True),
    "llama-wide-heads": lambda: build(LlamaForCausalLM, LlamaConfig, head_dim=16),
    "qwen2": lambda: build(Qwen2ForCausalLM, Qwen2Config, num_key_value_heads=2),
    "mistral": lambda: build(MistralForCausalLM, MistralConfig, num_key_value_heads=2, sliding_window=None),
}


def largest_difference(decoder: Decoder, steps: int = 60, seed: int = 0) -> float:
    """Follows ragged rows that restart at random, drops some on the way, and compares with whole passes."""
    rng = np.random.default_rng(seed)
    size = len(decoder.lengths)
    ids = rng.integers(0, VOCAB, (size, LENGTH))
    lengths = rng.integers(1, 9, size)
    worst = 0.0
    for step in range(steps):
        with torch.inference_mode():
            hidden = decoder.advance(ids, lengths)
            whole = causal_hidden(decoder.lm, torch.from_numpy(ids))
        expected = whole[torch.arange(len(lengths)), torch.from_numpy(lengths) - 1]
        worst = max(worst, (hidden - expected).abs().max().item())
        lengths = lengths + 1
        for row in np.flatnonzero((lengths > LENGTH) | (rng.random(len(lengths)) < 0.1)):
            ids[row] = rng.integers(0, VOCAB, LENGTH)
            lengths[row] = rng.integers(1, 12)
        if step % 20 == 19:  # the last row moves to the place of another, which is gone
            row, last = int(rng.integers(len(lengths))), len(lengths) - 1
            decoder.move(last, row)
            ids[row], lengths[row] = ids[last], lengths[last]
            ids, lengths = ids[:last], lengths[:last]
    return worst


@pytest.mark.parametrize("name", MODELS)
def test_cached_equals_uncached_for_any_architecture(name: str) -> None:
    assert largest_difference(Decoder(MODELS[name](), 7, LENGTH)) < 1e-5


@pytest.mark.parametrize("decoder", [Decoder, FastDecoder])
@pytest.mark.parametrize("activation", fast_bodies.TANH_GELU)
def test_cached_equals_uncached_for_gpt2(gpt2: Any, decoder: type[Decoder], activation: str) -> None:
    model = gpt2(VOCAB, initializer_range=0.2, n_inner=48, activation_function=activation)
    assert fast_bodies.supports(model)
    head = () if decoder is Decoder else (Affine(model.lm_head.weight, None),)
    assert largest_difference(decoder(model, 7, LENGTH, *head)) < 1e-5


@pytest.mark.parametrize("name", FAST)
def test_cached_equals_uncached_for_fast_bodies(name: str) -> None:
    model = FAST[name]()
    assert fast_bodies.supports(model)
    assert largest_difference(FastDecoder(model, 7, LENGTH, Affine(model.lm_head.weight, None))) < 1e-5


def test_the_fast_body_is_taken_for_what_it_computes_only(gpt2: Any) -> None:
    assert not fast_bodies.supports(MODELS["gpt-neox"]())
    assert not fast_bodies.supports(MODELS["mistral"]())  # its window slides
    assert not fast_bodies.supports(gpt2(activation_function="relu"))
    assert not fast_bodies.supports(gpt2(scale_attn_by_inverse_layer_idx=True))
    hooked = gpt2()
    hooked.transformer.h[0].register_forward_hook(lambda *_: None)
    assert not fast_bodies.supports(hooked)


def test_a_row_costs_one_token_while_it_grows(gpt2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = Decoder(gpt2(VOCAB), 3, LENGTH)
    work: list[tuple[int, ...]] = []
    forward = decoder.lm.base_model.forward
    monkeypatch.setattr(
        decoder.lm.base_model,
        "forward",
        lambda **kwargs: (work.append(kwargs["input_ids"].shape), forward(**kwargs))[1],
    )
    ids = np.random.default_rng(0).integers(0, VOCAB, (3, LENGTH))
    with torch.inference_mode():
        for length in (5, 6, 7):
            decoder.advance(ids, np.full(3, length))
        ids[1, 1] = (ids[1, 1] + 1) % VOCAB  # another episode: its cells are read anew, the others step
        decoder.advance(ids, np.array([8, 3, 8]))
    assert work == [(3, 5), (3, 1), (3, 1), (3, 1), (1, 3)]


def test_a_sliding_window_shorter_than_the_context_is_refused() -> None:
    model = build(MistralForCausalLM, MistralConfig, num_key_value_heads=2, sliding_window=LENGTH - 1)
    with pytest.raises(ModelError, match=f"last {LENGTH - 1} tokens"):
        Decoder(model, 2, LENGTH)


def test_a_model_without_keys_and_values_is_refused() -> None:
    model = MambaForCausalLM(MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=VOCAB, state_size=4)).eval()
    with pytest.raises(ModelError, match="MambaForCausalLM"):
        Decoder(model, 2, LENGTH)


def test_samples_of_one_prompt_share_its_reading(gpt2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = gpt2(VOCAB)
    decoder, read = Decoder(model, 6, LENGTH), []
    forward = model.base_model.forward
    monkeypatch.setattr(
        model.base_model, "forward", lambda **kwargs: (read.append(kwargs["input_ids"].shape), forward(**kwargs))[1]
    )
    ids = np.repeat(np.random.default_rng(0).integers(0, VOCAB, (2, LENGTH)), 3, 0)
    lengths = np.array([5, 5, 5, 5, 5, 4])
    with torch.inference_mode():
        for step in range(3):
            hidden = decoder.advance(ids, lengths)
            whole = causal_hidden(model, torch.from_numpy(ids))[torch.arange(6), torch.from_numpy(lengths) - 1]
            assert torch.allclose(hidden, whole, atol=1e-5)
            lengths = lengths + 1
            ids[np.arange(6), lengths - 1] = np.arange(6) + step  # the samples part ways
    assert read[0] == (3, 5)
    assert read[2] == (6, 1)
