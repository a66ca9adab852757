"""TextGen-Poetry: write a couplet or a haiku on a theme.

**Asked**: the prompt names two subjects and a setting, such as ``Write a couplet about the river and the lantern at
night:``. The answer is two lines of 8 syllables each that rhyme, or with ``form="haiku"`` three lines of 5, 7 and 5.

**Data**: generated from 99 subjects and 12 settings; endless in training, 256 prompts for validation and 512 for the
test. The split hangs on the pair of subjects: no two of the test stand together in training, in whatever order and
setting, while each of them does. The three references of a row are lines of our own, put together from halves whose
syllables and rhymes are those of the dictionary.

**Reward**: in [0, 1], the product of four: ``syllables`` of the lines; for couplets ``0.3 + 0.7·rhyme``, by the CMU
Pronouncing Dictionary, in which no word rhymes with itself; for the theme ``0.1 + 0.6·keyword_coverage`` of the two
subjects ``+ 0.3·similarity`` to the prompt, full from a cosine of 0.2 on; and `fresh_lines`, 0 where a line comes
twice, and less where words do. A line that is missing, too long or too short costs as `syllables` tells.

**Ending**: EOS, or 44 tokens; an empty first line does not matter.

**Options**: ``form`` (``"couplet"`` or ``"haiku"``), ``syllables`` (of each line of a couplet: 6, 8 or 10),
``data_seed``.

**What the reward misses**: sense and grammar, above all: any words will do, as long as the lines have their length, two
of them rhyme and the subjects are named. Where the stresses fall is a metric, ``metre``, and so is the perplexity of a
language model. A word may rhyme with a longer one that ends in it (``light`` and ``moonlight``).
"""

from __future__ import annotations

import numpy as np

from textgym.data import Row
from textgym.errors import OptionError, suggest
from textgym.registry import EnvEntry
from textgym.rewards import Reward, make
from textgym.rewards.form import words
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material.choices import Choices
from .material.inflection import article
from .material.poetry_bank import SETTINGS, SUBJECTS, Setting, Subject
from .prose import Dice, source

ENTRY = EnvEntry(
    id="TextGen-Poetry-v0",
    task="textgym.envs_registry.poetry:task",
    summary="Write a couplet or a haiku on a theme.",
    tags=("core", "generated", "creative", "poetry", "constrained"),
)

FORMS = ("couplet", "haiku")

LINES = (6, 8, 10)
"""Syllables that the lines of a couplet may have."""

HAIKU = (5, 7, 5)

VERSIONS = 3
"""References of a row."""

VARIED = 0.6
"""Share of different words from which on a poem counts as varied; the least varied of the references has more."""

JOINING = ("and the", "while the", "where the", "still the", "then the")
"""Starts of the last line of a haiku, in 2 syllables."""


def task(form: str = "couplet", syllables: int = 8, data_seed: int = 0) -> Task:
    """Returns the task; the options are on the page above."""
    if not isinstance(form, str) or form not in FORMS:
        raise OptionError(
            f"There is no form {form!r} of a poem.{suggest(form, FORMS)} The forms are couplet and haiku."
        )
    check_whole("syllables", syllables, min(LINES), max(LINES))
    if syllables not in LINES:
        raise OptionError(f"The lines of a couplet have 6, 8 or 10 syllables. Actual value: {syllables}.")

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        first, second = dice.sample(SUBJECTS, 2)
        return row(form, syllables, first, second, dice.choice(SETTINGS))

    return Task(
        name="Poetry",
        **source(draw, max_prompt_tokens=28, max_new_tokens=44, data_seed=data_seed, key=key)._asdict(),
        tokenizer=load("tiny"),
        reward=_reward(form, syllables),
        metrics={
            "metre": make("metre"),
            "perplexity": make("perplexity"),
            "english_words": make("english_words"),
        },
        gold="metre",
    )


def _reward(form: str, syllables: int) -> Reward:
    theme = make("0.1 + 0.6*keyword_coverage + 1.5*similarity(against='prompt').clip(0, 0.2)")
    fresh = make(fresh_lines, range=(0.0, 1.0))
    if form == "haiku":
        return make("syllables", pattern=HAIKU) * theme * fresh
    return make("syllables", pattern=(syllables, syllables)) * make("0.3 + 0.7*rhyme(scheme='AA')") * theme * fresh


def key(row: Row) -> str:
    """Returns the two subjects, whatever their order."""
    return " ".join(sorted(row.columns["keywords"]))


def row(form: str, syllables: int, first: Subject, second: Subject, setting: Setting) -> Row:
    """Returns the row that asks for a poem, with several as its references."""
    prompt = f"Write a {form} about the {first.noun} and the {second.noun} {setting.phrase}:"
    choices = Choices(prompt)
    if form == "haiku":
        poems = tuple(_haiku(choices, first, second, setting) for _ in range(VERSIONS))
    else:
        poems = tuple(_couplet(choices, syllables, first, second, setting) for _ in range(VERSIONS))
    return Row(prompt, poems, {"keywords": (first.noun, second.noun)})


def _couplet(choices: Choices, syllables: int, first: Subject, second: Subject, setting: Setting) -> str:
    one, other = choices.choice(setting.two if syllables == min(LINES) else setting.four)
    if choices.below(2):
        one, other = other, one
    names = [first.noun, second.noun]
    if syllables == max(LINES):
        names = [f"{choices.choice(subject.looks)} {subject.noun}" for subject in (first, second)]
    start = ("The", "One", article(names[0]).capitalize())[choices.below(3)]
    return (
        f"\n{start} {names[0]} {choices.choice(first.doings)} {one},"
        f"\nthe {names[1]} {choices.choice(second.doings)} {other}."
    )


def _haiku(choices: Choices, first: Subject, second: Subject, setting: Setting) -> str:
    return (
        f"\n{choices.choice(setting.five)}"
        f"\nthe {first.noun} {choices.choice(first.doings)} {choices.choice(setting.three)}"
        f"\n{choices.choice(JOINING)} {second.noun} {choices.choice(second.doings)}"
    )


def fresh_lines(prompts: list[str], completions: list[str]) -> list[float]:
    """Scores whether a poem says something new in each of its lines. Range [0, 1].

    ``min(1, distinct words / words / 0.6)``; 0 where two lines have the same words in the same order, and for a text
    without a word.
    """
    return [_freshness([line for line in map(words, text.splitlines()) if line]) for text in completions]


def _freshness(lines: list[list[str]]) -> float:
    spoken = [word for line in lines for word in line]
    if not spoken or len(set(map(tuple, lines))) < len(lines):
        return 0.0
    return min(1.0, len(set(spoken)) / len(spoken) / VARIED)
