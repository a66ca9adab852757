from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import textgym
from textgym.agents import MajorityVote, ZeroShot, make_vec_env
from textgym.agents.majority import vote
from textgym.errors import AgentError

ARITHMETIC = "TextGen-Arithmetic-v0"


class Dice:
    """Writes one of the given texts each time; which one is told by the row."""

    def __init__(self, tokenizer: Any, texts: list[str]) -> None:
        self.tokenizer = tokenizer
        self.scripts = [[*tokenizer.encode(text), tokenizer.eos_id] for text in texts]

    def predict(self, obs: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False) -> Any:
        step = 0 if state is None else state
        scripts = [self.scripts[i % len(self.scripts)] for i in range(len(obs["input_ids"]))]
        return np.array([script[min(step, len(script) - 1)] for script in scripts]), step + 1


def posed(**options: Any) -> textgym.Task:
    rows = [{"prompt": "Q", "answer": "x", "split": split} for split in ("train", "test")]
    return textgym.make_task(rows, references="answer", reward="exact_match", max_new_tokens=24, **options)


def test_the_most_frequent_answer_wins_and_of_equals_the_first() -> None:
    assert vote(["a", "b", "b", "c"]) == 1
    assert vote(["c", "b", "b", "c"]) == 0
    assert vote([None, None, "a", None]) == 2
    assert vote([None, None]) == 0


@pytest.mark.parametrize(
    ("texts", "answer", "expected"),
    [
        (["No", "yes ", "  YES", "nope"], None, "yes "),
        (["it is 4", "so 5", "hence 5", "4?", "5!"], r"\d", "so 5"),
        (["2 and 2 make 4", "4 and 4", "no idea", "none"], r"(\d)$", "2 and 2 make 4"),
        (["a", "b", "b"], r"\d", "a"),
    ],
)
def test_answers_are_compared_after_normalisation(texts: list[str], answer: str | None, expected: str) -> None:
    task = posed()
    report = textgym.evaluate(
        MajorityVote(Dice(task.tokenizer, texts), task, n=len(texts), answer=answer), task, episodes=2
    )
    assert [episode.completion for episode in report.episodes] == [expected] * 2


def test_a_stop_string_is_no_part_of_the_answer_and_the_budget_holds() -> None:
    task = posed(stop="!")
    agent = MajorityVote(Dice(task.tokenizer, ["no! yes", "yes", "yes! no"]), task, n=3)
    assert textgym.evaluate(agent, task, episodes=1).episodes[0].completion == "yes"
    long = MajorityVote(Dice(task.tokenizer, ["word " * 40]), task, n=2)
    assert textgym.evaluate(long, task, episodes=1).episodes[0].finish_reason == "length"


def test_voting_raises_what_a_noisy_writer_earns() -> None:
    """A writer that is right four times in ten, and wrong in many ways, is right nearly always by vote (Condorcet)."""
    task = posed()
    (right,) = task.tokenizer.encode("x")

    class Noisy:
        tokenizer = task.tokenizer

        def __init__(self) -> None:
            self.rng = np.random.default_rng(0)

        def predict(self, obs: Any, state: Any = None, **_: Any) -> Any:
            size = len(obs["input_ids"])
            if state:
                return np.full(size, self.tokenizer.eos_id), True
            wrong = self.rng.integers(400, 4000, size)  # below are lone bytes, which all read alike
            return np.where(self.rng.random(size) < 0.4, right, wrong), True

    alone = textgym.evaluate(Noisy(), task, episodes=60, num_envs=20)
    voted = textgym.evaluate(MajorityVote(Noisy(), task, n=15), task, episodes=60, num_envs=20)
    hits = [np.mean([e.completion == "x" for e in report.episodes]) for report in (alone, voted)]
    assert hits[0] < 0.6
    assert hits[1] > 0.95


def test_it_votes_on_every_turn_and_repeats_itself_for_a_seed() -> None:
    env_id = "TextGen-CustomerService-v0"
    agent = MajorityVote(ZeroShot("tiny", seed=0), env_id, n=2, max_new_tokens=16)
    first, second = (
        textgym.evaluate(agent, env_id, episodes=4, num_envs=2, max_new_tokens=16, seed=5) for _ in range(2)
    )
    assert first.to_json() == second.to_json()


def test_masks_of_the_environment_hold() -> None:
    env_id = "TextGen-Brackets-v0"
    report = textgym.evaluate(MajorityVote("scratch", env_id, n=3), env_id, episodes=8)
    task = make_vec_env(env_id, 1).get_attr("task")[0]
    assert all(set(episode.completion_ids) <= set(task.allowed_tokens) for episode in report.episodes)


def test_it_says_what_it_cannot_do() -> None:
    with pytest.raises(AgentError, match="n=True"):
        MajorityVote("scratch", ARITHMETIC, n=True)
    with pytest.raises(AgentError, match="regular expression"):
        MajorityVote("scratch", ARITHMETIC, answer="(")
