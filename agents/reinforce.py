"""REINFORCE with a choice of baselines, several samples of a prompt, and clipped ratios."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from stable_baselines3.common.type_aliases import MaybeCallback, Schedule
from stable_baselines3.common.utils import FloatSchedule, explained_variance
from torch.nn import functional as F

from textgym.errors import AgentError, suggest

from .buffers import generalized_advantage_estimation
from .episodes import Episodes
from .groups import BASELINES, episode_baseline, first_returns, group_deviation, zero_variance
from .joint_update import joint_update
from .losses import LOSS_TYPES, loss_divisor, policy_loss, token_weights
from .models import ModelSpec
from .on_policy import EpisodicAlgorithm, Start
from .policy import TransformerPolicy
from .rollouts import check_groups
from .spaces import check_spaces


class REINFORCE(EpisodicAlgorithm):
    """REINFORCE (Williams 1992) for text: one unbiased step of policy gradient a rollout.

        agent = REINFORCE("tiny", "TextGen-Sentiment-v0").learn(200_000)

    ∇J ∝ E[Σ_t (G_t − b) ∇ log π(a_t | s_t)] with the return G_t = Σ_{s ≥ t} γ^{s−t} r_s, KL priced in. The loss is the
    mean over tokens, so that learning rates carry over from PPO. The baseline b is

    - ``"none"``: 0;
    - ``"mean"``: the mean return of the rollout's episodes; not quite independent of the token, hence slightly biased;
    - ``"leave_one_out"``: the mean return of the *other* episodes (Kool et al. 2019; RLOO, Ahmadian et al. 2024,
      arXiv:2402.14740), which is independent of it: those of the same prompt where ``n_samples`` is above 1, else
      those of the rollout;
    - ``"group"``: the mean return of the episodes of the same prompt (GRPO, Shao et al. 2024, arXiv:2402.03300), its
      own included, which shortens the gradient by the factor 1 − 1 / n_samples and does not turn it;
    - ``"value"``: V of the context, learnt with ``vf_coef``.

    ``n_samples`` = k plays every prompt k times: groups of k environments draw the same prompts in the same order, and
    a rollout ends when its groups are complete. ``rollout/zero_variance_groups`` is the share of groups whose episodes
    all earned the same; they teach nothing about the task.

    By default every rollout makes one step of the optimizer, on all of its tokens; ``batch_size`` only bounds the
    memory, as ``micro_batch_size`` of ``policy_kwargs`` does elsewhere, and computes nothing twice. ``n_epochs`` ×
    ``n_minibatches`` steps see tokens that another policy drew; ``clip_range`` is for them.
    `RLOO`, `GRPO` and `DrGRPO` are this class with the defaults of their papers. What else differs from SB3 is told at
    `PPO`. Defaults that differ from PPO's: ``n_steps=16``, since each rollout makes one step only, and
    ``learning_rate="auto"``, 3e-4 for a pretrained model and 3e-3 for random weights, since there is one step where PPO
    makes many.

    Args:
        baseline: One of those above.
        n_samples: Episodes of each prompt, k; it must divide ``n_envs``. TRL's ``num_generations``.
        normalize_advantage: True divides G − b by its standard deviation over the rollout's tokens; ``"group"`` by
            that of the returns of its group (k − 1 in the denominator, plus 1e-4, as in TRL), which weighs prompts by
            how rarely or how surely they succeed: GRPO's bias. TRL's ``scale_rewards``.
        clip_range: ε of PPO's clipped ratio π / π_old, see `policy_loss`; None is the plain gradient of log π, which
            only the first step of a rollout has without bias. TRL's ``epsilon``.
        n_epochs: Times that a rollout is gone through. TRL's ``num_iterations``.
        n_minibatches: Steps of the optimizer an epoch, each on a part of the episodes.
        target_kl: The rollout is left once a minibatch is 1.5 times this far from the policy that drew it, in nat a
            token, as in SB3's PPO; None never.
        loss_type: How tokens are averaged, by TRL's names: ``"dapo"``, ``"grpo"`` or ``"dr_grpo"``; see
            `textgym.agents.losses`.
        model, env, n_envs, env_kwargs, kl_coef, kl_target, kl_estimator, regularisation, policy_kwargs: See `PPO`.
        learning_rate, n_steps, batch_size, gamma, ent_coef, vf_coef, max_grad_norm, stats_window_size,
            tensorboard_log, verbose, seed, device: See `stable_baselines3.PPO`.
    """

    joins_ranks = True
    shares_weights = True
    pretrained = Start(learning_rate=3e-4, kl_coef=0.05)
    scratch = Start(learning_rate=3e-3, kl_coef=None)

    def __init__(
        self,
        model: ModelSpec,
        env: Any,
        *,
        n_envs: int = 64,
        env_kwargs: dict[str, Any] | None = None,
        baseline: str = "leave_one_out",
        n_samples: int = 1,
        learning_rate: float | Schedule | str = "auto",
        n_steps: int = 16,
        batch_size: int = 4096,
        n_epochs: int = 1,
        n_minibatches: int = 1,
        gamma: float | None = None,
        clip_range: float | Schedule | None = None,
        normalize_advantage: bool | str = False,
        loss_type: str = "dapo",
        ent_coef: float = 0.0,
        vf_coef: float = 0.1,
        max_grad_norm: float = 1.0,
        target_kl: float | None = None,
        kl_coef: float | str | None = "auto",
        kl_target: float | None = None,
        kl_estimator: str = "k1",
        regularisation: dict[str, Any] | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        arguments = dict(locals())
        _check(arguments)
        super().__init__(
            TransformerPolicy,  # type: ignore[arg-type]  # SB3 asks for its own actor-critic; BasePolicy is enough
            self._connect(arguments),  # type: ignore[arg-type]  # None is refused in _setup_model, with a reason
            learning_rate=arguments["learning_rate"],
            n_steps=n_steps,
            gamma=arguments["gamma"],
            gae_lambda=1.0,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            use_sde=False,
            sde_sample_freq=-1,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=arguments["seed"],
            device=device,
            _init_setup_model=False,
        )
        self.baseline = baseline
        self.n_samples = n_samples
        self.batch_size = batch_size
        self.n_epochs = n_epochs
        self.n_minibatches = n_minibatches
        self.clip_range = None if clip_range is None else FloatSchedule(clip_range)
        self.normalize_advantage = normalize_advantage
        self.loss_type = loss_type
        self.target_kl = target_kl
        self._n_updates = 0
        self._setup_model()

    def _setup_model(self) -> None:
        super()._setup_model()
        if self.env is not None:
            check_groups(self.env.num_envs, self.n_samples)
        self.rollout_buffer.n_samples = self.n_samples

    def train(self) -> None:
        """Takes the steps of the optimizer that the rollout is good for, up the policy gradient."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        clip_range = None if self.clip_range is None else self.clip_range(self._current_progress_remaining)
        with self.kl_in_loss(), joint_update(self, lambda: self._divisor):
            steps = self._take_steps(clip_range)
            means = {name: sum(step[name] for step in steps) / len(steps) for name in steps[0]}
            if self.baseline != "value":
                del means["value_loss"]
            else:
                variance = explained_variance(self.rollout_buffer.values, self.rollout_buffer.returns)
                self.logger.record("train/explained_variance", variance)
            if clip_range is None:
                del means["clip_fraction"]
            else:
                self.logger.record("train/clip_range", clip_range)
            for name, value in means.items():
                self.logger.record(f"train/{name}", value)
            self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _take_steps(self, clip_range: float | None) -> list[dict[str, float]]:
        steps: list[dict[str, float]] = []
        for minibatch in self._minibatches():
            self.policy.optimizer.zero_grad()
            steps.append(self._backward(minibatch, clip_range))
            if self.target_kl is not None and self._moved(steps[-1]["approx_kl"], minibatch) > 1.5 * self.target_kl:
                break
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            self._n_updates += 1
        return steps

    def _moved(self, approx_kl: float, minibatch: np.ndarray) -> float:
        """Returns the KL of all ranks' minibatches, given that of this rank's, both in nat a token."""
        if self.ranks.size == 1:
            return approx_kl
        tokens = int(self.rollout_buffer.episodes.response_mask[minibatch].sum())
        total, count = self.ranks.sum([approx_kl * tokens, tokens])
        return float(total / count)

    def _minibatches(self) -> Iterator[np.ndarray]:
        for _ in range(self.n_epochs):
            yield from self.rollout_buffer.minibatches(self.n_minibatches)

    def _backward(self, minibatch: np.ndarray, clip_range: float | None) -> dict[str, float]:
        """Adds the gradient of the loss over some episodes, ``(B,)`` numbers, and returns what the log tells of it."""
        chosen = self.rollout_buffer.episodes.response_mask[minibatch]
        divisor, tokens = loss_divisor(self.loss_type, chosen, self._longest_completion), int(chosen.sum())
        self._divisor = divisor
        sums = dict.fromkeys(
            ("policy_gradient_loss", "entropy_loss", "value_loss", "loss", "approx_kl", "clip_fraction"), 0.0
        )
        for batch in self.rollout_buffer.get(self.batch_size, minibatch):
            episodes: Any = batch.observations
            values, log_prob, entropy = self.policy.evaluate_actions(episodes, batch.actions)
            weights = token_weights(self.loss_type, episodes.response_mask)
            surrogate = policy_loss(log_prob, batch.old_log_prob, batch.advantages, clip_range)
            losses = {
                "policy_gradient_loss": (weights * surrogate).sum() / divisor,
                "entropy_loss": -(weights * entropy).sum() / divisor,
                "value_loss": (weights * F.mse_loss(values, batch.returns, reduction="none")).sum() / divisor,
            }
            loss = losses["policy_gradient_loss"] + self.ent_coef * losses["entropy_loss"]
            if self.baseline == "value":
                loss = loss + self.vf_coef * losses["value_loss"]
            loss.backward()
            with torch.no_grad():
                log_ratio = log_prob - batch.old_log_prob
                ratio = log_ratio.exp()
                measures = {"approx_kl": (ratio - 1 - log_ratio).sum() / tokens}
                if clip_range is not None:
                    measures["clip_fraction"] = ((ratio - 1).abs() > clip_range).sum() / tokens
            for name, part in {**losses, "loss": loss, **measures}.items():
                sums[name] += part.item()
        return sums

    @property
    def _longest_completion(self) -> int:
        """Tokens that a completion can have; of an environment without a task, cells of a context."""
        return (
            self.task.max_new_tokens
            if self.task is not None
            else check_spaces(self.observation_space, self.action_space)[1]
        )

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str | None = None,
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Learns from at least ``total_timesteps`` tokens; see `stable_baselines3.PPO.learn`.

        ``tb_log_name`` is by default the name of the class.
        """
        name = type(self).__name__ if tb_log_name is None else tb_log_name
        return super().learn(total_timesteps, callback, log_interval, name, reset_num_timesteps, progress_bar)

    def _advantages(self, episodes: Episodes, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chosen = episodes.response_mask
        nothing = np.zeros_like(rewards)
        returns, _ = generalized_advantage_estimation(rewards, nothing, chosen, self.gamma, 1.0)
        if self.baseline == "value":
            baseline = episodes.values
        else:
            own = self._baseline(returns, chosen)
            baseline = np.broadcast_to(own[:, None], returns.shape)
        advantages = np.where(chosen, returns - baseline, 0).astype(np.float32)
        if self.normalize_advantage == "group":
            advantages /= group_deviation(returns, chosen, self.n_samples)[:, None].astype(np.float32)
        elif self.normalize_advantage:
            advantages /= self.ranks.union(advantages[chosen]).std() + 1e-8
        if self.n_samples > 1:
            share = zero_variance(episodes.rewards.sum(1), self.n_samples)
            self.logger.record("rollout/zero_variance_groups", share)
        return advantages, returns

    def _baseline(self, returns: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Returns the baseline of each episode, by those of all ranks, float64 ``(E,)``."""
        if self.ranks.size == 1:
            return episode_baseline(self.baseline, returns, chosen, self.n_samples)
        parts = self.ranks.gather(first_returns(returns, chosen)[:, None])
        union = np.concatenate(parts)
        baseline = episode_baseline(self.baseline, union, np.ones(union.shape, bool), self.n_samples)
        start = sum(len(part) for part in parts[: self.ranks.rank])
        return baseline[start : start + len(returns)]


def _check(arguments: dict[str, Any]) -> None:
    for name, choices in (("baseline", BASELINES), ("loss_type", LOSS_TYPES)):
        value = arguments[name]
        if value not in choices:
            raise AgentError(
                f"There is no {name} {value!r}.{suggest(value, choices)} Choose from {', '.join(choices)}."
            )
    for name in ("n_samples", "n_epochs", "n_minibatches"):
        value = arguments[name]
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise AgentError(f"{name} is a whole number, at least 1. Actual value: {value!r}.")
    if arguments["normalize_advantage"] not in (True, False, "group"):
        raise AgentError(
            "normalize_advantage is True (over the rollout's tokens), 'group' or False. Actual value: "
            f"{arguments['normalize_advantage']!r}."
        )
    if arguments["n_samples"] == 1 and "group" in (arguments["baseline"], arguments["normalize_advantage"]):
        raise AgentError(
            "A group of one episode has its own return for a mean, and no deviation: nothing would be learnt. Set "
            "n_samples to the episodes that each prompt gets, such as 8, or choose baseline='leave_one_out' and "
            "normalize_advantage=False. Actual value: n_samples=1."
        )
