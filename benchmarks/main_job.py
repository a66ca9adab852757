"""The main job, several times: PPO and REINFORCE on TextGen-Sentiment-v0, five training seeds each.

Each cell is the run of ``textgym train TextGen-Sentiment-v0 --algo ALGO --seed SEED``. A cell that is finished is not
run again: delete its folder in ``runs/`` first.

Run: python benchmarks/main_job.py
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from measure import RESULTS

from textgym.evaluation import Report
from textgym.evaluation.versions import machine, versions

ENV_ID = "TextGen-Sentiment-v0"
ALGORITHMS = ("ppo", "reinforce")
SCORES = ("reward", "vader", "kl", "perplexity", "distinct_2", "english_words", "length")


def cell(algorithm: str, seed: int, runs: Path) -> dict[str, object]:
    """Runs one cell as a user would, and returns its scores before and after."""
    path = runs / f"{ENV_ID}_{algorithm}_seed{seed}"
    timed = path / "seconds.json"
    if not timed.exists():
        command = [sys.executable, "-c", "from textgym.cli import main; main()", "train", ENV_ID]
        start = time.perf_counter()
        subprocess.run([*command, "--algo", algorithm, "--seed", str(seed), "--out", str(path)], check=True)
        timed.write_text(json.dumps(time.perf_counter() - start), encoding="utf-8")
    reports = {name: Report.load(path / f"{name}.json") for name in ("before", "after")}
    scores = {name: {score: report.metrics[score].mean for score in SCORES} for name, report in reports.items()}
    return {"algorithm": algorithm, "seed": seed, "seconds": json.loads(timed.read_text(encoding="utf-8")), **scores}


def table(cells: list[dict]) -> str:
    """Returns a Markdown table: mean over seeds, lowest and highest in brackets."""

    def span(values: list[float]) -> str:
        return f"{np.mean(values):.2f} [{min(values):.2f}, {max(values):.2f}]"

    lines = ["| score | " + " | ".join(("before", *ALGORITHMS)) + " |", "|---|" + "---:|" * (1 + len(ALGORITHMS))]
    for score in SCORES:
        columns = [span([item["before"][score] for item in cells])]
        columns += [span([c["after"][score] for c in cells if c["algorithm"] == a]) for a in ALGORITHMS]
        lines.append(f"| {score} | " + " | ".join(columns) + " |")
    seconds = [span([c["seconds"] for c in cells if c["algorithm"] == a]) for a in ALGORITHMS]
    return "\n".join([*lines, "| seconds | | " + " | ".join(seconds) + " |"]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    cells = [cell(algorithm, seed, options.runs) for seed in range(options.seeds) for algorithm in ALGORITHMS]
    RESULTS.mkdir(exist_ok=True)
    content = {"benchmark": "main_job", "cells": cells, "versions": versions(), "machine": machine()}
    (RESULTS / "main_job.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "main_job.md").write_text(table(cells), encoding="utf-8")
    print(table(cells))
