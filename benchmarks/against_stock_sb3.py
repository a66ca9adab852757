"""Tokens a second of collection and of update: textgym's PPO against stock Stable-Baselines3 PPO.

Both have the same policy class, the same weights, the same environment (TextGen-Sentiment-v0 without a reward), the
same minibatch of tokens, one epoch. Stock SB3 sends every transition through the model with its whole prefix; textgym
keeps a key-value cache while it collects, and scores whole episodes in one pass when it updates.

Run: python benchmarks/against_stock_sb3.py
"""

from __future__ import annotations

from collections.abc import Callable

import stable_baselines3
import torch
from env_steps import nothing
from measure import interleaved, report
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import configure_logger

from textgym.agents import PPO, TransformerPolicy, make_vec_env

NUM_ENVS, STEPS, BATCH = 64, 40, 512


class Silent(BaseCallback):
    """Asks for nothing."""

    def _on_step(self) -> bool:
        return True


def prepare(agent: OnPolicyAlgorithm) -> OnPolicyAlgorithm:
    agent.set_logger(configure_logger(verbose=0))
    agent._setup_learn(10**9)
    return agent


def collect(agent: OnPolicyAlgorithm) -> Callable[[], float]:
    callback = Silent()
    callback.init_callback(agent)

    def run() -> float:
        before = agent.num_timesteps
        agent.collect_rollouts(agent.env, callback, agent.rollout_buffer, agent.n_steps)
        return agent.num_timesteps - before

    return run


def update(agent: OnPolicyAlgorithm) -> Callable[[], float]:
    def run() -> float:
        agent.train()
        return len(agent.rollout_buffer.values.flatten())

    return run


if __name__ == "__main__":
    settings = {"n_steps": STEPS, "batch_size": BATCH, "n_epochs": 1, "learning_rate": 1e-6, "seed": 0}
    torch.manual_seed(0)
    ours = prepare(
        PPO("tiny", "TextGen-Sentiment-v0", n_envs=NUM_ENVS, env_kwargs={"reward": nothing}, kl_coef=None, **settings)
    )
    stock = prepare(
        stable_baselines3.PPO(
            TransformerPolicy,
            make_vec_env("TextGen-Sentiment-v0", NUM_ENVS, reward=nothing),
            policy_kwargs={"model": "tiny"},
            **settings,
        )
    )
    for name, job in (("collection", collect), ("update", update)):
        print(name)
        rates = interleaved({"textgym": job(ours), "stock SB3": job(stock)}, 3)
        report(f"{name}_against_stock_sb3", rates, "stock SB3", "tokens", num_envs=NUM_ENVS, **settings)
