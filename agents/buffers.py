"""Episodes between collection and update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from textgym.errors import AgentError

from .episodes import Episodes, deal, deal_into
from .ranks import ONE, Ranks


class _Step(NamedTuple):
    """The tokens of one vector step, each field ``(n,)``."""

    episodes: np.ndarray
    positions: np.ndarray
    rewards: np.ndarray
    log_probs: torch.Tensor  # stays where the policy is until the rollout is over: a GPU need not wait for it
    values: torch.Tensor
    action_masks: np.ndarray | None  # packed
    supports: np.ndarray | None  # packed


class EpisodeBuffer:
    """Whole episodes, and minibatches of them in the form that SB3's ``train()`` reads.

    Filled by `open`, `add`, `close` and `seal`, in that order.

    Args:
        vocab_size: Tokens of the environment, V.
        device: Where minibatches go.
        seed: Of the order of minibatches; None takes it from the operating system.
        n_samples: Episodes of one prompt, k: of the sealed episodes, rows ``k g`` to ``k g + k − 1`` are group g.
        ranks: Who else has such a buffer; all ranks deal their episodes into the same number of minibatches.

    Attributes:
        episodes: The sealed episodes.
        normalize: Whether `get` gives advantages of mean 0 and deviation 1, by those of the minibatch on all ranks.
        drawn: The minibatch that `get` gave last.
        infos: What each of them ended with.
        advantages, targets: Of each token, float32 ``(E, T)``; the algorithm sets them.
    """

    episodes: Episodes
    infos: list[dict[str, Any]]
    advantages: np.ndarray
    targets: np.ndarray
    normalize = False
    drawn: RolloutBufferSamples

    def __init__(
        self,
        vocab_size: int,
        device: torch.device,
        seed: int | None = None,
        n_samples: int = 1,
        ranks: Ranks = ONE,
    ) -> None:
        self.vocab_size = vocab_size
        self.device = device
        self.rng = np.random.default_rng(seed)
        self.n_samples = n_samples
        self.ranks = ranks
        self.reset()

    def reset(self) -> None:
        """Forgets all episodes."""
        self._count = 0
        self._groups: list[np.ndarray] = []
        self._contexts: dict[int, np.ndarray] = {}
        self._infos: dict[int, dict[str, Any]] = {}
        self._steps: list[_Step] = []

    def open(self, count: int, groups: np.ndarray | None = None) -> np.ndarray:
        """Starts ``count`` episodes and returns their numbers, int64 ``(count,)``.

        Args:
            count: How many.
            groups: Group of each, int64 ``(count,)``, needed where ``n_samples`` is above 1.
        """
        self._count += count
        numbers = np.arange(self._count - count, self._count)
        self._groups.append(numbers if groups is None else groups)
        return numbers.copy()  # its caller writes to it

    def add(
        self,
        episodes: np.ndarray,
        positions: np.ndarray,
        rewards: np.ndarray,
        log_probs: torch.Tensor,
        values: torch.Tensor,
        action_masks: np.ndarray | None = None,
        supports: np.ndarray | None = None,
    ) -> None:
        """Records one token for each of n episodes.

        Args:
            episodes: Their numbers, int64 ``(n,)``.
            positions: Cell that each token was written to, int64 ``(n,)``.
            rewards: Reward of each, ``(n,)``.
            log_probs: log π of each, float32 ``(n,)``.
            values: V of the context before each, float32 ``(n,)``.
            action_masks: True for tokens that could be chosen, bool ``(n, V)``, or None for all.
            supports: True for tokens that the law could draw, bool ``(n, V)``, or None where it leaves out none by how
                likely they are.
        """
        packed = (None if masks is None else np.packbits(masks, axis=-1) for masks in (action_masks, supports))
        self._steps.append(_Step(episodes.copy(), positions, rewards, log_probs, values, *packed))

    def close(self, episode: int, context: np.ndarray, info: dict[str, Any] | None = None) -> None:
        """Ends an episode.

        Args:
            episode: Its number.
            context: Its tokens, the last one included, int64 ``(length,)``.
            info: What the environment's last step said of it.
        """
        self._contexts[episode] = context
        self._infos[episode] = info or {}

    def seal(self) -> Episodes:
        """Makes arrays of what was recorded, group after group.

        Raises:
            AgentError: If the episodes of a group have different prompts.
        """
        order = np.argsort(np.concatenate(self._groups), kind="stable")
        lengths = np.array([len(self._contexts[i]) for i in order])
        input_ids = np.zeros((len(lengths), lengths.max()), np.int64)
        for row, (i, length) in enumerate(zip(order, lengths, strict=True)):
            input_ids[row, :length] = self._contexts[i]
        self.infos = [self._infos[i] for i in order]
        rows = np.argsort(order)[np.concatenate([step.episodes for step in self._steps])]
        cells = np.concatenate([step.positions for step in self._steps])

        def scatter(values: np.ndarray) -> np.ndarray:
            matrix = np.zeros(input_ids.shape, values.dtype)
            matrix[rows, cells] = values
            return matrix

        def by_token(bits: list[np.ndarray | None]) -> np.ndarray | None:
            known = [part for part in bits if part is not None]
            return np.concatenate(known)[np.lexsort((cells, rows))] if known else None

        self.episodes = Episodes(
            input_ids=input_ids,
            lengths=lengths,
            response_mask=scatter(np.ones(len(rows), bool)),
            rewards=scatter(np.concatenate([step.rewards for step in self._steps]).astype(np.float32)),
            log_probs=scatter(torch.cat([step.log_probs for step in self._steps]).cpu().numpy()),
            values=scatter(torch.cat([step.values for step in self._steps]).cpu().numpy()),
            action_masks=by_token([step.action_masks for step in self._steps]),
            vocab_size=self.vocab_size,
            supports=by_token([step.supports for step in self._steps]),
        )
        self._steps.clear()
        if self.n_samples > 1:
            _check_prompts(self.episodes, self.n_samples)
        return self.episodes

    @property
    def values(self) -> np.ndarray:
        """V of each chosen token, float32 ``(M,)``; SB3 logs the explained variance from it and `returns`."""
        return self.episodes.values[self.episodes.response_mask]

    @property
    def returns(self) -> np.ndarray:
        """What each value should have been, float32 ``(M,)``."""
        return self.targets[self.episodes.response_mask]

    def minibatches(self, count: int) -> list[np.ndarray]:
        """Returns the numbers of all episodes in an order drawn at random, in ``count`` parts of about equal tokens."""
        counts = self.episodes.response_mask.sum(1)
        order = self.rng.permutation(len(counts))
        if self.ranks.size > 1:
            return deal_into(min(count, self._agreed(order)[1]), order, counts[order])
        return deal(order, counts[order], counts.sum() / count)

    def get(self, batch_size: int | None = None, order: np.ndarray | None = None) -> Iterator[RolloutBufferSamples]:
        """Yields every episode once, in minibatches drawn at random.

        Episodes of all lengths meet in a minibatch, since PPO normalises advantages within one, and short completions
        may be better or worse ones. Padding is saved inside it instead (`TokenModel.response_hidden`).

        Args:
            batch_size: Tokens of a minibatch; the M tokens are dealt into the nearest whole number of about equal ones.
            order: Numbers of the episodes to yield instead of all, int64 ``(B,)``, in the order to deal them. All ranks
                get as many minibatches as the one that has most tokens needs.
        """
        episodes = self.episodes
        advantages, parts = self.advantages, None
        if order is not None and batch_size is not None and self.ranks.size > 1:
            tokens, fewest = self._agreed(order)
            parts = min(max(1, round(int(tokens.max()) / batch_size)), fewest)
        elif order is None:
            order = self.rng.permutation(len(episodes.lengths))
            if self.ranks.size > 1:
                tokens, fewest = self._agreed(order)
                parts = 1 if batch_size is None else min(max(1, round(int(tokens.sum()) / batch_size)), fewest)
                advantages = self._normalized(order, parts) if self.normalize else advantages
        matrices = (episodes.input_ids, episodes.values, episodes.log_probs, advantages, self.targets)
        for rows, batch in episodes.batches(order, batch_size, self.device, parts):
            chosen = episodes.response_mask[rows]
            flat = (torch.from_numpy(matrix[rows][chosen]).to(self.device) for matrix in matrices)
            self.drawn = RolloutBufferSamples(batch, *flat)  # type: ignore[arg-type]  # observations are whole episodes
            yield self.drawn

    def _agreed(self, order: np.ndarray) -> tuple[np.ndarray, int]:
        """Returns how many tokens each rank has in ``order``, int64 ``(ranks,)``, and the fewest episodes of a rank."""
        own = np.array([self.episodes.response_mask[order].sum(), len(order)])
        everyone = np.stack(self.ranks.gather(own))
        return everyone[:, 0], int(everyone[:, 1].min())

    def _normalized(self, order: np.ndarray, parts: int) -> np.ndarray:
        """Returns advantages as SB3 normalises those of a minibatch, float32 ``(E, T)``, by those of all ranks."""
        chosen = self.episodes.response_mask
        advantages = self.advantages.astype(np.float64)
        dealt = deal_into(parts, order, chosen.sum(1)[order])
        own = [advantages[rows][chosen[rows]] for rows in dealt]
        sums = self.ranks.sum(np.concatenate([[len(a) for a in own], [a.sum() for a in own]]))
        counts, means = sums[:parts], sums[parts:] / sums[:parts]
        squares = self.ranks.sum([((a - mean) ** 2).sum() for a, mean in zip(own, means, strict=True)])
        for rows, mean, square, count in zip(dealt, means, squares, counts, strict=True):
            if count > 1:
                advantages[rows] = (advantages[rows] - mean) / (np.sqrt(square / (count - 1)) + 1e-8)
        return advantages.astype(np.float32)


def _check_prompts(episodes: Episodes, n_samples: int) -> None:
    starts = episodes.response_mask.argmax(1)
    prompts = np.where(np.arange(episodes.input_ids.shape[1]) < starts[:, None], episodes.input_ids, -1)
    groups = prompts.reshape(-1, n_samples, prompts.shape[1])
    differ = (groups != groups[:, :1]).any((1, 2))
    if differ.any():
        group = groups[differ][0]
        other = group[(group != group[0]).any(1)][0]
        raise AgentError(
            f"{int(differ.sum())} of {len(groups)} groups of {n_samples} episodes have different prompts, such as the "
            f"ids {group[0][group[0] >= 0].tolist()} and {other[other >= 0].tolist()}. The {n_samples} environments of "
            "a group are reset with one seed and must draw the same prompts in the same order, whatever is written in "
            "between. Draw one number a reset from np_random and none in a step, or set n_samples=1."
        )


def generalized_advantage_estimation(
    rewards: np.ndarray, values: np.ndarray, mask: np.ndarray, gamma: float, gae_lambda: float
) -> tuple[np.ndarray, np.ndarray]:
    """Advantages and returns of finished episodes, by GAE(λ).

    Â_t = δ_t + γλ Â_{t+1},   δ_t = r_t + γ V_{t+1} − V_t,   V = 0 after the last token. γ is per token; where the
    environment wrote tokens in between, t + 1 is the policy's own next token.

    Args:
        rewards: Reward of each token, float32 ``(B, T)``, in the task's reward unit, KL penalty included.
        values: V of the context before each token, float32 ``(B, T)``, no gradient.
        mask: True where the policy chose the token, bool ``(B, T)``; results are 0 elsewhere.
        gamma: Discount per token, in [0, 1].
        gae_lambda: Bias-variance trade, in [0, 1]; 1 gives Monte-Carlo returns.

    Returns:
        ``(advantages, returns)``, each float32 ``(B, T)``; advantages are not normalised.

    Raises:
        ValueError: If shapes differ or ``gamma`` or ``gae_lambda`` lies outside [0, 1].

    Source: Schulman et al. 2016, arXiv:1506.02438. Checked against SB3 in tests/agents/test_buffers.py.
    """
    if not rewards.shape == values.shape == mask.shape:
        raise ValueError(f"Shapes differ: rewards {rewards.shape}, values {values.shape}, mask {mask.shape}.")
    for name, number in (("gamma", gamma), ("gae_lambda", gae_lambda)):
        if not 0 <= number <= 1:
            raise ValueError(f"{name} must lie in [0, 1]. Actual value: {number!r}.")
    advantages = np.zeros_like(values)
    advantage = next_value = np.zeros(len(values), values.dtype)
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * next_value - values[:, t]
        advantage = np.where(mask[:, t], delta + gamma * gae_lambda * advantage, advantage)
        next_value = np.where(mask[:, t], values[:, t], next_value)
        advantages[:, t] = np.where(mask[:, t], advantage, 0)
    return advantages, np.where(mask, advantages + values, 0)
