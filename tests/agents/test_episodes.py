"""Episodes in arrays: what is scored at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from textgym.agents.episodes import EpisodeBatch, Episodes

LENGTH = 50


@pytest.mark.parametrize(("vocab_size", "most"), [(4096, 4096), (2**16, 1024)])
def test_a_large_vocabulary_is_scored_in_smaller_batches(vocab_size: int, most: int) -> None:
    """A law over tokens × vocabulary is what fills the memory; the numbers are the same, each in its place."""
    completions = [[token] * LENGTH for token in range(100)]
    episodes = Episodes.of([[1]] * 100, completions, None, vocab_size)
    sizes = []

    def actions(batch: EpisodeBatch) -> torch.Tensor:
        sizes.append(len(batch.actions))
        return batch.actions.float()[None]

    (matrix,) = episodes.score(actions, torch.device("cpu"))
    assert np.array_equal(matrix[:, 1:], np.array(completions))
    assert sum(sizes) == 100 * LENGTH
    assert max(sizes) <= 1.5 * most  # whole episodes, in batches as equal as can be
