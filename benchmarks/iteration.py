"""Tokens a second of a whole iteration (collect, score, update) against TRL's RLOO and GRPO and stock SB3's PPO.

64 completions of 48 tokens, eight samples of each of eight prompts, one update, with and without a frozen reference.
Every job starts from the same weights. TRL is timed from the beginning of a step of its trainer to its end, which
leaves out what it does once; ours from the beginning of `collect_rollouts` to the end of `train`.

Run: python -m benchmarks iteration        (needs pip install -e '.[bench]')
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

from collection import STOCK_STEPS
from measure import Timed, interleaved, report
from reference_work import EPISODES, NEW_TOKENS, SIZES, Size, agent, free, model, prompts, stock, tokenizer
from transformers import TrainerCallback
from update import EPOCH

from textgym.agents import GRPO, PPO, RLOO

ROUNDS = 5
SAMPLES = 8
LEARNING_RATE, KL = 1e-6, 0.05
TRL_STEPS = 2


def ours(cls: Any, size: Size, reference: bool, precision: str = "float32") -> Callable[[], float]:
    settings = {"n_epochs": 1, "batch_size": EPISODES * NEW_TOKENS} if cls is PPO else {"n_samples": SAMPLES}
    kl = {"kl_coef": KL} if reference else {}
    return agent(cls, size, precision, learning_rate=LEARNING_RATE, **settings, **kl).iterate


class _Steps(TrainerCallback):
    """Notes how long each step of a trainer takes."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._start = 0.0

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self._start = time.perf_counter()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds.append(time.perf_counter() - self._start)


def trl(name: str, size: Size, reference: bool, bf16: bool = False) -> Callable[[], Timed]:
    """Returns a job that runs a few steps of a trainer of TRL."""
    import trl as library
    from datasets import Dataset

    config, trainer = getattr(library, f"{name}Config"), getattr(library, f"{name}Trainer")
    data = Dataset.from_list([{"prompt": f"<bos> {prompt}"} for prompt in prompts(size)])

    def run() -> Timed:
        steps = _Steps()
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            job = trainer(
                model=model(size),
                reward_funcs=free,
                processing_class=tokenizer(size),
                train_dataset=data,
                callbacks=[steps],
                args=config(
                    output_dir=folder,
                    per_device_train_batch_size=EPISODES,
                    num_generations=SAMPLES,
                    max_completion_length=NEW_TOKENS,
                    generation_kwargs={"min_new_tokens": NEW_TOKENS},
                    learning_rate=LEARNING_RATE,
                    beta=KL if reference else 0.0,
                    max_steps=TRL_STEPS + 1,
                    bf16=bf16,
                    gradient_checkpointing=False,
                    logging_strategy="no",
                    save_strategy="no",
                    report_to="none",
                    disable_tqdm=True,
                    use_cpu=True,
                    seed=0,
                ),
            )
            job.train()
        return Timed(EPISODES * NEW_TOKENS, statistics.median(steps.seconds[1:]))

    return run


if __name__ == "__main__":
    for name, size in SIZES.items():
        for reference in (False, True):
            print(f"iteration, {name}, {'with' if reference else 'without'} a reference")
            jobs: dict[str, Callable[[], float | Timed]] = {
                "textgym RLOO": ours(RLOO, size, reference),
                "textgym GRPO": ours(GRPO, size, reference),
                "textgym PPO": ours(PPO, size, reference),
                "textgym RLOO, bfloat16": ours(RLOO, size, reference, "bfloat16"),
                "TRL RLOO": trl("RLOO", size, reference),
                "TRL GRPO": trl("GRPO", size, reference),
                "TRL RLOO, bfloat16": trl("RLOO", size, reference, bf16=True),
            }
            if not reference:
                sb3 = stock(size, EPISODES, STOCK_STEPS[name], batch_size=EPISODES, **EPOCH)
                jobs["stock SB3 PPO"] = sb3.iterate
            peers = [job for job in jobs if not job.startswith("textgym")]
            rates = interleaved(jobs, ROUNDS)
            report(f"iteration_{name}{'_reference' if reference else ''}", rates, peers, "tokens", **size._asdict())
