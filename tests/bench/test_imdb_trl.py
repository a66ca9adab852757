from __future__ import annotations

import pytest
import torch

from textgym import assets
from textgym.bench.imdb_trl import LONGEST, SHORTEST, ClassLogit, query


def test_the_reward_is_the_logit_of_a_class() -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = assets.resolve("sentiment")
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    place, label = next(iter(model.config.id2label.items()))
    found = ClassLogit("sentiment", label, "cpu").score(["It was", "It was"], [" lovely.", " awful."]).total
    with torch.no_grad():
        expected = [
            model(**tokenizer(text, return_tensors="pt")).logits[0, int(place)].item()
            for text in ("It was lovely.", "It was awful.")
        ]
    assert found == pytest.approx(expected, abs=1e-5)


def test_queries_have_two_to_seven_words() -> None:
    review = "a b c d e f g h i j"
    prompts = {query({"text": f"{review} {n}"}).prompt for n in range(100)}
    assert {len(prompt.split()) for prompt in prompts} == set(range(SHORTEST, LONGEST + 1))
    assert all(review.startswith(prompt) for prompt in prompts)
