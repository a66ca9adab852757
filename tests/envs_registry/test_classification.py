"""TextGen-Classification: what the labels mean, what is held out, and what cannot be had for nothing."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import gymnasium as gym
import pytest

import textgym
from textgym.data import SPLITS
from textgym.envs_registry import classification
from textgym.envs_registry.classification import LABELS, SPLIT_OF, label_named
from textgym.envs_registry.material import classification_words
from textgym.tasks import Task
from textgym.tokenizers import load

ID = "TextGen-Classification-v0"
OPTIONS = [{"labels": labels, "level": level} for labels in LABELS for level in (1, 2, 3)]
SENTIMENT = (classification_words.WORDS, classification_words.DEEDS)
TOPIC = (classification_words.NOUNS, classification_words.REMARKS)


def make(**options: Any) -> Task:
    return gym.make(ID, **options).unwrapped.task  # type: ignore[attr-defined]


def carriers(kinds: tuple[dict[str, tuple[str, ...]], ...]) -> list[str]:
    return [word for kind in kinds for words in kind.values() for word in words]


def within(words: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE) is not None


@pytest.mark.parametrize(
    ("kinds", "around"),
    [
        (
            SENTIMENT,
            [
                *classification_words.THINGS,
                *classification_words.CONTEXTS,
                *classification_words.PLAIN,
                *classification_words.DONE,
                *classification_words.REVERSED,
                *classification_words.CONTRASTED,
                *classification_words.REPORTED,
            ],
        ),
        (
            TOPIC,
            [
                *classification_words.CONTEXTS,
                *classification_words.VERDICTS,
                *classification_words.ABOUT,
                *classification_words.ASIDE,
                *classification_words.OPENINGS,
            ],
        ),
    ],
)
def test_what_carries_a_label_is_nowhere_else(kinds: Any, around: list[str]) -> None:
    words = carriers(kinds)
    assert len(set(words)) == len(words)
    assert not [(word, text) for word in words for text in around if within(word, text)]
    assert not [(word, other) for word in words for other in words if word != other and within(word, other)]


@pytest.mark.parametrize("options", OPTIONS)
def test_held_out_words_are_in_no_training_line(options: dict[str, Any]) -> None:
    task = make(**options)
    seen = " | ".join(row.prompt.rpartition("\n")[0] for row in task.rows["train"][:4000])
    words = carriers(SENTIMENT if options["labels"] == "sentiment" else TOPIC)
    assert not [word for word in words if SPLIT_OF[word] != "train" and within(word, seen)]
    for split in SPLITS:
        rows = task.rows[split][:500]
        assert {SPLIT_OF[row.columns["held_out"]] for row in rows} == {split}
        assert all(within(row.columns["held_out"], row.prompt) for row in rows)


@pytest.mark.parametrize("options", OPTIONS)
def test_labels_are_all_there_and_equally_often(options: dict[str, Any]) -> None:
    task = make(**options)
    for split in SPLITS:
        counts = Counter(row.references[0].strip() for row in task.rows[split][:512])
        assert set(counts) == set(LABELS[options["labels"]])
        assert max(counts.values()) < 2.2 * min(counts.values())


@pytest.mark.parametrize("options", OPTIONS)
def test_lines_are_good_english(options: dict[str, Any]) -> None:
    for row in make(**options).rows["train"][:1000]:
        line = row.prompt.rpartition("\n")[0]
        assert line[0].isupper()
        assert line[-1] in ".!?"
        assert not re.search(r"[{}]|\s\s|\b[Aa] [aeio]|\b[Aa]n [^aeiouh]", line), line


def test_labels_are_those_of_the_words() -> None:
    label_of = {word: label for kind in SENTIMENT for label, words in kind.items() for word in words}
    topic_of = {word: label for kind in TOPIC for label, words in kind.items() for word in words}
    for level in (1, 2):
        for row in make(level=level).rows["train"][:500]:
            assert row.references == (" " + label_of[row.columns["held_out"]],)
    for level in (1, 2, 3):
        for row in make(labels="topic", level=level).rows["train"][:500]:
            assert row.references == (" " + topic_of[row.columns["held_out"]],)


def test_a_turn_changes_the_label() -> None:
    """At the highest level the first words are misleading: by the frame, the label is what the author means."""
    label_of = {word: label for label, words in classification_words.WORDS.items() for word in words}
    labels: dict[str, set[tuple[str, str]]] = {"REVERSED": set(), "CONTRASTED": set(), "REPORTED": set()}
    for row in make(level=3).rows["train"][:2000]:
        for name, seen in labels.items():
            for frame in getattr(classification_words, name):
                pattern = re.escape(frame).replace(r"\{thing\}", f"(?:{'|'.join(classification_words.THINGS)})")
                pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^.]+)", pattern)
                if found := re.search(pattern, row.prompt):
                    word = found.groupdict().get("other") or found["word"]
                    seen.add((label_of[word], row.references[0].strip()))
    opposite = {("positive", "negative"), ("negative", "positive")}
    assert labels["REVERSED"] == labels["CONTRASTED"] == opposite
    assert labels["REPORTED"] == {("positive", "neutral"), ("negative", "neutral")}


@pytest.mark.parametrize("labels", list(LABELS))
def test_the_longest_line_fits(labels: str) -> None:
    """Words are tokens of their own, so that the longest line is the longest of each part."""
    tokenizer = load("tiny")

    def tokens(text: str) -> int:
        return len(tokenizer.encode(text))

    def longest(texts: Any) -> str:
        return max(texts, key=lambda text: tokens(" " + text))

    numbers = {"number": "77777", "year": "1999"}
    words = {
        "thing": longest(classification_words.THINGS),
        "word": longest(carriers((classification_words.WORDS,))),
        "other": longest(carriers((classification_words.WORDS, classification_words.NOUNS))),
        "deed": longest(carriers((classification_words.DEEDS,))),
        "noun": longest(carriers((classification_words.NOUNS,))),
        "verdict": longest(text.format(**numbers) for text in classification_words.VERDICTS),
    }
    kinds = {"sentiment": ("PLAIN", "DONE", "REVERSED", "CONTRASTED", "REPORTED"), "topic": ("ABOUT", "ASIDE")}[labels]
    lines = [frame.format(**words, **numbers) for kind in kinds for frame in getattr(classification_words, kind)]
    if labels == "topic":
        lines.append(f"{longest(classification_words.OPENINGS)} {longest(carriers((classification_words.REMARKS,)))}")
    context = longest(text.format(**numbers) for text in classification_words.CONTEXTS)
    ending = classification.question(labels, LABELS[labels])
    task = make(labels=labels)
    assert 1 + tokens(f" {context} {longest(lines)}{ending}") <= task.max_prompt_tokens <= 96
    assert max(tokens(" " + label) for label in LABELS[labels]) + 1 <= task.max_new_tokens


def test_what_answers_earn() -> None:
    report = {
        answer: textgym.evaluate(lambda prompt, answer=answer: answer, ID, episodes=512)
        for answer in (" positive", " positive negative neutral", " Neutral.", " It is negative", "")
    }
    assert 0.25 < report[" positive"].mean < 0.42
    assert 0.1 < report[" positive"].metrics["label_f1"].mean < 0.25  # macro: two labels are never found
    assert 0.25 < report[" Neutral."].mean < 0.42
    assert report[" positive negative neutral"].mean == report[" It is negative"].mean == report[""].mean == 0
    assert report[" positive negative neutral"].metrics["label_named"].mean > 0.6  # it is cut short
    assert 0.25 < report[" It is negative"].metrics["label_named"].mean < 0.42


def test_label_named() -> None:
    texts = ["positive", "It's Positive!", "positively", "negative", "", '"positive"']
    assert label_named([""] * 6, texts, [[" positive"]] * 6) == [1, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": "topics"}, r"labels is one of sentiment, topic. Did you mean 'topic'\? Actual value: 'topics'"),
        ({"labels": ["topic"]}, "labels is one of"),
        ({"level": 4}, "level is a whole number from 1 to 3. Actual value: 4"),
        ({"data": "imbd"}, r"no data set 'imbd'. Did you mean 'imdb'\? It knows imdb, yelp, ag_news"),
        ({"data_path": "/data"}, "name it too"),
    ],
)
def test_bad_options_say_what_and_how(options: dict[str, Any], message: str) -> None:
    with pytest.raises(textgym.errors.OptionError, match=message):
        gym.make(ID, **options)


@pytest.mark.parametrize(
    ("name", "labels", "answers"),
    [
        ("imdb", ["neg", "pos"], (" negative", " positive")),
        ("yelp", ["1", "2"], (" negative", " positive")),
        ("ag_news", ["World", "Sports", "Business", "Sci/Tech"], (" world", " sports", " business", " science")),
    ],
)
def test_public_sets(name: str, labels: list[str], answers: tuple[str, ...], tmp_path: Any) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=labels)})

    def part(size: int, start: int) -> Any:
        records = [
            {"text": f"Number {i}.<br /><br />It was" + " a long evening" * (i * 20) + ".", "label": i % len(labels)}
            for i in range(start, start + size)
        ]
        return datasets.Dataset.from_list(records, features=features)

    datasets.DatasetDict(train=part(40, 0), test=part(8, 40)).save_to_disk(tmp_path / "set")
    env = gym.make(ID, data=name, data_path=str(tmp_path / "set"), split="test")
    task: Task = env.unwrapped.task  # type: ignore[attr-defined]
    assert {task[i].references[0] for i in range(len(task))} == set(answers)
    assert task[0].prompt.endswith(f"{answers[-2].strip()} or {answers[-1].strip()}):")
    for i in range(len(task)):
        obs, info = env.reset(options={"prompt_index": i})
        assert "<br" not in info["prompt"]
        assert obs["prompt_length"][0] <= task.max_prompt_tokens
        assert task.reward.score([info["prompt"]], [info["references"][0]], references=[info["references"]]).total == [
            1
        ]
