"""Exported folders, read by transformers alone."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from transformers import AutoModelForCausalLM, GenerationConfig, pipeline

import textgym
from textgym import agents
from textgym.agents import PPO, Greedy, RandomAgent, ZeroShot, make_vec_env
from textgym.errors import AgentError, RunError

SENTIMENT, NUMBERS = "TextGen-Sentiment-v0", "TextGen-Numbers-v0"


@pytest.mark.parametrize(("model", "env_id"), [("tiny", SENTIMENT), ("scratch", NUMBERS)])
def test_a_plain_pipeline_writes_the_same_greedy_text(model: str, env_id: str, tmp_path: Path) -> None:
    """BPE and characters: the pipeline tokenizes the prompt itself, and stops where the environment does."""
    agent = PPO(model, env_id, n_envs=8, n_steps=8, seed=0, device="cpu").learn(600)
    folder = agents.export(agent, tmp_path / "exported")
    report = textgym.evaluate(Greedy(agent), env_id, episodes=5)
    generate = pipeline("text-generation", model=str(folder), device="cpu")
    for episode in report.episodes:
        (written,) = generate(episode.prompt, do_sample=False, return_full_text=False)
        assert written["generated_text"] == episode.completion
    assert generate.tokenizer(report.episodes[0].prompt).input_ids == list(report.episodes[0].prompt_ids)


def test_the_folder_carries_the_law_that_tokens_were_drawn_from(tmp_path: Path) -> None:
    agent = ZeroShot("tiny", temperature=0.7, top_p=0.9, policy_kwargs={"suppress_tokens": [5]}, device="cpu")
    law = GenerationConfig.from_pretrained(agents.export(agent, tmp_path / "exported"))
    assert (law.do_sample, law.temperature, law.top_k, law.top_p) == (True, 0.7, 0, 0.9)
    assert (law.suppress_tokens, law.eos_token_id, law.pad_token_id) == ([5], 2, 0)


def test_a_saved_agent_holds_a_model_that_transformers_loads(tmp_path: Path) -> None:
    agent = PPO("tiny", SENTIMENT, n_envs=4, seed=0, device="cpu")
    agent.save(tmp_path / "agent")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "agent" / "model")
    np.testing.assert_array_equal(
        loaded.get_input_embeddings().weight.detach().numpy(),
        agent.policy.lm.get_input_embeddings().weight.detach().numpy(),
    )


def test_an_export_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    agent = ZeroShot("tiny", device="cpu")
    agents.export(agent, tmp_path / "exported")
    agents.export(agent, tmp_path / "exported")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    (tmp_path / "file").write_text("")
    for taken in ("mine", "file"):
        with pytest.raises(RunError, match="something else than an exported model"):
            agents.export(agent, tmp_path / taken)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_what_has_no_language_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="has a language model"):
        agents.export(RandomAgent(make_vec_env(NUMBERS, 1)), tmp_path / "exported")
    with pytest.raises(AgentError, match="does not know its tokenizer"):
        agents.export(ZeroShot("scratch", NUMBERS), tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


class Hub:
    """The Hub's side of `huggingface_hub.HfApi`: its repositories, as files by name."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}

    def create_repo(self, repo_id: str, *, exist_ok: bool = False, **_: Any) -> None:
        assert exist_ok or repo_id not in self.repositories
        self.repositories.setdefault(repo_id, {})

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str, **_: Any) -> None:
        assert commit_message
        files = {path.name: path.read_bytes() for path in Path(folder_path).iterdir()}
        self.repositories[repo_id].update(files)


def test_a_push_uploads_the_whole_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And to a repository that exists, as well; what is there loads and writes as the agent does."""
    hub = Hub()
    for name in ("create_repo", "upload_folder"):
        monkeypatch.setattr(huggingface_hub.HfApi, name, staticmethod(getattr(hub, name)))
    agent = PPO("scratch", NUMBERS, n_envs=4, seed=0, device="cpu")
    for _ in range(2):
        folder = agent.export(tmp_path / "exported", push_to_hub="me/numbers")
    assert list(hub.repositories) == ["me/numbers"]
    assert hub.repositories["me/numbers"] == {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "cloned").mkdir()
    for name, content in hub.repositories["me/numbers"].items():
        (tmp_path / "cloned" / name).write_bytes(content)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "cloned")
    for ours, theirs in zip(agent.policy.lm.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())


def test_the_calls_of_a_push_are_those_that_the_library_takes() -> None:
    """The pretended Hub above would not notice an argument that the real one does not have."""
    inspect.signature(huggingface_hub.HfApi.create_repo).bind(None, "me/numbers", exist_ok=True)
    inspect.signature(huggingface_hub.HfApi.upload_folder).bind(
        None, repo_id="me/numbers", folder_path="here", commit_message="Upload"
    )


def test_without_a_network_the_push_says_so_and_the_folder_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = tmp_path / "exported"
    with pytest.raises(AgentError, match=r"could not be pushed to 'me/happy-tiny'.*It lies in .*hf auth login"):
        agents.export(ZeroShot("tiny", device="cpu"), folder, push_to_hub="me/happy-tiny")
    assert (folder / "model.safetensors").is_file()
