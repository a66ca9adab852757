"""The protocol and the algebra of rewards."""

from __future__ import annotations

import copy
import json
import math
import operator
import pickle

import numpy as np
import pytest

from textgym import rewards
from textgym.errors import RewardError
from textgym.rewards import Reward
from textgym.rewards.fluency import Fluency
from textgym.rewards.form import Length, Repetition


class Share(Reward):
    """Share of one letter."""

    range = (0.0, 1.0)

    def __init__(self, letter: str) -> None:
        self.letter = letter

    @property
    def name(self) -> str:
        return f"share_{self.letter}"

    def compute(self, prompts, completions, **columns):
        return [text.count(self.letter) / max(len(text), 1) for text in completions]


A, B = Share("a"), Share("b")
TEXTS = ["aab", "bb", "", "abc", "aaaa"]
PROMPTS = [""] * len(TEXTS)


def total(reward: Reward, texts: list[str] = TEXTS) -> np.ndarray:
    return reward.score([""] * len(texts), texts).total


def test_a_score_has_a_total_and_named_terms():
    scores = (2 * A - B / 4 + 1).score(PROMPTS, TEXTS)
    assert scores.total.dtype == np.float64
    np.testing.assert_allclose(scores.total, 2 * total(A) - total(B) / 4 + 1)
    assert list(scores.terms) == ["share_a", "share_b"]
    np.testing.assert_array_equal(scores.terms["share_a"], total(A))  # before its weight


def test_terms_of_the_same_name_are_counted():
    terms = (Length(target=1) + (Length(target=2) + Length(target=3)) * Repetition()).score([""], ["one two"]).terms
    assert {name: values.tolist() for name, values in terms.items()} == {
        "length": [0.0],
        "length_2": [1.0],
        "length_3": [1 - 1 / 3],
        "repetition": [0.0],
    }


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (A + B, B + A),
        ((A + B) + 1, A + (B + 1)),
        (A * (B + 2), A * B + 2 * A),
        (A - B, -(B - A)),
        (1 - A, -A + 1),
        (A / 2, 0.5 * A),
        (sum([A, B]), A + B),
        (np.float64(2) * A, A * 2),
        (A.clip(0.2, 0.8).clip(0.2, 0.8), A.clip(0.2, 0.8)),
        (A.clip(), A),
        (A.gate(B, threshold=-1), A),
        (A.gate(B, threshold=2), 0 * A),
        (-(A.clip(0.1, 0.5)), (-A).clip(-0.5, -0.1)),
    ],
)
def test_laws(left, right):
    np.testing.assert_allclose(total(left), total(right), atol=1e-15)


def test_clip_and_gate_by_hand():
    assert total(A.clip(0.1, 0.5)).tolist() == [0.5, 0.1, 0.1, 1 / 3, 0.5]
    assert total((A + 3).gate(B, 0.3)).tolist() == [3 + 2 / 3, 3.0, 3.0, 3 + 1 / 3, 3.0]


def test_ranges_with_an_open_end():
    fluency = Fluency()
    assert fluency.range == (-math.inf, 0.0)
    assert (-fluency).range == (0.0, math.inf)
    assert (fluency * 0).range == (0.0, 0.0)
    assert (fluency * fluency).range == (0.0, math.inf)
    assert fluency.clip(-3, 0).range == (-3.0, 0.0)
    assert A.normalize().range == (-math.inf, math.inf)


def test_a_gate_needs_a_low_end_to_give():
    with pytest.raises(RewardError, match=r"fluency has no lowest score .* fluency\.clip\(-10, 10\)\.gate"):
        Fluency().gate(A)
    assert Fluency().clip(-10, 0).gate(A).range == (-10.0, 0.0)


def test_normalize_learns_in_training_only():
    reward = A.normalize()
    before = reward.score(PROMPTS, TEXTS).total
    np.testing.assert_array_equal(before, total(A))  # mean 0 and deviation 1 until something was seen
    reward.score(PROMPTS, TEXTS, update=True)
    frozen = json.dumps(reward.state_dict())
    after = total(reward)
    assert math.isclose(after.mean(), 0, abs_tol=1e-12)
    assert math.isclose(after.std(), 1, rel_tol=1e-12)
    total(reward, ["zzz"])
    assert json.dumps(reward.state_dict()) == frozen


def test_running_moments_equal_those_of_all_values():
    rng = np.random.default_rng(0)
    reward = Length(target=7).normalize()
    batches = [["w " * n for n in rng.integers(0, 15, size=size)] for size in (1, 5, 0, 3, 40)]
    for batch in batches:
        reward.score([""] * len(batch), batch, update=True)
    seen = total(Length(target=7), [text for batch in batches for text in batch])
    moments = reward.state_dict()["moments"]
    assert moments["count"] == len(seen)
    assert math.isclose(moments["mean"], seen.mean())
    assert math.isclose(reward.moments.deviation, seen.std())


def test_normalizing_equal_values_divides_by_one():
    reward = A.normalize()
    for _ in range(3):
        assert reward([""] * 7, ["aab"] * 7) == pytest.approx([0.0] * 7)
    assert total(reward, ["aaa"]).tolist() == pytest.approx([1 / 3])


def test_statistics_are_saved_from_anywhere_in_the_tree():
    def build() -> Reward:
        return 0.5 * (A.normalize() - B).normalize() + B.gate(A.normalize())

    one, two = build(), build()
    one(PROMPTS, TEXTS)
    assert not np.array_equal(total(one), total(two))
    two.load_state_dict(json.loads(json.dumps(one.state_dict())))
    np.testing.assert_array_equal(total(one), total(two))
    assert A.state_dict() == (A + B).state_dict() == {}
    with pytest.raises(RewardError, match="not a state of the reward"):
        A.normalize().load_state_dict(one.state_dict())


def test_a_copy_is_the_reward_itself():
    reward = (A + B).normalize()
    assert copy.copy(reward) is reward
    assert copy.deepcopy({"reward": reward})["reward"] is reward


def test_rewards_survive_pickling_with_their_statistics():
    reward = (Length(target=3).normalize() - Repetition()).clip(-1, 1)
    reward(PROMPTS, TEXTS)
    other = pickle.loads(pickle.dumps(reward))
    assert other == reward
    np.testing.assert_array_equal(total(other), total(reward))


def test_equal_rewards_are_equal():
    assert Length(target=3) + 1 == Length(target=3) + 1
    assert Length(target=3) != Length(target=4)
    assert len({Length(target=3), Length(target=3), Length()}) == 2


def test_trl_calls_it_as_a_reward_function():
    reward = 2 * Length(target=2)
    scores = reward(prompts=["p", "q"], completions=["a b", "c"], completion_ids=[[1, 2], [3]], trainer_state=object())
    assert scores == [2.0, 1.0]
    assert type(scores) is list
    assert type(scores[0]) is float
    assert reward.__name__ == "2.0 * length(target=2)"
    assert Length().__name__ == "length"


def test_no_completions_no_scores():
    assert total(0.5 * A + B.normalize(), []).tolist() == []
    with pytest.raises(RewardError, match="at least one completion"):
        A.corpus([], [])


def test_the_corpus_score_is_the_mean():
    assert math.isclose((2 * A).corpus(PROMPTS, TEXTS), total(2 * A).mean())


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        ([1.0, math.nan], r"'broken' gave nan to the completion 'two'"),
        ([-math.inf, 0.0], r"'broken' gave -inf to the completion 'one'"),
        ([1.0, None], r"'broken' gave None"),
        ([1.0, "2"], r"'broken' gave '2'"),
        ([1.0], r"returned 1 numbers for 2 completions. Actual value: \[1.0\]"),
        (1.0, r"returned 1.0 \(float\)"),
        (None, r"returned None \(NoneType\)"),
        ("12", r"returned '12' \(str\)"),
        (np.ones((2, 2)), r"gave \[1.0, 1.0\]"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda reward: reward, lambda reward: 0.5 * reward + 1])
def test_a_broken_reward_is_named(returned, said, wrap):
    class Broken(Reward):
        name, range = "broken", (0.0, 1.0)

        def compute(self, prompts, completions, **columns):
            return returned

    with pytest.raises(RewardError, match=said):
        wrap(Broken()).score(["", ""], ["one", "two"])


def test_an_overflow_is_named():
    with pytest.raises(RewardError, match=r"1e\+200 \* \(1e\+200 \* share_a\)' gave inf"):
        (1e200 * (1e200 * A)).score([""], ["a"])


@pytest.mark.parametrize("values", [np.array([0.5, 1]), (True, 0), [np.float32(0.5), np.int64(1)]])
def test_arrays_tuples_and_numpy_numbers_are_fine(values):
    class Fine(Reward):
        name, range = "fine", (0.0, 1.0)

        def compute(self, prompts, completions, **columns):
            return values

    assert Fine().score(["", ""], ["one", "two"]).total.tolist() == [float(value) for value in values]


@pytest.mark.parametrize(
    ("prompts", "completions", "columns", "said"),
    [
        ("p", ["c"], {}, "takes prompts as a list of texts"),
        (["p"], "c", {}, "takes completions as a list of texts"),
        (["p"], None, {}, "takes completions as a list of texts"),
        (["p"], [[{"role": "user"}]], {}, "takes completions as texts"),
        (["p", "q"], ["c"], {}, "as many prompts as completions. Actual numbers: 2 and 1"),
        (["p"], ["c"], {"references": [["r"], ["s"]]}, "as many references as completions"),
    ],
)
def test_bad_arguments(prompts, completions, columns, said):
    with pytest.raises(RewardError, match=said):
        A.score(prompts, completions, **columns)


def test_bad_algebra():
    with pytest.raises(RewardError, match="low <= high"):
        A.clip(1, 0)
    with pytest.raises(RewardError, match="are numbers"):
        A.clip("0", 1)
    with pytest.raises(RewardError, match="are numbers"):
        A.gate(B, math.nan)
    with pytest.raises(RewardError, match="needs a reward"):
        A.gate(0.5)
    with pytest.raises(RewardError, match="finite"):
        A + math.inf
    for symbol in (operator.add, operator.mul, operator.sub, operator.truediv):
        with pytest.raises(TypeError):
            symbol(A, "b")
        with pytest.raises(TypeError):
            symbol("b", A)
    with pytest.raises(TypeError):
        A / B


def test_a_reward_without_a_name_or_range_cannot_be_made():
    class Nameless(Reward):
        def compute(self, prompts, completions, **columns):
            return [0.0]

    with pytest.raises(TypeError, match="name"):
        Nameless()


def test_what_parts_are_gameable_by_is_kept():
    assert (Length() + 1).gameable_by == Length().gameable_by
    assert rewards.make("exact_match").gameable_by == frozenset()
