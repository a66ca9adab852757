"""Advantage actor-critic: Stable-Baselines3's own update, on whole episodes."""

from __future__ import annotations

from typing import Any, Self

import torch
from stable_baselines3 import A2C as SB3A2C
from stable_baselines3.common.type_aliases import MaybeCallback, Schedule

from .joint_update import joint_sb3_update
from .models import ModelSpec
from .on_policy import EpisodicAlgorithm, Start
from .policy import TransformerPolicy


class A2C(SB3A2C, EpisodicAlgorithm):
    """A2C (Mnih et al. 2016, arXiv:1602.01783) for text: SB3 trains, whole episodes are collected.

        agent = A2C("tiny", "TextGen-Sentiment-v0").learn(200_000)

    ``train()`` is SB3's, unmodified: one step of the optimizer a rollout, on all of its tokens at once, so that memory
    grows with ``n_steps × n_envs``, unless ``micro_batch_size`` of ``policy_kwargs`` bounds it. What else differs from
    SB3 is told at `PPO`. Defaults that differ from SB3's, and why:

    - ``n_envs=64``, ``n_steps=16``: each rollout makes one step only, which is to see many episodes.
    - ``use_rms_prop=False``: a language model is trained by Adam, here as before.
    - ``learning_rate="auto"``: 3e-4 for a pretrained model and 3e-3 for random weights, as for `REINFORCE`.
    - ``vf_coef=0.1``, ``max_grad_norm=1.0``: as for `PPO`.

    It is `REINFORCE` with ``baseline="value"``, in SB3's words and in one batch; ``gae_lambda`` is what it has more.

    Args:
        use_rms_prop: Whether to use RMSprop with ``alpha=0.99`` and ``rms_prop_eps`` instead of Adam.
        model, env, n_envs, env_kwargs, kl_coef, kl_target, kl_estimator, regularisation, policy_kwargs: See `PPO`.
        learning_rate, n_steps, gamma, gae_lambda, ent_coef, vf_coef, max_grad_norm, rms_prop_eps, normalize_advantage,
            stats_window_size, tensorboard_log, verbose, seed, device: See `stable_baselines3.A2C`.
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
        learning_rate: float | Schedule | str = "auto",
        n_steps: int = 16,
        gamma: float | None = None,
        gae_lambda: float = 1.0,
        ent_coef: float = 0.0,
        vf_coef: float = 0.1,
        max_grad_norm: float = 1.0,
        rms_prop_eps: float = 1e-5,
        use_rms_prop: bool = False,
        normalize_advantage: bool = False,
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
        super().__init__(
            TransformerPolicy,  # type: ignore[arg-type]  # SB3 asks for its own actor-critic; BasePolicy is enough
            self._connect(arguments),  # type: ignore[arg-type]  # None is refused in _setup_model, with a reason
            learning_rate=arguments["learning_rate"],
            n_steps=n_steps,
            gamma=arguments["gamma"],
            gae_lambda=gae_lambda,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            rms_prop_eps=rms_prop_eps,
            use_rms_prop=use_rms_prop,
            normalize_advantage=normalize_advantage,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=None if policy_kwargs is None else dict(policy_kwargs),  # SB3 writes its RMSprop into it
            verbose=verbose,
            seed=arguments["seed"],
            device=device,
            _init_setup_model=False,
        )
        self._setup_model()

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "A2C",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> Self:
        """Learns from at least ``total_timesteps`` tokens; see `stable_baselines3.A2C.learn`.

        It logs every rollout, where SB3's logs one in a hundred of its small ones.
        """
        return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)

    def train(self) -> None:
        """Updates the policy, by SB3's own ``train()``."""
        with self.kl_in_loss(), joint_sb3_update(self):
            super().train()
