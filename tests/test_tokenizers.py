"""Every kind of tokenizer loads, round-trips, and says what it is."""

from __future__ import annotations

import copy
import pickle

import pytest

from textgym import assets, tokenizers
from textgym.errors import TokenizerError

TEXTS = ["The kettle arrived with a dent, but thank you!", "  two spaces\n", "我爱你。", "café 🙂 𝒳"]


@pytest.mark.parametrize("text", TEXTS)
def test_the_shipped_tokenizer_round_trips_any_text(text):
    tokenizer = tokenizers.load("tiny")
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode([tokenizer.bos_id, *tokenizer.encode(text), tokenizer.eos_id]) == text


def test_the_shipped_special_tokens_are_distinct():
    tokenizer = tokenizers.load("tiny")
    assert len({tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id}) == 3
    assert tokenizer.vocab_size == 4096


def test_the_shipped_tokenizer_is_the_same_through_transformers():
    from transformers import AutoTokenizer

    ours = tokenizers.load("tiny")
    theirs = tokenizers.load(AutoTokenizer.from_pretrained(assets.path("tiny")))
    assert theirs.fingerprint == ours.fingerprint
    assert all(theirs.encode(text) == ours.encode(text) for text in TEXTS)


def test_characters():
    tokenizer = tokenizers.load("chars:我爱你。")
    assert tokenizer.encode("我爱你。") == [3, 4, 5, 6]
    assert tokenizer.decode([1, 3, 4, 2, 0]) == "我爱"
    with pytest.raises(TokenizerError, match="'x'"):
        tokenizer.encode("x")


@pytest.mark.parametrize("spec", ["tiny", "chars:ab"])
def test_saves_and_loads(spec, tmp_path):
    tokenizer = tokenizers.load(spec)
    tokenizer.save(tmp_path)
    assert tokenizers.load(tmp_path).fingerprint == tokenizer.fingerprint


@pytest.mark.parametrize("spec", ["tiny", "chars:ab"])
def test_travels_to_workers(spec):
    tokenizer = tokenizers.load(spec)
    assert copy.deepcopy(tokenizer) is tokenizer
    assert pickle.loads(pickle.dumps(tokenizer)).fingerprint == tokenizer.fingerprint


@pytest.mark.parametrize(
    ("spec", "message"), [("no/such/folder", "no/such/folder"), ("chars:", "''"), ("chars:aa", "'aa'"), (3, "3")]
)
def test_what_cannot_be_loaded_is_named(spec, message):
    with pytest.raises(TokenizerError, match=message):
        tokenizers.load(spec)


def test_a_model_that_a_package_carries_brings_its_tokenizer(monkeypatch):
    monkeypatch.setattr(assets, "resolve", lambda name: str(assets.path("tiny")) if name == "carried" else name)
    tokenizer = tokenizers.load("carried")
    assert tokenizer.name == "carried"  # makes it again elsewhere, where it lies in another folder
    assert tokenizer.encode("good") == tokenizers.load("tiny").encode("good")
