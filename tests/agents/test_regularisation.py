from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from textgym.agents import PPO, REINFORCE, kl
from textgym.agents.a2c import A2C
from textgym.agents.episodes import Episodes
from textgym.agents.regularisation import Regularisation, RewardShaper, cut_off, last_token, replace_cut, whiten
from textgym.errors import AgentError

SMALL: dict[str, Any] = {"n_envs": 4, "n_steps": 24, "seed": 0, "device": "cpu"}
REWARDS = np.array([[0, 1, 3], [0, 2, 0], [0, 0, 0]], np.float32)
MASK = np.array([[False, True, True], [True, True, False], [True, False, False]])
CUT = np.array([True, False, False])


def make(cls: Any = PPO, **kwargs: Any) -> Any:
    batch = {} if cls is A2C else {"batch_size": 48}
    return cls("scratch", "TextGen-Numbers-v0", **{**SMALL, **batch, **kwargs})


def shape(**options: Any) -> np.ndarray:
    return RewardShaper(Regularisation.of(options))(REWARDS, MASK, CUT)


def test_by_default_rewards_are_the_tasks() -> None:
    assert np.array_equal(shape(), REWARDS)
    assert last_token(MASK).tolist() == [2, 1, 0]


def test_what_was_cut_off_earns_a_fixed_reward() -> None:
    expected = [[0, 0, -1], [0, 2, 0], [0, 0, 0]]
    assert replace_cut(REWARDS, MASK, CUT, -1.0).tolist() == expected
    assert shape(missing_eos_reward=-1.0).tolist() == expected
    assert shape(missing_eos_reward=-1.0, reward_scale=2.0).tolist() == [[0, 0, -2], [0, 4, 0], [0, 0, 0]]
    assert REWARDS[0].tolist() == [0, 1, 3]


def test_whitening_by_hand() -> None:
    # Episodes earn 4, 2 and 0: mean 2, deviation √(8/3). Whitened they earn ±2 / √(8/3) = ±1.2247 and 0.
    unit = 2 / (8 / 3) ** 0.5
    shifted = shape(whiten_rewards="rollout", keep_mean=False)
    np.testing.assert_allclose(shifted.sum(1), [unit, 0, -unit], atol=1e-6)
    np.testing.assert_allclose(shifted[0], [0, unit / 2, unit / 2], atol=1e-6)  # 1 is divided, 3 is divided and shifted
    assert shifted.sum(1).std() == pytest.approx(1.0)
    kept = shape(whiten_rewards="rollout")
    np.testing.assert_allclose(kept.sum(1), [2 + unit, 2, 2 - unit], atol=1e-6)
    # Where all earn the same there is nothing to divide by.
    same = whiten(np.full((2, 1), 5.0, np.float32), np.ones((2, 1), bool), 5.0, 0.0, True)
    assert same.tolist() == [[5], [5]]


def test_running_moments_are_those_of_all_episodes_so_far() -> None:
    shaper = RewardShaper(Regularisation(whiten_rewards="running", keep_mean=False))
    rollouts = [np.random.default_rng(i).normal(3, 2, (20, 1)).astype(np.float32) for i in range(3)]
    mask = np.ones((20, 1), bool)
    last = [shaper(rewards, mask, np.zeros(20, bool)) for rewards in rollouts][-1]
    seen = np.concatenate(rollouts)
    np.testing.assert_allclose(last, (rollouts[-1] - seen.mean()) / seen.std(), atol=1e-5)
    other = RewardShaper(shaper.options)
    other.load_state_dict(shaper.state_dict())
    again = [one(rollouts[0], mask, np.zeros(20, bool)) for one in (shaper, other)]
    assert np.array_equal(*again)


def test_which_episodes_were_cut_off_is_known_in_any_order() -> None:
    agent = make().learn(4 * 24)
    episodes = agent.rollout_buffer.episodes
    ends = episodes.input_ids[np.arange(len(episodes.lengths)), episodes.lengths - 1]
    expected = ends != agent.task.tokenizer.eos_id

    def info(i: int) -> dict[str, Any]:
        ids, mask = np.zeros(40, np.int64), np.arange(40) < episodes.lengths[i]
        ids[: episodes.lengths[i]] = episodes.input_ids[i, : episodes.lengths[i]]
        observation = {"input_ids": ids, "attention_mask": mask.astype(np.int8)}
        return {"finish_reason": "length" if expected[i] else "eos", "terminal_observation": observation}

    infos = [info(i) for i in np.random.default_rng(0).permutation(len(expected))]
    assert np.array_equal(cut_off(episodes, infos), expected)
    assert 0 < expected.sum() < len(expected)
    assert not cut_off(episodes, [{}] * len(infos)).any()  # of an environment that does not tell


def test_rewards_are_shaped_for_learning_and_not_for_the_report() -> None:
    agent = make(regularisation={"missing_eos_reward": -3.0, "reward_scale": 2.0}).learn(4 * 24)
    episodes = agent.rollout_buffer.episodes
    ends = episodes.input_ids[np.arange(len(episodes.lengths)), episodes.lengths - 1]
    learnt = np.where(ends == agent.task.tokenizer.eos_id, 2 * episodes.rewards.sum(1), -6.0)
    chosen = episodes.response_mask
    np.testing.assert_allclose(agent.rollout_buffer.returns, (learnt[:, None] * chosen)[chosen], atol=1e-5)
    assert min(info["r"] for info in agent.ep_info_buffer) >= 0


@pytest.mark.parametrize("cls", [PPO, A2C, REINFORCE])
def test_a_price_in_the_loss_holds_the_policy_to_its_reference(cls: Any) -> None:
    distance = {}
    for coef in (0.0, 10.0):
        agent = make(cls, kl_coef=coef, kl_estimator="k2", regularisation={"kl_in": "loss"}, learning_rate=3e-3)
        agent.learn(4 * 24 * 6, log_interval=1000)
        distance[coef] = agent.kl_to_reference(agent.evaluate(episodes=16).episodes)
        assert agent.ent_coef == 0.0
        assert "evaluate_actions" not in vars(agent.policy)
        logged = agent.logger.name_to_value
        assert logged["train/kl_loss"] >= 0
        assert -np.log(14) <= logged["train/entropy_loss"] < -1
        episodes, chosen = agent.rollout_buffer.episodes, agent.rollout_buffer.episodes.response_mask
        to_go = episodes.rewards.sum(1)[:, None] * chosen
        np.testing.assert_allclose(agent.rollout_buffer.returns, to_go[chosen], atol=1e-5)  # no price in the reward
    assert distance[10.0] < 0.5 * distance[0.0]


@pytest.mark.parametrize("cls", [PPO, A2C])
def test_the_loss_is_sb3s_plus_the_price(cls: Any) -> None:
    def agent() -> Any:
        settings: dict[str, Any] = {} if cls is A2C else {"n_epochs": 1, "batch_size": 10_000}
        return make(
            cls,
            **settings,
            kl_coef=0.7,
            kl_estimator="k3",
            regularisation={"kl_in": "loss"},
            ent_coef=0.02,
            vf_coef=0.3,
            max_grad_norm=1e9,
            learning_rate=0.1,
            policy_kwargs={"optimizer_class": "SGD"},
        )

    ours, twin = agent(), agent()
    for one in (ours, twin):
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():  # away from the reference, so that the price has a gradient
            for parameter in one.policy.lm.parameters():
                parameter.add_(0.03 * torch.randn(parameter.shape, generator=generator))
    ours.learn(4 * 24)
    episodes = ours.rollout_buffer.episodes
    order = np.argsort(episodes.lengths, kind="stable")
    (_, batch), *_ = episodes.batches(order, None, ours.device)
    flat = lambda matrix: torch.from_numpy(matrix[order][episodes.response_mask[order]])  # noqa: E731
    values, log_prob, entropy = twin.policy.evaluate_actions(batch, batch.actions)
    with torch.no_grad():
        reference = twin.reference.log_probs(batch)
    ratio = (log_prob - log_prob.detach()).exp() if cls is PPO else log_prob
    loss = -(flat(ours.rollout_buffer.advantages) * ratio).mean() - 0.02 * entropy.mean()
    loss = loss + 0.3 * (values - flat(ours.rollout_buffer.targets)).square().mean()
    d = log_prob - reference
    divergence = ((-d).exp() - 1 + d).mean()
    (loss + 0.7 * divergence).backward()
    assert divergence > 1e-3
    for mine, theirs in zip(ours.policy.parameters(), twin.policy.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs - 0.1 * theirs.grad, atol=2e-5, rtol=1e-3)
    logged = ours.logger.name_to_value
    assert logged["train/kl_loss"] == pytest.approx(divergence.item(), rel=1e-4)
    assert logged["train/entropy_loss"] == pytest.approx(-entropy.mean().item(), rel=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"regularisation": {"whiten_rewards": "running", "missing_eos_reward": -1.0}},
        {"regularisation": {"kl_in": "loss", "kl_controller": "doubling"}, "kl_coef": 0.1, "kl_target": 1e-4},
    ],
)
def test_a_resumed_run_makes_the_same_updates(settings: dict[str, Any], tmp_path: Path) -> None:
    whole = make(kl_estimator="k2", **settings).learn(4 * 24)
    whole.save(tmp_path / "agent")
    resumed = PPO.load(tmp_path / "agent", device="cpu")
    for agent in (whole, resumed):
        agent.learn(4 * 24 * 2, reset_num_timesteps=False)
    assert np.array_equal(whole.policy.parameters_to_vector(), resumed.policy.parameters_to_vector())
    assert resumed.extra_state() == whole.extra_state()
    assert resumed.regularisation == whole.regularisation != Regularisation()
    assert (resumed.kl is None) or resumed.kl.coef == whole.kl.coef != 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"regularisation": {"kl_inn": "loss"}}, "Did you mean 'kl_in'"),
        ({"regularisation": {"kl_in": "los"}}, "Did you mean 'loss'"),
        ({"regularisation": {"kl_in": "loss"}, "kl_coef": 0.1}, "k1 has no place in the loss"),
        ({"regularisation": {"kl_in": "loss"}, "kl_estimator": "k2"}, "Give kl_coef"),
        ({"regularisation": {"kl_controller": "adaptive"}}, "proportional, doubling"),
        ({"regularisation": {"whiten_rewards": "always"}}, "rollout, running"),
        ({"regularisation": {"reward_scale": 0.0}}, r"Actual value: 0\.0"),
        ({"regularisation": {"missing_eos_reward": float("nan")}}, "nan"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(AgentError, match=message):
        make(**arguments)


def test_the_gradient_of_each_estimator_in_the_loss() -> None:
    # Over a vocabulary of 6 the expectation over x ~ π is a sum, and the claims of `textgym.agents.kl` are equations.
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, generator=generator, dtype=torch.float64, requires_grad=True)
    reference = torch.randn(6, generator=generator, dtype=torch.float64).log_softmax(0)

    def gradient(value: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(value, logits)[0]

    def in_loss(name: str) -> torch.Tensor:
        log_probs = logits.log_softmax(0)
        return gradient((log_probs.detach().exp() * kl.ESTIMATORS[name](log_probs - reference)).sum())

    log_probs = logits.log_softmax(0)
    forwards = gradient((log_probs.exp() * (log_probs - reference)).sum())
    backwards = gradient((reference.exp() * (reference - logits.log_softmax(0))).sum())
    torch.testing.assert_close(in_loss("k1"), torch.zeros_like(logits))
    torch.testing.assert_close(in_loss("k2"), forwards)
    torch.testing.assert_close(in_loss("k3"), backwards)
    assert not torch.allclose(forwards, backwards, rtol=0.1)


def test_reference_log_probs_go_with_their_tokens() -> None:
    written = Episodes.of([[1], [1, 2], [3]], [[4, 5, 6], [4], [5, 5]], None, 10)
    numbers = np.zeros(written.input_ids.shape, np.float32)
    numbers[written.response_mask] = np.arange(6)
    written = written._replace(reference_log_probs=numbers)
    seen = {
        int(row): part
        for rows, batch in written.batches(np.array([2, 0, 1]), 2, torch.device("cpu"))
        for row, part in zip(rows, batch.reference_log_probs.split(batch.response_mask.sum(1).tolist()), strict=True)
    }
    assert {row: part.tolist() for row, part in seen.items()} == {0: [0, 1, 2], 1: [3], 2: [4, 5]}
