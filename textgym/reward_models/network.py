"""The network of a reward model: any Hugging Face backbone with a head, a classifier of texts or of tokens."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from textgym.errors import ModelError, OptionError
from textgym.rewards import models
from textgym.rewards.reward_model import CONFIG_KEY, padding

EMBEDDINGS = ("embed", "shared", "wte", "wpe")
"""Parts of the names that transformers gives to embeddings."""


def build(
    backbone: str, labels: tuple[str, ...], meaning: Mapping[str, Any], per_token: bool = False
) -> tuple[Any, Any]:
    """Returns a model with a new head, float32, and its tokenizer.

    Args:
        backbone: A shipped name, a folder, the name of a carried model, or a Hub id: an encoder, a decoder or an
            encoder-decoder that transformers can put a classification head on.
        labels: Names of the classes; empty for a single output.
        meaning: What the outputs mean; it goes into the configuration, where `textgym.rewards.RewardModel` reads it.
        per_token: Whether the head scores every token, of what stands up to it; this takes a decoder.

    Raises:
        ModelError: If there is no such model, or it cannot carry a head, or is to score tokens and sees the future.
    """
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer
    from transformers.utils import logging

    names = dict(enumerate(labels)) or {0: "score"}
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # that the head is new is what we are here for
    try:
        model = models.load(
            AutoModelForTokenClassification if per_token else AutoModelForSequenceClassification,
            backbone,
            use_safetensors=True,
            dtype=torch.float32,
            num_labels=len(names),
            id2label=names,
            label2id={name: i for i, name in names.items()},
        )
    finally:
        logging.set_verbosity(verbosity)
    tokenizer = models.load(AutoTokenizer, backbone, truncation_side="left")
    if per_token and _sees_the_future(model):
        raise ModelError(
            f"{backbone!r} reads a text in both directions, so that its score of a token would depend on what comes "
            "after. per_token takes a decoder, such as 'tiny'."
        )
    _frame(tokenizer, finished=not per_token)
    padding(tokenizer, model.config)
    model.config.problem_type = None
    setattr(model.config, CONFIG_KEY, {**meaning, **({"per_token": True} if per_token else {})})
    return model, tokenizer


def head(model: Any) -> list[nn.Parameter]:
    """Returns the parameters that are not of the backbone: the head, with whatever lies before it."""
    if hasattr(model, "peft_config"):
        return [parameter for name, parameter in model.named_parameters() if "modules_to_save" in name]
    backbone = {id(parameter) for parameter in model.base_model.parameters()}
    return [parameter for parameter in model.parameters() if id(parameter) not in backbone]


def freeze_bottom(model: Any, layers: int) -> None:
    """Stops the gradient of the embeddings and of the lowest layers; an encoder's layers lie below its decoder's.

    Raises:
        OptionError: If the model has fewer layers.
    """
    if layers == 0:
        return
    stack = [
        block
        for module in model.base_model.modules()
        if isinstance(module, nn.ModuleList) and len(module) in _depths(model.config)
        for block in module
    ]
    if not 0 < layers <= len(stack):
        raise OptionError(
            f"freeze_layers lies between 0 and the {len(stack)} layers of the backbone. Actual value: {layers}."
        )
    bottom = {id(parameter) for block in stack[:layers] for parameter in block.parameters()}
    for name, parameter in model.base_model.named_parameters():
        if id(parameter) in bottom or any(embedding in name for embedding in EMBEDDINGS):
            parameter.requires_grad_(False)


def with_lora(model: Any, rank: int, per_token: bool = False) -> Any:
    """Returns the model with low-rank adapters on its linear layers, the only weights that learn besides the head.

    Args:
        model: A classifier of texts.
        rank: Of the adapters.
        per_token: Whether it is a classifier of tokens instead.

    Raises:
        ModelError: If peft is not installed.

    Source: Hu et al. 2021, arXiv:2106.09685.
    """
    try:
        from peft import LoraConfig, TaskType, get_peft_model
    except ImportError as error:
        raise ModelError("LoRA needs peft. Run `pip install 'textgym[lora]'`.") from error
    config = LoraConfig(
        task_type=TaskType.TOKEN_CLS if per_token else TaskType.SEQ_CLS,
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        exclude_modules=["classifier", "score"] if per_token else None,  # heads, which peft knows in SEQ_CLS only
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft tells how it takes GPT-2, and asks for a name that is on its way out
        return get_peft_model(model, config)


def without_lora(model: Any) -> Any:
    """Returns the plain model, adapters merged into its weights."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def _depths(config: Any) -> set[int]:
    names = ("num_hidden_layers", "num_layers", "num_decoder_layers", "encoder_layers", "decoder_layers")
    return {depth for name in names if isinstance(depth := getattr(config, name, None), int)}


def _sees_the_future(model: Any) -> bool:
    """Whether the output over the first token changes with the last one."""
    training = model.training
    model.eval()
    ids = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 2]], device=model.device)
    with torch.inference_mode():
        one, other = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, 0]
    model.train(training)
    return not torch.allclose(one, other, rtol=0.0, atol=1e-6)


def _frame(tokenizer: Any, finished: bool) -> None:
    """Makes a decoder's tokenizer begin each text with BOS, and end it with EOS where it is ``finished``.

    The head of a decoder reads the last token. Over EOS it reads a text that is known to be finished; one that scores
    every token must not be told so of a text that goes on.
    """
    if tokenizer.cls_token_id is not None or tokenizer.eos_token is None:
        return
    if finished and tokenizer("a")["input_ids"][-1] == tokenizer.eos_token_id:
        return
    from tokenizers.processors import TemplateProcessing

    bos, eos = tokenizer.bos_token or tokenizer.eos_token, tokenizer.eos_token
    ids = dict.fromkeys([(bos, tokenizer.convert_tokens_to_ids(bos)), (eos, tokenizer.eos_token_id)])
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A {eos}" if finished else f"{bos} $A", pair=None, special_tokens=list(ids)
    )
