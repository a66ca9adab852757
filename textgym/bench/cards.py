"""Model cards: what a trained agent is, in the form that the Hugging Face Hub reads.

https://huggingface.co/docs/hub/model-cards: a README.md whose YAML header says what the Hub can search and show, and
text below it that says the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from textgym import assets
from textgym.errors import OptionError
from textgym.evaluation import files
from textgym.evaluation.report import Metric
from textgym.evaluation.run import Run

NAME = "README.md"
SHOWN = ("reward", "success", "kl", "length", "perplexity", "distinct_2", "vader")
"""Metrics that stand in the card, where there are any; all of them stand in the run's report."""


@dataclass(frozen=True)
class Trained:
    """What a card tells of an agent.

    Attributes:
        title: First line.
        algorithm: What trained it, as commands name it.
        model: What it started from.
        env_id: The id or task that it was trained on.
        env_kwargs: Options of that environment.
        reward: The reward, as an expression; empty where nobody knows.
        timesteps: Tokens that it was trained on.
        seed: Of the training, or None.
        hyperparameters: Further arguments of the algorithm.
        metrics: Held-out scores with 95% intervals, by name.
        measured: What the scores were measured on, such as ``"256 episodes of the test split"``.
        versions: Of the software that made it.
        command: What makes it again, or empty.
        usage: Python that uses it.
    """

    title: str
    algorithm: str
    model: str
    env_id: str
    timesteps: int
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    reward: str = ""
    seed: int | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    measured: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    usage: str = ""


def of_run(run: Run, *, command: str = "", metrics: Mapping[str, Metric] | None = None, measured: str = "") -> Trained:
    """Returns what is known of the agent of a run that is finished.

    Args:
        run: The run.
        command: What makes it again.
        metrics: Scores that were measured with more care than those at the end of the run, such as a bench's cell.
        measured: What those were measured on.

    Raises:
        OptionError: If the run is not finished.
    """
    config, after = run.config, run.report("after")
    if after is None:
        raise OptionError(f"The run {str(run.path)!r} is not finished, so it has no card yet. Train it to its end.")
    return Trained(
        title=f"{config.algorithm} on {config.env_id}, seed {config.seed}",
        algorithm=config.algorithm,
        model=config.model,
        env_id=config.env_id,
        timesteps=max(run.checkpoints(), default=config.total_timesteps),
        env_kwargs=config.env_kwargs,
        reward=after.reward,
        seed=config.seed,
        hyperparameters={"n_envs": config.n_envs, **config.hyperparameters},
        metrics=metrics if metrics is not None else after.metrics,
        measured=measured or f"{len(after.episodes)} episodes of the {after.split} split",
        versions=after.versions,
        command=command,
        usage="\n".join(
            [
                "import textgym",
                "",
                f'report = textgym.evaluate("PATH/OF/THIS/FOLDER", "{config.env_id}")',
                "print(report.to_markdown())",
            ]
        ),
    )


def card(trained: Trained) -> str:
    """Returns the card in Markdown, with its header."""
    parts = [
        f"---\n{yaml.safe_dump(_header(trained), sort_keys=False, allow_unicode=True)}---",
        f"# {trained.title}",
        f"A language model that learnt by `{trained.algorithm}` on `{trained.env_id}` with textgym.",
        "## Training",
        _table(_facts(trained)),
        "## Scores",
        _scores(trained),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(trained)),
    ]
    if trained.usage:
        parts += ["## Use", f"```python\n{trained.usage}\n```"]
    if trained.command:
        parts += ["## Make it again", f"```bash\n{trained.command}\n```"]
    if trained.versions:
        parts.append("Made with " + ", ".join(f"{name} {version}" for name, version in trained.versions.items()) + ".")
    return "\n\n".join(parts) + "\n"


def write(folder: str | Path, trained: Trained) -> Path:
    """Writes the card as the ``README.md`` of a folder, whole or not at all, and returns its path."""
    return files.write_text(Path(folder, NAME), card(trained))


def _header(trained: Trained) -> dict[str, Any]:
    tags = ["textgym", "reinforcement-learning", trained.algorithm.lower().replace("_", "-")]
    tags += [trained.env_id] if " " not in trained.env_id else []
    header: dict[str, Any] = {"library_name": "transformers", "pipeline_tag": "text-generation", "tags": tags}
    if _on_hub(trained.model):
        header["base_model"] = trained.model
    if "reward" in trained.metrics:
        result = {
            "task": {"type": "text-generation", "name": "Text generation"},
            "dataset": {"type": trained.env_id, "name": trained.env_id, "split": "test"},
            "metrics": [
                {"type": name, "name": name, "value": round(metric.mean, 4)} for name, metric in _shown(trained.metrics)
            ],
        }
        header["model-index"] = [{"name": trained.title, "results": [result]}]
    return header


def _on_hub(model: str) -> bool:
    """Whether a model is named as on the Hub: neither shipped, nor random, nor a place on a disk."""
    own = (*assets.NAMES, "scratch", "a local model")
    return model not in own and not Path(model).exists() and model.count("/") <= 1 and "{" not in model


def _facts(trained: Trained) -> list[tuple[str, str]]:
    rows = [("started from", f"`{trained.model}`{_origin(trained.model)}"), ("environment", f"`{trained.env_id}`")]
    rows += [(f"environment: {name}", f"`{value}`") for name, value in trained.env_kwargs.items()]
    if trained.reward:
        rows.append(("reward", f"`{trained.reward}`"))
    rows += [("algorithm", f"`{trained.algorithm}`"), ("tokens", f"{trained.timesteps:,}")]
    if trained.seed is not None:
        rows.append(("seed", str(trained.seed)))
    return rows + [(name, f"`{value}`") for name, value in trained.hyperparameters.items()]


def _origin(model: str) -> str:
    if model == "scratch":
        return " (random weights)"
    return " (the language model that ships with textgym)" if model in assets.NAMES else ""


def _shown(metrics: Mapping[str, Metric]) -> list[tuple[str, Metric]]:
    return [(name, metrics[name]) for name in SHOWN if name in metrics]


def _scores(trained: Trained) -> str:
    if not trained.metrics:
        return f"Not measured yet: `textgym evaluate PATH {trained.env_id}`."
    rows = ["| metric | mean | 95% interval |", "|---|---:|---:|"]
    rows += [
        f"| {name} | {metric.mean:.3f} | {metric.low:.3f} to {metric.high:.3f} |"
        for name, metric in _shown(trained.metrics)
    ]
    text = f"Measured on {trained.measured}. " if trained.measured else ""
    return "\n".join(rows) + f"\n\n{text}Intervals are over prompts and draws; another training seed varies more."


def _limits(trained: Trained) -> list[str]:
    limits = [
        f"It was trained for what `{trained.env_id}` asks and was measured there; of other prompts nothing is known.",
        "What a reward misses, a policy finds: a high reward says what the reward says, no more. "
        "`textgym show` tells what is known of it.",
    ]
    if trained.model in assets.NAMES:
        limits.append("The model that it started from is small and knows little English and no facts.")
    limits.append("Nobody looked at what it writes for bias or harm. Do not put it before people as it is.")
    return limits


def _table(rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in rows]
    return "\n".join(["| | |", "|---|---|", *lines])
