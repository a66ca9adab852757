"""What a text of the help desk means: what it does, what it asks for, what it names, and whether it is polite.

Word patterns, in any order and wording that they foresee; a plain word is no act. "I have refunded order 12345"
refunds, while "Would you like a refund?", "I cannot refund that" and "refund refund" do not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from .service import DAYS, KINDS, STREETS

_STREET = "|".join(sorted({street.split()[-1].lower() for street in STREETS}))
_DAY = "|".join([*DAYS, "Sunday"]).lower()


# Patterns are texts, which `re` compiles when they are first looked for: importing textgym must stay quick.


def _pattern(*ways: str) -> str:
    return "|".join(ways)


SENTENCE = r"(?<=[.!?;])\s+|\n+"
CLAUSE = r",?\s+(?:so|but|and|therefore)\s+(?=(?:i|we|you|could|can|may|what|which|would)\b)|,\s+(?=(?:i|we)\b)"
THANKS_FOR = r"\bthank(?:s| you)(?: very much| so much)? for\b[^,.!?]*"
"""What somebody is thanked for is not asked for."""

CLOSING = r"\b(?:any(?:thing|body)?|something|some) ?(?:else|other|further|more)\b|\bother questions\b"
"""Of a sentence that only asks whether that was all."""

DONE: dict[str, str] = {
    "refund": _pattern(
        r"\brefund",
        r"\breimburse",
        r"\b(?:return|pay|credit)\w*\b.*\bmoney\b",
        r"\bmoney\b.*\b(?:back|return|credit|transfer)",
    ),
    "replacement": _pattern(
        r"\breplac(?:e|ed|ing|ement)\b",
        r"\b(?:send|sent|sending|ship\w*|get|receive|deliver\w*)\b.*\b(?:(?:a )?new (?!address\b)\w+|another one)\b",
        r"\b(?:a new (?!address\b)\w+|another one)\b.*\b(?:sent|shipped|on its way|coming|come|arrive)\b",
    ),
    "exchange": _pattern(r"\bexchang", r"\bswap", r"\b(?:send|sent|sending|ship\w*|switch\w*|chang\w+)\b.*\bsize\b"),
    "cancellation": _pattern(r"\bcancel", r"\bcall(?:ed|ing)? off\b", r"\bstopp(?:ed|ing) (?:the|your) order\b"),
    "address": _pattern(
        r"\b(?:updat|chang|correct|redirect|forward|deliver|ship|record|not|set|sav|enter)\w*\b.*(?<!mail )\baddress\b",
        rf"\b(?:go|goes|going|send|sent|sending|deliver\w*|ship\w*|redirect\w*|forward\w*|bring\w*|com\w+)\b.*"
        rf"\b\d+ \w+ (?:{_STREET})\b",
    ),
    "delivery": _pattern(
        r"\b(?:deliver|arriv|mov|reschedul|postpon|com[ei]|bring|due|get|receiv|reach|here|with you|expect|change)\w*\b"
        rf".*\b(?:{_DAY})\b"
    ),
    "visit": _pattern(r"\b(?:technician|engineer|mechanic|repair\w*|fix|fixed|visit\w*|specialist)\b"),
    "invoice": _pattern(r"\b(?:invoice|bill|receipt)\b"),
}
"""What a statement must hold to do each act."""

ABSORBS = {"exchange": {"replacement"}, "visit": {"delivery", "address"}, "address": {"delivery"}}
"""An act that is spoken of in the words of others: a technician who comes on a day delivers nothing."""

SUBJECT = r"\b(?:i|we|you|it|they|your|the|this|that|our|an?|order|somebody|someone)\b"
VERB = (
    r"\b(?:am|is|are|was|were|have|has|will|shall|can|be|been|being|going|gets?)\b|'(?:ve|ll|m|re|s)\b|\b(?:ve|ll)\b"
    r"|\b(?:i|we)(?: \w+)? (?:\w+ed|sent|send|put|set|made)\b"
)
UNDONE = (
    r"\b(?:not|cannot|never|unable|if|whether|once|until|unless|as soon as|need|could you|can you|would you|will you"
    r"|tell me|tell us|let me know|let us know|may i|shall i|should i|can i|do you|did you"
    r"|(?:i|you) (?:would like|want)|i wish|you prefer|please (?:give|send|share|provide|confirm|state|name))\b|n't\b"
)
"""Words with which a sentence refuses, asks or makes conditions, in place of doing."""

ASKING = (
    r"\?|\b(?:please|tell|give|send|share|provide|know|need|require|may i|confirm|state|type|what|which|where|when|how"
    r"|missing|looking for|could|would|can i|could i)\b"
)

ASKS: dict[str, str] = {
    "order": _pattern(
        r"\border(?:'s|ing)?[ -]*(?:number|nr|no\b|id\b|code|reference|#)",
        r"\b(?:number|id|code|reference)\b(?: \w+){1,3} order\b",
        r"\b(?:reference|confirmation|purchase) (?:number|code|id)\b",
        r"\b(?:which|what) order\b",
        r"\b(?:the|your|a) number\b",
        r"^\W*(?:the |your )?(?:order|number)\W*$",
    ),
    "email": _pattern(r"\be-?mail"),
    "address": _pattern(
        r"(?<!mail )(?<!mailing )\baddress\b",
        r"\bmailing address\b",
        r"\bwhere (?:do you live|are you|(?:should|shall|can|do|must|would|will|to)\b(?!.*\bmail|.*\be-?mail))",
        r"\b(?:street|post ?code|zip)\b",
    ),
    "day": _pattern(
        r"\bday\b", r"\bdate\b", r"\bwhen (?!did|was|were|you (?:bought|ordered))", r"\bweekday", r"\bwhen\?"
    ),
    "size": _pattern(r"\bsizes?\b"),
    "wish": _pattern(
        r"\b(?:like|want|prefer|whether|shall|should|rather)\b.*\b(?:refund|replac|money back|new one)",
        r"\b(?:refund\w*|replac\w*|money back|new one) or\b",
        r"\bor (?:an? )?(?:refund|replac|money back|new one)",
        r"\b(?:can|may|could) (?:i|we) (?:refund|replace)\b",
        r"\bprefer",
        r"\bwhat (?:would|do) you (?:like|want|wish)",
        r"\bhow would you like",
        r"\bwhat (?:should|shall|can|could) (?:i|we) do about",
        r"\b(?:kind of|which|what) (?:solution|resolution)",
    ),
    "product": _pattern(
        r"\b(?:which|what) (?:product|item|article|model)\b",
        r"\b(?:name of the|your) (?:product|item)\b",
        r"\bproduct name\b",
        r"\bwhat (?:did|have) you (?:buy|bought|order|ordered|purchase)",
    ),
    "name": _pattern(r"\byour (?:full |first |last |sur|family )?name\b", r"\bwho am i\b"),
    "problem": _pattern(
        r"\bhow (?:can|may|could|might) (?:i|we) (?:help|assist|serve|be of)",
        r"\bwhat(?:'s| is| was| seems to be| exactly is)? (?:the |your |exactly )?"
        r"(?:problem|matter|issue|wrong|trouble|question|concern|request|reason)",
        r"\bwhat (?:happened|went wrong|can (?:i|we) do|may (?:i|we) do|is (?:it|this) about|do you need|exactly)",
        r"\btell (?:me|us) (?:more|about|what)",
        r"\bmore (?:details|information|about)\b",
        r"\b(?:describe|explain)\b",
        r"\bcan i help\b",
    ),
}
"""What a sentence that asks must hold to ask for each thing."""

OFFERS = r"\b(?:shall|should|may|can|could|do you want|would you like|want) (?:i|we|me|us|a|an|the)\b"

APOLOGY = r"\b(?:sorry|apologi[sz]e|apologies|apology|regret)\b"
COURTESY = (
    r"\b(?:please|thank|thanks|of course|certainly|sure|gladly|happy to|glad to|with pleasure|welcome|kindly|appreciate"
    r"|my pleasure|sorry|apologi[sz]e|apologies)\b"
)
FILLER = r"\b(?:moment|let me|i see|understand|one second|right away|check|look into)\b"

_ORDER = r"(?<!\d)\d{4,}(?!\d)"
_SIZE = r"\bsize (?:is |number |nr |of )?(\d\d)\b|\b(?:in|for|an?|to) (?:a )?(\d\d)(?= ?[.,!?]|$)"
_ADDRESS = rf"\b\d+ \w+ (?:{_STREET})\b"
_EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
_DAYS = rf"\b(?:{_DAY})(?=s?\b)"
_ADJECTIVES = "|".join(sorted({adjective for adjectives, _ in KINDS.values() for adjective in adjectives}))
_NOUNS = "|".join(sorted({noun for _, nouns in KINDS.values() for noun in nouns}))
_PRODUCT = rf"\b(?:(?:{_ADJECTIVES}) )?(?:{_NOUNS})\b"


class Meaning(NamedTuple):
    """What a turn of the help desk means.

    Attributes:
        acts: What it does, or promises.
        asked: What it asks for: slots, ``wish``, ``product``, ``problem``.
        offers: What it asks whether to do.
        named: Values it names, in lower case, by slot; a product by as much of its name as is there.
        courteous: Whether it has a polite word, or asks for a moment.
    """

    acts: frozenset[str]
    asked: frozenset[str]
    offers: frozenset[str]
    named: dict[str, frozenset[str]]
    courteous: bool


@lru_cache(maxsize=4096)
def understand(text: str) -> Meaning:
    """Returns what a text of the help desk means."""
    text = text.lower().replace("’", "'").strip()
    acts: set[str] = set()
    asked: set[str] = set()
    offers: set[str] = set()
    for sentence in re.split(SENTENCE, re.sub(THANKS_FOR, "", text)):
        if re.search(CLOSING, sentence):
            continue
        question = sentence.endswith("?")
        for clause in re.split(CLAUSE, sentence):
            done = _acts(clause)
            if done and not question and not re.search(UNDONE, clause) and _states(clause, done):
                acts |= done
            elif question or re.search(ASKING, clause):
                wanted = {slot for slot, pattern in ASKS.items() if re.search(pattern, clause)}
                if "wish" in wanted and done - {"refund", "replacement"}:
                    wanted -= {"wish"}
                asked |= wanted
                if re.search(OFFERS, clause):
                    offers |= done
    for act in tuple(acts):
        acts -= ABSORBS.get(act, set())
    courteous = bool(re.search(COURTESY, text) or re.search(FILLER, text))
    return Meaning(frozenset(acts), frozenset(asked), frozenset(offers), _named(text), courteous)


def _acts(clause: str) -> set[str]:
    return {act for act, pattern in DONE.items() if re.search(pattern, clause)}


def _states(clause: str, acts: set[str]) -> bool:
    """Whether a clause has somebody who does, and a verb, in place of a mere word."""
    return bool(re.search(SUBJECT, clause) and re.search(VERB, clause))


def _named(text: str) -> dict[str, frozenset[str]]:
    return {
        "order": frozenset(re.findall(_ORDER, text)),
        "size": frozenset(one or other for one, other in re.findall(_SIZE, text)),
        "address": frozenset(re.findall(_ADDRESS, text)),
        "email": frozenset(re.findall(_EMAIL, text)),
        "day": frozenset(re.findall(_DAYS, text)),
        "product": frozenset(re.findall(_PRODUCT, text)),
    }
