"""What others wrote: revisions, no code of theirs, no pickles, and the Hub switched off."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.utils import logging

from textgym import assets, tokenizers
from textgym.agents.models import make_model, pretrained
from textgym.assets import hub
from textgym.errors import ModelError, TokenizerError
from textgym.rewards import models

SMALL = {
    "vocab_size": 4096,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
FAMILIES = {
    "gpt2": {"model_type": "gpt2", "vocab_size": 4096, "n_embd": 16, "n_layer": 1, "n_head": 2},
    "meta-llama/Llama-3.2-1B": {"model_type": "llama", "intermediate_size": 16, **SMALL},
    "Qwen/Qwen3-0.6B": {"model_type": "qwen3", "intermediate_size": 16, "head_dim": 8, **SMALL},
    "t5-small": {
        "model_type": "t5", "vocab_size": 4096, "d_model": 16, "d_ff": 16, "d_kv": 8, "num_layers": 1, "num_heads": 2,
        "decoder_start_token_id": 0,
    },
    "facebook/bart-base": {
        "model_type": "bart", "vocab_size": 4096, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
    },
}  # fmt: skip


def save(folder: Path, config: dict, seed: int = 0) -> Path:
    """Writes a small model of a family, with a tokenizer, as its repository on the Hub has it."""
    torch.manual_seed(seed)
    made = AutoConfig.for_model(**config)
    auto = AutoModelForSeq2SeqLM if made.is_encoder_decoder else AutoModelForCausalLM
    auto.from_config(made).save_pretrained(folder)
    AutoTokenizer.from_pretrained(assets.path("tiny")).save_pretrained(folder)
    return folder


def in_hub_cache(home: Path, name: str, revisions: dict[str, dict]) -> None:
    """Lays small models into a cache of the Hub, as downloading would have."""
    repository = home / "hub" / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    for seed, (revision, config) in enumerate(revisions.items()):
        commit = f"{seed + 1:040x}"
        (repository / "refs" / revision).write_text(commit)
        save(repository / "snapshots" / commit, config, seed)


def offline(code: str, home: Path) -> str:
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_HUB_CACHE", None)
    command = [sys.executable, "-P", "-W", "error", "-c", code]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_public_models_load_by_name_at_a_revision_and_offline(tmp_path: Path) -> None:
    """The cache is as `hf download` leaves it; nothing else of the Hub is here."""
    for name, config in FAMILIES.items():
        in_hub_cache(tmp_path, name, {"main": config, "v1": config} if name == "gpt2" else {"main": config})
    in_hub_cache(tmp_path, "old/pickled", {"main": FAMILIES["gpt2"]})
    (weights,) = (tmp_path / "hub" / "models--old--pickled").rglob("model.safetensors")
    weights.rename(weights.with_name("pytorch_model.bin"))
    code = """
from textgym import tokenizers
from textgym.agents.models import lasting_name, make_model, pretrained
from textgym.assets import inventory
from textgym.errors import AssetError, ModelError, TokenizerError

for name in NAMES:
    print(name, type(make_model(name, 4096, 32)).__name__, tokenizers.load(name).vocab_size)
one, main, other = (pretrained(name).get_input_embeddings().weight for name in ("gpt2", "gpt2@main", "gpt2@v1"))
print("revision", bool((one == main).all()), bool((one == other).all()), lasting_name("gpt2@v1"))
print("tokenizer", tokenizers.load("gpt2@v1").vocab_size)
for call in (pretrained, tokenizers.load, inventory.get):
    for name in ("no/such-model", "gpt2@v2"):
        try:
            call(name)
        except (AssetError, ModelError, TokenizerError) as error:
            print("error", type(error).__name__, error)
print("folder", inventory.get("gpt2@v1"))
for call in (pretrained, inventory.get):
    try:
        call("old/pickled")
    except (AssetError, ModelError) as error:
        print("pickle", error)
""".replace("NAMES", repr(list(FAMILIES)))
    lines = offline(code, tmp_path).splitlines()
    classes = ("GPT2LMHeadModel", "LlamaForCausalLM", "Qwen3ForCausalLM", "T5ForConditionalGeneration")
    expected = zip(FAMILIES, (*classes, "BartForConditionalGeneration"), strict=True)
    assert lines[:5] == [f"{name} {kind} 4096" for name, kind in expected]
    assert lines[5:7] == ["revision True False gpt2@v1", "tokenizer 4096"]
    for line in lines[7:13]:
        assert "HF_HUB_OFFLINE is set" in line
        assert re.search(r"hf download (no/such-model|gpt2 --revision v2)` where there is a network", line)
    commit = "2".rjust(40, "0")
    assert lines[13] == f"folder {tmp_path / 'hub' / 'models--gpt2' / 'snapshots' / commit}"
    assert len(lines) == 16
    for line in lines[14:]:
        assert line.startswith("pickle ")
        assert "pickles, which may run any program as they are read, are refused. Give a revision that has them" in line


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("hub") / "gpt2", FAMILIES["gpt2"])


def test_a_folder_is_read_without_a_bar(gpt2: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Reward models, too, load in the middle of what a command prints."""
    assert hub.load(AutoModelForCausalLM, str(gpt2), use_safetensors=True).config.model_type == "gpt2"
    assert "Loading weights" not in capfd.readouterr().err
    assert logging.is_progress_bar_enabled()


def test_an_unsafe_pickle_is_refused_and_the_advice_converts_it(gpt2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "pickled")
    weights = pretrained(gpt2).state_dict()
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    message = r"Its weights are in pytorch_model\.bin, a pickle, which may run any program .* Convert it: cd"
    with pytest.raises(ModelError, match=message) as raised:
        pretrained(folder)
    with pytest.raises(ModelError, match=message):
        models.load_frozen(AutoModelForCausalLM, str(folder), "cpu")
    subprocess.run(
        str(raised.value).partition("Convert it: ")[2].replace("python", sys.executable, 1), shell=True, check=True
    )
    assert torch.equal(pretrained(folder).get_input_embeddings().weight, weights["transformer.wte.weight"])


def test_a_pickle_beside_safetensors_is_never_opened(gpt2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "both")
    (folder / "pytorch_model.bin").write_bytes(b"anything at all")
    assert pretrained(folder).num_parameters() == pretrained(gpt2).num_parameters()


def test_code_that_comes_with_a_model_is_not_run(gpt2: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(gpt2, tmp_path / "coded")
    ran = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w')")
    config = json.loads((folder / "config.json").read_text()) | {
        "model_type": "own",
        "auto_map": {"AutoConfig": "modeling_own.Config", "AutoModelForCausalLM": "modeling_own.Model"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"No language model could be loaded from .*"):
        make_model(folder, 4096, 32)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["modeling_own.Own", None]}})
    )
    (folder / "tokenizer.json").unlink()
    with pytest.raises(TokenizerError):
        tokenizers.load(folder)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("gpt2", ("gpt2", None)),
        ("gpt2@v1.0", ("gpt2", "v1.0")),
        ("org/na-me.v2@refs/pr/1", ("org/na-me.v2", "refs/pr/1")),
        ("/data/models@home/gpt2", ("/data/models@home/gpt2", None)),
        ("org/name@", ("org/name@", None)),
    ],
)
def test_a_revision_is_read_off_an_id(source: str, found: tuple[str, str | None]) -> None:
    assert hub.split(source) == found


def test_a_folder_with_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gpt2@v1").mkdir()
    assert hub.split("gpt2@v1") == ("gpt2@v1", None)
