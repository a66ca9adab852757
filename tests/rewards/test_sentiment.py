"""Sentiment, learnt and by lexicon."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import transformers

from textgym import rewards
from textgym.errors import ModelError, OptionError, RewardError
from textgym.rewards import reward_model
from textgym.rewards.sentiment import Sentiment

PROMPTS = ["the food", "the staff was", "we", "it was"]
COMPLETIONS = [" was good", " rude and slow and awful but we loved it", " never", " great great great"]


@pytest.fixture(autouse=True)
def _fresh_models():
    reward_model._load.cache_clear()


def test_the_score_is_p_positive_minus_p_negative(classifier_folder):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier_folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(classifier_folder)
    expected = []
    for prompt, completion in zip(PROMPTS, COMPLETIONS, strict=True):
        with torch.no_grad():
            ids = tokenizer(prompt + completion, return_tensors="pt")["input_ids"]
            negative, _, positive = model(input_ids=ids).logits.softmax(-1)[0].tolist()
        expected.append(positive - negative)
    reward = Sentiment(model=classifier_folder)
    assert reward(PROMPTS, COMPLETIONS) == pytest.approx(expected, abs=1e-6)
    assert reward.range == (-1.0, 1.0)


def test_a_scalar_head_is_taken_as_it_is(scalar_folder):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(scalar_folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(scalar_folder)
    reward = rewards.make(scalar_folder)
    for prompt, completion, score in zip(PROMPTS, COMPLETIONS, reward(PROMPTS, COMPLETIONS), strict=True):
        with torch.no_grad():
            expected = model(**tokenizer(prompt + completion, return_tensors="pt")).logits.item()
        assert score == pytest.approx(expected, abs=1e-5)
    assert reward.range == (-math.inf, math.inf)
    assert all(map(math.isfinite, reward(["", "the food"], ["", ""])))


def test_a_batch_scores_as_its_rows_do(classifier_folder, scalar_folder):
    for folder in (classifier_folder, scalar_folder):
        batch = Sentiment(model=folder)(PROMPTS, COMPLETIONS)
        reward_model._load.cache_clear()
        single = [Sentiment(model=folder)([p], [c])[0] for p, c in zip(PROMPTS, COMPLETIONS, strict=True)]
        assert batch == pytest.approx(single, abs=1e-5)


def test_a_remembered_score_is_the_same_to_the_last_bit(classifier_folder, monkeypatch):
    first = Sentiment(model=classifier_folder)(PROMPTS, COMPLETIONS)
    classifier = reward_model._load(classifier_folder, "cpu", None)
    monkeypatch.setattr(classifier, "_forward", lambda texts: pytest.fail(f"scored again: {texts}"))
    again = Sentiment(model=classifier_folder, device="cpu")
    assert [again([p], [c])[0] for p, c in zip(PROMPTS, COMPLETIONS, strict=True)] == first


def test_a_completion_without_text_is_the_low_end(classifier_folder):
    for reward in (Sentiment(model=classifier_folder), rewards.make("vader")):
        assert reward(["we loved it"] * 3, ["", "  \n", " and"])[:2] == [-1.0, -1.0]
        assert reward(["we loved it"] * 3, ["", "  \n", " and"])[2] > -1.0


def test_a_long_text_loses_its_beginning(classifier_folder, scalar_folder):
    for folder in (classifier_folder, scalar_folder):
        reward = rewards.make(folder)
        assert reward(["bad " * 50], ["good " * 32]) == pytest.approx(reward(["rude " * 9], ["good " * 32]))


def test_the_fingerprint_is_that_of_the_weights(classifier_folder, tmp_path):
    reward = Sentiment(model=classifier_folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier_folder)
    copy, changed = tmp_path / "copy", tmp_path / "changed"
    for folder in (copy, changed):
        model.save_pretrained(folder)
        transformers.AutoTokenizer.from_pretrained(classifier_folder).save_pretrained(folder)
        model.classifier.bias.data += 1
    assert len(reward.fingerprint) == 64
    assert Sentiment(model=str(copy)).fingerprint == reward.fingerprint
    assert Sentiment(model=str(changed)).fingerprint != reward.fingerprint


def test_a_relative_folder_is_the_same_model(classifier_folder, monkeypatch):
    monkeypatch.chdir(Path(classifier_folder).parent)
    reward = Sentiment(model="classifier")
    assert reward._classifier() is Sentiment(model=classifier_folder)._classifier()


def test_a_model_that_was_never_trained_to_classify_is_refused(language_model_folder, tmp_path):
    model = transformers.AutoModelForCausalLM.from_pretrained(language_model_folder)
    model.config.num_labels = 1
    model.save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(language_model_folder).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"has no weights for score\.weight: it would score at random"):
        rewards.make(tmp_path)(["a"], ["b"])


def test_classes_without_poles_are_refused(classifier_folder, tmp_path):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier_folder)
    model.config.id2label = {0: "joy", 1: "anger", 2: "positive"}
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"has the classes \['joy', 'anger', 'positive'\]"):
        rewards.make(tmp_path)(["a"], ["b"])


def test_what_cannot_be_loaded_is_named(classifier_folder, tmp_path):
    with pytest.raises(ModelError, match="No reward model could be loaded from 'no/such-model'"):
        Sentiment(model="no/such-model")(["a"], ["b"])
    with pytest.raises(OptionError, match="device='abacus'"):
        Sentiment(model=classifier_folder, device="abacus")(["a"], ["b"])
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json is not JSON"):
        rewards.make(tmp_path)(["a"], ["b"])
    with pytest.raises(RewardError, match="holds no config"):
        rewards.make("no/such-model")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("The food was great", 0.6249), ("The food was awful", -0.4588), ("The food was", 0.0)],
)
def test_vader_is_its_compound_score(text, expected):
    assert rewards.make("vader")([text[:8]], [text[8:]]) == [expected]
