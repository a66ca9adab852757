"""The episodes of a bench, packed for its page: an index that is read at once, and blocks that are read on demand."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from textgym.bench.results import TRACES, Cell, EpisodeRecord, Key

BLOCK = 250
"""Episodes whose tokens are unpacked together: some megabytes of JSON, a few hundredths of a second."""

MOST = 10_000
"""Episodes that a page carries by default: under 20 MB, and open within two seconds."""


class Packed(NamedTuple):
    """Episodes as the page embeds them, gzip in base64.

    Attributes:
        listing: What the list and its filters show of every episode.
        blocks: Tokens and their numbers, of `BLOCK` episodes each, in the order of the listing.
    """

    listing: str
    blocks: tuple[str, ...]


class EpisodePacker:
    """Packs the episodes of a bench, cell by cell.

    Where a bench has more than ``most``, every cell gives its first ones, as many as fit: episode i was asked the same
    prompt in each cell of an id, so that agents can still be set side by side.

    Args:
        cells: The cells, in the order in which `add` gets them.
        most: Episodes to carry; each cell gives one at least.

    Attributes:
        total: Episodes of all cells.
        carried: Episodes that were packed so far.
    """

    def __init__(self, cells: Mapping[Key, Cell], most: int = MOST) -> None:
        self.total = sum(cell.episodes for cell in cells.values())
        self._per_cell = None if self.total <= most else max(1, most // len(cells))
        self._numbers = {key: number for number, key in enumerate(cells)}
        self._index = _Index()
        self._blocks: list[str] = []
        self._open: list[dict[str, Any]] = []

    @property
    def carried(self) -> int:
        return len(self._index.columns["cell"])

    def add(self, key: Key, episodes: Sequence[EpisodeRecord]) -> None:
        """Packs the episodes of a cell, or its first ones."""
        for episode in episodes[: self._per_cell]:
            self._index.add(self._numbers[key], key[2], episode)
            self._open.append(_tokens(episode))
            if len(self._open) == BLOCK:
                self._close()

    def packed(self) -> Packed:
        """Returns all that was added."""
        if self._open:
            self._close()
        return Packed(_packed(self._index.columns), tuple(self._blocks))

    def describe(self) -> str:
        """Says which episodes are here."""
        if self._per_cell is None:
            return f"All {self.total:,} episodes, as they were played."
        return (
            f"The first {self._per_cell:,} episodes of each cell, {self.carried:,} of {self.total:,}. The numbers "
            "above are of all of them; the folder holds the rest."
        )

    def _close(self) -> None:
        self._blocks.append(_packed(self._open))
        self._open = []


class _Index:
    """One column a field, so that names are written once; texts that many episodes share are numbered."""

    def __init__(self) -> None:
        names = ("cell", "index", "prompt", "reward", "returned", "success", "finish", "length", "completion", "scores")
        self.columns: dict[str, list[Any]] = {name: [] for name in (*names, "prompts", "finishes", "names")}
        self._numbers: dict[str, dict[Any, int]] = {"prompts": {}, "finishes": {}, "names": {}}

    def add(self, cell: int, env_id: str, episode: EpisodeRecord) -> None:
        asked = [episode.prompt, list(episode.references)]
        prompt = self._number("prompts", (env_id, episode.prompt_index, episode.prompt, episode.references), asked)
        terms = self._scores({f"reward/{name}": value for name, value in episode.reward_terms.items()})
        row = {
            "cell": cell,
            "index": episode.index,
            "prompt": prompt,
            "reward": short(episode.reward),
            "returned": short(episode.discounted_return),
            "success": None if episode.success is None else int(episode.success),
            "finish": self._number("finishes", episode.finish_reason, episode.finish_reason),
            "length": episode.length,
            "completion": episode.completion,
            "scores": [*terms, *self._scores(episode.metrics)],
        }
        for name, value in row.items():
            self.columns[name].append(value)

    def _scores(self, scores: Mapping[str, float]) -> list[list[float]]:
        return [[self._number("names", name, name), short(value)] for name, value in scores.items()]

    def _number(self, table: str, key: Any, entry: Any) -> int:
        number = self._numbers[table].setdefault(key, len(self._numbers[table]))
        if number == len(self.columns[table]):
            self.columns[table].append(entry)
        return number


def _tokens(episode: EpisodeRecord) -> dict[str, Any]:
    """What opening an episode needs: its completion, token by token. A trace that nobody knows is an empty list."""
    start = len(episode.tokens) - len(episode.completion_ids)
    return {
        "tokens": list(episode.tokens[start:]) if episode.tokens else [],
        "ids": list(episode.completion_ids),
        "mask": list(episode.completion_mask),
        **{name: _shortened(getattr(episode, name)) for name in TRACES},
    }


def _shortened(values: Sequence[float | None]) -> list[float | None]:
    return [None if value is None else short(value) for value in values]


def short(value: float) -> float:
    """Returns ``value`` with four significant digits: more is not shown, and would double the page."""
    return float(f"{value:.4g}")


def _packed(content: Any) -> str:
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))  # ASCII: half a surrogate pair has no UTF-8
    return base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii")
