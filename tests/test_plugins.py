"""Packages that add ids, rewards and agents by entry points: a real one, and broken ones."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

MODULE = """
from textgym import EnvEntry, Task
from textgym.data import Row

ENTRY = EnvEntry("TextGen-Riddle-v0", "riddles:task", "Guess.", tags=("riddle",))
OTHERS = [EnvEntry("TextGen-RiddleTwo-v0", "riddles:task", "Guess again.", tags=("riddle",))]

def more():
    import textgym
    textgym.register(EnvEntry("TextGen-RiddleThree-v0", "riddles:task", "Guess once more."))

def task():
    from textgym import rewards, tokenizers
    return Task(name="Riddle", rows={"train": (Row("why?", (" so",)),), "test": (Row("how?", (" so",)),)},
                tokenizer=tokenizers.load("tiny"), reward=rewards.make("wit"), max_prompt_tokens=8, max_new_tokens=4)
"""
REWARDS = '''
from textgym.rewards import Reward

class Wit(Reward):
    """1 for a completion that says so. Range [0, 1]."""

    name = "wit"
    range = (0.0, 1.0)

    def __init__(self, word="so"):
        self.word = word

    def compute(self, prompts, completions, **columns):
        return [float(self.word in text) for text in completions]
'''
AGENTS = '''
import numpy as np

class Sphinx:
    """Always says the same."""

    def __init__(self):
        from textgym import tokenizers
        self.tokenizer = tokenizers.load("tiny")

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        (token, *_), size = self.tokenizer.encode(" so"), len(obs["input_ids"])
        return np.full(size, token), None
'''


def install(folder, name, points, **modules):
    """Writes what installing a distribution leaves behind: its modules and a *.dist-info folder."""
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(points))
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)


@pytest.fixture
def riddles(tmp_path):
    points = """\
        [textgym.envs]
        riddle = riddles:ENTRY
        others = riddles:OTHERS
        more = riddles:more
        [textgym.rewards]
        wit = riddles_rewards:Wit
        [textgym.agents]
        sphinx = riddles_agents:Sphinx
    """
    install(tmp_path, "riddles", points, riddles=MODULE, riddles_rewards=REWARDS, riddles_agents=AGENTS)
    return tmp_path


def python(folder, code):
    run = [sys.executable, "-P", "-c", textwrap.dedent(code)]
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return result


def test_a_package_adds_ids_rewards_and_agents(riddles):
    code = """
        import sys, gymnasium as gym, textgym
        assert {"TextGen-Riddle-v0", "TextGen-RiddleTwo-v0", "TextGen-RiddleThree-v0"} <= set(textgym.entries())
        assert "TextGen-RiddleTwo-v0" in textgym.suites["riddle"]
        assert "riddles" in sys.modules and "torch" not in sys.modules
        assert "wit" in textgym.rewards.names() and "riddles_rewards" not in sys.modules
        assert textgym.rewards.make("0.5*wit(word='ha') + 0.5*wit")([""], ["ha, so"]) == [1.0]
        env = gym.make("TextGen-Riddle-v0")
        assert env.reset()[1]["prompt"] == "why?"
        report = textgym.evaluate("sphinx", "TextGen-Riddle-v0", episodes=4)
        assert report.mean == 1.0, report.mean

        from typer.testing import CliRunner
        from textgym.cli.main import app
        for args in (["envs"], ["evaluate", "sphinx", "TextGen-Riddle-v0", "--episodes", "2"]):
            result = CliRunner().invoke(app, args)
            assert result.exit_code == 0 and "TextGen-Riddle-v0" in result.output, result.output
        result = CliRunner().invoke(app, ["train", "TextGen-Riddle-v0", "--algo", "sphinx"])
        assert "The agent 'sphinx' does not learn" in result.stderr, result.output
    """
    assert "Warning" not in python(riddles, code).stderr


@pytest.mark.parametrize(
    ("points", "module", "reason"),
    [
        ("bad = nowhere:ENTRY", "", "No module named 'nowhere'"),
        ("bad = broken:ENTRY", "raise RuntimeError('not today')", "RuntimeError: not today"),
        ("bad = broken:ENTRY", "ENTRY = 7", "not iterable"),
        ("bad = broken:ENTRY", "ENTRY = ['x']", "'x' is no textgym.EnvEntry"),
        (
            "bad = broken:ENTRY",
            "from textgym import EnvEntry\nENTRY = EnvEntry('TextGen-Copy-v0', 'a:b', 'c')",
            "already registered",
        ),
    ],
)
def test_a_broken_package_costs_one_warning(points, module, reason, riddles):
    install(riddles, "broken", f"[textgym.envs]\n{points}\n", broken=module)
    code = """
        import textgym
        assert {"TextGen-Riddle-v0", "TextGen-Copy-v0"} <= set(textgym.entries())
    """
    errors = python(riddles, code).stderr
    assert errors.count("PluginWarning") == 1
    assert "The package broken 1.2 could not add its environments" in errors
    assert reason in errors


def test_what_cannot_be_imported_is_named_when_it_is_asked_for(tmp_path):
    rewards = "[textgym.rewards]\nwit = nowhere:Wit\nsum = math:fsum\nbleu = nowhere:Bleu\n"
    install(tmp_path, "broken", rewards + "[textgym.agents]\nsphinx = nowhere:Sphinx\n")
    code = """
        import textgym, textgym.rewards
        from textgym import agents
        from textgym.errors import AgentError, RewardError
        for make, error, words in (
            (lambda: textgym.rewards.make("wit"), RewardError, ["broken 1.2", "'wit'", "No module named 'nowhere'"]),
            (lambda: textgym.rewards.make("sum"), RewardError, ["'sum'", "no Reward class"]),
            (lambda: agents.load("sphinx"), AgentError, ["broken 1.2", "'sphinx'", "No module named 'nowhere'"]),
        ):
            try:
                make()
            except error as found:
                assert all(word in str(found) for word in words), found
            else:
                raise AssertionError(words)
        textgym.rewards.make("bleu")  # ours stays ours
    """
    assert "Warning" not in python(tmp_path, code).stderr


def test_two_packages_with_one_name(riddles):
    install(riddles, "also", "[textgym.rewards]\nwit = elsewhere:Wit\n")
    errors = python(riddles, "import textgym; assert 'wit' in textgym.rewards.names()").stderr
    assert errors.count("PluginWarning") == 1
    assert "riddles 1.2" in errors
    assert "also 1.2" in errors


def test_looking_for_packages_costs_little():
    code = """
        import time, textgym
        from textgym import plugins
        plugins.found.cache_clear()
        times = []
        for _ in range(5):
            plugins.found.cache_clear()
            start = time.perf_counter()
            plugins.register_envs()
            times.append(time.perf_counter() - start)
        print(min(times))
    """
    assert float(python("", code).stdout) < 0.05
