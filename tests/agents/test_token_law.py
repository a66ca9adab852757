"""The law of a token is one, wherever it is asked for: drawing, old log-probs, update, evaluation."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from textgym.agents import PPO, REINFORCE, TransformerPolicy
from textgym.agents.distributions import OUTSIDE
from textgym.agents.episodes import Episodes
from textgym.agents.sb3 import Detached
from textgym.errors import AgentError

ENV = "TextGen-Numbers-v0"
EOS, SPACE = 2, 13  # of ENV, whose vocabulary has 14 tokens
VOCAB, LENGTH = 6, 12
RULES: dict[str, Any] = {
    "suppress_tokens": [5],
    "forced_tokens": [[1, 3]],
    "min_new_tokens": 3,
    "eos_id": 2,
}
LAWS: list[dict[str, Any]] = [
    RULES,
    {"min_p": 0.2},
    {**RULES, "temperature": 1.3, "top_k": 4, "top_p": 0.95, "min_p": 0.05},
]


def make_policy(**kwargs: Any) -> TransformerPolicy:
    spaces = Detached(VOCAB, LENGTH)
    model = {"initializer_range": 0.5, "n_layer": 1, "n_embd": 16, "n_head": 2}
    policy = TransformerPolicy(
        spaces.observation_space, spaces.action_space, lambda _: 1e-3, model=model, seed=0, **kwargs
    )
    nn.init.normal_(policy.value_head.weight, generator=torch.Generator().manual_seed(1))
    return policy


def observe(contexts: np.ndarray, prompt_length: int) -> dict[str, np.ndarray]:
    """Observations of contexts of one length, int64 ``(N, n)``."""
    ids = np.zeros((len(contexts), LENGTH), np.int64)
    ids[:, : contexts.shape[1]] = contexts
    mask = np.tile((np.arange(LENGTH) < contexts.shape[1]).astype(np.int8), (len(contexts), 1))
    return {"input_ids": ids, "attention_mask": mask, "prompt_length": np.full((len(contexts), 1), prompt_length)}


@pytest.mark.parametrize("law", LAWS)
def test_whole_completions_are_drawn_as_often_as_their_score_says(law: dict) -> None:
    """All 6³ completions of a prompt are scored in the update's pass, and 20 000 are drawn step by step."""
    draws, prompt = 20_000, [4, 0]
    policy = make_policy(**law)
    contexts, state = np.tile(prompt, (draws, 1)), None
    for _ in range(3):
        tokens, state = policy.predict(observe(contexts, len(prompt)), state)
        contexts = np.column_stack([contexts, tokens])
    every = [list(ids) for ids in itertools.product(range(VOCAB), repeat=3)]
    written = Episodes.of([prompt] * len(every), every, None, VOCAB)
    (log_probs,) = written.score(lambda batch: policy.evaluate_actions(batch, batch.actions)[1][None], policy.device)
    probs = np.exp(log_probs.sum(-1, dtype=np.float64))
    assert probs.sum() == pytest.approx(1.0, abs=1e-5)
    counts = np.bincount(contexts[:, 2:] @ [36, 6, 1], minlength=len(every))
    assert counts[probs == 0].sum() == 0
    assert (probs == 0).sum() > 50  # or the rules were not asked
    likely = probs * draws > 5
    expected = probs[likely] / probs[likely].sum() * counts[likely].sum()
    assert stats.chisquare(counts[likely], expected).pvalue > 1e-3


@pytest.mark.parametrize("law", LAWS)
def test_step_observation_and_episode_have_one_law(law: dict) -> None:
    """Rows of several lengths, some with a reply of the environment in their midst, which counts as places too."""
    policy, rng = make_policy(**law), np.random.default_rng(0)
    prompts = [rng.integers(0, VOCAB, rng.integers(1, 4)).tolist() for _ in range(20)]
    completions = [rng.integers(0, VOCAB, rng.integers(4, 9)).tolist() for _ in range(20)]
    replied = [[1, 1, *rng.integers(0, 2, len(ids) - 3).tolist(), 1] for ids in completions]
    written = Episodes.of(prompts, completions, None, VOCAB, replied)
    (whole,) = written.score(lambda batch: policy.evaluate_actions(batch, batch.actions)[1][None], policy.device)
    rows, cells = np.nonzero(written.response_mask)
    for row, cell in zip(rows, cells, strict=True):
        obs = observe(written.input_ids[row : row + 1, :cell], len(prompts[row]))
        action = torch.from_numpy(written.input_ids[row : row + 1, cell])
        tensors = {name: torch.from_numpy(value) for name, value in obs.items()}
        alone = policy.evaluate_actions(tensors, action)[1].item()
        assert alone == pytest.approx(whole[row, cell], abs=1e-4)
        drawn = policy.choose(
            policy.decoder(1), obs["input_ids"], np.array([cell]), prompt_lengths=obs["prompt_length"][:, 0]
        )
        again = policy.evaluate_actions(tensors, drawn.actions.clone())[1].item()
        assert drawn.log_probs.item() == pytest.approx(again, abs=1e-4)
        assert again > OUTSIDE
        assert policy.forward(tensors, deterministic=True)[0] == policy.predict(obs, deterministic=True)[0]


@pytest.mark.parametrize("cls", [PPO, REINFORCE])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_update_starts_from_the_law_that_drew(cls: Any, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ratio of 1 on the first minibatch; bfloat16 rounds a cached step otherwise, and must not lose a token by it."""
    rules = {"suppress_tokens": [SPACE], "forced_tokens": [[0, 7]], "min_new_tokens": 4, "eos_id": EOS}
    law = {**rules, "top_p": 0.8, "min_p": 0.02, "precision": precision}
    model = {"initializer_range": 0.3}
    agent = cls(model, ENV, n_envs=16, n_steps=16, batch_size=64, seed=0, device="cpu", policy_kwargs=law, kl_coef=0.1)
    monkeypatch.setattr(agent, "train", lambda: None)
    agent.learn(1)
    episodes = agent.rollout_buffer.episodes
    assert len(episodes.lengths) >= 16
    for ids, mask in zip(episodes.input_ids, episodes.response_mask, strict=True):
        completion = ids[mask]
        assert completion[0] == 7
        assert SPACE not in completion
        assert len(completion) > 4
        assert EOS not in completion[:4]
    for shift in (0.0, 0.05):
        with torch.no_grad():
            for parameter in agent.policy.lm.parameters():
                parameter += shift * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
        for batch in agent.rollout_buffer.get(64):
            _, log_prob, entropy = agent.policy.evaluate_actions(batch.observations, batch.actions)
            assert torch.isfinite(entropy).all()
            assert log_prob.min() > -50  # other weights find other tokens likely; those that were drawn stay possible
            if not shift:
                tolerance = 1e-4 if precision == "float32" else 0.05  # the sizes of batches differ
                assert (log_prob - batch.old_log_prob).abs().max() < tolerance
    assert agent.reference.top_p is agent.reference.min_p is None
    assert not agent.reference.cuts
    assert np.isfinite(agent.kl_to_reference(agent.evaluate(episodes=4).episodes))


def test_a_law_is_saved_and_goes_on_to_the_last_bit(tmp_path: Path) -> None:
    law = {"min_p": 0.05, "suppress_tokens": [SPACE], "forced_tokens": [[0, 7]], "min_new_tokens": 4, "eos_id": EOS}
    agent = PPO("scratch", ENV, n_envs=4, n_steps=24, batch_size=48, seed=0, device="cpu", policy_kwargs=law)
    agent.learn(96)
    agent.save(tmp_path / "agent")
    other = PPO.load(tmp_path / "agent", device="cpu")
    assert other.arguments == agent.arguments
    assert other.policy.token_model.rules == agent.policy.token_model.rules
    for one in (agent, other):
        one.learn(96, reset_num_timesteps=False)
    for ours, theirs in zip(agent.policy.parameters(), other.policy.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    report = other.evaluate(episodes=16)
    assert all(episode.completion_ids[0] == 7 for episode in report.episodes)
    assert min(len(episode.completion_ids) for episode in report.episodes) > 4


def test_no_token_left_names_row_and_position() -> None:
    policy = make_policy(**RULES)
    obs = observe(np.array([[4, 0, 1], [4, 0, 1]]), 2)
    masks = np.ones((2, VOCAB), bool)
    masks[1, 3] = False  # at position 1, the rules let nothing else stand
    with pytest.raises(AgentError, match=r"row 1, position 1 of its completion.*exclude all 6"):
        policy.predict(obs, action_masks=masks)
    with pytest.raises(AgentError, match="row 0, position 1"):
        make_policy().predict(obs, action_masks=np.zeros((2, VOCAB), bool))
    written = Episodes.of([[4, 0]], [[1, 3]], masks[1], VOCAB)
    with pytest.raises(AgentError, match="row 1, position 1"):
        written.score(lambda batch: policy.token_model.log_probs(batch)[None], policy.device)


def test_positions_are_asked_for_only_where_they_matter() -> None:
    obs = observe(np.array([[4, 0, 1]]), 2)
    del obs["prompt_length"]
    with pytest.raises(AgentError, match="prompt_length"):
        make_policy(**RULES).predict(obs)
    assert make_policy(suppress_tokens=[0, 1, 2, 3, 5]).predict(obs)[0].tolist() == [4]


def test_the_parameters_of_a_policy_hold_its_law() -> None:
    law = {**RULES, "min_p": 0.1}
    parameters = make_policy(**law)._get_constructor_parameters()
    assert {name: parameters[name] for name in law} == law


def test_an_agent_takes_eos_from_its_environment_and_keeps_it(tmp_path: Path) -> None:
    agent = PPO("scratch", ENV, n_envs=4, n_steps=4, seed=0, device="cpu", policy_kwargs={"min_new_tokens": 6})
    assert agent.arguments["policy_kwargs"] == {"min_new_tokens": 6, "eos_id": EOS}
    agent.save(tmp_path / "agent")
    other = PPO.load(tmp_path / "agent", device="cpu")
    assert min(episode.length for episode in other.evaluate(episodes=16).episodes) > 6
