"""Proximal policy optimisation: Stable-Baselines3's own update, on whole episodes."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3 import PPO as SB3PPO
from stable_baselines3.common.type_aliases import Schedule

from .joint_update import joint_sb3_update
from .models import ModelSpec
from .on_policy import EpisodicAlgorithm, Start
from .policy import TransformerPolicy


class PPO(SB3PPO, EpisodicAlgorithm):
    """PPO (Schulman et al. 2017, arXiv:1707.06347) for text: SB3 trains, whole episodes are collected.

        agent = PPO("tiny", "TextGen-Sentiment-v0").learn(200_000)

    ``train()`` is SB3's, unmodified, so its hyperparameters, schedules, callbacks and log keys hold. What differs:

    - ``gamma`` is the environment's; another number is an error, since the return would be discounted twice.
    - A rollout has at least ``n_steps × n_envs`` tokens; every episode in it is played to its end.
    - ``batch_size`` counts tokens; a minibatch is whole episodes, each scored in one pass.
    - ``seed`` starts generators of the agent's own; no global generator is read or seeded. None draws one.
    - ``save`` and ``load`` use a folder, without pickle.

    Defaults that differ from SB3's, and why:

    - ``n_envs=64``, ``n_steps=32``: a step of a language model costs little more for 64 contexts than for one.
    - ``batch_size=512``: gradients over a large vocabulary are noisier than over a few actions.
    - ``n_epochs=2``, ``learning_rate="auto"``: 1e-4 for a pretrained policy, which is close to good ones and easily
      spoilt, and 1e-3 for random weights.
    - ``gae_lambda=1.0``: the reward comes at the end, after few tokens; bootstrapping would lean on a new value head.
    - ``vf_coef=0.1``: value and language model share their body, which is the language model's first of all.
    - ``normalize_advantage=False``: once a task is solved, all that is left of the advantages is noise; blown up to
      unit size it destroyed the solved policy within 100 000 tokens in one run of four (TextGen-Target-v0). Adam
      makes the scale of the reward matter little.
    - ``max_grad_norm=1.0``: the custom of language models.

    Args:
        model: ``"tiny"``, ``"scratch"``, a folder, a Hub id, or a transformers model, which is trained in place; see
            `textgym.agents.models.make_model`.
        env: A registered id, a `Task`, a Gymnasium vector environment (autoreset in the same step), or an SB3 VecEnv.
        n_envs: Episodes side by side, where ``env`` is an id or a task.
        env_kwargs: Options of the environment, where ``env`` is an id or a task.
        kl_coef: Reward that a nat of KL to the reference costs; None keeps no reference, 0.0 measures only. The
            reference is the model as it was given. ``"auto"`` is 0.05 for a pretrained model, and None for random
            weights, which hold no language to keep.
        kl_target: KL a token to hold by adapting ``kl_coef``, in nat.
        kl_estimator: ``"k1"``, ``"k2"`` or ``"k3"``; see `textgym.agents.kl`.
        regularisation: KL in the loss, whitened or scaled rewards, a reward for texts that are cut off, as a
            dictionary; see `textgym.agents.regularisation.Regularisation`.
        policy_kwargs: Arguments of `TransformerPolicy`: ``temperature``, ``top_k``, ``top_p``, ``min_p``,
            ``suppress_tokens``, ``forced_tokens``, ``min_new_tokens``, ``precision``, ``optimizer_class``,
            ``optimizer_kwargs``; how it is built and trained: ``lora``, ``train``, ``value_head``, ``value_gradient``,
            ``gradient_checkpointing``, ``micro_batch_size``, ``fsdp``, ``device_map``.
        learning_rate, n_steps, batch_size, n_epochs, gamma, gae_lambda, clip_range, clip_range_vf, normalize_advantage,
            ent_coef, vf_coef, max_grad_norm, target_kl, stats_window_size, tensorboard_log, verbose, seed, device: See
            `stable_baselines3.PPO`.
    """

    joins_ranks = True
    shares_weights = True
    pretrained = Start(learning_rate=1e-4, kl_coef=0.05)
    scratch = Start(learning_rate=1e-3, kl_coef=None)

    def __init__(
        self,
        model: ModelSpec,
        env: Any,
        *,
        n_envs: int = 64,
        env_kwargs: dict[str, Any] | None = None,
        learning_rate: float | Schedule | str = "auto",
        n_steps: int = 32,
        batch_size: int = 512,
        n_epochs: int = 2,
        gamma: float | None = None,
        gae_lambda: float = 1.0,
        clip_range: float | Schedule = 0.2,
        clip_range_vf: float | Schedule | None = None,
        normalize_advantage: bool = False,
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
        venv = self._connect(arguments)
        super().__init__(
            TransformerPolicy,  # type: ignore[arg-type]  # SB3 asks for its own actor-critic; BasePolicy is enough
            venv,  # type: ignore[arg-type]  # None is refused in _setup_model, with a reason
            learning_rate=arguments["learning_rate"],
            n_steps=n_steps,
            # A rollout is whole episodes, so nothing needs to divide its nominal size; SB3 would warn of that.
            batch_size=n_steps * (n_envs if venv is None else venv.num_envs),
            n_epochs=n_epochs,
            gamma=arguments["gamma"],
            gae_lambda=gae_lambda,
            clip_range=clip_range,
            clip_range_vf=clip_range_vf,
            normalize_advantage=normalize_advantage,
            ent_coef=ent_coef,
            vf_coef=vf_coef,
            max_grad_norm=max_grad_norm,
            target_kl=target_kl,
            stats_window_size=stats_window_size,
            tensorboard_log=tensorboard_log,
            policy_kwargs=policy_kwargs,
            verbose=verbose,
            seed=arguments["seed"],
            device=device,
            _init_setup_model=False,
        )
        self.batch_size = batch_size
        self._setup_model()

    def train(self) -> None:
        """Updates the policy, by SB3's own ``train()``."""
        with self.kl_in_loss(), joint_sb3_update(self):
            super().train()
