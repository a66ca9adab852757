"""The search for hyperparameters: what is drawn, judged, pruned and kept, and the files that say what came of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from textgym.agents import ALGORITHMS, algorithms, search_spaces, trials, tuned
from textgym.agents.search_config import SearchConfig
from textgym.agents.search_spaces import Choice, Range
from textgym.agents.trials import Score, TrialConfig
from textgym.errors import OptionError

SMALL = {"n_layer": 1, "n_embd": 16, "n_head": 2}
SPACE: dict[str, Any] = {"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}, "n_steps": [4, 8]}


def trial_config(**changes: Any) -> TrialConfig:
    usual: dict[str, Any] = {
        "env_id": "TextGen-Target-v0",
        "algorithm": "ppo",
        "model": SMALL,
        "timesteps": 256,
        "n_envs": 8,
        "episodes": 8,
        "evaluations": 2,
        "device": "cpu",
    }
    return TrialConfig(**{**usual, **changes})


class FakeTrial:
    """Draws the lowest number and the last choice."""

    def suggest_float(self, name: str, low: float, high: float, log: bool = False) -> float:
        return low

    def suggest_int(self, name: str, low: int, high: int, log: bool = False) -> int:
        return low

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        return choices[-1]


# What is drawn.


@pytest.mark.parametrize("pretrained", [True, False])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_space_holds_what_its_algorithm_takes(algorithm: str, pretrained: bool) -> None:
    if algorithm == "trpo":
        pytest.importorskip("sb3_contrib")
    drawn = search_spaces.draw(FakeTrial(), search_spaces.space(algorithm, pretrained))
    assert "learning_rate" in drawn
    for name, value in drawn.items():
        algorithms.check(algorithm, name, value)
    agent = algorithms.make(
        algorithm,
        SMALL,
        "TextGen-Target-v0",
        n_envs=16,
        env_kwargs={},
        seed=0,
        device="cpu",
        hyperparameters=drawn,
    )
    assert agent.learning_rate == drawn["learning_rate"]


def test_a_file_changes_a_space(tmp_path: Path) -> None:
    file = tmp_path / "space.yml"
    file.write_text("a: [1, 2]\nb: null\nc: {low: 1.0e-3, high: 1, log: true}\nd: {low: 2, high: 8, whole: true}\n")
    base = {"a": Choice((7,)), "b": Choice((7,)), "p.x": Choice((7,)), "p.y": Choice((7,))}
    space = search_spaces.overridden(base, search_spaces.read(file), {"p": {"y": 3}})
    assert space == {
        "a": Choice((1, 2)),
        "c": Range(1e-3, 1.0, log=True),
        "d": Range(2, 8, whole=True),
        "p.x": Choice((7,)),
    }
    assert {name: search_spaces.dimension(name, value.to_json()) for name, value in space.items()} == space


@pytest.mark.parametrize(
    "entry", ["a: 3", "a: []", "a: {low: 1}", "a: {low: 2, high: 1}", "a: {low: 0, high: 1, log: true}", "- a", "a: ["]
)
def test_a_malformed_space_is_refused(entry: str, tmp_path: Path) -> None:
    file = tmp_path / "space.yml"
    file.write_text(entry)
    with pytest.raises(OptionError, match="search space"):
        search_spaces.read(file)


def test_an_unknown_dimension_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(OptionError, match="Did you mean 'learning_rate'"):
        SearchConfig(trial_config(), space={"learning_rat": [1, 2]})
    with pytest.raises(OptionError, match="nothing to search"):
        SearchConfig(trial_config())
    with pytest.raises(OptionError, match="no sampler 'tpee'"):
        SearchConfig(trial_config(), space=SPACE, sampler="tpee")


# A trial.


def test_a_trial_is_judged_on_validation_prompts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    splits: list[str] = []
    real = trials.evaluate

    def spy(agent: Any, task: Any, **kwargs: Any) -> Any:
        report = real(agent, task, **kwargs)
        splits.append(report.split)
        return report

    monkeypatch.setattr(trials, "evaluate", spy)
    heard: list[int] = []
    score = trials.train(trial_config(), {"n_steps": 4}, lambda number, score: heard.append(number))
    assert splits == ["validation"] * 2
    assert heard == [1, 2]
    assert score.low <= score.mean <= score.high


def test_evaluations_do_not_move_the_training() -> None:
    ends = []
    for evaluations in (1, 4):
        ends.append(trials.train(trial_config(evaluations=evaluations, timesteps=600), {"learning_rate": 0.01}))
    assert ends[0] == ends[1]


def test_a_trial_out_of_time_is_left() -> None:
    with pytest.raises(trials.Stopped, match="time was up"):
        trials.train(trial_config(), {}, deadline=0.0)


# The search.


def test_a_search_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    from textgym.agents import tuning

    config = SearchConfig(trial_config(timesteps=64), space=SPACE)
    whole = tuning.run(tmp_path / "whole", config, 4)
    tuning.run(tmp_path / "parts", config, 2)
    parts = tuning.run(tmp_path / "parts", config, 4)
    told = [[(r.hyperparameters, r.score, r.is_default) for r in search.results()] for search in (whole, parts)]
    assert told[0] == told[1]
    assert [is_default for _, _, is_default in told[0]] == [True, False, False, False]
    assert told[0][0][0] == {}
    assert len({str(drawn) for drawn, _, _ in told[0]}) == 4
    with pytest.raises(OptionError, match=r"other options: n_envs 8, not 4"):
        tuning.Search.at(tmp_path / "parts", SearchConfig(trial_config(timesteps=64, n_envs=4), space=SPACE))


def test_what_cannot_be_trained_with_is_pruned_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    from textgym.agents import tuning

    def train(config: TrialConfig, hyperparameters: dict[str, Any], judge: Any, deadline: Any) -> Score:
        match hyperparameters.get("n_steps"):
            case 1:
                raise RuntimeError("CUDA out of memory.")
            case 2:
                return Score(float("nan"), 0.0, 0.0)
            case 3:
                config = trial_config(timesteps=10_000)
                return real(config, {"learning_rate": 1e30, "max_grad_norm": 1e30, "n_steps": 4}, judge, deadline)
        return Score(0.5, 0.4, 0.6)

    real = trials.train
    monkeypatch.setattr(trials, "train", train)
    config = SearchConfig(trial_config(), space={"n_steps": [1, 2, 3, 4]}, sampler="random", pruner="none")
    search = tuning.run(tmp_path / "search", config, 12)
    reasons = {r.hyperparameters["n_steps"]: r.reason for r in search.results() if not r.is_default}
    assert reasons[1] == "RuntimeError: CUDA out of memory."
    assert "is nan" in reasons[2]
    assert "finite" in reasons[3]
    assert reasons[4] == ""
    best = search.best()
    assert best is not None
    assert best.score == Score(0.5, 0.4, 0.6)


def test_a_trial_below_the_median_is_left_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    from textgym.agents import tuning

    evaluated: list[int] = []

    def train(config: TrialConfig, hyperparameters: dict[str, Any], judge: Any, deadline: Any) -> Score:
        value = float(len(evaluated) < 6)  # the first six are good
        for number in range(1, config.evaluations + 1):
            if why := judge(number, Score(value, value, value)):
                evaluated.append(number)
                raise trials.Stopped(why)
        evaluated.append(config.evaluations)
        return Score(value, value, value)

    monkeypatch.setattr(trials, "train", train)
    search = tuning.run(tmp_path / "search", SearchConfig(trial_config(), space=SPACE), 8)
    assert evaluated == [2] * 6 + [1, 1]
    assert [r.state for r in search.results()] == ["complete"] * 6 + ["pruned"] * 2
    assert search.results()[-1].reason == "Below the median after 1 of 2 evaluations."
    assert search.results()[-1].score is None
    tuning.run(tmp_path / "unpruned", SearchConfig(trial_config(), space=SPACE, pruner="none"), 8)
    assert evaluated[8:] == [2] * 8


def test_an_interrupted_trial_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    from textgym.agents import tuning

    calls = []

    def train(*_: Any) -> Score:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return Score(1.0, 1.0, 1.0)

    monkeypatch.setattr(trials, "train", train)
    config = SearchConfig(trial_config(), space=SPACE)
    with pytest.raises(KeyboardInterrupt):
        tuning.run(tmp_path / "search", config, 2)
    search = tuning.run(tmp_path / "search", config, 2)
    assert [(r.state, r.is_default) for r in search.results()] == [
        ("interrupted", True),
        ("complete", True),
        ("complete", False),
    ]


def test_what_no_agent_can_be_made_of_leaves_no_folder(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    from textgym.agents import tuning

    config = SearchConfig(trial_config(env_kwargs={"levle": 2}), space=SPACE)
    with pytest.raises(OptionError, match="levle"):
        tuning.run(tmp_path / "search", config, 2)
    assert not (tmp_path / "search").exists()


@pytest.mark.slow  # three processes load torch
def test_processes_share_a_search(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    from textgym.agents import tuning

    search = tuning.run(tmp_path / "search", SearchConfig(trial_config(timesteps=64), space=SPACE), 5, jobs=2)
    results = search.results()
    assert len(results) == 5
    assert sum(result.is_default for result in results) == 1
    assert len({str(result.hyperparameters) for result in results}) == 5


WITHOUT_OPTUNA = """
import sys
sys.modules["optuna"] = None
from textgym.agents import tuning
try:
    tuning.optuna()
except tuning.AgentError as error:
    print(error)
"""


def test_who_lacks_optuna_is_told_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", WITHOUT_OPTUNA], capture_output=True, text=True, check=True)
    assert "pip install 'textgym[tune]'" in done.stdout


# Files of hyperparameters.

RL_ZOO = """
defaults: &usual
  n_timesteps: !!float 1e5
  policy: TransformerPolicy
  learning_rate: 3e-4
  policy_kwargs: "dict(temperature=0.7, optimizer_kwargs=dict(eps=1e-5))"

TextGen-Target-v0:
  <<: *usual
  n_envs: 16
  clip_range: lin_0.2
  normalize: {norm_obs: false, norm_reward: true}
  gamma: 0.99
  env_kwargs: {max_new_tokens: 4}
  env_wrapper: null

default:
  n_timesteps: 500
"""


def test_a_file_of_rl_zoos_form_loads(tmp_path: Path) -> None:
    file = tmp_path / "ppo.yml"
    file.write_text(RL_ZOO.replace(", optimizer_kwargs=dict(eps=1e-5)", ""))
    assert tuned.tuned("ppo", "textgym:TextGen-Target-v0", file) == {
        "n_timesteps": 100_000,
        "n_envs": 16,
        "learning_rate": 0.0003,
        "policy_kwargs": {"temperature": 0.7},
        "clip_range": "lin_0.2",
        "regularisation": {"whiten_rewards": "running"},
        "env_kwargs": {"gamma": 0.99, "max_new_tokens": 4},
    }
    assert tuned.tuned("ppo", "TextGen-Sort-v0", file) == {"n_timesteps": 500}
    settings = tuned.tuned("ppo", "TextGen-Target-v0", file)
    for name in ("n_timesteps", "n_envs"):
        settings.pop(name)
    settings["env_kwargs"].pop("max_new_tokens")
    agent = algorithms.make(
        "ppo",
        SMALL,
        "TextGen-Target-v0",
        n_envs=4,
        env_kwargs={},
        seed=0,
        device="cpu",
        hyperparameters=settings,
    )
    assert agent.gamma == 0.99
    assert agent.clip_range(0.5) == pytest.approx(0.1)
    agent.learn(40).save(tmp_path / "agent")  # a schedule is saved, too
    assert type(agent).load(tmp_path / "agent").clip_range(0.5) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("learning_rte: 0.1", "Did you mean 'learning_rate'"),
        ("n_step: 3", "no hyperparameter 'n_step'"),
        ("n_timesteps: many", "n_timesteps is a whole number"),
        ("n_envs: 0", "n_envs is a whole number"),
        ("policy: MlpPolicy", "The policy is TransformerPolicy"),
        ("normalize: true", "Token ids cannot be normalised"),
        ("frame_stack: 4", "frame_stack is rl-zoo's own"),
        ("learning_rate: lin_fast", "falls to 0 from a number"),
        ("n_epochs: several", "takes a number as n_epochs"),
        ("policy_kwargs: dict(__import__('os').getcwd())", "policy_kwargs is a mapping"),
        ("warm_start: {algo: sft}", "what is trained first"),
        ("warm_start: {algo: sft, n_timesteps: 9, batch_sise: 1}", "Did you mean 'batch_size'"),
    ],
)
def test_what_an_algorithm_does_not_have_is_an_error(entry: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "ppo.yml"
    file.write_text(f"TextGen-Target-v0:\n  {entry}\n")
    with pytest.raises(OptionError, match=message):
        tuned.tuned("ppo", "TextGen-Target-v0", file)


@pytest.mark.parametrize("file", sorted(tuned.FOLDER.glob("*.yml")), ids=lambda file: file.stem)
def test_every_file_that_ships_is_whole(file: Path) -> None:
    for env_id in tuned.read(file):
        settings = tuned.tuned(file.stem, env_id)
        assert settings["n_timesteps"] >= 1


def test_writing_keeps_what_else_a_file_says(tmp_path: Path) -> None:
    file = tmp_path / "ppo.yml"
    file.write_text(
        "# Why: a header.\nA-v0:\n  n_timesteps: 1  # few\n\n# Of b.\nB-v0:\n  n_timesteps: 2\nC-v0: {n_envs: 3}\n"
    )
    entry = {"n_timesteps": 9, "learning_rate": 1e-05, "policy_kwargs": {"temperature": 0.7}}
    tuned.write(file, "B-v0", entry, "Better.")
    tuned.write(file, "D-v0", entry, "New.")
    tuned.write(file, "D-v0", {"n_timesteps": 4})
    text = file.read_text()
    assert yaml.safe_load(text) == {
        "A-v0": {"n_timesteps": 1},
        "B-v0": entry,
        "C-v0": {"n_envs": 3},
        "D-v0": {"n_timesteps": 4},
    }
    assert text.startswith("# Why: a header.\nA-v0:\n  n_timesteps: 1  # few\n")
    assert "# Better." in text
    assert "# Of b." not in text
    fresh = tuned.write(tmp_path / "new.yml", "A-v0", entry)
    assert yaml.safe_load(fresh.read_text()) == {"A-v0": entry}
    for _ in range(3):  # comments do not pile up, and a header stays
        for path in (file, fresh):
            tuned.write(path, "A-v0", entry, "Best.")
    assert [path.read_text().count("# Best.") for path in (file, fresh)] == [1, 1]
    assert file.read_text().startswith("# Why: a header.\n")
    assert fresh.read_text().startswith(tuned.HEADER)


# Warm start.


def test_a_warm_start_is_trained_once_and_is_what_the_agent_starts_from(tmp_path: Path) -> None:
    spec = {"algo": "sft", "n_timesteps": 200, "n_demonstrations": 16}
    place = tmp_path / "start"
    args: Any = (spec, SMALL, "TextGen-Target-v0", {}, 0, "cpu", place)
    algorithms.warm_start(*args)
    stamp = (place / "agent.json").stat().st_mtime_ns
    algorithms.warm_start(*args)
    assert (place / "agent.json").stat().st_mtime_ns == stamp
    learnt = algorithms.find("sft").load(place, device="cpu")
    agent = algorithms.make(
        "ppo",
        SMALL,
        "TextGen-Target-v0",
        n_envs=4,
        env_kwargs={},
        seed=0,
        device="cpu",
        hyperparameters={"warm_start": spec},
    )
    weights = [one.policy.lm.get_input_embeddings().weight.detach().numpy() for one in (learnt, agent)]
    assert np.array_equal(*weights)
    assert agent.reference is not None  # what was learnt is kept
