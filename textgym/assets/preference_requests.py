"""What customers and neighbours ask of a helpful shop assistant, and how a good assistant answers.

Everything is drawn from tables, here and in `preference_tables`: a request is a kind of request with its slots filled,
and a reply to it has an opening, an answer and a closing, of which the answer is always there. Facts that a reply
states, such as a price, are invented; what makes it good is that it says them, of the very thing that was asked about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from .preference_tables import ASKING, CLOSINGS, DOING, FIXING, FORGIVING, INVITED, PROUD, TABLES

T = TypeVar("T")

PROMPT = "Customer: {text}\nAgent:"


class Chooser(Protocol):
    """What the tables are drawn with: `random.Random`, or anything else that chooses."""

    def choice(self, items: Sequence[T], /) -> T:
        """Returns one of ``items``."""


class Kind(NamedTuple):
    """One kind of request.

    Attributes:
        name: Of the kind.
        slots: Tables that fill the request; the split of a request hangs on what they gave.
        asks: Forms of the request.
        facts: Tables from which only the answer draws.
        answers: Forms of the answer; each says what was asked about.
        openings: Polite beginnings that suit it.
        curt: Answers that are too short to help.
    """

    name: str
    slots: tuple[str, ...]
    asks: tuple[str, ...]
    facts: tuple[str, ...]
    answers: tuple[str, ...]
    openings: tuple[str, ...]
    curt: tuple[str, ...]


class Request(NamedTuple):
    """A request: its kind, its text, what its slots hold, and the key on which its split hangs."""

    kind: Kind
    text: str
    values: Mapping[str, str]
    key: str

    @property
    def prompt(self) -> str:
        """The text as a prompt that the agent's words complete."""
        return PROMPT.format(text=self.text)


class Reply(NamedTuple):
    """A good reply in its parts; opening and closing may be empty, not both."""

    opening: str
    answer: str
    closing: str

    def __str__(self) -> str:
        return " ".join(part for part in self if part)


_YES_OR_NO = ("Yes.", "No.", "Maybe.", "Sure.", "I think so.")
_SOON = ("Soon.", "Later.", "Next week.", "No idea.", "Wait.")

KINDS = (
    Kind(
        "stock",
        ("colour", "thing"),
        (
            "Do you have the {colour} {thing} in stock?",
            "Is the {colour} {thing} still available?",
            "I am looking for a {colour} {thing}. Do you sell one?",
        ),
        ("shelf", "days"),
        (
            "Yes, you find the {colour} {thing} {shelf}.",
            "The {colour} {thing} is sold out, but we expect it again in {days}.",
            "We have one {colour} {thing} left, and I can keep it for you for {days}.",
        ),
        ASKING,
        _YES_OR_NO,
    ),
    Kind(
        "price",
        ("colour", "thing"),
        (
            "How much is the {colour} {thing}?",
            "What does the {colour} {thing} cost?",
            "What is the price of a {colour} {thing}?",
        ),
        ("price",),
        ("The {colour} {thing} costs {price}.", "You pay {price} for the {colour} {thing}, and delivery is free."),
        ASKING,
        ("A lot.", "Not much.", "It depends.", "Cheap."),
    ),
    Kind(
        "delivery",
        ("colour", "thing"),
        (
            "When will my {colour} {thing} arrive?",
            "I ordered a {colour} {thing} last week. Where is it?",
            "My {colour} {thing} has not come yet. How long will it take?",
        ),
        ("soon", "days"),
        (
            "Your {colour} {thing} is on its way and will arrive {soon}.",
            "The {colour} {thing} left our house yesterday and needs {days}.",
        ),
        (*DOING[3:], "Thank you for your patience.", "Good that you ask."),
        _SOON,
    ),
    Kind(
        "opening",
        ("place", "day"),
        ("When does the {place} open on {day}?", "How early can I come to the {place} on {day}?"),
        ("hour",),
        ("The {place} opens at {hour} on {day}.", "On {day} you can come to the {place} from {hour} on."),
        ASKING,
        _SOON,
    ),
    Kind(
        "closing",
        ("place", "day"),
        ("How long is the {place} open on {day}?", "Until when can I come to the {place} on {day}?"),
        ("hour",),
        ("The {place} is open until {hour} on {day}.", "On {day} the {place} closes at {hour}."),
        ASKING,
        ("Long enough.", "As always.", "Late.", "Not long."),
    ),
    Kind(
        "repair",
        ("machine", "fault"),
        ("My {thing} {fault}. What can I do?", "The {thing} I bought here {fault}. Can you help me?"),
        ("soon", "days"),
        (
            "Please bring the {thing} to our repair desk, and we will look at it {soon}.",
            "Please unplug the {thing} and send it back, and you get a new one in {days}.",
        ),
        FIXING,
        ("Buy a new one.", "Bad luck.", "No.", "Try again."),
    ),
    Kind(
        "exchange",
        ("thing", "flaw"),
        ("The {thing} is {flaw}. Can I exchange it?", "I find that my new {thing} is {flaw}. May I send it back?"),
        ("days",),
        (
            "You can bring the {thing} back within {days} and choose another one.",
            "Send the {thing} back within {days}, and we will return your money.",
        ),
        FIXING,
        _YES_OR_NO,
    ),
    Kind(
        "stain",
        ("stain", "textile"),
        ("How do I get {stain} out of a {thing}?", "There is {stain} on my {thing}. What helps?"),
        (),
        ("To get {stain} out of the {thing}, {remedy}.", "With {stain} on a {thing}, {remedy}."),
        ASKING,
        ("Wash it.", "With water.", "Buy a new one.", "No idea."),
    ),
    Kind(
        "cooking",
        ("food", "diners"),
        ("How long do I cook {food} {diners}?", "I want to make {food} {diners}. How long does it take?"),
        (),
        ("As a rule, {cooking}.", "In my kitchen {cooking}."),
        ASKING,
        ("Not long.", "Until it is done.", "Ask your mother.", "It depends."),
    ),
    Kind(
        "plant",
        ("plant", "spot"),
        ("How often do I water the {plant} {spot}?", "My {plant} {spot} looks sad. How much water does it need?"),
        (),
        ("Water the {plant} {often} and let the soil dry in between.", "The {plant} {spot} needs water {often}."),
        ASKING,
        ("Often.", "Not often.", "When it is dry.", "Some water."),
    ),
    Kind(
        "gift",
        ("relative", "hobby", "occasion"),
        (
            "What can I give my {relative} for {occasion}? {who} likes {hobby}.",
            "I need a present for my {relative}, who likes {hobby}. It is for {occasion}. Any ideas?",
        ),
        (),
        (
            "For somebody who likes {hobby}, I would choose {gift}.",
            "A good present is {gift}, as your {relative} likes {hobby}.",
        ),
        ASKING,
        ("Flowers.", "Money.", "Anything.", "I do not know."),
    ),
    Kind(
        "choice",
        ("thing", "room"),
        ("Which {thing} do you recommend for {room}?", "I need a {thing} for {room}. Which one is right?"),
        ("colour", "virtue"),
        (
            "For {room} I would take the {colour} {thing}: it is {virtue}.",
            "The {colour} {thing} suits {room}, as it is {virtue}.",
        ),
        ASKING,
        ("Any.", "The cheap one.", "The best one.", "You decide."),
    ),
    Kind(
        "invitation",
        ("party", "day", "hour"),
        (
            "We are having {party} on {day} at {hour}. Would you like to come?",
            "You are invited to {party} on {day} at {hour}. Can you join us?",
        ),
        (),
        (
            "We will gladly come to {named} on {day} at {hour}.",
            "On {day} we have to work, but we wish you much joy at {named}.",
        ),
        INVITED,
        _YES_OR_NO,
    ),
    Kind(
        "apology",
        ("misdeed", "excuse"),
        ("I am sorry that I {misdeed}{excuse}.", "I want to apologise: I {misdeed}{excuse}."),
        (),
        ("Do not worry about {matter}: {mending}.", "About {matter}: {mending}, so all is well."),
        FORGIVING,
        ("Fine.", "Okay.", "Whatever.", "Too late."),
    ),
    Kind(
        "booking",
        ("booking", "people", "day", "hour"),
        (
            "I would like to book {booking} for {people} on {day} at {hour}.",
            "Can we have {booking} for {people} people on {day} at {hour}?",
        ),
        (),
        (
            "I have booked {booking} for {people} on {day} at {hour}.",
            "You have {booking} for {people} people on {day} at {hour}.",
        ),
        DOING,
        ("Okay.", "Maybe.", "We are full.", "Done."),
    ),
    Kind(
        "cancelling",
        ("colour", "thing"),
        (
            "Please cancel my order of the {colour} {thing}.",
            "I no longer need the {colour} {thing}. Can you cancel it?",
        ),
        ("days",),
        (
            "Your order of the {colour} {thing} is cancelled, and your money is back in {days}.",
            "I have cancelled the {colour} {thing}, so you need not pay for it.",
        ),
        DOING,
        ("Okay.", "No.", "Too late.", "Done."),
    ),
    Kind(
        "lost",
        ("belonging", "place", "day"),
        (
            "I left my {belonging} in the {place} on {day}. Have you found it?",
            "Has anybody found my {belonging}? I left it in the {place} on {day}.",
        ),
        ("soon",),
        (
            "Yes, we found your {belonging} in the {place}, and you can fetch it {soon}.",
            "Your {belonging} has not turned up in the {place} yet, but we will look again {soon}.",
        ),
        (*FIXING[:3], "Hello!"),
        _YES_OR_NO,
    ),
    Kind(
        "thanks",
        ("colour", "thing"),
        (
            "Thank you for the {colour} {thing}, I love it!",
            "I just wanted to say that the {colour} {thing} is wonderful.",
        ),
        (),
        (
            "We are glad that you like the {colour} {thing}.",
            "May the {colour} {thing} serve you well for many years.",
            "I will tell the people who made the {colour} {thing}.",
        ),
        PROUD,
        ("Okay.", "Fine.", "I know.", "Good."),
    ),
    Kind(
        "directions",
        ("place", "start"),
        ("How do I get to the {place} from the {start}?", "I am at the {start}. Which way is it to the {place}?"),
        ("way",),
        (
            "From the {start}, {way}, and you see the {place}.",
            "To reach the {place}, {way}; it is not far from the {start}.",
        ),
        ASKING,
        ("On foot.", "By bus.", "Straight on.", "Use a map."),
    ),
    Kind(
        "address",
        ("thing", "street"),
        ("I have moved. Please send my {thing} to {street}.", "Can you deliver the {thing} to {street} instead?"),
        ("soon",),
        ("We will send the {thing} to {street} {soon}.", "The {thing} goes to {street} now and arrives {soon}."),
        DOING,
        ("Okay.", "No.", "Done.", "Too late."),
    ),
)

GREETINGS = ("", "", "", "Hello! ", "Good morning. ", "Hi. ", "Good evening. ", "Dear team: ")
FAREWELLS = ("", "", "", " Thank you!", " Thanks.", " Kind regards, Ann", " Best wishes, Tom")


def draw(dice: Chooser) -> Request:
    """Returns a request."""
    kind = dice.choice(KINDS)
    values: dict[str, str] = {}
    for table in kind.slots:
        values |= dice.choice(TABLES[table])
    ask = dice.choice(kind.asks).format_map(values)
    text = dice.choice(GREETINGS) + ask + dice.choice(FAREWELLS)
    return Request(kind, text, values, f"{kind.name}/{'/'.join(values.values())}")


def answer(request: Request, dice: Chooser) -> Reply:
    """Returns a good reply to a request."""
    values = dict(request.values)
    for table in request.kind.facts:
        values |= dice.choice(TABLES[table])
    core = dice.choice(request.kind.answers).format_map(values)
    opened, closed = dice.choice(((True, True), (True, False), (True, False), (False, True)))
    return Reply(
        dice.choice(request.kind.openings) if opened else "",
        core[0].upper() + core[1:],
        dice.choice(CLOSINGS) if closed else "",
    )


class _Hashed:
    """Chooses by the digits of a number, so that the same text is always answered in the same way."""

    def __init__(self, text: str) -> None:
        self._number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())

    def choice(self, items: Sequence[T], /) -> T:
        self._number, i = divmod(self._number, len(items))
        return items[i]


def reference(request: Request) -> str:
    """Returns the good reply to a request that is its reference: always the same one."""
    return str(answer(request, _Hashed(request.text)))
