"""Hyperparameters for every id of a suite: searches one after the other, and the file of those that are better.

Run: python benchmarks/tune_suite.py ppo --suite all --seconds-per-id 1200 --warm-start 100000
     (the same command goes on where it was cut off; with --ids, only on those)

Each id gets one thread and ``--seconds-per-id``, warm start not included: a search, whose first trial is what
`textgym train` does today, and then, of the best and of today's, one training each with a seed that no trial had. An
id's entry in agents/hyperparams/ALGO.yml is written only where the best is better in both, by more than its own 95%
interval: the first comparison alone would mostly find luck. The interval is over validation prompts, of one training;
five seeds a cell are the business of `textgym reproduce`. The test prompts are never looked at.

Natural-language ids start from a model that scores near 0 on most of them, so that no reward tells anything:
``--warm-start TOKENS`` fine-tunes it on references first, once an id, where the id has references and does not start
from random weights. The entry then says so (``warm_start``), and `textgym train` does the same. The comparison is with
today's hyperparameters from the same start.

The folder ``--work`` (default: studies/suite) holds a search an id (`textgym.agents.tuning`), with ``confirmed.json``.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import textgym
from textgym.agents import search_spaces, trials, tuned, tuning
from textgym.agents.search_config import SearchConfig
from textgym.agents.trials import Score, TrialConfig
from textgym.errors import TextGymError
from textgym.evaluation.files import write_json

ROOT = Path(__file__).resolve().parents[1]
CONFIRMATION_SEED = 1000
"""Added to the seed of the trials."""
MOST_TRIALS = 1000
"""The time ends a search, not this."""


def config_of(env_id: str, options: argparse.Namespace) -> SearchConfig:
    """Returns what the search of an id is started with: today's hyperparameters, and the space of the algorithm."""
    model = textgym.entries()[env_id].model
    trial = TrialConfig(
        env_id=env_id,
        algorithm=options.algo,
        model=model,
        timesteps=options.timesteps,
        seed=options.seed,
        episodes=options.episodes,
        device="cpu",
    )
    base = tuned.tuned(options.algo, env_id)
    warm = base.pop("warm_start", {})
    if options.warm_start and model != "scratch" and trials.validation_task(trial).can_answer:
        warm = {**tuned.tuned("sft", env_id), "algo": "sft", "n_timesteps": options.warm_start}
    space = search_spaces.space(options.algo, model != "scratch")
    return SearchConfig(
        trial=replace(trial, n_envs=base.pop("n_envs", trial.n_envs), env_kwargs=base.pop("env_kwargs", {})),
        base={name: value for name, value in base.items() if name != "n_timesteps"},
        space={name: dimension.to_json() for name, dimension in space.items()},
        warm_start=warm,
    )


def search_of(env_id: str, options: argparse.Namespace) -> tuning.Search:
    """Returns the search of an id; one that is gone on with keeps its base, which its own result may have replaced."""
    path, config = options.work / f"{env_id}_{options.algo}", config_of(env_id, options)
    if (path / "search.json").exists():
        begun = tuning.Search.at(path).config
        config = replace(config, base=begun.base, warm_start=begun.warm_start)
    return tuning.Search.at(path, config)


def confirm(search: tuning.Search) -> dict[str, Any]:
    """Returns the scores of the best trial and of today's, trained anew with another seed; made once."""
    file = search.path / "confirmed.json"
    best, today = search.best(), search.default()
    assert best is not None
    assert today is not None
    if file.exists() and (found := json.loads(file.read_text(encoding="utf-8")))["trial"] == best.number:
        return dict(found)
    config = search.prepare()
    config = replace(config, seed=config.seed + CONFIRMATION_SEED)
    found = {
        "trial": best.number,
        "best": trials.train(config, best.hyperparameters),
        "today": trials.train(config, today.hyperparameters),
    }
    write_json(file, found)
    return found


def better(best: Score, today: Score) -> bool:
    """Whether the lower end of the best's interval is above the mean of today's."""
    return best.low > today.mean


def tune(env_id: str, options: argparse.Namespace) -> None:
    """Searches for the hyperparameters of one id, within its time, and writes them where they are better."""
    search = search_of(env_id, options)
    search.prepare()
    spent = sum(result.seconds for result in search.results())
    if search.default() is None:
        search.work(1)
    today = search.default()
    if today is None:
        print(f"{env_id}: today's hyperparameters cannot be trained with: {search.results()[0].reason}", flush=True)
        return
    left = options.seconds_per_id - max(spent, today.seconds) - 2 * today.seconds  # the last two confirm
    if left > 0:
        search.work(MOST_TRIALS, left)
    best = search.best()
    assert best is not None
    line = f"{env_id}: today {today.score.mean:.3f}, best of {len(search.results())} trials {best.score.mean:.3f}"
    if best.is_default or not better(best.score, today.score):
        print(f"{line}: no better", flush=True)
        return
    confirmed = confirm(search)
    again, today_again = Score(*confirmed["best"]), Score(*confirmed["today"])
    line += f"; anew {today_again.mean:.3f} and {again.mean:.3f}"
    if not better(again, today_again):
        print(f"{line}: not confirmed", flush=True)
        return
    comment = (
        f"{len(search.results())} trials of {options.timesteps} tokens in {options.seconds_per_id:g} s; validation "
        f"reward {best.score.mean:.3f} where it was {today.score.mean:.3f}, anew {again.mean:.3f} and "
        f"{today_again.mean:.3f}.\nFrom: python benchmarks/tune_suite.py {shlex.join(sys.argv[1:])}"
    )
    tuned.write(options.write, env_id, search.entry(best), comment)
    print(f"{line}: written to {options.write}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("algo")
    parser.add_argument("--suite", default="all", help="a name of textgym.suites")
    parser.add_argument("--ids", nargs="+", help="these ids in place of a suite")
    parser.add_argument("--seconds-per-id", type=float, default=1200.0)
    parser.add_argument("--timesteps", type=int, default=50_000, help="tokens of a trial")
    parser.add_argument("--episodes", type=int, default=256, help="validation episodes of an evaluation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--warm-start", type=int, default=0, metavar="TOKENS")
    parser.add_argument("--work", type=Path, default=Path("studies", "suite"))
    parser.add_argument("--write", type=Path, help="default: agents/hyperparams/ALGO.yml")
    options = parser.parse_args()
    options.write = options.write or ROOT / "agents" / "hyperparams" / f"{options.algo}.yml"
    torch.set_num_threads(1)
    for env_id in options.ids or textgym.suites[options.suite]:
        start = time.monotonic()
        try:
            tune(env_id, options)
        except TextGymError as error:  # an id that needs data of the user's, for one
            print(f"{env_id}: left out: {error}", flush=True)
        print(f"  {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
