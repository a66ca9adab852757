"""The law that tokens are drawn from: one object draws them, scores them, and is differentiated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable

from textgym.errors import AgentError

OUTSIDE = -1e4
"""Log-probability reported for a token that the law excludes. It is finite so that a ratio becomes exactly 0 and a KL
estimate large, where −∞ would turn both into NaN."""


def check_law(temperature: float, top_k: int | None, top_p: float | None, min_p: float | None = None) -> None:
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
    if min_p is not None and not 0 < min_p <= 1:
        raise AgentError(f"min_p must lie in (0, 1]; None keeps all tokens. Actual value: {min_p!r}.")


class TokenRules(NamedTuple):
    """Which tokens may stand where in a completion, whatever the model says; JSON, all of it.

    Positions count from 0, the first token after the prompt. In a conversation the environment's replies count too:
    neither an observation nor a saved text tells where a turn begins.

    Attributes:
        suppress_tokens: Tokens that are never drawn.
        forced_tokens: Pairs (position, token): the only token that may stand there.
        min_new_tokens: Positions at which EOS is not drawn. A stop string of the task may still end the episode.
        eos_id: EOS, which ``min_new_tokens`` needs.
    """

    suppress_tokens: Sequence[int] = ()
    forced_tokens: Sequence[Sequence[int]] = ()
    min_new_tokens: int = 0
    eos_id: int | None = None

    def table(self, vocab_size: int) -> torch.Tensor | None:
        """Returns what may be drawn at each position, bool ``(P, V)``, True where allowed; None where there is no rule.

        The last row holds for its position and all later ones.

        Raises:
            AgentError: If a rule names no token or position, or two rules leave nothing.
        """
        if not self.suppress_tokens and not self.forced_tokens and self.min_new_tokens == 0:
            return None
        suppressed = [_number("suppress_tokens", token, vocab_size) for token in self.suppress_tokens]
        forced: dict[int, int] = {}
        for pair in self.forced_tokens:
            if isinstance(pair, int | str) or len(pair) != 2:
                raise AgentError(f"forced_tokens holds pairs [position, token]. Actual value: {pair!r}.")
            position, token = _number("forced_tokens", pair[0], None), _number("forced_tokens", pair[1], vocab_size)
            other = forced.setdefault(position, token)
            if other != token:
                raise AgentError(f"forced_tokens names two tokens for position {position}: {other}, {token}.")
        shortest = _number("min_new_tokens", self.min_new_tokens, None)
        allowed = torch.ones(max([shortest, *(position + 1 for position in forced)]) + 1, vocab_size, dtype=torch.bool)
        allowed[:, suppressed] = False
        if shortest:
            if self.eos_id is None:
                raise AgentError("min_new_tokens keeps EOS out, so the policy must know it. Give eos_id as well.")
            allowed[:shortest, _number("eos_id", self.eos_id, vocab_size)] = False
        for position, token in forced.items():
            only = torch.zeros(vocab_size, dtype=torch.bool)
            only[token] = True
            allowed[position] &= only
        if len(empty := (~allowed.any(-1)).nonzero()):
            raise AgentError(
                f"suppress_tokens, forced_tokens and min_new_tokens together leave no token for position "
                f"{int(empty[0])}. Actual values: {self}."
            )
        return allowed


NO_RULES = TokenRules()


class TokenDistribution:
    """A categorical law over the vocabulary, for B contexts side by side.

    The logits are divided by ``temperature``; ``mask`` removes tokens that the task forbids; then ``top_k`` keeps the
    likeliest k tokens (and whatever ties with the last of them), ``top_p`` the smallest set of likeliest tokens
    whose probability reaches p (Holtzman et al. 2020, arXiv:1904.09751 §3.1), and ``min_p`` the tokens at least p times
    as probable as the likeliest (Nguyen et al. 2024, arXiv:2407.01082 §3). What is left is renormalised. Nothing that
    is off costs anything.

    Args:
        logits: Scores of the tokens, any float dtype, ``(B, V)``; computed on in float32.
        temperature: Divides the logits.
        top_k: Number of tokens kept, or None for all.
        top_p: Probability kept, or None for all.
        mask: True for tokens that may be drawn, bool ``(B, V)`` or ``(V,)``, at least one a row, or None for all.
        min_p: Least probability kept, as a part of the likeliest token's, or None for all.
    """

    def __init__(
        self,
        logits: torch.Tensor,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        mask: torch.Tensor | None = None,
        min_p: float | None = None,
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
        if min_p is not None:
            logits = _without(logits, logits < logits.amax(-1, keepdim=True) + math.log(min_p))
        self.logits = logits  # float32 (B, V)

    @property
    def support(self) -> torch.Tensor:
        """True for the tokens that can be drawn, bool ``(B, V)``."""
        return self.logits > torch.finfo(torch.float32).min

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

    @property
    def halvings(self) -> int:
        """Numbers that `descend` needs for a token: halvings of the vocabulary until one token is left."""
        return (self.logits.shape[-1] - 1).bit_length()

    def descend(self, uniforms: torch.Tensor) -> torch.Tensor:
        """Draws a token for each context from given numbers, int64 ``(B,)``, by halving the vocabulary.

        A fresh number decides each time whether the token lies in the lower half, with the probability that the law
        gives it. The last bit of a logit hangs on the size of the batch; here that moves one comparison in some
        millions, whereas the thousands of steps of one cumulative distribution feel it a hundred times as often.

        Args:
            uniforms: In [0, 1), float64 ``(B, H)``, H being `halvings`.
        """
        sums = torch.nn.functional.pad(
            self.log_probs.detach().exp().cumsum(-1, dtype=torch.float64), (1, 0)
        )  # (B, V+1)
        low = torch.zeros(len(sums), 1, dtype=torch.int64, device=sums.device)
        high = torch.full_like(low, sums.shape[-1] - 1)
        for number in uniforms.T[..., None]:  # (B, 1)
            middle = (low + high) // 2
            start = sums.gather(-1, low)
            lower, whole = sums.gather(-1, middle) - start, sums.gather(-1, high) - start
            below = (number * whole < lower) | (
                lower == whole
            )  # the latter where rounding carries the product to whole
            below &= middle > low  # one token is left, and its lower half is empty
            low, high = torch.where(below, low, middle), torch.where(below, middle, high)
        return low.squeeze(-1)

    def log_prob(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns log π of ``tokens`` int64 ``(B,)``, float32 ``(B,)``; `OUTSIDE` where the law excludes them."""
        if "log_probs" in vars(self):
            log_prob = self.log_probs.gather(-1, tokens[:, None]).squeeze(-1)
        else:
            log_prob = _LogProb.apply(self.logits, tokens)
        return log_prob.clamp(min=OUTSIDE)

    def entropy(self) -> torch.Tensor:
        """Returns −Σ π log π in nat, float32 ``(B,)``."""
        return -(self.log_probs.exp() * self.log_probs).sum(-1)

    def mode(self) -> torch.Tensor:
        """Returns the likeliest token, int64 ``(B,)``."""
        return self.logits.argmax(-1)

    def kl(self, other: TokenDistribution) -> torch.Tensor:
        """Returns KL(self ‖ other) = Σ π (log π − log π') in nat, float32 ``(B,)``."""
        return (self.log_probs.exp() * (self.log_probs - other.log_probs)).sum(-1)


class _LogProb(torch.autograd.Function):
    """The log-probability of one token a row, whose gradient is written over what the forward pass kept.

    A gather from `torch.log_softmax` has the same gradient, by way of two more tensors as wide as the vocabulary.
    """

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        log_probs = logits.log_softmax(-1)
        ctx.save_for_backward(log_probs, tokens)
        return log_probs.gather(-1, tokens[:, None]).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        log_probs, tokens = ctx.saved_tensors
        # d log π(a) / d logit(v) = [v = a] − π(v). A second backward pass finds the kept tensor changed, and says so.
        widened = log_probs.exp_().mul_(-gradient[:, None])
        return widened.scatter_add_(-1, tokens[:, None], gradient[:, None]), None


def _number(name: str, value: Any, end: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0 or (end is not None and value >= end):
        bound = "a whole number from 0 on" if end is None else f"a token in [0, {end})"
        raise AgentError(f"{name} asks for {bound}. Actual value: {value!r}.")
    return value


def _without(logits: torch.Tensor, excluded: torch.Tensor) -> torch.Tensor:
    # The lowest finite number: exp() makes it exactly 0, and 0 · log 0 stays 0 where −∞ would give NaN.
    return logits.masked_fill(excluded, torch.finfo(torch.float32).min)


def _outside_nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """True for tokens outside the smallest likeliest set that holds ``top_p``, bool ``(B, V)``."""
    probs, order = logits.softmax(-1).sort(-1, descending=True)
    before = probs.cumsum(-1) - probs  # probability of all that are likelier
    return torch.empty_like(before, dtype=torch.bool).scatter_(-1, order, before >= top_p)
