"""The law that tokens are drawn from: one object draws them, scores them, and is differentiated."""

from __future__ import annotations

from functools import cached_property

import torch

from textgym.errors import AgentError

OUTSIDE = -1e4
"""Log-probability reported for a token that the law excludes. It is finite so that a ratio becomes exactly 0 and a KL
estimate large, where −∞ would turn both into NaN."""


def check_law(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Checks the parameters of a law.

    Raises:
        AgentError: If one lies outside its range.
    """
    if not temperature > 0:
        raise AgentError(
            f"temperature must be positive. Actual value: {temperature!r}. For the likeliest token, pass "
            "deterministic=True to predict()."
        )
    if top_k is not None and top_k < 1:
        raise AgentError(f"top_k keeps at least 1 token; None keeps all. Actual value: {top_k!r}.")
    if top_p is not None and not 0 < top_p <= 1:
        raise AgentError(f"top_p must lie in (0, 1]; None keeps all tokens. Actual value: {top_p!r}.")


class TokenDistribution:
    """A categorical law over the vocabulary, for B contexts side by side.

    The logits are divided by ``temperature``; ``mask`` removes tokens that the task forbids; then ``top_k`` keeps the
    likeliest k tokens (and whatever ties with the last of them) and ``top_p`` the smallest set of likeliest tokens
    whose probability reaches p (Holtzman et al. 2020, arXiv:1904.09751 §3.1). What is left is renormalised. Nothing
    that is off costs anything.

    Args:
        logits: Scores of the tokens, any float dtype, ``(B, V)``; computed on in float32.
        temperature: Divides the logits.
        top_k: Number of tokens kept, or None for all.
        top_p: Probability kept, or None for all.
        mask: True for tokens that may be drawn, bool ``(B, V)`` or ``(V,)``, or None for all.
    """

    def __init__(
        self,
        logits: torch.Tensor,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        mask: torch.Tensor | None = None,
    ) -> None:
        logits = logits.float()
        if temperature != 1.0:
            logits = logits / temperature
        if mask is not None:
            logits = _without(logits, ~mask)
        if top_k is not None and top_k < logits.shape[-1]:
            logits = _without(logits, logits < logits.topk(top_k, -1).values[..., -1:])
        if top_p is not None and top_p < 1.0:
            logits = _without(logits, _outside_nucleus(logits.detach(), top_p))
        self.logits = logits  # float32 (B, V)

    @cached_property
    def log_probs(self) -> torch.Tensor:
        """Log-probabilities, float32 ``(B, V)``; about −1e38 outside the law."""
        return self.logits.log_softmax(-1)

    def sample(self, generator: torch.Generator | None = None) -> torch.Tensor:
        """Draws a token for each context, int64 ``(B,)``, by inverting the cumulative distribution.

        One uniform number a row replaces the V that ``torch.multinomial`` draws. The number has 24 bits, so a token
        whose probability lies below 6e-8 is drawn a little too rarely or too often.
        """
        cumulative = self.log_probs.detach().exp().cumsum(-1)
        total = cumulative[:, -1:]
        uniform = torch.rand(total.shape, device=total.device, generator=generator)
        # u < total, strictly: rounding could carry u · total up to the total, beyond the last token that is possible.
        point = torch.minimum(uniform * total, torch.nextafter(total, torch.zeros_like(total)))
        tokens = torch.searchsorted(cumulative, point, right=True).squeeze(-1)
        if tokens.device.type == "cpu":  # a sequential sum never decreases, so the step at the token is its probability
            return tokens
        possible = self.log_probs.detach().gather(-1, tokens.clamp_(max=cumulative.shape[-1] - 1)[:, None]) > OUTSIDE
        return torch.where(possible.squeeze(-1), tokens, self.mode())

    def log_prob(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns log π of ``tokens`` int64 ``(B,)``, float32 ``(B,)``; `OUTSIDE` where the law excludes them."""
        return self.log_probs.gather(-1, tokens[:, None]).squeeze(-1).clamp(min=OUTSIDE)

    def entropy(self) -> torch.Tensor:
        """Returns −Σ π log π in nat, float32 ``(B,)``."""
        return -(self.log_probs.exp() * self.log_probs).sum(-1)

    def mode(self) -> torch.Tensor:
        """Returns the likeliest token, int64 ``(B,)``."""
        return self.logits.argmax(-1)

    def kl(self, other: TokenDistribution) -> torch.Tensor:
        """Returns KL(self ‖ other) = Σ π (log π − log π') in nat, float32 ``(B,)``."""
        return (self.log_probs.exp() * (self.log_probs - other.log_probs)).sum(-1)


def _without(logits: torch.Tensor, excluded: torch.Tensor) -> torch.Tensor:
    # The lowest finite number: exp() makes it exactly 0, and 0 · log 0 stays 0 where −∞ would give NaN.
    return logits.masked_fill(excluded, torch.finfo(torch.float32).min)


def _outside_nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """True for tokens outside the smallest likeliest set that holds ``top_p``, bool ``(B, V)``."""
    probs, order = logits.softmax(-1).sort(-1, descending=True)
    before = probs.cumsum(-1) - probs  # probability of all that are likelier
    return torch.empty_like(before, dtype=torch.bool).scatter_(-1, order, before >= top_p)
