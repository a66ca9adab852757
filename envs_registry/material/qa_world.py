"""The facts of TextGen-QA: what is asked of countries and of the calendar, without a passage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from textgym.data import hashed_split

from ..dates import MONTHS
from ..prose import Dice
from .countries import Country, countries
from .pools import draw_split, listed, pools

ASKS: dict[str, tuple[str, ...]] = {
    "capital": listed("""
What is the capital of {s}?|Which city is the capital of {s}?|Name the capital of {s}.|Which capital does {s} have?
"""),
    "country": listed("""
{s} is the capital of which country?|Of which country is {s} the capital?|Which country has the capital {s}?
Name the country whose capital is {s}.
"""),
    "continent": listed("""
On which continent is {s}?|Which continent does {s} belong to?|Name the continent of {s}.
On what continent would you look for {s}?
"""),
    "currency": listed("""
What is the currency of {s}?|Which currency is used in {s}?|Name the currency of {s}.|What money do you need in {s}?
"""),
    "domain": listed("""
What is the internet domain of {s}?|Which internet domain belongs to {s}?|Name the internet domain of {s}.
How do web addresses of {s} end?
"""),
    "calling code": listed("""
What is the calling code of {s}?|Which calling code do you dial for {s}?|Name the calling code of {s}.
Which digits follow the plus sign for {s}?
"""),
    "nationality": listed("""
What is the nationality of people from {s}?|Which nationality do people from {s} have?
Name the nationality of somebody from {s}.|Which nationality does somebody from {s} have?
"""),
    "neighbour": listed("""
Name a country that borders {s}.|Which country shares a land border with {s}?|Name a neighbour of {s}.
Which country lies next to {s}?
"""),
}
"""How a fact about ``{s}`` is asked for."""

MOST = {
    "population": (
        2.0,
        listed("Which has more people, {options}?|Which country has the larger population, {options}?"),
    ),
    "area": (1.5, listed("Which is larger, {options}?|Which country covers more land, {options}?")),
}
"""What countries are compared by: how many times as large the largest is as the next, at least, and how it is asked."""

MOST_OF_THREE = {
    "population": listed("Which has the most people, {options}?|Which of these has the largest population, {options}?"),
    "area": listed("Which is the largest, {options}?|Which of these covers the most land, {options}?"),
}
NEXT_DAY = listed("Which date follows {s}?|What is the date of the day after {s}?|Which day comes after {s}?")
LATER = listed(
    "Which date is {n} days after {s}?|What is the date {n} days after {s}?|Which day comes {n} days after {s}?"
)

FIRST_DAY, LAST_DAY = date(1900, 1, 1).toordinal(), date(2099, 12, 1).toordinal()


class Fact(NamedTuple):
    """A fact about a country.

    Attributes:
        kind: One of `ASKS`.
        subject: What it is about, as it is named in a question.
        way: The country by way of its capital, where the question may take that way.
        answers: All right answers, the usual one first.
    """

    kind: str
    subject: str
    way: str | None
    answers: tuple[str, ...]


class Question(NamedTuple):
    """A question.

    Attributes:
        text: The question.
        answers: All right answers, the usual one first.
        split: The split that it is for.
    """

    text: str
    answers: tuple[str, ...]
    split: str


def _facts(country: Country) -> list[Fact]:
    name, capital = country.name, country.capitals[0]
    way = None if capital == name else f"the country whose capital is {capital}"
    found: dict[str, tuple[str, ...]] = {
        "capital": country.capitals,
        "continent": (country.continent,) if country.continent else (),
        "currency": country.currency,
        "domain": (country.domain,),
        "calling code": (country.calling_code,) if country.calling_code else (),
        "nationality": (country.demonym,) if country.demonym else (),
        "neighbour": country.neighbours,
    }
    facts = [Fact(kind, name, None if kind == "capital" else way, right) for kind, right in found.items() if right]
    return [*facts, Fact("country", capital, None, (name,))] if way else facts


@cache
def facts() -> dict[str, tuple[Fact, ...]]:
    """Returns the facts of each split; a capital and its country are one fact, in whichever direction it is asked."""
    known: dict[str, list[Fact]] = {}
    for country in countries():
        for fact in _facts(country):
            known.setdefault(f"{'capital' if fact.kind == 'country' else fact.kind} of {country.name}", []).append(fact)
    return {split: tuple(fact for key in keys for fact in known[key]) for split, keys in pools(known).items()}


@cache
def roundabout() -> dict[str, tuple[Fact, ...]]:
    """Returns the facts of each split for which a country can be named by its capital."""
    return {split: tuple(fact for fact in chosen if fact.way) for split, chosen in facts().items()}


@cache
def answers(kind: str) -> tuple[str, ...]:
    """Returns the usual answers to the questions of a kind, each once; for neighbours, all countries."""
    if kind == "neighbour":
        return tuple(country.name for country in countries())
    return tuple(dict.fromkeys(fact.answers[0] for some in facts().values() for fact in some if fact.kind == kind))


def question(dice: Dice, level: int) -> Question:
    """Draws a question: with three answers to choose from, without, or one that takes two steps."""
    throw = dice.random()
    if level == 1:
        return _choose(dice)
    if throw < 0.25:
        return _compare(dice, level)
    if throw < 0.35:
        return _reckon(dice, level)
    return _ask(dice) if level == 2 else _ask_roundabout(dice)


def _ask(dice: Dice) -> Question:
    split = draw_split(dice)
    fact = dice.choice(facts()[split])
    return Question(dice.choice(ASKS[fact.kind]).format(s=fact.subject), fact.answers, split)


def _ask_roundabout(dice: Dice) -> Question:
    split = draw_split(dice)
    fact = dice.choice(roundabout()[split])
    return Question(dice.choice(ASKS[fact.kind]).format(s=fact.way), fact.answers, split)


def _choose(dice: Dice) -> Question:
    split = draw_split(dice)
    fact = dice.choice(facts()[split])
    options = [fact.answers[0]]
    while len(options) < 3:
        wrong = dice.choice(answers(fact.kind))
        if wrong not in fact.answers and wrong not in options and wrong != fact.subject:
            options.append(wrong)
    text = dice.choice(ASKS[fact.kind]).format(s=fact.subject)
    return Question(f"{text} {_listed(dice.sample(options, 3))}?", fact.answers[:1], split)


def _listed(options: list[str]) -> str:
    return f"{', '.join(options[:-1])} or {options[-1]}"


def _compare(dice: Dice, level: int) -> Question:
    """Draws a comparison of countries that differ enough for no census to matter."""
    by = dice.choice(("population", "area"))
    factor, asks = MOST[by]
    lands = countries()
    size: Callable[[Country], float] = (
        (lambda land: land.population) if by == "population" else (lambda land: land.area)
    )
    while True:
        ranked = sorted([dice.choice(lands) for _ in range(level)], key=size)
        if size(ranked[-1]) >= factor * size(ranked[-2]) and ranked[0] is not ranked[1]:
            break
    names = [land.name for land in ranked]
    text = dice.choice(asks if level == 2 else MOST_OF_THREE[by]).format(options=_listed(dice.sample(names, level)))
    return Question(text, (names[-1],), hashed_split(f"{by} of {', '.join(sorted(names))}"))


def _reckon(dice: Dice, level: int) -> Question:
    """Draws a question of the calendar; a split is that of the day asked for."""
    days = 1 if level == 2 else dice.whole(2, 60)
    day = date.fromordinal(dice.whole(FIRST_DAY, LAST_DAY))
    if level == 2 and dice.chance(0.5):
        day = date(day.year, day.month, 1) - timedelta(1) if day.year > 1900 else day
    answer = _written(day + timedelta(days))
    text = dice.choice(NEXT_DAY if level == 2 else LATER).format(s=_written(day), n=days)
    return Question(text, (answer,), hashed_split(answer))


def _written(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
