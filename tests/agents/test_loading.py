"""Agents by name, as every command and `textgym.evaluate` take them."""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path
from typing import Any

import pytest

import textgym
from textgym import agents
from textgym.agents import PPO, BeamSearch, BestOfN, Greedy, MajorityVote, RandomAgent, ZeroShot, make_vec_env
from textgym.agents.specs import Spec, parse
from textgym.errors import AgentError, DataError, ModelError, OptionError, RunError, TextGymError
from textgym.evaluation.players import Oracle

NUMBERS, TARGET = "TextGen-Numbers-v0", "TextGen-Target-v0"

MINE = '''
import gymnasium as gym
import numpy as np

class Eager:
    """Ends at once."""

    def __init__(self, task):
        self.eos_id = task.tokenizer.eos_id
        self.split = task.split

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        return np.full(len(obs["input_ids"]), self.eos_id), None

class Asking:
    def __init__(self, env, patience=3):
        assert isinstance(env, gym.Env)
        self.task = env.unwrapped.task

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        return np.full(len(obs["input_ids"]), self.task.tokenizer.eos_id), None

class Demanding:
    def __init__(self, secret):
        pass

class Broken:
    def __init__(self):
        raise ValueError("not today")

class Mute:
    pass

def count(prompt):
    return f"{int(prompt.split()[-1]) + 1} "

def made():
    return count

def made_for(task):
    return Eager(task)

ready = Asking.__new__(Asking)
'''


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "my agents.py"
    path.write_text(textwrap.dedent(MINE), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("runs/demo", None),
        ("random()", Spec("random", None, {})),
        ("greedy(tiny)", Spec("greedy", "tiny", {})),
        ("beam_search(runs/a b, n=4, x=0.6)", Spec("beam_search", "runs/a b", {"n": 4, "x": 0.6})),
        ("best_of_n(greedy(tiny), n=2)", Spec("best_of_n", "greedy(tiny)", {"n": 2})),
        ("replay('a, b=c.jsonl')", Spec("replay", "a, b=c.jsonl", {})),
        ("replay(it's.jsonl)", Spec("replay", "it's.jsonl", {})),
        (r"vote(tiny, answer='is (\d+), ok')", Spec("vote", "tiny", {"answer": r"is (\d+), ok"})),
        ('f(tiny, k=None, law={"a": [1, 2]})', Spec("f", "tiny", {"k": None, "law": {"a": [1, 2]}})),
    ],
)
def test_a_call_is_taken_apart(text: str, expected: Spec | None) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["greedy(tiny, tiny)", "f(a, n=1, n=2)", "f(n=1, a)", "f(a,)", "f(a(b)", "f('a)"])
def test_a_call_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(AgentError, match="Actual value"):
        parse(text)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("oracle", Oracle),
        ("random", RandomAgent),
        ("random(seed=3)", RandomAgent),
        ("scratch", ZeroShot),
        ("zero_shot(scratch, temperature=0.5)", ZeroShot),
        ("greedy(scratch)", Greedy),
        ("greedy(random)", Greedy),
        ("beam_search(scratch, n=2)", BeamSearch),
        ("best_of_n(random, n=3)", BestOfN),
        ("majority_vote(scratch, n=3)", MajorityVote),
        ("majority_vote(greedy(scratch), n=2)", MajorityVote),
    ],
)
def test_what_does_not_learn_is_played_by_name(name: str, kind: type) -> None:
    assert type(agents.load(name, NUMBERS, device="cpu")) is kind
    first, second = (textgym.evaluate(name, NUMBERS, episodes=4, seed=1) for _ in range(2))
    if "scratch" not in name:  # whose weights are drawn anew
        assert first.to_json() == second.to_json()
    assert (first.mean == 1.0) == (name == "oracle")


@pytest.mark.parametrize("name", ["random", "oracle", "best_of_n(random, n=2)", "majority_vote(random, n=2)"])
@pytest.mark.parametrize("env_id", ["TextGen-CustomerService-v0", "TextGen-Brackets-v0"])
def test_they_play_conversations_and_masks(name: str, env_id: str) -> None:
    report = textgym.evaluate(name, env_id, episodes=3, num_envs=2, max_new_tokens=96)
    assert len(report.episodes) == 3


def test_options_of_the_environment_reach_the_agent() -> None:
    def longest(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return [float(len(text)) for text in completions]

    report = textgym.evaluate("best_of_n(random, n=16)", NUMBERS, episodes=8, max_new_tokens=9, reward=longest)
    assert report.mean > textgym.evaluate("random", NUMBERS, episodes=8, max_new_tokens=9, reward=longest).mean + 1


def test_a_models_own_vocabulary_is_played() -> None:
    report = textgym.evaluate("majority_vote(tiny, n=2)", "TextGen-Copy-v0", episodes=2, max_new_tokens=6)
    assert report.tokenizer == textgym.tokenizers.load("tiny").fingerprint


def test_saved_agents_and_what_plays_them(tmp_path: Path) -> None:
    PPO("scratch", NUMBERS, n_envs=4, seed=0, device="cpu").save(tmp_path / "agent")
    for name in (f"{tmp_path}/agent", f"greedy({tmp_path}/agent)", f"beam_search({tmp_path}/agent, n=2)"):
        assert textgym.evaluate(name, NUMBERS, episodes=2).env_id == NUMBERS
    assert type(agents.load(tmp_path / "agent", device="cpu")) is PPO


@pytest.mark.parametrize("name", ["Eager", "Asking", "made_for", "ready"])
def test_classes_and_functions_of_a_file_are_constructed_as_they_ask(name: str, mine: str) -> None:
    agent = agents.load(f"{mine}:{name}", NUMBERS, env_kwargs={"split": "test"})
    assert hasattr(agent, "predict")
    if name == "Eager":
        assert agent.split == "test"
    if name != "ready":
        assert textgym.evaluate(f"{mine}:{name}", NUMBERS, episodes=3).metrics["finish/eos"].mean == 1


def test_a_function_of_text_is_an_agent(mine: str) -> None:
    reports = [textgym.evaluate(f"{mine}:{name}", NUMBERS, episodes=4).to_json() for name in ("count", "made")]
    assert reports[0] == reports[1]
    assert agents.load("textwrap:dedent")(" a") == "a"


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("random(n=2)", AgentError, "random has no option 'n'"),
        ("beam_search(tiny, m=2)", AgentError, "no option 'm'.*It has n, length_penalty"),
        ("beam(tiny)", AgentError, "There are oracle, random.*beam_search"),
        ("greedy", AgentError, r"greedy\(tiny\)"),
        ("greedy()", AgentError, "needs to be told what to play"),
        ("oracle(tiny)", AgentError, "plays nothing but itself"),
        ("greedy(oracle)", AgentError, "'oracle' has none"),
        ("replay(nowhere.jsonl)", DataError, "no data file"),
        ("nowhere:Class", AgentError, "No module named 'nowhere'"),
        ("nowhere.py:Class", AgentError, "no file 'nowhere.py'"),
        ("textwrap:dedents", AgentError, "Did you mean 'dedent'"),
        ("math:pi", AgentError, "'math:pi' is no agent"),
        ("no-such-model", ModelError, "no-such-model"),
        ("{mine}", AgentError, "Say which class or function"),
        ("{mine}:Demanding", AgentError, "it needs secret"),
        ("{mine}:Broken", AgentError, "ValueError: not today"),
        ("{mine}:Mute", AgentError, "is no agent"),
        ("{folder}", RunError, "no saved agent, no run and no model"),
    ],
)
def test_errors_teach(name: str, error: type[TextGymError], reason: str, mine: str) -> None:
    name = name.format(mine=mine, folder=Path(mine).parent)
    with pytest.raises(error, match=reason):
        agents.load(name, TARGET)


def test_a_file_that_cannot_be_imported_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import nowhere\n")
    with pytest.raises(AgentError, match=r"bad.py' cannot be imported: ModuleNotFoundError: No module named 'nowhere'"):
        agents.load(f"{tmp_path}/bad.py:Agent")


@pytest.mark.parametrize("name", ["random", "best_of_n(tiny)", "majority_vote(tiny)", "beam_search(tiny)"])
def test_what_needs_the_environment_says_so(name: str) -> None:
    with pytest.raises(AgentError, match="Give the environment"):
        agents.load(name, device="cpu")
    with pytest.raises(OptionError, match="NoSuch"):
        agents.load(name, "TextGen-NoSuch-v0", device="cpu")


def test_a_function_whose_turn_ends_by_a_stop_string_writes_no_empty_turn() -> None:
    """The EOS that would have followed is dropped with the rest of the turn."""
    env_id = "TextGen-CustomerService-v0"
    task = make_vec_env(env_id, 1).get_attr("task")[0]
    stop = task.stop[0] if task.stop else "\n"
    task = dataclasses.replace(task, stop=(stop,), split="test")
    report = textgym.evaluate(lambda text: f" What is your order number?{stop}", task, episodes=2)
    assert all(turn.strip() for episode in report.episodes for turn in episode.turns[:-1])
    assert all(len(episode.turns) > 1 for episode in report.episodes)
