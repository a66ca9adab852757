from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from stable_baselines3.common.callbacks import BaseCallback

import textgym
from textgym.agents.buffers import EpisodeBuffer
from textgym.agents.distributions import OUTSIDE
from textgym.agents.episodes import Episodes
from textgym.agents.models import frozen_copy
from textgym.agents.nlpo import NLPO
from textgym.errors import AgentError

ENV, VOCAB = "TextGen-Numbers-v0", 14
SMALL: dict[str, Any] = {"n_envs": 16, "n_steps": 24, "batch_size": 96, "seed": 0, "device": "cpu"}
SPREAD = {"initializer_range": 0.3}


def make(model: Any = SPREAD, **kwargs: Any) -> NLPO:
    return NLPO(model, kwargs.pop("env", ENV), **{**SMALL, **kwargs})


def disturb(agent: NLPO, scale: float = 0.1) -> None:
    """Moves the policy's weights, and not the mask policy's."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in agent.policy.lm.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)


def contexts(agent: NLPO, count: int = 8) -> dict[str, np.ndarray]:
    """Observations of ``count`` contexts of 4 to 8 tokens, of which the prompt is 3."""
    length = agent.observation_space["input_ids"].shape[0]
    rng = np.random.default_rng(0)
    mask = np.arange(length) < rng.integers(4, 9, (count, 1))
    ids = rng.integers(0, VOCAB, (count, length)) * mask
    return {"input_ids": ids, "attention_mask": mask.astype(np.int8), "prompt_length": np.full((count, 1), 3)}


@torch.no_grad()
def nuclei(lm: Any, obs: dict[str, np.ndarray], top_p: float) -> list[set[int]]:
    """The top-p set of a language model in each context, by its own forward and Holtzman's definition."""
    found = []
    for ids, mask in zip(obs["input_ids"], obs["attention_mask"], strict=True):
        probs = lm(torch.from_numpy(ids[: mask.sum()])[None]).logits[0, -1].softmax(-1)
        tokens, total = set(), 0.0
        for token in probs.argsort(descending=True).tolist():
            if total < top_p:
                tokens.add(token)
            total += probs[token].item()
        found.append(tokens)
    return found


def drawn(agent: NLPO, obs: dict[str, np.ndarray], draws: int = 3_000) -> list[set[int]]:
    """The tokens that `predict` draws in each context."""
    rows = []
    for i in range(len(obs["input_ids"])):
        tokens, _ = agent.predict({name: np.tile(value[i], (draws, 1)) for name, value in obs.items()})
        rows.append(set(tokens.tolist()))
    return rows


class Watch(BaseCallback):
    """Keeps the model at the start of every rollout, and the support that the rollout's sampler has in ``obs``."""

    def __init__(self, obs: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.obs = obs
        self.models: list[Any] = []
        self.supports: list[list[set[int]]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        policy = self.model.policy
        self.models.append(frozen_copy(policy.lm))
        lengths = self.obs["attention_mask"].sum(1, dtype=np.int64)
        choice = policy.choose(policy.decoder(len(lengths)), self.obs["input_ids"], lengths)
        self.supports.append([set(np.flatnonzero(row).tolist()) for row in choice.supports.numpy()])


def test_the_mask_that_draws_is_renewed() -> None:
    """RL4LMs rebinds its mask model, and its sampler goes on with the first one for ever."""
    agent = make("scratch", mask_top_p=0.7, mask_refresh=3, learning_rate=3e-3)
    obs = contexts(agent)
    watch = Watch(obs)
    agent.learn(7 * 16 * 24, callback=watch)
    assert len(watch.supports) >= 7
    for rollout, support in enumerate(watch.supports[:7]):
        assert support == nuclei(watch.models[rollout - rollout % 3], obs, 0.7)
        if rollout % 3:  # the policy has moved on, its mask has not
            assert nuclei(watch.models[rollout], obs, 0.7) != support
    assert watch.supports[0] != watch.supports[3] != watch.supports[6]


def test_predict_draws_every_token_of_the_set_and_no_other() -> None:
    agent = make(mask_top_p=0.7)
    obs = contexts(agent)
    old = nuclei(agent.policy.lm, obs, 0.7)
    disturb(agent, 0.02)
    assert drawn(agent, obs) == old != nuclei(agent.policy.lm, obs, 0.7)
    agent.policy.token_model.refresh()
    assert drawn(agent, obs) == nuclei(agent.policy.lm, obs, 0.7) != old
    likeliest, _ = agent.predict(obs, deterministic=True)
    assert all(token in tokens for token, tokens in zip(likeliest, old, strict=True))


def test_the_law_is_the_policys_own_within_the_set() -> None:
    """π(a | s) 1[a ∈ set] / Σ_set π, whichever way it is asked for, and no gradient where the mask is 0."""
    agent = make(mask_top_k=4, mask_top_p=None)
    before = frozen_copy(agent.policy.lm)
    disturb(agent)
    policy, rng = agent.policy, np.random.default_rng(1)
    prompts = [rng.integers(0, VOCAB, rng.integers(1, 5)).tolist() for _ in range(30)]
    completions = [rng.integers(0, VOCAB, rng.integers(1, 9)).tolist() for _ in range(30)]
    written = Episodes.of(prompts, completions, None, VOCAB)
    (whole,) = written.score(lambda batch: policy.evaluate_actions(batch, batch.actions)[1][None], policy.device)
    cells = np.arange(agent.observation_space["input_ids"].shape[0])
    excluded = 0
    for row, cell in zip(*np.nonzero(written.response_mask), strict=True):
        context, token = torch.from_numpy(written.input_ids[row, :cell])[None], int(written.input_ids[row, cell])
        with torch.no_grad():
            kept = before(context).logits[0, -1].topk(4).indices
            logits = policy.lm(context).logits[0, -1]
        expected = torch.full((VOCAB,), -torch.inf)
        expected[kept] = logits[kept].log_softmax(-1)
        assert whole[row, cell] == pytest.approx(max(expected[token].item(), OUTSIDE), abs=1e-4)
        excluded += token not in kept
        obs = {
            "input_ids": torch.from_numpy(np.pad(written.input_ids[row, :cell], (0, len(cells) - cell)))[None],
            "attention_mask": torch.from_numpy(cells < cell)[None],
            "prompt_length": torch.tensor([[len(prompts[row])]]),
        }
        alone = policy.evaluate_actions(obs, torch.tensor([token]))[1]
        assert alone.item() == pytest.approx(whole[row, cell], abs=1e-4)
        if token not in kept:
            policy.zero_grad()
            alone.sum().backward()
            assert not any(p.grad is not None and p.grad.any() for p in policy.lm.parameters())
    assert excluded > 20


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.05)])
def test_the_first_minibatch_has_ratio_one(precision: str, tolerance: float, monkeypatch: Any) -> None:
    """In bfloat16, a set that was made anew would now and then leave out a token that was drawn from the first."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    agent = make(mask_top_p=0.6, policy_kwargs={"precision": precision}, n_steps=96, batch_size=1536, n_epochs=1)
    disturb(agent)
    monkeypatch.setattr(agent.policy.token_model, "refresh", lambda: None)  # a mask that is not the policy's own
    evaluate_actions = agent.policy.evaluate_actions

    def noting(batch: Any, actions: torch.Tensor) -> Any:
        scores = evaluate_actions(batch, actions)
        seen.append((scores[1].detach(), batch))
        return scores

    get = EpisodeBuffer.get

    def first(self: Any, *args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(agent.policy, "evaluate_actions", noting)
        for batch in get(self, *args, **kwargs):
            yield batch
            log_prob, observed = seen[0]
            assert observed is batch.observations
            assert (log_prob - batch.old_log_prob).abs().max() < tolerance
            assert observed.supports is not None
            assert observed.supports.gather(-1, observed.actions[:, None]).all()
            assert 0.05 < observed.supports.float().mean() < 0.9
            return

    monkeypatch.setattr(EpisodeBuffer, "get", first)
    agent.learn(1)
    assert seen


def test_an_agent_is_saved_with_its_mask_and_goes_on_to_the_last_bit(tmp_path: Path) -> None:
    class Save(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_start(self) -> None:
            if self.model._rollouts == 2:  # one before it is renewed
                self.model.save(tmp_path / "agent")

    settings = {"mask_top_p": 0.8, "mask_refresh": 3, "kl_coef": 0.1, "n_envs": 4, "batch_size": 48}
    budget = 5 * 4 * 24
    whole = make("scratch", **settings).learn(budget, callback=Save())
    resumed = NLPO.load(tmp_path / "agent", device="cpu")
    assert {name: resumed.arguments[name] for name in settings} == settings
    saved = load_file(tmp_path / "agent" / "policy.safetensors")
    assert sum("mask_model" in name for name in saved) == len(list(resumed.policy.lm.parameters()))
    lm, mask = resumed.policy.lm, resumed.policy.token_model.mask_model.lm
    assert not torch.equal(mask.transformer.wte.weight, lm.transformer.wte.weight)
    assert mask.lm_head.weight is mask.transformer.wte.weight
    resumed.learn(budget - resumed.num_timesteps, reset_num_timesteps=False)
    assert resumed._rollouts == whole._rollouts > 3
    names = dict(whole.policy.named_parameters())
    for name, parameter in resumed.policy.named_parameters():
        assert torch.equal(parameter, names[name]), name


def test_only_the_policy_learns_and_the_reference_is_not_restricted() -> None:
    agent = make("scratch", kl_coef=0.1)
    assert not any(parameter.requires_grad for parameter in agent.policy.token_model.mask_model.parameters())
    frozen = frozen_copy(agent.policy.lm)
    agent.learn(3 * 16 * 24)
    for model in (agent.policy.token_model.mask_model.lm, agent.reference.lm):
        for ours, theirs in zip(model.parameters(), frozen.parameters(), strict=True):
            assert torch.equal(ours, theirs)
    assert not torch.equal(agent.policy.lm.lm_head.weight, frozen.lm_head.weight)
    assert not agent.reference.cuts
    assert 0 < agent.kl_to_reference(agent.evaluate(episodes=8).episodes) < 5


def test_the_environments_masks_and_the_rules_come_first() -> None:
    """The mask policy's likeliest tokens are those among what is allowed, so that some token is always left."""
    law = {"forced_tokens": [[0, 7]], "min_new_tokens": 5, "eos_id": 2}
    agent = make(mask_top_k=1, mask_top_p=None, policy_kwargs=law)
    report = agent.evaluate(episodes=16)
    assert all(episode.completion_ids[0] == 7 and len(episode.completion_ids) > 5 for episode in report.episodes)
    target = make("scratch", env="TextGen-Target-v0", mask_top_k=1, mask_top_p=None).learn(300)
    assert target.rollout_buffer.episodes.supports is not None


def test_the_target_is_reached() -> None:
    """A policy that knows nothing yet, masked by itself: chance is 4⁻⁴, and PPO's own test asks no more."""
    agent = NLPO("scratch", "TextGen-Target-v0", mask_refresh=2, seed=0, device="cpu").learn(60_000)
    assert textgym.evaluate(agent, "TextGen-Target-v0", episodes=300).mean > 0.95


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask_top_p": None}, "mask_top_p or mask_top_k"),
        ({"mask_top_p": 1.5}, "1.5"),
        ({"mask_top_k": 0}, "0"),
        ({"mask_refresh": 0}, "mask_refresh.*0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        make("scratch", **settings)
