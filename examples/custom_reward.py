"""Plug in a reward of your own: a function, alone or mixed with the library's.

Any callable ``(prompts, completions, **columns) -> list[float]`` is a reward; this is also TRL's signature.

Run: python examples/custom_reward.py
"""

import gymnasium as gym

import textgym
from textgym import rewards


def polite(prompts, completions, **columns):
    """1 for a completion that thanks or asks nicely, 0 for any other."""
    return [float(any(word in text.lower() for word in ("thank", "please", "kind"))) for text in completions]


reward = 0.7 * rewards.make("sentiment") + 0.3 * rewards.make(polite)
env = gym.make("TextGen-Sentiment-v0", reward=reward)
task = env.unwrapped.task
for completion in (" Thank you for the kind help.", " It broke at once."):
    env.reset(options={"prompt": "I called you about my order."})
    for token in [*task.tokenizer.encode(completion), task.tokenizer.eos_id]:
        obs, total, terminated, truncated, info = env.step(token)
    print(f"{completion!r}: {total:+.2f} from {info['reward_terms']}")


def helpful_clerk(prompt: str) -> str:
    """An agent can be as plain as this: a function from prompt to completion."""
    return " was exactly what I needed. Thank you!"


report = textgym.evaluate(helpful_clerk, "TextGen-Sentiment-v0", episodes=20, reward=reward)
print(f"the clerk earns {report.mean:+.2f}, 95% interval {report.interval[0]:+.2f} to {report.interval[1]:+.2f}")
