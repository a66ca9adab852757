"""An agent is whatever has Stable-Baselines3's ``predict``: here, one that counts.

Run: python examples/custom_agent.py
"""

import gymnasium as gym
import numpy as np

import textgym


class Counter:
    """Counts up from the number in the prompt; it reads nothing but the observation."""

    def __init__(self, task):
        self.tokenizer = task.tokenizer

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        """Returns the next token of each row, and no state."""
        tokens = [self.next_token(*row) for row in zip(obs["input_ids"], obs["attention_mask"], strict=True)]
        return np.array(tokens), None

    def next_token(self, ids, mask):
        text = self.tokenizer.decode(ids[mask.astype(bool)])
        *done, current = text.split(" ")
        following = str(int(done[-1]) + 1)
        return self.tokenizer.encode((following + " ")[len(current)])[0]


task = gym.make("TextGen-Numbers-v0").unwrapped.task
report = textgym.evaluate(Counter(task), "TextGen-Numbers-v0", episodes=30)
print(f"reward {report.mean:.2f}; for example {report.episodes[0].prompt!r} -> {report.episodes[0].completion!r}")
