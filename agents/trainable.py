"""Which weights of a language model learn, and which layers are computed twice to save memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from textgym.errors import AgentError, ModelError, suggest

CHOICES = ("all", "value_head", "last_layers")

Train: TypeAlias = str | dict[str, int]


def freeze(lm: PreTrainedModel, train: Train) -> None:
    """Stops the gradient of all weights that ``train`` does not name.

    Args:
        lm: Changed in place. What does not require a gradient already never learns.
        train: ``"all"``; ``"value_head"``, which is none of them: the law stays as it is and V learns it by heart; or
            ``{"last_layers": k}``: the last k layers of the stack that writes (of an encoder-decoder, the decoder), the
            norm after them, and the output embedding unless it is the input embedding, too.

    Raises:
        AgentError: If there is no such choice, or the model has fewer layers.
    """
    if train == "all":
        return
    if train == "value_head":
        lm.requires_grad_(False)
        return
    name = next(iter(train), None) if isinstance(train, dict) else train
    if not isinstance(train, dict) or list(train) != ["last_layers"]:
        raise AgentError(
            f"train is 'all', 'value_head' or {{'last_layers': k}}.{suggest(str(name), CHOICES)} Actual value: "
            f"{train!r}. For low-rank adapters give lora={{'r': 8}} instead."
        )
    count, layers = train["last_layers"], writing_layers(lm)
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= len(layers):
        raise AgentError(
            f"last_layers lies between 1 and the {len(layers)} layers of {type(lm).__name__}. Actual value: {count!r}."
        )
    chosen = {id(weight) for module in [*layers[-count:], *_final(lm)] for weight in module.parameters()}
    for weight in lm.parameters():
        if id(weight) not in chosen:
            weight.requires_grad_(False)


def check_learns(train: Train, learns_value: bool, name: str) -> None:
    """Checks that an algorithm has something to learn.

    Args:
        train: See `freeze`.
        learns_value: Whether the algorithm has a loss of the value.
        name: Of the algorithm.

    Raises:
        AgentError: If it has not.
    """
    if train == "value_head" and not learns_value:
        raise AgentError(
            f"train='value_head' leaves {name} nothing to learn: it has no loss of the value here. Take PPO or A2C "
            "with vf_coef above 0, or REINFORCE with baseline='value'."
        )


def writing_layers(lm: PreTrainedModel) -> nn.ModuleList:
    """Returns the layers of the stack whose last state the next token is read from.

    Raises:
        ModelError: If the model keeps its layers in no list.
    """
    stacks = layer_lists(lm.get_decoder())
    if not stacks:
        raise ModelError(f"{type(lm).__name__} keeps its layers in no torch.nn.ModuleList, so they cannot be told.")
    return max(stacks, key=lambda stack: sum(weight.numel() for weight in stack.parameters()))


def layer_lists(module: nn.Module) -> list[nn.ModuleList]:
    """Returns the lists of layers in a module; a list inside a layer, such as that of its experts, is not one."""
    found: list[nn.ModuleList] = []
    for child in module.children():
        found += [child] if isinstance(child, nn.ModuleList) else layer_lists(child)
    return found


@contextmanager
def recomputed(lm: PreTrainedModel) -> Iterator[None]:
    """Gives a context in which a forward keeps each layer's input only; the gradient computes the layer again.

    Transformers' own gradient checkpointing acts in ``train()`` alone, with dropout, which would score tokens under
    another law than drew them. Chen et al. 2016, arXiv:1604.06174.
    """
    layers: list[Any] = [layer for stack in layer_lists(lm) for layer in stack]
    for layer in layers:
        # No layer draws random numbers in eval(), so there is no generator to put back.
        layer.forward = partial(checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _final(lm: PreTrainedModel) -> list[nn.Module]:
    """The norm after the last layer, and the output embedding where it is a weight of its own."""
    layers, head = writing_layers(lm), lm.get_output_embeddings()
    stack = next(module for module in lm.modules() if layers in module.children())
    norms = [
        child
        for name, child in stack.named_children()
        if child is not layers and "emb" not in name and ("norm" in name or name.startswith("ln"))
    ]
    tied = any(head.weight is weight for weight in lm.get_input_embeddings().parameters())
    return norms if tied else [*norms, head]
