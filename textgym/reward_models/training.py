"""From feedback to the folder of a reward model."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import (
    EarlyStoppingCallback,
    PrinterCallback,
    ProgressCallback,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from textgym.errors import RunError
from textgym.evaluation.files import whole_folder, write_json
from textgym.evaluation.versions import machine, versions
from textgym.rewards import models
from textgym.rewards.reward_model import padding

from . import judging, network
from .batches import Collator, encode
from .card import card
from .feedback import Feedback
from .objective import Objective, objective
from .quality import Quality
from .recipe import Recipe
from .trainer import RewardTrainer

TRAINING = ".training"
"""Suffix of the folder that holds checkpoints while a model is in the making."""

Progress = Callable[[int, int, str], None]
"""Called with the steps done, the steps in all, and the latest held-out score."""


class Trained(NamedTuple):
    """A reward model that was trained: its folder, and how good it is on the test split, where there is one."""

    path: Path
    quality: Quality | None


def train(
    feedback: Feedback,
    out: str | Path,
    recipe: Recipe | None = None,
    *,
    source: str = "feedback given in Python",
    resume: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Trains a reward model on feedback and writes its folder.

    The folder is one that ``AutoModelForSequenceClassification.from_pretrained`` (with ``per_token``:
    ``AutoModelForTokenClassification``) and ``gym.make(id, reward=folder)`` load. It appears at once when all is done;
    until then checkpoints lie in ``<out>.training``, from which ``resume`` goes on. Besides model and tokenizer it
    holds ``README.md``, the card; ``training.json``: recipe, data, log, versions, and the hash of the weights;
    ``problems.jsonl``, the rows that could not be used; and where there is a test split ``quality.json`` and
    ``reliability.png``.

    Args:
        feedback: What people said, see `load_feedback`.
        out: The folder to make.
        recipe: How to train.
        source: Where the feedback is from, for the card.
        resume: Whether to go on from the newest checkpoint of a training of ``out`` that was cut off.
        progress: Told after every step.

    Raises:
        RunError: If ``out`` exists, there is nothing to resume, or it was another training.
        OptionError: If the recipe does not fit the feedback or the backbone.
        DataError: If the feedback has nothing to learn from.
        ModelError: If the backbone cannot be loaded, or the loss is not a finite number any more.
    """
    recipe = recipe or Recipe()
    out = Path(out)
    work = out.with_name(out.name + TRAINING)
    goal = objective(feedback, recipe)
    _claim(out, work, {"recipe": asdict(recipe), "feedback": fingerprint(feedback)}, resume)
    set_seed(recipe.seed)  # the new head
    model, tokenizer = network.build(recipe.backbone, goal.labels, goal.meaning, recipe.per_token)
    network.freeze_bottom(model, recipe.freeze_layers)
    if recipe.lora_rank:
        model = network.with_lora(model, recipe.lora_rank, recipe.per_token)
    trainer = _trainer(model, tokenizer, goal, recipe, work, progress)
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(work)) if resume else None)
    model = network.without_lora(trainer.model).float().eval()
    quality = judging.judge(model, tokenizer, feedback, "test") if feedback.splits.get("test") else None
    with whole_folder(out) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        facts = {
            "source": source,
            "columns": dict(feedback.columns),
            "rows": {split: len(rows) for split, rows in feedback.splits.items()},
            "problems": len(feedback.problems),
            "feedback": fingerprint(feedback),
            "loss": goal.loss,
            "meaning": dict(goal.meaning),
            "recipe": asdict(recipe),
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "steps": trainer.state.global_step,
            "best": trainer.state.best_metric,
            "log": trainer.state.log_history,
            "fingerprint": models.fingerprint(model),
            "versions": versions(),
            "machine": machine(),
        }
        write_json(folder / "training.json", facts)
        lines = [json.dumps(vars(problem), ensure_ascii=False) + "\n" for problem in feedback.problems]
        (folder / "problems.jsonl").write_text("".join(lines), encoding="utf-8")
        if quality is not None:
            (folder / "quality.json").write_text(quality.to_json(), encoding="utf-8")
            quality.plot(folder / "reliability.png")
        (folder / "README.md").write_text(card(out.name, facts, quality), encoding="utf-8")
    shutil.rmtree(work)
    return Trained(out, quality)


def fingerprint(feedback: Feedback) -> str:
    """Returns the sha-256 of all usable rows, by split."""
    rows = json.dumps({split: [vars(row) for row in part] for split, part in feedback.splits.items()})
    return hashlib.sha256(rows.encode()).hexdigest()


def _claim(out: Path, work: Path, settings: Mapping[str, Any], resume: bool) -> None:
    """Makes the folder of a new training, or checks that the one to resume was made for the same."""
    if out.exists():
        raise RunError(f"{str(out)!r} exists already. Choose another folder, or remove it.")
    file = work / "settings.json"
    if not resume:
        if list(work.glob("checkpoint-*")):
            raise RunError(
                f"A training of {str(out)!r} was cut off. Go on with it by resume=True (on the command line --resume), "
                f"or remove {str(work)!r}."
            )
        shutil.rmtree(work, ignore_errors=True)  # of a training that never came to a checkpoint
        write_json(file, settings)
        return
    if not file.is_file():
        raise RunError(f"There is no training of {str(out)!r} to resume: {str(file)!r} does not exist.")
    before = json.loads(file.read_text(encoding="utf-8"))
    asked, given = ({**both["recipe"], "feedback": both["feedback"]} for both in (settings, before))
    changed = [name for name in asked if asked[name] != given.get(name)]
    if changed:
        raise RunError(
            f"The training of {str(out)!r} was started with another {', '.join(changed)}. Give what it was started "
            f"with, or remove {str(work)!r}."
        )


def _trainer(
    model: Any,
    tokenizer: Any,
    goal: Objective,
    recipe: Recipe,
    work: Path,
    progress: Progress | None,
) -> RewardTrainer:
    items = encode(goal.rows["train"], goal.targets["train"].tolist(), tokenizer, recipe.max_tokens, recipe.per_token)
    steps = -(-len(items) // recipe.batch_size)  # of one epoch
    every = max(1, steps // recipe.checks_per_epoch)
    validates = bool(goal.rows["validation"])
    cpu = not torch.cuda.is_available()
    precision = _precision(recipe.precision, cpu)
    options = TrainingArguments(
        output_dir=str(work),
        per_device_train_batch_size=recipe.batch_size // recipe.accumulate,
        gradient_accumulation_steps=recipe.accumulate,
        num_train_epochs=recipe.epochs,
        lr_scheduler_type="linear",
        warmup_steps=int(recipe.warmup * recipe.epochs * steps),
        max_grad_norm=1.0,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        eval_strategy="steps" if validates else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=1,
        load_best_model_at_end=validates,
        metric_for_best_model="eval_score",
        greater_is_better=True,
        logging_steps=max(1, every // 5),
        seed=recipe.seed,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        label_names=["labels"],
        use_cpu=cpu,
    )
    weights = None
    if recipe.class_weights == "balanced" and goal.loss == "cross_entropy":
        counts = np.bincount(goal.targets["train"].astype(int), minlength=len(goal.labels))
        weights = torch.tensor(counts.sum() / (len(counts) * np.maximum(counts, 1)), dtype=torch.float32)

    def validate(current: Any) -> Mapping[str, float]:
        return judging.held_out(current, tokenizer, goal)

    trainer = RewardTrainer(
        recipe,
        goal.loss,
        weights,
        validate if validates else None,
        model=model,
        args=options,
        data_collator=Collator(padding(tokenizer, model.config), goal.loss == "cross_entropy"),
        train_dataset=items,
        eval_dataset=items if validates else None,  # whether it validates; what on, `validate` knows
        callbacks=[_Watch(progress), *([EarlyStoppingCallback(recipe.patience)] if validates else [])],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer


def _precision(asked: str, cpu: bool) -> str:
    if asked != "auto":
        return asked
    if not cpu:
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 by itself; elsewhere it is emulated, and slower than float32."""
    file = Path("/proc/cpuinfo")
    return file.is_file() and bool({"avx512_bf16", "amx_bf16"} & set(file.read_text(encoding="utf-8").split()))


class _Watch(TrainerCallback):
    """Reports the steps."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._note = ""

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **rest: Any) -> None:
        if metrics and "eval_score" in metrics:
            self._note = f"held out {metrics['eval_score']:.3f}"

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if self._progress is not None:
            self._progress(state.global_step, state.max_steps, self._note)
