"""One episode of text generation as a `gymnasium.Env`."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from textgym import dynamics, tasks
from textgym.tasks import Task


class TextGenEnv(gym.Env):
    """A sentence that grows by one token a step.

    **Observation**, a dict of right-padded arrays with ``L = max_prompt_tokens + max_new_tokens`` cells:
    ``input_ids`` int64 ``(L,)``; ``attention_mask`` int8 ``(L,)``, 1 on the tokens written so far (padding and EOS may
    share an id, so the mask is what tells them apart); ``prompt_length`` int64 ``(1,)``. A step writes one cell, and a
    cell once written never changes.

    **Action**: the next token, ``Discrete(V)`` with ``V`` the size of the tokenizer.

    **Ending**: EOS, a stop string, or the token budget, always with ``terminated=True, truncated=False``:
    the budget is a rule of the task. ``info["finish_reason"]`` is ``"eos"``, ``"stop"`` or ``"length"``.

    **Reward**: 0 until the end and the score of the completion there; with a `textgym.rewards.Dense` reward,
    ``γ Φ(s') − Φ(s)`` in every step, and with `textgym.rewards.PerToken` the score of the completion so far.

    **Conversations**: where the task has a `textgym.simulators.Simulator`, EOS and stop strings end the agent's turn.
    The environment then writes a reply, so that the observation grows by more than one cell, and goes on until the
    simulator has nothing to say or the agent's budget is used up.

    **Info**: at reset ``prompt``, ``references`` and ``prompt_index`` (-1 for a prompt given by hand); at the end
    ``completion``, ``finish_reason``, ``reward_terms`` (every named part of the score), ``discounted_return``,
    ``is_success`` where the task defines it, ``reward_notes`` (why a part scored as it did) where a reward tells, and
    in conversations ``turns`` (the agent's) and ``completion_mask`` (for each token after the prompt, 1 where the agent
    chose it and 0 where the environment wrote it).

    Args:
        task: A `Task`, or ``"module:function"`` that returns one.
        render_mode: ``"ansi"`` returns a text from `render`, ``"human"`` prints it after each reset and step.
        **kwargs: The options of the task's function, and any of `textgym.tasks.OVERRIDES`: ``split``, ``reward``,
            ``tokenizer``, ``gamma``, budgets.

    Raises:
        TextGymError: If an option is unknown or out of range; nothing is swallowed.
    """

    metadata = {"render_modes": ["ansi", "human"], "render_fps": 4}  # noqa: RUF012  # Gymnasium's own declaration

    def __init__(self, task: Task | str, *, render_mode: str | None = None, **kwargs: Any) -> None:
        self.task = tasks.resolve(task, **kwargs)
        self.render_mode = render_mode
        self.observation_space = dynamics.observation_space(self.task)
        self.action_space = spaces.Discrete(self.task.tokenizer.vocab_size)
        self._episodes = dynamics.Episodes(self.task, 1)

    @property
    def gamma(self) -> float:
        """Discount per token; agents take it from here."""
        return self.task.gamma

    @property
    def turns(self) -> list[str]:
        """The turns that the agent has finished in this episode."""
        return list(self._episodes.turns[0])

    @property
    def text(self) -> str:
        """The prompt and all that was written after it."""
        return self._episodes.rows[0].prompt + self._episodes.completion(0)

    @property
    def masks_actions(self) -> bool:
        """Whether `action_masks` ever forbids a token."""
        return self.task.allowed_tokens is not None

    def action_masks(self) -> np.ndarray:
        """Returns the tokens that the task allows next, bool ``(V,)``, True where allowed.

        A forbidden token may still be given to `step`; it is then written and scored like any other.
        """
        return allowed_mask(self.task)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Starts an episode; ``options`` may hold ``prompt`` (a text) or ``prompt_index``."""
        super().reset(seed=seed)
        info = self._episodes.begin(0, self.np_random, options)
        self._show()
        return self._observe(), info

    def step(self, action: int | np.integer | np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict]:
        """Writes one token."""
        step = self._episodes.advance(np.zeros(1, np.int64), np.asarray(action, np.int64).reshape(1))
        info = step.infos[0] if step.infos else {}
        self._show()
        return self._observe(), float(step.rewards[0]), bool(step.ended[0]), False, info

    def render(self) -> str | None:
        """Returns the text so far in mode ``"ansi"``, prints it in mode ``"human"``."""
        text = self._episodes.render(0)
        if self.render_mode == "human":
            print(text)
        return text if self.render_mode == "ansi" else None

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()

    def _observe(self) -> dict[str, np.ndarray]:
        return {name: array[0] for name, array in self._episodes.observe().items()}


def allowed_mask(task: Task) -> np.ndarray:
    """Returns ``allowed_tokens`` as a mask, bool ``(V,)``, True where allowed."""
    if task.allowed_tokens is None:
        return np.ones(task.tokenizer.vocab_size, bool)
    mask = np.zeros(task.tokenizer.vocab_size, bool)
    mask[list(task.allowed_tokens)] = True
    return mask
