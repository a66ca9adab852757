"""The passages of TextGen-QA: invented people, places and events, what is said of them, and what is asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..dates import MONTHS
from ..prose import Dice
from .names import FAMILY, FIRST, TOWNS
from .pools import listed, pools

JOBS = listed("""
a baker|a plumber|a nurse|a teacher|a gardener|a bus driver|a carpenter|a librarian|a lawyer|a dentist|a pilot
a farmer|a tailor|a waiter|a painter|a cook|a butcher|a florist|an electrician|an architect|an optician|an actor
an engineer|a locksmith|a translator|a referee|a vet|a cellist|a juggler|a beekeeper
""")
PETS = listed("""
a parrot|a tortoise|a hamster|a greyhound|a black cat|a rabbit|a goldfish|a pony|a goat|an owl|a donkey|a ferret
a canary|a gecko|a spaniel|a pair of doves
""")
INSTRUMENTS = listed(
    "cello|violin|trumpet|piano|flute|banjo|clarinet|harp|accordion|tuba|oboe|drums|guitar|organ|viola"
)
HOBBIES = listed("""
chess|rowing|knitting|fencing|juggling|cycling|birdwatching|table tennis|crosswords|salsa|pottery|archery|sailing
origami|yoga|climbing|photography|baking|judo|fishing
""")
STREETS = listed("""
Mill Lane|Harbour Road|Station Street|Church Row|Market Square|Bridge Street|Castle Hill|Park Avenue|Canal Street
Orchard Close|Garden Street|River Walk|Tower Road|School Lane|Abbey Road|Windmill Way|Chapel Street|Meadow Lane
""")
DISHES = listed("""
onion soup|apple cake|fish pie|pancakes|dumplings|lemon tart|lentil stew|grilled trout|pea soup|plum cake|goulash
peppers|cheese bread|waffles|mushrooms|rice pudding|lamb curry|beetroot salad
""")
COLOURS = listed("red|blue|green|yellow|white|black|grey|orange|purple|brown|pink")
SEAS = listed("the North Sea|the Baltic|Lake Tarn|Sarn Bay|Lake Imber|Orr Bay|the Silver Lake|the Amber Sea")

PLACE_ADJECTIVES = listed(
    "Blue|Old|Golden|Hungry|Silver|Merry|Green|Lucky|Busy|Little|Red|Crooked|White|Happy|Black|Sleepy"
)
PLACE_NOUNS = listed("""
Kettle|Anchor|Lantern|Fox|Mill|Spoon|Barrel|Heron|Oak|Pigeon|Whistle|Compass|Teapot|Badger|Harbour|Apple|Ladle|Rooster
Hare|Candle|Bridge|Boot|Goose|Wheel|Crown|Thistle|Otter|Pepper|Tulip|Ferry|Raven|Bucket|Stove|Turnip|Saddle|Walnut|Hen
Cellar|Parasol|Trout
""")
EVENTS = listed("""
Lantern|Harvest|Kite|Snow|Pumpkin|Accordion|River|Cherry|Puppet|Bonfire|Balloon|Herring|Jazz|Rose|Ice|Mushroom|Drum
Onion|Moon|Mask|Cider|Nut|Sailing|Marble|Choir|Candle|Garlic|Poetry|Fiddle|Maple|Oyster|Thunder|Feather|Saffron|Willow
Comet|Barley|Clog|Sunflower|Fog
""")
RIVERS = listed("""
Orlen|Tamber|Vesk|Lirra|Dovan|Quill|Sarn|Elda|Marrow|Isk|Pellin|Rhine Minor|Torva|Ulm|Wenna|Zarl|Brae|Calder|Fenn
Gorlin|Harrow|Imber|Jarl|Kess|Lothe|Mirn|Narva|Oda|Pryn|Reska|Selm|Tarka|Umber|Vanner|Wick|Yarrow|Arl|Brenn|Corra|Dunn
""")


class Attribute(NamedTuple):
    """Something that a passage may say of its subject ``{s}``.

    Attributes:
        say: Sentences that state the value ``{v}``.
        ask: Questions for it.
        value: Draws a value.
        apart: For numbers, how to ask by how much that of ``{s}`` is larger than that of ``{t}``.
    """

    say: tuple[str, ...]
    ask: tuple[str, ...]
    value: Callable[[Dice], str]
    apart: str | None = None


class Kind(NamedTuple):
    """A kind of subject.

    Attributes:
        name: Draws a name of the split.
        attributes: What may be said.
    """

    name: Callable[[Dice, str], str]
    attributes: tuple[Attribute, ...]


def _one_of(values: tuple[str, ...]) -> Callable[[Dice], str]:
    return lambda dice: dice.choice(values)


def _number(low: int, high: int) -> Callable[[Dice], str]:
    return lambda dice: str(dice.whole(low, high))


def _day(dice: Dice) -> str:
    return f"{dice.whole(1, 28)} {dice.choice(MONTHS)}"


def _price(dice: Dice) -> str:
    return f"{dice.whole(2, 19)} euros"


PERSON_ATTRIBUTES = (
    Attribute(
        ("{s} works as {v}.", "{s} has been {v} for years."),
        ("What is {s}'s job?", "What does {s} do for a living?"),
        _one_of(JOBS),
    ),
    Attribute(
        ("{s} lives in {v}.", "{s} has a flat in {v}."),
        ("Where does {s} live?", "In which town does {s} live?"),
        _one_of(TOWNS),
    ),
    Attribute(("{s} grew up in {v}.",), ("Where did {s} grow up?", "In which town did {s} grow up?"), _one_of(TOWNS)),
    Attribute(
        ("{s} was born in {v}.",),
        ("When was {s} born?", "In which year was {s} born?"),
        _number(1931, 2009),
        "How many years after {t} was {s} born?",
    ),
    Attribute(
        ("{s} plays the {v}.", "{s} is learning the {v}."),
        ("Which instrument does {s} play?", "What does {s} play?"),
        _one_of(INSTRUMENTS),
    ),
    Attribute(("{s} keeps {v}.", "{s} has {v}."), ("Which pet does {s} have?", "What does {s} keep?"), _one_of(PETS)),
    Attribute(
        ("{s} is fond of {v}.", "{s} loves {v}."), ("What is {s} fond of?", "What does {s} love?"), _one_of(HOBBIES)
    ),
    Attribute(("{s}'s birthday is on {v}.",), ("When is {s}'s birthday?", "On which day is {s}'s birthday?"), _day),
)
PLACE_ATTRIBUTES = (
    Attribute(
        ("{s} opened in {v}.", "{s} has been there since {v}."),
        ("When did {s} open?", "In which year did {s} open?"),
        _number(1901, 2024),
        "How many years after {t} did {s} open?",
    ),
    Attribute(
        ("{s} is in {v}.", "You find {s} in {v}."), ("Where is {s}?", "In which street is {s}?"), _one_of(STREETS)
    ),
    Attribute(
        ("{s} is known for its {v}.", "{s} is famous for its {v}."),
        ("What is {s} known for?", "Which dish is {s} known for?"),
        _one_of(DISHES),
    ),
    Attribute(
        ("{s} has {v} tables.", "There are {v} tables in {s}."),
        ("How many tables does {s} have?",),
        _number(4, 60),
        "How many more tables than {t} does {s} have?",
    ),
    Attribute(
        ("A lunch at {s} costs {v}.",), ("How much is a lunch at {s}?", "What does a lunch at {s} cost?"), _price
    ),
    Attribute(
        ("The door of {s} is {v}.", "{s} has its door in {v}."),
        ("What colour is the door of {s}?", "Which colour is the door of {s}?"),
        _one_of(COLOURS),
    ),
)
EVENT_ATTRIBUTES = (
    Attribute(
        ("{s} is held in {v}.", "{s} takes place in {v}."),
        ("Where is {s} held?", "In which town is {s} held?"),
        _one_of(TOWNS),
    ),
    Attribute(("{s} begins on {v}.",), ("When does {s} begin?", "On which day does {s} begin?"), _day),
    Attribute(
        ("{s} was first held in {v}.",),
        ("When was {s} first held?", "In which year was {s} first held?"),
        _number(1851, 2019),
        "How many years after {t} was {s} first held?",
    ),
    Attribute(("A ticket for {s} costs {v}.",), ("How much is a ticket for {s}?",), _price),
    Attribute(
        ("{s} lasts {v} days.",),
        ("How many days does {s} last?",),
        _number(2, 30),
        "How many days longer than {t} does {s} last?",
    ),
)
RIVER_ATTRIBUTES = (
    Attribute(
        ("{s} is {v} kilometres long.",),
        ("How many kilometres long is {s}?",),
        _number(21, 980),
        "How many kilometres longer than {t} is {s}?",
    ),
    Attribute(("{s} flows through {v}.",), ("Which town does {s} flow through?",), _one_of(TOWNS)),
    Attribute(
        ("{s} flows into {v}.", "{s} ends in {v}."), ("Where does {s} end?", "What does {s} flow into?"), _one_of(SEAS)
    ),
    Attribute(
        ("{s} is crossed by {v} bridges.", "There are {v} bridges over {s}."),
        ("How many bridges cross {s}?",),
        _number(3, 90),
        "How many more bridges cross {s} than {t}?",
    ),
)
LINKS = (
    ("{p} works at {s}.", "the place where {p} works"),
    ("{p} owns {s}.", "the place that {p} owns"),
    ("{p} had lunch at {s}.", "the place where {p} had lunch"),
)
"""What ties a person to a place, and how the place may then be spoken of."""


class Passage(NamedTuple):
    """A passage with a question.

    Attributes:
        text: The passage.
        question: The question.
        answer: The answer, short.
    """

    text: str
    question: str
    answer: str


@cache
def kinds() -> dict[str, Kind]:
    """Returns the kinds of subjects; their names are dealt to the splits."""
    first, family, nouns, events, rivers = map(pools, (FIRST, FAMILY, PLACE_NOUNS, EVENTS, RIVERS))
    return {
        "person": Kind(
            lambda dice, split: f"{dice.choice(first[split])} {dice.choice(family[split])}", PERSON_ATTRIBUTES
        ),
        "place": Kind(
            lambda dice, split: f"the {dice.choice(PLACE_ADJECTIVES)} {dice.choice(nouns[split])}", PLACE_ATTRIBUTES
        ),
        "event": Kind(lambda dice, split: f"the {dice.choice(events[split])} Fair", EVENT_ATTRIBUTES),
        "river": Kind(lambda dice, split: f"the {dice.choice(rivers[split])}", RIVER_ATTRIBUTES),
    }


def passage(dice: Dice, split: str, level: int) -> Passage:
    """Draws a passage: of one subject, of two, or with a question that takes two steps."""
    if level == 3:
        return _linked(dice, split) if dice.chance(0.6) else _apart(dice, split)
    kind = dice.choice(tuple(kinds().values()))
    subject, other = _two(dice, kind.name, split)
    asked, more = dice.sample(kind.attributes, 2)
    answer = asked.value(dice)
    said = [_say(dice, asked, subject, answer), _say(dice, more, subject, more.value(dice))]
    if level == 2:
        said.append(_say(dice, asked, other, _another(dice, asked, answer)))
    return _passage(dice, said, dice.choice(asked.ask).format(s=subject), answer)


def _linked(dice: Dice, split: str) -> Passage:
    """Draws a passage in which the question speaks of a place by way of a person."""
    one, other = _two(dice, kinds()["person"].name, split)
    place, elsewhere = _two(dice, kinds()["place"].name, split)
    link, way = dice.choice(LINKS)
    asked = dice.choice(PLACE_ATTRIBUTES)
    answer = asked.value(dice)
    said = [
        link.format(p=one, s=place),
        link.format(p=other, s=elsewhere),
        _say(dice, asked, place, answer),
        _say(dice, asked, elsewhere, _another(dice, asked, answer)),
    ]
    return _passage(dice, said, dice.choice(asked.ask).format(s=way.format(p=one)), answer)


def _apart(dice: Dice, split: str) -> Passage:
    """Draws a passage in which the answer is the difference of two numbers."""
    kind = dice.choice(tuple(kinds().values()))
    asked = dice.choice([attribute for attribute in kind.attributes if attribute.apart])
    more = dice.choice([attribute for attribute in kind.attributes if attribute is not asked])
    subject, other = _two(dice, kind.name, split)
    number = asked.value(dice)
    less, most = sorted((int(number), int(_another(dice, asked, number))))
    said = [
        _say(dice, asked, subject, str(most)),
        _say(dice, asked, other, str(less)),
        _say(dice, more, dice.choice((subject, other)), more.value(dice)),
    ]
    return _passage(dice, said, str(asked.apart).format(s=subject, t=other), str(most - less))


def _two(dice: Dice, name: Callable[[Dice, str], str], split: str) -> tuple[str, str]:
    one = other = name(dice, split)
    while other == one:
        other = name(dice, split)
    return one, other


def _another(dice: Dice, attribute: Attribute, value: str) -> str:
    other = value
    while other == value:
        other = attribute.value(dice)
    return other


def _say(dice: Dice, attribute: Attribute, subject: str, value: str) -> str:
    return dice.choice(attribute.say).format(s=subject, v=value)


def _passage(dice: Dice, said: list[str], question: str, answer: str) -> Passage:
    text = " ".join([sentence[0].upper() + sentence[1:] for sentence in dice.sample(said, len(said))])
    return Passage(text, question, answer.removeprefix("a ").removeprefix("an "))
