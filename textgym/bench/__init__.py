"""The bench: many agents on many ids, one folder of typed results, and what is made of it."""

from __future__ import annotations

from textgym.bench.results import Bench, BenchConfig, Cell, EpisodeRecord
from textgym.bench.running import run

__all__ = ["Bench", "BenchConfig", "Cell", "EpisodeRecord", "run"]
