"""Search for hyperparameters: Optuna chooses them, trials are trained, validation prompts judge.

=================  ==========================================================================
``search.json``    What the search was started with (`SearchConfig`).
``study.db``       Optuna's own storage of the study ``search``: SQLite, for its dashboard and tools, too.
``start/``         The agent that trials start from, where there is a warm start.
=================  ==========================================================================

Several processes, of one command or of several, may work on one folder. What trial k draws depends on the seed, on k,
and on the trials that ended before it; one process that is stopped and goes on makes the same search.
"""

from __future__ import annotations

import importlib
import multiprocessing
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from textgym.errors import AgentError, OptionError

from . import algorithms, search_config, search_spaces, trials
from .search_config import SearchConfig, comparable, differences
from .trials import Score, TrialConfig

STUDY = "search"

STARTUP_TRIALS = 8
"""Trials that are drawn evenly before TPE models which are good."""
UNPRUNED_TRIALS = 4
"""Trials that run to their end before the median of their scores prunes others."""
HEARTBEAT, GRACE = 15, 60
"""Seconds between signs of life of a running trial, and without one until it counts as lost."""

DEFAULT = "default"
"""Attribute of the trial that draws nothing: what `textgym train` does today, which others are compared with."""

SURPLUS = "surplus"
"""Attribute of a trial that was given up at once, because another process had begun the last that was asked for."""

Watch = Callable[[int, int, "TrialResult | None"], None]
"""Called with the trials that are done, how many there shall be, and the best so far."""


def optuna() -> Any:
    """Returns the library.

    Raises:
        AgentError: If it is not installed.
    """
    try:
        return importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise AgentError("The search needs Optuna. Run `pip install 'textgym[tune]'`.") from error


class TrialResult(NamedTuple):
    """What came of a trial.

    Attributes:
        number: From 0.
        state: ``"complete"``, ``"pruned"``, ``"running"`` or ``"interrupted"``.
        score: On the validation prompts, at its end; None before.
        hyperparameters: All that are not left to the algorithm.
        reason: Why it was pruned, or empty.
        seconds: It took.
        is_default: Whether it drew nothing.
    """

    number: int
    state: str
    score: Score | None
    hyperparameters: dict[str, Any]
    reason: str
    seconds: float
    is_default: bool


class _Surplus(Exception):
    """A trial too many."""


class Search:
    """An opened search.

    Attributes:
        path: The folder.
        config: What it was started with.
        study: Optuna's study.
    """

    def __init__(self, path: Path, config: SearchConfig, study: Any) -> None:
        self.path, self.config, self.study = path, config, study

    @classmethod
    def at(cls, path: str | Path, config: SearchConfig | None = None) -> Search:
        """Opens the search in a folder; one that is not there yet is started.

        Args:
            path: The folder.
            config: What it is started with; None opens what is there.

        Raises:
            OptionError: If it was started with another config, or nothing is there and none is given.
            AgentError: If Optuna is missing.
        """
        library, path = optuna(), Path(path)
        file = path / "search.json"
        if file.exists():
            found = search_config.read(file)
            if config is not None and comparable(found) != comparable(config):
                raise OptionError(
                    f"{str(path)!r} was started with other options: {differences(found, config)}. Give the same "
                    "ones to go on with it, or another folder."
                )
            config = found
        elif config is None:
            raise OptionError(f"There is no search in {str(path)!r}. Give the folder of `textgym tune --out`.")
        else:
            path.mkdir(parents=True, exist_ok=True)
            config.write(file)
        with _quiet(library):
            storage = library.storages.RDBStorage(
                f"sqlite:///{(path / 'study.db').resolve()}",
                engine_kwargs={"connect_args": {"timeout": 60}},  # others write to it, too
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
            )
            study = library.create_study(
                storage=storage,
                study_name=STUDY,
                direction="maximize",
                load_if_exists=True,
                pruner=_pruner(library, config.pruner),
            )
        return cls(path, config, study)

    def prepare(self) -> TrialConfig:
        """Returns the config of the trials, with the model that they start from, trained first where that is asked."""
        config = self.config.trial
        if not self.config.warm_start:
            return config
        folder = algorithms.warm_start(
            self.config.warm_start,
            config.model,
            config.env_id,
            config.env_kwargs,
            config.seed,
            config.device,
            self.path / "start",
        )
        return replace(config, model=str(folder))

    def work(self, count: int, seconds: float | None = None, watch: Watch = lambda done, total, best: None) -> None:
        """Makes trials in this process until the search has ``count``, or the time is up.

        Trials that other processes are at count; if one of those is lost, its place is filled.

        Args:
            count: Trials that shall have ended.
            seconds: Time for it; a trial that is cut off by it is pruned.
            watch: Told after every trial.
        """
        library = optuna()
        deadline = None if seconds is None else time.monotonic() + seconds
        with _quiet(library):
            config = self.prepare()
            while deadline is None or time.monotonic() < deadline:
                library.storages.fail_stale_trials(self.study)
                states = [trial.state.name for trial in self.study.get_trials(deepcopy=False)]
                done = states.count("COMPLETE") + states.count("PRUNED")
                watch(done, count, self.best())
                if done >= count:
                    return
                if done + states.count("RUNNING") >= count:
                    time.sleep(1.0)
                    continue
                if not self._has_default():
                    self.study.enqueue_trial({}, user_attrs={DEFAULT: True})
                self.study.optimize(
                    lambda trial: self._objective(trial, config, deadline, count), n_trials=1, catch=(_Surplus,)
                )
            watch(*self._done(count))

    def results(self) -> list[TrialResult]:
        """Returns the trials that were begun, oldest first."""
        begun = [trial for trial in self.study.get_trials() if trial.state.name != "WAITING"]
        return [_result(trial) for trial in begun if not trial.user_attrs.get(SURPLUS)]

    def best(self) -> TrialResult | None:
        """Returns the trial with the highest validation reward, or None while none has ended."""
        ended = [result for result in self.results() if result.score is not None]
        return max(ended, key=lambda result: result.score.mean, default=None)  # type: ignore[union-attr]

    def default(self) -> TrialResult | None:
        """Returns the trial that drew nothing, or None where it has not ended well."""
        return next((result for result in self.results() if result.is_default and result.score is not None), None)

    def entry(self, result: TrialResult) -> dict[str, Any]:
        """Returns a trial as an entry of a file of hyperparameters; see `textgym.agents.tuned`."""
        trial, settings = self.config.trial, dict(result.hyperparameters)
        counts = {"n_timesteps": trial.timesteps, "n_envs": settings.pop("n_envs", trial.n_envs)}
        warm = {algorithms.WARM_START: dict(self.config.warm_start)} if self.config.warm_start else {}
        return {**counts, **warm, **settings}

    def importance(self) -> dict[str, float]:
        """Returns how much each hyperparameter matters, as Optuna tells, summing to 1; empty where it cannot."""
        library = optuna()
        drawn = [trial for trial in self.study.get_trials() if trial.state.name == "COMPLETE" and trial.params]
        if len(drawn) < 4:
            return {}
        with _quiet(library):
            study = library.create_study(direction="maximize")
            study.add_trials(drawn)  # without the one that drew nothing, which hides them all
            warnings.simplefilter("error", UserWarning)  # that the trials tell nothing
            with suppress(UserWarning, ValueError, RuntimeError, ImportError):
                found: dict[str, float] = library.importance.get_param_importances(study)
                return found
        return {}

    def _objective(self, trial: Any, config: TrialConfig, deadline: float | None, count: int) -> float:
        library = optuna()
        others = self.study.get_trials(deepcopy=False)
        older = [o for o in others if o.number < trial.number and o.state.name not in ("FAIL", "WAITING")]
        twice = trial.user_attrs.get(DEFAULT) and any(other.user_attrs.get(DEFAULT) for other in older)
        if len(older) >= count or twice:  # two processes began one at the same moment
            trial.set_user_attr(SURPLUS, True)
            raise _Surplus
        trial.study.sampler = _sampler(library, self.config.sampler, config.seed, trial.number)
        drawn = {} if trial.user_attrs.get(DEFAULT) else search_spaces.draw(trial, self.config.dimensions())
        hyperparameters = search_spaces.merged(self.config.base, drawn)
        trial.set_user_attr("hyperparameters", hyperparameters)

        def judge(number: int, score: Score) -> str | None:
            trial.report(score.mean, number)
            stop = number < config.evaluations and not trial.user_attrs.get(DEFAULT) and trial.should_prune()
            return f"Below the median after {number} of {config.evaluations} evaluations." if stop else None

        try:
            score = trials.train(config, hyperparameters, judge, deadline)
            if not np.isfinite(score.mean):
                raise ArithmeticError(f"The validation reward is {score.mean}.")
        except trials.FAILURES as error:
            why = trials.reason(error)
            trial.set_user_attr("reason", why)
            raise library.TrialPruned(why) from error
        trial.set_user_attr("score", list(score))
        return score.mean

    def _has_default(self) -> bool:
        return any(
            trial.user_attrs.get(DEFAULT) and trial.state.name != "FAIL"
            for trial in self.study.get_trials(deepcopy=False)
        )

    def _done(self, count: int) -> tuple[int, int, TrialResult | None]:
        states = [trial.state.name for trial in self.study.get_trials(deepcopy=False)]
        return states.count("COMPLETE") + states.count("PRUNED"), count, self.best()


def run(
    path: str | Path,
    config: SearchConfig,
    count: int,
    *,
    jobs: int = 1,
    seconds: float | None = None,
    watch: Watch = lambda done, total, best: None,
) -> Search:
    """Makes or goes on with the search in a folder, and returns it.

    Args:
        path: The folder.
        config: What it is started with.
        count: Trials that it shall have, those of earlier calls included.
        jobs: Processes; each has its share of the threads.
        seconds: Time for it.
        watch: Told how far it is.

    Raises:
        TextGymError: If no agent of this config can be made, so that no trial could be.
    """
    if jobs < 1 or count < 1:
        raise OptionError(f"Trials and jobs are at least 1. Actual values: {count}, {jobs}.")
    optuna()
    if not Path(path, "search.json").exists():  # first: what cannot be made should leave no folder
        trials.validation_task(config.trial)
        trials.agent(config.trial, config.base).env.close()
    search = Search.at(path, config)
    if jobs == 1:
        search.work(count, seconds, watch)
        return search
    search.prepare()  # once, not once a process
    context = multiprocessing.get_context("spawn")
    threads = max(1, torch.get_num_threads() // jobs)
    workers = [context.Process(target=_worker, args=(str(path), count, seconds, threads)) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            watch(*search._done(count))
            time.sleep(1.0)
    finally:
        for worker in workers:
            worker.join()
    watch(*search._done(count))
    if all(worker.exitcode for worker in workers):
        raise AgentError(f"Every process of the search in {str(path)!r} failed; see above. Try it with one.")
    return search


def _worker(path: str, count: int, seconds: float | None, threads: int) -> None:
    torch.set_num_threads(threads)
    with suppress(KeyboardInterrupt):  # the process that started this one tells of it
        Search.at(path).work(count, seconds)


def _sampler(library: Any, name: str, seed: int, number: int) -> Any:
    """Returns a sampler for one trial: what it draws must not depend on how often the search was interrupted."""
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    if name == "random":
        return library.samplers.RandomSampler(seed=own)
    return library.samplers.TPESampler(
        seed=own, n_startup_trials=STARTUP_TRIALS, multivariate=False, constant_liar=True
    )


def _pruner(library: Any, name: str) -> Any:
    if name == "none":
        return library.pruners.NopPruner()
    return library.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS)


@contextmanager
def _quiet(library: Any) -> Iterator[None]:
    """Keeps Optuna's log, and its word on what it calls experimental, out of ours."""
    level = library.logging.get_verbosity()
    library.logging.set_verbosity(library.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", library.exceptions.ExperimentalWarning)
            yield
    finally:
        library.logging.set_verbosity(level)


def _result(trial: Any) -> TrialResult:
    complete = trial.state.name == "COMPLETE"
    return TrialResult(
        number=trial.number,
        state="interrupted" if trial.state.name == "FAIL" else trial.state.name.lower(),
        score=Score(*trial.user_attrs["score"]) if complete else None,
        hyperparameters=trial.user_attrs.get("hyperparameters", {}),
        reason=trial.user_attrs.get("reason", ""),
        seconds=trial.duration.total_seconds() if trial.duration is not None else 0.0,
        is_default=bool(trial.user_attrs.get(DEFAULT)),
    )
