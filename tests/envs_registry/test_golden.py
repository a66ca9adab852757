"""Golden trajectories: what an id gives for a seed never changes under the same version.

A difference here means that reward, data, tokenizer, ending or observation changed: raise the ``-vN`` of the id, then
write the file again with ``python tests/envs_registry/test_golden.py``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import textgym

GOLDEN = Path(__file__).with_name("golden.json")


def trajectory(env_id: str) -> dict[str, object]:
    """Plays three seeded episodes and returns what a user would see of them."""
    env = gym.make(env_id)
    digest, ends = hashlib.sha256(), []
    for seed in range(3):
        obs, info = env.reset(seed=seed)
        rng = np.random.default_rng(seed)
        prompt, over = info["prompt"], False
        while not over:
            obs, reward, over, _, info = env.step(int(rng.integers(3, env.action_space.n)))
            for name in sorted(obs):
                digest.update(name.encode() + str(obs[name].dtype).encode() + obs[name].tobytes())
        ends.append([prompt, info["completion"], info["finish_reason"], round(reward, 3)])
    return {"observations": digest.hexdigest(), "ends": ends}


@pytest.mark.parametrize("env_id", list(textgym.entries()))
def test_trajectories_are_those_of_this_version(env_id):
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[env_id]
    seen = json.loads(json.dumps(trajectory(env_id)))
    assert seen["observations"] == golden["observations"]
    for end, expected in zip(seen["ends"], golden["ends"], strict=True):
        assert end[:3] == expected[:3]
        assert end[3] == pytest.approx(expected[3], abs=2e-3)


if __name__ == "__main__":
    text = json.dumps({env_id: trajectory(env_id) for env_id in textgym.entries()}, ensure_ascii=False, indent=1)
    GOLDEN.write_text(text + "\n", encoding="utf-8")
