"""Tokens a second of collection: textgym's PPO, environment and values included, against its peers.

Peers: ``generate`` of transformers, which samples the same tokens and computes neither values nor log-probs, and stock
Stable-Baselines3 PPO with the same network, which sends the whole prefix through it for every token. The floor is the
arithmetic of one forward pass at the rate that plain matrix products reach on this machine.

Run: python -m benchmarks collection
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from measure import interleaved, report
from reference_work import EOS_ID, EPISODES, NEW_TOKENS, SIZES, Size, agent, floors, model, prompts, stock, tokenizer

from textgym.agents import PPO

ROUNDS = 5
STOCK_STEPS = {"tiny": 12, "small": 4}
"""Steps of stock SB3, whose cost grows with the prefix: the first few, which flatters it."""


def generate(
    size: Size, dtype: torch.dtype, episodes: int = EPISODES, new_tokens: int = NEW_TOKENS
) -> Callable[[], float]:
    """Returns a job that samples completions of different prompts, and returns their tokens."""
    lm = model(size, new_tokens).to(dtype)
    texts = [f"<bos> {prompt}" for prompt in prompts(size)[:episodes]]
    inputs = tokenizer(size)(texts, return_tensors="pt", add_special_tokens=False)

    def run() -> float:
        with torch.inference_mode():
            lm.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                min_new_tokens=new_tokens,
                max_new_tokens=new_tokens,
                pad_token_id=0,
                eos_token_id=EOS_ID,
            )
        return episodes * new_tokens

    return run


def main(sizes: dict[str, Size], rounds: int) -> None:
    for name, size in sizes.items():
        print(f"collection, {name}")
        jobs = {
            "textgym": agent(PPO, size).collect,
            "textgym, bfloat16": agent(PPO, size, "bfloat16").collect,
            "generate": generate(size, torch.float32),
            "generate, bfloat16": generate(size, torch.bfloat16),
            "stock SB3": stock(size, EPISODES, STOCK_STEPS[name]).collect,
        }
        peers = [job for job in jobs if not job.startswith("textgym")]
        rates, floor = interleaved(jobs, rounds), floors(size, passes=1)
        report(f"collection_{name}", rates, peers, "tokens", floor_tokens_per_second=floor, **size._asdict())


if __name__ == "__main__":
    main(SIZES, ROUNDS)
