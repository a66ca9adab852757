"""Encoder-decoder models: reading prompts once and completions token by token changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedModel

from textgym.agents import seq2seq
from textgym.agents.distributions import TokenDistribution
from textgym.agents.episodes import Episodes
from textgym.agents.models import frozen_copy, make_model
from textgym.agents.policy import TransformerPolicy
from textgym.agents.sb3 import Detached
from textgym.agents.token_model import TokenModel
from textgym.errors import AgentError, ModelError

LENGTH, VOCAB = 24, 50
SPACES = Detached(VOCAB, LENGTH)

T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_decoder_layers": 2, "num_heads": 4}
"""Its buckets of distance end far below the longest completion, so that every sort of bucket is met."""

BART = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "init_std": 0.3,
}
BUCKETS = {"relative_attention_num_buckets": 8, "relative_attention_max_distance": 12}
SETTINGS: dict[str, dict[str, Any]] = {
    "t5": {"model_type": "t5", **T5, **BUCKETS},
    "t5-eager": {"model_type": "t5", **T5, **BUCKETS, "attn_implementation": "eager"},
    "t5-1.1": {"model_type": "t5", **T5, **BUCKETS, "tie_word_embeddings": False, "feed_forward_proj": "gated-gelu"},
    "mt5": {"model_type": "mt5", **T5, **BUCKETS},
    "longt5": {"model_type": "longt5", **T5, **BUCKETS, "local_radius": 4},
    "umt5": {"model_type": "umt5", **T5, **BUCKETS},  # a bias of its own in every layer: no shared one
    "bart": {"model_type": "bart", **BART},
    "bart-eager": {"model_type": "bart", **BART, "attn_implementation": "eager"},
    "mbart": {"model_type": "mbart", **BART},
    "pegasus": {"model_type": "pegasus", **BART},
    "marian": {"model_type": "marian", **BART},
    "plbart": {"model_type": "plbart", **BART},
    "blenderbot": {"model_type": "blenderbot", **BART},
    "blenderbot-small": {"model_type": "blenderbot-small", **BART},
    "mvp": {"model_type": "mvp", **BART},
}


def build(name: str) -> PreTrainedModel:
    """Makes a model whose places matter: without that, a wrong one would not show."""
    lm = make_model(SETTINGS[name], VOCAB, LENGTH, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for part, parameter in lm.named_parameters():
            if "relative_attention_bias" in part:
                parameter.normal_(std=2.0, generator=generator)
        if (bias := getattr(lm, "final_logits_bias", None)) is not None:
            bias.normal_(std=2.0, generator=generator)
    return lm


def whole(lm: PreTrainedModel, ids: np.ndarray, lengths: np.ndarray, prompts: np.ndarray) -> torch.Tensor:
    """The last hidden state of each context, from transformers alone, one row at a time, nothing padded."""
    rows = []
    for row, length, prompt in zip(ids, lengths, prompts, strict=True):
        written = [lm.config.decoder_start_token_id, *row[prompt:length]]
        output = lm(
            input_ids=torch.tensor(row[None, :prompt]),
            decoder_input_ids=torch.tensor([written]),
            output_hidden_states=True,
        )
        rows.append(output.decoder_hidden_states[-1][0, -1])
    return torch.stack(rows)


def largest_difference(decoder: Any, steps: int = 26, seed: int = 0) -> float:
    """Follows ragged rows that restart at random, drops some on the way, and compares with whole passes."""
    rng = np.random.default_rng(seed)
    size = len(decoder.lengths)
    ids = rng.integers(0, VOCAB, (size, LENGTH))
    prompts = rng.integers(1, 9, size)
    lengths = prompts + rng.integers(0, 4, size)
    worst = 0.0
    for step in range(steps):
        with torch.inference_mode():
            hidden = decoder.advance(ids, lengths, prompts)
            expected = whole(decoder.lm, ids, lengths, prompts)
        worst = max(worst, (hidden - expected).abs().max().item())
        lengths = lengths + 1
        for row in np.flatnonzero((lengths > LENGTH) | (rng.random(len(lengths)) < 0.1)):
            ids[row] = rng.integers(0, VOCAB, LENGTH)
            prompts[row] = rng.integers(1, 12)
            lengths[row] = prompts[row] + rng.integers(0, 2)
        if step % 13 == 12:  # the last row moves to the place of another, which is gone
            row, last = int(rng.integers(len(lengths))), len(lengths) - 1
            decoder.move(last, row)
            ids[row], lengths[row], prompts[row] = ids[last], lengths[last], prompts[last]
            ids, lengths, prompts = ids[:last], lengths[:last], prompts[:last]
    return worst


@pytest.mark.parametrize("name", SETTINGS)
def test_cached_equals_uncached(name: str) -> None:
    lm = build(name)
    decoder = seq2seq.decoder(lm, 5, LENGTH)
    assert isinstance(decoder, seq2seq.RereadingDecoder) == (name == "umt5")
    assert largest_difference(decoder) < 2e-5


def test_a_row_costs_one_token_while_it_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = build("t5")
    decoder = seq2seq.decoder(lm, 3, LENGTH)
    work: list[tuple[str, tuple[int, ...]]] = []

    def counted(part: str, forward: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **kwargs: (work.append((part, tuple(kwargs["input_ids"].shape))), forward(**kwargs))[1]

    for part, module in (("encoder", lm.get_encoder()), ("decoder", lm.get_decoder())):
        monkeypatch.setattr(module, "forward", counted(part, module.forward))
    ids, prompts = np.random.default_rng(0).integers(0, VOCAB, (3, LENGTH)), np.full(3, 5)
    with torch.inference_mode():
        for length in (5, 6, 7):
            decoder.advance(ids, np.full(3, length), prompts)
        ids[1, 4] = (ids[1, 4] + 1) % VOCAB  # another prompt, by its last token: read anew, the others step
        decoder.advance(ids, np.array([8, 5, 8]), prompts)
    begun = [("encoder", (3, 5)), ("decoder", (3, 1))]
    assert work == [
        *begun,
        ("decoder", (3, 1)),
        ("decoder", (3, 1)),
        ("decoder", (3, 1)),
        ("encoder", (1, 5)),
        *work[-1:],
    ]
    assert work[-1] == ("decoder", (1, 1))


def episodes(count: int = 9, seed: int = 0) -> Episodes:
    rng = np.random.default_rng(seed)
    prompts = [rng.integers(0, VOCAB, rng.integers(1, 9)).tolist() for _ in range(count)]
    completions = [rng.integers(0, VOCAB, rng.integers(1, 14)).tolist() for _ in range(count)]
    return Episodes.of(prompts, completions, None, VOCAB)


@torch.no_grad()
def own_log_likelihood(lm: PreTrainedModel, prompt: list[int], completion: list[int]) -> float:
    """log p(completion | prompt) by transformers alone, from labels."""
    return -lm(input_ids=torch.tensor([prompt]), labels=torch.tensor([completion])).loss.item() * len(completion)


def make_policy(model: Any, **kwargs: Any) -> TransformerPolicy:
    settings = {"model": model, "seed": 0, **kwargs}
    policy = TransformerPolicy(SPACES.observation_space, SPACES.action_space, lambda _: 1e-3, **settings)
    nn.init.normal_(policy.value_head.weight, std=0.1, generator=torch.Generator().manual_seed(1))
    return policy


@pytest.mark.parametrize("name", ["t5", "t5-1.1", "mt5", "umt5", "bart", "marian"])
def test_the_likelihood_is_the_models_own(name: str) -> None:
    """T5's scale, BART's bias on logits, the start token, and the masks of padded prompts: labels know none of ours."""
    lm, written = build(name), episodes()
    lm.config.pad_token_id = 0  # transformers asks for one as soon as there are labels; here, none is padded
    policy = make_policy(lm)
    starts = written.response_mask.argmax(1).tolist()
    prompts = [row[:start].tolist() for row, start in zip(written.input_ids, starts, strict=True)]
    completions = [row[mask].tolist() for row, mask in zip(written.input_ids, written.response_mask, strict=True)]
    pairs = list(zip(prompts, completions, strict=True))
    ours = policy.log_likelihood(prompts, completions)
    np.testing.assert_allclose(ours, [own_log_likelihood(lm, *pair) for pair in pairs], rtol=1e-5, atol=1e-4)
    one_by_one = [policy.log_likelihood([prompt], [completion])[0] for prompt, completion in pairs]
    np.testing.assert_allclose(ours, one_by_one, atol=1e-4)


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_a_whole_episode_in_one_pass_equals_one_step_at_a_time(name: str) -> None:
    """A rollout's log-probs and values are those that the update starts from: ratio 1, KL 0."""
    policy, written = make_policy(build(name), temperature=0.8), episodes()
    order = np.argsort(written.lengths)
    ((_, batch),) = written.batches(order, None, torch.device("cpu"))
    with torch.no_grad():
        values, log_probs, _ = policy.evaluate_actions(batch, batch.actions)
    rows, cells = np.nonzero(batch.response_mask.numpy())
    ids = np.zeros((len(order), LENGTH), np.int64)
    ids[:, : batch.input_ids.shape[1]] = batch.input_ids.numpy()
    prompts, decoder, model = batch.prompt_lengths.numpy(), policy.decoder(len(order)), policy.token_model
    stepped, all_rows = np.zeros((2, *ids.shape), np.float32), np.arange(len(ids))
    for step in range(max(batch.lengths)):
        lengths = np.minimum(prompts + step, np.array(batch.lengths) - 1)
        with torch.inference_mode():
            hidden = model.advance(decoder, ids, lengths, prompts)
            log_prob = model.distribution(hidden).log_prob(torch.from_numpy(ids[all_rows, lengths]))
            stepped[:, all_rows, lengths] = torch.stack([policy.value_head(hidden).squeeze(-1), log_prob]).numpy()
    np.testing.assert_allclose(stepped[0, rows, cells], values, atol=1e-5)
    np.testing.assert_allclose(stepped[1, rows, cells], log_probs, atol=2e-5)
    obs = {
        "input_ids": torch.from_numpy(ids[rows] * (np.arange(LENGTH) < cells[:, None])),
        "attention_mask": torch.from_numpy((np.arange(LENGTH) < cells[:, None]).astype(np.int8)),
        "prompt_length": torch.from_numpy(prompts[rows][:, None]),
    }
    with torch.no_grad():
        one_by_one = policy.evaluate_actions(obs, torch.from_numpy(ids[rows, cells]))  # as stock SB3 asks
    np.testing.assert_allclose(one_by_one[0], values, atol=1e-5)
    np.testing.assert_allclose(one_by_one[1], log_probs, atol=2e-5)


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_gradients_reach_the_encoder_and_a_frozen_copy_stays(name: str) -> None:
    policy, written = make_policy(build(name)), episodes()
    frozen = TokenModel(frozen_copy(policy.lm), VOCAB)
    (before,) = written.score(lambda batch: frozen.log_probs(batch)[None], torch.device("cpu"))
    ((_, batch),) = written.batches(np.argsort(written.lengths), None, torch.device("cpu"))
    policy.evaluate_actions(batch, batch.actions)[1].sum().backward()
    missing = [part for part, parameter in policy.lm.named_parameters() if parameter.grad is None]
    assert not missing
    assert all(parameter.grad.abs().sum() > 0 for parameter in policy.lm.get_encoder().parameters())
    policy.optimizer.step()
    (after,) = written.score(lambda batch: frozen.log_probs(batch)[None], torch.device("cpu"))
    np.testing.assert_array_equal(before, after)
    (own,) = written.score(lambda batch: policy.token_model.log_probs(batch)[None], torch.device("cpu"))
    assert np.abs(own - before).max() > 1e-3


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_bfloat16_comes_near(name: str) -> None:
    """On a GPU the body computes in bfloat16; here that is tried on the CPU."""
    rng = np.random.default_rng(0)
    ids, prompts = rng.integers(0, VOCAB, (4, LENGTH)), np.array([3, 7, 5, 2])
    laws: list[TokenDistribution] = []
    for precision in ("float32", "bfloat16"):
        model = TokenModel(build(name), VOCAB, precision=precision)
        decoder = model.decoder(4, LENGTH)
        with torch.inference_mode():
            for step in range(4):
                hidden = model.advance(decoder, ids, prompts + step * np.array([1, 1, 2, 1]), prompts)
        assert decoder.cache.self_attention_cache.layers[0].keys.dtype == getattr(torch, precision)
        laws.append(model.distribution(hidden))
    difference = (laws[0].log_probs.exp() - laws[1].log_probs.exp()).abs().sum(-1)
    assert 0 < difference.max() < 0.1


def test_observations_without_a_prompt_length_are_refused() -> None:
    policy = make_policy(build("t5"))
    mask = np.arange(LENGTH) < 3
    obs = {"input_ids": np.zeros(LENGTH, np.int64), "attention_mask": mask}
    with pytest.raises(AgentError, match="observations need prompt_length"):
        policy.predict(obs)
    with pytest.raises(AgentError, match="observations need prompt_length"):
        policy.forward({name: torch.from_numpy(value)[None] for name, value in obs.items()})
    assert policy.predict({**obs, "prompt_length": np.array([2])})[0].shape == ()


def test_a_model_that_does_not_say_how_to_begin_is_refused() -> None:
    config = AutoConfig.for_model("t5", vocab_size=VOCAB, **T5)
    with pytest.raises(ModelError, match="no decoder_start_token_id"):
        make_policy(AutoModelForSeq2SeqLM.from_config(config))


def test_two_models_joined_are_refused() -> None:
    from transformers import BertConfig, EncoderDecoderConfig, EncoderDecoderModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    parts = [BertConfig(vocab_size=VOCAB, **sizes) for _ in range(2)]
    joined = EncoderDecoderModel(EncoderDecoderConfig.from_encoder_decoder_configs(*parts))
    with pytest.raises(ModelError, match="EncoderDecoderModel is no language model that can be trained here"):
        make_policy(joined)
