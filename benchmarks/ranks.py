"""Tokens a second of two ranks that train one agent, against two single runs beside each other, one thread each.

Both pairs do the same work a process: 32 environments, and optimizer steps on 256 tokens of its own. The ranks add up
their gradients at every step and wait for each other; the single runs know nothing of each other, but share the
machine's memory and caches as the ranks do. The ratio is the efficiency of the ranks.

Run: python -m benchmarks ranks
"""

from __future__ import annotations

import multiprocessing
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection

from measure import interleaved, report

ROUNDS = 5
ENVS, BATCH_SIZE = 32, 256
"""Of a process; the ranks' agent is given those of both."""
TOKENS = 6_000
"""Of a process, a round."""
JOBS = ("two ranks", "two single runs")


def process(pipe: Connection, variables: dict[str, str]) -> None:
    """Trains on, each time it is told to, and tells how many tokens it counted."""
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **variables}  # before torch is imported
    import torch

    from textgym.agents import PPO
    from textgym.agents.ranks import Ranks

    torch.set_num_threads(1)
    size = Ranks.current().size
    sizes = {"n_envs": ENVS * size, "batch_size": BATCH_SIZE * size}
    agent = PPO("tiny", "TextGen-Sentiment-v0", seed=0, device="cpu", **sizes)
    with suppress(EOFError):  # the benchmark is over
        while pipe.recv():
            before = agent.num_timesteps
            agent.learn(TOKENS * size, reset_num_timesteps=False)
            pipe.send((agent.num_timesteps - before) / size)


def pair(variables: Callable[[int], dict[str, str]]) -> Callable[[], float]:
    """Starts two processes, and returns a function that lets both work and tells how many tokens they did."""
    context = multiprocessing.get_context("spawn")
    pipes = []
    for rank in range(2):
        ours, theirs = context.Pipe()
        context.Process(target=process, args=(theirs, variables(rank)), daemon=True).start()
        pipes.append(ours)

    def work() -> float:
        for pipe in pipes:
            pipe.send(True)
        return float(sum(pipe.recv() for pipe in pipes))

    return work


def launched(rank: int) -> dict[str, str]:
    """Returns what torchrun would set."""
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_PORT": PORT}
    return {"MASTER_ADDR": "127.0.0.1", **{name: str(number) for name, number in numbers.items()}}


if __name__ == "__main__":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        PORT = free.getsockname()[1]
    rates = interleaved(dict(zip(JOBS, (pair(launched), pair(lambda rank: {})), strict=True)), ROUNDS)
    report("ranks", rates, JOBS[1:], "tokens", n_envs=ENVS, batch_size=BATCH_SIZE, tokens=TOKENS)
