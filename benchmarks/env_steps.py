"""Env-steps a second of the environments alone: native vector against SyncVectorEnv, 64 episodes, no reward.

Run: python benchmarks/env_steps.py
"""

from __future__ import annotations

from collections.abc import Callable

import gymnasium as gym
import numpy as np
from measure import interleaved, report

import textgym

NUM_ENVS, STEPS = 64, 500


def nothing(prompts: list[str], completions: list[str], **columns: object) -> list[float]:
    """A reward that costs nothing, so that the environment alone is timed."""
    return [0.0] * len(completions)


def job(env_id: str, mode: str) -> Callable[[], float]:
    env = gym.make_vec(env_id, num_envs=NUM_ENVS, vectorization_mode=mode, reward=nothing)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(3, env.single_action_space.n, (STEPS, NUM_ENVS))

    def run() -> float:
        for row in actions:
            env.step(row)
        return STEPS * NUM_ENVS

    return run


if __name__ == "__main__":
    for env_id in textgym.entries():
        print(env_id)
        jobs = {"native": job(env_id, "vector_entry_point"), "SyncVectorEnv": job(env_id, "sync")}
        name = "env_steps_" + env_id.split("-")[1].lower()
        report(name, interleaved(jobs, 7), ["SyncVectorEnv"], "steps", env_id=env_id, num_envs=NUM_ENVS, steps=STEPS)
