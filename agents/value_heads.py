"""How the value of a context is read.

=============  ======================================================================================================
``"linear"``   A linear reading of the language model's last state.
``"mlp"``      A network with one hidden layer, as wide as the state, on the same state.
``"separate"`` A linear reading of a second language model's state, which began as a copy of the first.
=============  ======================================================================================================

All start at V = 0.
"""

from __future__ import annotations

import copy

from torch import nn

from textgym.errors import AgentError, suggest

from .token_model import ReaderPair, TokenModel

KINDS = ("linear", "mlp", "separate")


def check_value_head(kind: str, value_gradient: bool) -> None:
    """Checks the options of a value head.

    Raises:
        AgentError: If there is no such kind, or nothing would learn.
    """
    if kind not in KINDS:
        raise AgentError(f"There is no value_head {kind!r}.{suggest(kind, KINDS)} Choose from {', '.join(KINDS)}.")
    if not isinstance(value_gradient, bool):
        raise AgentError(f"value_gradient is True or False. Actual value: {value_gradient!r}.")
    if kind == "separate" and not value_gradient:
        raise AgentError(
            "A separate value model learns by the gradient of the value alone, and value_gradient=False stops that. "
            "Leave it out: the policy's own weights get no gradient of the value either way."
        )


def value_head_of(kind: str, width: int) -> nn.Module:
    """Returns what reads V, ``(M, 1)``, from states ``(M, width)``; random weights are of the global generator."""
    # skip_init: the usual one would take numbers from the generator, for weights that become zeros.
    last = nn.utils.skip_init(nn.Linear, width, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), last) if kind == "mlp" else last


def learnt(head: nn.Module) -> bool:
    """Whether a value head has left the zeros that its last layer starts from."""
    *_, last = head.modules()
    return any(bool(weight.any()) for weight in last.parameters())


def value_model_of(model: TokenModel) -> TokenModel:
    """Returns a copy of a token model, for the value; weights that never learn are shared, not copied.

    So is an output embedding of its own, which no value is read through.
    """
    embeddings = model.lm.get_input_embeddings()
    head = model.lm.get_output_embeddings().weight
    shared = {id(weight): weight for weight in model.parameters() if not weight.requires_grad}
    if not any(head is weight for weight in embeddings.parameters()):
        shared[id(head)] = head
    return copy.deepcopy(model, shared)


class ValueReader(ReaderPair):
    """The policy and its value model, which reads when it is asked for values."""
