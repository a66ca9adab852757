"""TextGen-Poetry: lines of our own that scan and rhyme by the dictionary, and a reward that wants all of it."""

from __future__ import annotations

from itertools import pairwise

import gymnasium as gym
import pytest

import textgym
from textgym.data import SPLITS
from textgym.envs_registry import poetry
from textgym.envs_registry.material.poetry_bank import SETTINGS, SUBJECTS
from textgym.rewards.form import words
from textgym.rewards.poetry import _phones, rhymes, syllables

ID = "TextGen-Poetry-v0"

PATTERNS = [({}, (8, 8)), ({"syllables": 6}, (6, 6)), ({"syllables": 10}, (10, 10)), ({"form": "haiku"}, (5, 7, 5))]


def task_of(**options):
    return gym.make(ID, **options).unwrapped.task


def score(task, row, text):
    return task.reward.score([row.prompt], [text], keywords=[row.columns["keywords"]]).total[0]


def count(text):
    return sum(map(syllables, words(text)))


def test_every_word_of_the_bank_is_in_the_dictionary():
    texts = [f"{subject.noun} {' '.join(subject.doings)} {' '.join(subject.looks)}" for subject in SUBJECTS]
    for setting in SETTINGS:
        texts += [setting.phrase, *setting.three, *setting.five]
        texts += [text for pair in setting.two + setting.four for text in pair]
    assert not {word for text in texts for word in words(text) if not _phones(word)}


def test_every_piece_has_its_syllables():
    for subject in SUBJECTS:
        for doing in subject.doings:
            assert count(f"the {subject.noun} {doing}") == 4, (subject.noun, doing)
        for look in subject.looks:
            assert count(look) == 2, look
    for setting in SETTINGS:
        for size, pairs in ((2, setting.two), (4, setting.four)):
            for pair in pairs:
                assert [count(text) for text in pair] == [size, size], pair
                assert rhymes(*(words(text)[-1] for text in pair)), pair
        assert {count(text) for text in setting.three} == {3}
        assert {count(text) for text in setting.five} == {5}
    assert {count(text) for text in poetry.JOINING} == {2}


@pytest.mark.parametrize(("options", "pattern"), PATTERNS)
def test_references_scan_and_rhyme_and_say_what_was_asked(options, pattern):
    task = task_of(**options)
    scores = []
    for row in task.rows["train"][:150]:
        for poem in row.references:
            lines = poem.strip().split("\n")
            assert tuple(map(count, lines)) == pattern
            if len(lines) == 2:
                assert rhymes(*(words(line)[-1] for line in lines))
            assert set(row.columns["keywords"]) <= set(words(poem))
            assert poetry.fresh_lines([row.prompt], [poem]) == [1.0]
            assert len(task.tokenizer.encode(poem)) < task.max_new_tokens
        scores.append(score(task, row, row.references[0]))
        assert len(task.encode_prompt(row.prompt)) <= task.max_prompt_tokens
    assert sum(scores) / len(scores) > 0.97


def test_tricks_do_not_pay():
    task = task_of(split="test")
    for row in task.rows["test"][:60]:
        first, second = row.references[0].strip().split("\n")
        good = score(task, row, row.references[0])
        assert score(task, row, f"\n{first}\n{first}") == 0.0  # the same line twice
        same_word = " ".join([*second.split()[:-1], words(first)[-1]])
        assert score(task, row, f"\n{first}\n{same_word}") < 0.45 * good
        assert score(task, row, f"\n{first}") < 0.3 * good
        assert score(task, row, " ".join(row.columns["keywords"])) < 0.15
        assert score(task, row, f" {row.prompt}") < 0.1
        assert score(task, row, f" {row.columns['keywords'][0]}" * 14) < 0.05
        assert score(task, row, row.references[0] + row.references[1]) <= 0.5  # two lines too many
        assert score(task, row, "") == 0.0


def test_a_poem_on_another_theme_earns_less():
    task = task_of(split="test")
    rows = task.rows["test"][:40]
    pairs = [(row, other) for row, other in pairwise(rows) if poetry.key(row) != poetry.key(other)]
    strange = [score(task, row, other.references[0]) for row, other in pairs]
    assert sum(strange) / len(strange) < 0.45


def test_splits_share_no_pair_of_subjects():
    pairs = {split: {poetry.key(row) for row in task_of(split=split).rows[split][:500]} for split in SPLITS}
    assert not pairs["train"] & pairs["test"]
    assert not pairs["train"] & pairs["validation"]
    assert not pairs["validation"] & pairs["test"]


def test_longest_poem_fits():
    """Pieces are tokenized apart at spaces, so the longest poem is that of the longest pieces."""
    task = task_of()

    def most(texts):
        return max(len(task.tokenizer.encode(text)) for text in texts)

    subject = most(f" {look} {s.noun} {doing}" for s in SUBJECTS for look in s.looks for doing in s.doings)
    ends = max(sum(most([f" {text}"]) for text in pair) for setting in SETTINGS for pair in setting.four)
    assert most(["\nThe,\nthe."]) + 2 * subject + ends + 1 <= task.max_new_tokens
    nouns = most(f" {s.noun}" for s in SUBJECTS)
    settings = most(f" {setting.phrase}" for setting in SETTINGS)
    assert 1 + most(["Write a couplet about the and the:"]) + 2 * nouns + settings <= task.max_prompt_tokens


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "haikus"}, "no form 'haikus' of a poem. Did you mean 'haiku'"),
        ({"form": 2}, "no form 2"),
        ({"syllables": 7}, "6, 8 or 10 syllables. Actual value: 7"),
        ({"syllables": 12}, "syllables is a whole number from 6 to 10. Actual value: 12"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(textgym.errors.OptionError, match=message):
        gym.make(ID, **options)
