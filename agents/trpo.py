"""Trust region policy optimisation: sb3-contrib's own update, on whole episodes."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.type_aliases import Schedule
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from textgym.errors import AgentError

from .models import ModelSpec
from .on_policy import EpisodicAlgorithm, Start
from .policy import TransformerPolicy
from .regularisation import Regularisation

try:
    from sb3_contrib import TRPO as ContribTRPO
except ModuleNotFoundError as error:
    raise AgentError("TRPO is sb3-contrib's. Run `pip install 'textgym[contrib]'`.") from error

NOISE = 4
"""Key of the random stream that conjugate gradients start from; see `textgym.agents.on_policy`."""


class TRPO(ContribTRPO, EpisodicAlgorithm):
    """TRPO (Schulman et al. 2015, arXiv:1502.05477) for text: sb3-contrib trains, whole episodes are collected.

        agent = TRPO("tiny", "TextGen-Sentiment-v0").learn(200_000)

    ``train()`` is sb3-contrib's, unmodified: the natural gradient by conjugate gradients, a step whose KL stays below
    ``target_kl``, on all tokens of a rollout at once, so that memory grows with ``n_steps × n_envs`` whatever
    ``micro_batch_size`` says; then steps of the value head alone, since all other weights are the policy's. What a step
    is bounded in is nat, not the size of a gradient: there is no ``ent_coef``, no ``max_grad_norm``, and
    ``learning_rate`` is that of the value.

    The price is second derivatives. They need plain attention instead of the fused one, and each step of conjugate
    gradients differentiates the gradient once more: an update on 1024 tokens takes ten times that of `PPO` (0.58 s and
    0.06 s on one CPU core, random weights), and several times the memory. On TextGen-Target-v0 it needs fewer tokens
    than `A2C`, which takes one step a rollout, too. What else differs from SB3 is told at `PPO`. Defaults that differ
    from sb3-contrib's, and why:

    - ``n_envs=64``, ``n_steps=16``, ``batch_size=512``: as for `A2C` and `PPO`.
    - ``gae_lambda=1.0``, ``normalize_advantage=False``: as for `PPO`.
    - ``target_kl=0.05``: nat a token, in the one step that a rollout makes. TextGen-Target-v0 stands at 0.25 after 20
      rollouts with 0.01, and at 0.7 with 0.05.
    - ``cg_max_steps=5``, ``n_critic_updates=4``: learnt as fast as 10 and 10, in two thirds of the time.

    Args:
        model, env, n_envs, env_kwargs, kl_coef, kl_target, kl_estimator, regularisation, policy_kwargs: See `PPO`.
            The KL can be priced in the reward only.
        learning_rate, n_steps, batch_size, gamma, gae_lambda, cg_max_steps, cg_damping, line_search_shrinking_factor,
            line_search_max_iter, n_critic_updates, normalize_advantage, target_kl, stats_window_size, tensorboard_log,
            verbose, seed, device: See `sb3_contrib.TRPO`.
    """

    joins_ranks = False  # its line search and its conjugate gradients ask for the KL and the gradient many times a step
    pretrained = Start(learning_rate=1e-3, kl_coef=0.05)
    scratch = Start(learning_rate=1e-3, kl_coef=None)

    def __init__(
        self,
        model: ModelSpec,
        env: Any,
        *,
        n_envs: int = 64,
        env_kwargs: dict[str, Any] | None = None,
        learning_rate: float | Schedule | str = "auto",
        n_steps: int = 16,
        batch_size: int = 512,
        gamma: float | None = None,
        cg_max_steps: int = 5,
        cg_damping: float = 0.1,
        line_search_shrinking_factor: float = 0.8,
        line_search_max_iter: int = 10,
        n_critic_updates: int = 4,
        gae_lambda: float = 1.0,
        normalize_advantage: bool = False,
        target_kl: float = 0.05,
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
        if Regularisation.of(regularisation).kl_in == "loss":
            raise AgentError(
                "TRPO has no loss to add the KL to: its objective is improved within a trust region. Leave out "
                "'kl_in', so that the KL is paid in the reward, or use PPO, A2C or REINFORCE."
            )
        venv = self._connect(arguments)
        super().__init__(
            TransformerPolicy,  # type: ignore[arg-type]  # SB3 asks for its own actor-critic; BasePolicy is enough
            venv,  # type: ignore[arg-type]  # None is refused in _setup_model, with a reason
            learning_rate=arguments["learning_rate"],
            n_steps=n_steps,
            # A rollout is whole episodes, so nothing needs to divide its nominal size; sb3-contrib would warn of that.
            batch_size=n_steps * (n_envs if venv is None else venv.num_envs),
            gamma=arguments["gamma"],
            cg_max_steps=cg_max_steps,
            cg_damping=cg_damping,
            line_search_shrinking_factor=line_search_shrinking_factor,
            line_search_max_iter=line_search_max_iter,
            n_critic_updates=n_critic_updates,
            gae_lambda=gae_lambda,
            normalize_advantage=normalize_advantage,
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
        self._actor: list[nn.Parameter] = []
        """Parameters that wait for the value's steps to be over."""
        self._setup_model()

    def train(self) -> None:
        """Takes a step within the trust region, then steps of the value head."""
        noise = self._stream(NOISE, self._rollouts)
        try:
            with (
                sdpa_kernel(SDPBackend.MATH),  # the fused kernels have no second derivative
                torch.random.fork_rng([self.device] if self.device.type == "cuda" else []),
            ):
                torch.manual_seed(noise)  # conjugate gradients start from noise of the global generator
                super().train()
        finally:
            for parameter in self._actor:
                parameter.requires_grad_(True)
            self._actor = []
        self.policy._count_update()  # the line search writes where torch's own count of writes does not see it

    def _compute_actor_grad(
        self, kl_div: torch.Tensor, policy_objective: torch.Tensor
    ) -> tuple[list[nn.Parameter], torch.Tensor, torch.Tensor, list[tuple[int, ...]]]:
        # sb3-contrib differentiates parameter by parameter, which makes of the second derivative a pass through as many
        # graphs as there are parameters; it also knows the value head by its name, and stumbles over what is frozen.
        trained = [parameter for parameter in self.policy.parameters() if parameter.requires_grad]
        of_kl = torch.autograd.grad(kl_div, trained, create_graph=True, allow_unused=True)
        pairs = [(parameter, grad) for parameter, grad in zip(trained, of_kl, strict=True) if grad is not None]
        actor = [parameter for parameter, _ in pairs]
        of_objective = torch.autograd.grad(policy_objective, actor, retain_graph=True)
        return (
            actor,
            torch.cat([grad.reshape(-1) for grad in of_objective]),
            torch.cat([grad.reshape(-1) for _, grad in pairs]),
            [tuple(parameter.shape) for parameter in actor],
        )

    def hessian_vector_product(
        self, params: list[nn.Parameter], grad_kl: torch.Tensor, vector: torch.Tensor, retain_graph: bool = True
    ) -> torch.Tensor:
        """Returns (H + damping) · vector, H the second derivative of the KL: the Fisher information."""
        product = super().hessian_vector_product(params, grad_kl, vector, retain_graph)
        if not retain_graph:
            # The last derivative of the policy. The steps of the value would carry gradients through the language
            # model only for them to be thrown away.
            self._actor = params
            for parameter in params:
                parameter.requires_grad_(False)
        return product
