"""From people's labels to a policy, in Python: a reward model, RLOO with adapters against it, and judges it never saw.

Run: python examples/rlhf.py
     python examples/rlhf.py --model smollm2-135m --backbone minilm-l6 --feedback feedback --timesteps 16384
The first is over in a minute, with what ships; docs/rlhf.md has what the second needs, and what it gives.
"""

# test: slow
# test: needs peft

import argparse
from pathlib import Path

import textgym
from textgym.agents import RLOO
from textgym.reward_models import Recipe, load_feedback, train

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="tiny")
parser.add_argument("--backbone", default="tiny")
parser.add_argument("--feedback", default=str(Path(__file__).with_name("feedback.csv")))
parser.add_argument("--timesteps", type=int, default=24_576)
parser.add_argument("--out", type=Path, default=Path("runs/rlhf_example"))
options = parser.parse_args()

reward_model = options.out / "reward_model"
if not reward_model.exists():
    feedback = load_feedback(options.feedback)
    trained = train(feedback, reward_model, Recipe(backbone=options.backbone, epochs=1, max_tokens=96))
    print(f"{len(feedback.splits['train'])} labels, accuracy {trained.quality.metrics['accuracy'].value:.3f}")

agent = RLOO(
    options.model,
    "TextGen-Sentiment-v0",
    learning_rate=1e-3,
    n_envs=32,
    kl_coef=0.06,
    policy_kwargs={"lora": {"r": 16}, "precision": "bfloat16", "temperature": 0.7},
    env_kwargs={"reward": str(reward_model)},
    seed=0,
)
reports = {"before": textgym.evaluate(agent, "TextGen-Sentiment-v0", episodes=64)}
agent.learn(options.timesteps)
reports["after"] = textgym.evaluate(agent, "TextGen-Sentiment-v0", episodes=64)
for name, report in reports.items():  # the id's own reward, the shipped judge, was not trained against
    print(f"{name}: shipped judge {report.mean:.2f}, VADER {report.metrics['vader'].mean:.2f}")
    for episode in report.episodes[:3]:
        print(f"  {episode.prompt} → {episode.completion.strip()}")
