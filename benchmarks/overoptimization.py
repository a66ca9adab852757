"""How far a small reward model can be pushed: PPO and best-of-n against it, judged by a larger one (Gao et al. 2022).

The proxy is the shipped language model with a head, trained on a few hundred labels; gold is MiniLM, trained on all
29,778 of them by benchmarks/reward_models.py, which is to be run first.

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

from measure import RESULTS
from reward_models import feedback_file

from textgym.evaluation.versions import machine, versions
from textgym.reward_models import load_feedback

ENV_ID = "TextGen-Sentiment-v0"


def textgym_command(*arguments: str) -> None:
    print("textgym", *arguments, flush=True)
    subprocess.run([sys.executable, "-c", "from textgym.cli import main; main()", *arguments], check=True)


def few_labels(path: Path, rows: int) -> Path:
    """Writes the first ``rows`` of the training split, and as many of the others as there should be with them."""
    feedback = load_feedback(feedback_file(), encoding="latin-1")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        for split, share in (("train", 1.0), ("validation", 0.25), ("test", 1.0)):
            for row in feedback.splits[split][: int(rows * share)]:
                writer.writerow([row.text, row.label, split])
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/overoptimization"))
    parser.add_argument("--gold", default="runs/reward_models/labels")
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--timesteps", type=int, default=400_000)
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
