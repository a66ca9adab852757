"""Code: what is asked can be solved, what is wrong does not pass, and nothing is longer than its budget."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path
from typing import Any

import datasets
import gymnasium as gym
import pytest

import textgym
from textgym.data import Row
from textgym.envs_registry.code import BUDGETS, CONSTANTS, NAMES, TESTS, compiles
from textgym.envs_registry.material import code_specifications as specifications
from textgym.errors import OptionError
from textgym.rewards import seccomp
from textgym.tasks import Task

ID = "TextGen-Code-v0"
LEVELS = range(1, len(BUDGETS) + 1)

sandboxed = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in seccomp.MACHINES, reason="has no sandbox"
)


def make(**options: Any) -> Task:
    return gym.make(ID, **options).unwrapped.task  # type: ignore[attr-defined]


def scores(task: Task, rows: list[Row], completions: list[str]) -> list[float]:
    tests = [row.columns["tests"] for row in rows]
    return task.reward.score([row.prompt for row in rows], completions, tests=tests).total.tolist()


@sandboxed
@pytest.mark.parametrize("level", LEVELS)
def test_the_solution_passes_and_constants_and_arguments_do_not(level: int) -> None:
    task = make(level=level)
    rows = [task[i] for i in range(12)]
    solutions = [row.references[0] for row in rows]
    assert scores(task, rows, solutions) == [1.0] * 12
    start = "" if level < 3 else "\n    return"
    constants = [f"{start} {row.columns['tests'][0]['expect']!r}" for row in rows]
    assert scores(task, rows, constants) == [1 / TESTS] * 12
    first = [f"{start} {argument}" for row in rows for argument in re.findall(r"def f\((\w+)", row.prompt)]
    assert max(scores(task, rows, first)) < 1.0


@sandboxed
def test_what_is_no_program_earns_nothing() -> None:
    task = make()
    row = task[0]
    bad = [
        "",
        " ",
        " (",
        " them and they",
        f" {row.prompt}",
        " return",
        " *",
        "\nreturn 3",
        " \ud7ff\x00",
        "```python\n",
    ]
    assert scores(task, [row] * len(bad), bad) == [0.0] * len(bad)


@pytest.mark.parametrize("level", LEVELS)
def test_tests_tell_the_cases_apart(level: int) -> None:
    """Values all differ, and of each case that a solution distinguishes there is a call, the example's aside or not."""
    for row in make(level=level).rows["train"][:3_000]:
        values = [str(test["expect"]) for test in row.columns["tests"]]
        assert len(set(values)) == TESTS
        assert not any(f"gives {value}.\n" in row.prompt for value in values)


@pytest.mark.parametrize(
    ("level", "condition", "rest"),
    [
        (2, r" if [^()]*?(?=\)|\]|$)| if len\(w\) . \d", ""),
        (3, r"(?s)if .*?return (.*?)\n", r"return \1\n"),
        (3, r" if x > .*", ""),
    ],
)
def test_no_program_without_its_condition_passes(level: int, condition: str, rest: str) -> None:
    found = 0
    for row in make(level=level).rows["train"][:600]:
        program = re.sub(condition, rest, row.references[0], count=1)
        if program == row.references[0]:
            continue
        space: dict[str, Any] = {}
        try:
            exec(row.prompt + program, space)  # of our own making
        except SyntaxError:
            continue  # cut elsewhere than at a condition
        found += 1
        assert not all(eval(test["call"], space) == test["expect"] for test in row.columns["tests"]), row
    assert found > 20


@pytest.mark.parametrize("level", LEVELS)
def test_the_longest_fit_their_budgets(level: int) -> None:
    """Every specification, with its longest words, names, constants and example."""
    task = make(level=level)

    def tokens(text: str) -> int:
        return len(task.tokenizer.encode(text))

    for asked in specifications.level(level):
        names = [max((" " + names[i] for names in NAMES[asked.arguments]), key=tokens)[1:] for i in range(3)
                 if i < len(NAMES[asked.arguments][0])]  # fmt: skip
        constants: list[Any] = []
        for values in asked.constants:
            constants.append(max((v for v in values if v not in constants), key=lambda v: tokens(f" {v!r}")))
        slots = dict(zip("abc", names, strict=False)) | dict(zip(CONSTANTS, constants, strict=False))
        solve, _ = specifications.functions(asked)
        inputs = specifications.inputs(asked.arguments)
        examples = [f"{each.call} gives {solve(*each.arguments, *constants)!r}.\n" for each in inputs]
        example = max(sorted(examples, key=len)[-40:], key=tokens)
        words = max((text.format_map(slots) for text in asked.words), key=tokens)
        inline = "\n    return" if level < 3 else ""
        prompt = f"# Return {words}. {example}def f({', '.join(names)}):{inline}"
        assert 1 + tokens(prompt) <= task.max_prompt_tokens, prompt
        assert tokens(f" {asked.code.format_map(slots)}") + 1 <= task.max_new_tokens, asked.code


@pytest.mark.parametrize("level", LEVELS)
def test_no_function_of_the_test_is_asked_for_in_training(level: int) -> None:
    rows = make(level=level).rows
    train, *held_out = (
        {row.columns["function"] for row in rows[split][:3_000]} for split in ("train", "validation", "test")
    )
    assert len(train) > 1_000
    assert not any(train & found for found in held_out)
    assert not held_out[0] & held_out[1]


def test_compiles_reads_prompt_and_completion() -> None:
    prompt = "# Return x.\ndef f(x):\n    return"
    texts = [" x", " x +", "", " ", " '\\d'", " \x00", "\n  x", " (" * 5_000]
    assert compiles([prompt] * len(texts), texts) == [1, 0, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(("level", "reason"), [(1, "stop"), (3, "stop")])
def test_a_program_ends_at_its_line_or_at_an_empty_line(level: int, reason: str) -> None:
    env = gym.make(ID, level=level, reward="exact_match")
    _, info = env.reset(seed=0)
    answer = info["references"][0]
    for token in env.unwrapped.task.tokenizer.encode(answer + "\n\nmore"):  # type: ignore[attr-defined]
        _, reward, over, _, info = env.step(token)
        if over:
            break
    assert (reward, info["finish_reason"], info["completion"]) == (1.0, reason, answer)


@pytest.mark.parametrize("level", [0, 4, "1", True])
def test_levels_that_do_not_exist_are_named(level: Any) -> None:
    with pytest.raises(OptionError, match="level is a whole number from 1 to 3"):
        gym.make(ID, level=level)


def save(folder: Path, record: dict[str, Any], features: dict[str, Any], splits: tuple[str, ...]) -> str:
    part = datasets.Dataset.from_list([record], features=datasets.Features(features))
    datasets.DatasetDict(dict.fromkeys(splits, part)).save_to_disk(folder)
    return str(folder)


TEXT = datasets.Value("string")
ADD = "def add(a, b):\r\n  return a + b"


@sandboxed
@pytest.mark.parametrize(
    ("name", "record", "features", "splits", "bad"),
    [
        (
            "mbpp",
            {
                "task_id": 7,
                "text": "Write a function\nto add two numbers.",
                "code": ADD,
                "test_list": ["assert add(1, 2) == 3", "assert add(two, 2) == 4"],
                "test_setup_code": "two = 2",
                "challenge_test_list": [],
            },
            {
                "task_id": datasets.Value("int32"),
                **dict.fromkeys(("text", "code", "test_setup_code"), TEXT),
                **dict.fromkeys(("test_list", "challenge_test_list"), datasets.Sequence(TEXT)),
            },
            ("train", "validation", "test", "prompt"),
            "def add(a, b):\n  return 3 if a == 1 else 0",
        ),
        (
            "humaneval",
            {
                "task_id": "HumanEval/0",
                "prompt": 'def add(a: int, b: int) -> int:\n    """Returns the sum."""\n',
                "canonical_solution": "    return a + b\n",
                "test": "\n\ndef check(candidate):\n    assert candidate(1, 2) == 3\n    assert candidate(2, 2) == 4\n",
                "entry_point": "add",
            },
            dict.fromkeys(("task_id", "prompt", "canonical_solution", "test", "entry_point"), TEXT),
            ("test",),
            "    return 3\n",
        ),
    ],
)
def test_public_problems_are_played(
    name: str, record: dict[str, Any], features: dict[str, Any], splits: tuple[str, ...], bad: str, tmp_path: Path
) -> None:
    folder = save(tmp_path / name, record, features, splits)
    env = gym.make(ID, data=name, data_path=folder, split="test")
    task: Task = env.unwrapped.task  # type: ignore[attr-defined]
    assert not task.stop
    row = task[0]
    assert scores(task, [row, row], [row.references[0], bad]) == [1.0, 0.5 if name == "mbpp" else 0.0]
    assert textgym.evaluate(lambda prompt: row.references[0], ID, episodes=1, data=name, data_path=folder).mean == 1.0
    if name == "mbpp":
        assert row.prompt == "# Write a function\n# to add two numbers.\n# assert add(1, 2) == 3\n"
