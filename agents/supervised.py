"""Maximum likelihood of given episodes, by Transformers' `Trainer`."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import Dataset, SequentialSampler
from transformers import PrinterCallback, ProgressCallback, Trainer, TrainingArguments

from textgym.errors import AgentError
from textgym.tasks import Task

from .episodes import Episodes
from .joint_likelihood import fit_jointly
from .micro_batches import micro_batches
from .on_policy import EpisodicAlgorithm, Start
from .policy import TransformerPolicy
from .token_model import EpisodeBatch, TokenModel
from .trainable import recomputed

PASSED_ON = (
    "learning_rate",
    "gamma",
    "max_grad_norm",
    "stats_window_size",
    "tensorboard_log",
    "policy_kwargs",
    "verbose",
    "seed",
    "device",
)
"""Arguments that SB3's own constructor takes as they are."""


class Supervised(EpisodicAlgorithm):
    """An algorithm whose `train` raises the likelihood of episodes that somebody wrote well: `lessons`.

    Subclasses find them in `collect_rollouts`, round by round. What a round sees is a function of the seed and of the
    number of the round, so that a run that is resumed between two rounds goes on as if it had not been cut off.

    Attributes:
        lessons: What the next `train` learns from; None where the round found nothing.
    """

    joins_ranks = True
    pretrained = Start(learning_rate=1e-4, kl_coef=None)
    scratch = Start(learning_rate=3e-3, kl_coef=None)

    lessons: Episodes | None = None

    batch_size: int
    n_epochs: int

    def __init__(self, arguments: dict[str, Any], counts: Sequence[str]) -> None:
        """Constructs the agent of a subclass, whose constructor knows neither gamma nor KL.

        Args:
            arguments: Those of the subclass's constructor, by name.
            counts: Those of them that are at least 1.
        """
        for name in counts:
            if arguments[name] < 1:
                raise AgentError(f"{name} is at least 1. Actual value: {arguments[name]!r}.")
        names = set(arguments)
        venv = self._connect(arguments := {**arguments, "gamma": None, "kl_coef": None})
        self.arguments = {name: value for name, value in self.arguments.items() if name in names}
        super().__init__(
            TransformerPolicy,  # type: ignore[arg-type]  # SB3 asks for its own actor-critic; BasePolicy is enough
            venv,  # type: ignore[arg-type]  # None is refused in _setup_learn
            n_steps=1,
            gae_lambda=1.0,
            ent_coef=0.0,
            vf_coef=0.0,
            use_sde=False,
            sde_sample_freq=-1,
            _init_setup_model=False,
            **{name: arguments[name] for name in PASSED_ON},
        )
        self._n_updates = 0
        self._setup_model()

    def _setup_reference(self) -> None:
        self.kl, self.reference = None, None

    def extra_state(self) -> dict[str, Any]:
        """Returns nothing: a round depends on its number and on the weights alone."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Does nothing; see `extra_state`."""

    def _asked(self) -> Task:
        """Returns the task of the environment.

        Raises:
            AgentError: If the environment has none.
        """
        if self.task is None:
            raise AgentError(
                f"{type(self).__name__} asks a task for prompts, and this environment has none. Give a registered id, "
                "a textgym Task, or a vector environment of textgym."
            )
        return self.task

    def train(self) -> None:
        """Takes a step of the optimizer for every batch of the round's lessons, ``n_epochs`` times."""
        self._update_learning_rate(self.policy.optimizer)
        if self.lessons is None:
            return
        rng = self.rollout_buffer.rng
        orders = [rng.permutation(len(self.lessons.lengths)) for _ in range(self.n_epochs)]
        batches_on = torch.device("cpu") if self.ranks.size == 1 else self.device
        batches = [batch for order in orders for _, batch in self.lessons.batches(order, self.batch_size, batches_on)]
        options = self.policy.options
        if self.ranks.size > 1:
            loss = fit_jointly(self, batches)
        else:
            loss = fit(
                self.policy.token_model,
                self.policy.optimizer,
                batches,
                self.max_grad_norm,
                options["micro_batch_size"],
                options["gradient_checkpointing"],
            )
        self._n_updates += len(batches)
        self.logger.record("train/loss", loss)
        self.logger.record("train/perplexity", float(np.exp(loss)))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")


def fit(
    model: TokenModel,
    optimizer: torch.optim.Optimizer,
    batches: Sequence[EpisodeBatch],
    max_grad_norm: float,
    micro_batch_size: int | None = None,
    gradient_checkpointing: bool = False,
) -> float:
    """Takes one step of ``optimizer`` a batch, in order, down its mean −log p a chosen token.

    p is the language model's own, at temperature 1 and over the whole vocabulary, without dropout, whatever law tokens
    are drawn from later. Tokens that were not chosen, those of the prompt and of a simulator, carry no loss. No global
    random generator moves.

    Args:
        model: Trained in place.
        optimizer: Of its weights; its learning rate stays as it is.
        batches: At least one.
        max_grad_norm: The gradient of each batch is scaled down to this norm.
        micro_batch_size: Tokens whose gradient is computed at once, see `textgym.agents.micro_batches`; that of the
            batch is their sum.
        gradient_checkpointing: See `textgym.agents.trainable.recomputed`.

    Returns:
        The mean loss of all tokens, each at the time of its own step, in nat.

    Raises:
        AgentError: If the loss is not a finite number any more, or the device is not one that `Trainer` takes.
    """
    if model.device.index not in (None, 0):
        raise AgentError(
            f"Transformers' Trainer trains on the first GPU that it sees. Actual device: {model.device}. Give "
            "device='cuda', and choose the GPU by CUDA_VISIBLE_DEVICES."
        )
    with TemporaryDirectory() as folder, _global_generators_kept(), _living_objects_frozen():
        options = TrainingArguments(
            output_dir=folder,  # made even where nothing is saved
            per_device_train_batch_size=1,  # an item is a batch already
            num_train_epochs=1,
            max_grad_norm=max_grad_norm,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            use_cpu=model.device.type == "cpu",
        )
        options._n_gpu = min(options.n_gpu, 1)  # else every visible GPU takes a part of a batch of one
        trainer = _LikelihoodTrainer(
            model=model,
            args=options,
            train_dataset=_Batches(batches),
            data_collator=_only,
            optimizers=(optimizer, _Held(optimizer)),
        )
        trainer.micro_batch_size, trainer.gradient_checkpointing = micro_batch_size, gradient_checkpointing
        trainer.remove_callback(PrinterCallback)
        trainer.remove_callback(ProgressCallback)
        trainer.train()
    return trainer.total / trainer.tokens


class _LikelihoodTrainer(Trainer):
    """A `Trainer` of a `TokenModel`; each item of its data is the fields of an `EpisodeBatch`."""

    total = 0.0
    tokens = 0
    micro_batch_size: int | None = None
    gradient_checkpointing = False

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Adds the gradient of a batch, part by part, and returns the loss."""
        inputs = self._prepare_inputs(inputs)
        parts = micro_batches(_episodes(inputs), self.micro_batch_size)
        if len(parts) == 1:
            return super().training_step(model, inputs, num_items_in_batch)
        model.train()
        total, tokens = torch.zeros((), device=self.args.device), int(inputs["response_mask"].sum())
        for part in parts:  # transformers' accumulation gives each of its steps as much weight, not each token
            loss = self._loss(model, part).sum() / tokens
            self.accelerator.backward(loss)
            total += loss.detach()
        return total

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Returns the mean −log p of the chosen tokens."""
        return self._loss(model, _episodes(inputs)).mean()

    def _loss(self, model: Any, batch: EpisodeBatch) -> torch.Tensor:
        """Returns −log p of each chosen token, ``(M,)``."""
        with recomputed(model.lm) if self.gradient_checkpointing else nullcontext():
            losses = -model.own_log_probs(batch)
        mean = losses.detach().mean()
        if not torch.isfinite(mean):
            raise AgentError(
                f"The loss is {mean.item()} in batch {self.state.global_step} of the round; the weights were left as "
                "they were before it. Lower learning_rate, and go on from a checkpoint."
            )
        self.total += mean.item() * len(losses)
        self.tokens += len(losses)
        return losses

    def _get_train_sampler(self, *args: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)


def _episodes(inputs: dict[str, Any]) -> EpisodeBatch:
    return EpisodeBatch(inputs["input_ids"], inputs["response_mask"], inputs["lengths"].tolist())


class _Batches(Dataset):
    """Batches as dictionaries of tensors, which is what accelerate can move to a device."""

    def __init__(self, batches: Sequence[EpisodeBatch]) -> None:
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        batch = self._batches[index]
        return {
            "input_ids": batch.input_ids,
            "response_mask": batch.response_mask,
            "lengths": torch.tensor(batch.lengths),
        }


def _only(items: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    (item,) = items
    return item


class _Held(LRScheduler):
    """Leaves the learning rate as SB3's schedule set it for the round."""

    def get_lr(self) -> list[float | torch.Tensor]:
        return [group["lr"] for group in self.optimizer.param_groups]


@contextmanager
def _global_generators_kept() -> Iterator[None]:
    """Puts back the generators that `Trainer` seeds: agents promise to leave them alone."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def _living_objects_frozen() -> Iterator[None]:
    """Spares what lives from the garbage collection that accelerate begins every training with: 0.4 s a round."""
    if gc.get_freeze_count():  # somebody else's; unfreezing would undo it
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
