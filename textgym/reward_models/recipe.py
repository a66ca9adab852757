"""How a reward model is trained, as data."""

from __future__ import annotations

from dataclasses import dataclass, fields

from textgym.errors import OptionError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Recipe:
    """How a reward model is trained.

    Attributes:
        backbone: What the head is put on: a shipped name, a folder, a carried model (``"minilm-l6"``), a Hub id.
        loss: What is minimised, see `textgym.reward_models.objective.LOSSES`; None takes the first for the feedback.
        epochs: Passes over the training split; early stopping may end before.
        batch_size: Rows of feedback a step of the optimiser, over all accumulated micro-batches.
        accumulate: Micro-batches a step, each of ``batch_size / accumulate`` rows: less memory, the same gradient.
        learning_rate: Peak of the backbone's.
        head_learning_rate: Peak of the head's, which starts from nothing.
        warmup: Share of the steps in which the rates rise; they fall linearly to zero thereafter.
        weight_decay: AdamW's, on matrices only.
        precision: ``"fp32"``, or autocast to ``"bf16"`` or ``"fp16"``; ``"auto"`` takes bf16 where the hardware has it.
        freeze_layers: Bottom layers that stay as they are, and the embeddings with them; 0 trains all.
        lora_rank: Rank of low-rank adapters in place of training the backbone's own weights; 0 trains those.
        class_weights: ``"balanced"`` weighs each class by one over its frequency.
        margin: Whether the margin of a preference enters its loss.
        centering: Weight of the term that draws the scores of preferences to zero.
        per_token: Whether every token of a completion is scored, of what stands up to it, and not the whole text alone;
            see `textgym.reward_models.trainer.RewardTrainer.token_losses`. It takes a decoder.
        pairs_per_row: Preferences made from each rating or label, where the loss wants preferences.
        checks_per_epoch: Evaluations on the validation split, each with a checkpoint.
        patience: Evaluations without a better score after which training stops; the best checkpoint is kept.
        max_tokens: Longer texts lose their beginning.
        seed: Of head, order, dropout and pairs.
    """

    backbone: str = "tiny"
    loss: str | None = None
    epochs: float = 3.0
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    warmup: float = 0.06
    weight_decay: float = 0.01
    precision: str = "auto"
    freeze_layers: int = 0
    lora_rank: int = 0
    class_weights: str | None = None
    margin: bool = False
    centering: float = 0.0
    per_token: bool = False
    pairs_per_row: int = 1
    checks_per_epoch: int = 2
    patience: int = 3
    max_tokens: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise OptionError(f"precision is one of {', '.join(PRECISIONS)}. Actual value: {self.precision!r}.")
        if self.class_weights not in (None, "balanced"):
            raise OptionError(f"class_weights is 'balanced' or None. Actual value: {self.class_weights!r}.")
        for name in ("batch_size", "accumulate", "pairs_per_row", "checks_per_epoch", "patience", "max_tokens"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is at least 1. Actual value: {getattr(self, name)}.")
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value >= 0:
                raise OptionError(f"{field.name} is at least 0. Actual value: {value}.")
        if self.batch_size % self.accumulate:
            raise OptionError(
                f"batch_size is cut into accumulate={self.accumulate} equal parts. Actual value: {self.batch_size}."
            )
        if self.epochs == 0:
            raise OptionError("epochs is above 0. Actual value: 0.")
        if self.lora_rank and self.freeze_layers:
            raise OptionError("LoRA leaves every layer as it is: give lora_rank or freeze_layers, not both.")
