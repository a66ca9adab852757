"""Rows that are made when they are asked for: an endless training split beside frozen, disjoint held-out splits.

A task needs a function that draws a row:

    >>> from textgym.data import Row
    >>> def draw(rng):
    ...     word = "".join(rng.choice(list("abcdef"), size=8))
    ...     return Row(word, (word.upper(),))
    >>> rows = splits(draw)
    >>> rows["train"][7] == splits(draw)["train"][7]
    True
    >>> len(rows["test"]), len({row.prompt for row in rows["test"]})
    (512, 512)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from textgym.data.rows import SPLITS, LazyRows, Row, check_split, hashed_split
from textgym.errors import DataError, OptionError

ENDLESS = 2**40
"""Length of a generated training split: more rows than anybody draws. Nothing may iterate over them all."""

FROZEN = {"validation": 256, "test": 512}
"""Length of the generated splits that agents are compared on."""

TRIES = 1_000
"""Prompts drawn in search of one item before a task counts as having too few of them."""

Make = Callable[[np.random.Generator], Row]


def prompt_of(row: Row) -> str:
    """Returns the prompt of a row, by which rows are dealt to the splits unless a task knows better."""
    return row.prompt


class Generated(LazyRows):
    """The rows of one split of a generated task.

    Item ``i`` is a pure function of ``(seed, split, i)``: its stream of random numbers is
    ``SeedSequence([seed, split, i])``, from which prompts are drawn until one belongs to the split. A prompt belongs to
    the split that the hash of its key says (`textgym.data.hashed_split`), whatever the seed, so that no prompt is ever
    in two splits.

    Validation and test are short and hold no prompt twice: they are made as a whole, in order, when the first of their
    items is asked for, and an item also passes over the prompts of those before it. Training is endless, and a prompt
    may come again there, as in any sampling.

    The streams are numpy's, which may change between its versions; the golden trajectories of the registered ids watch
    that they do not.

    Args:
        make: Draws a row. It uses no randomness but that of the generator it is given, and answers a prompt that comes
            again in the same way.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        seed: Of all items, in [0, 2³²).
        key: What the split of a row hangs on. Rows that would give each other away, such as ``3+5`` and ``5+3``, share
            a key.
        size: Number of items; None takes `ENDLESS` for training and `FROZEN` for the others.

    Raises:
        OptionError: If the split, the seed or the size cannot be.
    """

    def __init__(
        self, make: Make, split: str, *, seed: int = 0, key: Callable[[Row], str] = prompt_of, size: int | None = None
    ) -> None:
        super().__init__()
        self.split = check_split(split)
        for name, value, low, high in (("seed", seed, 0, 2**32), ("size", size, 1, ENDLESS + 1)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not low <= value < high):
                raise OptionError(f"The {name} of generated rows lies in [{low}, {high}). Actual value: {value!r}.")
        self.seed = seed
        self._draw_row = make
        self._key = key
        self._size = FROZEN.get(split, ENDLESS) if size is None else size
        self._frozen: tuple[Row, ...] | None = None

    def __len__(self) -> int:
        return self._size

    def make(self, index: int) -> Row:
        """Makes item ``index``; a held-out split is made as a whole when the first of its items is."""
        if self.split == "train":
            return self._draw(index, ())
        if self._frozen is None:
            self._frozen = self._freeze()
        return self._frozen[index]

    def _freeze(self) -> tuple[Row, ...]:
        rows: dict[str, Row] = {}
        for i in range(self._size):
            row = self._draw(i, rows.keys())
            rows[row.prompt] = row
        return tuple(rows.values())

    def _draw(self, index: int, taken: Collection[str]) -> Row:
        stream = np.random.SeedSequence((self.seed, SPLITS.index(self.split), index))
        rng = np.random.Generator(np.random.PCG64(stream))
        for _ in range(TRIES):
            row = self._draw_row(rng)
            if hashed_split(self._key(row)) == self.split and row.prompt not in taken:
                return row
        raise DataError(
            f"This task has too few prompts: {TRIES:,} in a row had none for item {index} of its {self.split} split of "
            f"{self._size:,}{' distinct ones' if taken else ''}. Allow more of them: longer texts, more digits, a "
            f"larger alphabet. The last one drawn: {row.prompt!r}."
        )


def splits(make: Make, *, seed: int = 0, key: Callable[[Row], str] = prompt_of) -> dict[str, Generated]:
    """Returns the three splits of a generated task, as `textgym.Task` takes them; see `Generated`."""
    return {split: Generated(make, split, seed=seed, key=key) for split in SPLITS}


def sample(rows: Sequence[Row], size: int, seed: int = 0) -> list[Row]:
    """Returns the rows of a split, or, of an endless one, ``size`` that ``seed`` draws."""
    if len(rows) < ENDLESS:
        return list(rows)
    return [rows[i] for i in np.random.default_rng(seed).integers(len(rows), size=size).tolist()]
