"""One trial of a search: an agent trained for a while, and what it earns on validation prompts along the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import gymnasium as gym
import torch
from stable_baselines3.common.callbacks import BaseCallback

from textgym.errors import OptionError, TextGymError
from textgym.evaluation import evaluate
from textgym.tasks import Task

from . import algorithms

SPLIT = "validation"
"""What trials are chosen by. The test prompts stay for what is chosen."""


@dataclass(frozen=True)
class TrialConfig:
    """What the trials of a search have in common; JSON only.

    Attributes:
        env_id: A registered id.
        algorithm: Name of the algorithm.
        model: What every trial starts from: a name, a folder, or a dictionary; see `textgym.agents.models.make_model`.
        timesteps: Tokens that a trial is trained on.
        env_kwargs: Options of the environment, such as ``reward``.
        n_envs: Episodes side by side.
        seed: Of every trial, so that trials differ in their hyperparameters only.
        episodes: Validation episodes of each evaluation.
        evaluations: Evaluations of a trial, evenly over its tokens; the last is its result.
        device: Where it runs.
    """

    env_id: str
    algorithm: str
    model: Any
    timesteps: int
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    n_envs: int = 64
    seed: int = 0
    episodes: int = 128
    evaluations: int = 4
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("timesteps", "n_envs", "evaluations"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is at least 1. Actual value: {getattr(self, name)}.")
        if self.episodes < 2:
            raise OptionError(f"episodes are at least 2, for an interval. Actual value: {self.episodes}.")

    def to_json(self) -> dict[str, Any]:
        """Returns the attributes."""
        return asdict(self)


class Score(NamedTuple):
    """The mean reward on validation prompts, and the ends of its 95% interval over prompts."""

    mean: float
    low: float
    high: float


class Stopped(Exception):
    """A trial that was left before its end; the message says why."""


FAILURES = (Stopped, TextGymError, ArithmeticError, AssertionError, MemoryError, RuntimeError, TypeError, ValueError)
"""How a trial ends early: left, or by hyperparameters that cannot be trained with: NaN, no memory, a refusal."""


Judge = Callable[[int, Score], str | None]
"""Told the number of an evaluation, from 1, and its score; returns why the trial is to be left, or None."""


def validation_task(config: TrialConfig) -> Task:
    """Returns the task of the validation prompts, without the metrics that no trial is judged by.

    Raises:
        TextGymError: If the environment has none, or its options are wrong.
    """
    env: Any = gym.make(config.env_id, **{**config.env_kwargs, "split": SPLIT})
    return replace(env.unwrapped.task, metrics={})


def agent(config: TrialConfig, hyperparameters: Mapping[str, Any]) -> Any:
    """Returns the agent of a trial, untrained; ``n_envs`` among the hyperparameters outdoes that of the config."""
    settings = dict(hyperparameters)
    return algorithms.make(
        config.algorithm,
        config.model,
        config.env_id,
        n_envs=settings.pop("n_envs", config.n_envs),
        env_kwargs=config.env_kwargs,
        seed=config.seed,
        device=config.device,
        hyperparameters=settings,
    )


def train(
    config: TrialConfig,
    hyperparameters: Mapping[str, Any],
    judge: Judge = lambda number, score: None,
    deadline: float | None = None,
    step: Callable[[int], None] = lambda tokens: None,
) -> Score:
    """Trains an agent and returns what it earns on validation prompts at the end.

    Args:
        config: What all trials have in common.
        hyperparameters: Those of this one.
        judge: Told every evaluation, the last one too.
        deadline: On `time.monotonic`'s clock; the trial is left when it has passed.
        step: Told the tokens trained on, after every step.

    Raises:
        Stopped: If ``judge`` said so, or the time was up.
    """
    trained = agent(config, hyperparameters)
    try:
        progress = _Progress(config, judge, deadline, step)
        trained.learn(config.timesteps, callback=progress)
        if progress.reason is None:
            return progress.evaluate(config.evaluations)
        raise Stopped(progress.reason)
    finally:
        if trained.env is not None:
            trained.env.close()


class _Progress(BaseCallback):
    """Evaluates between two updates, where the agent is whole, and stops a trial that is not worth going on with."""

    def __init__(self, config: TrialConfig, judge: Judge, deadline: float | None, step: Callable[[int], None]) -> None:
        super().__init__()
        self.config, self.judge, self.deadline, self.step = config, judge, deadline, step
        self.task = validation_task(config)
        self.done = 0
        self.reason: str | None = None

    def evaluate(self, number: int) -> Score:
        """Returns the score now, and raises if the judge stops the trial."""
        config = self.config
        report = evaluate(_voice(self.model), self.task, split=SPLIT, episodes=config.episodes, seed=config.seed)
        reward = report.metrics["reward"]
        self.done = number
        score = Score(reward.mean, reward.low, reward.high)
        self.reason = self.judge(number, score)
        if self.reason is not None:
            raise Stopped(self.reason)
        return score

    def _on_rollout_start(self) -> None:
        number = self.model.num_timesteps * self.config.evaluations // self.config.timesteps
        if self.done < number < self.config.evaluations:
            self.evaluate(number)

    def _on_step(self) -> bool:
        self.step(self.model.num_timesteps)
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.reason = "The time was up."
        return self.reason is None


def _voice(agent: Any) -> SimpleNamespace:
    """Returns an agent without what an evaluation would measure besides the reward: its KL, its perplexity."""
    names = ("predict", "seeded", "tokenizer")
    return SimpleNamespace(**{name: getattr(agent, name) for name in names if hasattr(agent, name)})


def reason(error: BaseException) -> str:
    """Returns in one line why a trial ended early, and gives a GPU's memory back."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, TextGymError | Stopped) else f"{type(error).__name__}: {text}"
