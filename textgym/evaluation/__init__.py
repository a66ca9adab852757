"""How good an agent is: playing it, scoring it with intervals, and the folder of a training run."""

from __future__ import annotations

from textgym.evaluation.comparison import Change, compare
from textgym.evaluation.evaluate import evaluate
from textgym.evaluation.players import Oracle
from textgym.evaluation.report import Episode, Metric, Report
from textgym.evaluation.run import Run, RunConfig

__all__ = ["Change", "Episode", "Metric", "Oracle", "Report", "Run", "RunConfig", "compare", "evaluate"]
