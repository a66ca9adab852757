"""The audit: every registered reward passes it, and it finds what is wrong with a bad one."""

from __future__ import annotations

import numpy as np
import pytest

from textgym import rewards
from textgym.errors import ContractError, OptionError
from textgym.rewards import Reward
from textgym.rewards.audit import KINDS, audit
from textgym.rewards.examples import MESSAGES, Examples
from textgym.testing import check_reward


@pytest.mark.parametrize("name", rewards.names())
def test_every_registered_reward_passes(name):
    check_reward(name)


@pytest.mark.parametrize("name", rewards.names())
def test_what_is_declared_gameable_is_a_kind_of_the_audit(name):
    assert rewards.make(name).gameable_by <= set(KINDS)


@pytest.mark.parametrize("name", ["sentiment", "fluency", "similarity"])
def test_the_shipped_models_are_known_by_their_weights(name):
    reward = rewards.make(name)
    assert reward.fingerprint == rewards.make(name).fingerprint
    assert len(reward.fingerprint) == 64


class Faulty(Reward):
    name = "faulty"
    range = (0.0, 1.0)
    good = frozenset(MESSAGES.completions)

    def compute(self, prompts, completions, **columns):
        return [float(completion in self.good) for completion in completions]


def test_a_reward_that_tells_good_from_bad_passes():
    found = audit(Faulty())
    assert found.passed
    assert found.per_second > 0
    assert [finding.kind for finding in found.findings] == list(KINDS)


def test_a_reward_that_pays_for_silence_fails_even_if_it_says_so():
    class Silence(Faulty):
        gameable_by = frozenset(KINDS)

        def compute(self, prompts, completions, **columns):
            return [float(not completion) for completion in completions]

    assert [finding.kind for finding in audit(Silence()).missed] == ["empty", "eos_first"]
    with pytest.raises(ContractError, match="empty scores 1, good completions 0"):
        check_reward(Silence())
    check_reward(Silence(), accept=["empty", "eos_first"])


def test_a_reward_that_counts_words_is_gamed_by_whatever_is_long():
    class Long(Faulty):
        range = (0.0, np.inf)

        def compute(self, prompts, completions, **columns):
            return [float(len(completion.split())) for completion in completions]

    assert {finding.kind for finding in audit(Long()).missed} >= {"max_length"}


def test_leaving_the_range_is_a_fault():
    class Wide(Faulty):
        def compute(self, prompts, completions, **columns):
            return [2 * value for value in super().compute(prompts, completions)]

    assert any("range" in fault for fault in audit(Wide()).faults)


def test_chance_is_a_fault():
    class Chance(Faulty):
        def __init__(self):
            self.rng = np.random.default_rng(0)

        def compute(self, prompts, completions, **columns):
            return self.rng.random(len(completions))

    with pytest.raises(ContractError, match="two calls on the same texts"):
        check_reward(Chance())


def test_looking_at_the_rest_of_the_batch_is_a_fault():
    class Share(Faulty):
        def compute(self, prompts, completions, **columns):
            return [float(completion in self.good) / len(completions) for completion in completions]

    with pytest.raises(ContractError, match="alone and"):
        check_reward(Share())


def test_examples_of_another_task_can_be_given():
    sums = Examples(("1 + 1 =", "2 + 3 ="), (" 2", " 5"))
    check_reward("exact_match", examples=sums)
    with pytest.raises(ContractError, match="all_labels"):
        check_reward(lambda prompts, completions, references, **_: [
            float(any(text.strip() in completion for text in texts))
            for completion, texts in zip(completions, references, strict=True)
        ], examples=sums)  # fmt: skip


def test_a_kind_that_does_not_exist_is_an_error():
    with pytest.raises(OptionError, match="Did you mean 'keyword_spam'"):
        check_reward("vader", accept=["keyword_span"])
