from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import A2C
from stable_baselines3 import PPO as StockPPO
from stable_baselines3.common.evaluation import evaluate_policy
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

import textgym
from textgym import assets
from textgym.agents import TransformerPolicy, make_vec_env
from textgym.agents.episodes import Episodes
from textgym.agents.models import pretrained
from textgym.agents.sb3 import Detached
from textgym.agents.token_model import TokenModel
from textgym.errors import AgentError, ModelError

VOCAB, LENGTH = 14, 28
SPACES = Detached(VOCAB, LENGTH)


def make_policy(**kwargs: Any) -> TransformerPolicy:
    settings = {"model": {"initializer_range": 0.3}, "seed": 0, **kwargs}
    policy = TransformerPolicy(SPACES.observation_space, SPACES.action_space, lambda _: 1e-3, **settings)
    nn.init.normal_(policy.value_head.weight, generator=torch.Generator().manual_seed(1))
    return policy


def episodes(count: int = 12, seed: int = 0) -> Episodes:
    rng = np.random.default_rng(seed)
    prompts = [rng.integers(0, VOCAB, rng.integers(1, 6)).tolist() for _ in range(count)]
    completions = [rng.integers(0, VOCAB, rng.integers(1, 22)).tolist() for _ in range(count)]
    return Episodes.of(prompts, completions, None, VOCAB)


def transitions(written: Episodes) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Every chosen token as stock SB3 would store it: the whole observation before it, and the action."""
    rows, cells = np.nonzero(written.response_mask)
    ids = np.zeros((len(rows), LENGTH), np.int64)
    ids[:, : written.input_ids.shape[1]] = written.input_ids[rows]
    mask = np.arange(LENGTH) < cells[:, None]
    obs = {"input_ids": torch.from_numpy(ids * mask), "attention_mask": torch.from_numpy(mask.astype(np.int8))}
    return obs, torch.from_numpy(written.input_ids[rows, cells])


@pytest.mark.parametrize("law", [{}, {"temperature": 0.7, "top_k": 5}])
def test_a_whole_episode_in_one_pass_equals_one_transition_at_a_time(law: dict) -> None:
    policy, written = make_policy(**law), episodes()
    obs, actions = transitions(written)
    one_by_one = policy.evaluate_actions(obs, actions)

    def score(batch: Any) -> torch.Tensor:
        return torch.stack(policy.evaluate_actions(batch, batch.actions))

    whole = written.score(score, torch.device("cpu"))[:, written.response_mask]
    for ours, theirs in zip(whole, one_by_one, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-5)


def test_predict_carries_a_cache_that_changes_nothing() -> None:
    policy, rng = make_policy(), np.random.default_rng(0)
    ids = rng.integers(0, VOCAB, (5, LENGTH))
    lengths = rng.integers(1, 5, 5)
    state = None
    for step in range(40):
        mask = (np.arange(LENGTH) < lengths[:, None]).astype(np.int8)
        obs = {"input_ids": ids * mask, "attention_mask": mask}
        starts = np.zeros(5, bool)  # stale, as SB3's evaluate_policy leaves it
        with policy.seeded(step):
            cached, state = policy.predict(obs, state, starts)
        with policy.seeded(step):
            fresh, _ = policy.predict(obs)
        assert np.array_equal(cached, fresh)
        ids[np.arange(5), np.minimum(lengths, LENGTH - 1)] = cached
        lengths += 1
        for row in np.flatnonzero((lengths > LENGTH) | (rng.random(5) < 0.1)):
            ids[row], lengths[row] = rng.integers(0, VOCAB, LENGTH), rng.integers(1, 5)


def test_predict_notices_that_the_weights_have_changed() -> None:
    policy = make_policy(optimizer_kwargs={"fused": True})  # torch does not count the writes of fused optimizers
    ids, lengths = np.random.default_rng(0).integers(0, VOCAB, (2, LENGTH)), np.array([3, 6])
    mask = np.arange(LENGTH) < lengths[:, None]
    obs = {"input_ids": ids, "attention_mask": mask}
    _, state = policy.predict(obs)
    policy.evaluate_actions(*transitions(episodes(2)))[1].sum().backward()
    for group in policy.optimizer.param_groups:
        group["lr"] = 1.0
    policy.optimizer.step()
    _, after = policy.predict(obs, state)
    assert after is not state


def test_predict_takes_one_observation_and_masks() -> None:
    policy = make_policy()
    mask = np.arange(LENGTH) < 3
    obs = {"input_ids": np.zeros(LENGTH, np.int64), "attention_mask": mask}
    allowed = np.zeros(VOCAB, bool)
    allowed[5] = True
    for masks in (allowed, allowed[None]):
        action, _ = policy.predict(obs, action_masks=masks)
        assert action.shape == ()
        assert action == 5
    batch = {name: np.tile(value, (3, 1)) for name, value in obs.items()}
    assert policy.predict(batch, action_masks=allowed)[0].tolist() == [5, 5, 5]
    with pytest.raises(AgentError, match="tuple"):
        policy.predict((obs, {}))


def test_deterministic_takes_the_mode_and_seeded_lends_another_generator() -> None:
    policy = make_policy()
    obs = {"input_ids": np.zeros((50, LENGTH), np.int64), "attention_mask": np.tile(np.arange(LENGTH) < 3, (50, 1))}
    assert len(np.unique(policy.predict(obs, deterministic=True)[0])) == 1
    before = policy.generator.get_state()
    with policy.seeded(7):
        first, _ = policy.predict(obs)
    with policy.seeded(7):
        assert np.array_equal(first, policy.predict(obs)[0])
    assert torch.equal(before, policy.generator.get_state())
    assert not np.array_equal(first, policy.predict(obs)[0])


def test_tokens_are_drawn_from_the_policys_own_generator() -> None:
    obs = {"input_ids": np.zeros((50, LENGTH), np.int64), "attention_mask": np.tile(np.arange(LENGTH) < 3, (50, 1))}
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = make_policy().predict(obs)[0]
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(1)
    assert np.array_equal(first, make_policy().predict(obs)[0])


def test_dropout_never_acts() -> None:
    policy = make_policy(model={"resid_pdrop": 0.5, "attn_pdrop": 0.5, "embd_pdrop": 0.5})
    obs, actions = transitions(episodes())
    policy.set_training_mode(True)
    scores = [policy.evaluate_actions(obs, actions)[1] for _ in range(2)]
    assert torch.equal(*scores)


def test_the_value_head_starts_at_zero_and_moves_nothing_at_first() -> None:
    policy = TransformerPolicy(SPACES.observation_space, SPACES.action_space, lambda _: 1e-3, model="scratch", seed=0)
    values, _, _ = policy.evaluate_actions(*transitions(episodes()))
    assert not values.any()
    (values - 1).square().mean().backward()
    assert policy.value_head.weight.grad is not None
    assert policy.value_head.weight.grad.abs().sum() > 0
    assert not any(p.grad is not None and p.grad.any() for p in policy.lm.parameters())


def test_entropy_has_a_gradient_only_where_it_is_wanted() -> None:
    policy = make_policy()
    assert policy.evaluate_actions(*transitions(episodes()))[2].requires_grad
    policy.differentiable_entropy = False
    assert not policy.evaluate_actions(*transitions(episodes()))[2].requires_grad


def test_embedding_rows_beyond_the_vocabulary_are_sliced_away() -> None:
    policy = make_policy(model={"vocab_size": VOCAB + 50, "initializer_range": 0.3})
    obs, actions = transitions(episodes())
    _, log_prob, _ = policy.evaluate_actions(obs, actions)
    hidden = policy.token_model.context_hidden(obs["input_ids"], obs["attention_mask"].long().sum(-1))
    logits = policy.token_model.logits(hidden)
    assert logits.shape[-1] == VOCAB
    torch.testing.assert_close(log_prob, logits.log_softmax(-1).gather(-1, actions[:, None]).squeeze(-1))
    with torch.no_grad():  # were they not, they would draw all of the probability
        policy.lm.transformer.wte.weight[VOCAB:] = 100.0
    assert policy.forward(obs)[0].max() < VOCAB


def test_bfloat16_keeps_logits_and_values_in_float32() -> None:
    exact, rounded = make_policy(), make_policy(precision="bfloat16")
    obs, actions = transitions(episodes())
    for ours, theirs in zip(rounded.evaluate_actions(obs, actions), exact.evaluate_actions(obs, actions), strict=True):
        assert ours.dtype == torch.float32
        assert 0 < (ours - theirs).abs().mean() < 0.1
    ids = np.random.default_rng(0).integers(0, VOCAB, (3, LENGTH))
    decoders = [policy.decoder(3) for policy in (rounded, exact)]
    for length in (4, 5, 6):
        ours, theirs = (
            policy.choose(decoder, ids, np.full(3, length))
            for policy, decoder in zip((rounded, exact), decoders, strict=True)
        )
        assert ours.log_probs.dtype == ours.values.dtype == torch.float32
        assert 0 < (ours.log_probs - theirs.log_probs).abs().max() < 0.1


def test_a_model_object_is_used_itself() -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCAB,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=None,
        eos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    policy = make_policy(model=model)
    assert policy.lm is model
    assert not model.training


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"vocab_size": VOCAB - 1}, rf"knows {VOCAB - 1} tokens, the environment has {VOCAB}"),
        ({"max_position_embeddings": LENGTH - 1}, rf"{LENGTH - 1} positions.*up to {LENGTH} tokens"),
        ({"model_type": "gtp2"}, "gtp2"),
        ({"n_embd": 30, "n_head": 4}, "n_embd"),
        ("no/such-model", "no/such-model"),
        (nn.Linear(2, 2), "Linear"),
        (3, "Actual value: 3"),
    ],
)
def test_models_that_do_not_fit_are_refused(model: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=message):
        make_policy(model=model)


def test_a_model_whose_logits_are_capped_is_refused() -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    config = Gemma2Config(
        vocab_size=VOCAB,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        final_logit_softcapping=0.01,
    )
    with pytest.raises(ModelError, match="soft cap"):
        make_policy(model=Gemma2ForCausalLM(config))


def test_half_precision_weights_are_refused() -> None:
    model = make_policy().lm.to(torch.bfloat16)
    with pytest.raises(ModelError, match="bfloat16"):
        make_policy(model=model)


def test_other_spaces_and_options_are_refused() -> None:
    box = spaces.Box(0, 1, (3,))
    for observation, action in ((box, SPACES.action_space), (SPACES.observation_space, box)):
        with pytest.raises(AgentError, match="Box"):
            TransformerPolicy(observation, action, lambda _: 1e-3)
    for wrong in ({"use_sde": True}, {"precision": "float16"}, {"optimizer_class": "Adamm"}, {"top_k": 0}):
        with pytest.raises(AgentError):
            make_policy(**wrong)


def test_spoilt_weights_stop_with_a_reason() -> None:
    policy = make_policy()
    with torch.no_grad():
        policy.value_head.weight.fill_(torch.nan)
    with pytest.raises(AgentError, match="values are no longer finite"):
        policy.evaluate_actions(*transitions(episodes()))
    policy = make_policy()
    before = [parameter.clone() for parameter in policy.parameters()]
    (policy.evaluate_actions(*transitions(episodes()))[1].sum() * torch.inf).backward()
    with pytest.raises(AgentError, match="gradient of the loss is not finite"):
        policy.optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))


@pytest.mark.parametrize("algorithm", [StockPPO, A2C])
def test_stock_sb3_trains_saves_loads_and_evaluates_it(algorithm: Any, tmp_path: Any) -> None:
    sizes = {"n_steps": 24, "batch_size": 32, "n_epochs": 2} if algorithm is StockPPO else {"n_steps": 24}
    agent = algorithm(
        TransformerPolicy,
        make_vec_env("TextGen-Numbers-v0", 4),
        policy_kwargs={"model": "scratch", "temperature": 0.9},
        seed=0,
        device="cpu",
        **sizes,
    )
    before = agent.policy.parameters_to_vector()
    agent.learn(4 * 24 * 2)
    assert not np.array_equal(before, agent.policy.parameters_to_vector())
    agent.save(tmp_path / "stock")
    again = algorithm.load(tmp_path / "stock", device="cpu")
    env = make_vec_env("TextGen-Numbers-v0", 4)
    obs = env.reset()
    assert np.array_equal(*(one.predict(obs, deterministic=True)[0] for one in (agent, again)))
    reward, _ = evaluate_policy(again, env, 8)
    assert 0 <= reward <= 1
    agent.policy.save(tmp_path / "policy.pt")
    loaded = TransformerPolicy.load(tmp_path / "policy.pt", device="cpu")
    assert np.array_equal(loaded.predict(obs, deterministic=True)[0], agent.predict(obs, deterministic=True)[0])


def test_stock_sb3_starts_at_ratio_one() -> None:
    env = make_vec_env("TextGen-Numbers-v0", 4)
    settings = {"n_steps": 32, "batch_size": 128, "n_epochs": 1, "seed": 0, "device": "cpu"}
    agent = StockPPO(TransformerPolicy, env, policy_kwargs={"model": "scratch"}, **settings)
    agent.learn(128)
    assert abs(agent.logger.name_to_value["train/approx_kl"]) < 1e-6


def test_a_gymnasium_loop_plays_it() -> None:
    env = gym.make("TextGen-Numbers-v0")
    sizes = env.unwrapped
    policy = TransformerPolicy(sizes.observation_space, sizes.action_space, lambda _: 0.0, model="scratch", seed=0)
    (obs, _), state, over = env.reset(seed=0), None, False
    while not over:
        action, state = policy.predict(obs, state)
        obs, _, over, _, info = env.step(action)
    assert isinstance(info["completion"], str)


def test_the_seed_draws_the_random_weights() -> None:
    first, second, other = (make_policy(seed=seed).parameters_to_vector() for seed in (0, 0, 1))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_shipped_model_reads_what_its_tokenizer_writes() -> None:
    tokenizer = textgym.tokenizers.load("tiny")
    sizes = Detached(tokenizer.vocab_size, 64)
    policy = TransformerPolicy(sizes.observation_space, sizes.action_space, lambda _: 0.0, model="tiny")
    assert isinstance(policy.token_model, TokenModel)
    texts = ["The service was very good and I would", "would I and good very was service The"]
    written = Episodes.of([[tokenizer.bos_id]] * 2, [tokenizer.encode(text) for text in texts], None, sizes.vocab_size)
    (log_probs,) = written.score(lambda batch: policy.token_model.log_probs(batch)[None], policy.device)
    means = [row[mask].mean() for row, mask in zip(log_probs, written.response_mask, strict=True)]
    assert means[0] > means[1] + 1


def test_a_model_that_a_package_carries_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = assets.resolve
    monkeypatch.setattr(assets, "resolve", lambda name: resolve("tiny" if name == "carried" else name))
    lm, tiny = pretrained("carried"), pretrained("tiny")
    assert torch.equal(lm.get_input_embeddings().weight, tiny.get_input_embeddings().weight)
