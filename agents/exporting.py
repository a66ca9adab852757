"""Plain Hugging Face folders of what agents have learnt."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from transformers import GenerationConfig

from textgym import assets
from textgym.bench import cards
from textgym.bridges import tokenizers
from textgym.errors import AgentError, RunError
from textgym.evaluation.report import Report
from textgym.evaluation.versions import versions
from textgym.tasks import Task
from textgym.tokenizers import Tokenizer

from .lora import merged
from .policy import TransformerPolicy
from .seq2seq import start_token


def export(agent: Any, path: str | Path, *, report: Report | None = None, push_to_hub: str | None = None) -> Path:
    """Writes the language model of an agent as a plain Hugging Face folder, which needs nothing of textgym.

    ``transformers.pipeline("text-generation", path)`` continues a prompt as the agent does: the tokenizer starts it
    with BOS as the environment does, and ``generation_config.json`` holds the law that tokens were drawn from and the
    environment's budget of new tokens. Transformers 5 has no pipeline for an encoder-decoder: that is loaded by
    ``AutoModelForSeq2SeqLM`` and ``AutoTokenizer``, and writes by ``generate``. Value head, optimizer and reference
    stay behind: `save` keeps those. A task's stop strings, action masks and chat template are the task's; whoever
    generates must apply them. An agent that learns has a model card, ``README.md``: what it was trained on, and how.

    Args:
        agent: An agent of this package with a language model.
        path: A folder that is new, empty, or an earlier export.
        report: Held-out scores for the card, as ``agent.evaluate()`` returns them.
        push_to_hub: Also uploads the folder to this repository of the Hugging Face Hub, such as ``"me/happy-tiny"``,
            with the account of ``hf auth login``.

    Returns:
        The folder.

    Raises:
        AgentError: If the agent has no language model or no tokenizer, or the Hub cannot be reached or refuses.
        RunError: If the folder holds something else.
    """
    policy = getattr(agent, "policy", None)
    if not isinstance(policy, TransformerPolicy):
        raise AgentError(
            f"An agent that is exported has a language model, as PPO has and ZeroShot. Actual value: {agent!r}."
        )
    if (tokenizer := getattr(agent, "tokenizer", None)) is None:
        raise AgentError(
            "The agent does not know its tokenizer, without which nobody could use its model. Load it with the "
            "environment that it was trained on: load(path, env=…)."
        )
    folder = _empty(Path(path))
    with assets.hub.quiet():
        merged(policy.lm).save_pretrained(str(folder))
    tokenizers.write(tokenizer, folder)
    _generation(policy, tokenizer, getattr(agent, "task", None)).save_pretrained(str(folder))
    if hasattr(agent, "learn"):
        cards.write(folder, _trained(agent, report))
    if push_to_hub is not None:
        _push(folder, push_to_hub)
    return folder


_NO_SETTINGS = ("device", "tensorboard_log", "verbose", "stats_window_size")
"""Arguments of an agent that its card does not tell: nothing of what was learnt hangs on them."""


def _empty(folder: Path) -> Path:
    if folder.exists():
        names = {file.name for file in folder.iterdir()} if folder.is_dir() else {"agent.json"}
        if names and ("generation_config.json" not in names or "agent.json" in names):
            raise RunError(f"{str(folder)!r} holds something else than an exported model. Give a new folder.")
        shutil.rmtree(folder)  # another model's files would be loaded with this one's
    folder.mkdir(parents=True)
    return folder


def _generation(policy: TransformerPolicy, tokenizer: Tokenizer, task: Task | None) -> GenerationConfig:
    model = policy.token_model
    settings: dict[str, Any] = {"max_new_tokens": task.max_new_tokens} if task is not None else {}
    if model.rules.suppress_tokens:
        settings["suppress_tokens"] = list(model.rules.suppress_tokens)
    if model.rules.min_new_tokens:
        settings["min_new_tokens"] = model.rules.min_new_tokens
    if model.lm.config.is_encoder_decoder:
        settings["decoder_start_token_id"] = start_token(model.lm)
    return GenerationConfig(
        do_sample=True,
        temperature=model.temperature,
        top_k=model.top_k or 0,  # 0 keeps all; transformers' own default would keep 50
        top_p=1.0 if model.top_p is None else model.top_p,
        min_p=model.min_p,
        bos_token_id=tokenizer.bos_id,
        eos_token_id=tokenizer.eos_id,
        pad_token_id=tokenizer.pad_id,
        **settings,
    )


def _trained(agent: Any, report: Report | None) -> cards.Trained:
    """Returns what an agent knows of itself; of places on a disk nothing is told, since cards are uploaded."""
    arguments, task = dict(getattr(agent, "arguments", {})), getattr(agent, "task", None)
    env, model = arguments.pop("env", None), getattr(agent, "_model", None)
    named = isinstance(model, str) and (model in (*assets.NAMES, "scratch") or not Path(model).exists())
    env_kwargs = arguments.pop("env_kwargs", None) or {}
    algorithm = type(agent).__name__
    env_id = env if isinstance(env, str) else "an environment of its own" if task is None else task.name
    return cards.Trained(
        title=f"{algorithm} on {env_id}",
        algorithm=algorithm,
        model=str(model) if named else "a local model",
        env_id=env_id,
        timesteps=getattr(agent, "num_timesteps", 0),
        env_kwargs={name: value for name, value in env_kwargs.items() if name != "data_path"},
        reward="" if task is None else repr(task.reward),
        seed=arguments.pop("seed", None),
        hyperparameters={name: value for name, value in arguments.items() if name not in _NO_SETTINGS},
        metrics={} if report is None else report.metrics,
        measured="" if report is None else f"{len(report.episodes)} episodes of the {report.split} split",
        versions=versions() if report is None else report.versions,
        usage="from transformers import pipeline\n\n"
        'print(pipeline("text-generation", "PATH/OF/THIS/FOLDER")("a prompt"))',
    )


def _push(folder: Path, repository: str) -> None:
    from huggingface_hub import HfApi

    try:
        hub = HfApi()
        hub.create_repo(repository, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=str(folder), commit_message="Upload the model of an agent")
    except Exception as error:  # there are many ways for a network to fail; the folder stays
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise AgentError(
            f"The model could not be pushed to {repository!r}: {reason} It lies in {str(folder)!r}. Go online, log in "
            "with `hf auth login`, and export again."
        ) from error
