"""Transformers' `Trainer` for reward models: our losses, two learning rates, and the held-out score as its metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from transformers import Trainer

from textgym.errors import ModelError

from . import losses, network
from .batches import Items, LengthGrouped
from .recipe import Recipe

MATRIX = 2
"""Weights of so many dimensions decay; biases and norms do not."""


class RewardTrainer(Trainer):
    """A `Trainer` whose batches are those of `textgym.reward_models.batches.Collator`.

    Args:
        recipe: How to train.
        loss: One of `textgym.reward_models.objective.LOSSES`.
        class_weights: Weight of each class, float32 ``(C,)``, or None.
        validate: Returns the held-out metrics of the model as it is, by name; None where there is nothing to
            validate on.
        **options: Those of `Trainer`.
    """

    optimizer: Any  # transformers says so in no way that mypy reads
    control: Any

    def __init__(
        self,
        recipe: Recipe,
        loss: str,
        class_weights: torch.Tensor | None,
        validate: Callable[[Any], Mapping[str, float]] | None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._recipe = recipe
        self._loss = loss
        self._class_weights = class_weights
        self._validate = validate
        self.model_accepts_loss_kwargs = True  # we divide by the rows of all accumulated micro-batches ourselves

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Returns the mean loss over the rows of a step of the optimiser, this micro-batch's share of it."""
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        logits, targets, sizes = outputs.logits.float(), inputs["labels"], inputs["sizes"]
        if "starts" in inputs:
            rows = self.token_losses(logits, targets, sizes, inputs["starts"], inputs["attention_mask"].sum(1))
        else:
            rows = self.row_losses(logits, targets, sizes)
        loss = rows.sum() / (len(rows) if num_items_in_batch is None else num_items_in_batch)
        if not torch.isfinite(loss):
            raise ModelError(
                f"The loss is {loss.item()} at step {self.state.global_step}: training cannot go on. Lower the "
                "learning rates, or use precision='fp32'."
            )
        return (loss, outputs) if return_outputs else loss

    def row_losses(self, logits: torch.Tensor, targets: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
        """Returns the loss of each row, float32 ``(B,)``.

        Args:
            logits: float32 ``(ΣK, C)``.
            targets: Class, standardised rating or margin, ``(B,)``.
            sizes: Completions of each row, int64 ``(B,)``.
        """
        if self._loss == "cross_entropy":
            weights = None if self._class_weights is None else self._class_weights.to(logits.device)
            return losses.cross_entropy(logits, targets, weights)
        scores = logits[:, 0]
        if self._loss == "mse":
            return losses.mse(scores, targets)
        if self._loss == "bradley_terry":
            chosen, rejected = scores.view(-1, 2).unbind(1)
            return losses.bradley_terry(chosen, rejected, targets, self._recipe.centering)
        mask = torch.arange(int(sizes.max()), device=sizes.device) < sizes[:, None]  # (B, K)
        ranked = scores.new_zeros(mask.shape).masked_scatter(mask, scores)
        return losses.plackett_luce(ranked, mask)

    def token_losses(
        self, logits: torch.Tensor, targets: torch.Tensor, sizes: torch.Tensor, starts: torch.Tensor, ends: torch.Tensor
    ) -> torch.Tensor:
        """Returns the loss of each row, the mean of `row_losses` over the places of its completions, float32 ``(B,)``.

        The target of the row is asked of every token: class and rating of each prefix; of a preference or a ranking,
        at the t-th place, the order of the first t tokens of its completions. There a completion that is already over
        keeps the score of its last token, which is the score of the whole.

        Args:
            logits: float32 ``(ΣK, L, C)``.
            targets: Class, standardised rating or margin, ``(B,)``.
            sizes: Completions of each row, int64 ``(B,)``.
            starts: Place of the first token of each completion, int64 ``(ΣK,)``.
            ends: Place after its last one, int64 ``(ΣK,)``.

        Source: Cobbe et al. 2021, arXiv:2110.14168 (its token-level verifiers); place against place: Yao et al. 2023,
        "DeepSpeed-Chat", arXiv:2308.01320.
        """
        counts = ends - starts
        longest = torch.stack([part.max() for part in counts.split(sizes.tolist())])  # (B,)
        place = torch.arange(int(longest.max()), device=logits.device)  # (T,)
        read = starts[:, None] + torch.minimum(place, counts[:, None] - 1)  # (ΣK, T)
        taken = logits[torch.arange(len(logits), device=logits.device), read.T]  # (T, ΣK, C)
        repeats = len(place)
        found = self.row_losses(taken.flatten(0, 1), targets.repeat(repeats), sizes.repeat(repeats))
        asked = place[:, None] < longest  # (T, B)
        return (found.view(repeats, -1) * asked).sum(0) / longest

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Sets up AdamW: the head learns faster than the backbone, and only matrices decay."""
        if self.optimizer is None:
            heads = {id(parameter) for parameter in network.head(self.model)}
            groups: dict[tuple[bool, bool], list[Any]] = {}
            for parameter in self.model.parameters():
                if parameter.requires_grad:
                    key = id(parameter) in heads, parameter.ndim >= MATRIX
                    groups.setdefault(key, []).append(parameter)
            self.optimizer = torch.optim.AdamW(
                [
                    {
                        "params": parameters,
                        "lr": self._recipe.head_learning_rate if of_head else self._recipe.learning_rate,
                        "weight_decay": self._recipe.weight_decay if decays else 0.0,
                    }
                    for (of_head, decays), parameters in groups.items()
                ],
                fused=True,
            )
        return self.optimizer

    def evaluate(self, *args: Any, metric_key_prefix: str = "eval", **options: Any) -> dict[str, float]:
        """Returns the held-out metrics, and tells the log and the callbacks, early stopping among them."""
        if self._validate is None:
            return {}
        training = self.model.training
        self.model.eval()
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in self._validate(self.model).items()}
        self.model.train(training)
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def _get_train_sampler(self, *args: Any) -> LengthGrouped:
        items: Items = self.train_dataset
        return LengthGrouped(items.lengths, self._recipe.batch_size, self._recipe.seed)
