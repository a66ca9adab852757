"""Tokens a second of the update, one epoch: textgym's PPO against stock Stable-Baselines3 PPO and against the floor.

Both run SB3's own ``train()``. Stock SB3 scores each token with a pass over its whole prefix. The floor is 6 ·
parameters · tokens operations (forward and backward) at the rate that plain matrix products reach on this machine;
parameters are those of the body and, for written tokens only, the head.

Run: python -m benchmarks update
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from measure import interleaved, report
from reference_work import EPISODES, NEW_TOKENS, PROMPT_TOKENS, SIZES, Phases, Size, agent, matmul_rate, stock

from textgym.agents import PPO

ROUNDS = 5
EPOCH = {"n_epochs": 1, "learning_rate": 1e-6}
OURS = {"batch_size": EPISODES * NEW_TOKENS // 4, **EPOCH}
STOCK_ENVS, STOCK_TOKENS = 8, {"tiny": 768, "small": 384}
"""Tokens that stock SB3 is given: whole episodes in few environments, as it pays for each token anew."""


def filled(phases: Phases) -> Callable[[], float]:
    """Returns the update of an agent that has collected once."""
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
        tokens = STOCK_TOKENS[name]
        jobs = {
            "textgym": filled(agent(PPO, size, **OURS)),
            "textgym, bfloat16": filled(agent(PPO, size, "bfloat16", **OURS)),
            "stock SB3": filled(stock(size, STOCK_ENVS, tokens // STOCK_ENVS, batch_size=tokens // 2, **EPOCH)),
        }
        rates = interleaved(jobs, ROUNDS)
        floors = {"float32": floor(size, torch.float32), "bfloat16": floor(size, torch.bfloat16)}
        report(f"update_{name}", rates, ["stock SB3"], "tokens", floor_tokens_per_second=floors, **size._asdict())
