"""The environment on its own: a Gymnasium loop with random tokens, one environment and many.

Run: python examples/plain_loop.py
"""

import gymnasium as gym

import textgym  # noqa: F401  # registers the ids

env = gym.make("TextGen-Numbers-v0")
obs, info = env.reset(seed=0)
env.action_space.seed(0)
terminated = False
while not terminated:
    obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
print(f"{info['completion']!r} ended by {info['finish_reason']}, reward {reward:.2f}")

envs = gym.make_vec("TextGen-Numbers-v0", num_envs=64, gamma=0.99)
obs, infos = envs.reset(seed=0)
envs.action_space.seed(0)
total = 0.0
for _ in range(100):
    obs, rewards, terminations, truncations, infos = envs.step(envs.action_space.sample())
    total += rewards.sum()
print(f"64 environments, 100 steps: reward {total:.2f}")
