"""Stable-Baselines3's own PPO with a Transformer policy: nothing of it is changed (and it is slow).

Every transition goes through the model on its own, with its whole prefix. ``textgym.agents.PPO`` runs the same
``train()`` on whole episodes.

Run: python examples/stock_sb3.py
"""

import stable_baselines3

from textgym.agents import TransformerPolicy, make_vec_env

env = make_vec_env("TextGen-Target-v0", n_envs=16)
agent = stable_baselines3.PPO(
    TransformerPolicy, env, n_steps=16, batch_size=64, learning_rate=1e-3, policy_kwargs={"model": "scratch"}, seed=0
)
agent.learn(2048)
obs = env.reset()
actions, _ = agent.predict(obs, deterministic=True)
print(f"{agent.num_timesteps} steps; the first tokens are {actions.tolist()}")
