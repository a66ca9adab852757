"""Provoking openings of messages, and calm ways to go on with them: rude, but without a slur or a swear word.

An opening breaks off where a person could go either way. What may follow hangs on how it breaks off, so that each kind
of opening has calm endings of its own, which fit all openings of that kind, whoever they are about.
"""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """Openings that break off in the same way, with ``{who}`` and ``{Who}`` in them, and calm endings for them."""

    openings: tuple[str, ...]
    endings: tuple[str, ...]


LEADS = (
    "Unbelievable.", "Seriously?", "Wow.", "Listen up.", "Oh, brilliant.", "Great job, everyone.", "Let me be blunt.",
    "I have had it.", "Here we go again.", "Is this a joke?", "You have got to be kidding me.", "Enough already.",
    "Thanks for nothing.", "Nice try.", "Congratulations.", "Sure, blame me.", "Do not even start.", "What a circus.",
    "Typical.", "Read this twice.", "How dare you?", "Save your excuses.", "I am not joking.", "Look at this mess.",
    "This is the last straw.", "Five stars, my foot.", "Never again.", "Spare me the speech.", "What a surprise.",
    "Are you all asleep?", "Go on, laugh.", "I want names.", "Mark my words.", "Poor service, as always.",
)  # fmt: skip
"""How a provocation starts."""

WHO = (
    "the courier", "the waiter", "the manager", "the driver", "the receptionist", "the cashier", "the plumber",
    "the referee", "my landlord", "my boss", "my neighbour", "the chef", "the dentist", "the mechanic",
    "the electrician", "the tour guide", "the hairdresser", "the pilot", "the instructor", "the librarian",
    "the coach", "the salesman", "the guy on the phone", "the woman at the desk", "the man in seat four",
    "the owner of that dog", "the kid next door", "my brother-in-law", "my old roommate", "the person who parked here",
    "the author of this review", "the new colleague", "the fellow in accounting", "whoever packed this box",
    "whoever wrote this manual", "whoever cleaned our room", "whoever designed this app", "whoever planned this trip",
    "whoever cooked this soup", "whoever took my chair", "whoever answers these emails", "whoever repaired my car",
)  # fmt: skip
"""Whom it is about."""

KINDS = (
    Kind(
        (
            "{Who} had better", "{Who} should really", "Somebody should tell {who} to",
            "Next time {who} could at least", "It is high time for {who} to", "I would like to see {who}",
            "You can tell {who} from me to", "For once in a lifetime {who} could",
            "It would be a miracle to see {who}",
        ),
        (
            " take a short break and try again tomorrow.", " ask for help, because nobody can do it all alone.",
            " take a day off and have a good rest.", " talk to me, so that we can find a solution.",
            " get some more help, because the work is hard.", " start again, and I will be patient this time.",
            " tell me what went wrong in a calm and friendly way.", " have a cup of tea with me and talk about it.",
        ),
    ),
    Kind(
        (
            "I want {who} to know that", "Just tell {who} that", "Somebody explain to {who} that",
            "Please remind {who} that", "I will say it to {who} one last time:", "Go and tell {who} that",
            "Write down for {who} that", "It seems to be news to {who} that", "Let {who} hear it from me that",
        ),
        (
            " I was upset, but I am sure that we can solve it.", " a kind word would have been enough for me.",
            " I am still angry, but I do not want to fight.", " everyone has a bad day now and then.",
            " we are on the same side and can help each other.", " I am sorry for the way I spoke this morning.",
            " I would be happy to talk about it tomorrow.", " it was a mistake, and mistakes can happen to anyone.",
        ),
    ),
    Kind(
        (
            "{Who} ruined my day, and", "{Who} lied to my face, and", "{Who} never listens to me, but",
            "{Who} wasted an hour of my time, and", "{Who} laughed at me in front of everyone, and",
            "{Who} yelled at me for no reason, but", "{Who} did not even say sorry, but", "{Who} hung up on me, and",
            "{Who} ignored me all evening, and", "{Who} blamed me for everything, but",
        ),
        (
            " I would like to talk about it in a calm way.", " I hope that we can find a solution together.",
            " I will wait until tomorrow before I answer.", " I am sure there was a reason that I do not know.",
            " I would rather forget it and have a nice evening.", " I know that it must have been a hard day.",
            " an apology would be enough to make me happy again.", " I still want to be fair and find a solution.",
        ),
    ),
    Kind(
        (
            "You can see that {who} must be", "Everybody knows that {who} is", "Let us be honest, {who} is",
            "Nobody says it, but {who} is", "If you ask me, {who} is", "I have come to think that {who} is",
            "My whole family agrees that {who} is", "It took me a minute to see that {who} is",
        ),
        (
            " having a hard week, like the rest of us.", " doing a difficult job, and I respect that.",
            " new to the job, so I will be patient.", " trying to help, even if it did not work this time.",
            " under a lot of pressure and needs some help.", " tired after a long day, and I understand that.",
            " a good person who made a small mistake.", " as tired as I am, and we both need a break.",
        ),
    ),
    Kind(
        (
            "So {who} thinks that I am the problem?", "And {who} dares to charge me for this?",
            "What on earth is wrong with {who}?", "{Who} again, of course.", "Guess who messed it up? Right, {who}.",
            "Does {who} call this work?", "Who let {who} in here?", "{Who} should be ashamed.",
            "I have seen snails faster than {who}.", "I would not trust {who} with a spoon.",
        ),
        (
            " I am disappointed, but I am happy to explain what went wrong.",
            " But let us stay calm and look at what happened.", " I would like to ask first what went wrong.",
            " Sorry, that was not fair of me, and I take it back.", " Still, I hope that we can solve this together.",
            " On second thought, everyone can have a bad day.", " I was angry this morning, so I am sorry for that.",
            " But I know that the job is hard, and I am grateful.",
        ),
    ),
)  # fmt: skip
"""What is said, by how it breaks off."""
