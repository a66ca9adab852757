from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import (
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnMaxEpisodes,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.utils import LinearSchedule
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

import textgym
from textgym import Task
from textgym.agents import PPO, REINFORCE, make_vec_env
from textgym.agents.episodes import Episodes
from textgym.agents.reinforce import episode_baseline
from textgym.data import Row
from textgym.errors import AgentError, ModelError, TaskError, TextGymError
from textgym.tokenizers import CharTokenizer

ENV = "TextGen-Numbers-v0"
SMALL: dict[str, Any] = {"n_envs": 4, "n_steps": 24, "batch_size": 48, "seed": 0, "device": "cpu"}


def make(cls: Any = PPO, model: Any = "scratch", env: Any = ENV, **kwargs: Any) -> Any:
    return cls(model, env, **{**SMALL, **kwargs})


@pytest.mark.filterwarnings("ignore::tqdm.TqdmExperimentalWarning")  # SB3 silences it, pytest undoes that
@pytest.mark.parametrize("cls", [PPO, REINFORCE])
def test_sb3s_callbacks_progress_bar_and_tensorboard_work(cls: Any, tmp_path: Path) -> None:
    agent = make(cls, tensorboard_log=str(tmp_path / "tb"), verbose=0)
    stop = StopTrainingOnRewardThreshold(-1.0, verbose=0)
    callbacks = [
        EvalCallback(
            make_vec_env(ENV, 2),
            eval_freq=30,
            n_eval_episodes=4,
            best_model_save_path=str(tmp_path / "best"),
            callback_on_new_best=stop,
            verbose=0,
        ),
        CheckpointCallback(10, str(tmp_path / "checkpoints")),
    ]
    agent.learn(100_000, callback=callbacks, progress_bar=True)
    assert 4 * 24 <= agent.num_timesteps < 1000  # stopped by the first evaluation
    assert any((tmp_path / "tb").rglob("events.out.tfevents.*"))
    saved = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert len(saved) >= 3
    for folder in (tmp_path / "checkpoints" / saved[0], tmp_path / "best" / "best_model.zip"):
        assert isinstance(cls.load(folder, device="cpu"), cls)


def test_training_stops_at_a_number_of_episodes() -> None:
    agent = make().learn(100_000, callback=StopTrainingOnMaxEpisodes(3, verbose=0))
    assert agent.num_timesteps < 1000


@pytest.mark.parametrize("cls", [PPO, REINFORCE])
def test_what_is_logged(cls: Any) -> None:
    agent = make(cls, kl_coef=0.1).learn(4 * 24 * 2, log_interval=1000)  # a dump would clear the logger
    logged = agent.logger.name_to_value
    expected = {
        "rollout/kl",
        "rollout/entropy",
        "rollout/perplexity",
        "rollout/completion_length",
        "reward/increasing",
        "train/kl_coef",
        "train/entropy_loss",
        "train/policy_gradient_loss",
        "train/loss",
        "train/learning_rate",
        "train/n_updates",
    }
    assert expected <= set(logged)
    episodes = agent.rollout_buffer.episodes
    assert logged["reward/increasing"] == pytest.approx(episodes.rewards.sum(1).mean(), abs=1e-6)
    assert logged["rollout/completion_length"] == pytest.approx(episodes.response_mask.sum(1).mean())


def test_the_price_of_kl_is_in_the_advantages_and_not_in_the_reported_reward() -> None:
    agent = make(kl_coef=0.5, n_epochs=1, learning_rate=1e-3)
    agent.learn(4 * 24)
    agent.learn(1, reset_num_timesteps=False)  # by now the policy has left the reference
    episodes = agent.rollout_buffer.episodes
    score = lambda model: episodes.score(lambda batch: model.log_probs(batch)[None], agent.device)[0]  # noqa: E731
    chosen = episodes.response_mask
    log_ratio = (episodes.log_probs - score(agent.reference))[chosen]
    assert np.abs(log_ratio).max() > 1e-4
    priced = np.zeros(chosen.shape)
    priced[chosen] = episodes.rewards[chosen] - 0.5 * log_ratio
    to_go = np.flip(np.flip(priced, 1).cumsum(1), 1)
    np.testing.assert_allclose(agent.rollout_buffer.returns, to_go[chosen], atol=1e-4)
    reported = [info["r"] for info in agent.ep_info_buffer]
    np.testing.assert_allclose(np.sort(reported)[-3:], np.sort(reported)[-3:].round(6))
    assert set(np.round(np.array(reported) * 8, 4)) <= set(range(9))  # the task's reward: eighths


@pytest.mark.parametrize("name", ["k1", "k2", "k3"])
def test_the_reference_stands_still_and_its_kl_is_measured(name: str) -> None:
    agent = make(kl_coef=0.0, kl_estimator=name, learning_rate=3e-3)
    before = [parameter.clone() for parameter in agent.reference.parameters()]
    report = agent.evaluate(episodes=8)
    assert agent.kl_to_reference(report.episodes) == pytest.approx(0.0, abs=1e-6)
    agent.learn(4 * 24 * 3)
    assert all(torch.equal(a, b) for a, b in zip(before, agent.reference.parameters(), strict=True))
    assert not any(parameter.requires_grad for parameter in agent.reference.parameters())
    assert agent.kl_to_reference(agent.evaluate(episodes=8).episodes) > 1e-4
    names = [name for name, _ in agent.policy.named_parameters()]
    assert not any("reference" in name for name in names)


def test_kl_to_reference_is_the_mean_divergence_of_the_contexts_visited() -> None:
    agent = make(kl_coef=0.0, env="TextGen-Target-v0", n_steps=8)
    with torch.no_grad():
        for parameter in agent.policy.lm.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    episodes = agent.evaluate(episodes=5).episodes
    task, total, count = agent.task, 0.0, 0
    allowed = list(task.allowed_tokens)
    for episode in episodes:
        for t in range(len(episode.completion_ids)):
            ids = torch.tensor([[*episode.prompt_ids, *episode.completion_ids[:t]]])
            with torch.no_grad():
                logits = [model.lm(ids).logits[0, -1, allowed] for model in (agent.policy, agent.reference)]
            p, q = (one.log_softmax(-1) for one in logits)
            total, count = total + (p.exp() * (p - q)).sum().item(), count + 1
    assert agent.kl_to_reference(episodes) == pytest.approx(total / count, rel=1e-4)


def test_the_coefficient_adapts_to_a_target() -> None:
    agent = make(kl_coef=0.1, kl_target=1e-9)
    agent.learn(4 * 24 * 3)
    assert agent.kl.coef != 0.1


def test_no_reference_is_kept_for_random_weights_unless_asked() -> None:
    assert make().reference is None
    with pytest.raises(AgentError, match=r"kl_coef=0\.0"):
        make().kl_to_reference([])
    assert make(model={"n_embd": 32}).arguments["learning_rate"] == PPO.scratch.learning_rate


def test_baselines_by_hand() -> None:
    mask = np.array([[False, True, True], [True, True, False], [False, False, True]])
    returns = np.array([[0, 3, 1], [6, 2, 0], [0, 0, 9]], float)
    assert episode_baseline("none", returns, mask).tolist() == [0, 0, 0]
    assert episode_baseline("mean", returns, mask).tolist() == [6, 6, 6]
    assert episode_baseline("leave_one_out", returns, mask).tolist() == [7.5, 6, 4.5]
    assert episode_baseline("leave_one_out", returns[:1], mask[:1]).tolist() == [0]


def test_reinforce_takes_one_step_whatever_the_batch_size() -> None:
    results = []
    for batch_size in (10_000, 30):
        agent = make(REINFORCE, batch_size=batch_size, baseline="value", ent_coef=0.01)
        agent.learn(4 * 24)
        results.append((agent.policy.parameters_to_vector(), agent.logger.name_to_value["train/loss"]))
        assert agent._n_updates == 1
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-5)
    assert results[0][1] == pytest.approx(results[1][1], rel=1e-4)


def test_normalised_advantages_have_unit_deviation() -> None:
    agent = make(REINFORCE, normalize_advantage=True).learn(4 * 24)
    chosen = agent.rollout_buffer.episodes.response_mask
    assert agent.rollout_buffer.advantages[chosen].std() == pytest.approx(1.0, abs=1e-4)


def test_environments_come_as_ids_tasks_vectors_and_vecenvs() -> None:
    task = make_vec_env(ENV, 1).get_attr("task")[0]
    native = gym.make_vec(ENV, num_envs=4, autoreset_mode="SameStep")
    weights = []
    for env in (ENV, task, native, make_vec_env(ENV, 4)):
        agent = make(env=env).learn(4 * 24)
        weights.append(agent.policy.parameters_to_vector())
        assert agent.evaluate(episodes=4).env_id in (ENV, "Numbers")
    assert all(np.array_equal(weights[0], other) for other in weights)


def test_gamma_is_the_environments() -> None:
    assert make().gamma == 1.0
    assert make(env_kwargs={"gamma": 0.9}).gamma == 0.9
    assert make(env_kwargs={"gamma": 0.9}, gamma=0.9).gamma == 0.9
    with pytest.raises(AgentError, match="discounted twice"):
        make(gamma=0.99)


def test_a_model_brings_its_own_tokenizer() -> None:
    rows = [Row("what a day"), Row("the food")]
    letters = CharTokenizer("abcdefghijklmnopqrstuvwxyz ")
    task = Task("letters", {"train": rows, "test": rows}, letters, textgym.rewards.make(length), 20, 8)
    assert make(env=task).task.tokenizer is letters
    agent = make(model="tiny", env=task)
    assert agent.task.tokenizer.fingerprint == textgym.tokenizers.load("tiny").fingerprint
    assert agent.arguments["env_kwargs"] == {"tokenizer": "tiny"}
    with pytest.raises(ModelError, match="tokenizer='tiny'"):
        make(model="tiny", env=make_vec_env(task, 4))
    with pytest.raises(TaskError, match="tiny"):
        make(model="tiny", env=ENV)  # its reward is for digits


def test_a_live_model_is_trained_in_place() -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=14,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    before = model.lm_head.weight.detach().clone()
    agent = make(model=model).learn(4 * 24)
    assert agent.policy.lm is model
    assert not torch.equal(before, model.lm_head.weight)
    assert torch.equal(before, agent.reference.lm.lm_head.weight)


def test_schedules_are_sb3s() -> None:
    agent = make(learning_rate=LinearSchedule(1e-3, 0.0, 1.0), clip_range=LinearSchedule(0.2, 0.1, 1.0))
    agent.learn(4 * 24 * 4)
    assert agent.logger.name_to_value["train/learning_rate"] < 5e-4
    assert agent.logger.name_to_value["train/clip_range"] < 0.15


def test_entropy_gets_a_gradient_where_it_has_a_coefficient() -> None:
    assert not make().policy.differentiable_entropy
    plain, bold = (make(ent_coef=coef).learn(4 * 24).policy.parameters_to_vector() for coef in (0.0, 0.5))
    assert not np.allclose(plain, bold)


@pytest.mark.parametrize("cls", [PPO, REINFORCE])
def test_a_loss_that_is_no_number_stops_before_the_weights_are_spoilt(cls: Any) -> None:
    agent = make(cls, ent_coef=float("nan"))
    before = agent.policy.parameters_to_vector()
    with pytest.raises(AgentError, match="gradient of the loss is not finite"):
        agent.learn(4 * 24)
    assert np.array_equal(before, agent.policy.parameters_to_vector())


def length(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
    return [float(len(text)) for text in completions]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"env": "TextGen-Number-v0"}, "TextGen-Numbers-v0"),
        ({"env": 3}, "Actual value: 3"),
        ({"env": None}, "Actual value: None"),
        ({"env_kwargs": {"spilt": "test"}}, "split"),
        ({"env_kwargs": {"reward": "sentimnet"}}, "sentiment"),
        ({"model": "tinny"}, "tinny"),
        ({"kl_estimator": "k4", "kl_coef": 0.1}, "k4"),
        ({"kl_coef": -1.0}, "-1.0"),
        ({"policy_kwargs": {"model": "tiny"}}, "first argument"),
        ({"policy_kwargs": {"temperature": 0}}, "temperature"),
        ({"cls": REINFORCE, "baseline": "loo"}, "leave_one_out"),
        ({"env_kwargs": {"max_new_tokens": 5}, "env": make_vec_env(ENV, 2)}, "max_new_tokens"),
        ({"model": {"vocab_size": 5}}, "knows 5 tokens, the environment has 14"),
    ],
)
def test_bad_input_is_refused(arguments: dict, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(TextGymError, match=message):
        make(**arguments)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(AgentError, match="Actual value: 0"):
        make().learn(0)


def test_a_perfect_reference_costs_nothing() -> None:
    agent = make(kl_coef=1.0, learning_rate=0.0).learn(4 * 24)
    chosen = agent.rollout_buffer.episodes.response_mask
    assert agent.logger.name_to_value["rollout/kl"] == pytest.approx(0.0, abs=1e-6)
    assert isinstance(agent.rollout_buffer.episodes, Episodes)
    returns = agent.rollout_buffer.episodes.rewards.sum(1)[:, None] * chosen
    np.testing.assert_allclose(agent.rollout_buffer.returns, returns[chosen], atol=1e-4)
    assert isinstance(agent.policy.value_head, nn.Linear)
