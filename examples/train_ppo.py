"""Learn an environment from nothing with PPO, save the agent, load it and evaluate it.

Run: python examples/train_ppo.py
"""

import tempfile

import textgym
from textgym.agents import PPO

agent = PPO("scratch", "TextGen-Target-v0", n_envs=32, seed=0)
before = agent.evaluate(episodes=64)
agent.learn(12_000)
after = agent.evaluate(episodes=64)
print(f"reward before {before.mean:.2f}, after {after.mean:.2f}")

with tempfile.TemporaryDirectory() as folder:
    agent.save(folder + "/agent")
    loaded = PPO.load(folder + "/agent")
print(f"loaded: {textgym.evaluate(loaded, 'TextGen-Target-v0', episodes=64).mean:.2f}")
