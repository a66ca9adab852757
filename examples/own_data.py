"""An environment of your own data: a file, a column mapping, a reward.

Run: python examples/own_data.py
"""

import json
import tempfile
from pathlib import Path

import textgym

questions = [
    {"question": "The capital of France is", "answer": " Paris."},
    {"question": "The capital of Italy is", "answer": " Rome."},
    {"question": "The capital of Japan is", "answer": " Tokyo."},
]
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "questions.jsonl")
    path.write_text("\n".join(json.dumps({**row, "split": "train"}) for row in questions), encoding="utf-8")
    task = textgym.make_task(
        path, prompt="question", references="answer", reward="0.5*exact_match + 0.5*chrf", max_new_tokens=12
    )

env = textgym.TextGenEnv(task, render_mode="ansi")
obs, info = env.reset(seed=0)
for token in [*task.tokenizer.encode(info["references"][0]), task.tokenizer.eos_id]:
    obs, reward, terminated, truncated, final = env.step(token)
print(env.render())
print(f"reward {reward:.2f}, from {final['reward_terms']}")
