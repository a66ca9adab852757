"""What each task asks, and how it scores."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.data import SPLITS, Row
from textgym.envs_registry import arithmetic, brackets
from textgym.envs_registry.exact import position_accuracy
from textgym.envs_registry.numbers import increasing


@pytest.mark.parametrize(
    ("prompt", "completion", "expected"),
    [
        ("7 ", "8 9 10 11 12 13 14 15", 1.0),
        ("7 ", "8 9 9 10", 2 / 8),
        ("7 ", "8 3 9 10", 1 / 8),
        ("7 ", "", 0.0),
        ("7 ", "   ", 0.0),
        ("7 ", "7 7 7 7", 0.0),
        ("3 ", "4 50 600 7000", 4 / 8),
        ("9 ", "10 20 30 40 50 60 70 80 90 100", 1.0),
    ],
)
def test_numbers(prompt, completion, expected):
    assert increasing([prompt], [completion]) == [expected]


@pytest.mark.parametrize(("text", "reward"), [("我爱你。", 1.0), ("我爱你你", 0.0), ("。你爱我", 0.0)])
def test_target(text, reward):
    env = gym.make("TextGen-Target-v0")
    env.reset(seed=0)
    for token in env.unwrapped.task.tokenizer.encode(text):
        _, total, over, _, info = env.step(token)
    assert over
    assert total == reward
    assert info["is_success"] is (reward == 1.0)


def test_sentiment_tells_good_from_bad():
    env = gym.make("TextGen-Sentiment-v0").unwrapped
    prompt = "The kettle I ordered last month"
    texts = [" is wonderful. Thank you so much!", " broke after a day and nobody answers. Terrible service."]
    good, bad = env.task.reward.score([prompt, prompt], texts).total
    assert good > 0.5
    assert bad < -0.5


def test_sentiment_prompts_fit_and_all_splits_are_there():
    for split, size in (("train", 240), ("validation", 60), ("test", 60)):
        task = gym.make("TextGen-Sentiment-v0", split=split).unwrapped.task
        assert len(task) == size
        assert max(len(task.prompt_ids(i)) for i in range(size)) <= task.max_prompt_tokens


@pytest.mark.parametrize("env_id", textgym.suites["algorithmic"])
@pytest.mark.parametrize("split", SPLITS)
def test_a_reference_earns_the_most_there_is(env_id, split):
    env = gym.make(env_id, split=split)
    task = env.unwrapped.task
    if not task[0].references:
        pytest.skip("has no references")
    for i in range(20):
        _, info = env.reset(options={"prompt_index": min(i, len(task) - 1)})
        for token in [*task.tokenizer.encode(info["references"][0]), task.tokenizer.eos_id]:
            _, reward, over, _, info = env.step(token)
            if over:
                break
        assert over
        assert reward == task.reward.range[1] == 1.0
        assert info["is_success"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("2+3", 5), ("2-30", -28), ("7*8", 56), ("2+3*4", 14), ("2*3-4", 2), ("9-3-2", 4), ("1-2*3", -5), ("0*5-0", 0)],
)
def test_arithmetic(expression, expected):
    assert arithmetic.value(expression) == expected


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_levels_of_arithmetic(level):
    """Answers are Python's own; the operators are those of the level, all of them."""
    rows = gym.make("TextGen-Arithmetic-v0", level=level, max_digits=2).unwrapped.task.rows["train"][:400]
    operators, operands = arithmetic.LEVELS[level - 1]
    assert {c for row in rows for c in row.prompt if not c.isdigit()} == {*operators, "="}
    for row in rows:
        numbers = re.findall(r"\d+", row.prompt)
        assert len(numbers) == operands
        assert all(number == str(int(number)) and len(number) <= 2 for number in numbers)
        assert row.references == (str(eval(row.prompt.removesuffix("="))),)  # of our own making


def test_order_does_not_move_a_sum_to_another_split():
    key = arithmetic._in_any_order
    same = [("3+5=", "5+3="), ("3*5=", "5*3="), ("2+3*4=", "4*3+2="), ("9-2-3=", "9-3-2=")]
    assert all(key(Row(one)) == key(Row(other)) for one, other in same)
    different = [("3+5=", "3*5="), ("3-5=", "5-3="), ("3+5=", "3-5="), ("2*3+4=", "2+3*4=")]
    assert all(key(Row(one)) != key(Row(other)) for one, other in different)


@pytest.mark.parametrize(
    ("prompt", "completion", "exact", "partial"),
    [
        ("([", "])", 1, 1),
        ("([", "]{}())", 1, 1),
        ("([", "]", 0, 1 / 2),
        ("([", "", 0, 0),
        ("([", ")]", 0, 0),
        ("([", "])]", 0, 2 / 3),  # one too many
        ("([", "]((", 0, 0),
        ("(((", "))]", 0, 2 / 4),
        ("(((", "()))", 0, 2 / 3),
        ("([", "]a", 0, 1 / 3),
        ("()", "", 1, 1),  # by hand: nothing is open
        ("()", "[]", 1, 1),
        ("()", ")", 0, 0),
        ("(]", ")", 0, 0),  # by hand: beyond repair
    ],
)
def test_brackets(prompt, completion, exact, partial):
    assert brackets.balanced([prompt], [completion]) == [exact]
    assert brackets.closed_share([prompt], [completion]) == pytest.approx([partial])


def test_brackets_mask_all_but_brackets_and_eos():
    env = gym.make("TextGen-Brackets-v0").unwrapped
    tokens = env.task.tokenizer.tokens()
    assert {tokens[i] for i in np.flatnonzero(env.action_masks())} == {"<eos>", *"()[]{}"}
    lengths = {len(row.prompt) for row in env.task.rows["train"][:500]}
    assert lengths == set(range(4, 17))


@pytest.mark.parametrize(
    ("options", "form"),
    [
        ({"sources": ["iso"]}, "%Y-%m-%d"),
        ({"sources": ["dotted"]}, "%d.%m.%Y"),
        ({"sources": ["american"]}, "%m/%d/%Y"),
        ({"sources": ["written"]}, "%d %B %Y"),
        ({"sources": ["written"], "max_days": 500}, "%d %B %Y"),
        ({"sources": ["dotted"], "target": "dotted", "max_days": 40}, "%d.%m.%Y"),
    ],
)
def test_dates(options, form):
    """Python's own parser reads every prompt and works out the answer."""
    rows = gym.make("TextGen-Dates-v0", **options).unwrapped.task.rows["train"][:300]
    for row in rows:
        text, _, days = row.prompt.removesuffix("=").partition("+")
        day = datetime.strptime(text, form).date() + timedelta(int(days or 0))
        answer = day.strftime(form) if "target" in options else day.isoformat()
        assert row.references == (answer,)
        assert 1 <= int(days or 1) <= options.get("max_days", 1)


def test_dates_are_of_the_years_asked():
    rows = gym.make("TextGen-Dates-v0", first_year=2024, last_year=2024).unwrapped.task.rows["train"][:2000]
    answers = {row.references[0] for row in rows}
    assert {answer[:4] for answer in answers} == {"2024"}
    assert {answer[5:7] for answer in answers} == {f"{month:02}" for month in range(1, 13)}


@pytest.mark.parametrize(
    ("completion", "expected"),
    [("abcd", 1), ("", 0), ("abc", 3 / 4), ("abcdabcd", 4 / 8), ("bcd", 0), ("abxd", 3 / 4), (" abcd ", 1)],
)
def test_position_accuracy(completion, expected):
    assert position_accuracy(["p"], [completion], [["abcd"]]) == [expected]


def test_position_accuracy_of_empty_answers():
    assert position_accuracy(["p"] * 2, ["", "a"], [[""]] * 2) == [1.0, 0.0]


def test_letters_are_copied_reversed_and_sorted():
    for name, answer in (("Copy", str), ("Reverse", lambda t: t[::-1]), ("Sort", lambda t: "".join(sorted(t)))):
        for row in gym.make(f"TextGen-{name}-v0", letters=3).unwrapped.task.rows["train"][:200]:
            assert re.fullmatch(r"[abc]{3,10}=", row.prompt)
            assert row.references == (answer(row.prompt[:-1]),)
