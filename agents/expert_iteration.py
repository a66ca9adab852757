"""Expert iteration: sample, keep the best, learn to write it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import MaybeCallback, Schedule
from stable_baselines3.common.vec_env import VecEnv

from textgym.errors import AgentError

from .buffers import EpisodeBuffer
from .demonstrations import prompt_numbers
from .episodes import Episodes
from .models import ModelSpec
from .on_policy import ENVIRONMENTS
from .rollouts import collect_episodes
from .supervised import Supervised


class ExpertIteration(Supervised):
    """Expert iteration (Anthony et al. 2017, arXiv:1705.08439) for text: best-of-n, distilled into the policy.

        agent = ExpertIteration("scratch", "TextGen-Numbers-v0", seed=0).learn(200_000)

    An iteration asks ``n_prompts`` prompts, writes ``n_samples`` completions to each, keeps the one that the task's
    reward likes best, and raises the likelihood of those that were kept, as `SFT` does for references. That is RAFT
    (Dong et al. 2023, arXiv:2304.06767), but for prompts without a best; with a ``threshold`` it filters as ReST does
    (Gulcehre et al. 2023, arXiv:2308.08998), though each prompt gives at most one episode.

    `learn` counts the tokens that were written, kept or not, as `PPO` does. It takes the reward as it is: no baseline,
    no discount, no price on leaving the reference. It cannot tell a completion that is better than usual from one that
    answers an easier prompt, nor unlearn what is bad; what it cannot sample it never learns.

    Args:
        n_samples: Completions a prompt; of equal ones the first is kept.
        n_prompts: Prompts of an iteration; ``n_prompts × n_samples`` is a multiple of the number of environments.
        threshold: Reward that the best must reach to be kept. None leaves out prompts whose completions all earned the
            same: none of them is best, and learning them would only make the policy surer of what it does.
        quantile: Share of what is left that is dropped too, the worst, in [0, 1); equal rewards stay together.
        n_epochs: Passes over what was kept.
        batch_size: Completion tokens of a step of the optimizer; whole episodes, at least one.
        learning_rate: ``"auto"`` is 1e-4 for a pretrained model, 3e-3 for random weights.
        model, env, n_envs, env_kwargs, max_grad_norm, policy_kwargs, stats_window_size, tensorboard_log, verbose, seed,
            device: See `PPO`.

    Raises:
        AgentError: If an argument cannot be, or ``n_prompts × n_samples`` does not fill the environments evenly.
    """

    def __init__(
        self,
        model: ModelSpec,
        env: Any,
        *,
        n_envs: int = 64,
        env_kwargs: dict[str, Any] | None = None,
        n_samples: int = 8,
        n_prompts: int = 64,
        threshold: float | None = None,
        quantile: float = 0.0,
        learning_rate: float | Schedule | str = "auto",
        n_epochs: int = 2,
        batch_size: int = 64,
        max_grad_norm: float = 1.0,
        policy_kwargs: dict[str, Any] | None = None,
        stats_window_size: int = 100,
        tensorboard_log: str | None = None,
        verbose: int = 0,
        seed: int | None = None,
        device: torch.device | str = "auto",
    ) -> None:
        arguments = dict(locals())
        if not 0 <= quantile < 1:
            raise AgentError(f"quantile lies in [0, 1): 0 keeps the best of every prompt. Actual value: {quantile!r}.")
        super().__init__(arguments, counts=("n_samples", "n_prompts", "n_epochs", "batch_size"))
        self.n_samples = n_samples
        self.n_prompts = n_prompts
        self.threshold = threshold
        self.quantile = quantile
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        if self.env is not None:
            self._asked()
        if n_prompts % self.ranks.size:
            raise AgentError(
                f"n_prompts is the number of prompts of all ranks, and {self.ranks.size} ranks share them evenly. "
                f"Actual value: n_prompts={n_prompts}. Take a multiple of {self.ranks.size}."
            )
        if n_prompts // self.ranks.size * n_samples % self.n_envs:
            raise AgentError(
                f"n_prompts × n_samples = {n_prompts} × {n_samples} episodes do not fill {self.n_envs} environments "
                "evenly. Give n_envs, n_prompts and n_samples such that n_envs divides the product."
            )

    def collect_rollouts(
        self,
        env: VecEnv,
        callback: BaseCallback,
        rollout_buffer: EpisodeBuffer,  # type: ignore[override]  # SB3's own buffer, in its types
        n_rollout_steps: int,
    ) -> bool:
        """Plays the episodes of an iteration and keeps the best of each prompt; False if a callback stopped."""
        task = self._asked()
        self.policy.set_training_mode(False)
        callback.on_rollout_start()
        self._begun = self._rollouts + 1
        rollout_buffer.reset()
        done = self._rollouts * self.n_prompts
        asked = prompt_numbers(len(task), done, self.n_prompts, self._stream(ENVIRONMENTS))
        own = np.split(asked, self.ranks.size)[self.ranks.rank]
        infos: list[dict[str, Any]] = []
        start, stopped = self.num_timesteps, False
        if self.ranks.size > 1:
            self._seed_tokens()
        for wave in np.repeat(own, self.n_samples).reshape(-1, env.num_envs).tolist():
            self._seed_environments(env)
            env.set_options([{"prompt_index": number} for number in wave])
            ended = collect_episodes(self, env, callback, rollout_buffer, 0)  # one episode each
            if stopped := ended is None:
                break
            infos += ended
        if self._meet(start, stopped):
            return False
        self._rollouts += 1
        episodes = rollout_buffer.seal()
        own_returns = episodes.rewards.sum(1, dtype=np.float64).reshape(len(own), self.n_samples)
        returns = self.ranks.union(own_returns)
        kept = best(returns, self.threshold, self.quantile)
        self.lessons = self._lessons(episodes, kept) if len(kept) else None
        self._log(episodes, infos)
        self.logger.record("rollout/best_rew_mean", float(returns.max(1).mean()))
        self.logger.record("rollout/kept", len(kept) / self.n_prompts)
        if len(kept):
            self.logger.record("rollout/kept_rew_mean", float(returns.reshape(-1)[kept].mean()))
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _own_envs(self, arguments: dict[str, Any]) -> int:
        return self.ranks.share(arguments["n_envs"])  # the samples of a prompt need not be played side by side

    def _lessons(self, episodes: Episodes, kept: np.ndarray) -> Episodes:
        """Returns the episodes that were kept, of all ranks.

        Args:
            episodes: Those of this rank.
            kept: Numbers among those of all ranks, ascending, at least one.
        """
        ranks, count = self.ranks, len(episodes.lengths)
        if ranks.size == 1:
            return _part(episodes, kept)
        own = kept[kept // count == ranks.rank] % count  # each rank plays as many
        lengths = ranks.union(episodes.lengths[own])
        longest = int(lengths.max())

        def union(matrix: np.ndarray) -> np.ndarray:
            missing = max(0, longest - matrix.shape[1])
            return ranks.union(np.pad(matrix[own], ((0, 0), (0, missing)))[:, :longest])

        nothing = np.zeros((len(lengths), longest), np.float32)
        return Episodes(
            union(episodes.input_ids),
            lengths,
            union(episodes.response_mask),
            union(episodes.rewards),
            nothing,
            nothing,
            None,
            episodes.vocab_size,
        )

    def learn(
        self,
        total_timesteps: int,
        callback: MaybeCallback = None,
        log_interval: int = 1,
        tb_log_name: str = "ExpertIteration",
        reset_num_timesteps: bool = True,
        progress_bar: bool = False,
    ) -> ExpertIteration:
        """Learns until at least ``total_timesteps`` tokens are written; see `stable_baselines3.PPO.learn`."""
        return super().learn(total_timesteps, callback, log_interval, tb_log_name, reset_num_timesteps, progress_bar)


def best(returns: np.ndarray, threshold: float | None = None, quantile: float = 0.0) -> np.ndarray:
    """Returns the numbers of the episodes worth learning from, ascending, int64 ``(K,)`` with K at most P.

    Of each prompt the first of the best, where one is better than another or ``threshold`` is reached; of those, the
    ones that reach the quantile of them all.

    Args:
        returns: Return of the n episodes of each prompt, ``(P, n)``; episode ``(p, i)`` has the number ``p n + i``.
        threshold: Least return; None leaves out the prompts whose returns are all equal instead.
        quantile: In [0, 1); interpolated between returns, as numpy does it.

    >>> best(np.array([[0.0, 1.0], [0.5, 0.5], [0.2, 0.1]]))
    array([1, 4])
    >>> best(np.array([[0.0, 1.0], [0.5, 0.5], [0.2, 0.1]]), threshold=0.5)
    array([1, 2])
    >>> best(np.array([[0.0, 1.0], [0.5, 0.5], [0.2, 0.1]]), quantile=0.6)
    array([1])
    """
    numbers = returns.argmax(1) + np.arange(len(returns)) * returns.shape[1]
    tops = returns.max(1)
    good = tops > returns.min(1) if threshold is None else tops >= threshold
    if not good.any():
        return np.empty(0, np.int64)
    return numbers[good & (tops >= np.quantile(tops[good], quantile))]


def _part(episodes: Episodes, numbers: np.ndarray) -> Episodes:
    """Returns some of the episodes; the action masks are left out, since the likelihood is the model's own."""
    longest = int(episodes.lengths[numbers].max())
    return episodes._replace(
        input_ids=episodes.input_ids[numbers, :longest],
        lengths=episodes.lengths[numbers],
        response_mask=episodes.response_mask[numbers, :longest],
        rewards=episodes.rewards[numbers, :longest],
        log_probs=episodes.log_probs[numbers, :longest],
        values=episodes.values[numbers, :longest],
        action_masks=None,
    )
