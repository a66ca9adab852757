"""Syllables, rhyme and metre, on verse that was scanned by hand."""

from __future__ import annotations

import pytest

from textgym.errors import RewardError
from textgym.rewards import poetry
from textgym.rewards.poetry import Metre, Rhyme, Syllables

REWARDS = [Syllables(), Rhyme(), Metre()]


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("cat", 1),
        ("water", 2),
        ("literally", 4),
        ("isn’t", 2),
        # not in the dictionary, so counted by their letters
        ("blorf", 1),
        ("snorkite", 2),
        ("wugable", 3),
        ("zorbee", 2),
        ("grmpf", 1),
    ],
)
def test_syllables_of_words(word, count):
    assert poetry.syllables(word) == count


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("an old silent pond\na frog jumps into the pond\nsplash silence again", 1.0),
        ("an old silent pond\n\n  a frog jumps into the pond  \nsplash silence again.\n", 1.0),  # space is no line
        ("an old silent pond\na frog jumps into the pond", 2 / 3),  # a line is missing
        ("an old silent pond\na frog jumps into the pond\nsplash silence again\nend", 3 / 4),  # one too many
        ("an old silent\na frog jumps into the pond\nsplash silence again", (4 / 5 + 2) / 3),
        ("one two three four five six seven eight nine ten eleven\n", 0.0),  # 5 wanted, more than 10 there
        ("...", 0.0),
        ("", 0.0),
    ],
)
def test_a_haiku_has_five_seven_five(completion, expected):
    assert Syllables()([""], [completion]) == [pytest.approx(expected)]


def test_other_patterns():
    assert Syllables(pattern=[2, 4])([""], ["a cat\nis in the tree"]) == [1.0]
    assert hash(Syllables(pattern=[2, 4])) == hash(Syllables(pattern=(2, 4)))


@pytest.mark.parametrize(
    ("first", "second", "rhyme"),
    [
        ("cat", "hat", True),
        ("day", "weigh", True),  # by sound, not by spelling
        ("cough", "though", False),
        ("relation", "station", True),
        ("mother", "brother", True),
        ("mother", "weather", False),  # the stressed vowels differ
        ("cat", "cat", False),  # a word does not rhyme with itself
        ("read", "bed", True),  # in one of its pronunciations
        ("read", "seed", True),  # in the other
        ("blorf", "snorf", False),  # not in the dictionary
        ("eight", "late", True),
    ],
)
def test_rhymes_of_words(first, second, rhyme):
    assert poetry.rhymes(first, second) == poetry.rhymes(second, first) == rhyme


@pytest.mark.parametrize(
    ("scheme", "ends", "expected"),
    [
        ("AABB", "cat hat day play", 1.0),
        ("AABB", "cat hat day tree", 0.5),
        ("AABB", "cat cat day day", 0.0),
        ("ABAB", "cat day hat play", 1.0),
        ("ABAB", "cat hat day play", 0.0),
        ("ABCB", "cat day tree play", 1.0),
        ("AAA", "cat hat day", 1 / 3),  # three pairs, one rhymes
        ("AABB", "cat hat day play night light low go", 1.0),  # two stanzas
        ("AABB", "cat hat day play night light", 3 / 4),  # the second breaks off
        ("AABB", "cat", 0.0),
        ("AABB", "", 0.0),
    ],
)
def test_the_share_of_rhyming_pairs(scheme, ends, expected):
    poem = "\n".join(f"some words and {end}," for end in ends.split())
    assert Rhyme(scheme=scheme)([""], [poem]) == [pytest.approx(expected)]


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        ("01", "above the water", 1.0),
        ("10", "above the water", 1 / 5),  # only "the" may stand anywhere
        ("10", "water under bridges", 1.0),
        ("100", "beautiful animal", 1.0),
        ("01", "water under bridges", 0.0),
        ("01", "above blorf", 2 / 3),  # a word that is not in the dictionary fits nowhere
        ("01", "a cat and a dog", 1.0),
        ("01", "the record", 1.0),  # the verb and the noun are stressed differently; one of them fits
        ("10", "the record", 1.0),
        ("01", "above the water\nabove the water", 1.0),  # each line begins anew
        ("01", "", 0.0),
    ],
)
def test_the_share_of_stresses_that_fit(pattern, line, expected):
    assert Metre(pattern=pattern)([""], [line]) == [pytest.approx(expected)]


@pytest.mark.parametrize("reward", REWARDS, ids=lambda reward: reward.name)
def test_the_examples_score_high_and_silence_low(reward):
    examples = reward.examples
    prompts = list(examples.prompts)
    assert min(reward(prompts, list(examples.completions))) > 0.95
    assert reward([""] * 3, ["", " \n", "?!"]) == [0.0] * 3


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (Syllables, {"pattern": ()}),
        (Syllables, {"pattern": (5, 0)}),
        (Syllables, {"pattern": 5.5}),
        (Syllables, {"pattern": "575"}),
        (Rhyme, {"scheme": "ABCD"}),
        (Rhyme, {"scheme": ""}),
        (Rhyme, {"scheme": 3}),
        (Metre, {"pattern": "iambic"}),
        (Metre, {"pattern": ""}),
        (Metre, {"pattern": 1}),
    ],
)
def test_options_that_they_cannot_take(cls, options):
    ((option, value),) = options.items()
    with pytest.raises(RewardError, match=rf"{cls.name}\({option}=…\) takes .*Actual value: ") as error:
        cls(**options)
    assert repr(value) in str(error.value)
