"""Tokens a second of the update, one epoch: textgym's PPO against stock Stable-Baselines3 PPO and against the floor.

Both run SB3's own ``train()`` with as many tokens to a step of the optimizer. Stock SB3 scores each token with a pass
over its whole prefix, so it is given fewer tokens, in whole episodes. The floor is 6 · parameters · tokens operations
(forward and backward) at the rate that plain matrix products reach on this machine; parameters are those of the body
and, for written tokens only, the head.

Run: python -m benchmarks update
"""

from __future__ import annotations

from collections.abc import Callable

from measure import interleaved, report
from reference_work import SIZES, Phases, Size, agent, floors, stock

from textgym.agents import PPO

ROUNDS = 5
EPOCH = {"n_epochs": 1, "learning_rate": 1e-6}
MINIBATCH = {"tiny": 768, "small": 384}
"""Tokens to a step of the optimizer; all that stock SB3 is given, since it pays for each token anew."""
STOCK_ENVS = 8


def filled(phases: Phases) -> Callable[[], float]:
    """Returns the update of an agent that has collected once."""
    phases.collect()
    return phases.update


def main(sizes: dict[str, Size], rounds: int) -> None:
    for name, size in sizes.items():
        print(f"update, {name}")
        settings = {"batch_size": MINIBATCH[name], **EPOCH}
        jobs = {
            "textgym": filled(agent(PPO, size, **settings)),
            "textgym, bfloat16": filled(agent(PPO, size, "bfloat16", **settings)),
            "stock SB3": filled(stock(size, STOCK_ENVS, MINIBATCH[name] // STOCK_ENVS, **settings)),
        }
        rates = interleaved(jobs, rounds)
        floor = floors(size, passes=3)
        report(f"update_{name}", rates, ["stock SB3"], "tokens", floor_tokens_per_second=floor, **size._asdict())


if __name__ == "__main__":
    main(SIZES, ROUNDS)
