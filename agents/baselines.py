"""Agents that do not learn: what a score is to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.utils import get_device

from textgym.errors import AgentError
from textgym.evaluation import Episode
from textgym.evaluation.players import takes_masks, takes_rngs
from textgym.tasks import Task

from .models import ModelSpec, make_model, model_tokenizer
from .planning import task_of
from .policy import TransformerPolicy
from .sb3 import Detached, make_vec_env
from .traces import Trace, token_traces

ENDLESS_CONTEXT = 512
"""Longest context in the spaces of a model that has no last place, as T5 has none; `predict` takes longer ones too."""


class RandomAgent:
    """Draws every token uniformly.

    Args:
        env_or_space: An environment, single or vector, or the space of one action.
        seed: Of the tokens; None takes it from the operating system.
    """

    def __init__(self, env_or_space: Any, seed: int | None = None) -> None:
        space = getattr(env_or_space, "single_action_space", getattr(env_or_space, "action_space", env_or_space))
        if not isinstance(space, spaces.Discrete):
            raise AgentError(
                f"RandomAgent takes an environment or a Discrete space of tokens. Actual value: {env_or_space!r}."
            )
        self.vocab_size = int(space.n)
        self.rng = np.random.default_rng(seed)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
        action_masks: np.ndarray | None = None,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Returns a token for each observation.

        Args:
            observation: Of one environment or of N.
            state: Passed back as it is.
            episode_start: Accepted for SB3.
            deterministic: Accepted for SB3; there is no likeliest token.
            action_masks: True for the tokens that may be drawn, bool ``(V,)`` or ``(N, V)``.
            rngs: What each token is drawn with, one an observation; None takes the agent's own for all.
        """
        shape = np.shape(observation["input_ids"])[:-1]
        uniforms = self.rng.random(shape) if rngs is None else np.reshape([rng.random() for rng in rngs], shape)
        if action_masks is None:
            return (uniforms * self.vocab_size).astype(np.int64), state
        masks = np.broadcast_to(action_masks, (*shape, self.vocab_size))
        chosen = (uniforms * masks.sum(-1)).astype(np.int64)  # the how-many-th of the allowed tokens
        return (masks.cumsum(-1) > chosen[..., None]).argmax(-1), state

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Gives a context in which tokens are drawn from ``seed``."""
        own, self.rng = self.rng, np.random.default_rng(seed)
        try:
            yield
        finally:
            self.rng = own


class ZeroShot:
    """A language model as it is.

    Args:
        model: See `textgym.agents.models.make_model`.
        env: A registered id or a `Task`, from which the sizes are taken, in the vocabulary of the model's own tokenizer
            if it has one; None takes them from the model.
        temperature, top_k, top_p, min_p: See `textgym.agents.distributions.TokenDistribution`.
        policy_kwargs: What else `TransformerPolicy` takes, such as ``{"suppress_tokens": [5]}``.
        seed: Of the tokens drawn; None takes it from the operating system.
        device: Where it runs.
    """

    def __init__(
        self,
        model: ModelSpec,
        env: str | Task | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        min_p: float | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        seed: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        sizes: Any
        self.tokenizer = model_tokenizer(model)
        if env is not None:
            sizes = make_vec_env(env if self.tokenizer is None else task_of(env, self.tokenizer), 1)
        else:
            model, sizes = _own_sizes(model)
        law = dict(policy_kwargs or {})
        if law.get("min_new_tokens") and law.get("eos_id") is None:
            known = self.tokenizer if env is None else sizes.get_attr("task")[0].tokenizer
            law["eos_id"] = None if known is None else known.eos_id
        self.policy = TransformerPolicy(
            sizes.observation_space,
            sizes.action_space,
            lambda _: 0.0,
            model=model,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            **law,
            seed=int(np.random.SeedSequence(seed).generate_state(1)[0]),
        ).to(get_device(device))

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
        action_masks: np.ndarray | None = None,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Returns the next token of each observation, and the state to pass back; see `TransformerPolicy.predict`."""
        return self.policy.predict(observation, state, episode_start, deterministic, action_masks, rngs)

    def log_likelihood(self, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> np.ndarray:
        """Returns log p(completion | prompt), float64 ``(E,)``; see `TransformerPolicy.log_likelihood`."""
        return self.policy.log_likelihood(prompts, completions)

    def token_traces(self, episodes: Sequence[Episode], action_mask: np.ndarray | None = None) -> list[Trace]:
        """Returns log π of each token of some episodes; see `textgym.agents.traces`."""
        return token_traces(self.policy, episodes, action_mask)

    def seeded(self, seed: int) -> AbstractContextManager[None]:
        """Returns a context in which tokens are drawn from ``seed``."""
        return self.policy.seeded(seed)


class Greedy:
    """Plays another agent by its likeliest tokens, whatever ``predict`` is asked for.

    Args:
        agent: Whatever has SB3's ``predict``, or a model (see `ZeroShot`).
        env: See `ZeroShot`; a model with random weights needs it.
        **make_kwargs: Options of the environment.
    """

    def __init__(self, agent: Any, env: str | Task | None = None, **make_kwargs: Any) -> None:
        if not hasattr(agent, "predict"):
            agent = ZeroShot(agent) if env is None else writer(agent, env, make_kwargs)[0]
        self.agent = agent
        self.tokenizer = getattr(agent, "tokenizer", None)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = True,
        action_masks: np.ndarray | None = None,
        rngs: Sequence[np.random.Generator] | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Returns the agent's likeliest token for each observation, and the state to pass back."""
        options: dict[str, Any] = {}
        if action_masks is not None and takes_masks(self.agent):
            options["action_masks"] = action_masks
        if rngs is not None and takes_rngs(self.agent):
            options["rngs"] = rngs  # it may draw even so
        actions, state = self.agent.predict(
            observation, state=state, episode_start=episode_start, deterministic=True, **options
        )
        return actions, state

    def seeded(self, seed: int) -> AbstractContextManager[Any]:
        """Returns the agent's own context, where it has one: it may draw even so."""
        return self.agent.seeded(seed) if hasattr(self.agent, "seeded") else nullcontext()


def writer(agent: Any, env: str | Task, make_kwargs: Mapping[str, Any]) -> tuple[Any, Task]:
    """Returns what writes, and the task of the environment in its vocabulary.

    Args:
        agent: Whatever has SB3's ``predict``, or a model, which becomes a `ZeroShot`.
        env: A registered id or a `Task`.
        make_kwargs: Options of the environment.
    """
    if hasattr(agent, "predict"):
        return agent, task_of(env, getattr(agent, "tokenizer", None), make_kwargs)
    task = task_of(env, model_tokenizer(agent), make_kwargs)
    return ZeroShot(agent, task), task


def _own_sizes(model: ModelSpec) -> tuple[ModelSpec, Detached]:
    """Returns a model that is loaded, with the vocabulary of its tokenizer and its longest context."""
    if model == "scratch" or isinstance(model, dict):
        raise AgentError(
            "A model with random weights takes its sizes from an environment. Give one: ZeroShot(model, env)."
        )
    lm = make_model(model, 1, 1)
    tokenizer = model_tokenizer(model)
    config = lm.config.get_text_config()
    length = getattr(config, "max_position_embeddings", ENDLESS_CONTEXT)
    return lm, Detached(config.vocab_size if tokenizer is None else tokenizer.vocab_size, length)
