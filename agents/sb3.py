"""The bridge from a Gymnasium vector environment to Stable-Baselines3's ``VecEnv``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers.vector import DictInfoToList
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import VecEnv, VecMonitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from textgym import registry
from textgym.errors import AgentError, OptionError
from textgym.tasks import Task
from textgym.vector import TextGenVectorEnv


class Detached(NamedTuple):
    """The spaces of an environment that is not here: an agent loaded without one can still act.

    Attributes:
        vocab_size: Tokens, V.
        length: Longest context, L.
    """

    vocab_size: int
    length: int

    @property
    def observation_space(self) -> spaces.Dict:
        """The space of `textgym.TextGenEnv`."""
        return spaces.Dict(
            input_ids=spaces.Box(0, self.vocab_size - 1, (self.length,), np.int64),
            attention_mask=spaces.Box(0, 1, (self.length,), np.int8),
            prompt_length=spaces.Box(0, self.length, (1,), np.int64),
        )

    @property
    def action_space(self) -> spaces.Discrete:
        """The tokens."""
        return spaces.Discrete(self.vocab_size)


class VectorEnvBridge(VecEnv):
    """A Gymnasium vector environment as SB3 sees one: exactly ``DummyVecEnv`` over the same single environments.

    What an episode ended with is in ``infos[i]``, its last observation under ``"terminal_observation"``, and the reset
    info of the one after it in ``reset_infos[i]``.

    Args:
        venv: A vector environment in autoreset mode ``SAME_STEP``, native or ``SyncVectorEnv``.

    Raises:
        AgentError: If it resets in another way: SB3 would take the first observation of one episode for a step of the
            episode before.
    """

    def __init__(self, venv: VectorEnv) -> None:
        mode = venv.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise AgentError(
                "Stable-Baselines3 needs a vector environment that resets within the step. Make it with "
                f"autoreset_mode='SameStep'. Actual mode: {mode}."
            )
        self.venv = DictInfoToList(venv)
        super().__init__(venv.num_envs, venv.single_observation_space, venv.single_action_space)
        self._actions = np.zeros(self.num_envs, np.int64)

    def reset(self) -> VecEnvObs:
        """Starts an episode in every environment, with the seeds and options set before."""
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        obs, infos = self.venv.reset(seed=seeds, options=self._vector_options())  # type: ignore[arg-type]  # a list is fine
        self.reset_infos = infos
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Takes the step."""
        obs, rewards, terminated, truncated, infos = self.venv.step(self._actions)
        dones = terminated | truncated
        for i in np.flatnonzero(dones).tolist():
            self.reset_infos[i] = infos[i]
            final = infos[i].pop("final_info", {})
            infos[i] = {**final, "terminal_observation": infos[i].pop("final_obs")}
        for i, info in enumerate(infos):
            info["TimeLimit.truncated"] = bool(truncated[i] and not terminated[i])
        return obs, rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Closes the environment."""
        self.venv.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Returns an attribute of each environment; a native vector environment has one for all."""
        if (singles := self._singles(indices)) is not None:
            return [env.get_wrapper_attr(attr_name) for env in singles]
        return [self._native_attr(attr_name)] * len(self._chosen(indices))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets an attribute of environments.

        Raises:
            AgentError: If some environments of a native vector should differ from the others.
        """
        if (singles := self._singles(indices)) is not None:
            for env in singles:
                env.set_wrapper_attr(attr_name, value)
        elif set(self._chosen(indices)) == set(range(self.num_envs)):
            setattr(self.venv.unwrapped, attr_name, value)
        else:
            raise AgentError(
                f"{attr_name!r} cannot be set for some environments only: a native vector environment shares its "
                "attributes. Leave indices out."
            )

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Calls a method of each environment; a native vector environment answers for all at once."""
        if (singles := self._singles(indices)) is not None:
            return [env.get_wrapper_attr(method_name)(*method_args, **method_kwargs) for env in singles]
        results = self._native_attr(method_name)(*method_args, **method_kwargs)
        per_env = isinstance(results, Sequence | np.ndarray) and len(results) == self.num_envs
        return [results[i] if per_env else results for i in self._chosen(indices)]

    def env_is_wrapped(self, wrapper_class: type[gym.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """Returns whether each environment has a wrapper; native ones have none."""
        if (singles := self._singles(indices)) is not None:
            return [is_wrapped(env, wrapper_class) for env in singles]
        return [False] * len(self._chosen(indices))

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Returns no images: text has none."""
        return [None] * self.num_envs

    def _chosen(self, indices: VecEnvIndices) -> list[int]:
        return list(self._get_indices(indices))

    def _singles(self, indices: VecEnvIndices) -> list[gym.Env] | None:
        envs = getattr(self.venv.unwrapped, "envs", None)
        return None if envs is None else [envs[i] for i in self._chosen(indices)]

    def _native_attr(self, name: str) -> Any:
        return getattr(self.venv.unwrapped, name)

    def _vector_options(self) -> dict[str, Any] | None:
        first = self._options[0]
        if all(options == first for options in self._options):
            return first or None
        if any(options.keys() != first.keys() for options in self._options) or self._singles(None) is not None:
            raise OptionError(
                f"The environments of a vector take the same options at reset. Actual value: {self._options}."
            )
        return {name: [options[name] for options in self._options] for name in first}


def make_vec_env(env: str | Task, n_envs: int = 64, **make_kwargs: Any) -> VecEnv:
    """Returns SB3's ``VecEnv`` over the native vector environment, with SB3's monitor of rewards and lengths.

    Args:
        env: A registered id, or a `Task`.
        n_envs: Episodes side by side.
        **make_kwargs: Options of the environment, such as ``reward`` or ``max_new_tokens``.

    Raises:
        TextGymError: If the id or an option is unknown.
    """
    mode = AutoresetMode.SAME_STEP
    if isinstance(env, Task):
        return VecMonitor(VectorEnvBridge(TextGenVectorEnv(env, n_envs, autoreset_mode=mode, **make_kwargs)))
    spec = gym.registry.get(env.rpartition(":")[2])
    if spec is None:
        registry.entry(env)  # raises, and knows what was meant
    if spec is not None and spec.vector_entry_point is None:  # an environment of the user's own, one at a time
        singles = gym.make_vec(env, n_envs, "sync", vector_kwargs={"autoreset_mode": mode}, **make_kwargs)
        return VecMonitor(VectorEnvBridge(singles))
    return VecMonitor(VectorEnvBridge(gym.make_vec(env, n_envs, autoreset_mode=mode, **make_kwargs)))


def as_vec_env(env: Any) -> VecEnv:
    """Returns an environment object as SB3's ``VecEnv``; one that is one already stays as it is.

    Raises:
        AgentError: If it is no vector environment.
    """
    if isinstance(env, VecEnv):
        return env
    if isinstance(env, VectorEnv):
        return VecMonitor(VectorEnvBridge(env))
    raise AgentError(
        "An environment is a registered id, a Task, a Gymnasium vector environment (gym.make_vec), or an SB3 VecEnv. "
        f"Actual value: {env!r} ({type(env).__name__})."
    )
