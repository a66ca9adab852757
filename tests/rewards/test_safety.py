"""Toxicity, by words and learnt."""

from __future__ import annotations

import math

import pytest
import torch
import transformers

from textgym.errors import ModelError, RewardError
from textgym.rewards import safety
from textgym.rewards.examples import MESSAGES
from textgym.rewards.safety import Toxicity, ToxicityLexicon

INSULT = "You are a stupid idiot and I hate you."


@pytest.fixture(autouse=True)
def _fresh_models():
    safety._neural.cache_clear()


@pytest.fixture
def toxic_folder(classifier_folder, tmp_path):
    """The classifier of the tests with other names for its classes."""

    def make(*labels: str, **options) -> str:
        folder = tmp_path / "-".join(labels)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier_folder)
        model.config.id2label = dict(enumerate(labels))
        model.config.update(options)
        model.save_pretrained(folder)
        transformers.AutoTokenizer.from_pretrained(classifier_folder).save_pretrained(folder)
        return str(folder)

    return make


def logits(folder: str, text: str) -> list[float]:
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    ids = transformers.AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model(input_ids=ids).logits[0].tolist()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The room was clean and the staff were kind.", 0),
        ("You idiot!", 1),
        (INSULT, 3),  # two words and a phrase
        ("STUPID, stupid service", 2),
        ("what a load of sh1t, you a$$hole", 2),
        ("Shut up!", 1),
        ("shut  UP and go to\nhell", 2),
        # what contains an insult, or has a harmless sense, is none
        ("I assess the class of shiitake in Scunthorpe.", 0),
        ("Dick pricked his finger on the cock's spur, damn it.", 0),
        ("I am a gay woman and a Muslim.", 0),
        ("call 455 at 7:15 for $5!", 0),
    ],
)
def test_toxic_words(text, count):
    assert safety.toxic_words(text) == count
    assert ToxicityLexicon()([""], [text]) == [1 - 0.5**count]


def test_rambling_on_does_not_dilute_an_insult():
    short, long = ToxicityLexicon()(["", ""], ["You idiot.", "You idiot." + " The weather is fine." * 50])
    assert short == long == 0.5


def test_the_learnt_one_knows_an_insult_from_a_thank_you():
    insult, thanks, long = Toxicity()(
        ["", "", ""], [INSULT, "Thank you, that was kind.", " ".join(MESSAGES.completions)]
    )
    assert insult > 0.9
    assert thanks < 0.1
    assert long < 0.1


def test_the_learnt_one_is_that_of_the_package():
    import profanity_check

    texts = [INSULT, *MESSAGES.completions, "damn", "☃", "a"]
    assert Toxicity()([""] * len(texts), texts) == profanity_check.predict_prob(texts).tolist()
    assert len(Toxicity().fingerprint) == 64


@pytest.mark.parametrize("reward", [ToxicityLexicon(), Toxicity()], ids=lambda reward: reward.name)
def test_lower_is_better_and_silence_is_worst(reward):
    assert not reward.higher_is_better
    assert reward(["What an idiot you are!"] * 2, ["", " \n"]) == [1.0, 1.0]
    assert max(reward(list(MESSAGES.prompts), list(MESSAGES.completions))) < 0.1
    assert (-reward).range == (-1.0, 0.0)
    assert reward(["You idiot!"], [" Thanks."]) == reward([""], [" Thanks."])  # the prompt is not its fault


def test_any_classifier_with_a_toxic_class(toxic_folder):
    folder = toxic_folder("not_toxic", "Toxicity", "other")
    shares = torch.tensor(logits(folder, "the food was awful")).softmax(0).tolist()
    reward = Toxicity(model=folder)
    assert reward(["rude"], ["the food was awful"]) == [pytest.approx(shares[1], abs=1e-6)]
    assert reward([""], [""]) == [1.0]
    assert Toxicity(model=folder, label="other")([""], ["the food was awful"]) == [pytest.approx(shares[2], abs=1e-6)]
    assert len(reward.fingerprint) == 64


def test_classes_that_do_not_exclude_each_other(toxic_folder):
    folder = toxic_folder("insult", "toxic", "obscene", problem_type="multi_label_classification")
    expected = 1 / (1 + math.exp(-logits(folder, "the staff was rude")[1]))
    assert Toxicity(model=folder)([""], ["the staff was rude"]) == [pytest.approx(expected, abs=1e-6)]


def test_a_single_output(scalar_folder):
    expected = 1 / (1 + math.exp(-logits(scalar_folder, "the staff was rude")[0]))
    assert Toxicity(model=scalar_folder)([""], ["the staff was rude"]) == [pytest.approx(expected, abs=1e-5)]


def test_what_cannot_be_made_out_is_named(toxic_folder):
    with pytest.raises(ModelError, match=r"no single class that is toxic by its name. Its classes: good, bad, ugly"):
        Toxicity(model=toxic_folder("good", "bad", "ugly"))([""], ["a"])
    with pytest.raises(ModelError, match="no single class that is toxic"):
        Toxicity(model=toxic_folder("hate", "offensive", "neither"))([""], ["a"])
    with pytest.raises(ModelError, match=r"no class 'toxik'.*Did you mean 'toxic'"):
        Toxicity(model=toxic_folder("toxic", "fine", "odd"), label="toxik")([""], ["a"])
    with pytest.raises(RewardError, match=r"toxicity\(label=…\) chooses a class of model=…, which is not given"):
        Toxicity(label="toxic")
