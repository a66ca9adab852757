"""Finding the language model that an agent starts from."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

from textgym import assets, tokenizers
from textgym.errors import ModelError, TokenizerError
from textgym.evaluation.run import Run
from textgym.tokenizers import Tokenizer

SCRATCH: dict[str, Any] = {
    "model_type": "gpt2",
    "n_layer": 2,
    "n_embd": 64,
    "n_head": 4,
    "activation_function": "gelu_pytorch_tanh",
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "bos_token_id": None,
    "eos_token_id": None,
}
"""The model called ``"scratch"``; its vocabulary and its context are the environment's."""

ModelSpec: TypeAlias = str | Path | dict[str, Any] | PreTrainedModel


def make_model(spec: ModelSpec, vocab_size: int, length: int, seed: int | None = None) -> PreTrainedModel:
    """Returns the causal language model that ``spec`` names, in float32 and ``eval()``.

    Args:
        spec: ``"tiny"`` (the one that ships), ``"scratch"`` or a dict of changes to `SCRATCH` (random weights; with a
            ``model_type``, any architecture of transformers), a folder (of a model, of a saved agent, or of a run), a
            Hub id, or a model, which is then used itself and trained in place.
        vocab_size: Tokens that the environment has, V.
        length: Longest context that the environment makes, L.
        seed: Of random weights; None draws them from torch's global generator.

    Raises:
        ModelError: If there is no such model, or it does not fit.
    """
    if isinstance(spec, PreTrainedModel):
        lm = spec
    elif isinstance(spec, nn.Module):
        raise ModelError(
            f"A model is a Hugging Face causal language model (transformers.PreTrainedModel). Actual value: a "
            f"{type(spec).__name__}."
        )
    elif spec == "scratch":
        lm = _random({}, vocab_size, length, seed)
    elif isinstance(spec, dict):
        lm = _random(spec, vocab_size, length, seed)
    elif isinstance(spec, str | Path):
        lm = pretrained(spec)
    else:
        raise ModelError(
            "A model is 'tiny', 'scratch', a folder, a Hub id, a dict of a config, or a transformers model. "
            f"Actual value: {spec!r} ({type(spec).__name__})."
        )
    check_fit(lm, vocab_size, length)
    return lm.eval()


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Keeps transformers from drawing a bar for files that take milliseconds."""
    enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if enabled:
            logging.enable_progress_bar()


def model_folder(spec: str | Path) -> str:
    """Returns where the model of a name lies: that of a saved agent, and of a run's newest checkpoint, too."""
    path = Path(spec)
    if str(spec) in assets.NAMES or not path.is_dir():
        return assets.resolve(str(spec))
    if (path / "versions.json").is_file() and (checkpoints := Run.open(path).checkpoints()):
        path = checkpoints[max(checkpoints)]
    return str(path / "model") if (path / "agent.json").is_file() else str(spec)


def pretrained(spec: str | Path) -> PreTrainedModel:
    """Returns the model of a shipped name, a folder or a Hub id.

    Raises:
        ModelError: If there is none, or it is no causal language model.
    """
    source = model_folder(spec)
    try:
        with no_progress_bar():  # float32 always: the optimizer would work in a checkpoint's own dtype
            lm, info = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, output_loading_info=True)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"No causal language model could be loaded from {str(spec)!r}: {reason} Give 'tiny', 'scratch', a folder, "
            "or a Hugging Face name that is cached or reachable."
        ) from error
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise ModelError(
            f"{str(spec)!r} is not a causal language model: it lacks {len(missing)} of the weights of one, such as "
            f"{missing[0]!r}."
        )
    for parameter in lm.parameters():
        # Weights read from a file start anywhere in memory, and some kernels then add up in another order: results
        # would differ in the last bit from those of the same weights in memory of torch's own.
        parameter.data = parameter.data.clone()
    return lm


def model_tokenizer(spec: ModelSpec) -> Tokenizer | None:
    """Returns the tokenizer that belongs to a model named by ``spec``, or None where it has none of its own."""
    if not isinstance(spec, str | Path) or spec == "scratch":
        return None
    try:
        return tokenizers.load(str(spec) if str(spec) in assets.NAMES else model_folder(spec))
    except TokenizerError:
        return None


def check_fit(lm: PreTrainedModel, vocab_size: int, length: int) -> None:
    """Checks that a model can write every token of an environment at every place.

    Raises:
        ModelError: If it cannot; it names both sizes.
    """
    name = type(lm).__name__
    if lm.config.is_encoder_decoder or lm.get_output_embeddings() is None:
        raise ModelError(f"{name} is not a decoder-only causal language model; load an AutoModelForCausalLM.")
    if lm.dtype != torch.float32:
        raise ModelError(
            f"The model {name} holds {lm.dtype} weights, which an optimizer cannot move by small steps. Load it with "
            "dtype=torch.float32; on a GPU the body computes in bfloat16 all the same."
        )
    rows = lm.get_output_embeddings().weight.shape[0]
    if rows < vocab_size:
        raise ModelError(
            f"The model {name} knows {rows} tokens, the environment has {vocab_size}. Make the environment with the "
            "model's own tokenizer (tokenizer=…), or resize_token_embeddings() before training."
        )
    positions = getattr(lm.config.get_text_config(), "max_position_embeddings", None)
    if positions is not None and positions < length:
        raise ModelError(
            f"The model {name} has {positions} positions, the environment's contexts have up to {length} tokens. "
            "Lower max_prompt_tokens or max_new_tokens."
        )


def frozen_copy(lm: PreTrainedModel) -> PreTrainedModel:
    """Returns a copy in ``eval()`` that no optimizer will change."""
    return copy.deepcopy(lm).eval().requires_grad_(False)


def _random(changes: dict[str, Any], vocab_size: int, length: int, seed: int | None) -> PreTrainedModel:
    foreign = changes.get("model_type", SCRATCH["model_type"]) != SCRATCH["model_type"]
    sizes = {"vocab_size": vocab_size, "max_position_embeddings": length}
    settings = {**({} if foreign else SCRATCH), **sizes, **changes}
    try:
        config = AutoConfig.for_model(**settings)
        if seed is None:
            return AutoModelForCausalLM.from_config(config)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return AutoModelForCausalLM.from_config(config)
    except (ValueError, TypeError, AttributeError, KeyError, ZeroDivisionError) as error:
        raise ModelError(f"No model can be made of the config {changes!r}: {error}") from error
