"""Networks of a few hundred weights, random and therefore tied to no training run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

WORDS = [
    "the",
    "food",
    "was",
    "good",
    "bad",
    "great",
    "awful",
    "and",
    "slow",
    "but",
    "we",
    "loved",
    "it",
    "staff",
    "rude",
]


def _tokenizer() -> transformers.PreTrainedTokenizerFast:
    specials = ["<pad>", "<bos>", "<eos>", "<unk>"]
    vocabulary = {token: i for i, token in enumerate([*specials, *WORDS])}
    rust = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>", unk_token="<unk>"
    )


def _config(**options) -> transformers.GPT2Config:
    return transformers.GPT2Config(
        vocab_size=len(_tokenizer()), n_positions=32, n_embd=16, n_layer=2, n_head=2, initializer_range=0.5, **options
    )


def _save(model: transformers.PreTrainedModel, folder: Path) -> str:
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory) -> str:
    """An encoder with the classes negative, neutral and positive."""
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(_tokenizer()),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        initializer_range=0.5,
        id2label={0: "negative", 1: "neutral", 2: "positive"},
        label2id={"negative": 0, "neutral": 1, "positive": 2},
    )
    model = transformers.BertForSequenceClassification(config)
    return _save(model, tmp_path_factory.mktemp("models") / "classifier")


@pytest.fixture(scope="session")
def scalar_folder(tmp_path_factory) -> str:
    """A decoder with a single output, as reward models trained on preferences are."""
    torch.manual_seed(1)
    model = transformers.GPT2ForSequenceClassification(_config(num_labels=1, pad_token_id=0))
    return _save(model, tmp_path_factory.mktemp("models") / "scalar")


@pytest.fixture(scope="session")
def language_model_folder(tmp_path_factory) -> str:
    torch.manual_seed(2)
    model = transformers.GPT2LMHeadModel(_config(bos_token_id=1, eos_token_id=2))
    return _save(model, tmp_path_factory.mktemp("models") / "language_model")
