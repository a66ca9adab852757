"""What the tasks in natural language have in common: dice for their generators, and where their rows come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from textgym import generated
from textgym.data import Row, public
from textgym.data.public import PublicData
from textgym.errors import OptionError, suggest
from textgym.generated import Make, prompt_of

from .exact import check_whole

T = TypeVar("T")

FACES = 64
"""Numbers that `Dice` draws at once: one call of numpy costs as much as twenty throws."""


class Dice:
    """Many small draws from a generator, each far cheaper than a call of numpy.

    Args:
        rng: Where randomness comes from.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._next = iter(rng.random(FACES).tolist()).__next__

    def random(self) -> float:
        """Returns a number in [0, 1)."""
        try:
            return self._next()
        except StopIteration:
            self._next = iter(self._rng.random(FACES).tolist()).__next__
            return self._next()

    def whole(self, low: int, high: int) -> int:
        """Returns a whole number from ``low`` to ``high``, both included."""
        return low + int(self.random() * (high - low + 1))

    def choice(self, items: Sequence[T]) -> T:
        """Returns one of ``items``."""
        return items[int(self.random() * len(items))]

    def sample(self, items: Sequence[T], size: int) -> list[T]:
        """Returns ``size`` different places of ``items``, in random order."""
        rest = list(items)
        return [rest.pop(int(self.random() * len(rest))) for _ in range(size)]

    def chance(self, probability: float) -> bool:
        """Returns True with this probability."""
        return self.random() < probability


class Source(NamedTuple):
    """Rows and the sizes that go with them: arguments of `textgym.Task`."""

    rows: Mapping[str, Sequence[Row]]
    max_prompt_tokens: int
    max_new_tokens: int
    truncation_side: str | None = None


def source(
    draw: Make,
    *,
    max_prompt_tokens: int,
    max_new_tokens: int,
    data_seed: int,
    key: Callable[[Row], str] = prompt_of,
    data: str | None = None,
    data_path: str | None = None,
    known: Mapping[str, PublicData] | None = None,
) -> Source:
    """Returns the rows of a task: generated ones, or those of a public data set.

    Args:
        draw: Makes a row; see `textgym.generated.Generated`.
        max_prompt_tokens: Budget of the generated prompts.
        max_new_tokens: Budget of the completions to them.
        data_seed: Of the generated rows.
        key: What the split of a generated row hangs on.
        data: Name of a public data set, one of ``known``; None generates.
        data_path: A copy of that set on disk, in place of the Hub.
        known: The public data sets of the task.

    Raises:
        OptionError: If there is no such data set, or a path without its name.
        DataError: If it cannot be loaded.
    """
    check_whole("data_seed", data_seed, 0, 2**32 - 1)
    if data is None:
        if data_path is not None:
            raise OptionError(
                f"data_path={data_path!r} is a copy of a public data set; name it too: data=… , "
                f"one of {', '.join(known or ()) or 'none for this task'}."
            )
        return Source(generated.splits(draw, seed=data_seed, key=key), max_prompt_tokens, max_new_tokens)
    chosen = choose(data, known or {})
    return Source(
        public.load(chosen, data_path), chosen.max_prompt_tokens, chosen.max_new_tokens, chosen.truncation_side
    )


def choose(name: Any, known: Mapping[str, PublicData]) -> PublicData:
    """Returns the public data set of a name.

    Raises:
        OptionError: If the task has none of that name.
    """
    if not isinstance(name, str) or name not in known:
        raise OptionError(
            f"This task knows no data set {name!r}.{suggest(name, known)} It knows {', '.join(known) or 'none'}; "
            "data of your own is for TextGen-Custom-v0 and textgym.make_task()."
        )
    return known[name]
