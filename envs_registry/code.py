"""TextGen-Code: write the Python that a specification asks for.

**Asked**: the prompt says in a comment what a function returns, gives an example, and begins the function; the
completion goes on from there, and the two together are the program:

    # Return 3 times the sum of width and height. f(2, 5) gives 21.
    def f(width, height):
        return

At ``level`` 1 the answer is an arithmetic expression of named arguments, here `` (width + height) * 3``; at 2 a
one-line expression on a list or a text; at 3 the whole body, with a condition or a loop.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test. The split hangs on the
function, whatever its arguments are called, how it is put in words and which example is given: no function of the test
is asked for in training. The column ``tests`` holds five calls and their values, not shown in the prompt. All five
values differ, from each other and from that of the example, and each case that the function distinguishes is called,
so that no constant passes them, nor a program that leaves a condition out.

**Reward**: the share of the tests that the program passes, run in the sandbox of ``unit_tests``; 1 is a success.
Metrics: whether the completion is the reference solution (``exact_match``), how near to it in characters (``chrf``),
and whether prompt and completion are Python at all (``compiles``).

**Ending**: EOS, the token budget, or what cannot belong to the answer: the end of the line at levels 1 and 2, an empty
line at level 3. Programs of public data end by EOS or the budget alone.

**Options**: ``level`` (1, 2 or 3), ``data``, ``data_path``, ``data_seed``. The sandbox needs Linux; elsewhere scoring
raises a `RewardError`, and prompts, and other rewards by ``reward=``, work.

**Public data**: ``data="mbpp"`` is Mostly Basic Python Problems: the task and its first assertion as comments, a whole
program as answer, all assertions as tests. ``data="humaneval"`` is HumanEval: a header with its docstring to go on
with. It has test problems only, which are played whatever the split; train elsewhere. Its tests are statements, which
a hostile program can claim to have passed; and there is one to a problem, so that its reward is 0 or 1.

**What the reward misses**: it does not see how a program looks or how long it takes below the time limit. A program
that is wrong may pass some of the five calls, such as ``a`` for the larger of ``a`` and ``b``.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material import code_specifications as specifications
from .material.code_specifications import CONSTANTS, INPUTS, NAMES, Specification
from .prose import Dice, source

TESTS = 5
"""Calls that a program is tried on."""

BUDGETS = ((72, 28), (104, 44), (76, 100))
"""Tokens of the prompt and of the completion at each level."""

STOPS = ("\n", "\n", "\n\n")
"""What ends an answer at each level."""

ENTRY = EnvEntry(
    id="TextGen-Code-v0",
    task="textgym.envs_registry.code:task",
    summary="Write the Python that a specification asks for.",
    model="tiny",
    tags=("core", "generated", "code"),
)


def _mbpp(record: Mapping[str, Any]) -> Row:
    asked = "\n# ".join([*record["text"].splitlines(), *record["test_list"][0].splitlines()])
    setup = record["test_setup_code"].strip()
    return Row(
        f"# {asked}\n",
        (record["code"].replace("\r\n", "\n"),),
        {"tests": tuple(f"{setup}\n{test}" if setup else test for test in record["test_list"])},
    )


def _human_eval(record: Mapping[str, Any]) -> Row:
    test = f"{record['test']}\ncheck({record['entry_point']})\n"
    return Row(record["prompt"], (record["canonical_solution"],), {"tests": (test,)})


PUBLIC: dict[str, PublicData] = {
    "mbpp": PublicData(
        "google-research-datasets/mbpp", _mbpp, max_prompt_tokens=192, max_new_tokens=384, name="full",
        truncation_side="left",
    ),
    "humaneval": PublicData(
        "openai/openai_humaneval", _human_eval, max_prompt_tokens=640, max_new_tokens=384,
        splits={"train": "test", "validation": "test", "test": "test"}, truncation_side="left",
    ),
}  # fmt: skip


def task(level: int = 1, data: str | None = None, data_path: str | None = None, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("level", level, 1, len(BUDGETS))
    asked = specifications.level(level)
    prompt_budget, budget = BUDGETS[level - 1]

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        return row(dice, dice.choice(asked))

    rows = source(
        draw,
        max_prompt_tokens=prompt_budget,
        max_new_tokens=budget,
        data_seed=data_seed,
        key=_function,
        data=data,
        data_path=data_path,
        known=PUBLIC,
    )
    return Task(
        name="Code",
        **rows._asdict(),
        tokenizer=load("tiny"),
        reward=make("unit_tests", prefix="prompt", timeout=2.0),
        stop=() if data else (STOPS[level - 1],),
        metrics={
            "exact_match": make("exact_match"),
            "chrf": make("chrf"),
            "compiles": make(compiles, range=(0.0, 1.0)),
        },
        gold="chrf",
        success_threshold=1.0,
    )


def row(dice: Dice, asked: Specification) -> Row:
    """Returns a row that asks for a specification, with constants, names, words and inputs that ``dice`` draws."""
    constants: list[Any] = []
    for values in asked.constants:
        constant = dice.choice(values)
        while constant in constants:
            constant = dice.choice(values)
        constants.append(constant)
    names = dice.choice(NAMES[asked.arguments])
    slots = dict(zip("abc", names, strict=False)) | dict(zip(CONSTANTS, constants, strict=False))
    place = dice.whole(0, INPUTS - 1)
    example, *tests = _calls(asked, constants, place)
    asks = dice.choice(asked.words).format_map(slots)
    prompt = f"# Return {asks}. {example['call']} gives {example['expect']!r}.\ndef f({', '.join(names)}):"
    solution = asked.code.format_map(slots)
    if not asked.code.startswith("\n"):
        prompt, solution = f"{prompt}\n    return", f" {solution}"
    return Row(prompt, (solution,), {"tests": tuple(tests), "function": f"{asked.code} {constants}"})


def _calls(asked: Specification, constants: list[Any], start: int) -> list[dict[str, Any]]:
    """Returns calls of a function, the first as an example: of different values, from every case."""
    solve, case = specifications.functions(asked)
    inputs = specifications.inputs(asked.arguments)
    calls: list[dict[str, Any]] = []
    values: set[Any] = set()
    room = list(asked.most)
    for i in range(start, start + INPUTS):
        call, arguments = inputs[i % INPUTS]
        value = solve(*arguments, *constants)
        different = str(value) if type(value) is list else value
        if different in values or not (calls or value):  # an example says more where something is left
            continue
        if case is not None:
            found = case(*arguments, *constants)
            if not room[found]:
                continue
            room[found] -= 1
        values.add(different)
        calls.append({"call": call, "expect": value})
        if len(calls) > TESTS:
            break
    return calls


def _function(row: Row) -> str:
    function: str = row.columns["function"]
    return function


def compiles(prompts: list[str], completions: list[str]) -> list[float]:
    """Scores whether prompt and completion are a Python program, and the completion is not empty. Range [0, 1]."""
    return [float(bool(end.strip()) and _parses(start + end)) for start, end in zip(prompts, completions, strict=True)]


def _parses(program: str) -> bool:
    with warnings.catch_warnings():  # such as that of an escape sequence that does not exist
        warnings.simplefilter("ignore")
        try:
            ast.parse(program)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
