"""What scoring costs: the shipped reward model on 64 messages at once, one at a time, and as a share of training.

- batch: one call for 64 messages that were never scored before
- loop: one call for each of 64 such messages
- pipeline: transformers' `pipeline("text-classification")` on the same model, one message a call, as most scripts do it
- remembered: one call for 64 messages that were scored before

Run: python benchmarks/reward_scoring.py
"""

from __future__ import annotations

import time

import numpy as np
from measure import interleaved, report
from transformers import pipeline

from textgym import assets, rewards
from textgym.agents import PPO
from textgym.assets.grammar import documents
from textgym.rewards import Reward

MESSAGES = 64
ROUNDS = 7
TOKENS = 16_000


class Timed(Reward):
    """A reward that measures how long its scoring takes."""

    name = "timed"

    def __init__(self, reward: Reward) -> None:
        self.reward = reward
        self.seconds = 0.0

    @property
    def range(self) -> tuple[float, float]:
        return self.reward.range

    def compute(self, prompts: list[str], completions: list[str], **columns: object) -> np.ndarray:
        start = time.perf_counter()
        scores = self.reward.score(prompts, completions, **columns).total
        self.seconds += time.perf_counter() - start
        return scores


def share_of_training() -> float:
    """Returns the share of time that scoring takes in the training of ``make demo``."""
    timed = Timed(rewards.make("sentiment"))
    agent = PPO(
        "tiny",
        "TextGen-Sentiment-v0",
        n_envs=64,
        seed=0,
        learning_rate=1e-4,
        n_steps=32,
        batch_size=512,
        n_epochs=2,
        kl_coef=0.1,
        policy_kwargs={"temperature": 0.7},
        env_kwargs={"reward": timed},
    )
    agent.learn(2_000)  # warms up
    timed.seconds = 0.0
    start = time.perf_counter()
    agent.learn(TOKENS)
    return timed.seconds / (time.perf_counter() - start)


if __name__ == "__main__":
    reward = rewards.make("sentiment")
    peer = pipeline("text-classification", model=str(assets.path("sentiment")), top_k=None)
    # Made beforehand, because writing them takes time too, and new for each job and round: scores are remembered.
    messages = iter([[text for text, _ in documents(MESSAGES, seed)] for seed in range(3 * ROUNDS + 4)])
    known = next(messages)

    def batch() -> float:
        reward.score([""] * MESSAGES, next(messages))
        return MESSAGES

    def loop() -> float:
        for text in next(messages):
            reward.score([""], [text])
        return MESSAGES

    def one_by_one() -> float:
        for text in next(messages):
            peer(text)
        return MESSAGES

    def remembered() -> float:
        reward.score([""] * MESSAGES, known)
        return MESSAGES

    jobs = {"batch": batch, "loop": loop, "pipeline": one_by_one, "remembered": remembered}
    rates = interleaved(jobs, ROUNDS)
    share = share_of_training()
    print(f"scoring takes {share:.1%} of the demo's training")
    report("reward_scoring", rates, ["loop"], "messages", messages=MESSAGES, share_of_training=share)
