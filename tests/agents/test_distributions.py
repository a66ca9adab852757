from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from textgym.agents.distributions import OUTSIDE, TokenDistribution, TokenRules, check_law
from textgym.errors import AgentError

LAWS = [
    {},
    {"temperature": 0.7},
    {"temperature": 2.0},
    {"top_k": 3},
    {"top_p": 0.8},
    {"min_p": 0.1},
    {"mask": torch.tensor([True, False, True, True, False, True, True, True])},
    {"temperature": 1.5, "top_k": 5, "top_p": 0.9, "min_p": 0.3, "mask": torch.tensor([True] * 5 + [False] * 3)},
]
LOGITS = torch.tensor([2.0, -1.0, 0.5, 0.0, 3.0, -2.0, 1.0, -30.0])


@pytest.mark.parametrize("law", LAWS)
def test_log_probs_match_sampled_frequencies(law: dict) -> None:
    draws = 200_000
    distribution = TokenDistribution(LOGITS.expand(draws, -1), **law)
    tokens = distribution.sample(torch.Generator().manual_seed(0))
    counts = np.bincount(tokens.numpy(), minlength=8)
    probs = TokenDistribution(LOGITS.expand(8, -1), **law).log_prob(torch.arange(8)).exp().double().numpy()
    assert counts[probs == 0].sum() == 0
    likely = probs * draws > 5
    expected = probs[likely] / probs[likely].sum() * counts[likely].sum()
    assert stats.chisquare(counts[likely], expected).pvalue > 1e-3


@pytest.mark.parametrize("law", LAWS)
def test_probabilities_sum_to_one_and_entropy_is_that_of_torch(law: dict) -> None:
    distribution = TokenDistribution(LOGITS.expand(8, -1), **law)
    probs = distribution.log_prob(torch.arange(8)).exp()
    assert probs.sum() == pytest.approx(1.0, abs=1e-6)
    reference = torch.distributions.Categorical(probs=probs)
    assert distribution.entropy()[0] == pytest.approx(reference.entropy().item(), abs=1e-5)
    assert distribution.mode()[0] == probs.argmax()


@pytest.mark.parametrize("law", LAWS)
def test_the_gradient_of_a_log_prob_is_that_of_a_log_softmax(law: dict) -> None:
    tokens, weights = torch.arange(8), torch.linspace(-1.0, 2.0, 8)
    own, plain = (LOGITS.repeat(8, 1).requires_grad_() for _ in range(2))
    log_prob = TokenDistribution(own, **law).log_prob(tokens)
    (log_prob * weights).sum().backward(retain_graph=True)
    table = TokenDistribution(plain, **law).log_probs
    (table.gather(-1, tokens[:, None]).squeeze(-1).clamp(min=OUTSIDE) * weights).sum().backward()
    torch.testing.assert_close(own.grad, plain.grad, atol=1e-6, rtol=1e-6)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        log_prob.sum().backward()


def test_filters_keep_what_transformers_keeps() -> None:
    logits = torch.randn(64, 100, generator=torch.Generator().manual_seed(1)) * 3
    for law, warpers in (
        ({"top_k": 7}, [TopKLogitsWarper(7)]),
        ({"top_p": 0.6}, [TopPLogitsWarper(0.6)]),
        ({"min_p": 0.05}, [MinPLogitsWarper(0.05)]),
        (
            {"temperature": 1.7, "top_k": 20, "top_p": 0.8, "min_p": 0.1},
            [TemperatureLogitsWarper(1.7), TopKLogitsWarper(20), TopPLogitsWarper(0.8), MinPLogitsWarper(0.1)],
        ),
    ):
        theirs = logits.clone()
        for warper in warpers:
            theirs = warper(None, theirs)
        ours = TokenDistribution(logits, **law)
        torch.testing.assert_close(ours.log_probs.exp(), theirs.softmax(-1))
        assert torch.equal(ours.support, theirs > -torch.inf)


def test_min_p_by_hand() -> None:
    """The paper's rule at p = 0.25 of a likeliest token of 0.5: what lies below 0.125 goes."""
    law = TokenDistribution(torch.tensor([[0.5, 0.25, 0.15, 0.06, 0.04]]).log(), min_p=0.25)
    expected = torch.tensor([[0.5, 0.25, 0.15, 0.0, 0.0]]) / 0.9
    torch.testing.assert_close(law.log_probs.exp(), expected)


def test_a_token_of_probability_zero_is_never_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.tensor([[0.0, 0.0, 0.0, 0.0]])
    mask = torch.tensor([False, True, True, False])
    for uniform, token in ((0.0, 1), (float(np.nextafter(np.float32(1), np.float32(0))), 2), (1.0, 2)):
        monkeypatch.setattr(torch, "rand", lambda shape, u=uniform, **_: torch.full(shape, u))
        assert TokenDistribution(logits, mask=mask).sample().item() == token


def test_gradients_stay_finite_where_tokens_are_excluded() -> None:
    logits = LOGITS[None].clone().requires_grad_()
    law = TokenDistribution(logits, top_k=3, min_p=0.01, mask=LAWS[6]["mask"])
    (law.log_prob(torch.tensor([0])).sum() + law.entropy().sum()).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[0, 1] == 0
    assert law.log_prob(torch.tensor([1])).item() == OUTSIDE


def test_the_ratio_to_an_excluded_token_is_zero_and_its_kl_finite() -> None:
    excluded = TokenDistribution(LOGITS[None], top_k=1).log_prob(torch.tensor([0]))
    old = TokenDistribution(LOGITS[None]).log_prob(torch.tensor([0]))
    log_ratio = excluded - old
    assert log_ratio.exp() == 0
    assert torch.isfinite(log_ratio.exp() - 1 - log_ratio).all()


def test_kl_is_that_of_torch() -> None:
    p, q = torch.randn(2, 5, 9, generator=torch.Generator().manual_seed(2))
    expected = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=p), torch.distributions.Categorical(logits=q)
    )
    torch.testing.assert_close(TokenDistribution(p).kl(TokenDistribution(q)), expected)


def test_the_same_generator_draws_the_same_tokens() -> None:
    law = TokenDistribution(torch.randn(100, 50))
    first = law.sample(torch.Generator().manual_seed(3))
    torch.manual_seed(0)  # the global generator has no say
    assert torch.equal(first, law.sample(torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("law", [{"temperature": 0.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}, {"min_p": 0}])
def test_parameters_out_of_range_are_refused(law: dict) -> None:
    with pytest.raises(AgentError, match=str(next(iter(law.values())))):
        check_law(**{"temperature": 1.0, "top_k": None, "top_p": None, **law})


def test_rules_by_position() -> None:
    """Written out: token 3 never, token 1 second, and EOS (2) not among the first three."""
    rules = TokenRules(suppress_tokens=[3], forced_tokens=[[1, 1]], min_new_tokens=3, eos_id=2)
    table = rules.table(5)
    assert table is not None
    assert table.int().tolist() == [[1, 1, 0, 0, 1], [0, 1, 0, 0, 0], [1, 1, 0, 0, 1], [1, 1, 1, 0, 1]]
    assert TokenRules().table(5) is None
    only = TokenRules(suppress_tokens=[0]).table(2)
    assert only is not None
    assert only.tolist() == [[False, True]]  # holds everywhere, so no position need be known


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"suppress_tokens": [5]}, r"suppress_tokens asks for a token in \[0, 5\)\. Actual value: 5"),
        ({"suppress_tokens": ["a"]}, "'a'"),
        ({"suppress_tokens": [0, 1, 2, 3, 4]}, "no token for position 0"),
        ({"forced_tokens": [[0, 1], [0, 2]]}, "two tokens for position 0: 1, 2"),
        ({"forced_tokens": [[-1, 1]]}, "-1"),
        ({"forced_tokens": [3]}, r"pairs \[position, token\]. Actual value: 3"),
        ({"forced_tokens": [[4, 3]], "suppress_tokens": [3]}, "no token for position 4"),
        ({"forced_tokens": [[1, 2]], "min_new_tokens": 2, "eos_id": 2}, "no token for position 1"),
        ({"min_new_tokens": 2}, "eos_id"),
        ({"min_new_tokens": -2, "eos_id": 2}, "-2"),
        ({"min_new_tokens": 2, "eos_id": 7}, "7"),
    ],
)
def test_rules_that_cannot_be_kept_are_refused(rules: dict, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        TokenRules(**rules).table(5)


@pytest.mark.parametrize("vocab_size", [1, 2, 7, 300])
def test_halving_draws_from_the_law(vocab_size: int) -> None:
    torch.manual_seed(0)
    logits = torch.randn(1, vocab_size) * 2
    mask = torch.ones(vocab_size, dtype=torch.bool)
    mask[0] = vocab_size == 1
    law = TokenDistribution(logits.expand(40_000, -1), mask=mask)
    drawn = law.descend(torch.rand(40_000, law.halvings, dtype=torch.float64))
    frequencies = torch.bincount(drawn, minlength=vocab_size) / len(drawn)
    torch.testing.assert_close(frequencies, law.log_probs[0].exp(), atol=0.01, rtol=0)
    assert vocab_size == 1 or frequencies[0] == 0


def test_halving_hardly_feels_the_last_bit_of_a_logit() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2_000, 4_096, generator=generator)
    noise = 1e-6 * torch.randn(logits.shape, generator=generator)
    uniforms = torch.rand(2_000, 12, dtype=torch.float64, generator=generator)
    assert torch.equal(TokenDistribution(logits).descend(uniforms), TokenDistribution(logits + noise).descend(uniforms))


def test_halving_never_leaves_the_law_at_the_ends() -> None:
    law = TokenDistribution(torch.zeros(2, 5), mask=torch.tensor([False, True, False, True, False]))
    ends = torch.tensor([[0.0] * 3, [1 - 2**-53] * 3], dtype=torch.float64)
    assert law.descend(ends).tolist() == [1, 3]
