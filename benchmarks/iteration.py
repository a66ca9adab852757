"""Tokens a second of a whole iteration (collect, score, update) against TRL's RLOO and GRPO and stock SB3's PPO.

The work, of ours and of TRL alike: 64 completions of 48 tokens, eight samples of each of eight prompts of 16 tokens,
temperature 1 over the whole vocabulary, one reward a completion, one step of the optimizer on all of it; with and
without a frozen reference, which is one more pass over the same tokens. PPO draws 64 prompts instead, since it has no
groups, and learns a value beside; stock SB3's PPO is given the first steps of the same 64 episodes, where contexts are
shortest, and takes one step of the optimizer on them, too.

Every job starts from the same weights. TRL is timed from the beginning of a step of its trainer to its end, which
leaves out what it does once; ours from the beginning of `collect_rollouts` to the end of `train`.

Run: python -m benchmarks iteration        (needs pip install -e '.[bench]')
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from typing import Any

from collection import STOCK_STEPS
from measure import Timed, interleaved, report
from reference_work import EPISODES, NEW_TOKENS, SIZES, Size, agent, free, model, prompts, stock, tokenizer
from trl_peer import PLAIN, StepTimes, silence, train
from update import EPOCH

from textgym.agents import GRPO, PPO, RLOO

ROUNDS = 5
SAMPLES = 8
LEARNING_RATE, KL = 1e-6, 0.05
TRL_STEPS = 2


def ours(cls: Any, size: Size, reference: bool, precision: str = "float32") -> Callable[[], float]:
    """Returns a job that runs one iteration; PPO, too, takes one step of the optimizer."""
    settings = {"n_epochs": 1, "batch_size": EPISODES * NEW_TOKENS} if cls is PPO else {"n_samples": SAMPLES}
    kl = {"kl_coef": KL} if reference else {}
    return agent(cls, size, precision, learning_rate=LEARNING_RATE, **settings, **kl).iterate


def trl(name: str, size: Size, reference: bool, bf16: bool = False) -> Callable[[], Timed]:
    """Returns a job that runs a few steps of a trainer of TRL."""
    import trl as library
    from datasets import Dataset

    config, trainer = getattr(library, f"{name}Config"), getattr(library, f"{name}Trainer")
    data = Dataset.from_list([{"prompt": f"<bos> {prompt}"} for prompt in prompts(size)])

    def run() -> Timed:
        steps, lm = StepTimes(), model(size)
        with tempfile.TemporaryDirectory() as folder, silence():
            lm.save_pretrained(folder)
            lm.config._name_or_path = folder  # from where TRL loads its reference
            job = trainer(
                model=lm,
                reward_funcs=free,
                processing_class=tokenizer(size),
                train_dataset=data,
                callbacks=[steps],
                args=config(
                    output_dir=folder,
                    per_device_train_batch_size=EPISODES,
                    num_generations=SAMPLES,
                    max_completion_length=NEW_TOKENS,
                    temperature=1.0,
                    top_k=0,
                    top_p=1.0,
                    generation_kwargs={"min_new_tokens": NEW_TOKENS},
                    learning_rate=LEARNING_RATE,
                    beta=KL if reference else 0.0,
                    num_iterations=1,
                    steps_per_generation=1,
                    max_steps=TRL_STEPS + 1,
                    bf16=bf16,
                    seed=0,
                    **PLAIN,
                ),
            )
            train(job)
        check(job, reference)
        return Timed(EPISODES * NEW_TOKENS, statistics.median(steps.seconds[1:]))

    return run


def check(trainer: Any, reference: bool) -> None:
    """Raises where a trainer of TRL did other work than ours."""
    last = trainer.state.log_history[-1]
    found = last["completions/min_length"], last["completions/max_length"], trainer.state.global_step
    if found != (NEW_TOKENS, NEW_TOKENS, TRL_STEPS + 1) or (trainer.ref_model is not None) != reference:
        raise RuntimeError(
            f"TRL was to take {TRL_STEPS + 1} steps of completions of {NEW_TOKENS} tokens. Actual shortest, longest "
            f"and steps: {found}; reference: {trainer.ref_model is not None}."
        )


def jobs(size: Size, stock_steps: int, reference: bool) -> dict[str, Callable[[], float | Timed]]:
    """Returns ours and the peers; stock SB3 keeps no reference."""
    found: dict[str, Callable[[], float | Timed]] = {
        "textgym RLOO": ours(RLOO, size, reference),
        "textgym GRPO": ours(GRPO, size, reference),
        "textgym PPO": ours(PPO, size, reference),
        "textgym RLOO, bfloat16": ours(RLOO, size, reference, "bfloat16"),
        "textgym GRPO, bfloat16": ours(GRPO, size, reference, "bfloat16"),
        "TRL RLOO": trl("RLOO", size, reference),
        "TRL GRPO": trl("GRPO", size, reference),
        "TRL RLOO, bfloat16": trl("RLOO", size, reference, bf16=True),
        "TRL GRPO, bfloat16": trl("GRPO", size, reference, bf16=True),
    }
    if not reference:
        found["stock SB3 PPO"] = stock(size, EPISODES, stock_steps, batch_size=EPISODES * stock_steps, **EPOCH).iterate
    return found


def main(sizes: dict[str, Size], rounds: int) -> None:
    for name, size in sizes.items():
        for reference in (False, True):
            print(f"iteration, {name}, {'with' if reference else 'without'} a reference")
            found = jobs(size, STOCK_STEPS[name], reference)
            peers = [job for job in found if not job.startswith("textgym")]
            result = f"iteration_{name}{'_reference' if reference else ''}"
            report(result, interleaved(found, rounds), peers, "tokens", **size._asdict())


if __name__ == "__main__":
    main(SIZES, ROUNDS)
