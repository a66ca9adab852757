"""Human feedback as ratings, labels, preferences or rankings, in three disjoint splits, and what it could not use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textgym.data import SPLITS, hashed_split, records
from textgym.data.records import Record
from textgym.errors import DataError, OptionError, suggest
from textgym.reward_models import cells
from textgym.reward_models.cells import MalformedError
from textgym.reward_models.columns import choose

_SAMPLE = 1000  # rows from which columns are guessed
_ADVICE = "Give the encoding it has, such as `--encoding latin-1`, or convert it, such as with `iconv -t utf-8`."
_SPLIT_NAMES = {**{split: split for split in SPLITS}, **dict.fromkeys(("val", "valid", "dev"), "validation")}


@dataclass(frozen=True)
class Rating:
    """A text and the number that a person gave it."""

    prompt: str
    text: str
    score: float
    group: str | None = None


@dataclass(frozen=True)
class Label:
    """A text and the class that a person put it in."""

    prompt: str
    text: str
    label: str
    group: str | None = None


@dataclass(frozen=True)
class Ranking:
    """Texts in the order in which a person prefers them, best first; a preference has two.

    Attributes:
        prompt: What they answer; may be empty.
        texts: At least two different texts, best first.
        margin: By how much the first of two is better, in the unit of the ratings, where that is known.
        group: Whose feedback it is, or whom the texts are about.
    """

    prompt: str
    texts: tuple[str, ...]
    margin: float | None = None
    group: str | None = None


@dataclass(frozen=True)
class Problem:
    """A row that was left out: where it is (``feedback.csv, line 12``) and why (``the rating is NaN``)."""

    place: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True)
class Feedback:
    """What people said of texts.

    Attributes:
        kind: ``"ratings"``, ``"labels"``, ``"preferences"`` or ``"rankings"``.
        splits: Rows by split: ``train``, ``validation`` and ``test``, always all three.
        problems: Every row that was left out.
        columns: Role to column, as given or guessed.
        labels: The labels, sorted, or in the order given; empty for other kinds.
        ordered: Whether that order was given, worst to best.
    """

    kind: str
    splits: Mapping[str, tuple[Rating | Label | Ranking, ...]]
    problems: tuple[Problem, ...]
    columns: Mapping[str, str]
    labels: tuple[str, ...]
    ordered: bool = False


def load_feedback(
    data: str | Path | Iterable[Any],
    *,
    columns: Mapping[str, str] | None = None,
    kind: str | None = None,
    labels: Sequence[str] | None = None,
    encoding: str = "utf-8",
) -> Feedback:
    """Reads feedback and sorts it into splits; what cannot be used is listed, never dropped in silence.

    The splits are those of the data set or of a split column; a validation split that is missing there is a ninth of
    the training rows, by hash. Without any, or with all rows in one split ``train``, rows are dealt 80 / 10 / 10 by
    `textgym.data.hashed_split` of the prompt, or of the text where there is no prompt (of a ranking: the text that
    sorts first). A text that comes again with the same prompt counts once, as it came first; so no text is in two
    splits. The same texts in another order are kept: people may differ.

    Args:
        data: What `textgym.data.records.read` takes: a CSV, TSV, JSONL, JSON or Parquet file, the id of a data set, a
            ``Dataset`` or ``DatasetDict``, a mapping of splits, or a list of dicts.
        columns: Role to column, for those that are not to be guessed. Roles: ``prompt``, ``text``, ``score``,
            ``label``, ``chosen``, ``rejected``, ``ranking`` (texts, best first), ``texts`` and ``ranks`` (1 is best),
            ``margin``, ``group``, ``split``.
        kind: The kind, where the columns do not tell.
        labels: The labels that there are, worst to best; others are problems.
        encoding: Of text files.

    Raises:
        DataError: If it cannot be read, holds no usable row, one class only or one rating only, or leaves more than
            one choice of columns.
        OptionError: If a role, kind or encoding does not exist.
    """
    found = list(records.read(data, encoding=encoding, undecodable=_ADVICE))
    if not found:
        raise DataError(f"No rows were found in {records.describe(data)}.")
    kind, roles = choose(_values(found, data), columns, kind)
    if labels is not None and kind != "labels":
        raise OptionError(f"A list of labels goes with feedback of the kind labels. Actual kind: {kind!r}.")
    known = None if labels is None else tuple(map(str, labels))
    problems: list[Problem] = []
    kept: list[tuple[str | None, Rating | Label | Ranking]] = []
    seen: dict[Any, tuple[str, Rating | Label | Ranking]] = {}
    for record in found:
        try:
            row = _row(record, kind, roles, known)
            split = _split(record, roles)
            _first(row, record, seen)
        except MalformedError as error:
            problems.append(Problem(record.place, str(error)))
        else:
            kept.append((split, row))
    _check(kept, problems, kind, records.describe(data))
    names = known or tuple(sorted({row.label for _, row in kept if isinstance(row, Label)}))
    return Feedback(kind, _dealt(kept), tuple(problems), roles, names, known is not None)


def pairs(
    rows: Sequence[Rating | Label], *, per_row: int = 1, rng: np.random.Generator, order: Sequence[str] = ()
) -> tuple[Ranking, ...]:
    """Makes preferences of ratings or labels: of two texts to one prompt, the one that was rated higher is preferred.

    Each row draws ``per_row`` partners, evenly among the rows of its prompt with another score; a pair drawn twice
    counts once. Answers to different prompts are never compared; rows without a prompt all are of one.

    Args:
        rows: Ratings, or labels.
        per_row: Partners that each row draws, at least 1.
        rng: Source of the draws.
        order: For labels: all of them, worst to best; the margin is then the difference of their places.

    Returns:
        Pairs with the positive difference of scores as their margin, and with the group where both share it.

    Raises:
        OptionError: If labels are not in ``order``, or ``per_row`` is below 1.
        DataError: If no two rows of one prompt differ in their score.
    """
    if per_row < 1:
        raise OptionError(f"Every row draws at least one partner. Actual value of per_row: {per_row!r}.")
    places = {label: float(i) for i, label in enumerate(order)}
    if unplaced := sorted({row.label for row in rows if isinstance(row, Label)} - places.keys()):
        raise OptionError(
            f"Preferences from labels need their order, worst to best. Missing in {list(order)!r}: {unplaced}."
        )
    prompts: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        prompts.setdefault(row.prompt, []).append(i)
    made: dict[frozenset[int], Ranking] = {}
    for members in prompts.values():
        scores = np.array([rows[i].score if isinstance(rows[i], Rating) else places[rows[i].label] for i in members])  # type: ignore[union-attr]
        for i, j in _partners(scores, per_row, rng):
            better, worse = (i, j) if scores[i] > scores[j] else (j, i)
            a, b = rows[members[better]], rows[members[worse]]
            group = a.group if a.group == b.group else None
            ranking = Ranking(a.prompt, (a.text, b.text), float(scores[better] - scores[worse]), group)
            made.setdefault(frozenset((members[i], members[j])), ranking)
    if not made:
        raise DataError("No two rows of one prompt have different scores, so no preference can be made of them.")
    return tuple(made.values())


def _partners(scores: np.ndarray, per_row: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """For each row with a rival, ``per_row`` indices of rows with another score."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]  # rows of equal score are one block, low to high
    low, high = np.searchsorted(ranked, ranked, "left"), np.searchsorted(ranked, ranked, "right")
    others = scores.size - (high - low)
    if others.max(initial=0) == 0:
        return []
    drawn = rng.integers(others[:, None], size=(scores.size, per_row))  # (n, per_row)
    drawn += (high - low)[:, None] * (drawn >= low[:, None])  # step over the row's own block
    return [(int(order[i]), int(order[j])) for i, row in enumerate(drawn) for j in row]


def _values(found: Sequence[Record], data: Any) -> dict[str, list[Any]]:
    """Some values of each column, those of rows that lack it left out."""
    values: dict[str, list[Any]] = {}
    for record in found:
        if isinstance(record.value, Mapping):
            for column, value in record.value.items():
                items = values.setdefault(str(column), [])
                if len(items) < _SAMPLE:
                    items.append(value)
    if not values:
        reason = found[0].fault or f"is not a record of named columns: {found[0].value!r:.80}"
        raise DataError(f"No row of {records.describe(data)} could be read. The first one {reason}.")
    return values


def _row(record: Record, kind: str, roles: Mapping[str, str], labels: Sequence[str] | None) -> Rating | Label | Ranking:
    if record.fault:
        raise MalformedError(f"the row {record.fault}")
    if not isinstance(record.value, Mapping):
        raise MalformedError(f"the row is not a record of named columns: {record.value!r:.80}")
    cell: Callable[[str], Any] = lambda role: record.value.get(roles[role]) if role in roles else None  # noqa: E731
    group = None if cells.is_missing(cell("group")) else str(cell("group")).strip()
    if kind in ("ratings", "labels"):
        prompt, (text,) = cells.dialogue(cell("prompt"), [cell("text")], ["text"])
        if kind == "ratings":
            return Rating(prompt, text, cells.number(cell("score"), "rating"), group)
        label = cells.label(cell("label"))
        if labels is not None and label not in labels:
            raise MalformedError(f"the label {label!r} is none of {', '.join(labels)}.{suggest(label, labels)}")
        return Label(prompt, text, label, group)
    if kind == "preferences":
        answers, names = [cell("chosen"), cell("rejected")], ["chosen text", "rejected text"]
        if answers[0] == answers[1] and not cells.is_missing(answers[0]):
            raise MalformedError("the chosen text equals the rejected one")
    elif "ranking" in roles:
        answers = cells.items(cell("ranking"), "ranking")
        names = [f"text {i}" for i in range(1, len(answers) + 1)]
    else:
        answers = cells.by_rank(
            cells.items(cell("texts"), "list of texts"), cells.items(cell("ranks"), "list of ranks")
        )
        names = [f"text {i}" for i in range(1, len(answers) + 1)]
    if len(answers) < 2:
        raise MalformedError(f"a ranking needs at least two texts, not {len(answers)}")
    prompt, texts = cells.dialogue(cell("prompt"), answers, names)
    if len(set(texts)) < len(texts):
        raise MalformedError(f"a text is ranked twice: {next(t for t in texts if texts.count(t) > 1)!r:.80}")
    margin = None if cells.is_missing(cell("margin")) else cells.number(cell("margin"), "margin")
    return Ranking(prompt, texts, margin, group)


def _split(record: Record, roles: Mapping[str, str]) -> str | None:
    name = record.split if "split" not in roles else record.value.get(roles["split"])
    if cells.is_missing(name):
        return None
    if str(name).strip().lower() not in _SPLIT_NAMES:
        raise MalformedError(f"there is no split {name!r}; the splits are {', '.join(SPLITS)}")
    return _SPLIT_NAMES[str(name).strip().lower()]


def _first(
    row: Rating | Label | Ranking, record: Record, seen: dict[Any, tuple[str, Rating | Label | Ranking]]
) -> None:
    """Notes a row that is the first of its prompt and texts; says which one it repeats otherwise."""
    key = (row.prompt, row.texts if isinstance(row, Ranking) else row.text)
    if key not in seen:
        seen[key] = (record.place if record.split else record.spot, row)
        return
    place, first = seen[key]
    if isinstance(row, Rating) and isinstance(first, Rating) and row.score != first.score:
        raise MalformedError(f"the row repeats the text of {place}, which is rated {first.score:g}, not {row.score:g}")
    if isinstance(row, Label) and isinstance(first, Label) and row.label != first.label:
        raise MalformedError(f"the row repeats the text of {place}, which is {first.label!r}, not {row.label!r}")
    raise MalformedError(f"the row repeats {place}")


def _check(
    kept: Sequence[tuple[str | None, Rating | Label | Ranking]], problems: Sequence[Problem], kind: str, source: str
) -> None:
    if not kept:
        reasons = Counter(problem.reason for problem in problems).most_common(3)
        listed = "; ".join(f"{reason} ({count})" for reason, count in reasons)
        raise DataError(f"None of the {len(problems)} rows of {source} can be used: {listed}.")
    values = {row.score if isinstance(row, Rating) else row.label for _, row in kept if not isinstance(row, Ranking)}
    if len(values) == 1:
        what = "rating" if kind == "ratings" else "label"
        raise DataError(
            f"All {len(kept)} usable rows of {source} have the {what} {next(iter(values))!r}. "
            "There is nothing to learn from feedback that never differs."
        )


def _dealt(
    kept: Sequence[tuple[str | None, Rating | Label | Ranking]],
) -> dict[str, tuple[Rating | Label | Ranking, ...]]:
    named = {split for split, _ in kept}
    dealt: dict[str, list[Rating | Label | Ranking]] = {split: [] for split in SPLITS}
    for split, row in kept:
        hashed = hashed_split(row.prompt or (min(row.texts) if isinstance(row, Ranking) else row.text))
        if split is None or named <= {"train", None}:
            split = hashed
        elif split == "train" and "validation" not in named and hashed == "validation":
            split = "validation"
        dealt[split].append(row)
    return {split: tuple(rows) for split, rows in dealt.items()}
