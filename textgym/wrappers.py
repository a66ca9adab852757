"""Other views of the same task: an action that is a turn, a whole completion, or a text.

The environment itself is the view token by token. A view plays its action through ``env.step``, token by token, so
that the same text ends in the same way and earns the same return in all of them:

    >>> import gymnasium as gym, textgym
    >>> from textgym.wrappers import TextView
    >>> env = TextView(gym.make("TextGen-Copy-v0"))
    >>> text, info = env.reset(options={"prompt_index": 0})
    >>> text
    'xnpzsqoo='
    >>> env.step("xnpzsqoo")[:3]
    ('xnpzsqoo=xnpzsqoo', 1.0, True)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from textgym.env import TextGenEnv
from textgym.errors import TaskError
from textgym.tokenizers import Tokenizer


class View(gym.Wrapper, RecordConstructorArgs):
    """What the views share: an action of several tokens is played through the environment below.

    The reward of an action of n tokens is ``Σ_{k<n} γ^k r_k``, as in a semi-Markov decision process whose options
    are sequences of tokens; γ is the environment's. An agent that discounts the next action by ``info["discount"]``
    optimises what a token agent does: the rewards of an episode, discounted like this, add up to its
    ``discounted_return``.

    **Info**, in every step, besides the environment's: ``token_rewards``, the reward of each token that was played, a
    list of floats; ``discount``, γⁿ.

    Source: Sutton, Precup and Singh 1999, "Between MDPs and semi-MDPs", section 3.

    Args:
        env: A `TextGenEnv`, bare or in wrappers that leave its spaces alone.

    Raises:
        TaskError: If it is another environment, or a view already.
    """

    of_one_turn = True
    """Whether an action is over with the turn, in a conversation, or only with the episode."""

    def __init__(self, env: gym.Env) -> None:
        RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        if not isinstance(env.unwrapped, TextGenEnv):
            raise TaskError(f"{type(self).__name__} is a view of a TextGenEnv. Actual value: {env!r}.")
        self._base = env.unwrapped
        if env.action_space != self._base.action_space or env.observation_space != self._base.observation_space:
            raise TaskError(
                f"{type(self).__name__} takes an environment whose action is a token and whose observation is its own; "
                f"put it first, other wrappers around it. Actual value: {env!r}."
            )
        self.task = self._base.task

    @abstractmethod
    def _tokens(self, action: Any) -> list[int]:
        """Returns the tokens of an action; where it is one turn, EOS comes last.

        Raises:
            TaskError: If it is no action of this view.
        """

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Plays the action until what it is an action of is over; what follows in it is ignored."""
        turns, gamma = len(self._base.turns), self.task.gamma
        token_rewards: list[float] = []
        for token in self._tokens(action):
            obs, reward, terminated, truncated, info = self.env.step(token)
            token_rewards.append(float(reward))
            if terminated or truncated or (self.of_one_turn and len(self._base.turns) > turns):
                break
        total = sum(gamma**k * paid for k, paid in enumerate(token_rewards))
        info = {**info, "token_rewards": token_rewards, "discount": float(gamma ** len(token_rewards))}
        return self._observe(obs), total, terminated, truncated, info

    def _observe(self, obs: dict[str, np.ndarray]) -> Any:
        return obs

    def _checked(self, ids: np.ndarray, action: Any) -> list[int]:
        """Returns token ids as a list, once all of them are known to be tokens, before any is played."""
        size = self.task.tokenizer.vocab_size
        if ids.dtype.kind not in "iu" and ids.size:
            raise TaskError(
                f"An action of {type(self).__name__} holds token ids, whole numbers. Actual dtype: {ids.dtype}, "
                f"of {action!r}."
            )
        if ids.size and (ids.min() < 0 or ids.max() >= size):
            raise TaskError(f"Actions are token ids in [0, {size}). Actual value: {ids.tolist()}.")
        return ids.tolist()


class TurnView(View):
    """Turn by turn: an action is the token sequence of one turn, of any length.

    **Action**: ``Sequence(Discrete(V))``; a list, tuple or one-dimensional array of whole numbers will do. A turn is
    over with EOS, a stop string or the token budget; EOS is written after a sequence that ends before its turn does,
    so that the empty one says nothing. In a task of a single turn, an episode is one step.

    **Observation** and ending are those of `TextGenEnv`; **reward** and **info** as told at `View`.
    """

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.action_space = spaces.Sequence(spaces.Discrete(self.task.tokenizer.vocab_size))

    def _tokens(self, action: Any) -> list[int]:
        if not isinstance(action, Sequence | np.ndarray) or isinstance(action, str | bytes):
            raise TaskError(
                f"An action of TurnView is a sequence of token ids. Actual value: {action!r} "
                f"({type(action).__name__}). Wrap the environment in TextView to act in text."
            )
        ids = _array(action)
        if ids.ndim != 1:
            raise TaskError(f"An action of TurnView has one dimension. Actual shape: {ids.shape}.")
        return [*self._checked(ids, action), self.task.tokenizer.eos_id]


class CompletionView(View):
    """Whole completion: an action is an array of ``max_new_tokens`` tokens, and an episode is one step.

    **Action**: ``MultiDiscrete([V] * max_new_tokens)``. The array is played until the episode is over; what follows in
    it is padding, which may be any token. In conversations EOS or a stop string within the array ends a turn, and the
    rest of it answers the reply, unseen.

    **Observation** and ending are those of `TextGenEnv`; **reward** and **info** as told at `View`.
    """

    of_one_turn = False

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.action_space = spaces.MultiDiscrete([self.task.tokenizer.vocab_size] * self.task.max_new_tokens)

    def _tokens(self, action: Any) -> list[int]:
        ids = _array(action)
        if ids.shape != self.action_space.shape:
            raise TaskError(
                f"An action of CompletionView is an array of shape {self.action_space.shape}, padded after its end. "
                f"Actual shape: {ids.shape}."
            )
        return self._checked(ids, action)


class TextView(View):
    """For agents that speak text: observations and actions are strings.

    **Observation**: the text so far: the prompt, and in conversations the turns and replies after it.

    **Action**: the text of one turn, without EOS, which is written after it. It may hold stop strings, which end the
    turn as ever, and may be too long, in which case the budget cuts it. Any Unicode is taken that the tokenizer knows;
    a character vocabulary refuses others with a `TokenizerError`, and nothing is played then.

    Ending is that of `TextGenEnv`; **reward** and **info** as told at `View`. ``AsyncVectorEnv`` takes it with
    ``shared_memory=False``: Gymnasium shares texts of a known alphabet only.
    """

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        longest, characters = _alphabet(self.task.tokenizer)
        self.action_space = UnicodeText(longest * self.task.max_new_tokens, min_length=0, charset=characters)
        self.observation_space = UnicodeText(longest * self.task.max_tokens, min_length=0, charset=characters)
        self._prompt, self._opening = "", ""  # the prompt as the task tells it, and as its tokens do

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Starts an episode; the observation is the prompt."""
        obs, info = self.env.reset(seed=seed, options=options)
        self._prompt = info["prompt"]
        ids = obs["input_ids"][: int(obs["prompt_length"][0])]
        self._opening = self.task.tokenizer.decode(ids.tolist())  # a token agent sees no more of a truncated prompt
        return self._observe(obs), info

    def _observe(self, obs: dict[str, np.ndarray]) -> str:
        return self._opening + self._base.text.removeprefix(self._prompt)

    def _tokens(self, action: Any) -> list[int]:
        if not isinstance(action, str):
            raise TaskError(f"An action of TextView is a text. Actual value: {action!r} ({type(action).__name__}).")
        return [*self.task.tokenizer.encode(action), self.task.tokenizer.eos_id]


class UnicodeText(spaces.Text):
    """Texts of bounded length, of any characters; ``charset`` is what samples are made of."""

    def contains(self, x: Any) -> bool:
        """Whether ``x`` is a text of a length within the bounds."""
        return isinstance(x, str) and self.min_length <= len(x) <= self.max_length


def _array(action: Any) -> np.ndarray:
    try:
        return np.asarray(action)
    except ValueError as error:  # rows of different lengths
        raise TaskError(f"An action is one row of token ids. Actual value: {action!r}.") from error


@lru_cache(maxsize=8)
def _alphabet(tokenizer: Tokenizer) -> tuple[int, str]:
    """Returns the length of the longest token, in characters, and the characters that tokens are made of."""
    texts = [tokenizer.decode([i]) for i in range(tokenizer.vocab_size)]
    characters = set("".join(texts)) - {"\ufffd"}  # what a lone byte of a longer character decodes to
    return max(map(len, texts)), "".join(sorted(characters))
