"""Watching an agent on held-out prompts while it learns: what is logged, what is kept, and that nothing changes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import KVWriter, Logger

from textgym import agents, make_task, rewards
from textgym.agents import PPO, SFT, Evaluation, ExpertIteration, SampleTable
from textgym.agents.callbacks import best_evaluation
from textgym.errors import AgentError, OptionError, TextGymError
from textgym.evaluation.held_out import check_metric, held_out_metric, higher_is_better
from textgym.tasks import Task

ENV = "TextGen-Numbers-v0"
SMALL: dict[str, Any] = {"n_envs": 4, "seed": 0, "device": "cpu"}


class Memory(KVWriter):
    """An output of the logger that keeps what is written."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, dict[str, Any]]] = []

    def write(self, key_values: Any, key_excluded: Any, step: int = 0) -> None:
        self.rows.append((step, dict(key_values)))

    def close(self) -> None: ...

    def steps(self, name: str) -> list[int]:
        return [step for step, row in self.rows if name in row]


def ppo(**changes: Any) -> Any:
    return PPO("scratch", ENV, **{"n_steps": 12, "batch_size": 48, **SMALL, **changes})


def task(reward: Any = "length(target=3)", **options: Any) -> Task:
    rows = [{"prompt": f"{i}", "answer": "yes"} for i in range(6)]
    data = {"train": rows, "validation": rows[:2]}
    return make_task(data, reward=reward, references="answer", tokenizer="chars:0123456789yes ", **options)


def scripted(callback: Evaluation, values: list[float], name: str) -> None:
    """Lets the evaluations of a callback give ``values``, one after the other."""
    answers = iter(values)

    def evaluate(**_: Any) -> Any:
        return SimpleNamespace(metrics={name: SimpleNamespace(mean=next(answers))})

    callback.model.evaluate = evaluate  # type: ignore[attr-defined]


@pytest.mark.parametrize("make", [ppo, lambda: SFT("scratch", ENV, n_demonstrations=4, **SMALL)])
def test_every_score_is_logged_and_the_training_is_the_same_as_without(make: Any, tmp_path: Path) -> None:
    watched, alone, memory = make(), make(), Memory()
    watched.set_logger(Logger(None, [memory]))
    watched.learn(300, callback=[Evaluation(100, 4, best=tmp_path / "best"), SampleTable(100, prompts=2)])
    alone.learn(300)
    assert np.array_equal(watched.policy.parameters_to_vector(), alone.policy.parameters_to_vector())
    steps = memory.steps("eval/reward")
    assert len(steps) >= 2
    assert steps[-1] == watched.num_timesteps
    assert memory.steps("eval/length") == steps
    assert memory.steps("samples") == [0, *steps]
    record = best_evaluation(tmp_path / "best")
    assert record is not None
    assert record["metric"] == "success"  # the gold of Numbers


def test_expert_iteration_is_watched_too(tmp_path: Path) -> None:
    agent = ExpertIteration("scratch", ENV, n_prompts=4, n_samples=2, **SMALL)
    agent.learn(200, callback=Evaluation(100, 4, best=tmp_path / "best"))
    assert isinstance(agents.load(tmp_path / "best", device="cpu"), ExpertIteration)


@pytest.mark.parametrize(("metric", "values", "kept"), [("reward", [1, 3, 3, 2], 3), ("kl", [0.2, 0.1, 0.4, 0.1], 0.1)])
def test_the_best_is_kept_and_a_tie_is_not_better(
    metric: str, values: list[float], kept: float, tmp_path: Path
) -> None:
    agent, evaluation = ppo(), Evaluation(1, metric=metric, best=tmp_path / "best")
    agent.learn(1)
    evaluation.init_callback(agent)
    scripted(evaluation, values, metric)
    steps = []
    for step in range(4):
        agent.num_timesteps = 10 * (step + 1)
        evaluation._act()
        steps.append(best_evaluation(tmp_path / "best")["step"])  # type: ignore[index]
    assert steps == [10, 20, 20, 20]
    assert best_evaluation(tmp_path / "best")["value"] == kept  # type: ignore[index]
    assert agents.load(tmp_path / "best", device="cpu").num_timesteps == 20
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_a_kill_between_the_two_renames_loses_no_best_agent(tmp_path: Path) -> None:
    ppo().learn(60, callback=Evaluation(50, 2, best=tmp_path / "best"))
    record = best_evaluation(tmp_path / "best")
    (tmp_path / "best").rename(tmp_path / "best.previous")
    assert best_evaluation(tmp_path / "best") == record
    assert agents.load(tmp_path / "best", device="cpu").num_timesteps == record["step"]  # type: ignore[index]


def test_a_folder_that_was_chosen_by_another_score_is_refused(tmp_path: Path) -> None:
    ppo().learn(60, callback=Evaluation(50, 2, best=tmp_path / "best"))
    with pytest.raises(AgentError, match="by 'success', not by 'length'"):
        ppo().learn(60, callback=Evaluation(50, 2, best=tmp_path / "best", metric="length"))


def test_what_chooses_is_not_what_is_trained() -> None:
    metrics = ["chrf", "repetition", "perplexity"]
    assert held_out_metric(task("length(target=3)", metrics=metrics)) == "chrf"
    assert held_out_metric(task("0.5*chrf + 0.1*length(target=3).clip(0, 1)", metrics=metrics)) == "repetition"
    assert held_out_metric(task("chrf", metrics={"same": rewards.make("chrf")})) == "reward"
    assert held_out_metric(task()) == "reward"


def test_which_way_is_better() -> None:
    played = task("chrf - 0.1*perplexity", metrics=["repetition", "chrf"])
    better = ["reward", "chrf", "reward/chrf", "success", "finish/eos"]
    worse = ["reward/perplexity", "kl", "reference_perplexity", "finish/length"]
    assert [name for name in better + worse if higher_is_better(played, name)] == better
    assert higher_is_better(played, "repetition") == rewards.make("repetition").higher_is_better


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(OptionError, match=r"'chrff'.*Did you mean 'chrf'"):
        check_metric(task(metrics=["chrf"]), "chrff")
    for every in (0, 1.5, True):
        with pytest.raises(AgentError, match="every is a number of tokens"):
            Evaluation(every)  # type: ignore[arg-type]
    only_train = make_task(["a", "b"], reward="length", split="train")
    agent = PPO("scratch", only_train, n_steps=4, **SMALL)
    for callback in (Evaluation(5), SampleTable(5)):
        with pytest.raises(TextGymError, match="no validation prompts"):
            agent.learn(10, callback=callback)
    with pytest.raises(OptionError, match="no score 'chrf'"):
        ppo().learn(60, callback=Evaluation(50, 2, best="nowhere", metric="chrf"))


class Stop(BaseCallback):
    """Stops the training amid a rollout."""

    def _on_step(self) -> bool:
        return self.num_timesteps < 120


def test_a_run_that_is_resumed_is_watched_at_the_same_tokens(tmp_path: Path) -> None:
    def callbacks(name: str) -> list[BaseCallback]:
        return [Evaluation(60, 2, best=tmp_path / name / "best"), SampleTable(60, tmp_path / name, prompts=2)]

    class Saved(BaseCallback):
        def _on_rollout_start(self) -> None:
            if self.model.num_timesteps > 100 and not (tmp_path / "half").exists():
                self.model.save(tmp_path / "half")

        def _on_step(self) -> bool:
            return True

    whole, later = Memory(), Memory()
    agent = ppo()
    agent.set_logger(Logger(None, [whole]))
    agent.learn(400, callback=[*callbacks("whole"), Saved()])
    resumed = PPO.load(tmp_path / "half", device="cpu")
    start = resumed.num_timesteps
    (tmp_path / "later").mkdir()
    lines = (tmp_path / "whole" / "samples_over_training.jsonl").read_text()
    (tmp_path / "later" / "samples_over_training.jsonl").write_text(lines)  # those of a run that was killed later on
    resumed.set_logger(Logger(None, [later]))
    resumed.learn(400 - start, callback=callbacks("later"), reset_num_timesteps=False)
    expected = [step for step in whole.steps("eval/reward") if step > start]
    assert later.steps("eval/reward") == expected
    assert expected
    assert (tmp_path / "later" / "samples_over_training.jsonl").read_text() == lines


def test_samples_are_of_the_same_prompts_and_readable(tmp_path: Path) -> None:
    agent = PPO("scratch", task(), n_steps=8, **SMALL)
    agent.learn(100, callback=SampleTable(40, tmp_path, prompts=5, deterministic=True))
    text = (tmp_path / "samples_over_training.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    steps = sorted({row["step"] for row in rows})
    assert steps[0] == 0
    assert len(steps) >= 3
    assert [row["prompt"] for row in rows] == ["0", "1"] * len(steps)  # the split has two
    page = (tmp_path / "samples_over_training.md").read_text(encoding="utf-8")
    assert page.count("\n## ") == 2
    assert page.count(f"\n| {steps[-1]} | ") == 2
    assert "the likeliest tokens" in page


def test_samples_reach_an_open_run_of_weights_and_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[dict[str, Any]] = []
    run = SimpleNamespace(log=logged.append)
    table = lambda columns, data: (columns, data)  # noqa: E731
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run, Table=table))
    ppo().learn(60, callback=SampleTable(50, prompts=2))
    columns, data = logged[0]["samples"]
    assert columns == ["step", "prompt_index", "prompt", "completion", "reward"]
    assert [row[:2] for row in data] == [[0, 0], [0, 1]]


def test_an_early_stop_is_not_evaluated() -> None:
    agent, memory = ppo(), Memory()
    agent.set_logger(Logger(None, [memory]))
    agent.learn(1000, callback=[Evaluation(500, 2), Stop()])
    assert memory.steps("eval/reward") == []
