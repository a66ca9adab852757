"""Functions written for TRL plug in as they are."""

from __future__ import annotations

import functools
import math
import pickle

import numpy as np
import pytest
import torch

from textgym import rewards
from textgym.errors import OptionError, RewardError
from textgym.rewards import Reward


def count_letters(prompts, completions, **kwargs):
    return [float(len(completion)) for completion in completions]


def completions_only(completions, **kwargs):
    return [len(completion) for completion in completions]


def answer_given(completions, answer):
    return [1.0 if known in completion else 0.0 for completion, known in zip(completions, answer, strict=True)]


def with_default(completions, *, bonus=0.5):
    return np.full(len(completions), bonus)


def as_tensor(prompts, completions, completion_ids):
    return torch.tensor([float(len(ids)) for ids in completion_ids])


class Callable:
    def __call__(self, prompts, completions):
        return [0.0 for _ in completions]


SHARED = rewards.make("length(target=3)")


class Politeness(Reward):
    name, range = "politeness", (0.0, 1.0)

    def __init__(self, word: str = "please") -> None:
        self.word = word

    def compute(self, prompts, completions, **columns):
        return [float(self.word in completion) for completion in completions]


COLUMNS = {"completion_ids": [[1, 2], [3]], "answer": ["a", "z"], "finish_reason": ["eos", "length"]}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (count_letters, [2.0, 1.0]),
        (completions_only, [2.0, 1.0]),
        (answer_given, [1.0, 0.0]),
        (with_default, [0.5, 0.5]),
        (functools.partial(with_default, bonus=2), [2.0, 2.0]),
        (as_tensor, [2.0, 1.0]),
        (Callable(), [0.0, 0.0]),
        (lambda completions: [1.0] * len(completions), [1.0, 1.0]),
    ],
)
def test_a_function_gets_the_keywords_that_it_takes(function, expected):
    assert rewards.make(function).score(["", ""], ["ab", "c"], **COLUMNS).total.tolist() == expected


def test_a_function_has_its_own_name_and_an_open_range():
    reward = rewards.make(count_letters)
    assert reward.name == "count_letters"
    assert reward.range == (-math.inf, math.inf)
    assert rewards.make(Callable()).name == "Callable"
    named = rewards.make(count_letters, name="letters", range=[0, 9])
    assert (named.name, named.range) == ("letters", (0, 9))
    assert list((2 * named).score([""], ["a"]).terms) == ["letters"]


@pytest.mark.parametrize("options", [{}, {"name": "letters"}, {"name": "letters", "range": (0.0, math.inf)}])
def test_the_expression_of_a_function_makes_it_again(options):
    reward = rewards.make(count_letters, **options)
    assert rewards.make(repr(reward)) == reward
    assert rewards.make(repr(2 * reward)) == 2 * reward


def test_module_and_attribute():
    assert rewards.make(f"{__name__}:count_letters") == rewards.make(count_letters)
    assert rewards.make(f"{__name__}:count_letters", name="letters").name == "letters"
    assert rewards.make(f"{__name__}:SHARED") is SHARED
    assert rewards.make(f"{__name__}:Politeness", word="kindly").word == "kindly"
    assert rewards.make(Politeness, word="kindly").word == "kindly"


def test_functions_pickle_by_name():
    reward = rewards.make(count_letters)
    assert pickle.loads(pickle.dumps(reward)) == reward


@pytest.mark.parametrize(
    ("spec", "options", "error", "said"),
    [
        (lambda prompts: [], {}, RewardError, "takes prompts; it must take completions"),
        (lambda: [], {}, RewardError, "takes nothing; it must take completions"),
        (count_letters, {"range": (1, 0)}, RewardError, "must be"),
        (count_letters, {"rang": (0, 1)}, OptionError, "Did you mean 'range'"),
        ("math:nothing", {}, RewardError, "no attribute 'nothing'"),
        ("no_such_module:reward", {}, RewardError, "No module named 'no_such_module'"),
        (f"{__name__}:COLUMNS", {}, RewardError, "must be callable"),
        (f"{__name__}:SHARED", {"target": 2}, OptionError, "already made"),
        (Politeness, {"wrd": "please"}, OptionError, "Did you mean 'word'"),
    ],
)
def test_what_is_no_reward_function(spec, options, error, said):
    with pytest.raises(error, match=said):
        rewards.make(spec, **options)


def test_a_missing_column_is_named():
    with pytest.raises(RewardError, match=r"'answer_given' needs answer, which .* Columns here: other"):
        rewards.make(answer_given).score([""], ["a"], other=[1])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda completions: [None] * len(completions), "gave None"),
        (lambda completions: None, "returned None"),
        (lambda completions: ["0.5"] * len(completions), "gave '0.5'"),
        (lambda completions: [0.0], "returned 1 numbers for 2"),
        (lambda completions: torch.tensor([1.0, math.nan]), "gave nan"),
    ],
)
def test_what_a_function_may_not_return(function, said):
    with pytest.raises(RewardError, match=said):
        rewards.make(function, name="mine").score(["", ""], ["a", "b"])
