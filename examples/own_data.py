"""An environment of your own data: a file, the columns, a reward; then the same by id, and streamed from disk.

Run: python examples/own_data.py
"""

import json
import tempfile
from pathlib import Path

import gymnasium as gym

import textgym

questions = [
    {"question": "What is the capital of France?", "answer": " Paris", "split": "train"},
    {"question": "What is the capital of Italy?", "answer": " Rome", "split": "train"},
    {"question": "What is the capital of Japan?", "answer": " Tokyo", "split": "test"},
]
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "my.jsonl")
    path.write_text("\n".join(map(json.dumps, questions)), encoding="utf-8")

    task = textgym.make_task(data=path, prompt="question", references="answer", reward="token_f1", stop="\n")
    env = textgym.TextGenEnv(task, render_mode="ansi")
    obs, info = env.reset(seed=0)
    for token in [*task.tokenizer.encode(info["references"][0]), task.tokenizer.eos_id]:
        obs, reward, terminated, truncated, final = env.step(token)
    print(env.render())
    print(f"reward {reward:.2f}, from {final['reward_terms']}")

    # By id, as every command takes it; a template makes the prompts, and rows stay on disk until they are asked for.
    options = {
        "data": str(path),
        "template": "Question: {question}\nAnswer:",
        "references": "answer",
        "reward": "0.5*exact_match + 0.5*chrf",
        "streaming": True,
    }
    print(gym.make("TextGen-Custom-v0", **options).reset(seed=0)[1]["prompt"])
    report = textgym.evaluate(lambda prompt: " Tokyo", "TextGen-Custom-v0", episodes=4, **options)
    print(f"{report.mean:.2f} on the test split")
