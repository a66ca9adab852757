"""Text to token ids and back.

An environment needs little of a tokenizer: its size, its special ids, `encode` and `decode`. `load` accepts the
shipped byte-level BPE (``"tiny"``), a character vocabulary (``"chars:我爱你。"``), any Hugging Face tokenizer by name,
folder or object, and any object that already offers what `Tokenizer` asks for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from textgym import assets
from textgym.errors import TokenizerError

CHARS = "chars:"
SPECIALS = ("<pad>", "<bos>", "<eos>")


class Tokenizer:
    """What an environment asks of a tokenizer; subclass it to bring your own.

    Attributes:
        name: What `load` takes to make it again.
        vocab_size: Number of ids, V; every id lies in ``[0, V)``.
        pad_id: Id that fills the cells after the last token.
        bos_id: Id that starts a prompt, or None where the vocabulary has none.
        eos_id: Id that ends a completion.
    """

    name: str
    vocab_size: int
    pad_id: int
    bos_id: int | None
    eos_id: int

    def encode(self, text: str) -> list[int]:
        """Returns the ids of ``text``, without special tokens."""
        raise TokenizerError(f"{type(self).__name__} does not define encode(text).")

    def decode(self, ids: Iterable[int]) -> str:
        """Returns the text of ``ids``, special tokens left out."""
        raise TokenizerError(f"{type(self).__name__} does not define decode(ids).")

    @property
    def can_chat(self) -> bool:
        """Whether there is a chat template, so that `encode_chat` works."""
        return False

    def encode_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Returns the ids of chat messages in the model's own form, up to where the assistant's turn begins.

        Args:
            messages: Each with a ``role`` and a ``content``.

        Raises:
            TokenizerError: If there is no chat template, or it refuses the messages.
        """
        raise TokenizerError(
            f"The tokenizer {self.name!r} has no chat template, so that chat=True cannot work. Give the tokenizer of a "
            "chat model, or leave chat out."
        )

    def tokens(self) -> list[str]:
        """Returns the token string of every id, in order; its length is ``vocab_size``."""
        raise TokenizerError(f"{type(self).__name__} does not define tokens().")

    def save(self, folder: str | Path) -> None:
        """Writes the files that `load` reads back from ``folder``."""
        raise TokenizerError(f"{type(self).__name__} does not define save(folder).")

    @cached_property
    def fingerprint(self) -> str:
        """Sha-256 of the tokens and special ids: equal where the same id means the same token."""
        content = json.dumps([self.tokens(), self.pad_id, self.bos_id, self.eos_id])
        return hashlib.sha256(content.encode()).hexdigest()

    def __deepcopy__(self, memo: Any) -> Tokenizer:
        return self  # immutable; Gymnasium deep-copies the kwargs of a spec

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, vocab_size={self.vocab_size})"


class CharTokenizer(Tokenizer):
    """One id a character: ``<pad>`` 0, ``<bos>`` 1, ``<eos>`` 2, then the characters in the order given."""

    pad_id, bos_id, eos_id = 0, 1, 2

    def __init__(self, characters: str) -> None:
        if not characters or len(set(characters)) != len(characters):
            raise TokenizerError(
                f"A character vocabulary needs distinct characters, at least one. Actual value: {characters!r}."
            )
        self.characters = characters
        self.name = CHARS + characters
        self.vocab_size = len(SPECIALS) + len(characters)
        self._ids = {c: i for i, c in enumerate(characters, len(SPECIALS))}
        self._texts = ["", "", "", *characters]

    def encode(self, text: str) -> list[int]:
        try:
            return [self._ids[c] for c in text]
        except KeyError as error:
            raise TokenizerError(
                f"The character {error.args[0]!r} of {text!r} is not in the vocabulary {self.characters!r}."
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        return "".join([self._texts[i] for i in ids])

    def tokens(self) -> list[str]:
        return [*SPECIALS, *self.characters]

    def save(self, folder: str | Path) -> None:
        Path(folder, "characters.json").write_text(json.dumps(self.characters), encoding="utf-8")


class ShippedTokenizer(Tokenizer):
    """The byte-level BPE that ships with textgym, read without importing transformers or torch."""

    def __init__(self, name: str) -> None:
        from tokenizers import Tokenizer as RustTokenizer

        self.name = name
        self._folder = assets.path(name)
        self._rust = RustTokenizer.from_file(str(self._folder / "tokenizer.json"))
        self._vocabulary: dict[str, int] = self._rust.get_vocab()
        self.vocab_size = len(self._vocabulary)
        self.pad_id, self.bos_id, self.eos_id = (self._vocabulary[token] for token in SPECIALS)

    def encode(self, text: str) -> list[int]:
        return self._rust.encode(text, add_special_tokens=False).ids

    def decode(self, ids: Iterable[int]) -> str:
        return self._rust.decode(list(ids), skip_special_tokens=True)

    def tokens(self) -> list[str]:
        return sorted(self._vocabulary, key=self._vocabulary.__getitem__)

    def save(self, folder: str | Path) -> None:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            Path(folder, name).write_bytes((self._folder / name).read_bytes())

    def __reduce__(self) -> tuple[Any, ...]:
        return load, (self.name,)  # workers read the shipped file instead of unpickling the vocabulary


class HuggingFaceTokenizer(Tokenizer):
    """Any tokenizer of transformers; where it has no pad token, EOS pads (the attention mask tells them apart)."""

    def __init__(self, tokenizer: Any, name: str | None = None) -> None:
        self.name = name or getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__
        self._tokenizer = tokenizer
        self.vocab_size = len(tokenizer)
        if tokenizer.eos_token_id is None:
            raise TokenizerError(
                f"The tokenizer {self.name!r} has no EOS token, so no completion could end. Set `tokenizer.eos_token`."
            )
        self.eos_id = tokenizer.eos_token_id
        self.bos_id = tokenizer.bos_token_id
        self.pad_id = self.eos_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        # What transformers puts around the decoding in Rust costs more than it does, and here changes nothing.
        ordinary = _definers(type(tokenizer), "decode", "_decode") <= {"PreTrainedTokenizerBase", "TokenizersBackend"}
        self._rust = tokenizer.backend_tokenizer if ordinary and tokenizer.is_fast else None

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids: Iterable[int]) -> str:
        if self._rust is not None:
            return self._rust.decode(list(ids), skip_special_tokens=True)
        return self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    @property
    def can_chat(self) -> bool:
        return bool(self._tokenizer.chat_template)

    def encode_chat(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        if not self.can_chat:
            return super().encode_chat(messages)
        from jinja2 import TemplateError

        chat = [dict(message) for message in messages]
        try:
            return self._tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
        except (TemplateError, TypeError, ValueError) as error:
            raise TokenizerError(
                f"The chat template of {self.name!r} refuses the messages: {error} Actual value: {chat}."
            ) from error

    def tokens(self) -> list[str]:
        return self._tokenizer.convert_ids_to_tokens(list(range(self.vocab_size)))

    def save(self, folder: str | Path) -> None:
        self._tokenizer.save_pretrained(str(folder))


def _definers(kind: type, *names: str) -> set[str]:
    """Returns the names of the classes that define the methods ``names`` of ``kind``."""
    return {getattr(kind, name).__qualname__.partition(".")[0] for name in names}


@lru_cache(maxsize=32)
def _named(name: str) -> Tokenizer:
    if name.startswith(CHARS):
        return CharTokenizer(name.removeprefix(CHARS))
    if name in assets.NAMES:
        return ShippedTokenizer(name)
    characters = Path(name, "characters.json")
    if characters.is_file():
        return CharTokenizer(json.loads(characters.read_text(encoding="utf-8")))
    from transformers import AutoTokenizer

    try:
        return HuggingFaceTokenizer(assets.hub.load(AutoTokenizer, assets.resolve(name)), name)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        advice = assets.advice(name, error) or (
            "Give 'tiny', 'chars:…', a folder that holds a tokenizer, or a Hugging Face name that is cached or "
            "reachable."
        )
        raise TokenizerError(f"No tokenizer could be loaded from {name!r}: {reason} {advice}") from error


def load(spec: str | Path | Any) -> Tokenizer:
    """Returns the tokenizer that ``spec`` names.

    Args:
        spec: ``"tiny"``, ``"chars:"`` followed by the characters, a folder, a Hugging Face name, a transformers
            tokenizer, or a `Tokenizer`.

    Raises:
        TokenizerError: If nothing can be loaded from it, or it lacks an EOS token.
    """
    if isinstance(spec, Tokenizer):
        return spec
    if isinstance(spec, str | Path):
        return _named(str(spec))
    if hasattr(spec, "convert_ids_to_tokens"):
        return HuggingFaceTokenizer(spec)
    raise TokenizerError(
        f"A tokenizer is a name, a folder, a transformers tokenizer or a textgym Tokenizer. "
        f"Actual value: {spec!r} ({type(spec).__name__})."
    )
