"""REINFORCE with a choice of baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.type_aliases import MaybeCallback, Schedule
from stable_baselines3.common.utils import explained_variance
from torch.nn import functional as F

from textgym.errors import AgentError, suggest

from .buffers import generalized_advantage_estimation
from .episodes import Episodes
from .models import ModelSpec
from .on_policy import EpisodicAlgorithm, Start
from .policy import TransformerPolicy

BASELINES = ("none", "mean", "leave_one_out", "value")


class REINFORCE(EpisodicAlgorithm):
    """REINFORCE (Williams 1992) for text: one unbiased step of policy gradient a rollout.

        agent = REINFORCE("tiny", "TextGen-Sentiment-v0").learn(200_000)

    ∇J ∝ E[Σ_t (G_t − b) ∇ log π(a_t | s_t)] with the return G_t = Σ_{s ≥ t} γ^{s−t} r_s, KL priced in. The loss is the
    mean over tokens, so that learning rates carry over from PPO. The baseline b is

    - ``"none"``: 0;
    - ``"mean"``: the mean return of the rollout's episodes; not quite independent of the token, hence slightly biased;
    - ``"leave_one_out"``: the mean return of the *other* episodes (Kool et al. 2019; RLOO, Ahmadian et al. 2024,
      arXiv:2402.14740), which is independent of it;
    - ``"value"``: V of the context, learnt with ``vf_coef``.

    Every rollout makes one step of the optimizer, on all of its tokens; ``batch_size`` only bounds the memory. What
    else differs from SB3 is told at `PPO`. Defaults that differ from PPO's: ``n_steps=16``, since each rollout makes
    one step only, and ``learning_rate="auto"``, 3e-4 for a pretrained model and 3e-3 for random weights, since there is
    one step where PPO makes many.

    Args:
        baseline: One of those above.
        normalize_advantage: Whether to divide G − b by its standard deviation over the rollout's tokens.
        model, env, n_envs, env_kwargs, kl_coef, kl_target, kl_estimator, policy_kwargs: See `PPO`.
        learning_rate, n_steps, batch_size, gamma, ent_coef, vf_coef, max_grad_norm, stats_window_size,
            tensorboard_log, verbose, seed, device: See `stable_baselines3.PPO`.
    """

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
        learning_rate: float | Schedule | str = "auto",
        n_steps: int = 16,
        batch_size: int = 4096,
        gamma: float | None = None,
        normalize_advantage: bool = False,
        ent_coef: float = 0.0,
        vf_coef: float = 0.1,
        max_grad_norm: float = 1.0,
        kl_coef: float | str | None = "auto",
        kl_target: float | None = None,
        kl_estimator: str = "k1",
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        arguments = dict(locals())
        if baseline not in BASELINES:
            raise AgentError(
                f"There is no baseline {baseline!r}.{suggest(baseline, BASELINES)} Choose from {', '.join(BASELINES)}."
            )
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
        self.batch_size = batch_size
        self.normalize_advantage = normalize_advantage
        self._n_updates = 0
        self._setup_model()

    def train(self) -> None:
        """Takes one step up the policy gradient of the rollout."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        self.policy.optimizer.zero_grad()
        tokens = int(self.rollout_buffer.episodes.response_mask.sum())
        sums: dict[str, float] = {"policy_gradient_loss": 0.0, "entropy_loss": 0.0, "value_loss": 0.0, "loss": 0.0}
        for batch in self.rollout_buffer.get(self.batch_size):
            values, log_prob, entropy = self.policy.evaluate_actions(batch.observations, batch.actions)  # type: ignore[arg-type]
            losses = {
                "policy_gradient_loss": -(batch.advantages * log_prob).sum() / tokens,
                "entropy_loss": -entropy.sum() / tokens,
                "value_loss": F.mse_loss(values, batch.returns, reduction="sum") / tokens,
            }
            loss = losses["policy_gradient_loss"] + self.ent_coef * losses["entropy_loss"]
            if self.baseline == "value":
                loss = loss + self.vf_coef * losses["value_loss"]
            loss.backward()
            for name, part in {**losses, "loss": loss}.items():
                sums[name] += part.item()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
        self.policy.optimizer.step()

        self._n_updates += 1
        if self.baseline != "value":
            del sums["value_loss"]
        else:
            variance = explained_variance(self.rollout_buffer.values, self.rollout_buffer.returns)
            self.logger.record("train/explained_variance", variance)
        for name, value in sums.items():
            self.logger.record(f"train/{name}", value)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "REINFORCE",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> REINFORCE:
        """Learns from at least ``total_timesteps`` tokens; see `stable_baselines3.PPO.learn`."""
        return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)

    def _advantages(self, episodes: Episodes, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chosen = episodes.response_mask
        nothing = np.zeros_like(rewards)
        returns, _ = generalized_advantage_estimation(rewards, nothing, chosen, self.gamma, 1.0)
        if self.baseline == "value":
            baseline = episodes.values
        else:
            baseline = np.broadcast_to(episode_baseline(self.baseline, returns, chosen)[:, None], returns.shape)
        advantages = np.where(chosen, returns - baseline, 0).astype(np.float32)
        if self.normalize_advantage:
            advantages /= advantages[chosen].std() + 1e-8
        return advantages, returns


def episode_baseline(name: str, returns: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the baseline of each episode, float64 ``(E,)``; see `REINFORCE`.

    Args:
        name: ``"none"``, ``"mean"`` or ``"leave_one_out"``.
        returns: Return from each token on, ``(E, T)``.
        mask: True where the policy chose the token, bool ``(E, T)``.
    """
    whole = returns[np.arange(len(returns)), mask.argmax(1)].astype(np.float64)  # from the first token chosen
    if name == "none":
        return np.zeros(len(whole))
    if name == "mean":
        return np.full(len(whole), whole.mean())
    return (whole.sum() - whole) / max(len(whole) - 1, 1)
