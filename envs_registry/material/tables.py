"""The small worlds of TextGen-DataToText: restaurants, weather and matches, as tables and as texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import NamedTuple

from ..prose import Dice
from .facts import Facts, Lexicon
from .news_facts import CITIES, DAYS

FREE = "verb "
"""How the marks begin of what may stand in any text: the verbs that say who won."""


class Table(NamedTuple):
    """A table and texts that say it."""

    lines: tuple[tuple[str, str], ...]  # slot and value
    facts: Facts
    texts: tuple[str, str, str]


class World(NamedTuple):
    """What tables of one kind are about.

    Attributes:
        draw: Makes a table of a number of slots.
        phrases: Pairs of a phrase and its mark, for all that a text may say.
        relate: Returns further marks that follow from the order of others.
    """

    draw: Callable[[Dice, int], Table]
    phrases: Callable[[], Iterable[tuple[str, str]]]
    relate: Callable[[Sequence[str]], list[str]] = lambda marks: []


VERBS = frozenset(
    (
        "is", "are", "was", "were", "has", "have", "had", "will", "can", "may", "do", "does", "did", "offers",
        "serves", "gets", "boasts", "costs", "cooks", "lies", "sits", "stands", "welcomes", "admits", "allows",
        "accepts", "caters", "rate", "rates", "rated", "give", "gives", "gave", "score", "scores", "scored",
        "earns", "earned", "stays", "try", "visit", "eat", "enjoy", "find", "expect", "bring", "brings", "brought",
        "pack", "look", "looks", "turn", "turns", "see", "sees", "saw", "reach", "reaches", "rise", "rises",
        "climb", "climbs", "remain", "remains", "blow", "blows", "come", "comes", "came", "watch", "watches",
        "watched", "mind", "beat", "beats", "defeated", "overcame", "edged", "lose", "loses", "lost", "fell",
        "drew", "held", "shared", "won", "win", "wins", "play", "plays", "played", "met", "found", "took", "went",
        "finished", "ended",
    )
)  # fmt: skip
"""Finite forms with which texts of these worlds speak."""


# Restaurants.

FIRST_NAMES = (
    "Golden", "Silver", "Copper", "Blue", "Red", "Green", "Happy", "Lucky", "Hungry", "Quiet", "Crazy", "Little",
    "Lazy", "Jolly", "Rusty", "Dancing", "Flying", "Royal", "Secret", "Sunny", "Sleepy", "Wild", "Purple", "Brave",
    "Broken", "Wooden", "Velvet", "Smiling", "Singing", "Gentle",
)  # fmt: skip
LAST_NAMES = (
    "Spoon", "Fork", "Kettle", "Table", "Lemon", "Apple", "Pepper", "Onion", "Tiger", "Lion", "Bear", "Fox", "Duck",
    "Goose", "Fish", "Whale", "Horse", "Rabbit", "Owl", "Parrot", "Candle", "Lantern", "Barrel", "Anchor", "Crown",
    "Bell", "Clock", "Window", "Plate", "Oven", "Olive", "Garlic",
)  # fmt: skip
FOODS = (
    "Thai", "Greek", "Italian", "French", "Indian", "Mexican", "Chinese", "Spanish", "Turkish", "Polish", "Korean",
    "Irish", "Cuban", "Danish", "Russian", "American",
)  # fmt: skip
PRICES = {
    "low": ("a cheap", "low prices", "low"),
    "medium": ("a mid-priced", "fair prices", "fair"),
    "high": ("an expensive", "high prices", "high"),
}
AREAS = {
    "river": "by the river", "station": "near the station", "harbour": "at the harbour", "park": "next to the park",
    "market": "on the market square", "old town": "in the old town", "centre": "in the centre", "beach": "on the beach",
    "airport": "close to the airport", "castle": "below the castle",
}  # fmt: skip
CHILDREN = {
    "yes": ("children are welcome", "welcomes children", "is good for families"),
    "no": ("children are not allowed", "does not admit children", "is for adults only"),
}
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
PRICES_LISTED, AREAS_LISTED = tuple(PRICES), tuple(AREAS)


def _restaurant(dice: Dice, slots: int) -> Table:
    name, food = f"{dice.choice(FIRST_NAMES)} {dice.choice(LAST_NAMES)}", dice.choice(FOODS)
    lines, facts = [("name", name), ("food", food)], [(f"name {name}",), (f"food {food}",)]
    a = f"{'an' if food[0] in 'AI' else 'a'} {food} restaurant"
    at_prices = where_prices = place = rated = children = ""
    for slot in dice.sample(("price", "area", "rating", "children"), slots - len(lines)):
        if slot == "price":
            value = dice.choice(PRICES_LISTED)
            kind, prices, level = PRICES[value]
            a, at_prices, where_prices = f"{kind} {food} restaurant", f" at {prices}", f", where prices are {level}"
        elif slot == "area":
            value = dice.choice(AREAS_LISTED)
            place = f" {AREAS[value]}"
        elif slot == "rating":
            value = rated = str(dice.whole(2, 5))
        else:
            value = children = "yes" if dice.chance(0.5) else "no"
        lines.append((slot, f"{value}/5" if slot == "rating" else value))
        facts.append((f"{slot} {value}",))
    first, second, third = CHILDREN.get(children, ("", "", ""))
    if rated and children:
        more = (
            f" Guests give it {rated} out of 5, and {first}.",
            f" It is rated {rated} out of 5 and {second}.",
            f" It has {rated} stars and {third}.",
        )
    elif rated:
        more = f" Guests give it {rated} out of 5.", f" It is rated {rated} out of 5.", f" It has {rated} stars."
    elif children:
        more = f" {first.capitalize()}.", f" It {second}.", f" It {third}."
    else:
        more = "", "", ""
    texts = (
        f" The {name} is {a}{place}.{more[0]}",
        f" The {name} serves {food} food{at_prices}{place}.{more[1]}",
        f" For {food} food{place}, try the {name}{where_prices}.{more[2]}",
    )
    return Table(tuple(lines), tuple(facts), texts)


def _restaurant_phrases() -> Iterable[tuple[str, str]]:
    for first in FIRST_NAMES:
        for last in LAST_NAMES:
            yield f"{first} {last}", f"name {first} {last}"
    for food in FOODS:
        yield food, f"food {food}"
    for price, phrases in {
        "low": ("cheap", "low price", "low prices", "low priced", "prices are low", "inexpensive", "affordable"),
        "medium": ("mid-priced", "fair price", "fair prices", "fairly priced", "prices are fair", "moderate prices",
                   "moderately priced", "medium priced", "medium prices", "prices are medium", "average prices"),
        "high": ("expensive", "high price", "high prices", "high priced", "prices are high", "pricey", "costly"),
    }.items():  # fmt: skip
        yield from ((phrase, f"price {price}") for phrase in phrases)
    for area in AREAS:
        yield area, f"area {area}"
    yield from (("riverside", "area river"), ("center", "area centre"), ("seaside", "area beach"))
    for rating, word in NUMBERS.items():
        for number, top in ((str(rating), "5"), (word, "five")):
            for phrase in (f"{number} out of {top}", f"{number} of {top}", f"{number} stars", f"{number} star"):
                yield phrase, f"rating {rating}"
        yield f"{rating} 5", f"rating {rating}"
    for children, phrases in {
        "yes": ("children are welcome", "welcomes children", "welcome children", "children are allowed", "kid friendly",
                "admits children", "allows children", "good for families", "good for children", "family friendly",
                "child friendly", "families are welcome", "welcomes families", "suitable for children"),
        "no": ("children are not allowed", "children are not welcome", "not admit children", "not allow children",
               "not welcome children", "not good for families", "not good for children", "not family friendly",
               "not child friendly", "not kid friendly", "not suitable for children", "not for children",
               "for adults only", "adults only", "no children", "families are not welcome", "not welcome families"),
    }.items():  # fmt: skip
        yield from ((phrase, f"children {children}") for phrase in phrases)


# Weather.

SKIES = {
    "sunny": ("sunshine", 12, 34),
    "clear": ("clear skies", 6, 30),
    "cloudy": ("clouds", 6, 24),
    "foggy": ("fog", 3, 14),
    "hazy": ("haze", 14, 32),
    "stormy": ("storms", 8, 24),
    "snowy": ("snow", 2, 5),
    "frosty": ("frost", 2, 8),
    "rainy": ("rain", 5, 20),
}
"""What the sky is like, the noun for it, and the highs that go with it, in degrees Celsius."""

PARTS = ("morning", "afternoon", "evening", "night")
WINDS = {"north": "a north wind", "south": "a south wind", "east": "an east wind", "west": "a west wind"}
LEVELS = ("low", "normal", "high")
WARNINGS = (
    "heavy traffic", "high tides", "falling branches", "slippery roads", "road works", "loose tiles", "late trains",
)  # fmt: skip


SKIES_LISTED, WINDS_LISTED = tuple(SKIES), tuple(WINDS)


def _weather(dice: Dice, slots: int) -> Table:
    city, time = dice.choice(CITIES), f"{dice.choice(DAYS)} {dice.choice(PARTS)}"
    sky = dice.choice(SKIES_LISTED)
    noun, low, top = SKIES[sky]
    lines = [("city", city), ("time", time), ("sky", sky)]
    facts = [(f"city {city}",), (f"time {time}",), (f"sky {sky}",)]
    degrees = wind = humidity = warning = ""
    for slot in dice.sample(("high", "wind", "humidity", "warning"), slots - len(lines)):
        if slot == "high":
            value = degrees = str(dice.whole(low, top))
        elif slot == "wind":
            value = wind = dice.choice(WINDS_LISTED)
        elif slot == "humidity":
            value = humidity = dice.choice(LEVELS)
        else:
            value = warning = dice.choice(WARNINGS)
        lines.append((slot, value))
        facts.append((f"{slot} {value}",))
    if humidity and warning:
        more = (
            f" Expect {humidity} humidity, and watch out for {warning}.",
            f" There will be {humidity} humidity, with a warning of {warning}.",
            f" Humidity will be {humidity}, and people should look out for {warning}.",
        )
    elif humidity:
        more = f" Expect {humidity} humidity.", f" There will be {humidity} humidity.", f" Humidity will be {humidity}."
    elif warning:
        more = (
            f" Watch out for {warning}.",
            f" There is a warning of {warning}.",
            f" People should look out for {warning}.",
        )
    else:
        more = "", "", ""
    high = f", with a high of {degrees} degrees" if degrees else ""
    reached = f" It will reach {degrees} degrees." if degrees else ""
    blown = high
    if wind:
        blown = f"{high} and {WINDS[wind]}" if high else f", with {WINDS[wind]}"
        reached = f"{reached[:-1]}, with {WINDS[wind]}." if high else f" The wind will be from the {wind}."
    texts = (
        f" {city} will be {sky} on {time}{blown}.{more[0]}",
        f" On {time}, expect {noun} in {city}.{reached}{more[1]}",
        f" It will be {sky} in {city} on {time}{blown}.{more[2]}",
    )
    return Table(tuple(lines), tuple(facts), texts)


def _weather_phrases() -> Iterable[tuple[str, str]]:
    yield from ((city, f"city {city}") for city in CITIES)
    yield from ((f"{day} {part}", f"time {day} {part}") for day in DAYS for part in PARTS)
    for sky, (noun, _, _) in SKIES.items():
        yield from ((phrase, f"sky {sky}") for phrase in (sky, noun))
    yield from (("sun", "sky sunny"), ("cloud", "sky cloudy"), ("storm", "sky stormy"), ("clear sky", "sky clear"))
    yield from ((f"{degrees} degrees", f"high {degrees}") for degrees in range(60))
    for wind in WINDS:
        yield from ((f"{wind}{end}", f"wind {wind}") for end in (" wind", " winds", "erly wind", "erly winds"))
        yield from ((f"wind {verb}from the {wind}", f"wind {wind}") for verb in ("", "is ", "will be "))
    for level in LEVELS:
        for phrase in (f"{level} humidity", f"humidity will be {level}", f"humidity is {level}"):
            yield phrase, f"humidity {level}"
    yield from ((warning, f"warning {warning}") for warning in WARNINGS)


# Matches.

TEAMS = (
    "Redhill", "Ashby", "Milton", "Norwood", "Weston", "Easton", "Sutton", "Preston", "Bolton", "Burton", "Carlton",
    "Clifton", "Dalton", "Denton", "Hampton", "Hilton", "Kingston", "Langley", "Marston", "Newton", "Oakley",
    "Parkside", "Riverton", "Seaford", "Southgate", "Stanford", "Thornton", "Upton", "Walton", "Wellington",
    "Westfield", "Whitby", "Winton", "Woodford", "Highgate", "Bridgeport", "Brighton", "Camden", "Fairview",
    "Greenwood", "Lakeside", "Longford", "Oxley", "Rockford", "Stonebridge", "Sunderby", "Waterford", "Windham",
)  # fmt: skip
SCORERS = (
    "Adams", "Allen", "Bennett", "Carter", "Clark", "Collins", "Cooper", "Davis", "Edwards", "Evans", "Foster",
    "Graham", "Harris", "Jackson", "Jones", "Kelly", "Lee", "Lewis", "Martin", "Miller", "Moore", "Morgan", "Nelson",
    "Owens", "Parker", "Peters", "Reed", "Roberts", "Scott", "Shaw", "Simmons", "Smith", "Taylor", "Turner", "Walker",
    "Watson",
)  # fmt: skip
"""Names that are no words of a match report: "long" or "hall" would be taken for a scorer."""

STAGES = {
    "cup final": "the cup final", "semi-final": "the semi-final", "league match": "a league match",
    "test match": "a test match", "charity match": "a charity match", "opening match": "the opening match",
}  # fmt: skip
STAGES_LISTED = tuple(STAGES)
WIN = ("beat", "beats", "defeated", "overcame", "edged", "won", "win", "victory")
LOSE = ("lost", "fell", "loses", "were beaten by", "was beaten by", "were defeated by", "was defeated by", "beaten by")
DRAW = ("drew", "draw", "held", "shared")


def _match(dice: Dice, slots: int) -> Table:
    home, away = dice.sample(TEAMS, 2)
    ours, theirs = dice.whole(0, 4), dice.whole(0, 4)
    if ours == theirs == 0:  # who should have scored?
        ours = theirs = 1
    score = f"{max(ours, theirs)}-{min(ours, theirs)}"
    winner, loser = (home, away) if ours > theirs else (away, home)
    result = f"result {_drawn(home, away)}" if ours == theirs else f"result {winner} over {loser}"
    lines = [("home", home), ("away", away), ("score", f"{ours}-{theirs}")]
    facts = [(f"team {home}",), (f"team {away}",), (f"score {score}", result)]
    stage = crowd = scorer = ""
    for slot in dice.sample(("stage", "crowd", "scorer"), slots - len(lines)):
        if slot == "stage":
            value = dice.choice(STAGES_LISTED)
            stage = f" in {STAGES[value]}"
        elif slot == "crowd":
            value = f"{dice.whole(2, 90)},000"
            crowd = f" in front of {value} fans"
        else:
            value = scorer = dice.choice(SCORERS)
        lines.append((slot, value))
        facts.append((f"{slot} {value}",))
    if ours == theirs:
        first, second = f"{home} and {away} drew {score}", f"{home} drew {score} with {away}"
        third = f"{away} held {home} to a {score} draw"
    else:
        first, second = f"{winner} beat {loser} {score}", f"{winner} defeated {loser} {score}"
        third = f"{loser} lost {score[::-1]} to {winner}"
    texts = (
        f" {first}{stage}{crowd}." + (f" {scorer} was among the scorers." if scorer else ""),
        f" {scorer} scored as {second}{stage}{crowd}." if scorer else f" {second}{stage}{crowd}.",
        (f" In{crowd[3:]}, {third}{stage}." if crowd else f" {third}{stage}.")
        + (f" One goal came from {scorer}." if scorer else ""),
    )
    return Table(tuple(lines), tuple(facts), texts)


def _match_phrases() -> Iterable[tuple[str, str]]:
    yield from ((team, f"team {team}") for team in TEAMS)
    yield from ((name, f"scorer {name}") for name in SCORERS)
    yield from ((stage, f"stage {stage}") for stage in STAGES)
    yield from ((f"{thousands},000", f"crowd {thousands},000") for thousands in range(1, 100))
    for more in range(10):
        for less in range(more + 1):
            for one, other in ((more, less), (less, more)):
                yield from ((phrase, f"score {more}-{less}") for phrase in (f"{one}-{other}", f"{one} to {other}"))
    for kind, verbs in (("win", WIN), ("lose", LOSE), ("draw", DRAW)):
        yield from ((verb, f"{FREE}{kind}") for verb in verbs)


def _results(marks: Sequence[str]) -> list[str]:
    """Returns who beat whom: the team before a verb and the one after it; of a draw also the two before it."""
    found = []
    for i, mark in enumerate(marks):
        if not mark.startswith(FREE):
            continue
        before, after = ([each[5:] for each in part if each.startswith("team ")] for part in (marks[:i], marks[i:]))
        if mark == f"{FREE}draw" and len(before) > 1 and not after:
            found.append(f"result {_drawn(*before[-2:])}")
        elif before and after:
            one, other = before[-1], after[0]
            found.append(
                f"result {_drawn(one, other)}"
                if mark == f"{FREE}draw"
                else f"result {one} over {other}"
                if mark == f"{FREE}win"
                else f"result {other} over {one}"
            )
    return found


def _drawn(one: str, other: str) -> str:
    return " and ".join(sorted((one, other)))


WORLDS = {
    "restaurants": World(_restaurant, _restaurant_phrases),
    "weather": World(_weather, _weather_phrases),
    "matches": World(_match, _match_phrases, _results),
}


def marks(world: str, text: str) -> list[str]:
    """Returns what a text says of a world, as the marks of facts."""
    found = _lexicon(world).marks(text)
    return [*found, *WORLDS[world].relate(found)]


@cache
def _lexicon(world: str) -> Lexicon:
    return Lexicon(WORLDS[world].phrases())
