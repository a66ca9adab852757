"""What is said in the sentences of the translation task, and how each language writes it.

Names of countries, languages, cities, months, days and currencies are those of CLDR, from babel; what grammar needs to
know of them stands here. Countries are those that German writes without an article and whose French article is in the
singular, cities those without one in French.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Any

from ..prose import Dice
from .translation_sentences import WORDS

LE = "PT DK JP NP CA MX BR CL PE MA KE GH SN NG PY RW CM KZ"
LA = "FR GR BE SE NO FI PL HU RO BG RU CN TH KR CO NZ BO LV LT HR RS TZ ZM MY"
ELIDED = "DE IT ES AT IE IS IN AR EC DZ EG ET AU UY EE AL UG AM"
COUNTRIES = (*LE.split(), *LA.split(), *ELIDED.split())
"""Countries by their French article."""

TONGUES = (
    "de", "en", "fr", "it", "es", "pt", "ru", "zh", "ja", "ko", "ar", "tr", "pl",
    "nl", "sv", "da", "fi", "el", "cs", "hu", "ro", "vi", "th", "hi", "uk",
)  # fmt: skip
MONEY = ("EUR", "USD", "CHF", "GBP", "JPY", "SEK", "CAD", "INR", "AUD", "NOK", "DKK", "MXN")
CITIES = tuple(
    f"{part}/{city}"
    for part, cities in (
        ("Europe", "Berlin Paris Vienna Rome Madrid Lisbon Athens Warsaw Prague Budapest Copenhagen Stockholm Oslo"),
        ("Europe", "Helsinki Dublin London Brussels Zurich Moscow Istanbul Bucharest Sofia Riga"),
        ("Asia", "Tokyo Seoul Shanghai Bangkok Singapore Jakarta Beirut Damascus"),
        ("America", "Toronto Lima Chicago Vancouver Montevideo"),
        ("Africa", "Nairobi"),
        ("Australia", "Sydney"),
    )
    for city in cities.split()
)

TIMES = tuple((hour, minute) for hour in range(6, 23) for minute in (0, 10, 15, 20, 30, 40, 45, 50))
DAYS = tuple(date.fromordinal(date(2024, 1, 1).toordinal() + i) for i in range(366))  # of a leap year
SCORES = tuple((more, less) for more in range(1, 8) for less in range(more))


def _number(low: int, high: int, step: int = 1) -> Callable[[Dice], int]:
    return lambda dice: step * dice.whole(low // step, high // step)


def _one(items: Sequence[Any]) -> Callable[[Dice], int]:
    return lambda dice: dice.whole(0, len(items) - 1)


def _two(items: Sequence[Any]) -> Callable[[Dice], tuple[int, int]]:
    """Draws the places of two different items, in order."""

    def draw(dice: Dice) -> tuple[int, int]:
        one, other = dice.whole(0, len(items) - 1), dice.whole(0, len(items) - 2)
        other += other >= one
        return min(one, other), max(one, other)

    return draw


def _match(dice: Dice) -> tuple[int, int, int]:
    winner, loser = dice.sample(range(len(COUNTRIES)), 2)
    return winner, loser, dice.whole(0, len(SCORES) - 1)


DRAWS: dict[str, Callable[[Dice], Any]] = {
    **{kind: _one(forms["en"]) for kind, forms in WORDS.items()},
    "country": _one(COUNTRIES),
    "match": _match,
    "tongue": _one(TONGUES),
    "tongues": _two(TONGUES),
    "city": _one(CITIES),
    "money": _one(MONEY),
    "weekday": _one(range(7)),
    "month": _one(range(12)),
    "day": _one(DAYS),
    "span": _two(DAYS),
    "birthday": lambda dice: dice.whole(date(1930, 1, 1).toordinal(), date(1999, 12, 31).toordinal()),
    "today": lambda dice: dice.whole(date(2000, 1, 1).toordinal(), date(2039, 12, 31).toordinal()),
    "time": _one(TIMES),
    "hours": _two(TIMES),
    "years": _number(2, 40),
    "age": _number(18, 90),
    "distance": _number(110, 9_900, 10),
    "weight": _number(20, 400),  # tenths of a kilogram
    "degrees": _number(2, 38),
    "price": _number(5, 1_500, 5),
    "count": _number(2, 150),
    "grams": lambda dice: (25 * dice.whole(2, 40), 25 * dice.whole(2, 40)),
    "minutes": _number(5, 55, 5),
    "trip": lambda dice: (dice.whole(2, 14), dice.whole(2, 59)),
}
"""How the content of a slot is drawn, by its kind; the content is the same in every language."""

Form = Callable[[Any], str]


@cache
def forms(language: str) -> dict[str, Form]:
    """Returns how a language writes the contents of slots, by kind or by kind and form."""
    from babel import Locale
    from babel.numbers import get_currency_name

    locale = Locale.parse({"zh": "zh_Hans"}.get(language, language))
    months = [locale.months["format"]["wide"][i] for i in range(1, 13)]
    weekdays = [locale.days["format"]["wide"][i] for i in range(7)]  # from Monday
    symbols = locale.number_symbols["latn"]

    def number(value: int) -> str:
        return f"{value:,}".replace(",", symbols["group"])

    def tenths(value: int) -> str:
        return number(value // 10) + (f"{symbols['decimal']}{value % 10}" if value % 10 else "")

    countries = [locale.territories[code] for code in COUNTRIES]
    tongues = [locale.languages[code] for code in TONGUES]
    cities = [locale.time_zones.get(zone, {}).get("city") or zone.rpartition("/")[2] for zone in CITIES]
    money = [_inside(get_currency_name(code, count=40, locale=locale), language) for code in MONEY]
    days = [_day(language, day, months) for day in DAYS]
    times = [_time(language, *time) for time in TIMES]
    sides = [_article(code) + name for code, name in zip(COUNTRIES, countries, strict=True)]
    sides = sides if language == "fr" else countries

    def full(ordinal: int) -> str:
        day = date.fromordinal(ordinal)
        text = _day(language, day, months)
        return {"en": f"{text}, {day.year}", "zh": f"{day.year}年{text}"}.get(language, f"{text} {day.year}")

    return {
        **{
            kind + form[2:]: words.__getitem__
            for kind, own in WORDS.items()
            for form, words in own.items()
            if form.startswith(language)
        },
        "country": countries.__getitem__,
        "country.in": lambda i: ("au " if COUNTRIES[i] in LE else "en ") + countries[i],
        "country.from": lambda i: (
            ("du " if COUNTRIES[i] in LE else "de " if COUNTRIES[i] in LA else "d'") + countries[i]
        ),
        "match.winner": lambda match: sides[match[0]][0].upper() + sides[match[0]][1:],
        "match.loser": lambda match: sides[match[1]],
        "match.more": lambda match: str(SCORES[match[2]][0]),
        "match.less": lambda match: str(SCORES[match[2]][1]),
        "tongue": tongues.__getitem__,
        "tongue.the": lambda i: ("l'" if tongues[i][0] in "aeiou" else "le ") + tongues[i],
        "tongues.one": lambda pair: tongues[pair[0]],
        "tongues.other": lambda pair: tongues[pair[1]],
        "city": cities.__getitem__,
        "money": money.__getitem__,
        "weekday": weekdays.__getitem__,
        "month": months.__getitem__,
        "day": days.__getitem__,
        "span.from": lambda pair: days[pair[0]],
        "span.to": lambda pair: days[pair[1]],
        "birthday": full,
        "today": full,
        "today.weekday": lambda ordinal: weekdays[(ordinal - 1) % 7],
        "time": times.__getitem__,
        "hours.from": lambda pair: times[pair[0]],
        "hours.to": lambda pair: times[pair[1]],
        "weight": tenths,
        "grams": lambda pair: number(pair[0]),
        "grams.other": lambda pair: number(pair[1]),
        "trip.hours": lambda trip: str(trip[0]),
        "trip.minutes": lambda trip: str(trip[1]),
        **dict.fromkeys(("years", "age", "distance", "degrees", "price", "count", "minutes"), number),
    }


def _article(code: str) -> str:
    return "le " if code in LE else "la " if code in LA else "l'"


def _inside(name: str, language: str) -> str:
    """Returns the name of a currency as it stands within a sentence: in German with a small adjective."""
    first, space, rest = name.partition(" ")
    return f"{first.lower()} {rest}" if language == "de" and space and first.endswith("e") else name


def _day(language: str, day: date, months: Sequence[str]) -> str:
    month = months[day.month - 1]
    return {
        "en": f"{month} {day.day}",
        "de": f"{day.day}. {month}",
        "fr": f"{'1er' if day.day == 1 else day.day} {month}",
        "zh": f"{day.month}月{day.day}日",
    }[language]


def _time(language: str, hour: int, minute: int) -> str:
    half = f"{(hour - 1) % 12 + 1}"
    part = "上午" if hour < 12 else "中午" if hour == 12 else "下午" if hour < 18 else "晚上"
    return {
        "en": f"{half}{f':{minute}' if minute else ''} {'AM' if hour < 12 else 'PM'}",
        "de": f"{hour}{f':{minute}' if minute else ''} Uhr",
        "fr": f"{hour} h{f' {minute}' if minute else ''}",
        "zh": f"{part}{half}点{f'{minute}分' if minute else ''}",
    }[language]
