"""Peak memory: of a million episodes, of a rollout, of an update, and of SmolLM2-135M where it is installed.

Each number is of a process of its own.

- episodes: the peak of a process that plays them; it should not grow with them.
- rollout: what collection takes at its peak beyond what was there before. Once for one round of episodes and once for
  several: the difference tells what a further token costs, which should be about its bytes in the buffer, whatever the
  vocabulary and however long the context.
- update: the same for one epoch in minibatches of 768 tokens.
- smollm2: the peak of a process that makes a PPO agent of `smollm2-135m`, collects and updates once. The goal is 12
  GiB. It is left out where `textgym assets get smollm2-135m` has not been run.

Linux alone tells the peak of a part of a process's life.

Run: python -m benchmarks memory
"""

from __future__ import annotations

import ctypes
import gc
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from measure import in_child, write

EPISODES = 1_000_000
ENVS = 500
IDS = ("TextGen-Copy-v0", "TextGen-QA-v0")

MINIBATCH = 768
ROUNDS = (1, 8)
"""Episodes of each environment in a rollout."""

SMOLLM2, SMOLLM2_GOAL = "smollm2-135m", 12.0
SMOLLM2_TRAINS = {"last two layers": {"train": {"last_layers": 2}}, "LoRA r 8": {"lora": {"r": 8}}}


class Point(NamedTuple):
    """A rollout and its update.

    Attributes:
        vocab_size: Of the tiny model, V.
        new_tokens: Of an episode; the context is 16 longer.
        n_envs: Episodes side by side.
        rounds: Episodes of each environment.
    """

    vocab_size: int
    new_tokens: int
    n_envs: int
    rounds: int = 1


POINTS = [Point(2048, 48, 64), Point(8192, 48, 64), Point(32768, 48, 64), Point(2048, 96, 64), Point(2048, 192, 64)]
"""Vocabularies, then contexts; each is measured for all of `ROUNDS`."""


def peak_mib(work: Callable[[], object]) -> float:
    """Returns what ``work`` takes at its peak beyond what this process holds before, in MiB (Linux)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the allocator keeps back would hide as much
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew, see proc(5)
    before = status("VmRSS")
    work()
    return (status("VmHWM") - before) / 1024


def status(name: str) -> int:
    """Returns what Linux says of this process's memory, in KiB, by the name of proc(5)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def play(env_id: str, episodes: int) -> float:
    """Returns peak MiB of this process after so many episodes; each ends with its first token."""
    import gymnasium as gym
    import numpy as np

    import textgym  # noqa: F401  # registers the ids

    envs = gym.make_vec(env_id, num_envs=ENVS, autoreset_mode="SameStep")
    envs.reset(seed=0)
    eos = np.full(ENVS, envs.unwrapped.task.tokenizer.eos_id)
    for _ in range(0, episodes, ENVS):
        envs.step(eos)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def iterate(*values: int) -> dict[str, float]:
    """Returns what a rollout and its update take at their peaks, in MiB."""
    from reference_work import SIZES, agent

    from textgym.agents import PPO

    point = Point(*values)
    phases = agent(
        PPO,
        SIZES["tiny"]._replace(vocab_size=point.vocab_size),
        n_envs=point.n_envs,
        new_tokens=point.new_tokens,
        batch_size=MINIBATCH,
        n_epochs=1,
    )
    phases.iterate()  # what is loaded, packed and kept once
    phases.agent.n_steps = point.rounds * point.new_tokens
    return {"rollout": peak_mib(phases.collect), "update": peak_mib(phases.update)}


def train(model: str, policy_kwargs: dict[str, Any], n_envs: int, new_tokens: int) -> float:
    """Returns peak GiB of this process after one iteration of PPO on `TextGen-Sentiment-v0`."""
    from textgym.agents import PPO

    agent = PPO(
        model,
        "TextGen-Sentiment-v0",
        n_envs=n_envs,
        n_steps=new_tokens,
        env_kwargs={"max_new_tokens": new_tokens},
        policy_kwargs=policy_kwargs,
        seed=0,
        device="cpu",
    )
    agent.learn(n_envs * new_tokens)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what a function of this file returns in a process of its own."""
    return in_child(Path(__file__), json.dumps([function.__name__, *arguments]))


def growth(env_id: str, episodes: int) -> dict[str, float]:
    """Returns peak MiB after a hundredth, a tenth and all of the episodes."""
    return {f"{count:,}": child(play, env_id, count) for count in (episodes // 100, episodes // 10, episodes)}


def iteration(point: Point, rounds: tuple[int, int]) -> dict[str, Any]:
    """Returns the peaks of a rollout and its update, short and long, and the bytes that a further token takes."""
    short, long = (child(iterate, *point._replace(rounds=count)) for count in rounds)
    further = (rounds[1] - rounds[0]) * point.n_envs * point.new_tokens
    found: dict[str, Any] = {**point._asdict(), "rounds": rounds, "context": 16 + point.new_tokens}
    for phase in ("rollout", "update"):
        found[phase] = {
            "mib": [short[phase], long[phase]],
            "bytes_a_further_token": (long[phase] - short[phase]) * 2**20 / further,
        }
    return found


def smollm2(n_envs: int, new_tokens: int) -> dict[str, float] | None:
    """Returns peak GiB by what is trained, or None where the model is not in the cache."""
    from textgym.assets.inventory import inventory

    if next(item.state for item in inventory() if item.name == SMOLLM2) != "cached":
        return None
    return {name: child(train, SMOLLM2, options, n_envs, new_tokens) for name, options in SMOLLM2_TRAINS.items()}


def main(episodes: int, points: list[Point], rounds: tuple[int, int], envs: int, new_tokens: int) -> None:
    played = {}
    for env_id in IDS:
        played[env_id] = growth(env_id, episodes)
        print(env_id, {count: f"{mib:.1f} MiB" for count, mib in played[env_id].items()}, flush=True)
    print(f"{'vocabulary':>10s}{'context':>9s}{'rollout, MiB':>18s}{'B/token':>9s}{'update, MiB':>18s}{'B/token':>9s}")
    iterations = []
    for point in points:
        found = iteration(point, rounds)
        iterations.append(found)
        cells = "".join(
            f"{'{:8.1f} {:8.1f}'.format(*found[phase]['mib']):>18s}{found[phase]['bytes_a_further_token']:9.0f}"
            for phase in ("rollout", "update")
        )
        print(f"{point.vocab_size:10,}{found['context']:9d}{cells}", flush=True)
    large = smollm2(envs, new_tokens)
    if large is None:
        print(f"{SMOLLM2}: not in the cache. textgym assets get {SMOLLM2}")
    else:
        print(f"{SMOLLM2}, peak of the process", {name: f"{gib:.1f} GiB" for name, gib in large.items()})
    write(
        "memory",
        unit="MiB; of the process for episodes, beyond what was there before for iterations; GiB for smollm2",
        episodes=played,
        iterations=iterations,
        minibatch=MINIBATCH,
        smollm2=large,
        smollm2_goal=SMOLLM2_GOAL,
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:  # a child of ours
        name, *arguments = json.loads(sys.argv[1])
        print(json.dumps({function.__name__: function for function in (play, iterate, train)}[name](*arguments)))
    else:
        main(EPISODES, POINTS, ROUNDS, envs=16, new_tokens=32)
