"""Tokens a second of the update, one epoch: textgym's PPO against stock Stable-Baselines3 PPO and against the floor.

Both run SB3's own ``train()``. Stock SB3 scores each token with a pass over its whole prefix. The floor is 6 ·
parameters · tokens operations (forward and backward) at the rate that plain matrix products reach on this machine;
parameters are those of the body and, for written tokens only, the head.

Run: python -m benchmarks update
"""

from __future__ import annotations

from collections.abc import Callable

import stable_baselines3
import torch
from measure import interleaved, report
from reference_work import EPISODES, NEW_TOKENS, PROMPT_TOKENS, SIZES, Phases, Size, matmul_rate, model, task

from textgym.agents import PPO, TransformerPolicy, make_vec_env

ROUNDS = 5
BATCH = EPISODES * NEW_TOKENS // 4
STOCK_TOKENS = {"tiny": 512, "small": 128}


def ours(size: Size, precision: str) -> Callable[[], float]:
    agent = PPO(
        model(size),
        task(size),
        n_envs=EPISODES,
        n_steps=NEW_TOKENS,
        batch_size=BATCH,
        n_epochs=1,
        learning_rate=1e-6,
        kl_coef=None,
        policy_kwargs={"precision": precision},
        seed=0,
        device="cpu",
    )
    phases = Phases(agent)
    phases.collect()
    return phases.update


def stock(size: Size, tokens: int) -> Callable[[], float]:
    """Trains on tokens from the middle of an episode, as many a minibatch as fit the memory."""
    env = make_vec_env(task(size), 8)
    agent = stable_baselines3.PPO(
        TransformerPolicy,
        env,
        n_steps=max(NEW_TOKENS, tokens // 8),
        batch_size=tokens // 2,
        n_epochs=1,
        learning_rate=1e-6,
        policy_kwargs={"model": size.config},
        seed=0,
        device="cpu",
    )
    phases = Phases(agent)
    phases.collect()
    return phases.update


def floor(size: Size, dtype: torch.dtype) -> float:
    """Returns tokens a second that the arithmetic alone would allow."""
    body = 12 * size.layers * size.width**2
    operations = 6 * (body * (PROMPT_TOKENS + NEW_TOKENS) / NEW_TOKENS + size.width * size.vocab_size)
    return matmul_rate(dtype) / operations


if __name__ == "__main__":
    for name, size in SIZES.items():
        print(f"update, {name}")
        jobs = {
            "textgym": ours(size, "float32"),
            "textgym, bfloat16": ours(size, "bfloat16"),
            "stock SB3": stock(size, STOCK_TOKENS[name]),
        }
        rates = interleaved(jobs, ROUNDS)
        floors = {"float32": floor(size, torch.float32), "bfloat16": floor(size, torch.bfloat16)}
        report(f"update_{name}", rates, ["stock SB3"], "tokens", floor_tokens_per_second=floors, **size._asdict())
