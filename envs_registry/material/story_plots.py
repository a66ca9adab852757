"""The plots of TextGen-Story: heroes, places, things, troubles and endings, and how each is told.

``{n}`` is the hero's name, ``{a}`` what is asked for with its article, ``{t}`` the thing alone. Every thing has a kind,
and every trouble is overcome with each kind in a way of its own. No hero is *he* or *she*: anybody can be anything.
"""

from __future__ import annotations

from typing import NamedTuple

KINDS = ("light", "music", "tool", "paper", "food")


class Place(NamedTuple):
    """Where a story is: the noun, the phrase that asks for it, and the phrase that says it."""

    noun: str
    asked: str
    told: str


class Thing(NamedTuple):
    """What the hero comes by: the noun, the phrase that asks for it, and one of `KINDS`."""

    noun: str
    asked: str
    kind: str


class Trouble(NamedTuple):
    """What happens: the noun, the phrase that asks for it, sentences that tell it, and the way out by kind of thing."""

    noun: str
    asked: str
    told: tuple[str, ...]
    solved: dict[str, str]


class Ending(NamedTuple):
    """How it ends: the noun, the phrase that asks for it, and sentences that tell it."""

    noun: str
    asked: str
    told: tuple[str, ...]


NAMES = (
    "Mara", "Tom", "Ida", "Ben", "Nora", "Sam", "Lena", "Max", "Ada", "Leo", "Ruth", "Otto", "Ella", "Finn", "Mina",
    "Paul", "Vera", "Hugo", "Clara", "Emil", "Anna", "Carl", "Dora", "Jonas", "Lucy", "Peter", "Rita", "Simon",
    "Tess", "Walter", "Zoe", "Adam", "Greta", "Oscar", "Hanna", "Victor",
)  # fmt: skip

JOBS = (
    "baker", "miller", "farmer", "painter", "teacher", "sailor", "tailor", "carpenter", "gardener", "shepherd",
    "weaver", "potter", "fiddler", "clockmaker", "nurse", "cook", "smith", "librarian", "fisher", "mason",
)  # fmt: skip

PLACES = tuple(
    Place(line.split()[-1], line, told)
    for line, told in (
        ("a small island", "on a small island"),
        ("a mountain village", "in a mountain village"),
        ("an old castle", "in an old castle"),
        ("a deep forest", "in a deep forest"),
        ("a green valley", "in a green valley"),
        ("a harbor town", "in a harbor town"),
        ("a crooked lighthouse", "in a crooked lighthouse"),
        ("a lonely inn", "at a lonely inn"),
        ("a river farm", "on a river farm"),
        ("a great city", "in a great city"),
        ("a windy hill", "on a windy hill"),
        ("a mill", "in a mill by a stream"),
        ("a desert camp", "in a desert camp"),
        ("a busy market", "beside a busy market"),
        ("a frozen lake", "on a frozen lake"),
        ("a quiet monastery", "in a quiet monastery"),
    )
)

THINGS = tuple(
    Thing(line.split()[-1], line, kind)
    for kind, lines in {
        "light": ("a tin lantern", "a glass lamp", "a tall candle", "a smoky torch", "a signal lamp"),
        "music": ("a wooden flute", "an old fiddle", "a small drum", "a copper bell", "a hunting horn"),
        "tool": ("a long rope", "a rusty spade", "a heavy hammer", "a folding ladder", "an iron hook"),
        "paper": ("a torn map", "a sealed letter", "a dusty book", "a faded scroll", "a thin diary"),
        "food": ("a honey cake", "a golden cheese", "a fat sausage", "a giant pear", "an apple pie"),
    }.items()
    for line in lines
)

FINDS = (
    "One morning {n} found {a} under the floor.",
    "On the way home, {n} tripped over {a}.",
    "An old friend gave {n} {a} as a present.",
    "At the fair, {n} traded a coat for {a}.",
    "One rainy day, {n} won {a} in a bet.",
    "Behind a loose stone, {n} found {a}.",
)

INTRODUCTIONS = (
    "{n} was {j} {p}.",
    "{P} lived {j} called {n}.",
    "Once there was {j} {p} by the name of {n}.",
    "{n}, {j}, had always lived {p}.",
)

TROUBLES = (
    Trouble(
        "storm",
        "a storm",
        ("Then a storm came and tore at the roofs.", "That night a storm broke over everything."),
        {
            "light": "{n} held the {t} high, and everyone found the way to shelter.",
            "music": "{n} sounded the {t}, and everyone followed it to shelter.",
            "tool": "With the {t}, {n} kept the last roof in place.",
            "paper": "The {t} told of a cellar, and {n} led everyone down to it.",
            "food": "{n} shared the {t} in a cellar until the wind was tired.",
        },
    ),
    Trouble(
        "thief",
        "a thief",
        ("Then a thief crept from door to door.", "But a thief came and took whatever was not nailed down."),
        {
            "light": "{n} lifted the {t}, and there in its glow somebody stood, ashamed.",
            "music": "{n} sounded the {t}, and somebody dropped a sack and ran.",
            "tool": "{n} set a trap with the {t}, and by dawn there was somebody in it.",
            "paper": "The {t} gave away the hiding place, and {n} got everything back.",
            "food": "{n} offered the {t}, and with a sob everything was given back.",
        },
    ),
    Trouble(
        "fire",
        "a fire",
        ("Then a fire broke out in the middle of the night.", "One evening a fire jumped from roof to roof."),
        {
            "light": "{n} swung the {t} in the smoke, and all came out behind it.",
            "music": "{n} sounded the {t} until all were awake and carrying water.",
            "tool": "With the {t}, {n} broke a door open, and all got out.",
            "paper": "The {t} showed a forgotten well, and {n} had water in time.",
            "food": "{n} shared the {t} with the helpers, and they did not give up.",
        },
    ),
    Trouble(
        "fog",
        "a thick fog",
        ("Then a thick fog rolled in and would not leave.", "In autumn a thick fog swallowed every path."),
        {
            "light": "{n} lit the {t}, and one by one the lost came out of the grey.",
            "music": "{n} sounded the {t}, and one by one the lost came out of the grey.",
            "tool": "Step by step, {n} felt the way with the {t} and led everyone home.",
            "paper": "{n} trusted the {t}, counted the steps, and led everyone home.",
            "food": "The smell of the {t} led everyone to the door of {n}.",
        },
    ),
    Trouble(
        "wolf",
        "a hungry wolf",
        ("Then a hungry wolf sat down in front of the gate.", "But every night a hungry wolf howled at the door."),
        {
            "light": "{n} swung the {t}, and the beast fled from the light.",
            "music": "{n} sounded the {t}, and the beast lay down and listened.",
            "tool": "With the {t}, {n} helped the beast out of a pit, and it left in peace.",
            "paper": "The {t} said what such beasts fear, so {n} sang until it left.",
            "food": "{n} threw it the {t}, and it wagged its tail like a dog.",
        },
    ),
    Trouble(
        "giant",
        "a sad giant",
        ("Then a sad giant came by, and the ground shook.", "One day a sad giant sat down and wept a whole pond."),
        {
            "light": "{n} gave him the {t}, and he was never afraid of the dark again.",
            "music": "{n} sounded the {t}, and he danced until the hills shook.",
            "tool": "With the {t}, {n} built him a chair, and he sat down and smiled.",
            "paper": "{n} read him the {t}, and he laughed for the first time.",
            "food": "{n} gave him the {t}, and he laughed for the first time.",
        },
    ),
    Trouble(
        "quarrel",
        "a bitter quarrel",
        ("Then a bitter quarrel broke out between two families.", "That winter a bitter quarrel split the neighbors."),
        {
            "light": "{n} set the {t} between them, and they saw each other's tears.",
            "music": "{n} sounded the {t} so badly that both sides had to laugh.",
            "tool": "{n} lent both sides the {t}, and they had to work together.",
            "paper": "{n} read the {t} aloud, and both sides saw that they were wrong.",
            "food": "{n} cut the {t} in two, and both sides made peace over it.",
        },
    ),
    Trouble(
        "child",
        "a lost child",
        ("Then a child was lost, and nobody slept.", "One evening a child did not come home."),
        {
            "light": "{n} carried the {t} into the dark and found the little one asleep.",
            "music": "{n} sounded the {t}, and far away a small voice called back.",
            "tool": "With the {t}, {n} got the little one out of a dry well.",
            "paper": "The {t} showed a hidden hut, and there {n} found the little one.",
            "food": "The smell of the {t} did it, and the little one came running to {n}.",
        },
    ),
    Trouble(
        "ghost",
        "a restless ghost",
        ("Then a restless ghost began to knock at night.", "But a restless ghost walked the stairs at midnight."),
        {
            "light": "{n} held up the {t}, and it was only an owl with a bedsheet.",
            "music": "{n} sounded the {t}, and a pale voice hummed along and was at peace.",
            "tool": "With the {t}, {n} opened a walled door, and something pale flew free.",
            "paper": "{n} read the {t} aloud, and the poor soul heard its name and was at peace.",
            "food": "{n} left the {t} on the stairs, and the poor soul was never hungry again.",
        },
    ),
    Trouble(
        "frost",
        "a long frost",
        ("Then a long frost came, and the stoves went cold.", "That year a long frost cracked the very stones."),
        {
            "light": "{n} kept the {t} burning, and everyone came to sit around it.",
            "music": "{n} sounded the {t}, and everyone danced until they were warm.",
            "tool": "With the {t}, {n} broke the ice on the well day after day.",
            "paper": "The {t} told of warm springs, and {n} led everyone there.",
            "food": "{n} shared the {t}, and nobody went to bed hungry.",
        },
    ),
    Trouble(
        "bridge",
        "a broken bridge",
        ("Then the only bridge broke, and nobody could get out.", "One night the old bridge fell into the gorge."),
        {
            "light": "{n} waved the {t}, and help came from the other side.",
            "music": "{n} sounded the {t}, and help came from the other side.",
            "tool": "With the {t}, {n} mended it plank by plank.",
            "paper": "The {t} showed an old ford, and {n} led everyone across.",
            "food": "{n} shared the {t} with the builders, and they worked twice as fast.",
        },
    ),
    Trouble(
        "king",
        "a greedy king",
        ("Then a greedy king took half of all the bread.", "But a greedy king wanted a tax on laughter."),
        {
            "light": "By the light of the {t}, {n} showed him the hungry, and he was ashamed.",
            "music": "{n} sounded the {t}, and he wept and opened his barns.",
            "tool": "{n} put the {t} into his hands, and he learned what work was.",
            "paper": "{n} read him the {t}, and he was ashamed of his gold.",
            "food": "{n} gave him half of the {t}, and he was ashamed of his gold.",
        },
    ),
)

ENDINGS = (
    Ending(
        "feast",
        "a feast",
        (
            "In the end there was a feast, and {n} got the best chair.",
            "They held a feast for {n} that lasted three days.",
        ),
    ),
    Ending(
        "wedding",
        "a wedding",
        (
            "It all ended with a wedding, and {n} danced all night.",
            "In spring there was a wedding, and {n} wore a crown of flowers.",
        ),
    ),
    Ending(
        "friend", "a new friend", ("From that day on, {n} had a new friend.", "That is how {n} came by a new friend.")
    ),
    Ending(
        "song",
        "a song",
        ("To this day, people sing a song about {n}.", "Somebody made a song of it, and {n} blushed at every verse."),
    ),
    Ending(
        "sleep",
        "a long sleep",
        (
            "At last {n} went home and fell into a long sleep.",
            "Then {n} lay down for a long sleep under a warm blanket.",
        ),
    ),
    Ending(
        "medal",
        "a medal",
        ("The mayor gave {n} a medal as big as a plate.", "Years later, the medal still hung over the bed of {n}."),
    ),
    Ending(
        "secret",
        "a secret",
        ("{n} never told anyone, and it stayed a secret.", "It was a secret that {n} kept for ever."),
    ),
    Ending(
        "farewell",
        "a farewell",
        (
            "Then {n} waved a last farewell and was gone by morning.",
            "It was time for a farewell, and {n} walked off with a smile.",
        ),
    ),
    Ending("home", "a new home", ("And so {n} had found a new home.", "They built {n} a new home with a round door.")),
    Ending(
        "laugh",
        "a good laugh",
        (
            "Afterwards they all had a good laugh, {n} most of all.",
            "It ended in a good laugh, and {n} laughed the loudest.",
        ),
    ),
    Ending(
        "gift",
        "a gift",
        (
            "As a gift, {n} was given a small white horse.",
            "The people brought {n} a gift, and it was a key to every door.",
        ),
    ),
    Ending(
        "promise",
        "a promise",
        ("So {n} made a promise to stay for good.", "It ended with a promise, and {n} kept it all life long."),
    ),
    Ending(
        "supper",
        "a warm supper",
        ("After that, {n} came home to a warm supper.", "They all sat down to a warm supper, and {n} asked for more."),
    ),
    Ending(
        "rainbow",
        "a rainbow",
        ("When it was over, a rainbow stood above {n}.", "And look, there was a rainbow over the head of {n}."),
    ),
)
