"""Likelihood under a frozen language model, against one forward pass a completion."""

from __future__ import annotations

import math

import pytest
import torch
import transformers

from textgym import rewards, tokenizers
from textgym.errors import ModelError
from textgym.rewards import fluency, models
from textgym.rewards.fluency import Fluency, Perplexity

PROMPTS = ["the food", "the staff was", "", "it was slow and it was"]
COMPLETIONS = ["was good", "rude and slow and awful but we loved it", "we", "great great great"]


@pytest.fixture(autouse=True)
def _fresh_models():
    fluency._load.cache_clear()


@pytest.fixture
def by_hand(language_model_folder):
    """log p(ids | prompt ids), summed, without padding, batch or cache."""
    model = transformers.AutoModelForCausalLM.from_pretrained(language_model_folder)

    def log_prob(prompt: list[int], ids: list[int]) -> float:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0].double()
        log_probs = logits.log_softmax(-1)
        return sum(log_probs[len(prompt) - 1 + i, token].item() for i, token in enumerate(ids))

    return log_prob


def test_fluency_is_the_mean_log_probability(language_model_folder, by_hand):
    tokenizer = tokenizers.load(language_model_folder)
    scores = Fluency(model=language_model_folder)(PROMPTS, COMPLETIONS)
    perplexities = Perplexity(model=language_model_folder)(PROMPTS, COMPLETIONS)
    for prompt, completion, score, perplexity in zip(PROMPTS, COMPLETIONS, scores, perplexities, strict=True):
        ids = tokenizer.encode(completion)
        expected = by_hand([tokenizer.bos_id, *tokenizer.encode(prompt)], ids) / len(ids)
        assert score == pytest.approx(expected, abs=1e-5)
        assert perplexity == pytest.approx(math.exp(-expected), rel=1e-5)


def test_eos_counts_where_it_ended_the_completion(language_model_folder, by_hand):
    tokenizer = tokenizers.load(language_model_folder)
    reasons = ["eos", "length", "stop", ""]
    scores = Fluency(model=language_model_folder)(PROMPTS, COMPLETIONS, finish_reason=reasons)
    for prompt, completion, why, score in zip(PROMPTS, COMPLETIONS, reasons, scores, strict=True):
        ids = tokenizer.encode(completion) + ([tokenizer.eos_id] if why == "eos" else [])
        expected = by_hand([tokenizer.bos_id, *tokenizer.encode(prompt)], ids) / len(ids)
        assert score == pytest.approx(expected, abs=1e-5)


def test_the_tokens_really_written_are_scored_if_they_mean_the_same(language_model_folder, by_hand):
    own, other = tokenizers.load(language_model_folder), tokenizers.load("chars:abc")
    reward = Fluency(model=language_model_folder)
    columns = {"prompt_ids": [[1, 4]], "completion_ids": [[7, 8, 2]], "finish_reason": ["eos"]}
    same = reward(["the"], ["no matter"], tokenizer=own, **columns)
    assert same == pytest.approx([by_hand([1, 4], [7, 8, 2]) / 3], abs=1e-5)
    for tokenizer in (other, None):
        by_text = reward(["the"], ["good bad"], tokenizer=tokenizer, **columns)
        ids = [*own.encode("good bad"), own.eos_id]
        assert by_text == pytest.approx([by_hand([own.bos_id, *own.encode("the")], ids) / 3], abs=1e-5)


def test_the_corpus_forms_weigh_every_token_alike(language_model_folder):
    likelihoods = Fluency(model=language_model_folder).likelihoods(PROMPTS, COMPLETIONS)
    mean = sum(each.log_prob for each in likelihoods) / sum(each.tokens for each in likelihoods)
    assert [each.tokens for each in likelihoods] == [2, 9, 1, 3]
    assert Fluency(model=language_model_folder).corpus(PROMPTS, COMPLETIONS) == pytest.approx(mean)
    assert Perplexity(model=language_model_folder).corpus(PROMPTS, COMPLETIONS) == pytest.approx(math.exp(-mean))


@pytest.mark.parametrize("reason", ["eos", "length", ""])
def test_a_completion_without_text_is_one_token_of_a_uniform_model(language_model_folder, reason):
    columns = {"finish_reason": [reason] * 2, "completion_ids": [[2], []], "prompt_ids": [[1], [1]]}
    own = tokenizers.load(language_model_folder)
    for tokenizer in (own, None):
        scores = Fluency(model=language_model_folder)(["the", "the"], ["", "  "], tokenizer=tokenizer, **columns)
        assert scores == pytest.approx([-math.log(own.vocab_size)] * 2)


def test_a_batch_scores_as_its_rows_do(language_model_folder, monkeypatch):
    batch = Fluency(model=language_model_folder)(PROMPTS, COMPLETIONS)
    for budget in (1, 12):
        monkeypatch.setitem(models.MICRO_BATCH_TOKENS, "cpu", budget)
        fluency._load.cache_clear()
        assert Fluency(model=language_model_folder)(PROMPTS, COMPLETIONS) == pytest.approx(batch, abs=1e-5)


def test_beyond_the_window_the_beginning_is_lost(language_model_folder, by_hand):
    own = tokenizers.load(language_model_folder)
    reward = Fluency(model=language_model_folder)
    good, bad = own.encode("good")[0], own.encode("bad")[0]
    assert reward(["bad " * 40], ["good " * 5]) == pytest.approx([by_hand([bad] * 27, [good] * 5) / 5], abs=1e-5)
    assert reward(["bad"], ["good " * 50]) == pytest.approx([by_hand([bad], [good] * 31) / 31], abs=1e-5)


def test_perplexity_is_better_when_lower_and_never_overflows():
    assert not Perplexity.higher_is_better
    assert fluency._perplexity(-1e6) == math.exp(700)
    assert fluency._perplexity(0.0) == 1.0


def test_scores_are_shared_between_fluency_and_perplexity(language_model_folder, monkeypatch):
    scores = Fluency(model=language_model_folder)(PROMPTS, COMPLETIONS)
    model = fluency._load(language_model_folder, "cpu")
    monkeypatch.setattr(model, "_forward", lambda contexts: pytest.fail("scored again"))
    perplexities = Perplexity(model=language_model_folder)(PROMPTS, COMPLETIONS)
    assert perplexities == [math.exp(-score) for score in scores]


def test_a_tokenizer_larger_than_its_model_is_refused(language_model_folder, tmp_path):
    transformers.AutoModelForCausalLM.from_pretrained(language_model_folder).save_pretrained(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(language_model_folder)
    tokenizer.add_tokens(["extra"])
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"has 19 embeddings, but its tokenizer 20 tokens"):
        rewards.make("fluency", model=str(tmp_path))(["the"], ["food"])
