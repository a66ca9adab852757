"""Our tokenizers as tokenizers of transformers, which begin a text as the environment begins a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textgym.errors import ModelError
from textgym.tokenizers import SPECIALS, CharTokenizer, Tokenizer


def write(tokenizer: Tokenizer, folder: Path) -> Any:
    """Writes a tokenizer that transformers loads and that puts BOS before a text, and returns it as loaded.

    Args:
        tokenizer: A shipped one, one of characters, or one of transformers.
        folder: An existing folder.

    Raises:
        ModelError: If transformers cannot load it.
    """
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    if isinstance(tokenizer, CharTokenizer):
        _of_characters(tokenizer).save_pretrained(str(folder))
    else:
        tokenizer.save(folder)
    try:
        loaded = AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The tokenizer {tokenizer.name!r} cannot be written as one of transformers: {error} Use a Hugging Face "
            "tokenizer or a character vocabulary."
        ) from error
    begins = [] if tokenizer.bos_id is None else [tokenizer.bos_id]
    backend = getattr(loaded, "backend_tokenizer", None)
    if loaded("").input_ids != begins and begins and backend is not None:
        bos = tokenizer.tokens()[begins[0]]
        backend.post_processor = TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, begins[0])]
        )
        loaded.save_pretrained(str(folder))
    return loaded


def _of_characters(tokenizer: CharTokenizer) -> Any:
    """Returns the same vocabulary as a tokenizer of transformers."""
    from tokenizers import Regex, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as RustTokenizer
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: i for i, token in enumerate(tokenizer.tokens())}
    backend = RustTokenizer(models.WordLevel(vocabulary, unk_token=SPECIALS[0]))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    backend.decoder = decoders.Fuse()
    pad, bos, eos = SPECIALS
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=pad, bos_token=bos, eos_token=eos, clean_up_tokenization_spaces=False
    )
