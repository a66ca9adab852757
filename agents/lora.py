"""Low-rank adapters on a language model, through `peft`.

The adapter's layers take the place of the model's linear ones inside the model itself, which stays the transformers
model that it was: whatever reads one reads it with its adapter.

Source: Hu et al. 2021, arXiv:2106.09685.
"""

from __future__ import annotations

import copy
import dataclasses
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from textgym.assets import hub
from textgym.errors import AgentError, ModelError, suggest

DEFAULTS: dict[str, Any] = {"r": 8, "target_modules": "all-linear"}
"""What ``lora={}`` is, with ``lora_alpha`` twice the rank, as is the custom; peft's own is 8 at any rank."""

OPTIONS = (
    "r",
    "lora_alpha",
    "target_modules",
    "exclude_modules",
    "layers_to_transform",
    "layers_pattern",
    "rank_pattern",
    "alpha_pattern",
    "use_rslora",
    "use_dora",
    "init_lora_weights",
)
"""Those of `peft.LoraConfig` that leave the model, adapter off, what it was, and act without dropout."""

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What peft's own models put in front of the names of weights."""


def inject(lm: PreTrainedModel, options: dict[str, Any]) -> None:
    """Puts an adapter into ``lm``; from then on its weights are the only ones of the model that learn.

    At first it changes nothing. Its weights are drawn from torch's global generator.

    Args:
        lm: Changed in place.
        options: Arguments of `peft.LoraConfig`, by name; see `OPTIONS` and `DEFAULTS`.

    Raises:
        AgentError: If peft is not installed, or an option is unknown or does not fit the model.
    """
    if not isinstance(options, dict):
        raise AgentError(f"lora is a dictionary, such as {{'r': 8, 'lora_alpha': 16}}. Actual value: {options!r}.")
    for name in options:
        if name not in OPTIONS:
            raise AgentError(f"lora has no option {name!r}.{suggest(name, OPTIONS)} It has {', '.join(OPTIONS)}.")
    rank = options.get("r", DEFAULTS["r"])
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise AgentError(f"The rank r of an adapter is a whole number, at least 1. Actual value: {rank!r}.")
    if options.get("init_lora_weights", True) not in (True, "gaussian"):
        raise AgentError(
            "An adapter begins without an effect, so that the model with its adapter off is the reference. Give "
            f"init_lora_weights=True or 'gaussian'. Actual value: {options['init_lora_weights']!r}."
        )
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise AgentError("LoRA needs peft. Run `pip install 'textgym[lora]'`.") from error
    settings = {**DEFAULTS, "lora_alpha": 2 * rank, **options}
    task = "SEQ_2_SEQ_LM" if lm.config.is_encoder_decoder else "CAUSAL_LM"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft tells how it takes GPT-2
            inject_adapter_in_model(LoraConfig(task_type=task, **settings), lm)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise AgentError(
            f"No adapter of lora={options!r} can be put into {type(lm).__name__}: {reason} Leave target_modules out "
            "for all linear layers."
        ) from error
    for name, module in (("input", lm.get_input_embeddings()), ("output", lm.get_output_embeddings())):
        if type(module).__module__.startswith("peft"):
            raise AgentError(
                f"lora adapts linear layers inside the body; target_modules={settings['target_modules']!r} names the "
                f"{name} embedding of {type(lm).__name__}, too. Leave it out."
            )


def adapted(lm: nn.Module) -> bool:
    """Whether the model holds an adapter."""
    return hasattr(lm, "peft_config")


class LowRank(NamedTuple):
    """What an adapted linear layer adds to the one under it: scale · x Aᵀ Bᵀ.

    Attributes:
        base: The layer under the adapter.
        down: A, ``(r, in)``.
        up: B, ``(out, r)``.
        scale: What the product is multiplied by.
    """

    base: nn.Module
    down: torch.Tensor
    up: torch.Tensor
    scale: float


def low_rank(module: nn.Module) -> LowRank | None:
    """Returns what an adapted layer adds, or None where it is no such layer, or does something else besides."""
    kind = type(module)
    if (kind.__module__, kind.__name__) != ("peft.tuners.lora.layer", "Linear"):  # without importing peft
        return None
    layer: Any = module
    if layer.active_adapters != ["default"] or layer.disable_adapters or layer.merged or layer.use_dora["default"]:
        return None
    down, up = layer.lora_A["default"], layer.lora_B["default"]
    if down.bias is not None or up.bias is not None:
        return None
    return LowRank(layer.get_base_layer(), down.weight, up.weight, layer.scaling["default"])


def base_of(lm: PreTrainedModel) -> PreTrainedModel:
    """Returns the model with its adapter off, for good; it shares all weights with ``lm`` and copies none."""
    return _plain(copy.deepcopy(lm, {id(weight): weight for weight in lm.parameters()}))


def merged(lm: PreTrainedModel) -> PreTrainedModel:
    """Returns a plain model that computes what ``lm`` does, the adapter added to its weights; ``lm`` if it has none."""
    if not adapted(lm):
        return lm
    lm = copy.deepcopy(lm)
    for module in _adapters(lm).values():
        module.merge()
    return _plain(lm).requires_grad_(True)


def save_adapter(lm: PreTrainedModel, folder: Path, base: str | None) -> None:
    """Writes the adapter as peft's own folder, which `peft.PeftModel.from_pretrained` reads.

    Args:
        lm: The model.
        folder: Made if it is missing.
        base: Where the model under the adapter is found, or None.
    """
    from peft import get_peft_model_state_dict

    config = copy.deepcopy(lm.peft_config["default"])
    name, config.revision = (None, None) if base is None else hub.split(base)
    config.base_model_name_or_path, config.inference_mode = name, True
    for field in dataclasses.fields(config):
        if isinstance(value := getattr(config, field.name), set):
            setattr(config, field.name, sorted(value))  # a set is written in an order of its own each time
    config.save_pretrained(str(folder))
    weights = get_peft_model_state_dict(lm, save_embedding_layers=False)
    tensors = {PREFIX + name: tensor.contiguous() for name, tensor in weights.items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})


def load_adapter(lm: PreTrainedModel, folder: Path) -> None:
    """Fills the adapter that ``lm`` has with the weights that `save_adapter`, or peft, wrote.

    Raises:
        ModelError: If the file is missing, damaged, or of another adapter.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    file = folder / WEIGHTS
    try:
        tensors = {name.removeprefix(PREFIX): tensor for name, tensor in load_file(file).items()}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The adapter {str(file)!r} cannot be read: {error}. Give an earlier checkpoint.") from error
    own = {name: tensor.shape for name, tensor in get_peft_model_state_dict(lm, save_embedding_layers=False).items()}
    given = {name: tensor.shape for name, tensor in tensors.items()}
    if own != given:
        name = next(name for name in (own | given) if own.get(name) != given.get(name))
        raise ModelError(
            f"The adapter {str(file)!r} was made for another model, or with other lora options: {name!r} is "
            f"{_size(given, name)} there and {_size(own, name)} here."
        )
    with torch.no_grad():
        set_peft_model_state_dict(lm, tensors)


def with_adapter(lm: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """Returns ``lm`` with the adapter of a folder merged into its weights.

    Raises:
        ModelError: If there is no whole adapter for this model.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ModelError("LoRA needs peft. Run `pip install 'textgym[lora]'`.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inject_adapter_in_model(LoraConfig.from_pretrained(str(folder)), lm)
    except (ValueError, TypeError, KeyError, OSError) as error:
        raise ModelError(f"The adapter in {str(folder)!r} cannot be put on {type(lm).__name__}: {error}") from error
    load_adapter(lm, folder)
    return merged(lm)


def _adapters(lm: nn.Module) -> dict[str, Any]:
    from peft.tuners.tuners_utils import BaseTunerLayer

    return {name: module for name, module in lm.named_modules() if isinstance(module, BaseTunerLayer)}


def _plain(lm: PreTrainedModel) -> PreTrainedModel:
    """Puts the layers under the adapter back into ``lm``."""
    for name, module in _adapters(lm).items():
        parent, _, child = name.rpartition(".")
        setattr(lm.get_submodule(parent), child, module.get_base_layer())
    del lm.peft_config
    return lm.eval()


def _size(shapes: dict[str, torch.Size], name: str) -> str:
    return f"of shape {tuple(shapes[name])}" if name in shapes else "missing"
