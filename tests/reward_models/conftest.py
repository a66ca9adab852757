"""Backbones of a few thousand random weights, one a kind of architecture, and feedback with a word that decides."""

from __future__ import annotations

import random

import pytest
import torch
import transformers

from textgym import assets

KINDS = ("encoder", "decoder", "encoder_decoder")
MOODS = {
    "negative": ("bad", "awful", "rude"),
    "neutral": ("plain", "usual", "grey"),
    "positive": ("good", "lovely", "kind"),
}
OPENINGS = ("the soup was", "our flight was", "my new kettle is", "the man at the desk was", "this hotel is")


def _config(kind: str, size: int):
    small = {"vocab_size": size, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    if kind == "encoder":
        return transformers.BertConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, **small
        )
    if kind == "decoder":
        return transformers.LlamaConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, **small
        )
    return transformers.BartConfig(
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        forced_eos_token_id=None,
        decoder_start_token_id=2,
        **small,
    )


@pytest.fixture(scope="session")
def backbones(tmp_path_factory) -> dict[str, str]:
    """A folder with a random model and the shipped tokenizer, by kind."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(assets.path("tiny"))
    folders = {}
    for kind in KINDS:
        torch.manual_seed(0)
        folder = tmp_path_factory.mktemp("backbones") / kind
        transformers.AutoModel.from_config(_config(kind, len(tokenizer))).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        folders[kind] = str(folder)
    return folders


@pytest.fixture(scope="session")
def rows() -> list[tuple[str, str]]:
    """600 different texts, each with its label, which a single word decides."""
    rng = random.Random(0)
    found: dict[str, str] = {}
    while len(found) < 600:
        label = rng.choice(list(MOODS))
        text = f"{rng.choice(OPENINGS)} {rng.choice(MOODS[label])} on day {rng.randrange(1000)}."
        found.setdefault(text, label)
    return list(found.items())
