"""Code by its unit tests: scores, forms of tests and of completions, and reasons that reach the user."""

from __future__ import annotations

import platform
import sys

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.errors import RewardError
from textgym.rewards import seccomp
from textgym.rewards.code import UnitTests, program_in

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in seccomp.MACHINES, reason="has no sandbox"
)
ADD = "def add(a, b):\n    return a + b\n"
TESTS = [{"call": "add(1, 2)", "expect": 3}, "assert add('a', 'b') == 'ab'"]


def score(program: str, tests, prompt: str = "", **options) -> tuple[float, str]:
    scores = UnitTests(**options).score([prompt], [program], tests=[tests])
    return scores.total.item(), scores.notes["unit_tests"][0]


@pytest.mark.parametrize(
    ("program", "tests", "expected", "note"),
    [
        (ADD, TESTS, 1.0, ""),
        ("def add(a, b): return 3", TESTS, 0.5, "test 2 of 2: wrong value"),
        ("def add(a, b): return a - b", TESTS, 0.0, "test 1 of 2: wrong value; test 2 of 2: TypeError: unsupported"),
        ("", TESTS, 0.0, "test 1, 2 of 2: there is no program"),
        (" \n", TESTS, 0.0, "test 1, 2 of 2: there is no program"),
        ("def sub(a, b): return a - b", TESTS, 0.0, "test 1, 2 of 2: NameError: name 'add' is not defined"),
        ("def add(a, b) return", TESTS, 0.0, "test 1, 2 of 2: SyntaxError: expected ':'"),
        ("import os\nos._exit(0)", TESTS, 0.0, "test 1, 2 of 2: it exited with status 0"),
        ("import socket\nsocket.socket()", TESTS, 0.0, "the sandbox refuses the network"),
        ("x = bytearray(10 << 30)", TESTS, 0.0, "test 1, 2 of 2: MemoryError"),
        ("def add(a, b): raise ValueError(object())", TESTS, 0.0, "ValueError: <object object at 0x…>"),
        ("f = lambda: 1.0", ["assert f() == 1"], 1.0, ""),
        ("f = lambda: (1, 2)", [{"call": "f()", "expect": [1, 2]}], 0.0, "wrong value"),
        ("f = lambda: [1, 2]", "assert f() == [1, 2]", 1.0, ""),
        ("f = lambda: {2, 1}", ["assert f() == set([1, 2])", "assert set([1, 2]) == f()"], 1.0, ""),
        ("f = lambda: 1024", ["assert f() == 2**10, 'message'", "assert 1024 == f()", "assert f() == 2"], 2 / 3, "3"),
        ("f = lambda: []", ["assert not f()", "assert f() is not None", "assert f()"], 2 / 3, "AssertionError"),
        ("f = lambda x: x", ["assert f(2) == f(2)", "assert abs(f(0.1) - 0.1) < 1e-6"], 1.0, ""),
        ("f = lambda x: x", ["import math\nassert math.isclose(f(0.3), 0.1 + 0.2)"], 1.0, ""),
        ("f = lambda: float('inf')", ["assert f() == float('inf')"], 1.0, ""),
    ],
)  # fmt: skip
def test_scores_and_notes(program, tests, expected, note):
    value, said = score(program, tests)
    assert value == expected
    assert note in said
    assert (said == "") == (expected == 1.0)


def test_a_loop_costs_its_own_tests_only():
    program = "def add(a, b):\n    while a == 'a': pass\n    return a + b"
    assert score(program, TESTS, timeout=0.5) == (0.5, "test 2 of 2: it took longer than 0.5 s")


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (ADD, ADD),
        (f"Here you are:\n```python\n{ADD}```\nIt adds.", ADD),
        (f"```\n{ADD}```", ADD),
        (f"```py\n{ADD}", ADD),
        (f"```python\n{ADD}```\nand\n```python\nadd(1, 2)\n```", ADD),
        ("```python\n```", ""),
        ("x = '```'\n", "x = '```'\n"),
    ],
)
def test_the_program_is_taken_out_of_its_fence(completion, expected):
    assert program_in(completion) == expected


HUMAN_EVAL = """
def check(candidate):
    assert candidate(1, 2) == 3
    for k in range(5):
        assert candidate(k, k) == 2 * k

check(add)
"""


def test_a_completion_may_go_on_with_the_prompt():
    prompt = 'def add(a, b):\n    """Returns the sum."""\n'
    assert score("    return a + b\n", [HUMAN_EVAL], prompt, prefix="prompt") == (1.0, "")
    assert score(f"```python\n{ADD}```", [HUMAN_EVAL], prompt, prefix="prompt") == (1.0, "")
    assert score("    return a\n", [HUMAN_EVAL], prompt, prefix="prompt")[0] == 0.0
    assert score("", [HUMAN_EVAL], prompt, prefix="prompt")[0] == 0.0
    assert "IndentationError" in score("    return a + b\n", [HUMAN_EVAL], prompt)[1]


def test_objects_that_equal_everything_earn_nothing():
    program = "class Any:\n    def __eq__(self, other): return True\ndef add(a, b): return Any()"
    assert score(program, TESTS) == (
        0.0,
        "test 1, 2 of 2: NotLiteral: a value of type Any cannot be compared with a literal",
    )


def test_expected_values_never_enter_the_process_of_the_program():
    program = """
import gc, sys
def seen():
    frame, texts = sys._getframe(), []
    while frame:
        texts.append(repr(frame.f_locals)); frame = frame.f_back
    texts += [repr(o) for o in gc.get_objects() if type(o) in (dict, list, tuple)]
    return [n for n in map(str, range(987650, 987660)) if n + "4321" in "".join(texts)]
"""
    tests = [{"call": "seen()", "expect": []}, "assert seen() == 9876554321", "assert seen() == [9876554321][0] * 1"]
    assert score(program, tests)[0] == pytest.approx(1 / 3)


def test_a_batch_scores_as_its_rows_do():
    reward = UnitTests()
    programs = [*UnitTests.examples.completions, "", "def add(a, b): return 1 / 0", ADD, ADD]
    tests = [*UnitTests.examples.columns["tests"], TESTS, TESTS, TESTS, ["assert add(1, 1) == 3"]]
    prompts = [""] * len(programs)
    together = reward.score(prompts, programs, tests=tests)
    assert together.total.tolist() == [1.0] * 6 + [0.0, 0.0, 1.0, 0.0]
    for i, program in enumerate(programs):
        alone = reward.score([""], [program], tests=[tests[i]])
        assert alone.total.item() == together.total[i]
        assert alone.notes["unit_tests"][0] == together.notes["unit_tests"][i]
    assert UnitTests(workers=3).score(prompts, programs, tests=tests).total.tolist() == together.total.tolist()


@pytest.mark.parametrize(
    "bad",
    ["", "add", "def", "```python\n```", ", ".join(UnitTests.examples.completions), "☃\ufffd\u0007", "\ud7ff\x00"],
)
def test_what_is_no_program_scores_nothing(bad):
    examples = UnitTests.examples
    scores = UnitTests().score(examples.prompts, [bad] * 6, tests=list(examples.columns["tests"]))
    assert scores.total.tolist() == [0.0] * 6
    assert all(scores.notes["unit_tests"])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "runs tests, which this call does not carry"),
        ({"tests": [None]}, "at least one test for completion 0. Actual value: None"),
        ({"tests": [[]]}, "at least one test for completion 0"),
        ({"tests": [["assert add("]]}, "cannot read the tests of completion 0: .*never closed"),
        ({"tests": [[" "]]}, "a test is empty"),
        ({"tests": [[3]]}, "3 is no test"),
        ({"tests": [[{"call": "f()"}]]}, "{'call': 'f()'} is no test"),
        ({"tests": [[{"call": "f(", "expect": 1}]]}, "never closed"),
        ({"tests": [[{"call": "f()", "expect": object}]]}, "the value to expect is no literal"),
        ({"tests": [[{"call": "x = 1", "expect": 1}]]}, "invalid syntax"),
    ],
)
def test_tests_that_cannot_be_read_are_named(columns, said):
    with pytest.raises(RewardError, match=said.replace("(", r"\(").replace(")", r"\)")):
        UnitTests().score([""], [ADD], **columns)


@pytest.mark.parametrize(
    "options", [{"timeout": 0}, {"timeout": "5"}, {"memory": 10}, {"memory": 100.5}, {"workers": -1}, {"prefix": "x"}]
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(RewardError, match=rf"unit_tests\({next(iter(options))}=…\)"):
        UnitTests(**options)


@pytest.fixture
def task():
    rows = [{"prompt": "Add. ", "tests": ["assert add(1, 2) == 3"]}, {"prompt": "Two? ", "tests": ["assert 1 == 1"]}]
    return textgym.make_task(
        [{**row, "split": "train"} for row in rows],
        reward=0.5 * UnitTests(timeout=1.0) + 0.5 * UnitTests(timeout=2.0),
        max_prompt_tokens=16,
        max_new_tokens=64,
    )


@pytest.mark.parametrize(
    ("text", "reward", "note"),
    [
        ("def add(a, b): return a + b", 1.0, ""),
        ("import os; os.fork()", 0.0, "test 1 of 1: PermissionError: the sandbox refuses a new process (os.fork)"),
    ],
)
def test_reasons_reach_the_info_of_an_environment(task, text, reward, note):
    env = textgym.TextGenEnv(task)
    env.reset(seed=0, options={"prompt_index": 0})
    tokens = [*task.tokenizer.encode(text), task.tokenizer.eos_id]
    for token in tokens:
        _, paid, over, _, info = env.step(token)
    assert over
    assert paid == reward
    assert info["reward_terms"] == {"unit_tests": reward, "unit_tests_2": reward}
    assert info["reward_notes"] == {"unit_tests": note, "unit_tests_2": note}


def test_notes_are_stacked_as_gymnasium_stacks_them(task):
    ours = textgym.TextGenVectorEnv(task, 3)
    theirs = gym.vector.SyncVectorEnv([lambda: textgym.TextGenEnv(task)] * 3)
    for env in (ours, theirs):
        env.reset(seed=1)
    eos, other = task.tokenizer.eos_id, task.tokenizer.encode("def")[0]
    for actions in ([eos, other, other], [other, other, eos], [eos, eos, other]):
        mine, stock = (env.step(np.array(actions))[4] for env in (ours, theirs))
        assert mine.keys() == stock.keys()
        for name in mine.get("reward_notes", {}):
            np.testing.assert_array_equal(mine["reward_notes"][name], stock["reward_notes"][name])
    theirs.close()


def test_rewards_without_reasons_leave_infos_as_they_were():
    task = textgym.make_task(
        [{"prompt": "a", "split": "train"}], reward="length", max_prompt_tokens=8, max_new_tokens=1
    )
    env = textgym.TextGenEnv(task)
    env.reset(seed=0)
    assert "reward_notes" not in env.step(task.tokenizer.eos_id)[4]
