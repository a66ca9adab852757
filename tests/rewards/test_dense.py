"""A dense reward pays in every step what the terminal reward pays at the end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from textgym import rewards
from textgym.data import Row
from textgym.env import TextGenEnv
from textgym.errors import RewardError
from textgym.rewards import Dense
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

TOKENIZER = CharTokenizer("ab ")
EOS, A, B, SPACE = 2, 3, 4, 5


def make_env(reward: str, gamma: float) -> TextGenEnv:
    return TextGenEnv(
        Task(
            name="probe",
            rows={"train": (Row("a", ("ab",)),)},
            tokenizer=TOKENIZER,
            reward=rewards.make(reward),
            max_prompt_tokens=2,
            max_new_tokens=3,
            gamma=gamma,
        )
    )


def play(env: TextGenEnv, actions) -> list[float]:
    env.reset(seed=0)
    paid = []
    for action in actions:
        _, reward, over, _, _ = env.step(action)
        paid.append(reward)
        if over:
            return paid
    raise AssertionError("the episode did not end")


EPISODES = [
    actions[: actions.index(EOS) + 1] if EOS in actions else actions
    for actions in itertools.product((EOS, A, B, SPACE), repeat=3)
]


@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("phi", ["chrf", "0.5*length(target=2) - repetition(n=1)"])
def test_the_steps_telescope(gamma, phi):
    """Σ γ^t r_t = γ^T Φ(s_T) − Φ(s_0), for every episode of a small world."""
    terminal, dense = make_env(phi, gamma), make_env(f"dense({phi})", gamma)
    start = rewards.make(phi).score(["a"], [""], references=[["ab"]]).total.item()
    for actions in dict.fromkeys(EPISODES):
        final = play(terminal, actions)[-1]
        paid = play(dense, actions)
        assert sum(gamma**t * r for t, r in enumerate(paid)) == pytest.approx(gamma ** len(paid) * final - start)


def test_the_best_episode_stays_the_best():
    phi = "chrf + 0.1*length(target=1)"
    returns = []
    for spec in (phi, f"dense({phi})"):
        env = make_env(spec, gamma=0.9)
        returns.append([sum(0.9**t * r for t, r in enumerate(play(env, actions))) for actions in EPISODES])
    assert np.argmax(returns[0]) == np.argmax(returns[1])


def test_scored_by_itself_it_is_its_potential():
    reward = rewards.make("length(target=2)")
    dense = Dense(reward, gamma=0.5)
    assert dense(["", ""], ["a b", "a"]) == reward(["", ""], ["a b", "a"])
    assert dense.range == reward.range
    assert list(dense.score([""], ["a"]).terms) == ["length"]
    assert Dense(reward.normalize()).state_dict().keys() == {"0"}


def test_it_stands_outermost():
    reward = Dense(rewards.make("length"))
    for compose in (lambda: 2 * reward, lambda: reward + 1, reward.clip, reward.normalize, lambda: Dense(reward)):
        with pytest.raises(RewardError, match="must stand outermost"):
            compose()


@pytest.mark.parametrize("gamma", [0, -1, 1.5, float("nan")])
def test_gamma_lies_in_its_range(gamma):
    with pytest.raises(RewardError, match=r"\(0, 1\]"):
        Dense(rewards.make("length"), gamma=gamma)
