"""Prompts a second that the generated environments make, training split, none of them twice.

Run: python benchmarks/generated_prompts.py
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import gymnasium as gym
from measure import interleaved, report

import textgym

PROMPTS = 20_000


def job(env_id: str) -> Callable[[], float]:
    rows = gym.make(env_id).unwrapped.task.rows["train"]
    numbers = count()

    def run() -> float:
        for _ in range(PROMPTS):
            rows[next(numbers)]
        return PROMPTS

    return run


if __name__ == "__main__":
    jobs = {env_id: job(env_id) for env_id in textgym.suites["generated"]}
    report("generated_prompts", interleaved(jobs, 7), [], "prompts", prompts=PROMPTS)
