"""Training reward models: every kind of backbone and of feedback, options that do what they say, and resuming."""

from __future__ import annotations

import json
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from textgym import rewards
from textgym.errors import DataError, ModelError, OptionError, RunError
from textgym.reward_models import Recipe, evaluate, load_feedback, train
from textgym.reward_models.training import fingerprint

VALUE = {"negative": 1.0, "neutral": 3.0, "positive": 5.0}
FAST = Recipe(
    learning_rate=3e-3,
    head_learning_rate=3e-3,
    batch_size=8,
    epochs=5,
    precision="fp32",
    checks_per_epoch=1,
    patience=20,
)
SHORT = replace(FAST, epochs=0.5)


@pytest.fixture(scope="session")
def labels(rows):
    return load_feedback([{"text": text, "label": label} for text, label in rows])


@pytest.fixture(scope="session")
def ratings(rows):
    return load_feedback([{"text": text, "stars": VALUE[label]} for text, label in rows])


@pytest.fixture(scope="session")
def preferences(rows):
    good = [text for text, label in rows if label == "positive"]
    bad = [text for text, label in rows if label == "negative"]
    pairs = enumerate(zip(good, bad, strict=False))
    return load_feedback([{"prompt": f"Customer {i}:", "chosen": a, "rejected": b} for i, (a, b) in pairs])


@pytest.fixture(scope="session")
def rankings(rows):
    by_label = {name: [text for text, label in rows if label == name] for name in VALUE}
    triples = zip(by_label["positive"], by_label["neutral"], by_label["negative"], strict=False)
    # Every second person ranked two texts only.
    return load_feedback([
        {"prompt": f"Customer {i}:", "ranking": list(texts[: 2 + i % 2])} for i, texts in enumerate(triples)
    ])  # fmt: skip


@pytest.fixture(scope="session")
def trained(backbones, labels, tmp_path_factory):
    """A classifier on the encoder, learnt from labels."""
    path = tmp_path_factory.mktemp("trained") / "rm"
    return train(labels, path, replace(FAST, backbone=backbones["encoder"]), source="labels.csv")


def weights(folder):
    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize("kind", ["encoder", "decoder", "encoder_decoder"])
def test_every_kind_of_backbone_learns_from_labels(kind, backbones, labels, tmp_path):
    found = train(labels, tmp_path / "rm", replace(FAST, backbone=backbones[kind], epochs=10))
    assert found.quality.metrics["accuracy"].value > 0.95
    AutoModelForSequenceClassification.from_pretrained(found.path)
    good, bad = rewards.make(found.path).score(["the soup was"] * 2, [" lovely on day 5.", " awful on day 5."]).total
    assert good > 0.3 > -0.3 > bad


def test_the_folder_is_what_plain_transformers_computes(trained):
    model = AutoModelForSequenceClassification.from_pretrained(trained.path).eval()
    tokenizer = AutoTokenizer.from_pretrained(trained.path)
    texts = ["this hotel is grey on day 3.", "our flight was kind on day 9."]
    batch = tokenizer(texts, return_tensors="pt", padding=True)
    batch.pop("token_type_ids", None)
    shares = model(**batch).logits.softmax(-1)
    expected = (shares @ torch.tensor([-1.0, 0.0, 1.0])).tolist()
    assert rewards.make(trained.path).score([""] * 2, texts).total == pytest.approx(expected, abs=1e-5)
    assert list(model.config.id2label.values()) == ["negative", "neutral", "positive"]


def test_an_environment_pays_it_at_once(trained):
    env = gym.make("TextGen-Sentiment-v0", reward=str(trained.path))
    env.reset(seed=0)
    terminated = False
    while not terminated:
        _, reward, terminated, _, info = env.step(7)
    assert info["reward_terms"] == {"reward_model": reward}
    assert -1 <= reward <= 1


def test_the_folder_tells_where_it_is_from(trained, labels):
    facts = json.loads((trained.path / "training.json").read_text(encoding="utf-8"))
    assert facts["fingerprint"] == rewards.make(trained.path).fingerprint
    assert facts["feedback"] == fingerprint(labels)
    card = (trained.path / "README.md").read_text(encoding="utf-8")
    for shown in ("labels.csv", facts["fingerprint"], "accuracy", "cross_entropy"):
        assert shown in card
    quality = json.loads((trained.path / "quality.json").read_text(encoding="utf-8"))
    assert quality["metrics"]["accuracy"]["value"] == trained.quality.metrics["accuracy"].value
    assert (trained.path / "reliability.png").stat().st_size > 1000
    assert not trained.path.with_name("rm.training").exists()
    again = evaluate(trained.path, labels)
    assert again.metrics["accuracy"] == trained.quality.metrics["accuracy"]


def test_ratings_are_given_in_their_unit(backbones, ratings, tmp_path):
    found = train(ratings, tmp_path / "rm", replace(FAST, backbone=backbones["decoder"]))
    assert found.quality.metrics["spearman"].value > 0.8
    scores = rewards.make(found.path).score(["the soup was"] * 2, [" lovely on day 5.", " awful on day 5."]).total
    assert scores == pytest.approx([5, 1], abs=1)


@pytest.mark.parametrize("centering", [0.0, 0.05])
def test_preferences(backbones, preferences, tmp_path, centering):
    recipe = replace(FAST, backbone=backbones["encoder"], centering=centering, epochs=6)
    found = train(preferences, tmp_path / "rm", recipe)
    assert found.quality.metrics["pairwise_accuracy"].value > 0.9


def test_rankings_of_two_and_of_three(backbones, rankings, tmp_path):
    found = train(rankings, tmp_path / "rm", replace(FAST, backbone=backbones["encoder"], epochs=6))
    assert found.quality.kind == "rankings"
    assert found.quality.metrics["pairwise_accuracy"].value > 0.9


def test_preferences_are_made_of_labels_and_the_classifier_is_judged_on_the_same(backbones, labels, trained, tmp_path):
    recipe = replace(FAST, backbone=backbones["encoder"], loss="bradley_terry")
    found = train(labels, tmp_path / "rm", recipe)
    assert found.quality.metrics["pairwise_accuracy"].value > 0.9
    classifier = evaluate(trained.path, labels, as_pairs=True)
    assert classifier.count == found.quality.count
    assert classifier.metrics["pairwise_accuracy"].value > 0.9


def test_accumulated_batches_give_the_gradient_of_the_whole(backbones, labels, tmp_path):
    first = {}
    for parts in (1, 4):
        recipe = replace(SHORT, backbone=backbones["decoder"], accumulate=parts)  # no dropout in this one
        train(labels, tmp_path / str(parts), recipe)
        first[parts] = weights(tmp_path / str(parts))
    for name, tensor in first[1].items():
        torch.testing.assert_close(first[4][name], tensor, atol=2e-4, rtol=1e-3)


def test_class_weights_help_the_rare_class(backbones, rows, tmp_path):
    rare = [row for row in rows if row[1] != "positive"] + [row for row in rows if row[1] == "positive"][:12]
    feedback = load_feedback([{"text": text, "label": label} for text, label in rare])
    recipe = replace(SHORT, backbone=backbones["encoder"], learning_rate=1e-3)
    plain = train(feedback, tmp_path / "plain", recipe).path
    balanced = train(feedback, tmp_path / "balanced", replace(recipe, class_weights="balanced")).path
    texts = ["the soup was lovely on day 5.", "this hotel is kind on day 7."]
    share = [rewards.make("reward_model", model=str(path), label="positive").score([""] * 2, texts).total.mean()
             for path in (plain, balanced)]  # fmt: skip
    assert share[1] > share[0]


@pytest.mark.parametrize("kind", ["encoder", "decoder", "encoder_decoder"])
def test_frozen_layers_stay_as_they_were(kind, backbones, labels, tmp_path):
    train(labels, tmp_path / "rm", replace(SHORT, backbone=backbones[kind], freeze_layers=1))
    before = load_file(f"{backbones[kind]}/model.safetensors")
    after = weights(tmp_path / "rm")
    changed, kept = [], []
    for name, value in after.items():
        origin = next((old for old in before if name.endswith(old)), None)
        if origin is not None:
            (kept if torch.equal(before[origin], value) else changed).append(origin)
    assert any("embed" in name for name in kept)
    assert any("layers.0." in name or "layer.0." in name for name in kept)
    assert any("layers.1." in name or "layer.1." in name for name in changed)
    assert not any(("layers.0." in name or "layer.0." in name) and "decoder" not in name for name in changed)


def test_lora_leaves_a_plain_model_that_learnt(labels, tmp_path):
    recipe = replace(FAST, backbone="tiny", lora_rank=4, epochs=2)  # adapters need a backbone that knows something
    found = train(labels, tmp_path / "rm", recipe)
    assert found.quality.metrics["accuracy"].value > 0.8
    assert not any("lora" in name for name in weights(tmp_path / "rm"))
    model = AutoModelForSequenceClassification.from_pretrained(found.path)
    assert type(model).__name__ == "GPT2ForSequenceClassification"


def test_it_stops_where_nothing_improves_and_keeps_the_best(backbones, rows, tmp_path):
    rng = np.random.default_rng(0)
    noise = load_feedback([{"text": text, "label": rng.choice(["bad", "good"])} for text, _ in rows])
    recipe = replace(FAST, backbone=backbones["encoder"], epochs=50, patience=2, learning_rate=1e-3)
    train(noise, tmp_path / "rm", recipe)
    facts = json.loads((tmp_path / "rm" / "training.json").read_text(encoding="utf-8"))
    scores = [entry["eval_score"] for entry in facts["log"] if "eval_score" in entry]
    assert len(scores) < 40
    assert facts["best"] == max(scores)


def test_the_same_seed_gives_the_same_model(backbones, labels, tmp_path):
    recipe = replace(SHORT, backbone=backbones["encoder"])
    paths = [train(labels, tmp_path / name, recipe).path for name in "ab"]
    other = train(labels, tmp_path / "c", replace(recipe, seed=1)).path
    prints = [rewards.make(path).fingerprint for path in (*paths, other)]
    assert prints[0] == prints[1] != prints[2]


def test_a_training_that_was_cut_off_goes_on_to_the_same_model(backbones, labels, tmp_path):
    recipe = replace(FAST, backbone=backbones["encoder"], epochs=2)
    whole = train(labels, tmp_path / "whole", recipe).path

    def cut(done, total, note):
        if done == total * 3 // 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(labels, tmp_path / "rm", recipe, progress=cut)
    assert not (tmp_path / "rm").exists()
    with pytest.raises(RunError, match="cut off"):
        train(labels, tmp_path / "rm", recipe)
    with pytest.raises(RunError, match="another learning_rate"):
        train(labels, tmp_path / "rm", replace(recipe, learning_rate=1.0), resume=True)
    resumed = train(labels, tmp_path / "rm", recipe, resume=True).path
    for name, tensor in weights(whole).items():
        torch.testing.assert_close(weights(resumed)[name], tensor, atol=0, rtol=0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"loss": "plackett_luce"}, OptionError, "no loss 'plackett_luce' for labels"),
        ({"backbone": "no/such-model"}, ModelError, "no/such-model"),
        ({"freeze_layers": 9}, OptionError, "between 0 and the 2 layers"),
        ({"learning_rate": 1e9, "head_learning_rate": 1e9}, ModelError, "loss is nan|not a finite number"),
    ],
)
def test_what_cannot_be_trained(change, error, message, backbones, labels, tmp_path):
    with pytest.raises(error, match=message):
        train(labels, tmp_path / "rm", replace(SHORT, **{"backbone": backbones["encoder"], **change}))
    assert not (tmp_path / "rm").exists()


def test_a_folder_is_never_overwritten(trained, labels):
    with pytest.raises(RunError, match="exists already"):
        train(labels, trained.path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"precision": "fp8"}, "fp32, bf16, fp16"),
        ({"batch_size": 10, "accumulate": 3}, "3 equal parts"),
        ({"epochs": 0}, "above 0"),
        ({"learning_rate": -1.0}, "learning_rate is at least 0"),
        ({"learning_rate": float("nan")}, "learning_rate is at least 0"),
        ({"lora_rank": 4, "freeze_layers": 1}, "not both"),
        ({"class_weights": "even"}, "balanced"),
    ],
)
def test_a_recipe_says_what_it_takes(change, message):
    with pytest.raises(OptionError, match=message):
        Recipe(**change)


def test_labels_without_an_order_can_be_told_apart_but_not_paid(backbones, rows, tmp_path):
    names = {"negative": "sport", "neutral": "politics", "positive": "weather"}
    feedback = load_feedback(
        [{"text": text, "topic": names[label]} for text, label in rows], columns={"label": "topic"}
    )
    path = train(feedback, tmp_path / "rm", replace(FAST, backbone=backbones["encoder"], epochs=1)).path
    with pytest.raises(ModelError, match="label="):
        rewards.make(path).score([""], ["the soup was good on day 1."])
    assert rewards.make(path, label="weather").range == (0.0, 1.0)
    with pytest.raises(DataError, match="worst to best"):
        train(feedback, tmp_path / "bt", replace(FAST, backbone=backbones["encoder"], loss="bradley_terry"))
