"""What agents that do not learn reach on every environment: random tokens, the model as it is, and the oracle.

Run: python benchmarks/reference_scores.py [ID …]

Writes envs_registry/scores.json, from which the registry, the pages and the bench take their marks: 512 episodes of the
test split, seed 0, the seed of the agents too. Ids that are given are measured again, the others are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym

import textgym
from textgym.agents import RandomAgent, ZeroShot
from textgym.evaluation import Oracle, Report
from textgym.evaluation.versions import machine, versions

EPISODES = 512
SCORES = Path(__file__).resolve().parents[1] / "envs_registry" / "scores.json"


def agents(env_id: str) -> dict[str, Any]:
    task = gym.make(env_id).unwrapped.task
    found: dict[str, Any] = {"random": RandomAgent(gym.make(env_id), seed=0)}
    if (model := textgym.entries()[env_id].model) != "scratch":  # random weights write random tokens
        found[model] = ZeroShot(model, env_id, seed=0)
    if task.can_answer:
        found["oracle"] = Oracle()
    return found


def score(report: Report, gold: str | None) -> dict[str, float]:
    reward = report.metrics["reward"]
    found = {"reward": reward.mean, "low": reward.low, "high": reward.high}
    if "success" in report.metrics:
        found["success"] = report.metrics["success"].mean
    if gold is not None:
        found["gold"] = report.metrics[gold].mean
    return {name: round(value, 4) for name, value in found.items()}


if __name__ == "__main__":
    content = json.loads(SCORES.read_text(encoding="utf-8")) if SCORES.is_file() else {"scores": {}}
    for env_id in sys.argv[1:] or textgym.entries():
        gold = gym.make(env_id).unwrapped.task.gold
        measured = {
            name: score(textgym.evaluate(agent, env_id, episodes=EPISODES, seed=0), gold)
            for name, agent in agents(env_id).items()
        }
        print(env_id, {name: found["reward"] for name, found in measured.items()}, flush=True)
        content["scores"][env_id] = measured
        content["scores"] = dict(sorted(content["scores"].items()))
        content |= {"episodes": EPISODES, "split": "test", "seed": 0, "versions": versions(), "machine": machine()}
        temporary = SCORES.with_suffix(".tmp")
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        temporary.replace(SCORES)
