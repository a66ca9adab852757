"""Loading as transformers does, under the rules for what others wrote: no code of theirs, no pickles, a revision."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from textgym.errors import AssetError

PICKLES = ("pytorch_model*.bin", "adapter_model*.bin")
"""Weights in a form that may run any program as it is read."""
FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.jinja", "README.md", "LICENSE*")
"""What `download` takes from the top folder of a repository: safetensors, tokenizer, configurations."""

_ID = re.compile(r"(?P<id>[\w][\w.-]*(?:/[\w.-]+)?)(?:@(?P<revision>[\w][\w./-]*))?")


def split(source: str) -> tuple[str, str | None]:
    """Returns the Hub id and the revision of ``"org/name@revision"``; a folder and what has none stay as they are."""
    match = None if Path(source).is_dir() else _ID.fullmatch(source)
    return (match["id"], match["revision"]) if match else (source, None)


def load(loader: Any, source: str, **options: Any) -> Any:
    """Returns what ``loader.from_pretrained`` makes of a folder, or of a Hub id with or without ``@revision``.

    Code that comes with a model is never run. Loaders of weights are given ``use_safetensors=True``.

    Args:
        loader: A class of transformers.
        source: What `textgym.assets.resolve` returned.
        **options: For ``from_pretrained``.
    """
    name, revision = split(source)
    pinned = {} if revision is None else {"revision": revision}
    with quiet() if Path(name).is_dir() else nullcontext():  # a download may take its time, and shows it
        return loader.from_pretrained(name, trust_remote_code=False, **pinned, **options)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers from drawing bars while it reads or writes weights."""
    from transformers.utils import logging

    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()


def advice(source: str, error: Exception, known: str = "") -> str:
    """Says what to do where `load` failed over a pickle or for want of the Hub; says nothing where it cannot tell.

    Args:
        source: What could not be loaded.
        error: Why, as transformers has it.
        known: Names that might have been meant, as a sentence lists them.
    """
    name, revision = split(source)
    if pickles := sorted(file.name for pattern in PICKLES for file in Path(source).glob(pattern)):
        return (
            f"Its weights are in {pickles[0]}, a pickle, which may run any program as it is read and is refused. "
            f"Convert it: {_conversion(source)}"
        )
    if Path(source).is_dir():
        return ""
    if "safetensors" in str(error):
        return (
            "It offers no safetensors there, and pickles, which may run any program as they are read, are refused. "
            f"Give a revision that has them, such as '{name}@refs/pr/1' where the Hub has converted it, or "
            f"download it and convert it: {_conversion('FOLDER')}"
        )
    if is_offline():
        at = f" --revision {revision}" if revision else ""
        instead = f", give a name that textgym knows ({known})" if known else ""
        return (
            f"HF_HUB_OFFLINE is set, so only what the cache of the Hub already holds can be loaded. Unset it{instead}, "
            f"or run `hf download {name}{at}` where there is a network, copy the folder, and give its path."
        )
    return ""


def is_offline() -> bool:
    """Returns whether the user has switched the Hub off, by ``HF_HUB_OFFLINE=1``."""
    import huggingface_hub

    return bool(huggingface_hub.constants.HF_HUB_OFFLINE)


def download(source: str) -> Path:
    """Downloads a model that the user names into the cache of the Hub, and returns its folder.

    Args:
        source: A Hub id, with or without ``@revision``.

    Raises:
        AssetError: If it is no id, the Hub is switched off and the cache lacks it, or it cannot be downloaded.
    """
    from huggingface_hub import snapshot_download

    match = _ID.fullmatch(source)
    if match is None:
        raise AssetError(f"{source!r} is no id of the Hub, which reads owner/name or owner/name@revision.")
    try:
        folder = Path(snapshot_download(match["id"], revision=match["revision"], allow_patterns=list(FILES)))
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        remedy = advice(source, error) or "Check the id, the revision and the network."
        raise AssetError(f"{source!r} could not be downloaded from the Hub: {reason} {remedy}") from error
    if not any(folder.glob("*.safetensors")):
        raise AssetError(f"{source!r} offers no weights as safetensors. {advice(source, AssetError('safetensors'))}")
    return folder


def _conversion(folder: str) -> str:
    """Returns the command that makes safetensors of the pickles in a folder; it reads tensors, and runs nothing."""
    code = (
        "import glob, torch, safetensors.torch as s; w = {k: v.clone() for f in glob.glob('pytorch_model*.bin') "
        "for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}; "
        "s.save_file(w, 'model.safetensors', metadata={'format': 'pt'})"
    )
    return f'cd {folder} && python -c "{code}"'
