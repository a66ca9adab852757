"""Language models that several ranks share: each keeps a part of weights, gradients and the optimizer's state.

Where every rank holds the whole model, float32 weights, gradients and Adam's moments are 16 bytes a weight on each.
Here torch's FSDP (`torch.distributed.fsdp.fully_shard`) cuts every weight in as many parts as there are ranks, and
gathers a layer for as long as an update computes it. That asks of all ranks to compute the same layers in the same
order, which an update does and nothing else: a rank that collects, evaluates or saves goes its own way. For that the
ranks gather the whole model, and give it up again afterwards (`Sharding.whole`). So the weights, 4 bytes each, and at
the start and in an evaluation those of the reference, have to fit on a device; the rest is divided by the ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from transformers import PreTrainedModel

from textgym.errors import AgentError

from .ranks import Ranks
from .token_model import TokenModel
from .trainable import layer_lists

if TYPE_CHECKING:
    from .policy import TransformerPolicy

_Hooks: TypeAlias = list[tuple[dict[int, Any], int, Any]]

OWN, REFERENCE = "policy", "reference"
"""Which model is meant: the one that learns, with its value head, and the frozen one."""

SPREAD = (
    "The weights are spread over the ranks (fsdp), and this one has its part alone. Let all ranks enter "
    "`with agent.alone() as first:`, in which the first one plays and saves."
)


def check_shardable(options: dict[str, Any], lm: PreTrainedModel) -> None:
    """Checks that a policy with these options can be shared by ranks.

    Raises:
        AgentError: If it cannot.
    """
    if not isinstance(options["fsdp"], bool):
        raise AgentError(f"fsdp is True or False. Actual value: {options['fsdp']!r}.")
    if not options["fsdp"]:
        return
    for name, instead in (
        ("lora", "An adapter and its moments are small, and ranks hold them whole without fsdp"),
        ("micro_batch_size", "Ranks would cut their minibatches differently; take gradient_checkpointing"),
    ):
        if options[name] is not None:
            raise AgentError(f"fsdp=True goes without {name}. {instead}. Actual value: {name}={options[name]!r}.")
    if options["value_head"] == "separate" or lm.config.is_encoder_decoder:
        raise AgentError(
            "fsdp=True shares one decoder-only model: no encoder-decoder model, and no value_head='separate'. Actual "
            f"values: a {type(lm).__name__}, value_head={options['value_head']!r}."
        )


class Sharding:
    """A policy, and the reference beside it, whose weights all ranks share while they learn.

    Until `begin` every rank holds all, and after `rest` it does so again. All methods are called by all ranks together.

    Args:
        policy: The policy, whole.
        ranks: Who shares it; more than one.
    """

    def __init__(self, policy: TransformerPolicy, ranks: Ranks) -> None:
        self._policy, self._ranks = policy, ranks
        self._scopes: dict[str, _Scope] = {}
        self._gathered: dict[str, _Hooks] = {}
        self._weight: Callable[[], float] | None = None
        self._updating = False
        self.optimizer_state: dict[str, Any] | None = None
        """The optimizer's whole state, tensors on the CPU, on the first rank, where it is at hand."""

    @property
    def begun(self) -> bool:
        """Whether the weights have been shared."""
        return bool(self._scopes)

    def begin(self, reference: TokenModel | None) -> None:
        """Shares the weights, which must be the same on all ranks, and the optimizer's state."""
        if self.begun:
            self._give_up(list(self._scopes))
            self.optimizer_state = None
            return
        policy = self._policy
        self._ranks.wait()  # connects the ranks, in whose process group FSDP works
        mesh = init_device_mesh(policy.device.type, (self._ranks.size,))
        state = policy.optimizer.state_dict() if self.optimizer_state is None else self.optimizer_state
        self._scopes[OWN] = _shared([policy.lm, policy.value_head], mesh)
        if reference is not None:
            self._scopes[REFERENCE] = _shared([reference.lm], mesh)
        policy.token_model.one_pass = True
        policy.make_optimizer()
        self._load(state)
        self.optimizer_state = None

    def rest(self) -> None:
        """Gives each rank all of the weights again, until the next `begin`; the first one, the optimizer's state."""
        self._gather(list(self._scopes))
        self.optimizer_state = self._whole_state()

    @contextmanager
    def whole(self, *names: str) -> Iterator[None]:
        """Gives a context in which each rank holds all weights of the named models, and computes as it likes.

        What is written to the weights in here is lost.
        """
        missing = [name for name in names if name in self._scopes and name not in self._gathered]
        self._gather(missing)
        try:
            yield
        finally:
            self._give_up(missing)

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """Gives a context in which the first rank has the optimizer's state whole, for a checkpoint."""
        if self.optimizer_state is not None or not self.begun:
            yield
            return
        self.optimizer_state = self._whole_state()
        try:
            yield
        finally:
            self.optimizer_state = None

    def check_whole(self) -> None:
        """Checks that this rank has the policy's weights at hand, for itself or for an update by all ranks.

        Raises:
            AgentError: If it has its part alone.
        """
        if self.begun and OWN not in self._gathered and not self._updating:
            raise AgentError(SPREAD)

    def check_saveable(self) -> None:
        """Checks that this rank has the optimizer's state at hand, and so all that is saved.

        Raises:
            AgentError: If it has its part alone.
        """
        if self.begun and self.optimizer_state is None:
            raise AgentError(SPREAD)

    @contextmanager
    def update(self, weight: Callable[[], float]) -> Iterator[None]:
        """Gives a context in which gradients are those of the mean over the tokens of all ranks; see `Reduction`."""
        self._weight = weight
        try:
            with self._missing_others():
                yield
        finally:
            self._weight = None

    def evaluate(self, function: Callable[..., tuple[torch.Tensor, ...]], *arguments: Any) -> tuple[torch.Tensor, ...]:
        """Returns what ``function`` computes of the shared policy, with gradients that reach the part of each rank.

        FSDP averages gradients over ranks, whatever they are gradients of; the loss of a rank that has more tokens
        counts for more, so its gradient is scaled as it comes in.
        """
        if self._weight is None or OWN in self._gathered:
            raise AgentError("Weights that ranks share (fsdp) are evaluated with gradients in `train()` alone.")
        self._updating = True
        try:
            results: tuple[torch.Tensor, ...] = self._scopes[OWN](function, *arguments)
        finally:
            self._updating = False
        weight = float(self._weight())
        share = weight * self._ranks.size / float(self._ranks.sum([weight])[0])
        for tensor in results:
            if tensor.requires_grad:
                tensor.register_hook(lambda gradient: gradient * share)
        return results

    def _gather(self, names: list[str]) -> None:
        """Gives this rank whole models.

        FSDP's hooks count forwards, to foresee which layer is next, which one rank's own would spoil; and a module that
        is asked for its state would give up the weights. So they are put aside.
        """
        for name in names:
            with self._missing_others():
                for module in _shared_modules(self._scopes[name]):  # the scope first, as FSDP wants of the outermost
                    module.unshard()
            self._gathered[name] = _put_aside(self._scopes[name])

    def _give_up(self, names: list[str]) -> None:
        for name in names:
            for hooks, key, hook in self._gathered.pop(name):
                hooks[key] = hook
            for module in _shared_modules(self._scopes[name]):
                module.reshard()

    @contextmanager
    def _missing_others(self) -> Iterator[None]:
        """Gives a context in which torch's own waits for another rank, if that has ended, end with our error."""
        try:
            yield
        except RuntimeError as error:
            if "gloo" in str(error) or isinstance(error, dist.DistError):
                raise self._ranks.lost(str(error)) from error
            raise

    def _whole_state(self) -> dict[str, Any]:
        """Returns the optimizer's state, its tensors whole on the first rank and left out on the others."""
        state = self._policy.optimizer.state_dict()
        entries: dict[int, dict[str, Any]] = {}
        for index, values in state["state"].items():
            entries[index] = {}
            for name, value in values.items():
                full = value.full_tensor() if hasattr(value, "full_tensor") else value
                if self._ranks.first:
                    entries[index][name] = full.cpu() if isinstance(full, torch.Tensor) else full
        return {**state, "state": entries}

    def _load(self, state: dict[str, Any]) -> None:
        from torch.distributed.tensor import distribute_tensor

        optimizer = self._policy.optimizer
        shared = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        for index, values in state["state"].items():
            parameter = shared[index]
            for name, value in values.items():
                if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                    on_device = value.to(parameter.device)
                    values[name] = distribute_tensor(on_device, parameter.device_mesh, parameter.placements)
            optimizer.state[parameter] = dict(values)
        for group, saved in zip(optimizer.param_groups, state["param_groups"], strict=True):
            group.update({name: value for name, value in saved.items() if name not in ("params", "fused")})


class _Scope(nn.Module):
    """Modules in which FSDP gathers what lies outside of their layers, while a function computes with them."""

    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(modules)

    def forward(self, function: Callable[..., tuple[torch.Tensor, ...]], *arguments: Any) -> tuple[torch.Tensor, ...]:
        """Returns what the function does, as tensors of their own: FSDP takes no views."""
        return tuple(result.clone() for result in function(*arguments))


def _shared(modules: list[nn.Module], mesh: Any) -> _Scope:
    """Shares the weights of modules in place, layer by layer and the rest at once."""
    from torch.distributed.fsdp import fully_shard

    for layers in layer_lists(modules[0]):
        for layer in layers:
            fully_shard(layer, mesh=mesh)
    scope = _Scope(modules)
    fully_shard(scope, mesh=mesh)
    return scope


def _shared_modules(scope: _Scope) -> list[Any]:
    from torch.distributed.fsdp import FSDPModule

    return [module for module in scope.modules() if isinstance(module, FSDPModule)]


def _put_aside(scope: _Scope) -> _Hooks:
    """Takes FSDP's own hooks off modules, and returns where they were, under which keys."""
    found = [
        (hooks, key)
        for module in scope.modules()
        for hooks in (module._forward_pre_hooks, module._forward_hooks, module._state_dict_pre_hooks)
        for key, hook in hooks.items()
        if hook.__module__.startswith("torch.distributed")
    ]
    return [(hooks, key, hooks.pop(key)) for hooks, key in found]
