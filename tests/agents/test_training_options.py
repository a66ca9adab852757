"""Which weights learn, in how many parts, and with how much memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from textgym.agents import A2C, NLPO, PPO, REINFORCE, SFT, TRPO, load
from textgym.agents.micro_batches import micro_batches
from textgym.agents.trainable import freeze, recomputed
from textgym.errors import AgentError, ModelError, RunError

ENV = "TextGen-Numbers-v0"
TINY = {"n_embd": 32}
SMALL: dict[str, Any] = {"n_envs": 4, "seed": 0, "device": "cpu"}
RL: dict[str, Any] = {**SMALL, "n_steps": 24, "env_kwargs": {"reward": "length"}}
BUDGET = 4 * 24

NO_SPECIALS: dict[str, Any] = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
HEADS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}
DEPTHS = {"encoder_layers": 3, "decoder_layers": 3, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
SEQ2SEQ = {**NO_SPECIALS, "decoder_start_token_id": 0, "forced_eos_token_id": None}
LLAMA = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 3}
MODELS: dict[str, Any] = {
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=16, n_embd=32, n_layer=3, n_head=4)),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(vocab_size=20, **LLAMA, **NO_SPECIALS)),
    "opt": lambda: OPTForCausalLM(
        OPTConfig(vocab_size=20, hidden_size=32, ffn_dim=64, num_hidden_layers=3, num_attention_heads=4, **NO_SPECIALS)
    ),
    "t5": lambda: T5ForConditionalGeneration(
        T5Config(vocab_size=20, d_model=32, d_ff=64, d_kv=8, num_layers=3, num_heads=4)
    ),
    "bart": lambda: BartForConditionalGeneration(BartConfig(vocab_size=20, d_model=32, **HEADS, **DEPTHS, **SEQ2SEQ)),
}
LAST = {  # what the weights of the last two of three layers are called, and what else then learns
    "gpt2": (("transformer.h.1.", "transformer.h.2."), {"transformer.ln_f.weight", "transformer.ln_f.bias"}),
    "llama": (("model.layers.1.", "model.layers.2."), {"model.norm.weight", "lm_head.weight"}),
    "opt": (
        ("model.decoder.layers.1.", "model.decoder.layers.2."),
        {"model.decoder.final_layer_norm.weight", "model.decoder.final_layer_norm.bias"},
    ),
    "t5": (("decoder.block.1.", "decoder.block.2."), {"decoder.final_layer_norm.weight", "lm_head.weight"}),
    "bart": (("model.decoder.layers.1.", "model.decoder.layers.2."), set()),
}


def make(cls: Any = PPO, model: Any = TINY, **settings: Any) -> Any:
    options = settings.pop("options", {})
    return cls(model, ENV, **{**(SMALL if cls is SFT else RL), **settings}, policy_kwargs=options)


def step(cls: Any, options: dict[str, Any], **settings: Any) -> np.ndarray:
    """The gradient of one step of the optimizer: how far plain gradient descent with rate 1 moves the weights."""
    policy = {"optimizer_class": "SGD", **options}
    agent = make(cls, options=policy, learning_rate=1.0, max_grad_norm=1e9, **settings)
    start = agent.policy.parameters_to_vector()
    agent.learn(1)
    return agent.policy.parameters_to_vector() - start


@pytest.mark.filterwarnings("ignore")  # that vocabularies of 20 tokens have no end token 50256
@pytest.mark.parametrize("name", MODELS)
def test_the_last_layers_are_those_next_to_the_output(name: str) -> None:
    lm = MODELS[name]()
    tied = lm.get_output_embeddings().weight is lm.get_input_embeddings().weight
    freeze(lm, {"last_layers": 2})
    layers, others = LAST[name]
    learns = {key for key, weight in lm.named_parameters() if weight.requires_grad}
    expected = {key for key, _ in lm.named_parameters() if key.startswith(layers)}
    assert len(expected) > 10
    assert learns == expected | (others - {"lm_head.weight"} if tied else others)
    freeze(lm, "value_head")
    assert not any(weight.requires_grad for weight in lm.parameters())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_layers_computed_twice_have_the_same_gradient(name: str) -> None:
    torch.manual_seed(0)
    lm = MODELS[name]().eval()
    ids = torch.tensor([[3, 1, 4, 1, 5, 9]])
    gradients = []
    for twice in (False, True):
        calls = []
        hook = lm.get_decoder().register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        lm.zero_grad()
        inputs = {"input_ids": ids, "use_cache": False}
        if lm.config.is_encoder_decoder:
            inputs["decoder_input_ids"] = ids
        if twice:
            with recomputed(lm):
                logits = lm(**inputs).logits
        else:
            logits = lm(**inputs).logits
        logits.square().sum().backward()
        hook.remove()
        gradients.append([weight.grad for weight in lm.parameters() if weight.grad is not None])
    assert len(gradients[0]) > 20
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert not any("forward" in vars(module) for module in lm.modules())


@pytest.mark.parametrize("cls", [PPO, A2C, REINFORCE, SFT])
def test_only_the_last_layers_move_and_the_optimizer_keeps_nothing_else(cls: Any, tmp_path: Path) -> None:
    agent = make(cls, options={"train": {"last_layers": 1}}, **({} if cls is SFT else {"kl_coef": 0.1}))
    before = {name: weight.clone() for name, weight in agent.policy.lm.named_parameters()}
    agent.learn(BUDGET)
    moved = {name for name, weight in agent.policy.lm.named_parameters() if not torch.equal(weight, before[name])}
    assert "transformer.h.1.mlp.c_fc.weight" in moved
    assert all(name.startswith(("transformer.h.1.", "transformer.ln_f.")) for name in moved)
    if agent.reference is not None:  # which shares the layers that stay
        reference = dict(agent.reference.lm.named_parameters())
        assert all(torch.equal(reference[name], weight) for name, weight in before.items())
        own = dict(agent.policy.lm.named_parameters())
        assert {name for name in own if own[name] is reference[name]} == {n for n in own if not own[n].requires_grad}
    agent.save(tmp_path / "agent")
    resumed = cls.load(tmp_path / "agent", device="cpu")
    for one in (agent, resumed):
        one.learn(BUDGET, reset_num_timesteps=False)
    assert np.array_equal(agent.policy.parameters_to_vector(), resumed.policy.parameters_to_vector())


@pytest.mark.parametrize("options", [{}, {"value_head": "separate"}, {"lora": {"r": 2}}])
@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (PPO, {"batch_size": 96, "n_epochs": 1, "ent_coef": 0.1}),
        (
            PPO,
            {
                "batch_size": 96,
                "n_epochs": 1,
                "kl_coef": 0.1,
                "kl_estimator": "k2",
                "regularisation": {"kl_in": "loss"},
            },
        ),
        (A2C, {"normalize_advantage": True}),
        (REINFORCE, {"baseline": "value"}),
        (NLPO, {"batch_size": 96, "n_epochs": 1}),
        (SFT, {"n_demonstrations": 16, "batch_size": 4096}),
    ],
)
def test_the_parts_of_a_minibatch_add_up_to_its_gradient(cls: Any, settings: Any, options: Any) -> None:
    whole, parts = (step(cls, {**options, "micro_batch_size": size}, **settings) for size in (None, 40))
    assert np.abs(whole).max() > 1e-3
    np.testing.assert_allclose(parts, whole, atol=1e-6 * max(1.0, np.abs(whole).max()), rtol=1e-4)


@pytest.mark.parametrize("cls", [PPO, REINFORCE, SFT])
def test_gradient_checkpointing_takes_the_same_step(cls: Any) -> None:
    options = {} if cls is SFT else {"kl_coef": None}
    plain, twice = (step(cls, {"gradient_checkpointing": on}, **options) for on in (False, True))
    assert np.abs(plain).max() > 1e-3
    np.testing.assert_allclose(twice, plain, atol=1e-5, rtol=1e-5)


def test_parts_are_whole_episodes_within_the_budget() -> None:
    agent = make(n_steps=64)
    agent.learn(1)
    (batch,) = agent.rollout_buffer.get()
    episodes: Any = batch.observations
    parts = micro_batches(episodes, 60)
    assert len(parts) > 3
    assert sum(len(part.lengths) for part in parts) == len(episodes.lengths)
    assert all(part.input_ids.numel() <= 60 or len(part.lengths) == 1 for part in parts)
    assert torch.equal(torch.cat([part.actions for part in parts]), episodes.actions)
    assert torch.equal(torch.cat([part.positions for part in parts]), episodes.positions)
    assert micro_batches(episodes, None)[0] is episodes


def peak(options: dict[str, Any], n_steps: int, n_layer: int = 4) -> int:
    """Most bytes that one update has allocated at a time."""
    model = {"n_embd": 64, "n_layer": n_layer}
    agent = make(model=model, options=options, n_steps=n_steps, batch_size=100_000, n_epochs=1)
    agent.learn(1)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        agent.train()
    events = [event for event in record.profiler.kineto_results.events() if event.name() == "[memory]"]
    return int(np.cumsum([event.nbytes() for event in sorted(events, key=lambda one: one.start_ns())]).max())


def test_memory_grows_with_a_part_and_not_with_the_minibatch() -> None:
    part = {"micro_batch_size": 64}
    whole, parts = ([peak(options, n_steps) for n_steps in (32, 128)] for options in ({}, part))
    grown, held = whole[1] - whole[0], parts[1] - parts[0]
    assert grown > 2_000_000
    assert held < 0.1 * grown


def test_gradient_checkpointing_needs_less_memory() -> None:
    plain, twice = (peak({"gradient_checkpointing": on}, 64, n_layer=6) for on in (False, True))
    assert twice < 0.6 * plain


def test_trpo_takes_its_second_derivatives_of_layers_computed_twice() -> None:
    plain, twice = (
        make(TRPO, options={"gradient_checkpointing": on}).learn(BUDGET).policy.parameters_to_vector()
        for on in (False, True)
    )
    np.testing.assert_allclose(twice, plain, atol=1e-5)


def test_a_device_map_places_a_named_model(tmp_path: Path) -> None:
    plain = make(options={}, model=TINY)
    plain.policy.lm.save_pretrained(tmp_path / "model")
    plain.task.tokenizer.save(tmp_path / "model")
    agents = [
        make(model=tmp_path / "model", options=options, device=device).learn(BUDGET)
        for options, device in (({}, "cpu"), ({"device_map": {"": "cpu"}}, "auto"), ({"device_map": "cpu"}, "cpu"))
    ]
    assert {str(agent.device) for agent in agents} == {"cpu"}
    vectors = [agent.policy.parameters_to_vector() for agent in agents]
    assert all(np.array_equal(vector, vectors[0]) for vector in vectors)
    agents[1].save(tmp_path / "agent")
    assert isinstance(load(tmp_path / "agent"), PPO)
    for device_map, reason in (
        ({"": "meta"}, "'meta' are offloaded"),
        ("sideways", "could be loaded"),
    ):
        with pytest.raises(ModelError, match=reason):
            make(model=tmp_path / "model", options={"device_map": device_map})


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"train": "last_layer"}, AgentError, "Did you mean 'last_layers'"),
        ({"train": {"last_layers": 3}}, AgentError, "between 1 and the 2 layers.*Actual value: 3"),
        ({"train": {"last_layers": 0}}, AgentError, "Actual value: 0"),
        ({"train": {"layers": 1}}, AgentError, "last_layers.*Actual value"),
        ({"train": "lora"}, AgentError, r"give lora=\{'r': 8\}"),
        ({"micro_batch_size": 0}, AgentError, "at least 1.*Actual value: 0"),
        ({"micro_batch_size": 1.5}, AgentError, "Actual value: 1.5"),
        ({"device_map": "auto"}, ModelError, "read from files"),
    ],
)
def test_errors_teach(options: Any, error: Any, reason: str) -> None:
    with pytest.raises(error, match=reason):
        make(options=options)


@pytest.mark.parametrize("cls", [REINFORCE, SFT, TRPO])
def test_a_value_nobody_learns_is_refused(cls: Any) -> None:
    with pytest.raises(AgentError, match=f"leaves {cls.__name__} nothing to learn"):
        make(cls, options={"train": "value_head"})


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    make(kl_coef=0.1).save(tmp_path / "agent")
    make(model={"n_embd": 64}).save(tmp_path / "wide")
    other = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
    make(model={**other, "num_hidden_layers": 2}).save(tmp_path / "llama")
    for name, found in (("wide", "GPT2LMHeadModel of"), ("llama", "LlamaForCausalLM of")):
        shutil.copytree(tmp_path / "agent", tmp_path / f"{name} in agent")
        shutil.rmtree(tmp_path / f"{name} in agent" / "model")
        shutil.copytree(tmp_path / name / "model", tmp_path / f"{name} in agent" / "model")
        with pytest.raises(RunError, match=f"holds a {found}.*the agent was a GPT2LMHeadModel"):
            PPO.load(tmp_path / f"{name} in agent", device="cpu")
    shutil.rmtree(tmp_path / "agent" / "reference")
    with pytest.raises(RunError, match=r"reference of the agent.*cannot be loaded"):
        PPO.load(tmp_path / "agent", device="cpu")


def test_other_weights_than_were_trained_are_told(tmp_path: Path) -> None:
    make(options={"value_head": "mlp"}).learn(BUDGET).save(tmp_path / "agent")
    file = tmp_path / "agent" / "agent.json"
    content = json.loads(file.read_text())
    for changed, reason in (
        ({"value_head": "linear"}, r"policy\.safetensors.*does not hold the weights"),
        ({"value_head": "mlp", "train": {"last_layers": 1}}, "optimizer of the saved agent had other weights"),
    ):
        content["arguments"]["policy_kwargs"] = changed
        file.write_text(json.dumps(content))
        with pytest.raises(RunError, match=reason):
            PPO.load(tmp_path / "agent", device="cpu")
