"""The form of a completion: how long it is, how much it repeats itself, what it matches."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from textgym.errors import RewardError

from .base import Reward
from .examples import Examples
from .extras import need
from .options import check_count


def words(text: str) -> list[str]:
    """Returns the words of ``text`` in lower case, without punctuation: ``"It's fine!"`` has ``it's`` and ``fine``."""
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


def ngrams(text: str, n: int) -> list[tuple[str, ...]]:
    """Returns the n-grams of the words of ``text``, in order."""
    tokens = words(text)
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


@dataclass(frozen=True, repr=False)
class Length(Reward):
    """Nearness of the length to a target: ``max(0, 1 − |length − target| / target)``. Range [0, 1].

    1 at the target, falling linearly to 0 at nothing and at twice the target.

    Args:
        target: Length to reach, at least 1.
        unit: ``"words"``, or ``"tokens"``: then ``completion_ids`` are counted, without the EOS that ends
            them.
    """

    target: int = 20
    unit: str = "words"

    name = "length"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "repeated_word", "keyword_spam", "unsupported_characters"})

    def __post_init__(self) -> None:
        check_count(self, "target", self.target)
        if self.unit not in ("words", "tokens"):
            raise RewardError(f"The unit of length is 'words' or 'tokens'. Actual value: {self.unit!r}.")

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        if self.unit == "words":
            lengths = [len(words(completion)) for completion in completions]
        else:
            lengths = _token_counts(len(completions), **columns)
        return [max(0.0, 1 - abs(length - self.target) / self.target) for length in lengths]


@dataclass(frozen=True, repr=False)
class Repetition(Reward):
    """Minus the share of n-grams of words that occurred before: ``distinct / all − 1``. Range [-1, 0].

    A completion of fewer than n words repeats nothing and scores 0; one without a word scores -1, so that
    silence does not pay.

    Source: Welleck et al. 2020, arXiv:1908.04319 (seq-rep-n, there for n = 4).
    """

    n: int = 2

    name = "repetition"
    range = (-1.0, 0.0)
    gameable_by = frozenset({"copied_prompt", "keyword_spam", "unsupported_characters"})

    def __post_init__(self) -> None:
        check_count(self, "n", self.n)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        scores = []
        for completion in completions:
            grams = ngrams(completion, self.n)
            if grams:
                scores.append(len(set(grams)) / len(grams) - 1)
            else:
                scores.append(0.0 if words(completion) else -1.0)
        return scores


@dataclass(frozen=True, repr=False)
class DistinctN(Reward):
    """Share of distinct ones among the n-grams of words; 0 where there are none. Range [0, 1].

    The corpus form pools the n-grams of all completions, so it falls when completions resemble each other.

    Source: Li et al. 2016, arXiv:1510.03055.
    """

    n: int = 2

    name = "distinct_n"
    range = (0.0, 1.0)
    gameable_by = frozenset({"copied_prompt", "keyword_spam", "unsupported_characters"})

    def __post_init__(self) -> None:
        check_count(self, "n", self.n)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [self._share(ngrams(completion, self.n)) for completion in completions]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        return self._share([gram for completion in completions for gram in ngrams(completion, self.n)])

    @staticmethod
    def _share(grams: list[tuple[str, ...]]) -> float:
        return len(set(grams)) / len(grams) if grams else 0.0


@dataclass(frozen=True, repr=False)
class Regex(Reward):
    r"""1 where the pattern is found in the completion, else 0. Range [0, 1].

    Args:
        pattern: A regular expression of Python's `re`; anchor it with ``\A…\Z`` to match the whole. The
            default asks for a sentence that ends.
    """

    pattern: str = r"\w[.!?]\s*\Z"

    name = "regex"
    range = (0.0, 1.0)
    gameable_by = frozenset(
        {"all_labels", "copied_prompt", "repeated_word", "keyword_spam", "max_length", "unsupported_characters"}
    )

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except (re.error, TypeError) as error:
            raise RewardError(f"regex(pattern={self.pattern!r}) is not a regular expression: {error}.") from error

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [float(re.search(self.pattern, completion) is not None) for completion in completions]


ORDERS_AS_JSON = Examples(
    prompts=(
        "Two red roses for Ana. As JSON:",
        "One kettle for Ben, as a gift. As JSON:",
        "Three blue cups for Cho. As JSON:",
    ),
    completions=(
        ' {"item": "rose", "count": 2, "for": "Ana"}',
        ' {"item": "kettle", "count": 1, "for": "Ben", "gift": true}',
        ' {"item": "cup", "count": 3, "for": "Cho"}',
    ),
)
"""Orders in words, and as JSON objects."""


@dataclass(frozen=True, repr=False)
class JsonSchema(Reward):
    """1 where the completion is JSON that fits a schema, else 0. Range [0, 1].

    The whole completion must be one JSON value, space around it aside; ``NaN`` and ``Infinity`` are none. Without a
    schema any object, ``{…}``, will do.

    Args:
        schema: A JSON schema, as a mapping or as JSON text; of the draft that its ``$schema`` names, else 2020-12.
            ``$ref`` must stay inside it: nothing is fetched. Without this option, a row's column ``schema`` counts.

    Source: JSON Schema, json-schema.org; the jsonschema library checks it.
    """

    schema: Any = None

    name = "json_schema"
    range = (0.0, 1.0)
    examples = ORDERS_AS_JSON

    def __post_init__(self) -> None:
        if self.schema is not None:
            text = _schema_text(self.schema)
            object.__setattr__(self, "schema", text)  # as text it is hashable, and an expression can hold it
            _validator(text)

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        column = columns.get("schema") if self.schema is None else None
        schemas = [self.schema] * len(completions) if column is None else column
        return [_fits(text, schema) for text, schema in zip(completions, schemas, strict=True)]


def _fits(text: str, schema: Any) -> float:
    validator = _validator('{"type": "object"}' if schema is None else _schema_text(schema))
    try:
        value = json.loads(text, parse_constant=_refuse)
        return float(validator.is_valid(value))
    except (ValueError, RecursionError):  # no JSON, or nested past what Python reads
        return 0.0
    except need("referencing.exceptions", "metrics", "Reward 'json_schema'").Unresolvable as error:
        raise RewardError(f"A JSON schema may refer to its own parts only. Actual value: {error.ref!r}.") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _schema_text(schema: Any) -> str:
    if isinstance(schema, str):
        return schema
    if not isinstance(schema, Mapping | bool):
        raise RewardError(f"A JSON schema is a mapping or JSON text. Actual value: {schema!r}.")
    try:
        return json.dumps(schema)
    except (TypeError, ValueError) as error:
        raise RewardError(f"A JSON schema holds JSON values only: {error}. Actual value: {schema!r}.") from error


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Any:
    jsonschema = need("jsonschema", "metrics", "Reward 'json_schema'")
    referencing = need("referencing", "metrics", "Reward 'json_schema'")
    try:
        value = json.loads(schema)
        kind = jsonschema.validators.validator_for(value, default=jsonschema.Draft202012Validator)
        kind.check_schema(value)
    except (ValueError, RecursionError, jsonschema.SchemaError) as error:
        reason = getattr(error, "message", error)
        raise RewardError(f"This is not a JSON schema: {reason}. Actual value: {schema[:200]!r}.") from error
    return kind(value, registry=referencing.Registry())


def _token_counts(
    count: int,
    completion_ids: Sequence[Sequence[int]] | None = None,
    finish_reason: Sequence[str] | None = None,
    **_: Any,
) -> list[int]:
    if completion_ids is None:
        raise RewardError(
            "length(unit='tokens') counts completion_ids, which this call does not carry. Environments give them; "
            "elsewhere pass completion_ids=…, or count words."
        )
    reasons = finish_reason or [""] * count
    return [len(ids) - (why == "eos") for ids, why in zip(completion_ids, reasons, strict=True)]
