"""The losses, against numbers worked by hand and identities that they must keep."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch

from textgym.reward_models import losses


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_mse():
    loss = losses.mse(torch.tensor([1.0, -2.0]), torch.tensor([3.0, -2.0]))
    assert loss.tolist() == [4.0, 0.0]


def test_cross_entropy_by_hand_and_weighted():
    logits = torch.tensor([[0.0, math.log(3.0)], [0.0, 0.0]])
    labels = torch.tensor([1, 0])
    plain = losses.cross_entropy(logits, labels)
    assert plain.tolist() == pytest.approx([-math.log(3 / 4), math.log(2)])
    weighted = losses.cross_entropy(logits, labels, torch.tensor([2.0, 0.5]))
    assert weighted.tolist() == pytest.approx([0.5 * -math.log(3 / 4), 2 * math.log(2)])


@pytest.mark.parametrize(
    ("margin", "centering", "expected"),
    [
        (None, 0.0, -math.log(sigmoid(3.0))),
        (1.0, 0.0, -math.log(sigmoid(2.0))),
        (None, 0.1, -math.log(sigmoid(3.0)) + 0.1 * 1.0),
        (1.0, 0.1, -math.log(sigmoid(2.0)) + 0.1 * 1.0),
    ],
)
def test_bradley_terry(margin, centering, expected):
    margins = None if margin is None else torch.tensor([margin])
    loss = losses.bradley_terry(torch.tensor([2.0]), torch.tensor([-1.0]), margins, centering)
    assert loss.item() == pytest.approx(expected)


def test_centring_fixes_the_level_that_preferences_leave_open():
    chosen, rejected = torch.tensor([2.0]), torch.tensor([-1.0])
    shifted = losses.bradley_terry(chosen + 5, rejected + 5)
    torch.testing.assert_close(shifted, losses.bradley_terry(chosen, rejected))
    assert losses.bradley_terry(chosen + 5, rejected + 5, centering=0.1) > losses.bradley_terry(
        chosen, rejected, centering=0.1
    )


def test_plackett_luce_by_hand():
    a, b, c = 1.0, 0.0, -0.5
    first = math.exp(a) / (math.exp(a) + math.exp(b) + math.exp(c))
    second = math.exp(b) / (math.exp(b) + math.exp(c))
    loss = losses.plackett_luce(torch.tensor([[a, b, c]]), torch.ones(1, 3, dtype=torch.bool))
    assert loss.item() == pytest.approx(-math.log(first * second))


def test_plackett_luce_is_a_distribution_over_rankings():
    scores = [0.3, -1.2, 2.0, 0.1]
    mask = torch.ones(1, 4, dtype=torch.bool)
    total = sum(math.exp(-losses.plackett_luce(torch.tensor([order]), mask).item()) for order in permutations(scores))
    assert total == pytest.approx(1.0, rel=1e-5)


def test_plackett_luce_of_two_is_bradley_terry():
    scores = torch.randn(16, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        losses.plackett_luce(scores, torch.ones(16, 2, dtype=torch.bool)),
        losses.bradley_terry(scores[:, 0], scores[:, 1]),
    )


def test_absent_places_of_a_ranking_count_for_nothing():
    scores = torch.tensor([[1.0, 0.0, 99.0]], requires_grad=True)
    loss = losses.plackett_luce(scores, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(loss, losses.bradley_terry(torch.tensor([1.0]), torch.tensor([0.0])))
    loss.sum().backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert scores.grad[0, 2] == 0


@pytest.mark.parametrize("loss", ["bradley_terry", "plackett_luce"])
def test_the_gradient_lifts_the_better_and_lowers_the_worse(loss):
    scores = torch.zeros(1, 2, requires_grad=True)
    value = (
        losses.bradley_terry(scores[:, 0], scores[:, 1])
        if loss == "bradley_terry"
        else losses.plackett_luce(scores, torch.ones(1, 2, dtype=torch.bool))
    )
    value.sum().backward()
    assert scores.grad is not None
    assert scores.grad.tolist() == [[-0.5, 0.5]]
