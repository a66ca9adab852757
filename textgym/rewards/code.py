"""Code: does the program that a completion writes pass its tests?"""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from textgym.errors import RewardError

from . import sandbox
from .base import Noted, Reward
from .checks import shorten
from .examples import Examples
from .sandbox_child import NotLiteral, canonical, told

MAX_NOTE = 500
MAX_PARSED = 10_000
"""Characters of the longest program that is parsed here, to spare babble a process; the sandbox parses longer ones."""


class Expected(NamedTuple):
    """A test, and the value that passes it, as `sandbox_child.canonical` writes values."""

    test: sandbox.Probe
    value: str


@dataclass(frozen=True, repr=False)
class UnitTests(Reward):
    r"""Share of unit tests that the program in the completion passes, run in a sandbox. Range [0, 1].

    The program is the first block between Markdown fences, or else the whole completion; an empty one scores 0. The
    data has a column ``tests`` with a list for each row, of any of

    - ``{"call": "add(1, 2)", "expect": 3}``: an expression, and the value that it must have, a literal;
    - ``"assert add(1, 2) == 3"``, as in MBPP: read as the former wherever one side can be evaluated without the
      program, which holds for literals and for such as ``set([1, 2])``;
    - any other statements, such as ``check`` of HumanEval with its call: passed if they raise nothing.

    The values are compared outside of the program's process, by Python's equality of literals: ``1 == 1.0``, and a list
    is no tuple. In the last form the program itself can fake success; prefer the others against an optimiser. See
    `textgym.rewards.sandbox` for what holds a program and for the limits of that. Whatever a program does, it is scored
    and the run goes on; ``info["reward_notes"]["unit_tests"]`` says which tests failed and why, and is empty where none
    did. Each program that parses costs a process, 20 to 60 ms.

    Args:
        timeout: Seconds for a program and all of its tests, on the wall clock.
        memory: MiB of address space that it may use, at least 64.
        prefix: ``"prompt"`` where the completion goes on with the prompt, such as below a function's header; ``""``
            where it stands alone.
        workers: Programs run side by side; 0 takes one for each processor.

    Source: Chen et al. 2021, arXiv:2107.03374 (HumanEval); Austin et al. 2021, arXiv:2108.07732 (MBPP).
    """

    timeout: float = 5.0
    memory: int = 256
    prefix: str = ""
    workers: int = 0

    name = "unit_tests"
    range = (0.0, 1.0)
    examples = Examples(
        prompts=(
            "Write a Python function add(a, b) that returns the sum of two numbers.\n",
            "Write a Python function is_palindrome(text) that ignores case.\n",
            "Write a Python function count_words(text) that maps each word to how often it occurs.\n",
            "Write a Python function primes(n) that lists the primes below n.\n",
            "Write a Python function flatten(rows) that joins lists into one.\n",
            "Write a Python function largest(numbers) that returns the largest number, or None if there is none.\n",
        ),
        completions=(
            "def add(a, b):\n    return a + b\n",
            "def is_palindrome(text):\n    text = text.lower()\n    return text == text[::-1]\n",
            "from collections import Counter\n\ndef count_words(text):\n    return Counter(text.split())\n",
            "def primes(n):\n    return [k for k in range(2, n) if all(k % d for d in range(2, int(k**0.5) + 1))]\n",
            "```python\ndef flatten(rows):\n    return [item for row in rows for item in row]\n```\n",
            "def largest(numbers):\n    return max(numbers, default=None)\n",
        ),
        columns={
            "tests": (
                ({"call": "add(1, 2)", "expect": 3}, {"call": "add(-1.5, 1)", "expect": -0.5}),
                ("assert is_palindrome('Anna') == True", "assert is_palindrome('Anne') == False"),
                (
                    {"call": "count_words('a b a')", "expect": {"a": 2, "b": 1}},
                    {"call": "count_words('')", "expect": {}},
                ),
                ("assert primes(12) == [2, 3, 5, 7, 11]", "assert primes(2) == []"),
                ("assert flatten([[1], [], [2, 3]]) == [1, 2, 3]", "assert flatten([]) == []"),
                ("assert largest([3, 9, 4]) == 9", "assert largest([]) is None"),
            )
        },
    )

    def __post_init__(self) -> None:
        for option, low in (("timeout", 0.1), ("memory", 64), ("workers", 0)):
            value = getattr(self, option)
            kinds: Any = int | float if option == "timeout" else int
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value < 1_000_000:
                raise RewardError(f"unit_tests({option}=…) takes a number of at least {low}. Actual value: {value!r}.")
        if self.prefix not in ("", "prompt"):
            raise RewardError(f"unit_tests(prefix=…) takes '' or 'prompt'. Actual value: {self.prefix!r}.")

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> Noted:
        rows = self._tests(completions, columns)
        places: list[sandbox.Program | str] = []  # a program, or why there is none
        for prompt, completion, row in zip(prompts, completions, rows, strict=True):
            code = program_in(completion)
            whole = prompt + code if self.prefix else code
            fault = _fault(whole) if code.strip() else "there is no program"
            places.append(fault or sandbox.Program(whole, tuple(one.test for one in row)))
        programs = {place: None for place in places if isinstance(place, sandbox.Program)}  # equal ones are run once
        outcomes = dict(zip(programs, self._run(list(programs)), strict=True))
        values, notes = [], []
        for place, row in zip(places, rows, strict=True):
            verdicts = [place] * len(row) if isinstance(place, str) else _verdicts(outcomes[place], row)
            values.append(verdicts.count("") / len(row))
            notes.append(_note(verdicts))
        return Noted(values, notes)

    def _tests(self, completions: list[str], columns: dict[str, Any]) -> list[list[Expected]]:
        rows = columns.get("tests")
        if rows is None:
            raise RewardError(
                f"Reward {self.name!r} runs tests, which this call does not carry. Give the data a column 'tests' with "
                "a list of them for each row."
            )
        return [self._row(i, row) for i, row in enumerate(rows)]

    def _row(self, place: int, row: Any) -> list[Expected]:
        tests = [row] if isinstance(row, str | Mapping) else row
        if not isinstance(tests, Sequence) or not len(tests):
            raise RewardError(
                f"Reward {self.name!r} needs at least one test for completion {place}. Actual value: {shorten(row)}."
            )
        try:
            return [_parse(test) for test in tests]
        except (SyntaxError, ValueError, TypeError, RecursionError) as error:
            raise RewardError(
                f"Reward {self.name!r} cannot read the tests of completion {place}: {error}. A test is "
                "{'call': 'add(1, 2)', 'expect': 3} or 'assert add(1, 2) == 3'. Actual value: " + shorten(row) + "."
            ) from error

    def _run(self, programs: list[sandbox.Program]) -> list[sandbox.Outcome]:
        return sandbox.run(programs, sandbox.Limits(self.timeout, self.memory), self.workers or None)


def program_in(completion: str) -> str:
    """Returns the first block between Markdown fences, closed or not; without any, the completion as it is."""
    fenced = re.search(r"^[ ]{0,3}```[ \t]*\w*[ \t]*\n(.*?)(?:^[ ]{0,3}```|\Z)", completion, re.DOTALL | re.MULTILINE)
    return fenced[1] if fenced else completion


def _fault(source: str) -> str:
    """Returns why a text is no program, as the sandbox would say it, or an empty string; it is parsed, never run."""
    if len(source) > MAX_PARSED:
        return ""
    with warnings.catch_warnings():  # such as that of an escape sequence that does not exist
        warnings.simplefilter("ignore")
        try:
            compile(source, "<program>", "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            return sandbox.printable(told(error))
        except (RecursionError, MemoryError):
            return ""  # the sandbox says so
    return ""


def _verdicts(outcome: sandbox.Outcome, row: list[Expected]) -> list[str]:
    """Returns for each test why it failed, or an empty string."""
    return [
        answer.error or ("" if answer.value == expected.value else "wrong value")
        for answer, expected in zip(outcome.answers, row, strict=True)
    ]


def _note(verdicts: list[str]) -> str:
    failed: dict[str, list[str]] = {}
    for number, why in enumerate(verdicts, 1):
        if why:
            failed.setdefault(re.sub(r"0x[0-9a-f]+", "0x…", why), []).append(str(number))  # addresses differ each time
    note = "; ".join(f"test {', '.join(numbers)} of {len(verdicts)}: {why}" for why, numbers in failed.items())
    return note if len(note) <= MAX_NOTE else f"{note[: MAX_NOTE - 1]}…"


def _parse(test: Any) -> Expected:
    if isinstance(test, str):
        return _statement(test)
    if not isinstance(test, Mapping) or set(test) != {"call", "expect"} or not isinstance(test["call"], str):
        raise ValueError(f"{shorten(test)} is no test")
    ast.parse(test["call"].strip(), mode="eval")
    try:
        return Expected(sandbox.Probe("eval", test["call"].strip()), canonical(test["expect"]))
    except NotLiteral as error:
        raise ValueError(f"the value to expect is no literal: {error}") from error


@lru_cache(maxsize=65536)
def _statement(source: str) -> Expected:
    match ast.parse(source).body:
        case []:
            raise ValueError("a test is empty")
        case [ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]))]:
            for call, side in ((left, right), (right, left)):
                if (value := _constant(side)) is not None:
                    return Expected(sandbox.Probe("eval", ast.unparse(call)), value)
    return Expected(sandbox.Probe("exec", source), "True")


def _constant(node: ast.expr) -> str | None:
    """Returns the value of an expression that needs no program, in canonical form, or None if it needs one."""
    try:
        return canonical(ast.literal_eval(node))
    except (ValueError, NotLiteral):
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        if not names <= set(dir(builtins)):
            return None
    test = sandbox.Probe("eval", ast.unparse(node))
    (outcome,) = sandbox.run([sandbox.Program("", (test,))])  # alone: what to expect is not for the program to see
    return outcome.answers[0].value
