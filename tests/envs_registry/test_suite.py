"""What holds for every registered id: its rows, its reward, its marks, and that no environment touches another."""

from __future__ import annotations

import itertools
import json
import random

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym import assets, generated, testing
from textgym.agents import RandomAgent
from textgym.data import SPLITS
from textgym.evaluation import Oracle
from textgym.rewards.examples import Examples

IDS = list(textgym.entries())
DRAWS = 10_000


def task_of(env_id, **options):
    return gym.make(env_id, **options).unwrapped.task


def mark(report, task):
    """Returns how good a report is, from 0 to 1: the probes say so themselves, else the reward within its range."""
    if "score" in task.metrics:
        return report.metrics["score"].mean
    floor = max(task.reward.range[0], 0.0)  # of a signed judgement, 0 is what says nothing
    return (report.mean - floor) / (task.reward.range[1] - floor)


@pytest.mark.parametrize("env_id", IDS)
def test_the_oracle_reaches_the_top_and_chance_does_not(env_id):
    task = task_of(env_id, split="test")
    chance = textgym.evaluate(RandomAgent(gym.make(env_id), seed=0), env_id, episodes=128, seed=0)
    assert mark(chance, task) <= 0.15
    if task.can_answer:
        assert mark(textgym.evaluate(Oracle(), env_id, episodes=128), task) >= 0.95


@pytest.mark.parametrize("env_id", IDS)
def test_silence_and_tricks_do_not_pay(env_id):
    """The audit, on the task's own rows: its perfect answers against empty, repeated, copied and rambling ones."""
    task = task_of(env_id, split="test")
    if not task.can_answer or task.simulator is not None or len(task) == 1:
        pytest.skip("has no answers of one turn, different ones, to hold bad ones against")
    rows = [task[i] for i in range(min(8, len(task)))]
    columns = {name: tuple(row.columns[name] for row in rows) for name in rows[0].columns}
    references = {"references": tuple(list(row.references) for row in rows)}
    examples = Examples(
        tuple(row.prompt for row in rows), tuple(task.answer(row) for row in rows), {**columns, **references}
    )
    testing.check_reward(task.reward, examples=examples)


@pytest.mark.parametrize("env_id", IDS)
def test_rows_are_many_fit_their_budgets_and_repeat(env_id):
    task = task_of(env_id)
    rows = generated.sample(task.rows["train"], DRAWS, seed=1)
    if len(task) == generated.ENDLESS:
        distinct = len({row.prompt for row in rows})
        assert distinct >= min(0.6 * DRAWS, 6_000)
        other = generated.sample(task_of(env_id, data_seed=1).rows["train"], DRAWS, seed=1)
        assert sum(a == b for a, b in zip(rows, other, strict=True)) < 0.05 * DRAWS
    again = task_of(env_id).rows["train"]
    places = np.random.default_rng(1).integers(len(task), size=50).tolist()
    assert [again[i] for i in places] == [task.rows["train"][i] for i in places]
    for split in SPLITS:
        for row in generated.sample(task.rows[split], 500):
            assert 1 <= len(task.encode_prompt(row.prompt)) <= task.max_prompt_tokens
            for reference in row.references:
                tokens = task.tokenizer.encode(reference)
                assert len(tokens) <= task.max_new_tokens  # at the end of the budget it needs no EOS
                assert task.tokenizer.decode(tokens) == reference
                assert not any(stop in reference for stop in task.stop)


@pytest.mark.parametrize("env_id", [env_id for env_id in IDS if textgym.entries()[env_id].model != "scratch"])
def test_the_model_that_it_starts_from_can_read_it(env_id):
    config = json.loads((assets.path(textgym.entries()[env_id].model) / "config.json").read_text(encoding="utf-8"))
    assert task_of(env_id).max_tokens <= config["n_positions"]


def play(env, seed, steps=40, between=lambda: None):
    """Plays random tokens for some steps and returns all that a user sees; ``between`` runs after each step."""
    rng = np.random.default_rng(seed)
    seen, over = [], True
    for _ in range(steps):
        if over:
            _, info = env.reset(seed=int(rng.integers(2**31)))
            seen.append(json.dumps(info))
        obs, reward, over, _, info = env.step(int(rng.integers(env.action_space.n)))
        seen.append((obs["input_ids"].tobytes(), reward, over, json.dumps(info)))
        between()
    return seen


@pytest.mark.parametrize("env_id", IDS)
def test_no_environment_touches_another(env_id):
    """Alone, or with others made, reset and stepped in between: the same episodes."""
    alone = play(gym.make(env_id), 0)
    names = [env_id, *random.Random(env_id).sample(IDS, 3)]
    others = itertools.cycle([gym.make(name) for name in names])
    assert play(gym.make(env_id), 0, between=lambda: play(next(others), 1, steps=2)) == alone


@pytest.mark.parametrize("env_id", IDS)
def test_nothing_is_left_of_the_last_episode(env_id):
    env, fresh = gym.make(env_id), gym.make(env_id)
    play(env, 3, steps=60)
    assert play(env, 4) == play(fresh, 4)


def test_the_suites():
    assert len(textgym.suites["core"]) == 16
    assert set(textgym.suites["grue"]) == {
        f"TextGen-{name}-v0"
        for name in ("CommonGen", "DataToText", "Dialogue", "QA", "Sentiment", "Summarization", "Translation")
    }
    assert set(textgym.suites["algorithmic"]) >= {"TextGen-Copy-v0", "TextGen-Numbers-v0", "TextGen-Target-v0"}
    assert len(textgym.suites["probe"]) >= 8
    assert set(textgym.suites["all"]) == set(IDS)
