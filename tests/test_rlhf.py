"""The program of the recorded run, whole, with the shipped model and a few labels in place of what packages carry."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LABELS = 200


@pytest.mark.slow
def test_from_labels_to_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every command works on what the one before it made; what is there is not made again."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("measure", "rlhf"):
        monkeypatch.setattr(importlib.import_module(name), "RESULTS", tmp_path / "results")
    labels = (ROOT / "examples" / "feedback.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    few = tmp_path / "few.csv"
    few.write_text("".join(labels[: LABELS + 1]), encoding="utf-8")
    command = f"--model tiny --backbone tiny --feedback {few} --runs {tmp_path / 'runs'} --tasks sentiment,dialogue"
    rlhf: Any = importlib.import_module("rlhf")
    small = ("--timesteps-scale", "0.02", "--episodes", "4", "--n-envs", "4")
    rlhf.main([*command.split(), *small])
    assert capfd.readouterr().out.count("\ntextgym train ") == 8
    found = json.loads((tmp_path / "results" / "rlhf.json").read_text(encoding="utf-8"))
    assert list(found["tasks"]["sentiment"]["agents"]) == [
        "before",
        *(f"{label}, seed {seed}" for label in ("RLOO", "PPO") for seed in (1, 2, 3)),
    ]
    for task in found["tasks"].values():
        for agent in task["agents"].values():
            assert agent["metrics"]["reward/model_perplexity"]["mean"] >= 1
            assert all(sample["prompt"] for sample in agent["samples"])
        assert all(cost["peak_gib"] > 0.1 for cost in task["costs"].values())
    assert "reward/shipped_judge" in found["tasks"]["sentiment"]["agents"]["RLOO, seed 1"]["metrics"]
    for name in ("rlhf_sentiment.html", "rlhf_dialogue.html"):
        assert "<html" in (tmp_path / "results" / name).read_text(encoding="utf-8")
    page = (tmp_path / "results" / "rlhf.md").read_text(encoding="utf-8")
    rlhf.main([*command.split(), *small])
    assert "textgym train" not in capfd.readouterr().out
    assert (tmp_path / "results" / "rlhf.md").read_text(encoding="utf-8") == page
    (tmp_path / "runs" / "dialogue" / "SFT_1.cost.json").unlink()  # as if it had been cut off
    rlhf.main([*command.split(), *small])
    assert capfd.readouterr().out.count("textgym train") == 1
