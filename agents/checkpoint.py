"""Saved agents: a folder of safetensors and JSON, nothing pickled, whole or not there at all.

=========================  ======================================================================================
``agent.json``             Class, arguments, environment, vocabulary, versions, tokens trained on.
``model/``                 The language model and its tokenizer, as transformers loads them; of a model with an
                           adapter, the adapter alone, as peft loads it.
``base/``                  The model under the adapter, where it has no name to find it by.
``policy.safetensors``     What else the policy has: the value head, a separate value model, the mask of `NLPO`.
``training.safetensors``   Tensors of the optimizer; state of the generator that draws tokens.
``training.json``          Everything else that the next update depends on: counters, orders, the KL's price.
``reference/``             The frozen reference, where it is not a shipped model.
=========================  ======================================================================================

An agent that is saved between two rollouts and loaded makes the same next update, bit for bit on a CPU.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from textgym import assets
from textgym.errors import AgentError, ModelError, RunError
from textgym.evaluation.versions import versions

from . import lora
from .arguments import Unsaved, decode, encode
from .models import adapter_base, digest, pretrained
from .sb3 import Detached
from .spaces import check_spaces

if TYPE_CHECKING:
    from .on_policy import EpisodicAlgorithm
    from .policy import TransformerPolicy

SCHEMA = "textgym.agent"
SCHEMA_VERSION = 1
PREVIOUS = ".previous"
"""Suffix of the folder that a save is about to replace; `load` falls back on it after a kill at that moment."""


def save(agent: EpisodicAlgorithm, path: str | Path) -> None:
    """Saves an agent; ``path`` becomes a folder, and holds either all of the agent or what it held before.

    A suffix ``.zip``, which SB3's callbacks append, is dropped.
    """
    with _replacing(_folder(path)) as folder:
        base = _save_language_model(agent, folder)
        if agent.task is not None:
            agent.task.tokenizer.save(folder / "model")
        save_file(_own_weights(agent.policy), folder / "policy.safetensors")
        tensors, training = _training_state(agent)
        save_file(tensors, folder / "training.safetensors")
        _write_json(folder / "training.json", training)
        vocab_size, length = check_spaces(agent.observation_space, agent.action_space)
        content = {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "class": type(agent).__name__,
            "arguments": {name: encode(value) for name, value in agent.arguments.items()},
            "vocab_size": vocab_size,
            "length": length,
            "tokenizer": None if agent.task is None else agent.task.tokenizer.fingerprint,
            "architecture": _architecture(agent.policy.lm),
            "base": base,
            "reference": _save_reference(agent, folder),
            "num_timesteps": agent.num_timesteps,
            "versions": versions(),
        }
        _write_json(folder / "agent.json", content)


def load_agent(cls: Any, path: str | Path, env: Any, device: torch.device | str, changes: dict[str, Any]) -> Any:
    """Constructs an agent of ``cls`` anew and puts back what `save` wrote; see `EpisodicAlgorithm.load`."""
    folder = _found(path)
    content = describe(folder)
    if content["class"] != cls.__name__:
        raise AgentError(
            f"{str(folder)!r} holds a {content['class']}, not a {cls.__name__}. `textgym.agents.load` takes either."
        )
    arguments = {name: decode(value) for name, value in content["arguments"].items()} | changes
    base, source = content.get("base"), arguments.pop("model", None)
    saved_env = arguments.pop("env")
    if env is not None:
        arguments["env_kwargs"] = changes.get("env_kwargs")
    elif isinstance(saved_env, Unsaved) or isinstance(arguments["env_kwargs"], Unsaved):
        env = Detached(content["vocab_size"], content["length"])
        arguments["env_kwargs"] = None
    else:
        env = saved_env
    for name, value in arguments.items():
        if isinstance(value, Unsaved):
            raise AgentError(
                f"The agent in {str(folder)!r} was made with {name}={value.text}, which JSON cannot hold. Give "
                f"{name}=… to load()."
            )
    try:
        model = folder / "model" if base is None else adapter_base(folder / "model", source)
        agent = cls(model, env, **{**arguments, "device": device})
        _check_architecture(agent.policy.lm, folder, content)
        if base is not None:
            agent.base_name, agent.base_digest = source or base["name"], base["sha256"]
            lora.load_adapter(agent.policy.lm, folder / "model")
    except ModelError as error:
        raise RunError(f"The model of the agent in {str(folder)!r} cannot be loaded: {error}") from error
    _restore_weights(agent.policy, folder / "policy.safetensors")
    _restore_reference(agent, folder, content["reference"])
    _restore_training(agent, _tensors(folder / "training.safetensors"), _json(folder / "training.json"))
    return agent


def describe(path: str | Path) -> dict[str, Any]:
    """Returns what the ``agent.json`` of a folder says.

    Raises:
        RunError: If the folder holds no agent, or one of another version.
    """
    content = _json(_found(path) / "agent.json")
    if content.get("schema") != SCHEMA or content.get("schema_version") != SCHEMA_VERSION:
        raise RunError(
            f"{str(path)!r} holds {content.get('schema')!r} of version {content.get('schema_version')!r}; this textgym "
            f"reads {SCHEMA!r} of version {SCHEMA_VERSION}. Give a folder that `agent.save` wrote."
        )
    return content


def is_agent(path: str | Path) -> bool:
    """Whether ``path`` is a folder that `save` wrote."""
    return (_found(path) / "agent.json").is_file()


def _training_state(agent: EpisodicAlgorithm) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    sharding = agent.policy.sharding
    whole = None if sharding is None else sharding.optimizer_state
    optimizer = agent.policy.optimizer.state_dict() if whole is None else whole
    tensors = {"generator": agent.policy.generator.get_state()}
    numbers: dict[str, Any] = {}
    for index, entries in optimizer["state"].items():
        for name, value in entries.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimizer.{index}.{name}"] = value.contiguous()
            else:
                numbers[f"{index}.{name}"] = value
    return tensors, {
        "param_groups": optimizer["param_groups"],
        "optimizer_numbers": numbers,
        "minibatch_order": agent.rollout_buffer.rng.bit_generator.state,
        "kl": None if agent.kl is None else agent.kl.state_dict(),
        "reward": {} if agent.task is None else agent.task.reward.state_dict(),
        "num_timesteps": agent.num_timesteps,
        "rollouts": agent._rollouts,
        "updates": agent._n_updates,
        "extra": agent.extra_state(),
    }


def _restore_training(agent: EpisodicAlgorithm, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    agent.policy.generator.set_state(tensors.pop("generator"))
    entries: dict[int, dict[str, Any]] = {}
    named = {name.removeprefix("optimizer."): value for name, value in tensors.items()}
    for key, value in {**named, **state["optimizer_numbers"]}.items():
        index, _, name = key.partition(".")
        entries.setdefault(int(index), {})[name] = value
    whole = {"state": entries, "param_groups": state["param_groups"]}
    try:
        if agent.policy.sharding is None:
            agent.policy.optimizer.load_state_dict(whole)
        else:  # each rank takes its part once they learn: the whole may not fit on a device
            agent.policy.sharding.optimizer_state = whole
    except ValueError as error:
        raise RunError(
            f"The optimizer of the saved agent had other weights than this one's: {error}. Load it with the "
            "policy_kwargs that it was trained with."
        ) from error
    agent.rollout_buffer.rng.bit_generator.state = state["minibatch_order"]
    if agent.kl is not None and state["kl"] is not None:
        agent.kl.load_state_dict(state["kl"])
    if agent.task is not None and state["reward"]:
        agent.task.reward.load_state_dict(state["reward"])
    agent.num_timesteps = state["num_timesteps"]
    agent._rollouts = state["rollouts"]
    agent._n_updates = state["updates"]
    agent.load_extra_state(state["extra"])


def _save_language_model(agent: EpisodicAlgorithm, folder: Path) -> dict[str, str | None] | None:
    """Writes the model, or its adapter; returns what the adapter was made for."""
    lm = agent.policy.lm
    if not lora.adapted(lm):
        _save_model(lm, folder / "model")
        return None
    base = lora.base_of(lm)
    if agent.base_digest is None:  # it never changes
        agent.base_digest = digest(base)
    if agent.base_name is None:
        _save_model(base, folder / "base")
    lora.save_adapter(lm, folder / "model", agent.base_name)
    return {"name": agent.base_name, "sha256": agent.base_digest}


def _architecture(lm: PreTrainedModel) -> dict[str, Any]:
    return {"class": type(lm).__name__, "weights": sum(weight.numel() for weight in lm.parameters())}


def _check_architecture(lm: PreTrainedModel, folder: Path, content: dict[str, Any]) -> None:
    saved, found = content.get("architecture"), _architecture(lm)
    if saved is not None and saved != found:
        raise RunError(
            f"{str(folder / 'model')!r} holds a {found['class']} of {found['weights']} weights, and the agent was a "
            f"{saved['class']} of {saved['weights']}. Give the folder as `agent.save` wrote it."
        )


def _own_weights(policy: TransformerPolicy) -> dict[str, torch.Tensor]:
    """Returns the weights outside the language model, those that have several names once."""
    own: dict[str, torch.Tensor] = {}
    seen = {weight.data_ptr() for weight in policy.lm.parameters()}
    for name, tensor in policy.state_dict().items():
        if not name.startswith("token_model.lm.") and tensor.data_ptr() not in seen:
            own[name] = tensor.contiguous()
            seen.add(tensor.data_ptr())
    return own


def _restore_weights(policy: TransformerPolicy, file: Path) -> None:
    tensors, own = _tensors(file), _own_weights(policy)
    shapes = [{name: tuple(tensor.shape) for name, tensor in weights.items()} for weights in (tensors, own)]
    if differ := sorted(name for name, _ in shapes[0].items() ^ shapes[1].items()):
        raise RunError(f"{str(file)!r} does not hold the weights that this agent has: {differ}. Train it anew.")
    policy.load_state_dict(tensors, strict=False)


def _save_reference(agent: EpisodicAlgorithm, folder: Path) -> dict[str, str] | None:
    if agent.reference is None or lora.adapted(agent.policy.lm):  # whose reference is its base
        return None
    found = digest(agent.reference.lm)
    if agent.reference_name in assets.NAMES:
        return {"shipped": agent.reference_name, "sha256": found}
    _save_model(agent.reference.lm, folder / "reference")
    return {"sha256": found}


def _restore_reference(agent: EpisodicAlgorithm, folder: Path, saved: dict[str, str] | None) -> None:
    if agent.reference is None or saved is None:
        return
    agent.reference_name = saved.get("shipped")
    source = agent.reference_name or folder / "reference"
    try:
        lm = pretrained(source).eval().requires_grad_(False).to(agent.device)
    except ModelError as error:
        raise RunError(f"The reference of the agent in {str(folder)!r} cannot be loaded: {error}") from error
    if digest(lm) != saved["sha256"]:
        raise RunError(
            f"The reference {str(source)!r} is not the model that the agent in {str(folder)!r} was trained with; its "
            "weights differ. Use the textgym that agent.json names."
        )
    agent.reference.lm = lm


def _save_model(lm: PreTrainedModel, folder: Path) -> None:
    with assets.hub.quiet():
        lm.save_pretrained(str(folder))


def _folder(path: str | Path) -> Path:
    path = Path(path)
    return path.with_suffix("") if path.suffix == ".zip" else path


def _previous(folder: Path) -> Path:
    return folder.with_name(folder.name + PREVIOUS)


def _found(path: str | Path) -> Path:
    folder = _folder(path)
    return folder if folder.exists() or not _previous(folder).exists() else _previous(folder)


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to write to; it becomes ``folder`` when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary, previous = folder.with_name(folder.name + ".part"), _previous(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if folder.exists():  # a folder cannot be renamed onto one that has files
            shutil.rmtree(previous, ignore_errors=True)
            folder.rename(previous)
        temporary.rename(folder)
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RunError(
            f"{str(path)!r} cannot be read ({error}). Give a folder that `agent.save` wrote, or an earlier checkpoint."
        ) from error
    if not isinstance(content, dict):
        raise RunError(f"{str(path)!r} is no file of a saved agent. Give a folder that `agent.save` wrote.")
    return content


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return {name: tensor.clone() for name, tensor in load_file(path).items()}  # aligned; see `pretrained`
    except (OSError, SafetensorError) as error:
        raise RunError(
            f"{str(path)!r} cannot be read ({error}). Give a folder that `agent.save` wrote, or an earlier checkpoint."
        ) from error
