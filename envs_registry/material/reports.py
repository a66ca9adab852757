"""What the reports of TextGen-Summarization tell: houses and their plans, reasons, and remarks beside the point."""

from __future__ import annotations

from typing import NamedTuple

from textgym.rewards.form import words

from .news_facts import CITIES


class Plan(NamedTuple):
    """What a house will do: in full, as a headline says it, and the words of it that a summary must have."""

    phrase: str
    short: str
    facts: tuple[str, str]


class Reason(NamedTuple):
    """Why: in full, as a headline says it, and the words of it that a summary must have."""

    phrase: str
    short: str
    facts: tuple[str]


TOWNS = (
    *CITIES,
    "Redhill", "Ashby", "Milton", "Weston", "Preston", "Newton", "Oakley", "Upton", "Walton", "Highgate", "Brighton",
    "Camden",
)  # fmt: skip

HOUSES = (
    "zoo", "museum", "library", "hospital", "theatre", "bakery", "school", "college", "hotel", "cinema", "post office",
    "tennis club", "fish market", "radio station", "bus company", "fire station", "town hall", "art gallery", "brewery",
    "airport", "swimming club", "opera house", "bookshop", "train station",
)  # fmt: skip
"""Who has plans; none begins with what is said of another."""

_PLANS = (
    ("open", "a new", "cafe"), ("open", "a second", "office"), ("open", "a quiet", "garden"),
    ("open", "a roof", "terrace"), ("open", "a late", "bar"), ("close", "the north", "gate"),
    ("close", "the old", "kitchen"), ("close", "the car", "park"), ("close", "the gift", "shop"),
    ("close", "the main", "entrance"), ("sell", "the red", "piano"), ("sell", "an old", "bus"),
    ("sell", "a famous", "painting"), ("sell", "the stone", "lions"), ("buy", "three electric", "vans"),
    ("buy", "a snow", "plough"), ("buy", "ten new", "computers"), ("buy", "a coffee", "machine"),
    ("build", "a glass", "lift"), ("build", "a bike", "shed"), ("build", "a solar", "roof"),
    ("build", "a new", "staircase"), ("build", "a play", "room"), ("ban", "all mobile", "phones"),
    ("ban", "loud", "music"), ("ban", "plastic", "cups"), ("ban", "roller", "skates"), ("hire", "forty", "guards"),
    ("hire", "a night", "porter"), ("hire", "two", "gardeners"), ("hire", "a new", "director"),
    ("hire", "a head", "cook"), ("plant", "ninety", "trees"), ("plant", "a rose", "hedge"),
    ("plant", "an apple", "orchard"), ("paint", "the long", "corridor"), ("paint", "the front", "door"),
    ("paint", "the grey", "walls"), ("offer", "free", "tours"), ("offer", "cheap", "lunches"),
    ("offer", "evening", "classes"), ("offer", "music", "lessons"), ("cancel", "the summer", "party"),
    ("cancel", "the morning", "tours"), ("cancel", "the yearly", "dinner"), ("cancel", "the boat", "trips"),
    ("raise", "its ticket", "prices"), ("raise", "the parking", "fee"), ("raise", "the staff", "wages"),
    ("repair", "the leaking", "roof"), ("repair", "the tower", "clock"), ("repair", "the broken", "fountain"),
    ("replace", "the wooden", "floor"), ("replace", "the old", "windows"), ("replace", "the heavy", "curtains"),
    ("launch", "a mobile", "app"), ("launch", "a weekly", "newsletter"), ("drop", "its dress", "code"),
    ("drop", "its entry", "fee"), ("rename", "the great", "hall"),
)  # fmt: skip
"""A verb, what goes before its object, and the object."""


def _plan(verb: str, before: str, thing: str) -> Plan:
    bare = f"{before.removeprefix('a ').removeprefix('an ').removeprefix('the ').removeprefix('its ')} {thing}"
    return Plan(f"{verb} {before} {thing}", f"{verb} {bare}", (verb, bare))


def _reason(phrase: str) -> Reason:
    short = phrase.split(" ", 1)[1]
    return Reason(phrase, short, (" ".join(words(short)),))


PLANS = tuple(_plan(*plan) for plan in _PLANS)

_REASONS = (
    "a record summer", "a cold winter", "a broken boiler", "a large donation", "a long strike", "a heavy storm",
    "a burst pipe", "a lost court case", "a successful trial", "a quiet season", "a small fire", "a bomb scare",
    "a members' vote", "a safety check", "a surprise legacy", "a petition by children", "a bad review", "a good year",
    "a shortage of staff", "a change of owner", "a rise in costs", "a wave of complaints", "a fall in sales",
    "a boom in tourism", "a visit by the mayor", "a plague of rats", "a mistake in the accounts",
    "a dispute with neighbours",
    "a flood in the cellar", "a gift from a singer", "a series of thefts", "an angry letter",
)  # fmt: skip

REASONS = tuple(map(_reason, _REASONS))

_PEOPLE = (
    "A photographer", "One visitor", "A small boy", "The mayor", "An old sailor", "A student", "The night guard",
    "A tourist", "Somebody's aunt", "A reporter", "The cleaner", "A tall woman", "One guest", "A local baker",
    "The postman", "A young couple", "A taxi driver", "The florist", "A neighbour", "The band",
)  # fmt: skip
_DOINGS = (
    "lost an umbrella", "asked for tea", "arrived late", "ate a pear", "told a joke", "fell asleep", "wore a green hat",
    "brought a dog", "left early", "hummed a song", "dropped a plate", "took many pictures", "sat by the window",
    "read a newspaper", "waved at everyone", "forgot the time", "praised the weather", "shared some cake",
    "missed the last bus", "wanted an autograph", "spilled some juice", "counted the chairs", "looked bored",
    "stayed for lunch", "came by bike", "fed the pigeons", "found a glove", "laughed out loud", "bought a postcard",
    "talked about football", "chased a balloon", "sang out of tune", "walked the whole way", "drew a cat",
    "had a cold", "whistled all day", "could not find a seat", "carried a ladder", "slept through it all",
    "smiled at a baby", "asked about the toilets", "took the stairs", "lost a button", "wrote everything down",
    "ordered soup", "paid in coins", "waited outside", "played cards", "kept yawning", "wished for snow",
    "admired the carpet", "sneezed twice", "opened a window", "ran for the train", "combed a poodle", "got the giggles",
    "stood in the rain", "guessed wrong", "brought a trumpet", "peeled an orange", "changed shoes",
    "hid behind a plant",
    "told nobody", "went home happy", "fixed a lamp", "blamed the pigeons", "clapped at the end", "chewed a pencil",
    "baked a pie", "won a teddy bear", "snored softly", "carried flowers", "spoke very fast", "wore two scarves",
    "lost at chess", "tied a shoelace", "yawned at noon", "kissed a frog", "hailed a cab", "learned to juggle",
)  # fmt: skip

REMARKS = tuple(f"{who} {what}." for who in _PEOPLE for what in _DOINGS)
