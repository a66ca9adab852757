"""Rewards as text."""

from __future__ import annotations

import numpy as np
import pytest

from textgym import rewards
from textgym.errors import OptionError, RewardError, TextGymError
from textgym.rewards import Dense
from textgym.rewards.form import DistinctN, Length, Regex, Repetition
from textgym.rewards.overlap import Bleu, ExactMatch
from textgym.rewards.sentiment import Vader

EXPRESSIONS = {
    "length": Length(),
    "length()": Length(),
    "length(target=20)": Length(),
    "length(8, 'tokens')": Length(8, "tokens"),
    " 0.7*vader + 0.3*length(target=8) ": 0.7 * Vader() + 0.3 * Length(8),
    "(length(target=8) - repetition).clip(-1,1).normalize()": (Length(8) - Repetition()).clip(-1, 1).normalize(),
    r"regex(pattern='\\d+')": Regex(r"\d+"),
    "regex(pattern='a  (b)')": Regex("a  (b)"),
    "vader.gate(distinct_n(n=2), 0.5)": Vader().gate(DistinctN(2), 0.5),
    "vader.gate(other=distinct_n, threshold=0.5)": Vader().gate(DistinctN(), 0.5),
    "vader.clip(high=0.5)": Vader().clip(high=0.5),
    "vader.clip(-inf, 0.5)": Vader().clip(high=0.5),
    "dense(vader)": Dense(Vader()),
    "dense(0.5*vader, gamma=0.9)": Dense(0.5 * Vader(), gamma=0.9),
    "-vader": -Vader(),
    "--vader": -(-1 * Vader()),
    "1 - vader/4": 1 - Vader() / 4,
    "2*3*vader": 6 * Vader(),
    "-2 * vader - -3": -2 * Vader() - (-3),
    "vader - (length - 1) * (repetition + 1)": Vader() - (Length() - 1) * (Repetition() + 1),
    "vader - (length - repetition)": Vader() - (Length() - Repetition()),
    "vader * (length * repetition)": Vader() * (Length() * Repetition()),
    "bleu(tokenize='zh')\n+ exact_match": Bleu("zh") + ExactMatch(),
}


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_an_expression_is_the_reward_that_python_builds(source):
    assert rewards.make(source) == EXPRESSIONS[source]


@pytest.mark.parametrize("source", EXPRESSIONS)
def test_the_repr_of_a_reward_builds_it_again(source):
    reward = EXPRESSIONS[source]
    assert rewards.make(repr(reward)) == reward


LEAVES = ("vader", "length(target=3)", "repetition", "regex(pattern='a')", "distinct_n(n=1)")
TEXTS = ["a b a b", "", "so good!", "a", "b c d e f", "bad bad a"]


def _random_expression(rng: np.random.Generator, depth: int) -> str:
    if depth == 0:
        return LEAVES[rng.integers(len(LEAVES))]
    one, two = _random_expression(rng, depth - 1), _random_expression(rng, depth - 1)
    number = round(rng.normal(), 2)
    forms = (
        f"{one} + {two}",
        f"{one} - ({two})",
        f"({one}) * ({two})",
        f"{number} * ({one})",
        f"-({one})",
        f"({one}) / 4 - {number}",
        f"({one}).clip({number}, {number + 1})",
        f"({one}).clip(-9, 9).gate({two}, {number})",
        f"({one}).normalize()",
    )
    return forms[rng.integers(len(forms))]


@pytest.fixture(params=range(100))
def random_expression(request) -> str:
    rng = np.random.default_rng(request.param)
    return _random_expression(rng, depth=int(rng.integers(1, 5)))


def test_random_rewards_round_trip(random_expression):
    reward = rewards.make(random_expression)
    again = rewards.make(repr(reward))
    assert again == reward
    assert repr(again) == repr(reward)
    prompts = [""] * len(TEXTS)
    np.testing.assert_array_equal(again.score(prompts, TEXTS).total, reward.score(prompts, TEXTS).total)


def test_random_rewards_stay_in_the_range_that_the_algebra_gives(random_expression):
    reward = rewards.make(random_expression)
    low, high = reward.range
    scores = reward.score([""] * len(TEXTS), TEXTS, update=True).total
    assert (scores >= low).all()
    assert (scores <= high).all()


REFUSED = {  # expression -> (what is said, the text that the caret points at)
    "sentimnt": ("No reward is called 'sentimnt'. Did you mean 'sentiment'?", "sentimnt"),
    "0.5*vader + 0.5*fluenzy": ("Did you mean 'fluency'?", "fluenzy"),
    "vader + __import__('os').system('ls')": ("has no method 'system'", "system"),
    "__import__('os')": ("No reward is called '__import__'", "__import__"),
    "eval('1')*vader": ("No reward is called 'eval'", "eval"),
    "vader.__class__": ("'vader.__class__' is not allowed", "vader"),
    "vader.score": ("'vader.score' is not allowed", "vader"),
    "vader.score(['p'], ['c'])": ("has no method 'score'", "score"),
    "vader.clop(0, 1)": ("Did you mean 'clip'?", "clop"),
    "1 + vader.clip": ("clip needs brackets", "vader"),
    "lambda: vader": ("not allowed", "lambda"),
    "[vader for _ in vader]": ("not allowed", "[vader"),
    "vader if vader else vader": ("not allowed", "vader if"),
    "vader ** 2": ("not allowed", "vader"),
    "9**9**9 * vader": ("not allowed", "9**9"),
    "vader // 2": ("not allowed", "vader"),
    "vader and length": ("not allowed", "vader"),
    "vader < 1": ("not allowed", "vader"),
    "(vader := length)": ("not allowed", "vader"),
    "f'{vader}'": ("not allowed", "f'"),
    "vader['a']": ("not allowed", "vader"),
    "+vader": ("not allowed", "+vader"),
    "2": ("A reward is needed here", "2"),
    "2 * 'vader'": ("A reward or a number is needed", "'vader'"),
    "True * vader": ("A reward or a number is needed", "True"),
    "length / vader": ("divided by a number only", "vader"),
    "vader + 1/0": ("cannot be computed", "1/0"),
    "1e999 * vader": ("finite", "1e999"),
    f"{'9' * 400} * vader": ("cannot be computed", "9"),
    "vader +": ("does not parse", None),
    "vader) + (1": ("does not parse", ")"),
    "vader length": ("does not parse", None),
    "vader\0": ("does not parse", None),
    "": ("must not be empty", None),
    "  ": ("must not be empty", None),
    "vader; length": ("does not parse", ";"),
    "(" * 400 + "vader" + ")" * 400: ("nested", None),
    "-" * 1900 + "vader": ("nested too deeply", None),
    "vader + " * 400 + "vader": ("at most 2000 characters", None),
    "length(targt=3)": ("has no option targt=3. Did you mean 'target'? It takes target, unit", "length"),
    "length(1, 'words', 3)": ("too many positional arguments", "length"),
    "length(target=vader)": ("An option is a number", "vader"),
    "length(target=2**9)": ("An option is a number", "2**9"),
    "length(target=[2, print])": ("An option is a number", "print"),
    "length(**{'target': 3})": ("** is not allowed", "{"),
    "length(target=0)": ("whole number of at least 1. Actual value: 0", "length"),
    "vader + length(unit='pages')": ("'words' or 'tokens'. Actual value: 'pages'", "length"),
    "distinct_n(n='2')": ("whole number", "distinct_n"),
    "regex(pattern='(')": ("not a regular expression", "regex"),
    "bleu(tokenize='klingon')": ("Actual value: 'klingon'", "bleu"),
    "vader.gate(0.5)": ("A reward is needed here", "0.5"),
    "vader.gate()": ("missing a required argument", "gate"),
    "vader.clip(1, 0)": ("low <= high", "clip"),
    "vader.clip('a')": ("are numbers", "clip"),
    "vader.normalize(2)": ("too many positional arguments", "normalize"),
    "fluency.gate(vader)": ("no lowest score", "gate"),
    "dense()": ("needs the reward", "dense"),
    "dense(2)": ("A reward is needed here", "2"),
    "dense(vader, gamma=2)": ("(0, 1]", "dense"),
    "2 * dense(vader)": ("must stand outermost", "2 *"),
    "dense(dense(vader))": ("must stand outermost", "dense"),
    "function(vader)": ("An option is", "vader"),
    "function('math')": ("No reward could be loaded from 'math'", "function"),
    "length + function('math:pi')": ("must be callable", "function"),
    "ünknown + vader": ("No reward is called 'ünknown'", "ünknown"),
    "regex(pattern='é€😀') + fluenzy": ("Did you mean 'fluency'?", "fluenzy"),
}


@pytest.mark.parametrize("source", REFUSED)
def test_what_is_refused_and_where(source):
    said, culprit = REFUSED[source]
    with pytest.raises(TextGymError) as caught:
        rewards.make(source)
    message = str(caught.value)
    assert said in message
    if culprit is not None:
        *_, shown, caret = message.split("\n")
        assert shown[caret.index("^") :].startswith(culprit)


def test_the_caret_stays_in_view_of_a_long_expression():
    with pytest.raises(RewardError) as caught:
        rewards.make("vader + " * 100 + "vadr")
    shown, caret = str(caught.value).split("\n")[-2:]
    assert len(shown) < 120
    assert shown[caret.index("^") :] == "vadr"


def test_errors_keep_their_class():
    with pytest.raises(OptionError):
        rewards.make("length(targt=3)")
