"""How good a reward model is on feedback that it did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from textgym.errors import DataError
from textgym.rewards import models, reward_model
from textgym.rewards.reward_model import CONFIG_KEY, logits, meaning, of_config, probabilities, scores

from . import measures
from .batches import messages
from .feedback import Feedback, Label, Ranking, Rating
from .objective import Objective, rankings, ratings
from .quality import Quality, judge_labels, judge_rankings, judge_ratings


def held_out(model: Any, tokenizer: Any, goal: Objective) -> dict[str, float]:
    """Returns what training watches on the validation split; ``score`` is what chooses the checkpoint.

    That is accuracy for classes, Spearman's correlation for ratings, and the share of rightly ordered pairs for
    preferences and rankings.
    """
    rows, targets = goal.rows["validation"], goal.targets["validation"]
    outputs = _outputs(model, tokenizer, rows)
    if goal.loss == "cross_entropy":
        return {"score": float((np.concatenate(outputs).argmax(axis=1) == targets).mean())}
    if goal.loss == "mse":
        found = np.concatenate(outputs)[:, 0]
        flat = np.ptp(found) == 0 or np.ptp(targets) == 0
        return {"score": 0.0 if flat else measures.spearman(found, targets)}
    return {"score": measures.pairwise_accuracy([values[:, 0] for values in outputs])}


def judge(model: Any, tokenizer: Any, feedback: Feedback, split: str = "test", *, as_pairs: bool = False) -> Quality:
    """Judges a model, in memory, on a split.

    On labels a classifier is judged by its classes. A model of preferences, and any model on preferences, is judged by
    the pairs that it orders rightly; all others by how their scores go with what people said.

    Args:
        model: A sequence classifier, in evaluation mode.
        tokenizer: Its tokenizer.
        feedback: What people said.
        split: The rows to judge on.
        as_pairs: Judge on preferences, made from the ratings or labels where need be; the same ones each time.

    Raises:
        DataError: If the split is empty, or labels whose order nobody told are to be ordered.
        ModelError: If the classes of the model have no values, and it is to order texts.
    """
    rows: Sequence[Any] = feedback.splits.get(split, ())
    if not rows:
        raise DataError(f"The {split} split is empty: there is nothing to judge on. Choose another split.")
    config = model.config
    written: Mapping[str, Any] = getattr(config, CONFIG_KEY, None) or {}
    classes = tuple(config.id2label[i] for i in range(config.num_labels))
    by_class = feedback.kind == "labels" and len(classes) > 1 and not as_pairs
    by_pairs = as_pairs or feedback.kind in ("preferences", "rankings") or written.get("kind") == "preferences"
    if by_class and set(feedback.labels) <= set(classes):
        found = probabilities(np.concatenate(_outputs(model, tokenizer, rows)))
        return judge_labels(found, classes, [row.label for row in rows], *_texts_and_groups(rows))
    told = meaning(config.name_or_path) if len(classes) > 1 and "values" not in written else of_config(written)
    if by_pairs:
        ranked = rankings(feedback, rows)
        return judge_rankings([scores(part, told) for part in _outputs(model, tokenizer, ranked)], ranked)
    found = scores(np.concatenate(_outputs(model, tokenizer, rows)), told)
    return judge_ratings(found, np.array(ratings(feedback, rows)), *_texts_and_groups(rows))


def evaluate(
    model: str | Path, feedback: Feedback, split: str = "test", *, as_pairs: bool = False, device: str = "auto"
) -> Quality:
    """Judges the reward model in a folder, or of a name; `judge` says how, and what is raised."""
    return judge(*load(model, device), feedback, split, as_pairs=as_pairs)


def load(model: str | Path, device: str = "auto") -> tuple[Any, Any]:
    """Returns a reward model, float32, frozen, and its tokenizer.

    Raises:
        ModelError: If there is none.
    """
    return reward_model.load(models.locate(str(model)), models.pick_device(device))


def _outputs(model: Any, tokenizer: Any, rows: Sequence[Rating | Label | Ranking]) -> list[np.ndarray]:
    """Returns the outputs for the texts of each row, float64 ``(K, C)`` each."""
    texts = [messages(row) for row in rows]
    flat = logits(model, tokenizer, [text for row in texts for text in row])
    return np.split(flat, np.cumsum([len(row) for row in texts])[:-1])


def _texts_and_groups(rows: Sequence[Any]) -> tuple[list[str], list[str | None]]:
    return [row.text for row in rows], [row.group for row in rows]
