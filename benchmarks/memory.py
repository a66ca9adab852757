"""Memory of the process while a million episodes are played: it should not grow with them.

Run: python benchmarks/memory.py [ID …]
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np

import textgym  # noqa: F401  # registers the ids
from textgym.evaluation.versions import machine, versions

RESULT = Path(__file__).parent / "results" / "memory.json"
EPISODES = 1_000_000
ENVS = 500
IDS = ("TextGen-Copy-v0", "TextGen-QA-v0")


def growth(env_id: str) -> dict[str, float]:
    """Returns peak MiB after a hundredth, a tenth and all of the episodes; each ends with its first token."""
    envs = gym.make_vec(env_id, num_envs=ENVS, autoreset_mode="SameStep")
    envs.reset(seed=0)
    eos = np.full(ENVS, envs.unwrapped.task.tokenizer.eos_id)
    peaks = {}
    for episodes in range(ENVS, EPISODES + 1, ENVS):
        envs.step(eos)
        if episodes in (EPISODES // 100, EPISODES // 10, EPISODES):
            peaks[f"{episodes:,}"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return peaks


if __name__ == "__main__":
    result = {"benchmark": "memory", "unit": "MiB, peak of the process", "episodes": {}}
    for env_id in sys.argv[1:] or IDS:
        result["episodes"][env_id] = growth(env_id)
        print(env_id, {count: f"{mib:.1f}" for count, mib in result["episodes"][env_id].items()}, flush=True)
    result |= {"versions": versions(), "machine": machine()}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
