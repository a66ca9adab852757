"""What holds a policy back besides its learning rate, in one dictionary that every algorithm takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from stable_baselines3.common.running_mean_std import RunningMeanStd

from textgym.errors import AgentError, suggest

from .episodes import Episodes
from .ranks import ONE, Ranks

PLACES = ("reward", "loss")
CONTROLLERS = ("proportional", "doubling")
WHITENINGS = ("rollout", "running")


@dataclass(frozen=True)
class Regularisation:
    """The ``regularisation`` of an agent; every entry is optional.

        agent = PPO("tiny", env, kl_estimator="k2", regularisation={"kl_in": "loss", "whiten_rewards": "rollout"})

    Rewards pass through in this order: ``missing_eos_reward``, ``reward_scale``, ``whiten_rewards``, then the price of
    the KL, so that ``kl_coef`` keeps its meaning whatever the task's unit (TRL whitens after the KL). What is logged as
    the reward stays the task's.

    Attributes:
        kl_in: Where a nat of KL is paid. ``"reward"``: each token's estimate is taken off its reward, and so weighs on
            all tokens before it, as in Ziegler et al. 2019. ``"loss"``: ``kl_coef`` times the mean estimate is added
            to the loss, as in GRPO (Shao et al. 2024, arXiv:2402.03300); each token answers for its own law only. See
            `textgym.agents.kl` for the estimators that have a gradient.
        kl_controller: What adapts ``kl_coef`` where there is a ``kl_target``: ``"proportional"``, see
            `textgym.agents.kl.ProportionalKL`, or ``"doubling"``, see `textgym.agents.kl.DoublingKL`.
        missing_eos_reward: Reward of an episode that the token budget cut off, in place of the task's, or None to leave
            that as it is. Give what an empty answer earns, or less.
        reward_scale: Factor of every reward, above 0.
        whiten_rewards: What deviation the rewards are divided by, so that episodes differ by about 1: ``"rollout"``,
            that of the rollout's episodes; ``"running"``, that of all episodes so far; None leaves them.
        keep_mean: Whether whitening leaves the mean reward of an episode where it was; else it becomes 0. A shift is
            paid with the last token.
    """

    kl_in: str = "reward"
    kl_controller: str = "proportional"
    missing_eos_reward: float | None = None
    reward_scale: float = 1.0
    whiten_rewards: str | None = None
    keep_mean: bool = True

    def __post_init__(self) -> None:
        _choice("kl_in", self.kl_in, PLACES)
        _choice("kl_controller", self.kl_controller, CONTROLLERS)
        if self.whiten_rewards is not None:
            _choice("whiten_rewards", self.whiten_rewards, WHITENINGS)
        if not 0 < self.reward_scale < np.inf:
            raise AgentError(f"reward_scale must be a number above 0. Actual value: {self.reward_scale!r}.")
        if self.missing_eos_reward is not None and not np.isfinite(self.missing_eos_reward):
            raise AgentError(
                "missing_eos_reward must be a finite number, or None to leave rewards as they are. Actual value: "
                f"{self.missing_eos_reward!r}."
            )

    @classmethod
    def of(cls, options: dict[str, Any] | None) -> Regularisation:
        """Returns what a dictionary says.

        Raises:
            AgentError: If it has a name that there is not, or a value out of range.
        """
        names = [field.name for field in fields(cls)]
        for name in options or {}:
            if name not in names:
                raise AgentError(
                    f"regularisation has no entry {name!r}.{suggest(name, names)} Choose from {', '.join(names)}."
                )
        return cls(**(options or {}))


class RewardShaper:
    """Turns the task's rewards into those that are learnt from, before the KL is priced.

    Args:
        options: What to do.
        ranks: Whose episodes the rewards are whitened by.
    """

    def __init__(self, options: Regularisation, ranks: Ranks = ONE) -> None:
        self.options = options
        self.ranks = ranks
        self.running = RunningMeanStd(epsilon=0.0)  # SB3 would start it with an episode or so of mean 0

    def __call__(self, rewards: np.ndarray, mask: np.ndarray, cut: np.ndarray) -> np.ndarray:
        """Returns the rewards of a rollout, float32 ``(E, T)``.

        Args:
            rewards: The task's, float32 ``(E, T)``.
            mask: True where the policy chose the token, bool ``(E, T)``.
            cut: True for episodes that ended by the token budget, bool ``(E,)``.
        """
        options = self.options
        if options.missing_eos_reward is not None:
            rewards = replace_cut(rewards, mask, cut, options.missing_eos_reward)
        rewards = options.reward_scale * rewards
        if options.whiten_rewards is not None:
            totals = self.ranks.union(rewards.sum(1, dtype=np.float64))
            mean, deviation = totals.mean(), totals.std()
            if options.whiten_rewards == "running":
                self.running.update(totals)
                mean, deviation = self.running.mean, self.running.var**0.5
            rewards = whiten(rewards, mask, float(mean), float(deviation), options.keep_mean)
        return rewards.astype(np.float32)

    def state_dict(self) -> dict[str, Any]:
        """Returns the running moments, as JSON."""
        return {"mean": float(self.running.mean), "var": float(self.running.var), "count": float(self.running.count)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self.running.mean, self.running.var = np.array(state["mean"]), np.array(state["var"])
        self.running.count = state["count"]


def cut_off(episodes: Episodes, infos: Sequence[dict[str, Any]]) -> np.ndarray:
    """Returns True for each episode that ended by the token budget, bool ``(E,)``.

    Args:
        episodes: Those of a rollout.
        infos: The last info of each, in any order; ``terminal_observation`` tells which is whose.
    """
    cut: set[bytes] = set()
    for info in infos:
        if info.get("finish_reason") == "length":
            observation = info["terminal_observation"]
            cut.add(observation["input_ids"][: int(observation["attention_mask"].sum())].astype(np.int64).tobytes())
    written = zip(episodes.input_ids, episodes.lengths, strict=True)
    return np.array([ids[:length].tobytes() in cut for ids, length in written])


def replace_cut(rewards: np.ndarray, mask: np.ndarray, cut: np.ndarray, reward: float) -> np.ndarray:
    """Returns rewards in which the episodes that were ``cut`` earn ``reward``, at their last token, and no more.

    Source: Ziegler et al. 2019, arXiv:1909.08593 §3.1.2, who pay a fixed reward where the text has no end.
    """
    rewards = np.where(cut[:, None], 0, rewards)
    rewards[cut, last_token(mask)[cut]] = reward
    return rewards


def whiten(rewards: np.ndarray, mask: np.ndarray, mean: float, deviation: float, keep_mean: bool) -> np.ndarray:
    """Returns rewards whose episodes have deviation 1: R' = (R − mean) / deviation, + mean where that is kept.

    Every token's reward is divided; the shift is paid with the last token, once an episode, so that no length earns
    more of it than another. A deviation below 1e-8 divides nothing: all episodes earned the same.

    Args:
        rewards: Reward of each token, ``(E, T)``.
        mask: True where the policy chose the token, bool ``(E, T)``.
        mean: Mean of the episodes' rewards.
        deviation: Their standard deviation.
        keep_mean: Whether to put the mean back.
    """
    scale = 1.0 / deviation if deviation > 1e-8 else 1.0
    whitened = rewards * scale
    whitened[np.arange(len(mask)), last_token(mask)] += mean - mean * scale if keep_mean else -mean * scale
    return whitened


def last_token(mask: np.ndarray) -> np.ndarray:
    """Returns the place of the last token that the policy chose, int64 ``(E,)``; ``mask`` is bool ``(E, T)``."""
    return mask.shape[1] - 1 - mask[:, ::-1].argmax(1)


def _choice(name: str, value: Any, values: Sequence[str]) -> None:
    if value not in values:
        raise AgentError(f"There is no {name} {value!r}.{suggest(value, values)} Choose from {', '.join(values)}.")
