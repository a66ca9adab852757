"""How V is read: what each head computes, what its gradient reaches, and that it is served, saved and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from stable_baselines3 import PPO as StockPPO
from torch import nn

from textgym.agents import NLPO, PPO, REINFORCE, TRPO, TransformerPolicy, make_vec_env
from textgym.agents.value_heads import KINDS
from textgym.errors import AgentError

ENV = "TextGen-Numbers-v0"
TINY = {"n_embd": 32}
SMALL: dict[str, Any] = {"n_envs": 4, "n_steps": 24, "seed": 0, "device": "cpu", "env_kwargs": {"reward": "length"}}
BUDGET = 4 * 24


def make(kind: str, cls: Any = PPO, model: Any = TINY, **settings: Any) -> Any:
    kwargs = settings.pop("policy_kwargs", {})
    return cls(model, ENV, **{**SMALL, **settings}, policy_kwargs={"value_head": kind, **kwargs})


def bold(agent: Any) -> Any:
    """Gives every weight of the value something to say."""
    generator = torch.Generator().manual_seed(1)
    for module in (agent.policy.value_head, agent.policy.value_model):
        for weight in [] if module is None else module.parameters():
            nn.init.normal_(weight, std=0.3, generator=generator)
    return agent


def gradients(agent: Any) -> dict[str, bool]:
    """Whether the gradient of V alone reaches the language model, the head and the value model."""
    agent.learn(1, reset_num_timesteps=False)
    (batch,) = agent.rollout_buffer.get()
    values, _, _ = agent.policy.evaluate_actions(batch.observations, batch.actions)
    agent.policy.zero_grad()
    values.square().sum().backward()
    modules = {"lm": agent.policy.lm, "head": agent.policy.value_head, "value_model": agent.policy.value_model}
    return {
        name: module is not None and any(w.grad is not None and bool(w.grad.any()) for w in module.parameters())
        for name, module in modules.items()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_starts_at_zero(kind: str) -> None:
    agent = make(kind)
    obs = {name: torch.from_numpy(values) for name, values in make_vec_env(ENV, 3).reset().items()}
    assert torch.equal(agent.policy.predict_values(obs), torch.zeros(3))


def test_each_head_is_what_it_says() -> None:
    assert isinstance(make("linear").policy.value_head, nn.Linear)
    hidden, _, last = make("mlp").policy.value_head
    assert (hidden.in_features, hidden.out_features, last.out_features) == (32, 32, 1)
    policy = make("separate").policy
    own, value = (dict(model.lm.named_parameters()) for model in (policy.token_model, policy.value_model))
    assert all(torch.equal(weight, value[name]) for name, weight in own.items())
    assert not {w.data_ptr() for w in own.values()} & {w.data_ptr() for w in value.values()}


@pytest.mark.parametrize(
    ("kind", "value_gradient", "reached"),
    [
        ("linear", True, {"lm", "head"}),
        ("linear", False, {"head"}),
        ("mlp", True, {"lm", "head"}),
        ("mlp", False, {"head"}),
        ("separate", True, {"head", "value_model"}),
    ],
)
def test_the_gradient_of_the_value_goes_where_it_is_let(kind: str, value_gradient: bool, reached: set[str]) -> None:
    agent = bold(make(kind, policy_kwargs={"value_gradient": value_gradient}, learning_rate=1e-9))
    assert {name for name, touched in gradients(agent).items() if touched} == reached


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cls", [PPO, NLPO])
def test_collection_values_contexts_as_the_update_does(kind: str, cls: Any) -> None:
    agent = bold(make(kind, cls, learning_rate=1e-12))
    agent.learn(2 * BUDGET)
    (batch,) = agent.rollout_buffer.get()
    with torch.no_grad():
        values, log_prob, _ = agent.policy.evaluate_actions(batch.observations, batch.actions)
    assert batch.old_values.std() > 0.01
    torch.testing.assert_close(values, batch.old_values, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(log_prob, batch.old_log_prob, atol=1e-4, rtol=1e-4)


def test_predict_does_without_the_value_model(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = bold(make("separate"))
    monkeypatch.setattr(agent.policy.value_model, "advance", lambda *_: 1 / 0)
    agent.predict(make_vec_env(ENV, 3).reset())
    with pytest.raises(ZeroDivisionError):
        agent.learn(1)


@pytest.mark.parametrize("kind", ["mlp", "separate"])
@pytest.mark.parametrize("settings", [{}, {"cls": REINFORCE, "baseline": "value"}, {"cls": TRPO}])
def test_a_resumed_run_makes_the_same_updates_to_the_last_bit(kind: str, settings: Any, tmp_path: Path) -> None:
    agent = make(kind, **settings).learn(BUDGET)
    agent.save(tmp_path / "agent")
    saved = load_file(tmp_path / "agent" / "policy.safetensors")
    assert any(name.startswith("value_model") for name in saved) == (kind == "separate")
    resumed = type(agent).load(tmp_path / "agent", device="cpu")
    for one in (agent, resumed):
        one.learn(BUDGET, reset_num_timesteps=False)
    ours, theirs = (dict(one.policy.named_parameters()) for one in (agent, resumed))
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())


def test_a_separate_value_shares_what_never_learns() -> None:
    frozen = make("separate", policy_kwargs={"train": {"last_layers": 1}}).policy
    own, value = (dict(model.lm.named_parameters()) for model in (frozen.token_model, frozen.value_model))
    shared = {name for name, weight in own.items() if value[name] is weight}
    assert shared == {name for name, weight in own.items() if not weight.requires_grad} != set()
    alone = make("separate", policy_kwargs={"train": "value_head"}).policy
    assert not any(weight.requires_grad for weight in alone.lm.parameters())
    assert all(weight.requires_grad for weight in alone.value_model.parameters())
    adapter = make("separate", policy_kwargs={"lora": {"r": 2}}).policy
    value = dict(adapter.value_model.lm.named_parameters())
    shared = {name for name, weight in adapter.lm.named_parameters() if value[name] is weight}
    assert shared == {name for name in value if "lora_" not in name}


def test_a_separate_value_of_a_model_with_a_head_of_its_own_shares_that_head() -> None:
    untied = {"model_type": "gpt2", "n_layer": 2, "n_embd": 32, "n_head": 4, "tie_word_embeddings": False}
    policy = make("separate", model={**untied, "bos_token_id": None, "eos_token_id": None}).policy
    assert policy.value_model.lm.lm_head.weight is policy.lm.lm_head.weight
    assert policy.value_model.lm.transformer.wte.weight is not policy.lm.transformer.wte.weight


@pytest.mark.parametrize("kind", ["mlp", "separate"])
def test_stock_sb3_trains_and_loads_it(kind: str, tmp_path: Path) -> None:
    model = {"model": {"n_embd": 32}, "value_head": kind, "value_gradient": kind == "separate"}
    settings: dict[str, Any] = {"n_steps": 8, "batch_size": 16, "n_epochs": 1, "seed": 0, "device": "cpu"}
    agent = StockPPO(TransformerPolicy, make_vec_env(ENV, 2), policy_kwargs=model, **settings).learn(16)
    agent.policy.save(tmp_path / "policy.zip")
    found = TransformerPolicy.load(tmp_path / "policy.zip", device="cpu")
    assert np.array_equal(found.parameters_to_vector(), agent.policy.parameters_to_vector())


@pytest.mark.parametrize("kind", KINDS)
def test_the_value_of_a_frozen_policy_is_learnt(kind: str) -> None:
    options = {"train": "value_head", "optimizer_class": "SGD"}
    agent = make(kind, learning_rate=0.02, batch_size=24, vf_coef=1.0, policy_kwargs=options)
    before = [weight.clone() for weight in agent.policy.lm.parameters()]
    losses = []
    for _ in range(5):
        agent.learn(1, reset_num_timesteps=False)
        losses.append(agent.logger.name_to_value["train/value_loss"])
    assert all(torch.equal(a, b) for a, b in zip(before, agent.policy.lm.parameters(), strict=True))
    assert agent.logger.name_to_value["train/approx_kl"] == pytest.approx(0.0, abs=1e-6)
    assert losses[-1] < 0.7 * losses[0]  # of V = 0


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"value_head": "seperate"}, "Did you mean 'separate'"),
        ({"value_head": "separate", "value_gradient": False}, "separate value model learns by"),
        ({"value_gradient": 0.5}, "value_gradient is True or False.*0.5"),
    ],
)
def test_errors_teach(options: Any, reason: str) -> None:
    with pytest.raises(AgentError, match=reason):
        PPO(TINY, ENV, **SMALL, policy_kwargs=options)
