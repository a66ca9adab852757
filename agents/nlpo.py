"""NLPO: PPO that draws from the likeliest tokens of an earlier self."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback, Schedule
from stable_baselines3.common.vec_env import VecEnv

from textgym.errors import AgentError

from .buffers import EpisodeBuffer
from .models import ModelSpec, frozen_copy
from .ppo import PPO
from .token_model import ContextReader, EpisodeBatch, ReaderPair, TokenModel


class MaskModel(TokenModel):
    """A token model of fixed weights that is saved with the policy; tied weights once, as safetensors holds them."""

    def state_dict(self, *args: Any, prefix: str = "", **kwargs: Any) -> Any:
        """Returns the weights by name, each under the first of its names."""
        state = super().state_dict(*args, prefix=prefix, **kwargs)
        for name in self._tied():
            state.pop(prefix + name, None)
        return state

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        for name, kept in self._tied().items():
            if prefix + kept in state_dict:
                state_dict[prefix + name] = state_dict[prefix + kept]
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def _tied(self) -> dict[str, str]:
        """The further names of weights that have several, and the first of each."""
        first = {parameter: name for name, parameter in self.named_parameters()}
        every = self.named_parameters(remove_duplicate=False)
        return {name: first[parameter] for name, parameter in every if name != first[parameter]}


class MaskedTokenModel(TokenModel):
    """A token model whose law keeps to the likeliest tokens of a mask policy, a frozen copy of its own past.

    The mask policy reads the same contexts, over what environment and rules allow, at the same temperature. So some
    token is always left, and all who ask for the law, be it to draw, to score, to differentiate or to measure a KL,
    get the same one.

    Args:
        model: The model to restrict; its weights are shared, not copied.
        top_k: Number of the mask policy's tokens kept, or None.
        top_p: Probability of the mask policy's tokens kept, or None.
    """

    def __init__(self, model: TokenModel, top_k: int | None, top_p: float | None) -> None:
        super().__init__(
            model.lm,
            model.vocab_size,
            model.temperature,
            model.top_k,
            model.top_p,
            model.precision,
            model.min_p,
            model.rules,
        )
        lm = frozen_copy(model.lm)
        self.mask_model = MaskModel(lm, model.vocab_size, model.temperature, top_k, top_p, model.precision)

    @property
    def cuts(self) -> bool:
        """Always: by how likely the mask policy finds a token."""
        return True

    @torch.no_grad()
    def refresh(self) -> None:
        """Makes the mask policy a copy of the policy as it is now."""
        for mask, own in zip(self.mask_model.lm.parameters(), self.lm.parameters(), strict=True):
            if mask is not own:  # weights that never learn are shared
                mask.copy_(own)

    def decoder(self, size: int, length: int) -> ContextReader:
        """Returns what follows ``size`` contexts, with a KV cache for each of the two models."""
        return ReaderPair(super().decoder(size, length), self.mask_model.decoder(size, length))

    def restrict_step(
        self,
        decoder: ContextReader,
        input_ids: np.ndarray,
        lengths: np.ndarray,
        mask: torch.Tensor | None,
        prompt_lengths: np.ndarray | None = None,
    ) -> torch.Tensor:
        """Returns the mask policy's likeliest tokens in contexts that ``decoder`` follows, bool ``(n, V)``."""
        assert isinstance(decoder, ReaderPair)  # `decoder` made it
        hidden = self.mask_model.advance(decoder.second, input_ids, lengths, prompt_lengths)
        return self.mask_model.distribution(hidden, mask, decoder.second).support

    @torch.no_grad()
    def restrict_contexts(
        self,
        input_ids: torch.Tensor,
        lengths: torch.Tensor,
        mask: torch.Tensor | None,
        prompt_lengths: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Returns the mask policy's likeliest tokens in whole contexts, bool ``(B, V)``."""
        hidden = self.mask_model.context_hidden(input_ids, lengths, prompt_lengths)
        return self.mask_model.distribution(hidden, mask).support

    @torch.no_grad()
    def restrict_episodes(self, episodes: EpisodeBatch, mask: torch.Tensor | None) -> torch.Tensor:
        """Returns the mask policy's likeliest tokens for each chosen token, bool ``(M, V)``."""
        return self.mask_model.distribution(self.mask_model.response_hidden(episodes), mask).support


class NLPO(PPO):
    """NLPO (Ramamurthy et al. 2023, arXiv:2210.01241 §4): PPO over the likeliest tokens of a mask policy.

        agent = NLPO("tiny", "TextGen-Sentiment-v0").learn(200_000)

    The mask policy is a frozen copy of the policy, renewed before every ``mask_refresh``-th rollout, and with it the
    tokens that can be drawn. In each context the policy is renormalised over the mask policy's top-p (or top-k) set,
    and that one law is drawn from, scored, differentiated and evaluated: `predict` and `evaluate` keep to the mask,
    and a token outside it has probability 0. The sets are kept with the tokens drawn, so that the update, whatever
    its weights, speaks of the same law, and a ratio starts at 1. The reference of the KL is not restricted.

    A second model reads all that is written, so collection takes about twice as much of the models' time, and memory
    holds a second set of weights and a second KV cache. What else differs from SB3, and other defaults, are told at
    `PPO`.

    Args:
        mask_top_p: Probability of the mask policy that is kept, in (0, 1]; None keeps all. 0.9, like the 20 below, is
            a value of the authors' own library, RL4LMs.
        mask_top_k: Number of the mask policy's likeliest tokens that are kept; None keeps all. With both, the
            probability is counted among these tokens.
        mask_refresh: Rollouts between two renewals of the mask policy, at least 1. What the mask leaves out is not
            tried before it is renewed.
        model, env, n_envs, env_kwargs, kl_coef, kl_target, kl_estimator, regularisation, policy_kwargs: See `PPO`.
            ``top_k``, ``top_p`` and ``min_p`` of ``policy_kwargs`` cut the policy's own law, within the mask.
        learning_rate, n_steps, batch_size, n_epochs, gamma, gae_lambda, clip_range, clip_range_vf, normalize_advantage,
            ent_coef, vf_coef, max_grad_norm, target_kl, stats_window_size, tensorboard_log, verbose, seed, device: See
            `stable_baselines3.PPO`.

    Raises:
        AgentError: If neither ``mask_top_p`` nor ``mask_top_k`` is given, or one lies outside its range.
    """

    shares_weights = False  # the mask policy reads them whole in every update

    def __init__(
        self,
        model: ModelSpec,
        env: Any,
        *,
        n_envs: int = 64,
        env_kwargs: dict[str, Any] | None = None,
        mask_top_p: float | None = 0.9,
        mask_top_k: int | None = None,
        mask_refresh: int = 20,
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
        if mask_top_p is None and mask_top_k is None:
            raise AgentError("NLPO keeps to the likeliest tokens of its mask policy: give mask_top_p or mask_top_k.")
        if isinstance(mask_refresh, bool) or not isinstance(mask_refresh, int) or mask_refresh < 1:
            raise AgentError(f"mask_refresh counts rollouts, at least 1. Actual value: {mask_refresh!r}.")
        self.mask_top_p, self.mask_top_k, self.mask_refresh = mask_top_p, mask_top_k, mask_refresh
        own = {name: arguments.pop(name) for name in ("mask_top_p", "mask_top_k", "mask_refresh")}
        super().__init__(**{name: value for name, value in arguments.items() if name not in ("self", "__class__")})
        self.arguments |= own  # to be saved with the others

    def _setup_model(self) -> None:
        super()._setup_model()
        self.policy.token_model = MaskedTokenModel(self.policy.token_model, self.mask_top_k, self.mask_top_p)

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: EpisodeBuffer,  # type: ignore[override]  # SB3's own buffer, in its types
        n_rollout_steps: int,
    ) -> bool:
        """Renews the mask policy where it is time, then collects; see `EpisodicAlgorithm.collect_rollouts`."""
        # Counted in rollouts, which are saved: an agent that is loaded before its first step renews at the same ones.
        if self._rollouts % self.mask_refresh == 0:
            assert isinstance(self.policy.token_model, MaskedTokenModel)
            self.policy.token_model.refresh()
        return super().collect_rollouts(env, callback, rollout_buffer, n_rollout_steps)

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "NLPO",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> NLPO:
        """Learns from at least ``total_timesteps`` tokens; see `stable_baselines3.PPO.learn`."""
        return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)
