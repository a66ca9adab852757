"""What the rewards that run a neural network share: loading, batching, remembering."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from textgym import assets
from textgym.errors import ModelError, OptionError

if TYPE_CHECKING:
    import torch

V = TypeVar("V")

MICRO_BATCH_TOKENS = {"cpu": 1024, "cuda": 8192}
"""Tokens of one forward pass: on a CPU, more falls out of the cache and is slower."""
CACHED_SCORES = 65536
NO_LIMIT = 1 << 20
"""Tokens that a model without a window of its own reads."""


def locate(model: str) -> str:
    """Returns one name for one model: a shipped name as it is, an absolute path of another folder, or a Hub id."""
    return model if model in assets.NAMES else assets.resolve(model)


def pick_device(device: str) -> str:
    """Returns ``device``, or for ``"auto"`` the GPU, if there is one, else the CPU.

    Raises:
        OptionError: If there is no such device.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise OptionError(
            f"No reward model can run on device={device!r}: {_reason(error)} Give 'auto' or 'cpu'."
        ) from error
    return device


def load(loader: Any, source: str, **options: Any) -> Any:
    """Returns what an auto class of transformers loads from ``source``: any name that `assets.resolve` knows.

    Raises:
        ModelError: If there is none.
    """
    try:
        return assets.hub.load(loader, assets.resolve(source), **options)
    except (OSError, ValueError) as error:
        advice = assets.advice(source, error) or (
            f"Give a name that textgym knows ({assets.known()}), a Hugging Face folder, or a Hub id that is cached or "
            "reachable."
        )
        raise ModelError(f"No reward model could be loaded from {source!r}: {_reason(error)} {advice}") from error


def labels(source: str) -> dict[int, str]:
    """Returns the name of each output of a classifier; a folder is read without importing transformers.

    Raises:
        ModelError: If there is no such model, or its configuration cannot be read.
    """
    config = Path(assets.resolve(source), "config.json")
    if not config.is_file():
        from transformers import AutoConfig

        return load(AutoConfig, source).id2label
    try:
        named = json.loads(config.read_text(encoding="utf-8")).get("id2label") or {0: "LABEL_0", 1: "LABEL_1"}
    except ValueError as error:
        raise ModelError(f"{config} is not JSON: {error}. Give the folder of a Hugging Face model.") from error
    return {int(i): name for i, name in named.items()}


def load_frozen(loader: Any, source: str, device: str, unused: tuple[str, ...] = ()) -> Any:
    """Returns a model for scoring: float32, in evaluation mode, without gradients.

    Args:
        loader: An auto class of transformers.
        source: Any name that `assets.resolve` knows.
        device: A torch device.
        unused: How the names of weights begin that the score does not depend on; those may be missing.

    Raises:
        ModelError: If there is none, or weights are missing, such as those of a head that was never trained.
    """
    import torch

    model, report = load(loader, source, use_safetensors=True, dtype=torch.float32, output_loading_info=True)
    if missing := [key for key in sorted(report["missing_keys"]) if not key.startswith(unused)]:
        raise ModelError(
            f"{source!r} has no weights for {', '.join(missing)}: it would score at random. "
            "Give a model that was trained for this."
        )
    return model.eval().requires_grad_(False).to(device)


def fingerprint(model: torch.nn.Module) -> str:
    """Returns the sha-256 of the names and values of all weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def micro_batches(lengths: Sequence[int], device: torch.device) -> Iterator[list[int]]:
    """Yields all indices of ``lengths``, longest first, so that rows of a batch are of like length and pad little.

    A batch has at most `MICRO_BATCH_TOKENS` of the device, padding included, or one row.
    """
    budget = MICRO_BATCH_TOKENS.get(device.type, MICRO_BATCH_TOKENS["cpu"])
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    start = 0
    while start < len(order):
        size = max(budget // max(lengths[order[start]], 1), 1)
        yield order[start : start + size]
        start += size


def right_padded(rows: Sequence[Sequence[int]], pad_id: int, device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns ids and attention mask, int64 ``(B, L)`` each; the mask is 1 on the tokens of ``rows``."""
    import torch

    length = max(map(len, rows))
    ids = [[*row, *[pad_id] * (length - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


class ScoreCache:
    """The latest scores of a model, or what they are computed from, by what was scored.

    The least recently used are forgotten first. It saves work and makes scores repeatable: the last bits of a
    network's output depend on what else is in the batch, a remembered score does not.
    """

    def __init__(self, size: int = CACHED_SCORES) -> None:
        self._size = size
        self._scores: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, keys: Sequence[Any], compute: Callable[[list[Any]], Sequence[V]]) -> list[V]:
        """Returns the score of each key; ``compute`` is asked once, for those that are new."""
        scores = {key: self._scores[key] for key in keys if key in self._scores}
        new = [key for key in dict.fromkeys(keys) if key not in scores]
        if new:
            scores.update(zip(new, compute(new), strict=True))
        for key, score in scores.items():
            self._scores[key] = score
            self._scores.move_to_end(key)
        while len(self._scores) > self._size:
            self._scores.popitem(last=False)
        return [scores[key] for key in keys]


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
