"""Translation: every language writes the same content its own way, within its budget."""

from __future__ import annotations

import re
from itertools import permutations
from pathlib import Path
from string import Formatter
from typing import Any

import datasets
import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.envs_registry import translation
from textgym.envs_registry.material import translation_sentences, translation_tables
from textgym.envs_registry.material.translation_sentences import FRAMES, WORDS
from textgym.envs_registry.prose import Dice
from textgym.envs_registry.translation import LANGUAGES, NEW_TOKENS, PROMPT_TOKENS
from textgym.errors import OptionError
from textgym.tasks import Task
from textgym.tokenizers import load

ID = "TextGen-Translation-v0"
DRAWN = 400


def make(**options: Any) -> Task:
    return gym.make(ID, **options).unwrapped.task  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("language", "form", "content", "expected"),
    [
        ("en", "day", 60, "March 1"),
        ("de", "day", 60, "1. März"),
        ("fr", "day", 60, "1er mars"),
        ("fr", "day", 59, "29 février"),
        ("zh", "day", 60, "3月1日"),
        ("en", "birthday", 730_000, "September 3, 1999"),
        ("de", "birthday", 730_000, "3. September 1999"),
        ("zh", "birthday", 730_000, "1999年9月3日"),
        ("de", "today.weekday", 730_000, "Freitag"),
        ("zh", "weekday", 6, "星期日"),
        ("en", "time", 0, "6 AM"),
        ("en", "time", 49, "12:10 PM"),
        ("de", "time", 49, "12:10 Uhr"),
        ("fr", "time", 48, "12 h"),
        ("zh", "time", 48, "中午12点"),
        ("zh", "time", 100, "晚上6点30分"),
        ("de", "distance", 1_250, "1.250"),
        ("fr", "distance", 1_250, "1\u202f250"),
        ("fr", "weight", 25, "2,5"),
        ("zh", "weight", 30, "3"),
        ("fr", "country.in", "JP", "au Japon"),
        ("fr", "country.in", "FR", "en France"),
        ("fr", "country.in", "EC", "en Équateur"),
        ("fr", "country.from", "NP", "du Népal"),
        ("fr", "country.from", "HU", "de Hongrie"),
        ("fr", "country.from", "IT", "d'Italie"),
        ("fr", "tongue.the", "hu", "le hongrois"),
        ("fr", "tongue.the", "ar", "l'arabe"),
        ("de", "money", "JPY", "japanische Yen"),
        ("de", "money", "CHF", "Schweizer Franken"),
        ("de", "money", "EUR", "Euro"),
        ("fr", "city", "Europe/London", "Londres"),
    ],
)
def test_forms(language: str, form: str, content: Any, expected: str) -> None:
    for codes in ("COUNTRIES", "TONGUES", "MONEY", "CITIES"):
        found = getattr(translation_tables, codes)
        content = found.index(content) if content in found else content
    assert translation_tables.forms(language)[form](content) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_whole(language: str) -> None:
    """A capital first, one full stop, no slot left, no space too many; elisions where French has them."""
    pair = (language, "en" if language != "en" else "de")
    for row in make(source=pair[0], target=pair[1]).rows["train"][:2_000]:
        text = row.prompt.partition(": ")[2].partition("\n")[0]
        assert not re.search(r"[{}]|  |\.\.|\s[.,]", text), text
        assert text.endswith("。" if language == "zh" else "."), text
        if language != "zh":
            assert text[0].isupper(), text
        else:
            assert not re.search(r"[ ;!?]", text), text
        if language == "fr":
            assert not re.search(r"\b(de|le|la|du) [aeéiouyAEÉIOU]", text.replace("le un", "")), text


def test_words_stand_in_the_same_place_in_all_lists() -> None:
    for kind, forms in WORDS.items():
        assert {form[:2] for form in forms} == set(LANGUAGES), kind
        assert len({len(words) for words in forms.values()}) == 1, kind
    for frame in FRAMES:
        kinds = {
            language: {slot.partition(".")[0] for _, slot, _, _ in Formatter().parse(text) if slot}
            for language, text in frame._asdict().items()
        }
        assert len(set(map(frozenset, kinds.values()))) == 1, frame.en
    assert len({frame.en for frame in FRAMES}) == len(FRAMES)
    assert translation_sentences.LANGUAGES.keys() == PROMPT_TOKENS.keys() == NEW_TOKENS.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_longest_sentences_fit_their_budgets(language: str) -> None:
    """Each pattern with the longest of many fillings of each slot."""
    tokenizer = load("tiny")
    forms = translation_tables.forms(language)
    dice = Dice(np.random.default_rng(0))
    longest: dict[str, str] = {}
    for slot, write in forms.items():
        if slot.partition(".")[0] in translation_tables.DRAWS:
            drawn = (translation_tables.DRAWS[slot.partition(".")[0]](dice) for _ in range(4 * DRAWN))
            texts = sorted({write(content) for content in drawn}, key=lambda text: len(text.encode()))[-DRAWN:]
            longest[slot] = max(texts, key=lambda text: len(tokenizer.encode(f" {text}")))
    head, tail = f"{LANGUAGES[language]}: ", f"\n{max(LANGUAGES.values(), key=len)}:"
    for frame in FRAMES:
        parts = Formatter().parse(getattr(frame, language))
        text = "".join(before + (longest[slot] if slot else "") for before, slot, _, _ in parts)
        assert 1 + len(tokenizer.encode(head + text + tail)) <= PROMPT_TOKENS[language], text
        assert len(tokenizer.encode(f" {text}")) + 1 <= NEW_TOKENS[language], text


@pytest.mark.parametrize(("source", "target"), list(permutations(LANGUAGES, 2)))
def test_every_pair_is_played(source: str, target: str) -> None:
    task = make(source=source, target=target, split="validation")
    answers = {task[i].prompt: task[i].references[0] for i in range(256)}
    report = textgym.evaluate(answers.__getitem__, ID, source=source, target=target, split="validation", episodes=16)
    assert report.mean == 1.0
    assert report.metrics["exact_match"].mean == report.metrics["success"].mean == 1.0
    assert ("ter" in report.metrics) == (target != "zh")


def test_content_of_the_test_is_new() -> None:
    """Whatever the direction: a sentence of the test does not say what a training sentence says."""
    train = {row.columns["content"] for row in make().rows["train"][:5_000]}
    other = {row.columns["content"] for row in make(source="fr", target="zh").rows["train"][:5_000]}
    test = {row.columns["content"] for row in make(source="de", target="en").rows["test"]}
    assert len(train) > 4_000
    assert not (train | other) & test


def test_copies_and_babble_earn_little() -> None:
    task = make()
    rows = [task[i] for i in range(64)]
    prompts, references = [row.prompt for row in rows], [list(row.references) for row in rows]

    def mean(texts: list[str]) -> float:
        return float(task.reward.score(prompts, texts, references=references).total.mean())

    assert mean([prompt.partition(": ")[2].partition("\n")[0] for prompt in prompts]) < 0.4
    assert mean([""] * 64) == mean([" the" * 30] * 64) == 0.0
    assert mean([refs[0].replace(" ", "") for refs in references]) == pytest.approx(1.0)  # chrF passes over spaces


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "English"}, "source knows no language 'English'.*The languages are en, de, fr, zh"),
        ({"target": 3}, "target knows no language 3"),
        ({"target": "en"}, "must be different languages. Actual value of both: 'en'"),
        ({"data": "wmt14"}, "no data set 'wmt14'. Did you mean 'wmt16'"),
        ({"data": "wmt16", "target": "fr"}, "no data set 'wmt16'.* It knows iwslt2017"),
        ({"data": "iwslt2017", "source": "de", "target": "fr"}, "It knows none"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        gym.make(ID, **options)


@pytest.mark.parametrize(("name", "source"), [("wmt16", "en"), ("wmt16", "de"), ("iwslt2017", "en")])
def test_public_sentences_are_played(name: str, source: str, tmp_path: Path) -> None:
    target = "de" if source == "en" else "en"
    features = datasets.Features({"translation": datasets.Translation(languages=[source, target])})
    texts = {"en": "Good morning, \n ladies and gentlemen.", "de": "Guten Morgen, meine Damen und Herren."}
    part = datasets.Dataset.from_list([{"translation": texts}] * 3, features=features)
    datasets.DatasetDict(dict.fromkeys(("train", "validation", "test"), part)).save_to_disk(tmp_path / name)
    env = gym.make(ID, source=source, target=target, data=name, data_path=str(tmp_path / name))
    row = env.unwrapped.task[0]  # type: ignore[attr-defined]
    here, there = ("Good morning, ladies and gentlemen.", texts["de"])
    here, there = (here, there) if source == "en" else (there, here)
    assert (row.prompt, row.references) == (
        f"{LANGUAGES[source]}: {here}\n{LANGUAGES[target]}:",
        (f" {there}",),
    )
    _, info = env.reset(seed=0)
    assert info["references"] == [f" {there}"]


def test_where_public_data_lies() -> None:
    talks = translation.public_data("zh", "en")["iwslt2017"]
    assert (talks.name, talks.revision) == ("iwslt2017-zh-en", "refs/convert/parquet")
    assert translation.public_data("de", "en")["wmt16"].name == "de-en"
