"""Which column of a feedback file plays which role: as given, else by its name, else by its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textgym.errors import DataError, OptionError, suggest
from textgym.reward_models.cells import is_missing, is_number

KINDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ratings": (("text", "score"),),
    "labels": (("text", "label"),),
    "preferences": (("chosen", "rejected"),),
    "rankings": (("ranking",), ("texts", "ranks")),
}
"""The roles that each kind of feedback needs: one of these sets."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "query", "instruction", "input"),
    "text": (
        *("text", "review", "comment", "completion", "response", "answer", "output"),
        *("message", "content", "sentence", "body", "feedback", "tweet"),
    ),
    "score": ("score", "rating", "stars", "reward", "grade"),
    "label": ("label", "sentiment", "class", "category"),
    "chosen": ("chosen", "preferred"),
    "rejected": ("rejected", "dispreferred"),
    "ranking": ("ranking",),
    "texts": ("texts", "completions", "responses", "answers"),
    "ranks": ("ranks",),
    "margin": ("margin",),
    "group": (),  # whom to compare is for the user to say
    "split": ("split",),
}
"""Column names that speak for themselves, lower case, by role."""

ROLES = tuple(NAMES)
MAX_CLASSES = 20
"""A column of more distinct values than this is not taken for one of labels."""

_KEYS = ("id", "index", "idx", "row", "")  # never ratings, whatever they hold


def choose(
    values: Mapping[str, Sequence[Any]], columns: Mapping[str, str] | None, kind: str | None
) -> tuple[str, dict[str, str]]:
    """Returns the kind of feedback and the column of each role.

    Args:
        values: Some values of each column, enough to tell numbers from texts.
        columns: Role to column, as the user gave them.
        kind: A key of `KINDS`, or None to tell it from the columns.

    Raises:
        OptionError: If there is no such role or kind, or the given roles contradict one another.
        DataError: If a given column is missing, or the columns leave more than one choice, or none.
    """
    given = dict(columns or {})
    _check(given, kind, values)
    guess = _Guess(values, given)
    if kind is None:
        kind = _implied(given) or guess.kind()
    needed = guess.needed(kind)
    found = {role: given[role] if role in given else guess.column(role, kind) for role in needed}
    for role in ("prompt", "split", *(("margin",) if kind == "preferences" else ())):
        if role not in given and (column := guess.named(role, found.values())):
            found[role] = column
    return kind, {role: {**given, **found}[role] for role in ROLES if role in given or role in found}


def _check(given: Mapping[str, str], kind: str | None, values: Mapping[str, Sequence[Any]]) -> None:
    if kind is not None and kind not in KINDS:
        raise OptionError(f"There is no kind of feedback {kind!r}.{suggest(kind, KINDS)} Kinds are {', '.join(KINDS)}.")
    for role, column in given.items():
        if role not in ROLES:
            raise OptionError(f"There is no role {role!r}.{suggest(role, ROLES)} The roles are {', '.join(ROLES)}.")
        if column not in values:
            raise DataError(
                f"There is no column {column!r} for the role {role!r}.{suggest(column, values)} "
                f"The columns are {', '.join(values)}."
            )


def _implied(given: Mapping[str, str]) -> str | None:
    """The kind that roles given by the user leave no doubt about."""
    telling = {
        "score": "ratings",
        "label": "labels",
        **dict.fromkeys(("chosen", "rejected", "margin"), "preferences"),
        **dict.fromkeys(("ranking", "texts", "ranks"), "rankings"),
    }
    kinds = sorted({telling[role] for role in given if role in telling})
    if len(kinds) > 1:
        raise OptionError(f"Columns were given for {' and for '.join(kinds)}. Leave some out, or say which kind.")
    return kinds[0] if kinds else None


def _several(role: str, candidates: Sequence[str]) -> DataError:
    return DataError(
        f"Several columns could be the {role}: {', '.join(candidates)}. Say which, as in {role}={candidates[0]}."
    )


class _Guess:
    """Guesses over the columns that the user gave no role."""

    def __init__(self, values: Mapping[str, Sequence[Any]], given: Mapping[str, str]) -> None:
        self.values = {column: [v for v in items if not is_missing(v)] for column, items in values.items()}
        self.given = given
        self.free = [column for column in values if column not in given.values()]

    def kind(self) -> str:
        kinds = [kind for kind, sets in KINDS.items() if any(all(map(self._by_name, roles)) for roles in sets)]
        if not kinds:
            kinds = [kind for kind in ("ratings", "labels") if all(map(self._candidates, KINDS[kind][0]))]
        if len(kinds) == 1:
            return kinds[0]
        if not kinds:
            raise DataError(
                f"The columns {', '.join(self.values)} hold no feedback that could be told apart. Name the columns of "
                "text and score, of text and label, of chosen and rejected, or of a ranking; for example text=review."
            )
        options = (f"{kind} ({', '.join(self._shown(kind))})" for kind in kinds)
        raise DataError(f"The columns could be read as {' or as '.join(options)}. Say which kind of feedback it is.")

    def needed(self, kind: str) -> tuple[str, ...]:
        """The set of roles to fill: the first whose columns are all there, else the first."""
        sets = KINDS[kind]
        return next((roles for roles in sets if all(map(self._candidates, roles))), sets[0])

    def column(self, role: str, kind: str) -> str:
        candidates = self._candidates(role)
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise _several(role, candidates)
        raise DataError(
            f"No column could be the {role}, which {kind} need. Say which it is, as in "
            f"{role}={next(iter(self.values))}. The columns are {', '.join(self.values)}."
        )

    def named(self, role: str, taken: Any) -> str | None:
        """The column of a role that is not needed, by its name alone."""
        candidates = [column for column in self._by_name(role) if column not in taken]
        if len(candidates) > 1:
            raise _several(role, candidates)
        return candidates[0] if candidates else None

    def _candidates(self, role: str) -> list[str]:
        return self._by_name(role) or self._by_values(role)

    def _by_name(self, role: str) -> list[str]:
        if role in self.given:
            return [self.given[role]]
        names = {column: column.strip().lower().replace("_", " ") for column in self.free}
        if role in ("score", "label"):  # `rating: good` is a label, and `sentiment: 0.37` a score
            both = [c for c in self.free if names[c] in NAMES["score"] or names[c] in NAMES["label"]]
            return [column for column in both if (role == "score") == self._scored(column, names[column])]
        return [column for column in self.free if names[column] in NAMES[role]]

    def _by_values(self, role: str) -> list[str]:
        taken = {column for other in NAMES if other != role for column in self._by_name(other)}
        free = [c for c in self.free if self.values[c] and c.strip().lower() not in _KEYS and c not in taken]
        if role == "score":
            return [column for column in free if self._numeric(column)]
        if role == "label":
            return [column for column in free if not self._numeric(column) and self._classes(column)]
        if role == "text":
            return [column for column in free if self._strings(column) and not self._classes(column)]
        return []

    def _shown(self, kind: str) -> list[str]:
        return [column for role in self.needed(kind) for column in self._candidates(role)]

    def _scored(self, column: str, name: str) -> bool:
        """Whether a column with the name of scores or labels holds scores."""
        if not self.values[column]:
            return name in NAMES["score"]
        return self._numeric(column) and (name in NAMES["score"] or not self._classes(column))

    def _numeric(self, column: str) -> bool:
        """Whether at least half of the values are numbers: stray others are problems of their rows."""
        items = self.values[column]
        return bool(items) and 2 * sum(map(is_number, items)) >= len(items)

    def _strings(self, column: str) -> bool:
        return not self._numeric(column) and all(isinstance(value, str) for value in self.values[column])

    def _classes(self, column: str) -> bool:
        """Whether the values are few and come back: labels, or numbers that stand for some."""
        items = [str(value) for value in self.values[column]]
        whole = not self._numeric(column) or all(float(v).is_integer() for v in self.values[column] if is_number(v))
        distinct = len(set(items))
        return whole and distinct <= MAX_CLASSES and (distinct < len(items) or distinct <= 3)
