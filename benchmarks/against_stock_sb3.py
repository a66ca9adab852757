"""Tokens a second of collection and of update: textgym's PPO against stock Stable-Baselines3 PPO.

Both have the same policy class, the same weights, the same environment (TextGen-Sentiment-v0 without a reward), the
same minibatch of tokens, one epoch. Two lengths: the shipped model ends its completions after about 10 tokens; with
random weights in the same architecture nearly all go on to the budget of 40. Stock SB3 sends every transition through
the model with its whole prefix; textgym keeps a key-value cache while it collects, and scores whole episodes in one
pass when it updates.

Run: python benchmarks/against_stock_sb3.py
"""

from __future__ import annotations

from collections.abc import Callable

import stable_baselines3
from env_steps import nothing
from measure import interleaved, report
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import configure_logger

from textgym.agents import PPO, TransformerPolicy, make_vec_env

ENV_ID = "TextGen-Sentiment-v0"
NUM_ENVS, STEPS, BATCH, ROUNDS = 64, 40, 512, 2


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


def compare(model: str | dict[str, object], name: str) -> None:
    settings = {"n_steps": STEPS, "batch_size": BATCH, "n_epochs": 1, "learning_rate": 1e-6, "seed": 0}
    kwargs = {"reward": nothing}
    ours = prepare(PPO(model, ENV_ID, n_envs=NUM_ENVS, env_kwargs=kwargs, kl_coef=None, **settings))
    stock = prepare(
        stable_baselines3.PPO(
            TransformerPolicy, make_vec_env(ENV_ID, NUM_ENVS, **kwargs), policy_kwargs={"model": model}, **settings
        )
    )
    for phase, job in (("collection", collect), ("update", update)):
        print(f"{phase}, {name}")
        rates = interleaved({"textgym": job(ours), "stock SB3": job(stock)}, ROUNDS)
        report(f"{phase}_{name}", rates, ["stock SB3"], "tokens", num_envs=NUM_ENVS, model=model, **settings)


if __name__ == "__main__":
    compare("tiny", "short_completions")
    compare({"n_layer": 4, "n_embd": 192, "n_head": 6}, "long_completions")
