from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer

from textgym.agents.buffers import EpisodeBuffer, generalized_advantage_estimation
from textgym.agents.episodes import Episodes, deal
from textgym.errors import AgentError

VOCAB = 11


def test_gae_by_hand() -> None:
    rewards = np.array([[0.0, 0.0, 1.0]], np.float32)
    values = np.array([[0.5, 0.25, 0.75]], np.float32)
    advantages, returns = generalized_advantage_estimation(rewards, values, np.ones((1, 3), bool), 0.5, 0.5)
    last = 1.0 - 0.75
    middle = 0.5 * 0.75 - 0.25 + 0.25 * last
    first = 0.5 * 0.25 - 0.5 + 0.25 * middle
    np.testing.assert_allclose(advantages, [[first, middle, last]])
    np.testing.assert_allclose(returns, advantages + values)


@pytest.mark.parametrize(("gamma", "gae_lambda"), [(1.0, 1.0), (0.99, 0.95), (0.5, 0.0), (1.0, 0.9)])
def test_gae_equals_that_of_sb3(gamma: float, gae_lambda: float) -> None:
    rng = np.random.default_rng(0)
    lengths = [3, 1, 5, 4, 7]
    total = sum(lengths)
    rewards, values = rng.normal(size=(2, total)).astype(np.float32)
    buffer = RolloutBuffer(total, spaces.Discrete(2), spaces.Discrete(2), gamma=gamma, gae_lambda=gae_lambda)
    starts = np.zeros(total, bool)
    starts[np.cumsum([0, *lengths[:-1]])] = True
    for t in range(total):
        one = np.array([0])
        buffer.add(one, one, rewards[t : t + 1], starts[t : t + 1], torch.tensor(values[t : t + 1]), torch.zeros(1))
    buffer.compute_returns_and_advantage(torch.zeros(1), np.array([True]))

    offsets = [4, 0, 2, 1, 0]  # prompts before, padding after
    width = 12
    mask = np.zeros((5, width), bool)
    for row, (offset, length) in enumerate(zip(offsets, lengths, strict=True)):
        mask[row, offset : offset + length] = True
    placed_rewards, placed_values = np.zeros((2, 5, width), np.float32)
    placed_rewards[mask], placed_values[mask] = rewards, values
    advantages, returns = generalized_advantage_estimation(placed_rewards, placed_values, mask, gamma, gae_lambda)
    np.testing.assert_allclose(advantages[mask], buffer.advantages[:, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(returns[mask], buffer.returns[:, 0], rtol=1e-5, atol=1e-6)
    assert not advantages[~mask].any()
    assert not returns[~mask].any()


def test_gae_passes_over_tokens_that_the_environment_wrote() -> None:
    mask = np.array([[True, False, False, True, True]])
    rewards, values = np.random.default_rng(0).normal(size=(2, 1, 5)).astype(np.float32) * mask
    gaps, _ = generalized_advantage_estimation(rewards, values, mask, 0.9, 0.8)
    dense, _ = generalized_advantage_estimation(
        rewards[:, mask[0]], values[:, mask[0]], np.ones((1, 3), bool), 0.9, 0.8
    )
    np.testing.assert_allclose(gaps[mask], dense[0], rtol=1e-6)


def test_gae_refuses_what_cannot_be() -> None:
    ones = np.ones((2, 3), np.float32)
    with pytest.raises(ValueError, match="Shapes differ"):
        generalized_advantage_estimation(ones, ones[:1], ones > 0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\]. Actual value: 1.5"):
        generalized_advantage_estimation(ones, ones, ones > 0, 1.5, 1.0)


def filled(masked: bool = False, seed: int = 0) -> tuple[EpisodeBuffer, list[dict[str, Any]]]:
    """A buffer of 20 episodes in 4 rows, added token by token as a rollout does, and the same episodes as lists."""
    rng = np.random.default_rng(seed)
    buffer = EpisodeBuffer(VOCAB, torch.device("cpu"), seed=0)
    expected: list[dict[str, Any]] = []

    def begin(count: int) -> np.ndarray:
        for _ in range(count):
            prompt = rng.integers(0, VOCAB, rng.integers(1, 4)).tolist()
            length = int(rng.integers(1, 7))
            expected.append({"prompt": prompt, "length": length, "tokens": [], "rewards": [], "masks": []})
        return buffer.open(count)

    numbers = begin(4)
    live = np.arange(4)
    while len(live):
        drafts = [expected[i] for i in numbers[live]]
        positions = np.array([len(draft["prompt"]) + len(draft["tokens"]) for draft in drafts])
        tokens = rng.integers(0, VOCAB, len(live))
        rewards = rng.normal(size=len(live)).astype(np.float32)
        masks = rng.random((len(live), VOCAB)) < 0.5
        buffer.add(
            numbers[live],
            positions,
            rewards,
            torch.from_numpy(-rewards),
            torch.from_numpy(2 * rewards),
            masks if masked else None,
        )
        for draft, token, reward, mask in zip(drafts, tokens.tolist(), rewards.tolist(), masks, strict=True):
            draft["tokens"].append(token)
            draft["rewards"].append(reward)
            draft["masks"].append(mask)
        over = np.array([len(draft["tokens"]) == draft["length"] for draft in drafts])
        for env in live[over]:
            draft = expected[numbers[env]]
            buffer.close(int(numbers[env]), np.array([*draft["prompt"], *draft["tokens"]]))
        if len(expected) < 20:
            numbers[live[over]] = begin(int(over.sum()))
        else:
            live = live[~over]
    episodes = buffer.seal()
    buffer.advantages, buffer.targets = 3 * episodes.rewards, 4 * episodes.rewards
    return buffer, expected


def test_sealed_episodes_are_what_was_added() -> None:
    buffer, expected = filled()
    for row, draft in enumerate(expected):
        context = draft["prompt"] + draft["tokens"]
        assert buffer.episodes.input_ids[row, : len(context)].tolist() == context
        assert np.flatnonzero(buffer.episodes.response_mask[row]).tolist() == list(
            range(len(draft["prompt"]), len(context))
        )
        chosen = buffer.episodes.response_mask[row]
        np.testing.assert_allclose(buffer.episodes.rewards[row][chosen], draft["rewards"])
    rewards = np.concatenate([draft["rewards"] for draft in expected])
    np.testing.assert_allclose(buffer.values, 2 * rewards, rtol=1e-6)
    np.testing.assert_allclose(buffer.returns, 4 * rewards, rtol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("batch_size", [None, 1, 7, 20, 10_000])
def test_minibatches_hold_every_token_once_and_nothing_moves(masked: bool, batch_size: int | None) -> None:
    buffer, expected = filled(masked)
    by_context = {tuple(draft["prompt"] + draft["tokens"]): draft for draft in expected}
    seen = []
    for sample in buffer.get(batch_size):
        batch = sample.observations
        assert batch.lengths == sorted(batch.lengths)
        assert batch.input_ids.shape[1] == batch.lengths[-1]
        assert torch.equal(sample.actions, batch.actions)
        drafts = [by_context[tuple(batch.input_ids[i, :n].tolist())] for i, n in enumerate(batch.lengths)]
        seen += [id(draft) for draft in drafts]
        rewards = torch.tensor([reward for draft in drafts for reward in draft["rewards"]])
        torch.testing.assert_close(sample.old_log_prob, -rewards)
        torch.testing.assert_close(sample.old_values, 2 * rewards)
        torch.testing.assert_close(sample.advantages, 3 * rewards)
        torch.testing.assert_close(sample.returns, 4 * rewards)
        if masked:
            masks = np.concatenate([draft["masks"] for draft in drafts])
            assert batch.action_masks is not None
            assert np.array_equal(batch.action_masks.numpy(), masks)
    assert sorted(seen) == sorted(id(draft) for draft in expected)


def test_minibatches_are_about_equal_and_shuffled_by_the_buffers_own_generator() -> None:
    buffer, _ = filled()
    sizes = [len(sample.actions) for sample in buffer.get(20)]
    assert len(sizes) == round(sum(sizes) / 20)
    assert max(sizes) - min(sizes) <= 2 * 6  # an episode more or less at each cut
    first = [sample.actions.tolist() for sample in buffer.get(20)]
    assert first != [sample.actions.tolist() for sample in buffer.get(20)]
    again, _ = filled()
    next(iter(again.get(20)))
    assert first == [sample.actions.tolist() for sample in again.get(20)]


def test_deal_cuts_where_the_tokens_are() -> None:
    order = np.array([3, 0, 2, 1])
    parts = deal(order, np.array([10, 1, 1, 10]), 11)
    assert [part.tolist() for part in parts] == [[3, 0], [2, 1]]


def test_scores_come_back_to_their_places() -> None:
    buffer, _ = filled()
    (scores,) = buffer.episodes.score(lambda batch: batch.actions[None].float(), torch.device("cpu"))
    chosen = buffer.episodes.response_mask
    np.testing.assert_array_equal(scores[chosen], buffer.episodes.input_ids[chosen])
    assert not scores[~chosen].any()


def test_episodes_of_lists() -> None:
    mask = np.arange(VOCAB) < 4
    episodes = Episodes.of([(1,), (1, 2, 3)], [(4, 5), (6,)], mask, VOCAB)
    assert episodes.lengths.tolist() == [3, 4]
    assert episodes.response_mask.tolist() == [[False, True, True, False], [False, False, False, True]]
    (_, batch), *_ = episodes.batches(np.arange(2), None, torch.device("cpu"))
    assert batch.action_masks is not None
    assert np.array_equal(batch.action_masks.numpy(), np.tile(mask, (3, 1)))


def test_episodes_are_sealed_group_after_group_with_their_infos() -> None:
    buffer = EpisodeBuffer(VOCAB, torch.device("cpu"), n_samples=2)
    numbers = buffer.open(4, np.array([7, 3, 7, 3]))
    prompts = [[1], [2, 2], [1], [2, 2]]
    for i in numbers.tolist():
        tokens = torch.full((1,), float(i))
        buffer.add(numbers[[i]], np.array([len(prompts[i])]), np.array([i]), tokens, tokens)
        buffer.close(i, np.array([*prompts[i], 4 + i]), {"number": i})
    episodes = buffer.seal()
    assert [info["number"] for info in buffer.infos] == [1, 3, 0, 2]
    assert episodes.input_ids[np.arange(4), episodes.lengths - 1].tolist() == [5, 7, 4, 6]
    assert episodes.rewards.sum(1).tolist() == episodes.log_probs.sum(1).tolist() == [1, 3, 0, 2]


def test_a_group_of_different_prompts_is_refused() -> None:
    buffer = EpisodeBuffer(VOCAB, torch.device("cpu"), n_samples=2)
    nothing = torch.zeros(1)
    for i, prompt in enumerate([[1], [1, 1], [3], [3]]):
        buffer.open(1, np.array([i // 2]))
        buffer.add(np.array([i]), np.array([len(prompt)]), np.zeros(1), nothing, nothing)
        buffer.close(i, np.array([*prompt, 1]))
    with pytest.raises(AgentError, match=r"1 of 2 groups of 2 episodes .* ids \[1\] and \[1, 1\]"):
        buffer.seal()


def test_minibatches_of_steps_hold_every_episode_once() -> None:
    buffer, expected = filled()
    counts = buffer.episodes.response_mask.sum(1)
    parts = buffer.minibatches(3)
    assert len(parts) == 3
    assert sorted(np.concatenate(parts)) == list(range(len(expected)))
    assert np.ptp([counts[part].sum() for part in parts]) <= 2 * 6
    for part in parts:
        assert sum(len(sample.actions) for sample in buffer.get(7, part)) == counts[part].sum()
