"""The words of the shipped preferences: what requests and answers are about, and the courtesies around an answer.

Each table is a list of records. A record fills the slots of its names, several of which may hang together: a stain and
what removes it.
"""

from __future__ import annotations


def _listed(name: str, words: str) -> tuple[dict[str, str], ...]:
    """Returns a record for each of ``a|b|c``."""
    return tuple({name: word} for word in words.replace("\n", " ").split("|"))


def _records(names: str, lines: str) -> tuple[dict[str, str], ...]:
    """Returns a record for each line ``a|b``, of as many names."""
    return tuple(dict(zip(names.split(), line.split("|"), strict=True)) for line in lines.strip().split("\n"))


_ELECTRICAL = "kettle|lamp|toaster|fan|radio|clock|heater|blender|printer|hair dryer|vacuum cleaner|coffee machine"
_TEXTILE = "blanket|jacket|scarf|coat|curtain|rug|towel|pillow|sweater|tablecloth|shirt|dress"
_OTHER = (
    "chair|table|shelf|desk|stool|bench|mirror|bookcase|pan|pot|bowl|teapot|tray|vase|mug|cutting board|tent|bicycle|"
    "backpack|suitcase|kite|puzzle|helmet|guitar|basket|notebook|candle|picture frame|garden hose|sofa"
)

TABLES: dict[str, tuple[dict[str, str], ...]] = {
    "colour": _listed("colour", "red|blue|green|black|white|grey|yellow|brown|small|large|dark|pink|purple|silver"),
    "thing": _listed("thing", f"{_ELECTRICAL}|{_TEXTILE}|{_OTHER}"),
    "machine": _listed("thing", _ELECTRICAL),
    "textile": _listed("thing", _TEXTILE),
    "place": _listed(
        "place",
        "shop|bakery|café|library|pharmacy|toy department|garden centre|repair desk|restaurant|bookshop|museum|"
        "swimming pool|flower shop|shoe department|ticket office|market hall|furniture department|post office",
    ),
    "day": _listed("day", "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"),
    "hour": _listed("hour", "seven|eight|half past eight|nine|ten|noon|one|two|half past five|six"),
    "fault": _listed(
        "fault",
        "does not switch on|makes a strange noise|stopped working this morning|smells of smoke|switches itself off|"
        "has a loose cable|gets far too hot",
    ),
    "flaw": _listed(
        "flaw", "too small|too large|too heavy|too dark|scratched|not what I expected|not the right colour"
    ),
    "stain": _records(
        "stain remedy",
        """
red wine|put salt on it at once and rinse it with cold water
coffee|rub it with warm water and a little soap
grass|dab it with vinegar before you wash it
ink|dab it with alcohol and a clean cloth
chocolate|scrape it off and wash it in cold water
grease|put dish soap on it and wait ten minutes
mud|let it dry first and then brush it out
candle wax|lay paper on it and iron it gently
blood|rinse it with cold water, never with hot
fruit juice|pour hot water through it from above""",
    ),
    "food": _records(
        "food cooking",
        """
potatoes|potatoes need twenty minutes in salted water
rice|rice takes fifteen minutes with the lid on
a soft egg|a soft egg is done after five minutes
a hard egg|a hard egg needs ten minutes
lentils|lentils are soft after half an hour
carrots|carrots take ten minutes in a little water
pasta|pasta needs nine minutes, so taste it after eight
a whole chicken|a whole chicken needs an hour and a half in the oven
beans|beans take an hour once they have been soaked
corn|corn is sweet and soft after six minutes
pumpkin|pumpkin takes half an hour in the oven
salmon|salmon needs twelve minutes in the oven""",
    ),
    "diners": _listed("diners", "for two|for four|for six|for my children|for a salad|for a soup|in a small kitchen"),
    "plant": _records(
        "plant often",
        """
cactus|only once a month
tomato plant|every evening
orchid|once a week
rose|twice a week
basil|every morning
fern|every second day
lemon tree|twice a week in summer
ivy|once a week
lavender|every ten days
palm|once a week""",
    ),
    "spot": _listed("spot", "on the balcony|in the bedroom|in the kitchen|by the window|in the office|in the hall"),
    "relative": _records(
        "relative who",
        """
mother|She
father|He
sister|She
brother|He
grandmother|She
grandfather|He
daughter|She
son|He
aunt|She
uncle|He
neighbour|She
teacher|He""",
    ),
    "hobby": _records(
        "hobby gift",
        """
cooking|a good wooden spoon with a book of soups
gardening|a pair of gloves with some flower seeds
reading|a warm reading lamp
hiking|a light backpack
tea|a small teapot with two cups
music|a ticket for a concert
painting|a box of watercolours
cycling|a bright bicycle bell
chess|a travel chess set
baking|a cake tin with a new apron""",
    ),
    "occasion": _listed("occasion", "a birthday|Christmas|a wedding day|a new job|a new home"),
    "room": _listed(
        "room", "a small kitchen|a student|a family of five|a dark hall|an old house|a child|a tiny flat|an office"
    ),
    "party": _records(
        "party named",
        """
a birthday party|the birthday party
a garden party|the garden party
a small concert|the concert
an opening of our café|the opening of your café
a dinner for neighbours|the dinner
a street festival|the street festival
a picnic by the lake|the picnic by the lake
a quiz evening|the quiz evening
a reading of poems|the reading
a farewell party|the farewell party""",
    ),
    "misdeed": _records(
        "misdeed matter mending",
        """
came late to my appointment|the appointment|we have found you a new time
lost the receipt|the receipt|we can print it again
broke a cup in your shop|the cup|nobody was hurt and we have more of them
missed the driver yesterday|the delivery|the driver comes again tomorrow
forgot to pay the bill|the bill|you can pay it next week
shouted at your colleague|what you said|she has already forgiven you
brought the ladder back late|the ladder|nobody needed it before
spilled coffee on the counter|the coffee|it was wiped up in a minute
ordered the wrong size|the size|we will gladly exchange it
did not answer your letter|the letter|an answer now is early enough
forgot my table on Friday|the table|other guests were glad to have it
left the gate open|the gate|the dog is safe at home""",
    ),
    "excuse": _listed(
        "excuse",
        "| because I was in a hurry| because I was tired| because my child was sick| because I had a bad day|"
        " because I had too much to do| because I did not think",
    ),
    "booking": _listed("booking", "a table|a guided tour|a cooking class|seats for the concert|a bicycle tour"),
    "people": _listed("people", "two|three|four|five|six|seven"),
    "belonging": _listed(
        "belonging", "umbrella|scarf|hat|phone|wallet|bag|book|pair of glasses|jacket|set of keys|lunch box|camera"
    ),
    "start": _listed("start", "railway station|bus stop|town hall|church|airport|harbour|university|hospital"),
    "street": _listed(
        "street", "12 Mill Road|4 Hill Street|27 Park Lane|9 Rose Street|31 Lake Road|8 Church Lane|15 Station Road"
    ),
    # What only answers draw from.
    "shelf": _listed("shelf", "on the second floor|next to the entrance|at the back of the shop|in our window"),
    "days": _listed("days", "two days|three days|a week|ten days|two weeks"),
    "price": _listed("price", "nine euros|twelve euros|20 euros|35 euros|49 euros|80 euros"),
    "soon": _listed("soon", "today|tomorrow|on Monday|on Thursday|this afternoon|early next week"),
    "virtue": _listed("virtue", "easy to clean|light and strong|quiet and safe|made to last|simple to use"),
    "way": _listed("way", "walk five minutes along the river|take bus 4 to the bridge|take tram 2 to the park"),
}

ASKING = ("Thank you for asking!", "Good question!", "Of course.", "Thank you for your message.", "Hello!", "Gladly!")
FIXING = (
    "We are sorry about that.",
    "I am sorry to hear this.",
    "Thank you for telling us.",
    "That should not happen.",
)
DOING = ("Of course!", "Gladly!", "With pleasure.", "Thank you for your message.", "No problem at all.")
INVITED = ("How kind of you!", "What a lovely idea!", "Thank you for the invitation!", "We feel honoured!")
FORGIVING = ("Thank you for telling us.", "Please do not worry.", "That can happen to anyone.", "How kind of you.")
PROUD = ("You are very welcome!", "Thank you for your kind words!", "How nice of you to write!")
CLOSINGS = (
    "Have a lovely day!",
    "Please ask again at any time.",
    "We look forward to your visit.",
    "Can I do anything else for you?",
    "Thank you for your trust.",
    "See you soon!",
)
