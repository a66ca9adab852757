"""What the generated programs are to do: specifications in three levels, each with words, a solution and inputs.

In the texts of a `Specification`, ``{a}``, ``{b}`` and ``{c}`` stand for the arguments, and ``{k}``, ``{j}`` and
``{m}`` for its constants. One text of Python serves as solution, and, made into a function of arguments and constants,
works out what the tests expect: the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

CONSTANTS = "kjm"
LINE = "\n"
INPUTS = 512
"""Inputs of each kind; a specification is tried on some of them."""

SMALL = range(2, 21)


EVEN, MOSTLY = (3, 3), (6, 3)
"""Calls of two cases: as many of either; or at most half of them of the one that needs no condition."""


@dataclass(frozen=True, eq=False)  # found by identity in the cache of functions, which is fast
class Specification:
    """What a program is to return.

    Attributes:
        words: Ways to say it, each to go on with "Return".
        code: The solution: what stands behind ``return``, or, where it begins with a line break, the whole body.
        arguments: The kind of input, a key of `NAMES`.
        constants: The values that each constant may take; no two of them are equal in one program.
        case: Python for the number of the case that an input falls under, from 0; empty where there is one case.
        most: How many of the calls may fall under each case, which leaves some for the others.
    """

    words: tuple[str, ...]
    code: str
    arguments: str
    constants: tuple[Sequence[Any], ...] = ()
    case: str = ""
    most: tuple[int, ...] = ()


NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "numbers": (
        ("a", "b"), ("x", "y"), ("m", "n"), ("p", "q"), ("left", "right"), ("width", "height"), ("price", "tax"),
        ("price", "tip"), ("rent", "bill"), ("days", "nights"), ("hours", "breaks"), ("cups", "plates"),
        ("cats", "dogs"), ("guests", "rooms"), ("pages", "books"), ("wins", "draws"), ("boxes", "bags"),
        ("miles", "stops"), ("first", "second"), ("red", "blue"), ("apples", "pears"), ("age", "year"),
        ("north", "east"), ("tables", "chairs"), ("goals", "games"), ("coins", "notes"), ("up", "down"),
    ),
    "triples": (
        ("a", "b", "c"), ("x", "y", "z"), ("length", "width", "height"), ("red", "green", "blue"),
        ("price", "tax", "tip"), ("hours", "rate", "bonus"), ("wins", "draws", "losses"), ("cups", "plates", "forks"),
        ("first", "second", "third"), ("apples", "pears", "plums"), ("bed", "bath", "hall"), ("ham", "eggs", "tea"),
    ),
    "number": tuple((name,) for name in (
        "n", "number", "value", "count", "goal", "points", "coins", "steps", "amount", "score", "limit", "size",
    )),
    "step": tuple((name,) for name in (
        "n", "count", "number", "items", "pieces", "steps", "amount", "many", "units", "size", "cards", "stamps",
    )),
    "list": tuple((name,) for name in (
        "numbers", "values", "scores", "prices", "ages", "sizes", "points", "counts", "xs", "data", "bills", "tips",
        "marks", "orders", "days", "miles", "sales", "steps", "grades", "items",
    )),
    "text": tuple((name,) for name in (
        "text", "line", "note", "title", "message", "phrase", "answer", "order", "review", "name", "song",
        "sentence", "label", "menu", "advice",
    )),
}  # fmt: skip
"""What the arguments of each kind of input may be called."""

VOCABULARY = (
    "bread", "blue", "bill", "brown", "bed", "better", "boat", "bird", "cake", "coffee", "cloud", "clean", "cold",
    "corner", "cheese", "coat", "fish", "fresh", "fork", "fire", "first", "friend", "farmer", "forest", "red", "river",
    "room", "rain", "rose", "road", "rice", "right", "soup", "stone", "street", "summer", "small", "sugar", "silver",
    "seat", "tea", "train", "table", "tower", "tired", "tent", "ticket", "tiger", "wood", "warm", "winter", "waiter",
    "water", "west", "white", "wide",
)  # fmt: skip
"""Words of the texts: few first and last letters, so that a filter by letter finds some."""


def _expressions() -> list[Specification]:
    """Level 1: arithmetic of named arguments."""
    two, one = (SMALL, SMALL), (SMALL,)
    larger = ("{a} > {b}", EVEN)
    return [
        Specification(*each)
        for each in (
            (
                ("the sum of {a} and {b}, times {k}", "{k} times the sum of {a} and {b}"),
                "({a} + {b}) * {k}", "numbers", one,
            ),
            (("{k} times {a}, plus {b}", "{b} plus {k} times {a}"), "{k} * {a} + {b}", "numbers", one),
            (("{k} times {a}, minus {j} times {b}",), "{k} * {a} - {j} * {b}", "numbers", two),
            (
                ("{k} times {a}, plus {j} times {b}", "{k} for each of {a} and {j} for each of {b}"),
                "{k} * {a} + {j} * {b}", "numbers", two,
            ),
            (
                ("{a} times {b}, minus {k}", "{k} less than the product of {a} and {b}"),
                "{a} * {b} - {k}", "numbers", one,
            ),
            (
                ("{a} times {b}, plus {k}", "{k} more than the product of {a} and {b}"),
                "{a} * {b} + {k}", "numbers", one,
            ),
            (
                ("the larger of {a} and {b}, plus {k}", "{k} more than the larger of {a} and {b}"),
                "max({a}, {b}) + {k}", "numbers", one, *larger,
            ),
            (("{k} times the smaller of {a} and {b}, plus {j}",), "{k} * min({a}, {b}) + {j}", "numbers", two, *larger),
            (("{k} times the larger of {a} and {b}, minus {j}",), "{k} * max({a}, {b}) - {j}", "numbers", two, *larger),
            (
                ("{k} times the distance between {a} and {b}, plus {j}",),
                "{k} * abs({a} - {b}) + {j}", "numbers", two, *larger,
            ),
            (
                ("{b} plus the remainder of {a} divided by {k}",),
                "{b} + {a} % {k}", "numbers", one, "{a} < {k}", MOSTLY,
            ),
            (("{a} divided by {k}, rounded down, plus {j} times {b}",), "{a} // {k} + {j} * {b}", "numbers", two),
            (
                ("the square of {a}, minus {k} times {b}", "{a} squared less {k} times {b}"),
                "{a} ** 2 - {k} * {b}", "numbers", one,
            ),
            (("the sum of the squares of {a} and {b}, plus {k}",), "{a} ** 2 + {b} ** 2 + {k}", "numbers", one),
            (("the product of {a} plus {k} and {b} minus {j}",), "({a} + {k}) * ({b} - {j})", "numbers", two),
            (
                ("half the sum of {a} and {b}, plus {k}", "the mean of {a} and {b}, plus {k}"),
                "({a} + {b}) / 2 + {k}", "numbers", one,
            ),
            (("{a} plus {k} times {b}, minus {c}",), "{a} + {k} * {b} - {c}", "triples", one),
            (
                ("the sum of {a}, {b} and {c}, times {k}", "{k} times the sum of {a}, {b} and {c}"),
                "({a} + {b} + {c}) * {k}", "triples", one,
            ),
            (("{k} times {a} plus {j} times {b}, minus {c}",), "{k} * {a} + {j} * {b} - {c}", "triples", two),
            (("{a} times {b}, plus {k} times {c}, minus {j}",), "{a} * {b} + {k} * {c} - {j}", "triples", two),
            (
                ("{k} times the largest of {a}, {b} and {c}, plus {j}",),
                "{k} * max({a}, {b}, {c}) + {j}", "triples", two,
                "({a}, {b}, {c}).index(max({a}, {b}, {c}))", (2, 2, 2),
            ),
        )
    ]  # fmt: skip


class Part(NamedTuple):
    """A part of a one-line program.

    Attributes:
        words: How it is said; ``{_}`` stands for its constant, ``@`` for what it is applied to.
        code: How it is written; ``@@`` stands for the same in brackets of its own.
        constants: The values of its constant, if it has one.
    """

    words: str
    code: str
    constants: Sequence[Any] = ()


class Items(NamedTuple):
    """What a one-line program works on: an item, all of them, and what they are called, with and without a filter."""

    item: str
    source: str
    all: str
    filters: tuple[Part, ...]
    changes: tuple[Part, ...]
    ends: tuple[Part, ...]


NOTHING = Part("", "")
ONE_LINERS = {
    "list": Items(
        "x", "{a}", "the numbers in {a}",
        (
            NOTHING, Part("the even numbers in {a}", "x % 2 == 0"), Part("the odd numbers in {a}", "x % 2 == 1"),
            Part("the numbers in {a} above {_}", "x > {_}", range(5, 25)),
            Part("the numbers in {a} below {_}", "x < {_}", range(15, 35)),
            Part("the multiples of {_} in {a}", "x % {_} == 0", range(3, 7)),
        ),
        (
            NOTHING, Part(", each squared", "x ** 2"), Part(", each times {_}", "x * {_}", range(2, 13)),
            Part(", each plus {_}", "x + {_}", range(1, 21)), Part(", each minus {_}", "x - {_}", range(1, 21)),
        ),
        (
            Part("a list of @", "[@]"), Part("the sum of @", "sum(@)"), Part("@, in ascending order", "sorted(@)"),
            Part("@, in descending order", "sorted(@@, reverse=True)"),
        ),
    ),
    "text": Items(
        "w", "{a}.split()", "the words of {a}",
        (
            NOTHING, Part("the words of {a} with more than {_} letters", "len(w) > {_}", range(3, 6)),
            Part("the words of {a} with fewer than {_} letters", "len(w) < {_}", range(5, 7)),
            Part("the words of {a} that start with {_!r}", "w[0] == {_!r}", tuple("bcfrstw")),
            Part("the words of {a} that end with {_!r}", "w[-1] == {_!r}", tuple("edrt")),
            Part("the words of {a} with the letter {_!r}", "{_!r} in w", tuple("aceilnorst")),
            Part("the words of {a} without the letter {_!r}", "{_!r} not in w", tuple("aeinorst")),
        ),
        (
            NOTHING, Part(", in upper case", "w.upper()"), Part(", each reversed", "w[::-1]"),
            Part(", each without its first letter", "w[1:]"), Part(", each cut to {_} letters", "w[:{_}]", range(2, 4)),
            Part(", each written twice", "w * 2"),
        ),
        (
            Part("a list of @", "[@]"), Part("@, joined by {_!r}", "{_!r}.join(@)", tuple("-+_/.:&")),
            Part("@, in alphabetical order", "sorted(@)"), Part("@, in reverse order", "[@][::-1]"),
        ),
    ),
}  # fmt: skip
"""Level 2, by the kind of its input."""


def _one_liners() -> list[Specification]:
    """Level 2: filter, change and gather the items of a list, or the words of a text."""
    return [
        _one_liner(kind, items, some, change, end)
        for kind, items in ONE_LINERS.items()
        for some, change, end in product(items.filters, items.changes, items.ends)
        if (some, change) != (NOTHING, NOTHING)
    ]


def _one_liner(kind: str, items: Items, some: Part, change: Part, end: Part) -> Specification:
    slots = iter(CONSTANTS)
    named = [
        part._replace(words=part.words.replace("{_", "{" + slot), code=part.code.replace("{_", "{" + slot))
        for part in (some, change, end)
        for slot in [next(slots) if part.constants else ""]
    ]
    words = (named[0].words or items.all) + named[1].words
    test = f" if {named[0].code}" if named[0].code else ""
    made = f"{named[1].code or items.item} for {items.item} in {items.source}{test}"
    return Specification(
        (named[2].words.replace("@", words),),
        named[2].code.replace("@@", f"({made})").replace("@", made),
        kind,
        tuple(part.constants for part in named if part.constants),
        f"all({named[0].code} for {items.item} in {items.source})" if named[0].code else "",
        MOSTLY,
    )


def _functions() -> list[Specification]:
    """Level 3: bodies with a condition or a loop."""
    two, three = (SMALL, SMALL), (SMALL, range(3, 11), SMALL)
    return [
        Specification(*each)
        for each in (
            (
                ("{a} divided by {k} if it is a multiple of {k}, otherwise {a} times {j}",),
                "\n    if {a} % {k} == 0:\n        return {a} // {k}\n    return {a} * {j}",
                "number", (range(2, 6), SMALL), "{a} % {k} == 0", EVEN,
            ),
            (
                ("the price of {a} if the first {j} cost {k} each and all further ones {m}",),
                "\n    if {a} <= {j}:\n        return {a} * {k}\n    return {j} * {k} + ({a} - {j}) * {m}",
                "step", three, "{a} <= {j}", EVEN,
            ),
            (
                ("{a} times {k} if {a} is larger than {b}, otherwise {b} times {j}",),
                "\n    if {a} > {b}:\n        return {a} * {k}\n    return {b} * {j}",
                "numbers", two, "{a} > {b}", EVEN,
            ),
            (
                ("{a} plus {k} if {a} and {b} are both even, otherwise {b} minus {j}",),
                "\n    if {a} % 2 == 0 and {b} % 2 == 0:\n        return {a} + {k}\n    return {b} - {j}",
                "numbers", two, "{a} % 2 == 0 and {b} % 2 == 0", EVEN,
            ),
            (
                ("the sum of the digits of {a}, times {k}, plus {j}",),
                "\n    total = 0\n    while {a}:\n        total += {a} % 10\n        {a} //= 10\n"
                "    return total * {k} + {j}",
                "number", two,
            ),
            (
                ("the sum of the multiples of {k} or {j} below {a}",),
                "\n    total = 0\n    for i in range({a}):\n        if i % {k} == 0 or i % {j} == 0:\n"
                "            total += i\n    return total",
                "number", (range(3, 13), range(3, 13)),
            ),
            (
                ("how many weeks it takes to save at least {a}, starting with {k} and adding {j} a week",),
                "\n    weeks = 0\n    while {k} + weeks * {j} < {a}:\n        weeks += 1\n    return weeks",
                "number", (range(1, 11), range(2, 13)),
            ),
            (
                ("the number {a} places after {k} in the sequence {k}, {j} and on, where the last two are added up",),
                "\n    x, y = {k}, {j}\n    for i in range({a}):\n        x, y = y, x + y\n    return x",
                "step", two,
            ),
            (
                ("the list of running totals of {a}, starting from {k}",),
                "\n    total = {k}\n    totals = []\n    for x in {a}:\n        total += x\n"
                "        totals.append(total)\n    return totals",
                "list", (range(2, 100),),
            ),
            (
                ("the sum of {a}, where numbers above {k} count {j} times",),
                "\n    total = 0\n    for x in {a}:\n        total += x * {j} if x > {k} else x\n    return total",
                "list", (range(10, 31), range(2, 10)), "max({a}) <= {k}", MOSTLY,
            ),
            (
                ("the sum of the numbers in {a} that come before the first one above {k}, times {j}",),
                "\n    total = 0\n    for x in {a}:\n        if x > {k}:\n            break\n        total += x\n"
                "    return total * {j}",
                "list", (range(20, 36), range(2, 20)), "max({a}) <= {k}", MOSTLY,
            ),
            (
                ("the words of {a}, those with more than {k} letters cut to {j}, joined by {m!r}",),
                "\n    result = []\n    for w in {a}.split():\n        if len(w) > {k}:\n            w = w[:{j}]\n"
                "        result.append(w)\n    return {m!r}.join(result)",
                "text", (range(3, 6), range(1, 4), tuple("-+_/.:&")),
                "all(len(w) <= {k} for w in {a}.split())", MOSTLY,
            ),
        )
    ]  # fmt: skip


LEVELS: tuple[Callable[[], list[Specification]], ...] = (_expressions, _one_liners, _functions)


@cache
def level(number: int) -> tuple[Specification, ...]:
    """Returns the specifications of a level, 1 to 3."""
    return tuple(LEVELS[number - 1]())


class Input(NamedTuple):
    """A call of ``f`` as it is written, and its arguments."""

    call: str
    arguments: tuple[Any, ...]


@cache
def inputs(kind: str) -> tuple[Input, ...]:
    """Returns `INPUTS` inputs of a kind, the same ones in every process."""
    rng = np.random.default_rng(7)

    def whole(most: int) -> int:
        return int(rng.integers(1, most + 1))

    draw: dict[str, Callable[[], tuple[Any, ...]]] = {
        "numbers": lambda: (whole(40), whole(40)),
        "triples": lambda: (whole(30), whole(30), whole(30)),
        "number": lambda: (whole(90),),
        "step": lambda: (whole(16),),
        "list": lambda: ([whole(40) for _ in range(int(rng.integers(3, 6)))],),
        "text": lambda: (" ".join(rng.choice(VOCABULARY, size=int(rng.integers(3, 5)), replace=False).tolist()),),
    }
    drawn = [draw[kind]() for _ in range(INPUTS)]
    return tuple(Input(f"f({', '.join(map(repr, arguments))})", arguments) for arguments in drawn)


class _Name(str):
    """A name that stands for itself wherever a text is filled in."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


Function = Callable[..., Any]


@lru_cache(maxsize=1024)
def functions(specification: Specification) -> tuple[Function, Function | None]:
    """Returns the solution, and what numbers the cases, if there are several: of the arguments, then the constants."""
    return (
        _compiled(specification, specification.code),
        _compiled(specification, specification.case) if specification.case else None,
    )


def _compiled(specification: Specification, text: str) -> Function:
    arguments = "abc"[: len(NAMES[specification.arguments][0])]
    names = ", ".join(arguments + CONSTANTS[: len(specification.constants)])
    code = text.format_map({name: _Name(name) for name in "abc" + CONSTANTS})
    space: dict[str, Any] = {}
    exec(f"def f({names}):{code if code[0] == LINE else ' return ' + code}", space)  # a text of this file
    made: Function = space["f"]
    return made
