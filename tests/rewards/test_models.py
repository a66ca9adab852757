"""What the rewards that run a network share."""

from __future__ import annotations

import torch

from textgym.rewards import models


def test_the_cache_forgets_the_oldest():
    cache = models.ScoreCache(size=2)
    asked = []

    def compute(keys: list[str]) -> list[float]:
        asked.append(keys)
        return [float(len(key)) for key in keys]

    assert cache.get(["a", "bb", "a"], compute) == [1.0, 2.0, 1.0]
    assert cache.get(["a"], compute) == [1.0]
    assert cache.get(["ccc"], compute) == [3.0]  # forgets "bb", which was asked for longest ago
    assert cache.get(["a", "bb"], compute) == [1.0, 2.0]
    assert asked == [["a", "bb"], ["ccc"], ["bb"]]
    assert cache.get(["one", "three", "seven"], compute) == [3.0, 5.0, 5.0]  # more than it holds


def test_micro_batches_cover_all_rows_within_the_budget(monkeypatch):
    monkeypatch.setitem(models.MICRO_BATCH_TOKENS, "cpu", 10)
    lengths = [3, 12, 1, 5, 5, 2, 0]
    batches = list(models.micro_batches(lengths, torch.device("cpu")))
    assert sorted(i for batch in batches for i in batch) == list(range(7))
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 10 for batch in batches)


def test_right_padding():
    ids, mask = models.right_padded([[5, 6, 7], [8]], pad_id=0, device="cpu")
    assert torch.equal(ids, torch.tensor([[5, 6, 7], [8, 0, 0]]))
    assert torch.equal(mask, torch.tensor([[1, 1, 1], [1, 0, 0]]))
