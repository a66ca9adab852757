"""Names, and everything that `make` takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from textgym import rewards
from textgym.errors import OptionError, RewardError
from textgym.rewards import Dense, Reward, registry
from textgym.rewards.form import Length
from textgym.rewards.reward_model import RewardModel


class Vowels(Reward):
    """Number of vowels."""

    name, range = "vowels", (0.0, float("inf"))

    def compute(self, prompts, completions, **columns):
        return [sum(map(text.count, "aeiou")) for text in completions]


@pytest.fixture
def _registry(monkeypatch):
    monkeypatch.setattr(registry, "_CLASSES", dict(registry._CLASSES))


def test_names_are_sorted_and_complete():
    assert rewards.names() == sorted(rewards.names())
    promised = "bleu chrf distinct_n exact_match fluency length repetition rouge_l sentiment similarity token_f1 vader"
    assert set(promised.split()) <= set(rewards.names())


@pytest.mark.parametrize("name", rewards.names())
def test_every_name_makes_a_reward_of_that_name(name):
    reward = rewards.make(name)
    assert isinstance(reward, Reward)
    assert reward.name == repr(reward) == name
    assert type(reward).__doc__


def test_make_takes_names_with_options_classes_and_rewards():
    assert rewards.make("length", target=3) == rewards.make(Length, target=3) == Length(3)
    reward = Length(3).normalize()
    assert rewards.make(reward) is reward


@pytest.mark.usefixtures("_registry")
def test_a_registered_class_is_part_of_the_language():
    rewards.register("vowels", Vowels)
    rewards.register("vowels", Vowels)
    assert "vowels" in rewards.names()
    assert rewards.make("2 * vowels")([""], ["banana"]) == [6.0]
    with pytest.raises(RewardError, match="is taken by"):
        rewards.register("vowels", Length)
    for name in ("dense", "two words", "a.b", ""):
        with pytest.raises(RewardError, match="give an identifier"):
            rewards.register(name, Vowels)


@pytest.mark.usefixtures("_registry")
def test_a_class_may_be_registered_by_its_path():
    rewards.register("vowels", f"{__name__}:Vowels")
    assert type(rewards.make("vowels")) is Vowels


def test_folders(classifier_folder, tmp_path):
    for folder in (classifier_folder, Path(classifier_folder)):
        assert rewards.make(folder) == RewardModel(model=classifier_folder)
    assert rewards.make(classifier_folder, device="cpu").device == "cpu"
    for folder in (tmp_path, str(tmp_path), "runs/nothing", "./nothing", "~/nothing"):
        with pytest.raises(RewardError, match=r"no Hugging Face model in .* holds no config"):
            rewards.make(folder)


@pytest.mark.parametrize(
    ("spec", "options", "error", "said"),
    [
        ("lenght", {}, RewardError, "Did you mean 'length'"),
        ("length", {"targt": 3}, OptionError, "Did you mean 'target'"),
        ("length + vader", {"target": 3}, OptionError, "already made"),
        (Length(), {"target": 3}, OptionError, "already made"),
        (None, {}, RewardError, r"Actual value: None \(NoneType\)"),
        (0.5, {}, RewardError, r"Actual value: 0.5 \(float\)"),
        (["length"], {}, RewardError, "A reward is a name"),
    ],
)
def test_what_makes_no_reward(spec, options, error, said):
    with pytest.raises(error, match=said):
        rewards.make(spec, **options)


def test_importing_and_making_rewards_is_light():
    heavy = ("torch", "transformers", "sacrebleu", "wordfreq", "vaderSentiment", "tokenizers")
    program = (
        "import sys; from textgym import rewards; [rewards.make(name) for name in rewards.names()]; "
        "rewards.make('0.5*sentiment.gate(distinct_n)').range; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_dense_is_a_form_and_no_name():
    assert isinstance(rewards.make("dense(length)"), Dense)
    assert "dense" not in rewards.names()
