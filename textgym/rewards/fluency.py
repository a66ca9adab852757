"""Fluency of a completion: how probable a frozen language model finds it after the prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

from textgym import tokenizers
from textgym.errors import ModelError
from textgym.tokenizers import Tokenizer

from . import models
from .base import Reward


class Context(NamedTuple):
    """What the language model reads: the ids of a prompt and of a completion, at least one of each."""

    prompt: tuple[int, ...]
    completion: tuple[int, ...]


class Likelihood(NamedTuple):
    """Log-probability of a completion given its prompt, in nats, and its number of tokens."""

    log_prob: float
    tokens: int


@dataclass(frozen=True, repr=False)
class Fluency(Reward):
    """Mean log-probability of the completion's tokens, in nats: ``(1/T) Σ_t log p(y_t | prompt, y_<t)``. Range (-∞, 0].

    The tokens that were really written are scored if the environment's tokenizer is the model's own; else the texts
    are encoded for the model. EOS counts where the completion ended with it. A completion without text counts as one
    token of probability 1/V, so that ending at once never looks fluent. What is longer than the model's window loses
    its beginning. The corpus form is the mean over all tokens.

    The model is loaded at the first score, once per process, in float32. Language models find repetition and
    rambling probable, so combine it with `repetition`, `distinct_n` or `length`.

    Args:
        model: A shipped name, the folder of any causal Hugging Face language model, or its Hub id.
        device: A torch device; ``"auto"`` takes the GPU, if there is one.
    """

    model: str = "tiny"
    device: str = "auto"

    name = "fluency"
    range = (-math.inf, 0.0)
    gameable_by = frozenset({"copied_prompt", "repeated_word", "max_length"})

    @property
    def fingerprint(self) -> str:
        """Sha-256 of the model's weights."""
        return self._language_model().fingerprint

    def likelihoods(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> list[Likelihood]:
        """Returns the likelihood of each completion; the arguments are those of `score`."""
        model = self._language_model()
        contexts = [model.window(each) for each in _contexts(model.tokenizer, prompts, completions, **columns)]
        spoken = [i for i, completion in enumerate(completions) if completion.strip()]
        log_probs = dict(zip(spoken, model.log_probs([contexts[i] for i in spoken]), strict=True))
        silence = Likelihood(-math.log(model.tokenizer.vocab_size), 1)
        return [
            Likelihood(log_probs[i], len(context.completion)) if i in log_probs else silence
            for i, context in enumerate(contexts)
        ]

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [each.log_prob / each.tokens for each in self.likelihoods(prompts, completions, **columns)]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        likelihoods = self.likelihoods(prompts, completions, **columns)
        return math.fsum(each.log_prob for each in likelihoods) / sum(each.tokens for each in likelihoods)

    def _language_model(self) -> LanguageModel:
        return _load(models.locate(self.model), models.pick_device(self.device))


@dataclass(frozen=True, repr=False)
class Perplexity(Fluency):
    """Perplexity of the completion under a frozen language model: ``exp(−fluency)``. Range [1, ∞); lower is better.

    What is scored, and how, is told at `Fluency`. The corpus form is ``exp(−Σ log p / number of tokens)``.
    """

    name = "perplexity"
    range = (1.0, math.inf)
    higher_is_better = False

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        return [_perplexity(mean) for mean in super().compute(prompts, completions, **columns)]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        return _perplexity(super().corpus(prompts, completions, **columns))


class LanguageModel:
    """A causal language model as a scorer of completions.

    Attributes:
        tokenizer: Its tokenizer.
    """

    def __init__(self, source: str, device: str) -> None:
        from transformers import AutoModelForCausalLM

        self.tokenizer = tokenizers.load(source)
        self._model = models.load_frozen(AutoModelForCausalLM, source, device)
        config = self._model.config
        if config.vocab_size < self.tokenizer.vocab_size:
            raise ModelError(
                f"{source!r} has {config.vocab_size} embeddings, but its tokenizer {self.tokenizer.vocab_size} tokens. "
                "Give a model with the tokenizer that it was trained on."
            )
        self._limit = getattr(config, "max_position_embeddings", None) or models.NO_LIMIT
        self._cache = models.ScoreCache()

    @cached_property
    def fingerprint(self) -> str:
        """Sha-256 of its weights."""
        return models.fingerprint(self._model)

    def window(self, context: Context) -> Context:
        """Returns the end of a context that the model can read, with at least one token of the prompt."""
        prompt, completion = context
        completion = completion[max(len(completion) + 1 - self._limit, 0) :]
        return Context(prompt[max(len(prompt) + len(completion) - self._limit, 0) :], completion)

    def log_probs(self, contexts: list[Context]) -> list[float]:
        """Returns the log-probability of each completion given its prompt, in nats."""
        return self._cache.get(contexts, self._forward)

    def _forward(self, contexts: list[Context]) -> list[float]:
        import torch

        device, pad_id = self._model.device, self.tokenizer.pad_id
        lengths = [len(each.prompt) + len(each.completion) for each in contexts]
        sums = [0.0] * len(contexts)
        with torch.inference_mode():
            for batch in models.micro_batches(lengths, device):
                rows = [contexts[i] for i in batch]
                ids, mask = models.right_padded([row.prompt + row.completion for row in rows], pad_id, device)  # (B, L)
                starts = torch.tensor([[len(row.prompt)] for row in rows], device=device)  # (B, 1)
                first = int(starts.min())  # before it lie prompts alone, which need no logits
                logits = self._model(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                    logits_to_keep=ids.shape[1] - first + 1,
                    use_cache=False,
                ).logits
                logits = logits[:, :-1, : self.tokenizer.vocab_size].float()  # (B, L − first, V), for ids[:, first:]
                log_probs = logits.gather(2, ids[:, first:, None])[..., 0] - logits.logsumexp(2)
                cells = torch.arange(first, ids.shape[1], device=device)
                chosen = (cells >= starts) & mask[:, first:].bool()  # (B, L − first), True on tokens of completions
                totals = log_probs.double().masked_fill(~chosen, 0.0).sum(1).tolist()
                for i, total in zip(batch, totals, strict=True):
                    sums[i] = total
        return sums


def _contexts(
    own: Tokenizer,
    prompts: Sequence[str],
    completions: Sequence[str],
    tokenizer: Tokenizer | None = None,
    prompt_ids: Sequence[Sequence[int]] | None = None,
    completion_ids: Sequence[Sequence[int]] | None = None,
    finish_reason: Sequence[str] | None = None,
    **_: Any,
) -> list[Context]:
    """Returns the ids of the environment where they mean the same to the model, else those of the texts."""
    same = tokenizer is not None and tokenizer.fingerprint == own.fingerprint
    if not same or prompt_ids is None or completion_ids is None:
        bos = [] if own.bos_id is None else [own.bos_id]
        prompt_ids = [[*bos, *own.encode(prompt)] for prompt in prompts]
        completion_ids = [own.encode(completion) for completion in completions]
    contexts = []
    for i, (before, ids) in enumerate(zip(prompt_ids, completion_ids, strict=True)):
        ended = finish_reason is not None and finish_reason[i] == "eos" and list(ids[-1:]) != [own.eos_id]
        contexts.append(Context(tuple(before) or (own.eos_id,), (*ids, own.eos_id) if ended else tuple(ids)))
    return contexts


@cache
def _load(source: str, device: str) -> LanguageModel:
    return LanguageModel(source, device)


def _perplexity(mean_log_prob: float) -> float:
    return math.exp(min(-mean_log_prob, 700.0))  # exp(710) overflows
