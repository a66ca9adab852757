"""TextGen-News: leads that state the facts, and what is none."""

from __future__ import annotations

import gymnasium as gym
import pytest

from textgym.data import SPLITS
from textgym.envs_registry import news
from textgym.envs_registry.material.facts import Lexicon, prose, stated
from textgym.errors import OptionError
from textgym.tasks import Task


def make(**options: object) -> Task:
    return gym.make("TextGen-News-v0", **options).unwrapped.task  # type: ignore[attr-defined, no-any-return]


FACTS = (
    ("who brave bakers",),
    ("verb stole", "thing bronze statue"),
    ("where in Oslo",),
    ("when on Friday",),
)


@pytest.mark.parametrize(
    ("lead", "expected"),
    [
        ("Brave bakers stole a bronze statue in Oslo on Friday.", 1.0),
        ("On Friday, a bronze statue was stolen in Oslo by brave bakers!", 1.0),
        ("Nobody saw it, but brave bakers have stolen the bronze statue in Oslo on Friday.", 1.0),
        ("Brave bakers stole a bronze statue on Friday.", 3 / 4),
        ("Brave bakers stole a bronze statue in Oslo on Friday night.", 3 / 5),  # a time of its own
        ("Brave bakers stole a bronze statue in Oslo on Friday, not on Monday.", 4 / 5),
        ("Brave bakers stole 3 gnomes in Oslo on Friday.", 3 / 5),  # made up: a number
        ("Brave bakers stole a bronze statue in Oslo on Friday", 0.0),  # no end
        ("brave bakers stole a bronze statue in Oslo on Friday.", 0.0),  # no beginning
        ("Brave bakers, bronze statue, in Oslo, on Friday.", 0.0),  # no verb
        ("Brave bakers steal a bronze statue in Oslo on Friday.", 0.0),
        ("Brave bakers were in Oslo. They stole a bronze statue on Friday.", 1 / 2),
        ("Who: brave bakers. What: stole a bronze statue. Where: in Oslo. When: on Friday.", 0.0),
        ("Angry bakers sold a bronze statue in Rome on Sunday.", 0.0),
        ("", 0.0),
    ],
)
def test_a_lead_is_paid_for_what_it_states(lead, expected):
    for text in (lead, f" {lead} "):
        assert news.fact_coverage([""], [text], facts=[FACTS]) == [pytest.approx(expected)]


@pytest.mark.parametrize("facts", [2, 3, 4, 5])
def test_every_reference_earns_all_and_fits(facts):
    task = make(facts=facts)
    for split in SPLITS:
        rows = [task.rows[split][i] for i in range(256)]
        assert {len(row.columns["facts"]) for row in rows} == {facts}
        assert {row.prompt.count(": ") for row in rows} == {facts}
        for k in range(3):
            texts = [row.references[k] for row in rows]
            columns = {"facts": [row.columns["facts"] for row in rows]}
            assert task.reward.score([""] * len(rows), texts, **columns).total.min() == 1.0
            assert max(len(task.tokenizer.encode(text)) for text in texts) < task.max_new_tokens


def test_the_longest_prompt_and_lead_fit():
    """Lines and words are encoded apart, so that the longest prompt has the longest of each."""
    task = make(facts=5)

    def longest(texts: list[str]) -> int:
        return max(len(task.tokenizer.encode(text)) for text in texts)

    said = {"Who": news.WHO, "What": news.WHAT, "Where": news.WHERE, "When": news.WHEN, "Why": news.WHY}
    lines = [longest([f"{label}: {each.note}\n" for each in kind]) for label, kind in said.items()]
    assert 1 + sum(lines) + longest(["Lead:"]) <= task.max_prompt_tokens
    parts = [
        longest([f" {each.past if isinstance(each, news.Deed) else each.phrase}" for each in kind])
        for kind in said.values()
    ]
    assert sum(parts) + len("O,.") + 1 <= task.max_new_tokens  # a capital, two marks, EOS


def test_no_story_is_in_two_splits():
    rows = make().rows
    stories = {split: {news._story(row) for row in rows[split][:3000]} for split in SPLITS}
    assert sum(map(len, stories.values())) == len(set.union(*stories.values()))


def test_what_the_stories_are_made_of():
    assert (len(news.WHO), len(news.WHAT), len(news.WHERE), len(news.WHEN), len(news.WHY)) == (720, 100, 48, 32, 20)
    every = [*news.WHO, *news.WHAT, *news.WHERE, *news.WHEN, *news.WHY]
    assert len({each.marks for each in every}) == len(every)
    for each in (*news.WHO, *news.WHERE, *news.WHEN, *news.WHY):
        assert news._lexicon().marks(each.phrase) == list(each.marks)
    for deed in news.WHAT:
        assert news._lexicon().marks(deed.past) == list(deed.marks)
    for _, _, thing in news.DEEDS:
        assert thing.startswith("an " if thing.split()[1][0] in "aeio" else "a ")


def test_stringing_notes_together_earns_nothing():
    task = make()
    rows = [task.rows["train"][i] for i in range(200)]
    notes = [[line.partition(": ")[2] for line in row.prompt.split("\n")[:-1]] for row in rows]
    for join in (" ", ", ", ". "):
        texts = [join.join(each).capitalize() + "." for each in notes]
        total = task.reward.score([""] * 200, texts, facts=[row.columns["facts"] for row in rows]).total
        assert total.mean() < 0.05


def test_bad_options_say_what_and_how():
    with pytest.raises(OptionError, match=r"facts is a whole number from 2 to 5\. Actual value: 6"):
        gym.make("TextGen-News-v0", facts=6)


def test_a_lexicon_takes_the_longest_phrase_and_tells_numbers():
    lexicon = Lexicon([("Friday", "day"), ("Friday night", "night"), ("12,000 fans", "fans"), ("day", "verb day")])
    assert lexicon.marks("On friday; FRIDAY NIGHT, 12,000 fans, 7 dogs, Fridays") == [
        "day",
        "night",
        "fans",
        "number 7",
    ]
    assert stated(["day", "verb day", "fans", "fans"], [("day",), ("night", "day")], "verb ") == (1, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is. It was!", 1.0),
        ("It is. no", 0.5),
        ("2 are here. Nothing here. It was", 1 / 3),
        ("It is:", 0.0),
        ("It is\nIt was", 0.0),
        ("", 0.0),
        ("  ", 0.0),
    ],
)
def test_prose(text, expected):
    assert prose(text, frozenset({"is", "was", "are"})) == pytest.approx(expected)
