"""A reward in every step instead of one at the end."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from textgym.errors import RewardError

from .base import Compound, Reward


class Stepwise(Compound):
    """A reward that the environment pays in every step, from scores of the completion so far.

    It stands outermost: compose first, then apply it to the whole. Scored by itself it is the reward inside.
    """

    composable = False

    @abstractmethod
    def pay(self, before: np.ndarray, after: np.ndarray, gamma: float) -> np.ndarray:
        """Returns what a step pays, float64 ``(B,)``.

        Args:
            before: Score of the completion before the token, float64 ``(B,)``.
            after: Score of the completion with it, float64 ``(B,)``.
            gamma: Discount of the environment.
        """

    @property
    def range(self) -> tuple[float, float]:
        return self.parts[0].range

    def combine(self, totals: list[np.ndarray], update: bool) -> np.ndarray:
        return totals[0]


@dataclass(frozen=True, repr=False)
class PerToken(Stepwise):
    """Pays in every step what a reward says of the completion so far: ``r_t = R(prompt, y_≤t)``.

    For rewards that judge the latest token, such as a reward model that was trained to score every token. Unlike
    `Dense` it changes what is optimal: the return is the sum over all tokens, so that length itself pays wherever
    scores are positive.

    Args:
        reward: R, any reward.
    """

    reward: Reward

    def pay(self, before: np.ndarray, after: np.ndarray, gamma: float) -> np.ndarray:
        return after

    def __repr__(self) -> str:
        return f"per_token({self.reward!r})"


@dataclass(frozen=True, repr=False)
class Dense(Stepwise):
    """Pays the growth of a reward token by token: ``r_t = γ Φ(s_{t+1}) − Φ(s_t)``.

    Φ(s) is the reward of the completion so far: of the empty one at the start, of the finished one at the
    end. Over an episode of T tokens the steps telescope to ``Σ γ^t r_t = γ^T Φ(s_T) − Φ(s_0)``: γ times what
    the terminal reward alone would return, less a constant of the prompt, so the optimal policy stays the
    same. The price is one scoring a step. The environment does the paying; scored by itself, a dense reward
    is Φ.

    Args:
        reward: Φ, any reward.
        gamma: Discount per token, in (0, 1]. None, the default, takes the environment's, and the environment
            refuses another: discounting has one owner.

    Source: Ng, Harada and Russell 1999, "Policy invariance under reward transformations".
    """

    reward: Reward
    gamma: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gamma is not None and not 0 < self.gamma <= 1:
            raise RewardError(f"The gamma of dense lies in (0, 1]. Actual value: {self.gamma!r}.")

    def pay(self, before: np.ndarray, after: np.ndarray, gamma: float) -> np.ndarray:
        return gamma * after - before

    def __repr__(self) -> str:
        return f"dense({self.reward!r})" if self.gamma is None else f"dense({self.reward!r}, gamma={self.gamma!r})"
