"""Reward models that score every token: what they learn, when they notice, and what an environment pays for it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification, AutoTokenizer
from typer.testing import CliRunner

import textgym
from textgym import rewards, tokenizers
from textgym.cli.main import app
from textgym.errors import ModelError
from textgym.reward_models import Recipe, evaluate, load_feedback, losses, train
from textgym.reward_models.batches import Collator, encode
from textgym.reward_models.feedback import Rating
from textgym.reward_models.trainer import RewardTrainer

RECIPE = Recipe(
    learning_rate=3e-3,
    head_learning_rate=3e-3,
    batch_size=8,
    epochs=5,
    precision="fp32",
    checks_per_epoch=1,
    patience=20,
    per_token=True,
)
PROMPT = "the soup was"
GOOD, BAD = " lovely on day 5.", " awful on day 5."


@pytest.fixture(scope="module")
def labels(rows):
    return load_feedback([{"text": text, "label": label} for text, label in rows])


@pytest.fixture(scope="module")
def trained(backbones, labels, tmp_path_factory):
    path = tmp_path_factory.mktemp("trained") / "rm"
    return train(labels, path, replace(RECIPE, backbone=backbones["decoder"]))


def spoken(folder, prompt, completion):
    """P(positive) − P(negative) over each token of the completion, by plain transformers; and the tokens."""
    model = AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(prompt + completion, return_tensors="pt").input_ids
    start = len(tokenizer(prompt).input_ids)
    with torch.inference_mode():
        shares = model(ids).logits[0].softmax(-1)
    return (shares[start:] @ torch.tensor([-1.0, 0.0, 1.0])).tolist(), ids[0, start:].tolist()


@pytest.mark.parametrize("completion", [GOOD, BAD])
def test_the_score_turns_at_the_word_that_decides(completion, trained):
    reward = rewards.make(trained.path)
    so_far = [completion[:i] for i in range(1, len(completion) + 1) if completion[i : i + 1] in ("", " ")]
    scores = reward.score([PROMPT] * len(so_far), so_far).total
    assert ((1 if completion == GOOD else -1) * scores > 0.8).all()
    undecided = reward.score([""] * 2, ["the soup", "the soup was"]).total
    assert (np.abs(undecided) < 0.5).all()


def test_an_environment_pays_each_token_its_own_score(trained):
    tokenizer = tokenizers.load("tiny")
    expected, ids = spoken(trained.path, PROMPT, GOOD)
    env = textgym.TextGenEnv(
        textgym.make_task(
            [PROMPT],
            reward=f"per_token(reward_model(model={str(trained.path)!r}))",
            max_prompt_tokens=16,
            max_new_tokens=len(ids) + 1,
        )
    )
    assert tokenizer.encode(GOOD) == ids
    env.reset(seed=0)
    paid = [env.step(token)[1] for token in (*ids, tokenizer.eos_id)]
    assert paid == pytest.approx([*expected, expected[-1]], abs=1e-5)  # EOS adds no text


def test_a_text_is_scored_at_its_last_token_in_any_batch(trained):
    expected = [spoken(trained.path, PROMPT, text)[0][-1] for text in (GOOD, BAD)]
    assert rewards.make(trained.path).score([PROMPT] * 2, [GOOD, BAD]).total == pytest.approx(expected, abs=1e-5)
    longer = rewards.make(trained.path).score([PROMPT] * 2, [GOOD, BAD + " And so on."]).total
    assert longer[0] == pytest.approx(expected[0], abs=1e-5)


def test_the_folder_says_what_it_is(trained, labels):
    written = json.loads((trained.path / "config.json").read_text(encoding="utf-8"))
    assert written["textgym_reward"]["per_token"] is True
    assert written["architectures"] == ["LlamaForTokenClassification"]
    card = (trained.path / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: token-classification" in card
    assert "per_token(reward_model(" in card
    assert trained.quality.metrics["accuracy"].value > 0.95
    assert evaluate(trained.path, labels).metrics["accuracy"] == trained.quality.metrics["accuracy"]


def test_ratings_and_preferences_learn_too(backbones, rows, tmp_path):
    recipe = replace(RECIPE, backbone=backbones["decoder"])
    stars = {"negative": 1.0, "neutral": 3.0, "positive": 5.0}
    rated = train(
        load_feedback([{"text": text, "stars": stars[label]} for text, label in rows]), tmp_path / "mse", recipe
    )
    assert rated.quality.metrics["spearman"].value > 0.8
    assert rewards.make(rated.path).score([PROMPT] * 2, [GOOD, BAD]).total == pytest.approx([5, 1], abs=1)
    sides = [[text for text, label in rows if label == mood] for mood in ("positive", "negative")]
    pairs = [
        {"prompt": f"Customer {i}:", "chosen": a, "rejected": b}
        for i, (a, b) in enumerate(zip(*sides, strict=False))
    ]  # fmt: skip
    ordered = train(load_feedback(pairs), tmp_path / "bt", replace(recipe, epochs=6))
    assert ordered.quality.metrics["pairwise_accuracy"].value > 0.9
    good, bad = rewards.make(ordered.path).score([PROMPT] * 2, [" lovely", " awful"]).total
    assert good > bad + 1


def test_low_rank_adapters_leave_a_plain_classifier_of_tokens(backbones, labels, tmp_path):
    recipe = replace(RECIPE, backbone=backbones["decoder"], lora_rank=4)
    found = train(labels, tmp_path / "rm", recipe)
    assert found.quality.metrics["accuracy"].value > 0.8
    assert type(AutoModelForTokenClassification.from_pretrained(found.path)).__name__ == "LlamaForTokenClassification"
    assert "lora" not in " ".join(load_file(found.path / "model.safetensors"))


def test_an_encoder_is_refused(backbones, labels, tmp_path):
    with pytest.raises(ModelError, match="both directions"):
        train(labels, tmp_path / "rm", replace(RECIPE, backbone=backbones["encoder"]))
    with pytest.raises(ModelError, match="No reward model could be loaded"):  # transformers has no such head for BART
        train(labels, tmp_path / "other", replace(RECIPE, backbone=backbones["encoder_decoder"]))
    assert not (tmp_path / "rm").exists()


def test_the_command_line_trains_one(backbones, rows, tmp_path):
    file = tmp_path / "feedback.jsonl"
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows[:100]]
    file.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "rm"
    result = CliRunner().invoke(
        app,
        f"reward-model train {file} --out {out} --backbone {backbones['decoder']} "
        "--epochs 0.5 --set per_token=true --set precision=fp32",
    )
    assert result.exit_code == 0, result.output
    reward = rewards.make(f"per_token(reward_model(model={str(out)!r}))")
    assert isinstance(reward, rewards.PerToken)
    assert np.isfinite(reward.score([PROMPT], [GOOD]).total).all()


def test_completions_begin_after_their_prompts():
    tokenizer = AutoTokenizer.from_pretrained(textgym.assets.path("tiny"), truncation_side="left")
    rows = [Rating("the soup was", "lovely.", 1.0), Rating("", "lovely.", 0.0)]
    items = encode(rows, [1.0, 0.0], tokenizer, 256, per_token=True)
    for row, item in zip(rows, items.rows, strict=True):
        assert tokenizer.decode(item.ids[0][item.starts[0] :]).strip() == row.text
    (cut,) = encode(rows[:1], [1.0], tokenizer, 2, per_token=True).rows
    assert cut.starts == [0]
    batch = Collator(0, classes=False)(items.rows)
    assert batch["starts"].tolist() == [row.starts[0] for row in items.rows]
    assert "starts" not in Collator(0, classes=False)(encode(rows, [1.0, 0.0], tokenizer, 256).rows)


def trainer(loss):
    """A trainer as far as its losses need it."""
    made = RewardTrainer.__new__(RewardTrainer)
    made._recipe, made._loss, made._class_weights = Recipe(per_token=True), loss, None
    return made


def test_token_losses_worked_by_hand():
    logits = torch.tensor([[9.0, 1.0, 2.0, 3.0], [9.0, 9.0, 5.0, 7.0]]).unsqueeze(-1)  # (2, 4, 1)
    starts, ends = torch.tensor([1, 2]), torch.tensor([4, 3])
    rated = trainer("mse").token_losses(logits, torch.tensor([1.0, 2.0]), torch.tensor([1, 1]), starts, ends)
    assert rated.tolist() == pytest.approx([(0 + 1 + 4) / 3, 9.0])  # padding and prompts count for nothing
    pair = trainer("bradley_terry").token_losses(logits, torch.zeros(1), torch.tensor([2]), starts, ends)
    gaps = torch.tensor([1.0 - 5.0, 2.0 - 5.0, 3.0 - 5.0])  # the shorter one keeps its last score
    assert pair.item() == pytest.approx(-torch.nn.functional.logsigmoid(gaps).mean().item())
    ranked = trainer("plackett_luce").token_losses(logits, torch.zeros(1), torch.tensor([2]), starts, ends)
    torch.testing.assert_close(ranked, pair)


def test_a_single_token_is_scored_as_a_text_is():
    logits = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
    targets, sizes, starts = torch.tensor([0, 1, 2, 1]), torch.ones(4, dtype=torch.long), torch.tensor([0, 2, 4, 1])
    found = trainer("cross_entropy").token_losses(logits, targets, sizes, starts, starts + 1)
    torch.testing.assert_close(found, losses.cross_entropy(logits[torch.arange(4), starts], targets))
