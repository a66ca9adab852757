"""What two ranks hold and how long they take, each with the whole model, and with a share of it (``fsdp``).

A random GPT-2 of 12 layers of 512 (38 million weights, 145 MiB in float32) learns on `TextGen-Numbers-v0` by PPO, Adam
and no reference, with gradient checkpointing, on one thread a rank. Of the first rank, beyond what its process held
before the agent was made: MiB at rest between update and collection, and at the peak of an update; and the seconds of
an iteration. The two are measured apart: memory that is given back counts as such only where glibc maps every tensor by
itself, which takes time.

Run: python -m benchmarks shared_weights        (Linux)
"""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import socket
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from measure import write
from memory import status
from stable_baselines3.common.callbacks import BaseCallback

MODEL = {"model_type": "gpt2", "n_layer": 12, "n_head": 8, "n_embd": 512}
ENV_ID, ENVS, STEPS = "TextGen-Numbers-v0", 32, 16
ROUNDS = 5
"""Iterations that count; one before them does not."""
JOBS = {"whole": False, "shared": True}
MAPPED = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""See mallopt(3)."""


class Watched(BaseCallback):
    """Notes what a rank holds, and when an iteration begins."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[int] = []
        self.peaks: list[int] = []
        self.begun: list[float] = []

    def _on_step(self) -> bool:
        return len(self.begun) < ROUNDS + 2

    def _on_rollout_start(self) -> None:
        self.peaks.append(status("VmHWM"))
        _trim()
        self.held.append(status("VmRSS"))
        self.begun.append(time.perf_counter())

    def _on_rollout_end(self) -> None:
        _trim()
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew, see proc(5)


def _trim() -> None:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def rank(pipe: Connection, number: int, port: int, fsdp: bool) -> None:
    """Trains as one rank of two, and sends what it noted."""
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    os.environ |= {"RANK": str(number), "LOCAL_RANK": str(number), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    import torch

    from textgym.agents import PPO

    torch.set_num_threads(1)
    PPO("scratch", ENV_ID, n_envs=2, n_steps=1, device="cpu").learn(1)  # loads what is loaded once
    _trim()
    before, watched = status("VmRSS"), Watched()
    policy_kwargs: dict[str, Any] = {"fsdp": fsdp, "gradient_checkpointing": True}
    agent = PPO(MODEL, ENV_ID, n_envs=ENVS, n_steps=STEPS, policy_kwargs=policy_kwargs, seed=0, device="cpu")
    agent.learn(10**9, callback=watched)
    pipe.send(
        {
            "held": [(held - before) / 1024 for held in watched.held[2:]],
            "peak": [(peak - before) / 1024 for peak in watched.peaks[2:]],
            "seconds": [end - start for start, end in zip(watched.begun[1:-1], watched.begun[2:], strict=True)],
        }
    )


def measured(fsdp: bool) -> dict[str, list[float]]:
    """Returns what the first of two ranks noted."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("spawn")
    pipes = []
    for number in range(2):
        ours, theirs = context.Pipe()
        context.Process(target=rank, args=(theirs, number, port, fsdp), daemon=True).start()
        pipes.append(ours)
    first, _ = [pipe.recv() for pipe in pipes]
    return dict(first)


if __name__ == "__main__":
    timed = {name: measured(fsdp)["seconds"] for name, fsdp in JOBS.items()}
    os.environ |= MAPPED  # read when a process starts
    found = {name: measured(fsdp) | {"seconds": timed[name]} for name, fsdp in JOBS.items()}
    medians = {name: {what: statistics.median(of) for what, of in job.items()} for name, job in found.items()}
    for name, of in medians.items():
        print(f"{name:8s} {of['held']:8.0f} MiB held {of['peak']:8.0f} MiB peak {of['seconds']:8.2f} s an iteration")
    settings = {"model": MODEL, "env_id": ENV_ID, "n_envs": ENVS, "n_steps": STEPS, "ranks": 2}
    write("shared_weights", medians=medians, rounds=found, settings=settings)
