"""N episodes of text generation as arrays: exactly N single environments, and far faster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from textgym import dynamics, tasks
from textgym.env import TextGenEnv, allowed_mask
from textgym.errors import OptionError, TaskError
from textgym.tasks import Task


class TextGenVectorEnv(VectorEnv):
    """The native vector environment of a task; see `TextGenEnv` for spaces, ending, reward and info.

    Rows that end in a step are scored in one call of the reward. Seeds, observations, rewards, flags and infos equal
    those of ``SyncVectorEnv`` over N single environments in all three autoreset modes
    (`textgym.testing.check_vector_env` shows it).

    Args:
        task: A `Task`, or ``"module:function"`` that returns one.
        num_envs: Number of episodes side by side, N.
        autoreset_mode: ``"NextStep"`` (default; the step after an end resets, its action is ignored), ``"SameStep"``
            (what Stable-Baselines3 expects; ``final_obs`` and ``final_info`` hold the end), or ``"Disabled"``
            (``reset(options={"reset_mask": …})``).
        render_mode: ``"ansi"``: `render` returns N texts; ``"human"``: it prints them.
        **kwargs: As for `TextGenEnv`.
    """

    def __init__(
        self,
        task: Task | str,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, int | np.integer) or num_envs < 1:
            raise OptionError(f"num_envs must be a whole number, at least 1. Actual value: {num_envs!r}.")
        try:
            self.autoreset_mode = AutoresetMode(autoreset_mode)
        except ValueError:
            modes = [mode.value for mode in AutoresetMode]
            raise OptionError(f"Unknown autoreset_mode {autoreset_mode!r}. Choose from {modes}.") from None
        self.task = tasks.resolve(task, **kwargs)
        self.num_envs = int(num_envs)
        self.render_mode = render_mode
        self.metadata = {**TextGenEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space = dynamics.observation_space(self.task)
        self.single_action_space = spaces.Discrete(self.task.tokenizer.vocab_size)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._episodes = dynamics.Episodes(self.task, self.num_envs)
        self._generators: list[np.random.Generator | None] = [None] * self.num_envs
        self._seeds = [-1] * self.num_envs
        self._reset_next = np.zeros(self.num_envs, bool)  # rows whose next step starts a new episode

    @property
    def gamma(self) -> float:
        """Discount per token; agents take it from here."""
        return self.task.gamma

    def turns(self, i: int) -> list[str]:
        """Returns the turns that the agent has finished in the episode of row ``i``."""
        return list(self._episodes.turns[i])

    def text(self, i: int) -> str:
        """Returns the prompt of row ``i`` and all that was written after it."""
        return self._episodes.rows[i].prompt + self._episodes.completion(i)

    @property
    def masks_actions(self) -> bool:
        """Whether `action_masks` ever forbids a token."""
        return self.task.allowed_tokens is not None

    def action_masks(self) -> np.ndarray:
        """Returns the tokens that the task allows next, bool ``(N, V)``, True where allowed."""
        return np.tile(allowed_mask(self.task), (self.num_envs, 1))

    @property  # type: ignore[misc]  # gymnasium's own can be set
    def np_random(self) -> tuple[np.random.Generator, ...]:  # type: ignore[override]  # as SyncVectorEnv has it
        """The generator of each sub-environment."""
        return tuple(self._generator(i) for i in range(self.num_envs))

    @property
    def np_random_seed(self) -> tuple[int, ...]:  # type: ignore[override]  # as SyncVectorEnv has it
        """The seed of each sub-environment; -1 where it is unknown."""
        return tuple(self._seeds)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts an episode in every row, or in the rows of ``options["reset_mask"]``.

        Args:
            seed: None, a list of N seeds, or an int (row ``i`` then gets ``seed + i``, Gymnasium's own rule for
                sub-environments).
            options: ``prompt`` or ``prompt_index``, the same for all rows or, as a list or array of N, one a row;
                ``reset_mask`` bool ``(N,)``, True for the rows to reset. Never mutated.
        """
        options = dict(options or {})
        mask = self._checked_mask(options.pop("reset_mask", None))
        for i, row_seed in enumerate(self._row_seeds(seed)):
            if mask[i] and row_seed is not None:
                self._generators[i], self._seeds[i] = seeding.np_random(row_seed)
        rows = np.flatnonzero(mask)
        infos = [self._begin(i, self._row_options(options, i)) for i in rows.tolist()]
        self._reset_next[mask] = False
        return self._episodes.observe(), stack_infos(self.num_envs, rows, infos)

    def step(
        self, actions: np.ndarray | Sequence[int]
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Writes one token into every row that is in an episode."""
        tokens = np.asarray(actions, np.int64)
        if tokens.shape != (self.num_envs,):
            raise TaskError(f"step() takes one token a row, shape ({self.num_envs},). Actual shape: {tokens.shape}.")
        restart = np.flatnonzero(self._reset_next)
        if len(restart) and self.autoreset_mode is AutoresetMode.DISABLED:
            raise TaskError(
                f"Rows {restart.tolist()} are over and autoreset is disabled. Call "
                "reset(options={'reset_mask': terminated | truncated}) first."
            )
        rows = np.flatnonzero(~self._reset_next)
        step = self._episodes.advance(rows, tokens[rows])
        ended = np.flatnonzero(step.ended)
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            infos = stack_infos(self.num_envs, ended, self._end_and_begin(ended, step.infos))
        else:
            starts = [self._begin(i) for i in restart.tolist()]
            infos = stack_infos(self.num_envs, restart, starts) | stack_infos(self.num_envs, ended, step.infos)
            self._reset_next = step.ended.copy()
        obs = self._episodes.observe()
        return obs, step.rewards, step.ended, np.zeros(self.num_envs, bool), infos

    def render(self) -> tuple[str, ...] | None:
        """Returns the N texts in mode ``"ansi"``, prints them in mode ``"human"``."""
        texts = tuple(self._episodes.render(i) for i in range(self.num_envs))
        if self.render_mode == "human":
            print("\n".join(texts))
        return texts if self.render_mode == "ansi" else None

    def _begin(self, i: int, options: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._episodes.begin(i, self._generator(i), options)

    def _end_and_begin(self, ended: np.ndarray, infos: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Restarts the rows that ended; each info keeps how the last episode ended beside how the new one begins."""
        if not len(ended):
            return []
        last = self._episodes.observe()
        return [
            {"final_obs": {name: array[i].copy() for name, array in last.items()}, "final_info": info, **self._begin(i)}
            for i, info in zip(ended.tolist(), infos, strict=True)
        ]

    def _generator(self, i: int) -> np.random.Generator:
        generator = self._generators[i]
        if generator is None:
            generator, self._seeds[i] = seeding.np_random()
            self._generators[i] = generator
        return generator

    def _row_seeds(self, seed: Any) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise OptionError(f"A list of seeds needs one a row, {self.num_envs}. Actual length: {len(seed)}.")
        return [None if one is None else int(one) for one in seed]

    def _row_options(self, options: dict[str, Any], i: int) -> dict[str, Any]:
        row = {}
        for name, value in options.items():
            if isinstance(value, list | tuple | np.ndarray):
                if len(value) != self.num_envs:
                    raise OptionError(f"{name} needs one value a row, {self.num_envs}. Actual length: {len(value)}.")
                value = value[i]
            row[name] = value
        return row

    def _checked_mask(self, mask: Any) -> np.ndarray:
        if mask is None:
            return np.ones(self.num_envs, bool)
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != (self.num_envs,):
            raise OptionError(f"reset_mask is a bool array of shape ({self.num_envs},). Actual value: {mask!r}.")
        if not mask.any():
            raise OptionError("reset_mask must select at least one row. Actual value: all False.")
        return mask


def stack_infos(num_envs: int, rows: np.ndarray, infos: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the infos of some rows as Gymnasium stacks them: an array a name, and a mask ``_name``.

    The result is what ``VectorEnv._add_info`` builds row by row, in one pass for rows whose infos have the same names.

    Args:
        num_envs: Number of rows, N.
        rows: Rows that have an info, int64 ``(B,)``.
        infos: Their infos, all with the same names and types.
    """
    stacked: dict[str, Any] = {}
    for name in infos[0] if infos else ():
        values = [info[name] for info in infos]
        if isinstance(values[0], dict) and name != "final_obs":
            stacked[name] = stack_infos(num_envs, rows, values)
        elif type(values[0]) in (int, float, bool):
            stacked[name] = np.zeros(num_envs, type(values[0]))
            stacked[name][rows] = values
        else:
            stacked[name] = np.full(num_envs, None, object)
            for i, value in zip(rows, values, strict=True):
                stacked[name][i] = value
        mask = np.zeros(num_envs, bool)
        mask[rows] = True
        stacked[f"_{name}"] = mask
    return stacked
