"""What the stories of TextGen-News are made of."""

from __future__ import annotations

KINDS = (
    "local", "retired", "young", "brave", "cheerful", "tired", "proud", "angry", "curious", "clever", "visiting",
    "famous", "shy", "friendly", "lucky", "hungry", "careful", "bored", "patient", "stubborn",
)  # fmt: skip
GROUPS = (
    "teachers", "farmers", "nurses", "drivers", "students", "pilots", "bakers", "doctors", "painters", "singers",
    "gardeners", "waiters", "plumbers", "hikers", "dancers", "swimmers", "cyclists", "divers", "tailors", "librarians",
    "climbers", "writers", "cooks", "parents", "neighbours", "tourists", "campers", "collectors", "inventors",
    "engineers", "guards", "players", "runners", "builders", "sailors", "volunteers",
)  # fmt: skip

DEEDS: tuple[tuple[str, str, str], ...] = (
    ("open", "opened", "a free library"), ("open", "opened", "a night cafe"), ("open", "opened", "a toy museum"),
    ("open", "opened", "a repair shop"), ("open", "opened", "a secret tunnel"), ("close", "closed", "a busy road"),
    ("close", "closed", "a noisy club"), ("close", "closed", "an empty school"), ("close", "closed", "a rusty bridge"),
    ("build", "built", "a glass tower"), ("build", "built", "a tree house"), ("build", "built", "a stone oven"),
    ("build", "built", "a giant robot"), ("build", "built", "a wooden boat"), ("build", "built", "a snow castle"),
    ("find", "found", "a lost painting"), ("find", "found", "a gold ring"), ("find", "found", "an old map"),
    ("find", "found", "a rare beetle"), ("find", "found", "a hidden cellar"), ("find", "found", "a missing cat"),
    ("save", "saved", "a frozen swan"), ("save", "saved", "a sinking ferry"), ("save", "saved", "a village school"),
    ("save", "saved", "a trapped dog"), ("win", "won", "a cooking contest"), ("win", "won", "a boat race"),
    ("win", "won", "a chess match"), ("win", "won", "a garden prize"), ("win", "won", "a quiz night"),
    ("buy", "bought", "an old train"), ("buy", "bought", "a small island"), ("buy", "bought", "a fire engine"),
    ("buy", "bought", "an empty hotel"), ("sell", "sold", "a huge pumpkin"), ("sell", "sold", "a famous car"),
    ("sell", "sold", "a silver spoon"), ("sell", "sold", "a broken piano"), ("paint", "painted", "a yellow bridge"),
    ("paint", "painted", "a school bus"), ("paint", "painted", "a long wall"), ("paint", "painted", "a water tower"),
    ("plant", "planted", "a thousand trees"), ("plant", "planted", "a rose garden"),
    ("plant", "planted", "an apple orchard"), ("plant", "planted", "a flower clock"),
    ("hold", "held", "a silent march"),
    ("hold", "held", "a street party"), ("hold", "held", "a book fair"), ("hold", "held", "a snail race"),
    ("hold", "held", "a pillow fight"), ("cancel", "cancelled", "a summer fair"),
    ("cancel", "cancelled", "a rock concert"), ("cancel", "cancelled", "a boat trip"),
    ("cancel", "cancelled", "a town meeting"), ("repair", "repaired", "a church clock"),
    ("repair", "repaired", "a broken dam"), ("repair", "repaired", "a steam engine"),
    ("repair", "repaired", "a leaking roof"), ("block", "blocked", "a main road"),
    ("block", "blocked", "a new airport"),
    ("block", "blocked", "a coal train"), ("catch", "caught", "a giant fish"), ("catch", "caught", "a clever thief"),
    ("catch", "caught", "a runaway horse"), ("catch", "caught", "a loose parrot"), ("bake", "baked", "a giant cake"),
    ("bake", "baked", "a mile of bread"), ("bake", "baked", "a cheese pie"), ("cook", "cooked", "a pot of soup"),
    ("cook", "cooked", "a pancake breakfast"), ("cook", "cooked", "a record omelette"),
    ("launch", "launched", "a weather balloon"), ("launch", "launched", "a radio show"),
    ("launch", "launched", "a bike scheme"), ("launch", "launched", "a paper rocket"),
    ("film", "filmed", "a ghost story"),
    ("film", "filmed", "a dancing bear"), ("film", "filmed", "a rare storm"), ("write", "wrote", "an open letter"),
    ("write", "wrote", "a town song"), ("write", "wrote", "a cookbook"), ("lose", "lost", "a court case"),
    ("lose", "lost", "a friendly bet"), ("lose", "lost", "a football match"), ("steal", "stole", "a wheel of cheese"),
    ("steal", "stole", "a garden gnome"), ("steal", "stole", "a bronze statue"), ("clean", "cleaned", "a dirty beach"),
    ("clean", "cleaned", "a muddy river"), ("clean", "cleaned", "a city park"), ("break", "broke", "a swimming record"),
    ("break", "broke", "a shop window"), ("break", "broke", "a world record"), ("start", "started", "a hunger strike"),
    ("start", "started", "a puppet theatre"), ("start", "started", "a food bank"),
    ("start", "started", "a night choir"),
    ("move", "moved", "a stone church"), ("move", "moved", "a beehive"),
)  # fmt: skip
"""A verb, its past tense and its object."""

PARTICIPLES = {"wrote": "written", "stole": "stolen", "broke": "broken"}
"""Where a participle is not the past tense."""

CITIES = (
    "Oxford", "Leeds", "York", "Bath", "London", "Paris", "Rome", "Berlin", "Madrid", "Boston", "Chicago", "Dallas",
    "Denver", "Miami", "Austin", "Dublin", "Cork", "Oslo", "Bergen", "Vienna", "Prague", "Milan", "Turin", "Lyon",
    "Geneva", "Athens", "Cairo", "Delhi", "Tokyo", "Sydney", "Perth", "Toronto", "Lima", "Havana", "Lisbon", "Naples",
)  # fmt: skip

PLACES = (
    ("in", CITIES),
    ("at", ("the airport", "the old harbour", "the train station", "the town hall", "the city zoo", "the market")),
    ("on", ("Mill Road", "Park Lane", "Station Street", "the west coast", "the main square", "the river bank")),
)
"""Places, by the preposition that goes with them."""

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

TIMES = (
    *((day, f"on {day}") for day in DAYS),
    *((f"{day} {part}", f"on {day} {part}") for day in DAYS for part in ("morning", "afternoon", "night")),
    *((time, time) for time in ("last week", "last month", "this morning", "last night")),
)
"""When it was, as it is noted and as a sentence says it."""

REASONS = (
    "to raise money", "to win a bet", "to mark a holiday", "to thank a friend", "to please a crowd",
    "to attract tourists", "to save energy", "to make a point", "to break the silence", "to cheer up the town",
    "to impress a judge", "to honour a hero", "to keep a promise", "to protest against noise", "to celebrate spring",
    "to help a hospital", "to test a theory", "to end a quarrel", "to feed the poor", "to get on television",
)  # fmt: skip
