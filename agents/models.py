"""Finding the language model that an agent starts from."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PretrainedConfig,
    PreTrainedModel,
)

from textgym import assets, tokenizers
from textgym.errors import AgentError, ModelError, TokenizerError
from textgym.evaluation.run import Run
from textgym.tokenizers import Tokenizer

from . import lora

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

SCRATCH_SEQ2SEQ: dict[str, Any] = {
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
    "forced_eos_token_id": None,
    "decoder_start_token_id": 0,
}
"""What a dict leaves open of an encoder-decoder: ids are the environment's, and its decoder begins with the first."""

T5_SPREAD = 0.3
"""``initializer_factor`` where a dict leaves it open. With T5's own, 1, random weights write one token again and again:
the tied embedding gives a token that was just read a logit of √D. Nothing else is tried, and so nothing is learnt."""

TOKENIZER_FILES = ("tokenizer", "vocab", "merges", "spiece", "sentencepiece", "source.spm", "tekken", "characters")
"""How the names of files begin by which one knows that a tokenizer lies in a folder."""

ModelSpec: TypeAlias = str | Path | dict[str, Any] | PreTrainedModel
DeviceMap: TypeAlias = str | dict[str, Any] | None


def make_model(
    spec: ModelSpec, vocab_size: int, length: int, seed: int | None = None, device_map: DeviceMap = None
) -> PreTrainedModel:
    """Returns the language model that ``spec`` names, causal or encoder-decoder, in float32 and ``eval()``.

    Args:
        spec: ``"tiny"`` (the one that ships), ``"scratch"`` or a dict of changes to `SCRATCH` (random weights; with a
            ``model_type``, any architecture of transformers), a folder (of a model, of a saved agent, or of a run),
            ``"smollm2-135m"`` (which a package carries), a Hub id such as ``"gpt2"`` or ``"gpt2@refs/pr/1"`` (a
            revision), or a model, which is then used itself and trained in place.
        vocab_size: Tokens that the environment has, V.
        length: Longest context that the environment makes, L.
        seed: Of random weights; None draws them from torch's global generator.
        device_map: See `pretrained`.

    Raises:
        ModelError: If there is no such model, or it does not fit.
    """
    named = isinstance(spec, str | Path) and spec != "scratch"
    if device_map is not None and not named:
        raise ModelError(
            "device_map places weights that are read from files, so the model must be a shipped name, a folder or a "
            f"Hub id. Actual value: {spec if isinstance(spec, str | dict) else type(spec).__name__!r}. Leave it out "
            "and give device."
        )
    if isinstance(spec, PreTrainedModel):
        if lora.adapted(spec):
            raise ModelError(
                f"The {type(spec).__name__} holds an adapter already, which could not be told from the model when it "
                "is saved. Give the model without it and policy_kwargs={'lora': {…}}, or merge it into the weights."
            )
        lm = spec
    elif isinstance(spec, nn.Module):
        raise ModelError(
            "A model is a Hugging Face language model, causal or encoder-decoder (transformers.PreTrainedModel). "
            f"Actual value: a {type(spec).__name__}."
        )
    elif spec == "scratch":
        lm = _random({}, vocab_size, length, seed)
    elif isinstance(spec, dict):
        lm = _random(spec, vocab_size, length, seed)
    elif isinstance(spec, str | Path):
        lm = pretrained(spec, device_map)
    else:
        raise ModelError(
            "A model is 'tiny', 'scratch', a folder, a Hub id, a dict of a config, or a transformers model. "
            f"Actual value: {spec!r} ({type(spec).__name__})."
        )
    check_fit(lm, vocab_size, length)
    return lm.eval()


@contextmanager
def drawn_from(seed: int | None) -> Iterator[None]:
    """Gives a context in which torch's global generator starts from ``seed``; None leaves it as it is."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def model_folder(spec: str | Path) -> str:
    """Returns where the model of a name lies: that of a saved agent, and of a run's newest checkpoint, too."""
    path = Path(spec)
    if str(spec) in assets.NAMES or not path.is_dir():
        return assets.resolve(str(spec))
    if (path / "versions.json").is_file() and (checkpoints := Run.open(path).checkpoints()):
        path = checkpoints[max(checkpoints)]
    return str(path / "model") if (path / "agent.json").is_file() else str(spec)


def lasting_name(spec: ModelSpec) -> str | None:
    """Returns a name under which the weights of ``spec`` are found again, from any folder; None where there is none."""
    if not isinstance(spec, str | Path) or spec == "scratch":
        return None
    if str(spec) in assets.NAMES or (str(spec) in assets.carriers.MODELS and not Path(spec).is_dir()):
        return str(spec)
    source = model_folder(spec)
    return str(Path(source).resolve()) if Path(source).is_dir() else source


def pretrained(spec: str | Path, device_map: DeviceMap = None) -> PreTrainedModel:
    """Returns the model of a shipped or carried name, a folder or a Hub id (``org/name@revision`` pins one).

    Of an adapter it is what the adapter was made for, with the adapter merged into it. Code that comes with a model is
    never run, and weights are read from safetensors only: a pickle may run any program as it is read.

    Args:
        spec: The name.
        device_map: Where accelerate puts the weights as it reads them, ``"auto"`` or a dictionary, as transformers
            takes it; None is the CPU. All must come to lie on one device, since they learn there, beside the optimizer
            and the KV cache.

    Raises:
        ModelError: If there is none, it is no language model, or it does not come to lie on one device.
    """
    source = model_folder(spec)
    if (Path(source) / lora.CONFIG).is_file():
        return lora.with_adapter(adapter_base(Path(source), device_map=device_map), Path(source))
    placed = {} if device_map is None else {"device_map": device_map}
    try:
        auto = _auto_class(assets.hub.load(AutoConfig, source))
        # float32 always: the optimizer would work in a checkpoint's own dtype
        options = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True, **placed}
        lm, info = assets.hub.load(auto, source, **options)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        advice = assets.advice(source, error) or (
            f"Give a name that textgym knows ({assets.known()}), 'scratch', a folder, or a Hugging Face name that is "
            "cached or reachable."
        )
        raise ModelError(f"No language model could be loaded from {str(spec)!r}: {reason} {advice}") from error
    if info["missing_keys"]:
        missing = sorted(info["missing_keys"])
        raise ModelError(
            f"{str(spec)!r} is not a language model: it lacks {len(missing)} of the weights of one, such as "
            f"{missing[0]!r}."
        )
    if lora.adapted(lm):  # transformers puts an adapter's folder of the Hub on its base
        lm = lora.merged(lm)
    _check_placed(lm, spec, device_map)
    for parameter in lm.parameters():
        # Weights read from a file start anywhere in memory, and some kernels then add up in another order: results
        # would differ in the last bit from those of the same weights in memory of torch's own.
        parameter.data = parameter.data.clone()
    return lm


def placed_device(lm: PreTrainedModel, device: torch.device | str) -> torch.device:
    """Returns the device that a ``device_map`` put a model on.

    Raises:
        AgentError: If ``device``, where it is not ``"auto"``, is another one.
    """
    if str(device) != "auto" and torch.device(device).type != lm.device.type:
        raise AgentError(
            f"device_map puts the model on {str(lm.device)!r}, and device={str(device)!r} is asked for. Leave one of "
            "them out."
        )
    return lm.device


def adapter_base(folder: Path, source: str | Path | None = None, device_map: DeviceMap = None) -> PreTrainedModel:
    """Returns the model that the adapter in ``folder`` was made for, checked where a saved agent tells its hash.

    Args:
        folder: The adapter's; in a saved agent, ``model/``.
        source: Where the base is to be found, if not where the folder says.
        device_map: See `pretrained`.

    Raises:
        ModelError: If the base is missing, or is not the one that the adapter was made for.
    """
    record = _base_record(folder)
    source = source or record["name"] or folder.parent / "base"
    try:
        lm = pretrained(source, device_map)
    except ModelError as error:
        raise ModelError(
            f"The base of the adapter in {str(folder)!r} is missing: {error} If it lies elsewhere, say where: "
            "load(path, model=…)."
        ) from error
    if record["sha256"] not in (None, digest(lm)):
        raise ModelError(
            f"The base {str(source)!r} is not the model that the adapter in {str(folder)!r} was made for; its weights "
            "differ. Give the one that it was: load(path, model=…)."
        )
    return lm


def digest(lm: PreTrainedModel) -> str:
    """Returns a hash of a model's weights and their names, in hex."""
    found = hashlib.sha256()
    for name, tensor in sorted(lm.state_dict().items()):
        found.update(name.encode())
        found.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


def model_tokenizer(spec: ModelSpec) -> Tokenizer | None:
    """Returns the tokenizer that belongs to a model named by ``spec``, or None where it has none of its own."""
    if not isinstance(spec, str | Path) or spec == "scratch":
        return None
    folder = Path(model_folder(spec))
    if folder.is_dir() and not any(file.name.startswith(TOKENIZER_FILES) for file in folder.iterdir()):
        return None  # transformers would make an empty tokenizer of the model's type
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
    if lm.get_output_embeddings() is None or lm.config.model_type == "encoder-decoder":
        raise ModelError(
            f"{name} is no language model that can be trained here: load an AutoModelForCausalLM, or an "
            "encoder-decoder such as T5 or BART by AutoModelForSeq2SeqLM."
        )
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
    """Returns a copy in ``eval()`` that no optimizer will change; weights that never learn are shared, not copied."""
    shared = {id(weight): weight for weight in lm.parameters() if not weight.requires_grad}
    return copy.deepcopy(lm, shared).eval().requires_grad_(False)


def _base_record(folder: Path) -> dict[str, str | None]:
    """Returns where the base of an adapter lies, and the hash of its weights, as far as its folder tells."""
    agent, config = folder.parent / "agent.json", folder / lora.CONFIG
    try:
        if agent.is_file():
            record = json.loads(agent.read_text(encoding="utf-8")).get("base")
            if record is not None:
                return {"name": record["name"], "sha256": record["sha256"]}
        told = json.loads(config.read_text(encoding="utf-8"))
        name, revision = told.get("base_model_name_or_path"), told.get("revision")
    except (OSError, ValueError, AttributeError, KeyError) as error:
        raise ModelError(
            f"{str(config)!r} does not tell what the adapter was made for ({error}). Give a folder that peft or "
            "`agent.save` wrote."
        ) from error
    if not name:
        raise ModelError(f"{str(config)!r} does not name the model that the adapter was made for.")
    pinned = f"{name}@{revision}" if revision and not Path(name).is_dir() else str(name)
    return {"name": pinned, "sha256": None}


def _check_placed(lm: PreTrainedModel, spec: str | Path, device_map: DeviceMap) -> None:
    devices = sorted({str(weight.device) for weight in lm.parameters()})
    if device_map is not None and (len(devices) > 1 or devices == ["meta"]):
        raise ModelError(
            f"device_map={device_map!r} puts the weights of {str(spec)!r} on {', '.join(devices)}. They learn here, so "
            "all of them must fit on one device: weights on 'meta' are offloaded and cannot be trained, and the KV "
            "cache and the value head live beside the model. Give one device, such as {'': 0}, a smaller model, "
            "or train fewer weights (lora, train)."
        )


def _auto_class(config: PretrainedConfig) -> Any:
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def _random(changes: dict[str, Any], vocab_size: int, length: int, seed: int | None) -> PreTrainedModel:
    kind = changes.get("model_type", SCRATCH["model_type"])
    sizes = {"vocab_size": vocab_size, "max_position_embeddings": length}
    try:
        defaults = SCRATCH if kind == SCRATCH["model_type"] else {}
        plain = AutoConfig.for_model(kind)
        if plain.is_encoder_decoder:
            defaults = SCRATCH_SEQ2SEQ
            if hasattr(plain, "initializer_factor"):
                defaults = {**defaults, "initializer_factor": T5_SPREAD}
            if not hasattr(plain, "max_position_embeddings"):  # T5 knows distances only, and has no last place
                del sizes["max_position_embeddings"]
        config = AutoConfig.for_model(**{**defaults, **sizes, **changes})
        with drawn_from(seed):
            return _auto_class(config).from_config(config)
    except (ValueError, TypeError, AttributeError, KeyError, ZeroDivisionError) as error:
        raise ModelError(f"No model can be made of the config {changes!r}: {error}") from error
