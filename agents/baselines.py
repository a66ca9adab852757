"""Agents that do not learn: what a score is to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.utils import get_device

from textgym.data import SPLITS
from textgym.errors import AgentError
from textgym.generated import ENDLESS
from textgym.tasks import Task
from textgym.vector import TextGenVectorEnv

from .models import ModelSpec, make_model, model_tokenizer
from .policy import TransformerPolicy
from .sb3 import Detached, make_vec_env

SEARCHED = 2**15
"""Prompts of an endless split among which `BestOfN` looks for the one that it is asked."""


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
    ) -> tuple[np.ndarray, Any]:
        """Returns a token for each observation; ``action_masks`` is True for those that may be drawn."""
        shape = np.shape(observation["input_ids"])[:-1]
        if action_masks is None:
            return self.rng.integers(self.vocab_size, size=shape), state
        masks = np.broadcast_to(action_masks, (*shape, self.vocab_size))
        return np.where(masks, self.rng.random(masks.shape), -1.0).argmax(-1), state

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
        env: A registered id or a `Task`, from which the sizes are taken; None takes them from the model.
        temperature, top_k, top_p: See `textgym.agents.distributions.TokenDistribution`.
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
        seed: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        sizes: Any
        self.tokenizer = model_tokenizer(model)
        if env is not None:
            sizes = make_vec_env(env, 1)
        else:
            model, sizes = _own_sizes(model)
        self.policy = TransformerPolicy(
            sizes.observation_space,
            sizes.action_space,
            lambda _: 0.0,
            model=model,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=int(np.random.SeedSequence(seed).generate_state(1)[0]),
        ).to(get_device(device))

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
        action_masks: np.ndarray | None = None,
    ) -> tuple[np.ndarray, Any]:
        """Returns the next token of each observation, and the state to pass back; see `TransformerPolicy.predict`."""
        return self.policy.predict(observation, state, episode_start, deterministic, action_masks)

    def log_likelihood(self, prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]]) -> np.ndarray:
        """Returns log p(completion | prompt), float64 ``(E,)``; see `TransformerPolicy.log_likelihood`."""
        return self.policy.log_likelihood(prompts, completions)

    def seeded(self, seed: int) -> AbstractContextManager[None]:
        """Returns a context in which tokens are drawn from ``seed``."""
        return self.policy.seeded(seed)


@dataclass
class _Plans:
    """The whole episodes that `BestOfN` decided on, by row."""

    contexts: dict[int, np.ndarray] = field(default_factory=dict)


class BestOfN:
    """Writes n completions, scores them with the task's reward, and gives the best.

    It sees the reward, and with it whatever the reward sees of the prompt's row, references included: an upper mark for
    what choosing can do, not a competitor. It pays for n episodes where others pay for one.

    Args:
        agent: What writes: whatever has SB3's ``predict``, or a model (see `ZeroShot`).
        env: A registered id or a `Task`.
        n: Completions a prompt.
        **make_kwargs: Options of the environment; its prompts must be those that are asked. Of an endless split
            it knows the first `SEARCHED`; `textgym.evaluate` asks them in order.
    """

    def __init__(self, agent: Any, env: str | Task, n: int = 8, **make_kwargs: Any) -> None:
        if n < 1:
            raise AgentError(f"BestOfN writes at least 1 completion. Actual value: n={n!r}.")
        if isinstance(env, Task):
            task: Task = TextGenVectorEnv(env, **make_kwargs).task
        else:
            task = gym.make_vec(env, 1, **make_kwargs).unwrapped.task  # type: ignore[attr-defined]
        self.agent = agent if hasattr(agent, "predict") else ZeroShot(agent, task)
        self.tokenizer = getattr(self.agent, "tokenizer", None)
        self.n = n
        self._tasks = {split: replace(task, split=split) for split in reversed(SPLITS) if task.rows.get(split)}
        self._places: dict[tuple[int, ...], tuple[str, int]] = {}  # of the prompts read so far
        self._unread = (
            (split, i)
            for split, one in self._tasks.items()
            for i in range(SEARCHED if len(one) >= ENDLESS else len(one))
        )

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: np.ndarray | None = None,
        deterministic: bool = False,
    ) -> tuple[np.ndarray, Any]:
        """Returns the next token of the best completion; ``state`` holds the completions that were decided on."""
        input_ids = np.atleast_2d(observation["input_ids"])
        lengths = np.atleast_1d(np.asarray(observation["attention_mask"]).sum(-1, dtype=np.int64))
        starts = np.atleast_2d(observation["prompt_length"])[:, 0]
        plans = state if isinstance(state, _Plans) else _Plans()
        new = [i for i in range(len(lengths)) if not self._follows(plans.contexts.get(i), input_ids[i, : lengths[i]])]
        if late := [i for i in new if lengths[i] != starts[i]]:
            raise AgentError(
                f"BestOfN decides on whole completions, and rows {late} are amid one that it did not decide on. Pass "
                "back the state that predict() returned."
            )
        plans.contexts.update(zip(new, self._plan([input_ids[i, : lengths[i]] for i in new]), strict=True))
        actions = np.array([plans.contexts[i][lengths[i]] for i in range(len(lengths))])
        return (actions[0] if np.ndim(observation["input_ids"]) == 1 else actions), plans

    def seeded(self, seed: int) -> AbstractContextManager[Any]:
        """Returns a context in which the completions are drawn from ``seed``."""
        return self.agent.seeded(seed) if hasattr(self.agent, "seeded") else nullcontext()

    @staticmethod
    def _follows(plan: np.ndarray | None, context: np.ndarray) -> bool:
        return plan is not None and len(plan) > len(context) and np.array_equal(plan[: len(context)], context)

    def _plan(self, prompts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the best episode of each prompt, its tokens int64 ``(length,)``."""
        places = [self._place(tuple(prompt.tolist())) for prompt in prompts]
        best: list[np.ndarray] = [np.empty(0, np.int64)] * len(prompts)
        for split, task in self._tasks.items():
            rows = [i for i, place in enumerate(places) if place[0] == split]
            if rows:
                for i, episode in zip(rows, self._best(task, [places[i][1] for i in rows]), strict=True):
                    best[i] = episode
        return best

    def _place(self, prompt: tuple[int, ...]) -> tuple[str, int]:
        """Returns split and number of the prompt with these ids, reading the task's prompts as far as needed."""
        while prompt not in self._places:
            place = next(self._unread, None)
            if place is None:
                raise AgentError(
                    "BestOfN was asked a prompt that its task does not have, so it cannot score an answer. Give it the "
                    f"environment that asks; of an endless split it knows the first {SEARCHED:,} prompts. "
                    f"Token ids: {list(prompt)}."
                )
            split, i = place
            self._places.setdefault(tuple(self._tasks[split].prompt_ids(i).tolist()), place)
        return self._places[prompt]

    def _best(self, task: Task, indices: list[int]) -> list[np.ndarray]:
        envs = TextGenVectorEnv(task, len(indices) * self.n, autoreset_mode="SameStep")
        masks = {"action_masks": envs.action_masks()} if envs.masks_actions else {}
        obs, _ = envs.reset(options={"prompt_index": np.repeat(indices, self.n)})
        totals = np.zeros(envs.num_envs)
        episodes: dict[int, np.ndarray] = {}
        starts, state = np.ones(envs.num_envs, bool), None
        while len(episodes) < envs.num_envs:
            actions, state = self.agent.predict(obs, state=state, episode_start=starts, deterministic=False, **masks)
            obs, rewards, starts, _, infos = envs.step(actions)
            for i in range(envs.num_envs):
                if i in episodes:
                    continue
                totals[i] += rewards[i]
                if starts[i]:
                    final = infos["final_obs"][i]
                    episodes[i] = final["input_ids"][: final["attention_mask"].sum(dtype=np.int64)]
        winners = totals.reshape(-1, self.n).argmax(1) + np.arange(len(indices)) * self.n
        return [episodes[i] for i in winners]


def _own_sizes(model: ModelSpec) -> tuple[ModelSpec, Detached]:
    """Returns a model that is loaded, with the vocabulary of its tokenizer and its longest context."""
    if model == "scratch" or isinstance(model, dict):
        raise AgentError(
            "A model with random weights takes its sizes from an environment. Give one: ZeroShot(model, env)."
        )
    lm = make_model(model, 1, 1)
    tokenizer = model_tokenizer(model)
    config = lm.config.get_text_config()
    return lm, Detached(
        config.vocab_size if tokenizer is None else tokenizer.vocab_size, config.max_position_embeddings
    )
