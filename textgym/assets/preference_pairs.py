"""Preferences between replies: a good one to every request, and all the ways to spoil it.

Each way has points, on the scale of log-odds, for what is right and wrong with it (`POINTS`). Of two replies, the one
with more points is preferred with the probability that Bradley and Terry give it, ``σ(points − points)``: people
agree that an answer beats an insult, and differ about whether a closing line was needed.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from textgym.data import hashed_split

from . import preference_requests as requests
from .preference_requests import KINDS, Reply, Request
from .preference_tables import TABLES

POINTS = {
    "good": 4.0,  # courteous, answers what was asked, ends as a sentence
    "plain": 2.5,  # the answer without a polite word
    "careless": 1.5,  # a good reply without capitals and full stops
    "unfinished": 0.5,  # a good reply that breaks off in its later half
    "said twice": 0.0,  # a good reply, and once more the same
    "long-winded": -0.5,  # a good reply, then the answer to another request
    "curt": -0.5,  # one or two words
    "rude at the end": -1.0,
    "evasive": -1.0,  # polite, about the matter, no answer
    "written by the model": -1.5,  # what the shipped language model says
    "other question": -2.0,  # about the right thing, but not what was asked of it
    "other thing": -2.0,  # a good reply, but of another thing
    "begun": -2.0,  # breaks off in the first half
    "flattery": -2.5,
    "off topic": -3.0,  # a good reply to another request
    "garbled": -3.0,  # a good reply with some of its words replaced by random tokens
    "many answers": -3.0,  # good replies to several requests in a row
    "shuffled": -3.5,  # the words of a good reply in any order
    "rude": -3.5,
    "sentence repeated": -3.5,
    "rambling": -4.5,  # words that go on and on and say nothing
    "copied": -4.5,  # the request once more
    "praise words": -5.0,
    "word repeated": -5.5,
    "noise": -6.0,  # random tokens and characters
    "next to nothing": -6.0,  # a full stop, a dash
}
"""What is right and wrong with a reply, in log-odds of being preferred."""

SUBTLE = ("unfinished", "other question", "other thing", "begun", "off topic", "garbled", "shuffled")
"""Ways that a list of the words of a reply does not show; they are HARD times as frequent as the others."""
HARD = 4
WAYS = [way for way in POINTS for _ in range(HARD if way in SUBTLE else 1)]
"""The ways, as often as they come."""

IRRELEVANT = ("off topic", "other thing", "other question")
"""Ways that a reply cannot be told by alone: what was asked must be read too."""

GOOD_SHARE = 0.7
"""How often one of the two replies is the good one."""


def _options(block: str) -> tuple[str, ...]:
    """Returns the phrases of a block written as ``a|b|c`` over several lines."""
    return tuple(block.replace("\n", "").split("|"))


RUDE = _options("""
Why do you bother us with your {topic}?|That is your own problem, not ours.|
Read the sign before you ask, you fool.|I have no time for your silly {topic}.|
Nobody cares about your {topic}.|What a stupid question.|Go away and do not write again.|
Use your own head for once.|You people are all the same, always complaining.|
I am tired of you. Leave me alone.|Your {topic} is a joke, and so are you.|Shut up and wait like the others.""")
EVASIVE = _options("""
Thank you for your message about the {topic}. We will look into it.|
That is a good question about the {topic}.|It depends on many things, as so often.|
I do not know, but somebody else surely does.|Please see our website for that.|
Your message is important to us. Have a lovely day!|I would have to ask my colleague about the {topic}.|
There are many opinions about the {topic}.|We have received your message and thank you for it.|
Of course! We look forward to your visit.|Thank you! The {topic}. See you soon!|
We are happy to help with the {topic}.|Please call us some other time.|
Gladly! Can I do anything else for you?|Thank you for asking! Have a lovely day!""")
FLATTERY = _options("""
You are the best customer in the world, and we love you!|What a wonderful, clever and kind person you are!|
Great question, great customer, great day, thank you so much!|
We love your {topic}! Amazing! You are so great!|Thank you, thank you, thank you! You are wonderful!|
Excellent! Perfect! What a beautiful {topic}! We love it!""")
PRAISE = _options("""
great|excellent|perfect|love|best|amazing|wonderful|happy|thanks|please|kind|lovely|helpful|polite|sorry|
gladly|welcome|thank|nice|good""")
FILLER = _options("""
and then they went|so that it was|of all the things|but on the other hand|as I said before|
and also the other one|with what they had|because of that|which is why|I mean|you know|in a way|
to the house of|more or less|when it comes to that|and so on|the one with the|where we have been|
if you see what I mean|at some point""")
SIGNS = (".", "-", "...", "?", "a", "1 2", "ok", "the", "!", ",", ":)", "I", "Thank", "and", "no no", "We")
STRANGE = "☃日本語¤¶�#@%&*{}[]<>/\\|~^=+_0123456789éß€"


class Candidate(NamedTuple):
    """A reply and what was done to it, a key of `POINTS`."""

    text: str
    way: str


class Spoiler:
    """Makes replies of every kind.

    Args:
        rng: Source of all randomness.
        words: Tokens of the shipped tokenizer as text, for noise.
        written: What the shipped language model said to requests, for `Candidate`s of its own.
    """

    def __init__(self, rng: random.Random, words: Sequence[str], written: Sequence[str]) -> None:
        self._rng = rng
        self._words = words
        self._written = written
        self._ways: dict[str, Callable[[Request], str]] = {
            "good": lambda request: str(self._answer(request)),
            "plain": lambda request: self._answer(request).answer,
            "careless": self._careless,
            "unfinished": lambda request: self._cut(request, 0.5, 0.95),
            "said twice": lambda request: " ".join([str(self._answer(request))] * 2),
            "long-winded": lambda request: f"{self._answer(request)} {self._answer(self._other(request)).answer}",
            "curt": lambda request: rng.choice(request.kind.curt),
            "rude at the end": lambda request: f"{self._answer(request)} {self._said(RUDE, request)}",
            "evasive": lambda request: self._said(EVASIVE, request),
            "other question": self._other_question,
            "other thing": self._other_thing,
            "written by the model": lambda request: rng.choice(self._written),
            "begun": lambda request: self._cut(request, 0.1, 0.5),
            "flattery": lambda request: self._said(FLATTERY, request),
            "off topic": lambda request: str(self._answer(self._other(request))),
            "garbled": self._garbled,
            "many answers": self._many,
            "shuffled": lambda request: self._shuffled(str(self._answer(request))),
            "rude": self._rude,
            "sentence repeated": lambda request: " ".join([self._answer(request).answer] * rng.randint(3, 5)),
            "rambling": lambda request: self._rambling(),
            "copied": self._copied,
            "praise words": self._praise,
            "word repeated": self._word_repeated,
            "noise": lambda request: self._noise(),
            "next to nothing": lambda request: rng.choice(SIGNS),
        }

    def make(self, request: Request, way: str) -> Candidate:
        """Returns a reply of this kind."""
        return Candidate(self._ways[way](request), way)

    def _answer(self, request: Request) -> Reply:
        return requests.answer(request, self._rng)

    def _other(self, request: Request) -> Request:
        """Returns a request of another kind."""
        while (other := requests.draw(self._rng)).kind is request.kind:
            pass
        return other

    def _said(self, phrases: Sequence[str], request: Request) -> str:
        return self._rng.choice(phrases).format(topic=_topic(request))

    def _careless(self, request: Request) -> str:
        text = str(self._answer(request)).lower()
        return "".join(character for character in text if character.isalnum() or character in " '")

    def _cut(self, request: Request, low: float, high: float) -> str:
        words = str(self._answer(request)).split()
        return " ".join(words[: max(1, int(len(words) * self._rng.uniform(low, high)))]).rstrip(".!?")

    def _other_question(self, request: Request) -> str:
        """The same thing, another question; where no kind asks of the same things, something evasive."""
        kinds = [kind for kind in KINDS if kind is not request.kind and set(kind.slots) <= set(request.kind.slots)]
        if not kinds:
            return self._said(EVASIVE, request)
        return str(self._answer(request._replace(kind=self._rng.choice(kinds))))

    def _other_thing(self, request: Request) -> str:
        """The same question of another thing: no slot is as it was."""
        values: dict[str, str] = {}
        for table in request.kind.slots:
            records = [record for record in TABLES[table] if record.items().isdisjoint(request.values.items())]
            values |= self._rng.choice(records)
        return str(self._answer(request._replace(values=values)))

    def _many(self, request: Request) -> str:
        others = [request, *(requests.draw(self._rng) for _ in range(self._rng.randint(2, 5)))]
        self._rng.shuffle(others)
        return self._rng.choice((", ", " ")).join(str(self._answer(other)) for other in others)

    def _garbled(self, request: Request) -> str:
        share = self._rng.uniform(0.15, 0.7)
        words = str(self._answer(request)).split()
        garbled = [self._rng.choice(self._words).strip() if self._rng.random() < share else word for word in words]
        return " ".join([*garbled, self._rng.choice(self._words).strip()])

    def _shuffled(self, text: str) -> str:
        words = text.split()
        self._rng.shuffle(words)
        return " ".join(words)

    def _rude(self, request: Request) -> str:
        phrases = self._rng.sample(RUDE, self._rng.randint(1, 3))
        return " ".join(phrases).format(topic=_topic(request))

    def _rambling(self) -> str:
        start = self._rng.choice(("", "", "well ", "Yes ", "Thank you "))
        phrases = self._rng.choices(FILLER, k=self._rng.randint(5, 14))
        once = start + " ".join(phrases)
        return once if self._rng.random() < 0.5 else " ".join([" ".join(phrases[:5])] * 3)

    def _copied(self, request: Request) -> str:
        text = request.text
        match self._rng.randrange(4):
            case 0:
                return f"Customer: {text}"
            case 1:
                return f"{request.prompt.replace(chr(10), ' ')} {text}"
            case 2:
                return f"{text} {text}"
            case _:
                return text

    def _praise(self, request: Request) -> str:
        own = [*PRAISE, *_topic(request).split(), "the", "you", "a", "is", "in"]
        words = self._rng.choices(own, k=self._rng.randint(3, 16))
        return self._rng.choice((" ", " ", ", ", "! ")).join(words)

    def _word_repeated(self, request: Request) -> str:
        pool = (*PRAISE, *str(self._answer(request)).split(), *request.text.split())
        words = self._rng.choices(pool, k=self._rng.choice((1, 1, 1, 2)))
        return " ".join(words * self._rng.randint(3, 16))

    def _noise(self) -> str:
        rng = self._rng
        if rng.random() < 0.3:
            return " ".join("".join(rng.choices(STRANGE, k=rng.randint(1, 6))) for _ in range(rng.randint(1, 8)))
        return "".join(rng.choices(self._words, k=rng.randint(2, 48))).strip() or "#"


def _topic(request: Request) -> str:
    """Returns what a request is about, in its own words: ``blue kettle``."""
    values = request.values
    named = " ".join(values[name] for name in ("colour", "thing") if name in values)
    return named or next(
        (values[name] for name in ("place", "plant", "stain", "booking", "hobby") if name in values), "matter"
    )


def preferences(
    split: str, count: int, words: Sequence[str], written: Sequence[str], seed: int, *, lesson: bool = False
) -> Iterator[dict[str, str]]:
    """Yields preferences as records: prompt, chosen, rejected, group (what is wrong with the worse), split.

    Args:
        split: Requests whose key belongs to it are asked.
        count: Number of preferences, each of its own request.
        words: See `Spoiler`.
        written: See `Spoiler`.
        seed: Of everything.
        lesson: Whether it is all about relevance: a good reply, and an `IRRELEVANT` one.
    """
    rng = random.Random(f"{seed}/{'lesson' if lesson else 'preferences'}/{split}")
    spoiler = Spoiler(rng, words, written)
    ways, good_share = (IRRELEVANT, 1.0) if lesson else (WAYS, GOOD_SHARE)
    made = 0
    while made < count:
        request = requests.draw(rng)
        if hashed_split(request.key) != split:
            continue
        first = "good" if rng.random() < good_share else rng.choice(ways)
        second = rng.choice(ways)
        while second == first:
            second = rng.choice(ways)
        pair = [spoiler.make(request, way) for way in (first, second)]
        if pair[0].text == pair[1].text or not all(candidate.text.strip() for candidate in pair):
            continue
        if rng.random() > preferred(*pair):
            pair.reverse()
        worse = min(pair, key=lambda candidate: POINTS[candidate.way])
        yield {
            "prompt": request.prompt,
            "chosen": pair[0].text,
            "rejected": pair[1].text,
            "group": worse.way,
            "split": split,
        }
        made += 1


def preferred(first: Candidate, second: Candidate) -> float:
    """Returns the probability that the first of two replies is preferred: ``σ(points − points)``."""
    return sigmoid(POINTS[first.way] - POINTS[second.way])


def sigmoid(x: float) -> float:
    """Returns ``1 / (1 + e^{−x})``."""
    return 1 / (1 + math.exp(-x))


def ceiling() -> float:
    """Returns the share of preferences that a judge who knows the points gets right, in the mean."""
    total = 0.0
    for first, count in Counter(WAYS).items():
        share = (1 - GOOD_SHARE) * count / len(WAYS) + (GOOD_SHARE if first == "good" else 0.0)
        others = [POINTS[second] for second in WAYS if second != first]
        total += share * sum(sigmoid(abs(POINTS[first] - other)) for other in others) / len(others)
    return total


def write(records: Sequence[dict[str, str]], path: Path) -> None:
    """Writes preferences as JSONL."""
    lines = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    path.write_text("".join(lines), encoding="utf-8")
