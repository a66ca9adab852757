"""Low-rank adapters: what learns, what is saved, and what the KL is measured to."""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from textgym.agents import NLPO, PPO, REINFORCE, SFT, load
from textgym.agents.lora import OPTIONS, adapted
from textgym.agents.models import pretrained
from textgym.errors import AgentError, ModelError, RunError

ENV = "TextGen-Numbers-v0"
SMALL: dict[str, Any] = {"n_envs": 4, "n_steps": 24, "batch_size": 48, "seed": 0, "device": "cpu"}
LORA: dict[str, Any] = {"r": 4, "lora_alpha": 8}
BUDGET = 4 * 24


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model in the vocabulary of `ENV`, whose logits are spread out."""
    path = tmp_path_factory.mktemp("base") / "model"
    agent = PPO({"n_embd": 32}, ENV, **SMALL)
    with torch.no_grad():
        agent.policy.lm.transformer.wte.weight.mul_(8)
    agent.policy.lm.save_pretrained(path)
    agent.task.tokenizer.save(path)
    return path


def make(model: Any, cls: Any = PPO, lora: Any = LORA, policy_kwargs: Any = None, **settings: Any) -> Any:
    options = {**SMALL, "env_kwargs": {"reward": "length"}, **settings}
    return cls(model, ENV, **options, policy_kwargs={"lora": lora, **(policy_kwargs or {})})


def bold(agent: Any) -> Any:
    """Moves the adapter far from where it began, so that it matters."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in agent.policy.lm.parameters():
            if weight.requires_grad:
                weight.add_(0.2 * torch.randn(weight.shape, generator=generator))
    return agent


def logits(lm: Any) -> torch.Tensor:
    with torch.no_grad():
        return lm(torch.tensor([[3, 1, 4, 1, 5]])).logits


def test_the_reference_is_the_model_with_its_adapter_off(base: Path) -> None:
    agent = make(base, kl_coef=0.1)
    frozen = PPO(base, ENV, **SMALL, kl_coef=0.1).reference  # a copy of all weights
    agent.learn(BUDGET)
    bold(agent)
    assert not torch.allclose(logits(agent.policy.lm), logits(frozen.lm), atol=0.1)
    assert torch.equal(logits(agent.reference.lm), logits(frozen.lm))
    episodes = agent.rollout_buffer.episodes
    score = lambda model: episodes.score(lambda batch: model.log_probs(batch)[None], agent.device)  # noqa: E731
    assert np.array_equal(score(agent.reference), score(frozen))
    owned = {weight.data_ptr() for weight in agent.policy.lm.parameters()}
    assert {weight.data_ptr() for weight in agent.reference.lm.parameters()} < owned  # no second copy in memory
    assert agent.kl_to_reference(agent.evaluate(episodes=2).episodes) > 0.01


def test_only_the_adapter_and_the_value_head_learn(base: Path) -> None:
    agent = make(base)
    before = {name: weight.clone() for name, weight in agent.policy.named_parameters()}
    agent.learn(2 * BUDGET)
    moved = {name for name, weight in agent.policy.named_parameters() if not torch.equal(weight, before[name])}
    assert any("lora_A" in name for name in moved)
    assert all("lora_" in name or "value_head" in name for name in moved)
    (group,) = agent.policy.optimizer.param_groups
    assert sum(weight.numel() for weight in group["params"]) < 0.3 * sum(w.numel() for w in before.values())


def test_an_adapter_changes_nothing_at_first(base: Path) -> None:
    assert torch.equal(logits(make(base).policy.lm), logits(AutoModelForCausalLM.from_pretrained(base)))


def test_an_agent_of_a_named_model_saves_its_adapter_only(base: Path, tmp_path: Path) -> None:
    agent = make(base, kl_coef=0.1).learn(BUDGET)
    agent.save(tmp_path / "agent")
    files = {path.relative_to(tmp_path / "agent").as_posix() for path in (tmp_path / "agent").rglob("*.*")}
    model = {name for name in files if name.startswith("model/")}
    assert "model/adapter_model.safetensors" in model
    assert not {"model/model.safetensors", "model/config.json"} & model
    assert not any(name.startswith(("base", "reference")) for name in files)
    adapter = load_file(tmp_path / "agent" / "model" / "adapter_model.safetensors")
    assert all("lora_" in name for name in adapter)
    whole = (base / "model.safetensors").stat().st_size
    assert sum(tensor.nbytes for tensor in adapter.values()) < 0.3 * whole
    assert set(load_file(tmp_path / "agent" / "policy.safetensors")) == {"value_head.weight", "value_head.bias"}
    moments = sum(tensor.nbytes for tensor in load_file(tmp_path / "agent" / "training.safetensors").values())
    assert moments < 2.5 * sum(tensor.nbytes for tensor in adapter.values())


@pytest.mark.parametrize(
    ("cls", "lora", "settings"),
    [
        (PPO, LORA, {"kl_coef": 0.1}),
        (PPO, {**LORA, "use_dora": True}, {"policy_kwargs": {"value_head": "separate"}}),
        (REINFORCE, {"r": 2, "target_modules": ["c_attn"]}, {"baseline": "value"}),
        (NLPO, LORA, {}),
    ],
)
def test_a_resumed_run_makes_the_same_updates_to_the_last_bit(
    cls: Any, lora: Any, settings: Any, base: Path, tmp_path: Path
) -> None:
    agent = make(base, cls, lora, **settings)
    start = agent.policy.parameters_to_vector()
    agent.learn(BUDGET).save(tmp_path / "agent")
    assert np.abs(agent.policy.parameters_to_vector() - start).max() > 1e-5
    resumed = cls.load(tmp_path / "agent", device="cpu")
    for one in (agent, resumed):
        one.learn(BUDGET, reset_num_timesteps=False)
    assert np.array_equal(agent.policy.parameters_to_vector(), resumed.policy.parameters_to_vector())
    resumed.save(tmp_path / "again")  # an agent that was loaded still knows what it stands on
    (tmp_path / "agent").rename(tmp_path / "moved")
    assert isinstance(load(tmp_path / "again", device="cpu"), cls)
    size = sum(file.stat().st_size for file in (tmp_path / "again").rglob("*.safetensors"))
    assert size < 4 * (base / "model.safetensors").stat().st_size
    assert not any("base_layer" in name for name in load_file(tmp_path / "again" / "policy.safetensors"))


def test_a_base_without_a_name_is_saved_with_the_agent(tmp_path: Path) -> None:
    agent = bold(make({"n_embd": 32}, kl_coef=0.1))
    agent.save(tmp_path / "first")
    PPO.load(tmp_path / "first", device="cpu").save(tmp_path / "second")
    shutil.rmtree(tmp_path / "first")
    found = PPO.load(tmp_path / "second", device="cpu")
    assert torch.equal(logits(found.policy.lm), logits(agent.policy.lm))
    assert torch.equal(logits(found.reference.lm), logits(agent.reference.lm))
    shutil.rmtree(tmp_path / "second" / "base")
    with pytest.raises(RunError, match=r"base of the adapter.*missing"):
        PPO.load(tmp_path / "second", device="cpu")


def test_peft_reads_the_adapter(base: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    agent = bold(make(base))
    agent.save(tmp_path / "agent")
    plain = AutoModelForCausalLM.from_pretrained(base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft asks transformers by a name that is on its way out
        theirs = PeftModel.from_pretrained(plain, tmp_path / "agent" / "model").eval()
    torch.testing.assert_close(logits(theirs), logits(agent.policy.lm))


def test_an_export_is_a_plain_model(base: Path, tmp_path: Path) -> None:
    agent = bold(make(base))
    before = logits(agent.policy.lm)
    agent.export(tmp_path / "plain")
    assert not list((tmp_path / "plain").glob("adapter*"))
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "plain")
    torch.testing.assert_close(logits(plain), before, atol=1e-4, rtol=1e-4)
    assert adapted(agent.policy.lm)  # and the agent goes on with its adapter
    assert torch.equal(logits(agent.policy.lm), before)


def test_a_saved_agent_is_a_model_to_play_and_to_start_from(base: Path, tmp_path: Path) -> None:
    agent = bold(make(base))
    agent.save(tmp_path / "agent")
    played = load(tmp_path / "agent" / "model", device="cpu")
    assert not adapted(played.policy.lm)
    torch.testing.assert_close(logits(played.policy.lm), logits(agent.policy.lm), atol=1e-4, rtol=1e-4)
    second = make(tmp_path / "agent", kl_coef=0.1)
    assert torch.equal(logits(second.reference.lm), logits(played.policy.lm))
    second.learn(BUDGET).save(tmp_path / "second")
    found = PPO.load(tmp_path / "second", device="cpu")
    assert torch.equal(logits(found.policy.lm), logits(second.policy.lm))


def test_a_base_that_moved_or_changed_is_told(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path / "base")
    agent = make(tmp_path / "base")
    agent.save(tmp_path / "agent")
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match=r"base of the adapter.*missing.*model=…"):
        PPO.load(tmp_path / "agent", device="cpu")
    found = PPO.load(tmp_path / "agent", device="cpu", model=tmp_path / "elsewhere")
    assert torch.equal(logits(found.policy.lm), logits(agent.policy.lm))
    file = tmp_path / "elsewhere" / "model.safetensors"
    tensors = load_file(file)
    name = next(iter(tensors))
    tensors[name] = tensors[name] + 1e-3
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(RunError, match="weights differ"):
        PPO.load(tmp_path / "agent", device="cpu", model=tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="missing"):
        PPO(tmp_path / "agent", ENV)


def test_a_damaged_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    make(base).save(tmp_path / "agent")
    file = tmp_path / "agent" / "model" / "adapter_model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=r"adapter_model\.safetensors.*cannot be read"):
        PPO.load(tmp_path / "agent", device="cpu")
    file.unlink()
    with pytest.raises(RunError, match=r"adapter_model\.safetensors.*cannot be read"):
        PPO.load(tmp_path / "agent", device="cpu")
    file.write_bytes(whole)
    content = json.loads((tmp_path / "agent" / "agent.json").read_text())
    content["arguments"]["policy_kwargs"]["lora"]["r"] = 2
    (tmp_path / "agent" / "agent.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"weights|other lora options"):
        PPO.load(tmp_path / "agent", device="cpu")
    (tmp_path / "agent" / "model" / "adapter_config.json").write_text("{}")
    (tmp_path / "agent" / "agent.json").unlink()
    with pytest.raises(ModelError, match="does not name the model"):
        load(tmp_path / "agent" / "model", device="cpu")


def test_the_revision_of_a_base_is_kept_as_peft_keeps_it(base: Path, tmp_path: Path) -> None:
    agent = make(base)
    agent.base_name = "org/name@v1"  # as if it came from the Hub
    agent.save(tmp_path / "agent")
    config = json.loads((tmp_path / "agent" / "model" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("org/name", "v1")
    (tmp_path / "agent" / "agent.json").unlink()
    with pytest.raises(
        ModelError, match=r"base of the adapter .* is missing: .* from 'org/name@v1'.*HF_HUB_OFFLINE is set"
    ):
        pretrained(tmp_path / "agent" / "model")


@pytest.mark.parametrize(
    ("lora", "reason"),
    [
        ({"rank": 8}, "lora has no option 'rank'.*It has r, lora_alpha"),
        ({"lora_alfa": 8}, "Did you mean 'lora_alpha'"),
        ({"r": 0}, "rank r of an adapter.*Actual value: 0"),
        ({"target_modules": ["q_prj"]}, "No adapter of lora.*all linear layers"),
        ({"target_modules": ["wte"]}, "input embedding"),
        ({"init_lora_weights": "pissa"}, "begins without an effect.*'pissa'"),
        (8, r"such as \{'r': 8"),
    ],
)
def test_errors_teach(lora: Any, reason: str) -> None:
    with pytest.raises(AgentError, match=reason):
        make({"n_embd": 32}, lora=lora)


def test_what_does_not_go_together_is_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AgentError, match="adapter alone learns"):
        make(base, policy_kwargs={"train": "value_head"})
    with pytest.raises(ModelError, match="holds an adapter already"):
        make(make(base).policy.lm)
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(AgentError, match=r"textgym\[lora\]"):
        make(base)


def test_every_option_is_one_of_peft() -> None:
    from peft import LoraConfig

    assert set(OPTIONS) <= set(LoraConfig.__dataclass_fields__)


LLAMA = {
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def test_other_architectures_are_adapted_and_saved(tmp_path: Path) -> None:
    agent = make(LLAMA, lora={}, kl_coef=0.1).learn(BUDGET)
    assert all("lora_" in name for name, weight in agent.policy.lm.named_parameters() if weight.requires_grad)
    agent.save(tmp_path / "agent")
    assert torch.equal(logits(PPO.load(tmp_path / "agent", device="cpu").policy.lm), logits(agent.policy.lm))


def test_an_adapter_is_supervised(base: Path) -> None:
    agent = SFT(base, ENV, seed=0, device="cpu", policy_kwargs={"lora": LORA}, learning_rate=1e-2)
    before = agent.held_out_loss()
    agent.learn(1_000)
    assert agent.held_out_loss() < before - 0.5


def test_an_adapter_learns_a_task() -> None:
    model = {"initializer_range": 0.1, "n_embd": 64}  # of small random weights nothing could be picked out
    options = {"n_steps": 16, "n_epochs": 4, "learning_rate": 3e-3, "ent_coef": 0.02, "policy_kwargs": {"lora": {}}}
    agent = PPO(model, "TextGen-Target-v0", seed=0, device="cpu", **options)
    untrained = agent.evaluate(episodes=64).mean
    agent.learn(12_000)
    assert untrained < 0.2
    assert agent.evaluate(episodes=64).mean > 0.8
