"""Supervised fine-tuning on a task's references."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback, Schedule
from stable_baselines3.common.vec_env import VecEnv

from textgym.errors import AgentError, DataError
from textgym.generated import ENDLESS

from .buffers import EpisodeBuffer
from .demonstrations import demonstrate, prompt_numbers
from .episodes import Episodes
from .models import ModelSpec
from .on_policy import ENVIRONMENTS
from .supervised import Supervised

HELD_OUT = 64
"""Validation prompts whose references are scored after every round; more would cost more than they tell."""


class SFT(Supervised):
    """Supervised fine-tuning: the likelihood of a task's references, through Transformers' `Trainer`.

        agent = SFT("tiny", "TextGen-Summarization-v0").learn(100_000)
        agent.save("runs/sft")
        PPO("runs/sft", "TextGen-Summarization-v0")  # a warm start

    Where learning by trial begins, and what it is measured against: `learn` counts completion tokens, as it does for
    every other agent, so that equal ``total_timesteps`` are equal data. The loss is −log p a completion token, EOS
    included; prompts and the replies of a simulator are read and carry none. Of several references of a row one is
    drawn each time it comes. An endless split is sampled, a finite one is dealt in shuffled epochs.

    Learning goes in rounds of ``n_demonstrations``, after each of which the loss and the perplexity of held-out
    references are logged (``held_out/loss``, ``held_out/perplexity``; of `HELD_OUT` validation prompts, where the task
    has them), callbacks are called once, and a checkpoint is possible. The last round is finished. Dropout is off, as
    it is when the policy writes.

    Args:
        n_demonstrations: References of a round.
        batch_size: Completion tokens of a step of the optimizer; whole episodes, at least one.
        learning_rate: ``"auto"`` is 1e-4 for a pretrained model, 3e-3 for random weights, where PPO has 1e-3: the
            gradient of a likelihood is far less noisy than that of a reward.
        n_envs: Accepted for likeness: nothing is played but conversations, a round of them side by side.
        policy_kwargs: See `PPO`. With ``micro_batch_size`` a step's gradient is accumulated part by part, each token
            counting the same; nothing is computed twice.
        model, env, env_kwargs, max_grad_norm, stats_window_size, tensorboard_log, verbose, seed, device:
            See `PPO`.

    Raises:
        AgentError: If the task has no references.
    """

    n_epochs = 1

    def __init__(
        self,
        model: ModelSpec,
        env: Any,
        *,
        n_envs: int = 1,
        env_kwargs: dict[str, Any] | None = None,
        learning_rate: float | Schedule | str = "auto",
        n_demonstrations: int = 256,
        batch_size: int = 256,
        max_grad_norm: float = 1.0,
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        arguments = dict(locals())
        super().__init__(arguments, counts=("n_demonstrations", "batch_size"))
        self.n_demonstrations = n_demonstrations
        self.batch_size = batch_size
        if self.env is not None and not self._asked().can_answer:
            demonstrate(self._asked(), [], np.random.default_rng())  # raises, and says what is missing
        self._looked = False
        self._held_out: Episodes | None = None

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: EpisodeBuffer,  # type: ignore[override]  # SB3's own buffer, in its types
        n_rollout_steps: int,
    ) -> bool:
        """Takes the references of a round; False if a callback stopped, and then nothing has changed."""
        callback.on_rollout_start()
        self._begun = self._rollouts + 1
        episodes = self._round(self._rollouts)
        tokens = int(episodes.response_mask.sum())
        self.num_timesteps += tokens
        callback.update_locals(locals())
        if self.ranks.any(not callback.on_step()):
            self.num_timesteps -= tokens
            return False
        self._rollouts += 1
        self.lessons = rollout_buffer.episodes = episodes
        self.logger.record("rollout/completion_length", tokens / len(episodes.lengths))
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def train(self) -> None:
        """Learns from the round, and then scores held-out references."""
        super().train()
        if self.ranks.first and (loss := self.held_out_loss()) is not None:
            self.logger.record("held_out/loss", loss)
            self.logger.record("held_out/perplexity", float(np.exp(loss)))

    def held_out_loss(self) -> float | None:
        """Returns −log p a token of the first references of `HELD_OUT` validation prompts, in nat; None without any."""
        if not self._looked:
            self._looked, self._held_out = True, self._validation()
        if self._held_out is None:
            return None
        model = self.policy.token_model
        (log_probs,) = self._held_out.score(lambda batch: model.own_log_probs(batch)[None], self.device)
        return float(-log_probs[self._held_out.response_mask].mean(dtype=np.float64))

    def epoch_tokens(self) -> int:
        """Returns the completion tokens of one pass over the training prompts, for `learn`.

        Raises:
            AgentError: If the split is endless, so that there is no pass over it.
        """
        task = self._asked()
        if len(task) >= ENDLESS:
            raise AgentError(
                f"The split {task.split!r} of {task.name!r} is endless, so there are no epochs of it. Give tokens: "
                "learn(total_timesteps)."
            )
        step = self.n_demonstrations  # bounds the memory of conversations, which are played side by side
        parts = [range(start, min(start + step, len(task))) for start in range(0, len(task), step)]
        rng = np.random.default_rng(0)
        return sum(int(demonstrate(task, part, rng).response_mask.sum()) for part in parts)

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "SFT",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> SFT:
        """Learns from at least ``total_timesteps`` completion tokens; see `stable_baselines3.PPO.learn`."""
        return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)

    def _own_envs(self, arguments: dict[str, Any]) -> int:
        return int(arguments["n_envs"])  # nothing is played in them; ranks share each batch of references

    def _validation(self) -> Episodes | None:
        task = self._asked()
        if task.split == "validation" or not len(task.rows.get("validation", ())):
            return None
        try:
            held_out = replace(task, split="validation")
            return demonstrate(held_out, range(min(HELD_OUT, len(held_out))), np.random.default_rng(0))
        except (AgentError, DataError):  # no references there, or too few prompts to generate: training needs neither
            return None

    def _round(self, number: int) -> Episodes:
        task, count = self._asked(), self.n_demonstrations
        numbers = prompt_numbers(len(task), number * count, count, self._stream(ENVIRONMENTS))
        return demonstrate(task, numbers, np.random.default_rng(self._stream(ENVIRONMENTS, number)))
