"""A small world of shops: what people buy, what goes wrong with it, and how they and the help desk put it.

`TextGen-Dialogue-v0` and `TextGen-CustomerService-v0` draw their scenarios here. What a text of the help desk *means*
is for `service_acts` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..prose import Dice

ACTS = ("refund", "replacement", "exchange", "cancellation", "address", "delivery", "visit", "invoice")
"""What the help desk can do about a request; each request wants one of them."""

FAULTS = ("refund", "replacement")
"""Acts between which the customer's wish decides: the trouble is the same."""

NEEDS: dict[str, tuple[str, ...]] = {
    "refund": ("order", "wish"),
    "replacement": ("order", "wish"),
    "exchange": ("order", "size"),
    "cancellation": ("order",),
    "address": ("order", "address"),
    "delivery": ("order", "day"),
    "visit": ("address", "day"),
    "invoice": ("order", "email"),
}
"""What an agent must know before it can act, in the order in which the reference asks for it."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COLOURS = "red blue green black white grey brown yellow pink purple "
KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "machines": (
        _words(COLOURS + "silver copper small large compact modern slim quiet cream orange"),
        _words(
            "kettle toaster radio fan mixer blender heater printer speaker fridge oven freezer dishwasher dryer juicer "
            "keyboard monitor camera telephone television"
        ),
    ),
    "furniture": (
        _words(COLOURS + "oak pine walnut bamboo small large round folding antique modern"),
        _words(
            "chair table desk shelf stool bench cabinet wardrobe bed sofa bookcase cupboard armchair sideboard mirror "
            "dresser cradle lamp clock ottoman"
        ),
    ),
    "clothes": (
        _words(COLOURS + "woollen cotton linen striped checked silk velvet plain warm light"),
        _words(
            "coat jacket jumper shirt dress skirt cardigan blouse waistcoat suit blazer hoodie raincoat sweater vest "
            "nightgown tunic kilt bathrobe parka"
        ),
    ),
    "outdoors": (
        _words(COLOURS + "small large light sturdy folding striped orange silver foldable solid"),
        _words(
            "tent backpack lantern hammock parasol bicycle scooter kayak canoe sledge wheelbarrow barbecue ladder "
            "trolley suitcase telescope skateboard cooler kite umbrella"
        ),
    ),
}
"""Kinds of products: what they are like, and what they are. Any adjective goes with any noun of its kind."""

PRODUCTS: dict[str, tuple[tuple[str, str], ...]] = {
    kind: tuple((f"{adjective} {noun}", noun) for noun in nouns for adjective in adjectives)
    for kind, (adjectives, nouns) in KINDS.items()
}
"""Products of each kind, as (name, noun)."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
SIZES = ("34", "36", "38", "40", "42", "44", "46", "48")
STREETS = (
    "Mill Lane",
    "Park Road",
    "Hill Street",
    "Church Lane",
    "Station Road",
    "Bridge Street",
    "King Street",
    "Garden Road",
    "River Lane",
    "School Road",
    "Market Street",
    "Forest Road",
)
NAMES = ("Mia", "Tom", "Anna", "Ben", "Lucy", "Max", "Emma", "Sam", "Nina", "Paul", "Clara", "Leo", "Ruth", "Adam")
SURNAMES = ("fox", "hill", "stone", "king", "rose", "page", "wood", "lane", "west", "price", "cook", "bell")

GREETINGS = ("", "", "", "Hello. ", "Hi. ", "Good morning. ", "Hello there. ", "Hi there. ", "Good evening. ")

REQUESTS: dict[str, tuple[str, ...]] = {
    "fault": (
        "My {0} arrived damaged.",
        "The {0} you sent me is faulty.",
        "The {0} I bought fell apart after two days.",
        "My {0} was damaged in the post.",
        "The {0} I got is not what I ordered.",
    ),
    "exchange": (
        "My {0} does not fit.",
        "The {0} I bought is too tight.",
        "The {0} you sent me is too big.",
        "My {0} is far too small for me.",
        "I ordered the wrong size of the {0}.",
    ),
    "cancellation": (
        "Please cancel my {0}.",
        "I no longer need the {0}, so please cancel it.",
        "I want to cancel the {0} I ordered.",
        "Can I still cancel my {0}?",
        "I ordered the {0} by mistake and want to cancel it.",
    ),
    "address": (
        "I have moved, so my {0} has to go to a new address.",
        "My {0} is going to my old address.",
        "Please send my {0} to another address.",
        "I gave you the wrong address for my {0}.",
        "Can you change the address for my {0}?",
    ),
    "delivery": (
        "I will be away when my {0} comes, so I need another day.",
        "Can you bring my {0} on another day?",
        "Please move the delivery of my {0}.",
        "Nobody is at home to take the {0}, so I need a later day.",
        "I would like to change the delivery day of my {0}.",
    ),
    "visit": (
        "My {0} has stopped working and needs a repair.",
        "Can somebody come and repair my {0}?",
        "My {0} is making strange noises, please send a technician.",
        "I need a technician for my {0}.",
        "The {0} broke last night. Can someone fix it at my home?",
    ),
    "invoice": (
        "I need an invoice for my {0}.",
        "Could you send me the invoice for my {0}?",
        "There was no invoice with my {0}.",
        "I have lost the invoice for my {0}.",
        "My office needs the invoice for the {0}.",
    ),
    "late": (
        "Where is my {0}?",
        "When will my {0} arrive?",
        "I am still waiting for my {0}.",
        "My {0} has not come yet. When will it be here?",
        "How long do I have to wait for my {0}?",
    ),
}
"""What customers say first about a request; {0} is the product."""

TELLS: dict[str, tuple[str, ...]] = {
    "order": ("My order number is {0}.", "The order number is {0}.", "It is order {0}.", "The number is {0}."),
    "refund": ("I would like a refund.", "I want my money back.", "A refund, please.", "Please refund me."),
    "replacement": ("I would like a new one.", "A replacement, please.", "I want a replacement.", "Please replace it."),
    "size": ("I need size {0}.", "Size {0}, please.", "I should have size {0}.", "Size {0} would fit me."),
    "address": ("The address is {0}.", "Please use {0}.", "I live at {0}.", "You will find me at {0}."),
    "day": ("{0} would suit me.", "{0} is best for me.", "On {0}, please.", "I am at home on {0}."),
    "email": ("My e-mail is {0}.", "Please use {0}.", "Send it to {0}.", "You can write to {0}."),
    "name": ("My name is {0}.", "I am {0}.", "This is {0}.", "{0} is my name."),
}
"""How customers tell a thing; the wish has no value of its own and is told as refund or replacement."""

ASK_FOR = {
    "order": "your order number",
    "wish": "whether you would like a refund or a new one",
    "size": "the size you need",
    "address": "the address",
    "day": "the day that suits you",
    "email": "your e-mail address",
}
QUESTIONS = ("Could you please tell me {0}?", "Please tell me {0}.", "Could you let me know {0}, please?")
"""How the help desk asks for one or two things."""

RESOLUTIONS: dict[str, tuple[str, ...]] = {
    "refund": ("I have refunded order {order}.", "We will refund order {order} today.", "Order {order} is refunded."),
    "replacement": (
        "We are sending you a replacement for order {order}.",
        "I have arranged a replacement for order {order}.",
        "A replacement for order {order} is on its way.",
    ),
    "exchange": (
        "We will exchange order {order} for size {size}.",
        "I have exchanged order {order} for size {size}.",
        "Order {order} will be exchanged for size {size}.",
    ),
    "cancellation": (
        "I have cancelled order {order}.",
        "Order {order} has been cancelled.",
        "We have cancelled order {order} for you.",
    ),
    "address": (
        "I have changed the address of order {order} to {address}.",
        "We will send order {order} to the address {address}.",
        "Order {order} will be sent to {address}.",
    ),
    "delivery": (
        "We will deliver order {order} on {day}.",
        "I have moved the delivery of order {order} to {day}.",
        "Order {order} will arrive on {day}.",
    ),
    "visit": (
        "A technician will visit you at {address} on {day}.",
        "I have booked a technician for {day} at {address}.",
        "We will send a technician to {address} on {day}.",
    ),
    "invoice": (
        "I have sent the invoice for order {order} to {email}.",
        "The invoice for order {order} will be sent to {email}.",
        "We are sending the invoice for order {order} to {email}.",
    ),
}
"""How the help desk says what it does; each names all that it must."""


ASK_WHAT = ("What can I do for you?", "How can I help you with it?", "What is the problem?")
"""How the help desk asks what a message is about."""


class Case(NamedTuple):
    """What a customer wants and all that could be asked about it.

    Attributes:
        act: What the help desk should do, one of `ACTS`.
        product: What it is about.
        noun: The same in one word.
        values: Value of each slot, in the order of `SLOTS`.
    """

    act: str
    product: str
    noun: str
    values: tuple[str, ...]

    def value(self, slot: str) -> str:
        """Returns the value of a slot; the wish of a case is its act."""
        return self.act if slot == "wish" else self.values[SLOTS.index(slot)]


SLOTS = ("order", "size", "address", "day", "email", "name")


def draw_case(dice: Dice, act: str) -> Case:
    """Draws a case that wants ``act``; sizes are of clothes, and technicians come for machines."""
    kinds = ("machines",) if act == "visit" else ("clothes",) if act == "exchange" else tuple(PRODUCTS)
    product, noun = dice.choice(PRODUCTS[dice.choice(kinds)])
    name, surname = dice.choice(NAMES), dice.choice(SURNAMES)
    values = (
        str(dice.whole(10_000, 99_999)),
        dice.choice(SIZES),
        f"{dice.whole(1, 99)} {dice.choice(STREETS)}",
        dice.choice(DAYS),
        f"{name.lower()}@{surname}.example",
        f"{name} {surname.capitalize()}",
    )
    return Case(act, product, noun, values)


def requests(case: Case) -> tuple[str, ...]:
    """Returns the ways to say what a case is about; what is wished where something is faulty is told apart."""
    return REQUESTS["fault" if case.act in FAULTS else case.act]


def tells(slot: str, value: str) -> tuple[str, ...]:
    """Returns the ways to tell the value of a slot, without the value filled in."""
    return TELLS[value if slot == "wish" else slot]


def tell(slot: str, value: str, style: int) -> str:
    """Returns a sentence in which a customer tells the value of a slot; ``style`` chooses among the ways."""
    ways = tells(slot, value)
    return ways[style % len(ways)].format(value)


def resolution(case: Case, style: int) -> str:
    """Returns a sentence in which the help desk says what it does about a case."""
    ways = RESOLUTIONS[case.act]
    return ways[style % len(ways)].format(**dict(zip(SLOTS, case.values, strict=True)))


def question(slots: Sequence[str], style: int) -> str:
    """Returns a sentence in which the help desk asks for these slots."""
    return QUESTIONS[style % len(QUESTIONS)].format(" and ".join([ASK_FOR[slot] for slot in slots]))
