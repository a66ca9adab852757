"""Seconds until the demo's reward from the same weights: our RLOO against TRL's, and PPO as ``make demo`` runs it.

All train the shipped model on `TextGen-Sentiment-v0`: the same training prompts and reward, the demo's temperature and
its price of a nat of KL to the same reference. The two RLOOs are the same algorithm: 64 completions at a time, eight of
each prompt, one step of the optimizer. Each has the learning rate of three that is quickest on average over three other
seeds, where a training that is not there after 20 s counts as 20: a rate that is quick once and collapses once loses.
The demo's PPO is here for what it is: its settings are chosen for what it ends with, not for how soon it is there.

After every iteration (of TRL: every step) all are evaluated on the same held-out prompts by the same code, with the
clock stopped; the clock starts when training does, after imports and construction. Reached is the first evaluation that
is at least 0.6, the lower end of the interval that `make demo` ends with; VADER, which nobody trains on, is noted then.
A training that is not there after two minutes is stopped and counts as two minutes: the ratio is then a bound.

Run: python -m benchmarks time_to_reward        (needs pip install -e '.[bench]'; half an hour)
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from measure import write
from stable_baselines3.common.callbacks import BaseCallback
from transformers import AutoModelForCausalLM, TrainerCallback
from trl_peer import PLAIN, silence, train

import textgym
from textgym import assets
from textgym.agents import PPO, RLOO, ZeroShot
from textgym.agents.tuned import tuned
from textgym.bridges import trl as bridge

ENV_ID = "TextGen-Sentiment-v0"
THRESHOLD = 0.6
GOLD = "vader"
SEEDS = range(5)
TUNING_SEEDS = range(100, 103)
LEARNING_RATES = (5e-4, 1e-3, 2e-3)
LIMIT, TUNING_LIMIT = 120.0, 20.0
"""Seconds of training after which it is given up."""
EPISODES = 256
"""Held-out episodes of an evaluation."""
BATCH = 64
SAMPLES = bridge.NUM_GENERATIONS
OURS, THEIRS, DEMO = "textgym RLOO", "TRL RLOO", "textgym PPO, as the demo"


class Outcome(NamedTuple):
    """A training.

    Attributes:
        seed: Of the training.
        seconds: Until the threshold was reached, or until it was given up.
        reached: Whether it was.
        gold: Held-out VADER at the end.
        curve: Seconds of training and held-out reward, at every evaluation.
    """

    seed: int
    seconds: float
    reached: bool
    gold: float
    curve: list[tuple[float, float]]


class Course:
    """A clock that stands still during evaluations, and what they found.

    Args:
        temperature: Of the law that is evaluated.
        limit: Seconds after which to stop.
        episodes: Of an evaluation.
    """

    def __init__(self, temperature: float, limit: float, episodes: int) -> None:
        self.curve: list[tuple[float, float]] = []
        self._gold = float("nan")
        self._temperature, self._limit, self._episodes = temperature, limit, episodes
        self._seconds, self._since = 0.0, time.perf_counter()

    def start(self) -> None:
        """Starts the clock."""
        self._since = time.perf_counter()

    def goes_on(self, lm: Any) -> bool:
        """Evaluates a language model; returns whether training is to go on."""
        self._seconds += time.perf_counter() - self._since
        mode = lm.training
        player = ZeroShot(lm, ENV_ID, temperature=self._temperature, seed=0, device="cpu")
        report = textgym.evaluate(player, ENV_ID, episodes=self._episodes)
        lm.train(mode)
        self.curve.append((self._seconds, report.mean))
        self._gold = report.metrics[GOLD].mean
        self.start()
        return report.mean < THRESHOLD and self._seconds < self._limit

    def outcome(self, seed: int) -> Outcome:
        """Returns how it ended."""
        return Outcome(seed, self.curve[-1][0], self.curve[-1][1] >= THRESHOLD, self._gold, self.curve)


class _Watched(BaseCallback):
    """Evaluates between two iterations of Stable-Baselines3."""

    def __init__(self, course: Course) -> None:
        super().__init__()
        self._course, self._go = course, True

    def _on_training_start(self) -> None:
        self._course.start()

    def _on_rollout_start(self) -> None:
        if self.num_timesteps:
            self._go = self._course.goes_on(self.model.policy.lm)

    def _on_step(self) -> bool:
        return self._go


class _WatchedTrainer(TrainerCallback):
    """Evaluates between two steps of a trainer of transformers."""

    def __init__(self, course: Course) -> None:
        self._course = course

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self._course.start()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        control.should_training_stop = not self._course.goes_on(model)


def demo(seed: int, limit: float, episodes: int) -> Outcome:
    """Trains as ``make demo`` does."""
    settings = tuned("ppo", ENV_ID)
    del settings["n_timesteps"]
    return _learnt(PPO("tiny", ENV_ID, seed=seed, device="cpu", **{"n_envs": BATCH, **settings}), seed, limit, episodes)


def ours(seed: int, learning_rate: float, limit: float, episodes: int) -> Outcome:
    """Trains with our RLOO."""
    agent = RLOO(
        "tiny",
        ENV_ID,
        n_envs=BATCH,
        n_steps=1,  # an episode of each environment
        n_samples=SAMPLES,
        learning_rate=learning_rate,
        kl_coef=tuned("ppo", ENV_ID)["kl_coef"],
        policy_kwargs={"temperature": _temperature()},
        seed=seed,
        device="cpu",
    )
    return _learnt(agent, seed, limit, episodes)


def _learnt(agent: Any, seed: int, limit: float, episodes: int) -> Outcome:
    course = Course(_temperature(), limit, episodes)
    agent.learn(10**9, callback=_Watched(course))
    return course.outcome(seed)


def theirs(seed: int, learning_rate: float, limit: float, episodes: int) -> Outcome:
    """Trains with TRL's RLOO."""
    import trl

    lm = AutoModelForCausalLM.from_pretrained(assets.path("tiny"), dtype="float32")
    lm.generation_config.eos_token_id = bridge.end_tokens(ENV_ID)
    course = Course(_temperature(), limit, episodes)
    with tempfile.TemporaryDirectory() as folder:
        trainer = trl.RLOOTrainer(
            model=lm,
            reward_funcs=bridge.reward_functions(ENV_ID),
            train_dataset=bridge.prompts(ENV_ID, split="train"),
            processing_class=bridge.processing_class(ENV_ID),
            callbacks=[_WatchedTrainer(course)],
            args=trl.RLOOConfig(
                output_dir=folder,
                **bridge.config_kwargs(ENV_ID) | {"temperature": _temperature()},
                learning_rate=learning_rate,
                beta=tuned("ppo", ENV_ID)["kl_coef"],
                per_device_train_batch_size=BATCH,
                max_steps=10**6,
                bf16=False,
                seed=seed,
                **PLAIN,
            ),
        )
        train(trainer)
    return course.outcome(seed)


def _temperature() -> float:
    return tuned("ppo", ENV_ID)["policy_kwargs"]["temperature"]


def best_rate(name: str, train_with: Callable[[int, float], Outcome]) -> tuple[float, list[dict[str, Any]]]:
    """Returns the learning rate that was quickest to the threshold, and what all came to.

    Args:
        name: Of the trainer.
        train_with: Trains with a seed and a learning rate.
    """
    seconds: dict[float, float] = {}
    tried = []
    for rate in LEARNING_RATES:
        runs = [train_with(seed, rate) for seed in TUNING_SEEDS]
        for run in runs:
            _show(f"{name}, learning rate {rate:g}", run)
        seconds[rate] = statistics.mean(run.seconds if run.reached else TUNING_LIMIT for run in runs)
        tried += [{"trainer": name, "learning_rate": rate, **run._asdict()} for run in runs]
    return min(seconds, key=lambda rate: seconds[rate]), tried


def main(seeds: range, limit: float, episodes: int) -> None:
    rates, tuning = {}, []
    for name, train_with in ((OURS, ours), (THEIRS, theirs)):
        rates[name], tried = best_rate(name, lambda seed, rate, job=train_with: job(seed, rate, TUNING_LIMIT, episodes))
        tuning += tried
    jobs: dict[str, Callable[[int], Outcome]] = {
        OURS: lambda seed: ours(seed, rates[OURS], limit, episodes),
        THEIRS: lambda seed: theirs(seed, rates[THEIRS], limit, episodes),
        DEMO: lambda seed: demo(seed, limit, episodes),
    }
    runs: dict[str, list[Outcome]] = {name: [] for name in jobs}
    for seed, name in itertools.product(seeds, jobs):  # in turn, so that a slow spell of the machine meets all
        runs[name].append(jobs[name](seed))
        _show(name, runs[name][-1])
    medians = {name: statistics.median(run.seconds for run in of) for name, of in runs.items()}
    ratios = [peer.seconds / own.seconds for own, peer in zip(runs[OURS], runs[THEIRS], strict=True)]
    for name, of in runs.items():
        reached, gold = sum(run.reached for run in of), statistics.median(run.gold for run in of)
        print(f"{name}: median {medians[name]:.1f} s, VADER {gold:.2f}, {reached} of {len(of)} reached {THRESHOLD}")
    print(f"{THEIRS} takes {statistics.median(ratios):.1f} times as long [{min(ratios):.1f}, {max(ratios):.1f}]")
    write(
        "time_to_reward",
        unit="s",
        medians=medians,
        ratios=ratios,
        runs={name: [run._asdict() for run in of] for name, of in runs.items()},
        tuning=tuning,
        settings={"env_id": ENV_ID, "threshold": THRESHOLD, "limit": limit, "episodes": episodes, "rates": rates},
    )


def _show(name: str, outcome: Outcome) -> None:
    end = "" if outcome.reached else f", given up at {outcome.curve[-1][1]:.2f}"
    print(f"{name:32s} seed {outcome.seed:3d} {outcome.seconds:7.1f} s{end}", flush=True)


if __name__ == "__main__":
    with silence():
        main(SEEDS, LIMIT, EPISODES)
