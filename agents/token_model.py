"""A language model seen as a law over the next token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from textgym.errors import AgentError, ModelError

from . import fast_bodies, fast_decoding, seq2seq
from .affine import Affine, Map
from .decoding import Decoder, causal_hidden
from .distributions import NO_RULES, TokenDistribution, TokenRules, check_law

PRECISIONS = ("auto", "float32", "bfloat16")
BUCKET_TOKENS = 1024
"""Fewest tokens worth a forward of their own; below that, the padding that a split saves costs less than the split."""


class EpisodeBatch(NamedTuple):
    """Whole episodes, sorted by length; what the update reads instead of observations.

    Attributes:
        input_ids: Prompts and completions, right-padded, int64 ``(B, T)``.
        response_mask: True where the policy chose the token, bool ``(B, T)``; M places in all, numbered by row.
        lengths: Tokens of each episode, ascending.
        action_masks: True for tokens that the environment let choose, bool ``(M, V)``, or None for all.
        supports: True for tokens that the policy's own law could draw, as it was when it drew them, bool ``(M, V)``;
            None where it kept no record or left out no token.
        reference_log_probs: log π_ref of each, float32 ``(M,)``, where the update prices the KL; else None.
    """

    input_ids: torch.Tensor
    response_mask: torch.Tensor
    lengths: Sequence[int]
    action_masks: torch.Tensor | None = None
    supports: torch.Tensor | None = None
    reference_log_probs: torch.Tensor | None = None

    @property
    def positions(self) -> torch.Tensor:
        """Place of each chosen token after the prompt, from 0 on, replies of the environment included, int64 ``(M,)``.

        The policy writes the first token after a prompt, so that is where its episode's first choice is.
        """
        cells = torch.arange(self.input_ids.shape[1], device=self.input_ids.device)
        return (cells - self.prompt_lengths[:, None])[self.response_mask]

    @property
    def prompt_lengths(self) -> torch.Tensor:
        """Tokens of each prompt, int64 ``(B,)``; see `positions`."""
        return self.response_mask.int().argmax(-1)

    @property
    def actions(self) -> torch.Tensor:
        """The chosen tokens, int64 ``(M,)``."""
        return self.input_ids[self.response_mask]


class ContextReader(Protocol):
    """What reads growing contexts: a `Decoder`, a `seq2seq.CachedDecoder`, or one for each of several models.

    Attributes:
        ids: What its slots hold, int64 ``(N, L)``.
        head: From the states that it returned last to their logits, where it has a faster way than the model's own.
    """

    ids: np.ndarray

    @property
    def head(self) -> Map | None: ...

    def advance(self, input_ids: np.ndarray, lengths: np.ndarray, prompt_lengths: np.ndarray | None) -> torch.Tensor:
        """Returns the last hidden state of each context; see `seq2seq.CachedDecoder.advance`."""

    def move(self, source: int, target: int) -> None:
        """Copies one context's slot into another; see `Decoder.move`."""


class ReaderPair:
    """Two models reading the same contexts; the second reads when somebody asks it, and moves along.

    Args:
        own: Of the policy.
        second: Of the other model.
    """

    def __init__(self, own: ContextReader, second: ContextReader) -> None:
        self.own, self.second = own, second
        self.ids = own.ids

    @property
    def head(self) -> Map | None:
        """Of the policy; see `ContextReader`."""
        return self.own.head

    def advance(
        self, input_ids: np.ndarray, lengths: np.ndarray, prompt_lengths: np.ndarray | None = None
    ) -> torch.Tensor:
        """Returns the last hidden state of the policy's contexts; see `Decoder.advance`."""
        return self.own.advance(input_ids, lengths, prompt_lengths)

    def move(self, source: int, target: int) -> None:
        """Copies one context's slot into another, of both."""
        self.own.move(source, target)
        self.second.move(source, target)


class TokenModel(nn.Module):
    """Hidden states, logits and token laws of a language model, over the V tokens of an environment.

    The body may compute in bfloat16; logits and all that follows are float32. An encoder-decoder model reads the prompt
    by its encoder, the tokens as they stand in the observation, and all that follows by its decoder.

    The law at a place is that of `TokenDistribution`, over what the environment, the ``rules`` and, in models that
    extend this one, ``restrict_*`` allow there. Where a filter cuts it, and tokens were drawn, its support is theirs at
    that moment, kept with them (`EpisodeBatch.supports`): the same filter over other weights, or over the same ones
    rounded otherwise, could leave out a token that was drawn.

    Args:
        lm: The model.
        vocab_size: Tokens of the environment, V; embedding rows beyond them are sliced away.
        temperature, top_k, top_p: See `TokenDistribution`.
        precision: ``"float32"``, ``"bfloat16"`` (autocast, float32 weights), or ``"auto"``: bfloat16 on a GPU.
        min_p: See `TokenDistribution`.
        rules: What may stand where in a completion, whatever the model says.
    """

    _allowed: torch.Tensor | None

    def __init__(
        self,
        lm: PreTrainedModel,
        vocab_size: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        precision: str = "auto",
        min_p: float | None = None,
        rules: TokenRules = NO_RULES,
    ) -> None:
        super().__init__()
        check_law(temperature, top_k, top_p, min_p)
        if precision not in PRECISIONS:
            raise AgentError(f"precision is one of {', '.join(PRECISIONS)}. Actual value: {precision!r}.")
        self.lm = lm
        self.vocab_size = vocab_size
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p
        self.min_p = min_p
        self.precision = precision
        self.rules = rules
        allowed = rules.table(vocab_size)
        self.register_buffer("_allowed", None if allowed is None else allowed.to(lm.device), persistent=False)
        self._encodes = bool(lm.config.is_encoder_decoder)
        self.one_pass = False
        """Whether episodes are scored in one pass of the Transformers module: ranks that share it pass together."""
        self._check_head()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.lm.device

    @property
    def reduced_precision(self) -> bool:
        """Whether the body computes in bfloat16."""
        return self.precision == "bfloat16" or (self.precision == "auto" and self.device.type == "cuda")

    @property
    def cuts(self) -> bool:
        """Whether the law leaves out tokens by how likely some model finds them."""
        return not self.top_k is self.top_p is self.min_p is None

    def autocast(self) -> AbstractContextManager[None]:
        """Returns the context in which the body runs."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.reduced_precision)

    def train(self, mode: bool = True) -> TokenModel:
        """Leaves the language model in ``eval()``: dropout would score tokens under another law than drew them."""
        super().train(mode)
        self.lm.eval()
        return self

    def decoder(self, size: int, length: int) -> ContextReader:
        """Returns a decoder of ``size`` contexts of up to ``length`` tokens, for as long as the weights stay."""
        if self._encodes:
            return seq2seq.decoder(self.lm, size, length)
        if fast_bodies.supports(self.lm):
            dtype = torch.bfloat16 if self.reduced_precision else torch.float32
            return fast_decoding.FastDecoder(self.lm, size, length, self._head, dtype)
        return Decoder(self.lm, size, length)

    def advance(
        self,
        decoder: ContextReader,
        input_ids: np.ndarray,
        lengths: np.ndarray,
        prompt_lengths: np.ndarray | None = None,
    ) -> torch.Tensor:
        """Returns the last hidden state of growing contexts, ``(n, D)``; see `seq2seq.CachedDecoder.advance`."""
        with self.autocast():
            return decoder.advance(input_ids, lengths, prompt_lengths)

    def context_hidden(
        self, input_ids: torch.Tensor, lengths: torch.Tensor, prompt_lengths: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Returns the last hidden state of whole contexts, ``(B, D)``, without a cache.

        Args:
            input_ids: Right-padded contexts, int64 ``(B, L)``.
            lengths: Their tokens, int64 ``(B,)``.
            prompt_lengths: Tokens of each prompt, int64 ``(B,)``; encoder-decoder models need them.
        """
        input_ids = input_ids[:, : int(lengths.max())]
        last = torch.arange(input_ids.shape[1], device=input_ids.device) == lengths[:, None] - 1
        with self.autocast():
            return self._states(input_ids, last, prompt_lengths)

    def response_hidden(self, episodes: EpisodeBatch) -> torch.Tensor:
        """Returns the hidden state that each chosen token was drawn from, ``(M, D)``, in one teacher-forced pass."""
        if not self.one_pass and fast_bodies.supports(self.lm):
            lengths = torch.tensor(episodes.lengths, device=self.device)
            with self.autocast():
                return fast_decoding.response_hidden(self.lm, episodes.input_ids, lengths, episodes.response_mask)
        parts, prompts = [], episodes.prompt_lengths
        whole = (slice(None), episodes.lengths[-1])
        for rows, longest in [whole] if self.one_pass else _buckets(episodes.lengths):
            with self.autocast():
                input_ids, chosen = episodes.input_ids[rows, : longest - 1], episodes.response_mask[rows, 1:longest]
                parts.append(self._states(input_ids, chosen, prompts[rows]))
        return torch.cat(parts)

    def _states(
        self, input_ids: torch.Tensor, wanted: torch.Tensor, prompt_lengths: torch.Tensor | None
    ) -> torch.Tensor:
        """Returns the hidden states of wanted contexts, ``(M, D)``; see `seq2seq.states`."""
        if self._encodes:
            return seq2seq.states(self.lm, input_ids, wanted, prompt_lengths)
        return causal_hidden(self.lm, input_ids)[wanted]

    @property
    def _head(self) -> Affine:
        head = self.lm.get_output_embeddings()
        bias = seq2seq.head(self.lm)[1] if self._encodes else getattr(head, "bias", None)
        return Affine(head.weight[: self.vocab_size], None if bias is None else bias[: self.vocab_size])

    def logits(self, hidden: torch.Tensor, decoder: ContextReader | None = None) -> torch.Tensor:
        """Returns the scores of the environment's tokens, float32 ``(B, V)``; see `distribution`."""
        hidden = hidden.float()
        if self._encodes:
            hidden = hidden * seq2seq.head(self.lm)[0]
        head = None if decoder is None else decoder.head
        return (head or self._head)(hidden)

    def distribution(
        self, hidden: torch.Tensor, mask: torch.Tensor | None = None, decoder: ContextReader | None = None
    ) -> TokenDistribution:
        """Returns the law of the next token.

        Args:
            hidden: States of contexts, ``(B, D)``.
            mask: True for tokens that may be drawn, bool ``(B, V)``, or None for all.
            decoder: What returned ``hidden``, where it has just done so.
        """
        logits = self.logits(hidden, decoder)
        return TokenDistribution(logits, self.temperature, self.top_k, self.top_p, mask, self.min_p)

    def allowed(self, positions: torch.Tensor | None, action_masks: torch.Tensor | None) -> torch.Tensor | None:
        """Returns what the environment and the rules let draw, bool ``(B, V)``, or None where that is everything.

        Args:
            positions: Place of each token after the prompt, int64 ``(B,)``, or None where nobody told.
            action_masks: True for tokens that the environment lets choose, bool ``(B, V)``, or None for all.

        Raises:
            AgentError: If nothing is left in some row, or the rules need positions that nobody told.
        """
        mask = action_masks
        if self._allowed is not None:
            last = len(self._allowed) - 1
            if positions is None and last:
                raise AgentError(
                    "forced_tokens and min_new_tokens depend on where the completion begins, so observations need "
                    "prompt_length, as those of textgym environments have it."
                )
            rules = self._allowed[-1:] if positions is None else self._allowed[positions.clamp(max=last)]
            mask = rules if mask is None else mask & rules
        if mask is not None and not bool((alive := mask.any(-1)).all()):
            row = int((~alive).nonzero()[0])
            place = "" if positions is None else f", position {int(positions[row])} of its completion"
            raise AgentError(
                f"No token is left to draw in row {row}{place}: the environment's action mask, suppress_tokens, "
                f"forced_tokens and min_new_tokens exclude all {self.vocab_size}. Actual rules: {self.rules}. Loosen "
                "them, or the environment's allowed tokens."
            )
        return mask

    def restrict_step(
        self,
        decoder: ContextReader,
        input_ids: np.ndarray,
        lengths: np.ndarray,
        mask: torch.Tensor | None,
        prompt_lengths: np.ndarray | None = None,
    ) -> torch.Tensor | None:
        """Returns what may be drawn next in contexts that ``decoder`` follows: here, ``mask``; see `advance`."""
        return mask

    def restrict_contexts(
        self,
        input_ids: torch.Tensor,
        lengths: torch.Tensor,
        mask: torch.Tensor | None,
        prompt_lengths: torch.Tensor | None = None,
    ) -> torch.Tensor | None:
        """Returns what may be drawn next in whole contexts: here, ``mask``; see `context_hidden`."""
        return mask

    def restrict_episodes(self, episodes: EpisodeBatch, mask: torch.Tensor | None) -> torch.Tensor | None:
        """Returns what could be drawn for each chosen token: here, ``mask``; see `response_hidden`."""
        return mask

    def episode_law(self, episodes: EpisodeBatch, hidden: torch.Tensor | None = None) -> TokenDistribution:
        """Returns the law that each chosen token was drawn from, ``(M, V)``; ``hidden`` is `response_hidden`'s."""
        hidden = self.response_hidden(episodes) if hidden is None else hidden
        if self.cuts and episodes.supports is not None:
            return TokenDistribution(self.logits(hidden), self.temperature, mask=episodes.supports)
        mask = self.allowed(episodes.positions, episodes.action_masks)
        return self.distribution(hidden, self.restrict_episodes(episodes, mask))

    def log_probs(self, episodes: EpisodeBatch) -> torch.Tensor:
        """Returns log π of each chosen token, float32 ``(M,)``."""
        return self.episode_law(episodes).log_prob(episodes.actions)

    def own_log_probs(self, episodes: EpisodeBatch) -> torch.Tensor:
        """Returns the language model's own log-probability of each chosen token, float32 ``(M,)``.

        At temperature 1 and over the whole vocabulary, whatever the law that tokens are drawn from.
        """
        return TokenDistribution(self.logits(self.response_hidden(episodes))).log_prob(episodes.actions)

    @torch.no_grad()
    def _check_head(self) -> None:
        """Raises where the logits are not simply the head of the last hidden state (soft caps, scales)."""
        self.lm.eval()
        ids = torch.tensor([[0, 1 % self.vocab_size]], device=self.device)
        # To an encoder-decoder: a prompt of one token, and a completion of another.
        ours = self.logits(self._states(ids, torch.ones_like(ids, dtype=torch.bool), torch.ones_like(ids[:, 0])))
        inputs = {"input_ids": ids}
        if self._encodes:
            start = torch.full_like(ids[:, :1], seq2seq.start_token(self.lm))
            inputs = {"input_ids": ids[:, :1], "decoder_input_ids": torch.cat([start, ids[:, 1:]], 1)}
        theirs = self.lm(**inputs, attention_mask=torch.ones_like(inputs["input_ids"])).logits[0, :, : self.vocab_size]
        if not torch.allclose(ours, theirs.float(), atol=1e-3, rtol=1e-3):
            raise ModelError(
                f"{type(self.lm).__name__} changes its logits after the output embedding (a soft cap or a scale, see "
                "its config), which is not supported."
            )


def _buckets(lengths: Sequence[int]) -> Iterator[tuple[slice, int]]:
    """Yields runs of rows that are padded to a length of their own, and that length; ``lengths`` ascend."""
    start = 0
    for end in range(1, len(lengths) + 1):
        longest, rest = lengths[end - 1], len(lengths) - end
        if rest == 0 or ((end - start) * longest >= BUCKET_TOKENS and rest * lengths[-1] >= BUCKET_TOKENS):
            yield slice(start, end), longest
            start = end
