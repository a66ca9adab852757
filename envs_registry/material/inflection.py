"""Forms of the words that our sentences are made of: regular by rule, irregular by table."""

from __future__ import annotations

from functools import cache

PAST = {
    "beat": "beat", "become": "became", "begin": "began", "blow": "blew", "break": "broke", "bring": "brought",
    "build": "built", "buy": "bought", "catch": "caught", "choose": "chose", "come": "came", "cut": "cut", "dig": "dug",
    "draw": "drew", "drink": "drank", "drive": "drove", "eat": "ate", "feed": "fed", "find": "found", "fly": "flew",
    "give": "gave", "go": "went", "hang": "hung", "hear": "heard", "hide": "hid", "hit": "hit", "hold": "held",
    "lay": "laid", "lead": "led", "leave": "left", "light": "lit", "lose": "lost", "make": "made", "pay": "paid",
    "read": "read", "ride": "rode", "run": "ran", "say": "said", "see": "saw", "sell": "sold", "send": "sent",
    "set": "set", "sing": "sang", "spread": "spread", "steal": "stole", "strike": "struck", "take": "took",
    "tell": "told", "throw": "threw", "wear": "wore", "win": "won", "write": "wrote",
}  # fmt: skip

DOUBLED = frozenset(
    ("chop", "cut", "dig", "drop", "hit", "knit", "run", "set", "spot", "stir", "stop", "trim", "win", "wrap")
)
"""Verbs whose last letter is doubled before ``-ing`` and ``-ed``."""

PLURALS = {"child": "children", "fisherman": "fishermen", "man": "men", "policeman": "policemen", "woman": "women"}


@cache
def article(noun: str) -> str:
    """Returns the indefinite article of a word whose first letter says how it sounds."""
    return "an" if noun[0] in "aeiou" else "a"


@cache
def singular(verb: str) -> str:
    """Returns the third person singular of a verb: ``carries``."""
    return _with_s(verb)


@cache
def plural(noun: str) -> str:
    """Returns the plural of a noun."""
    return PLURALS.get(noun) or _with_s(noun)


@cache
def gerund(verb: str) -> str:
    """Returns the form in ``-ing``."""
    if verb in DOUBLED:
        return f"{verb}{verb[-1]}ing"
    if verb.endswith("ie"):
        return f"{verb[:-2]}ying"
    if verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")):
        return f"{verb[:-1]}ing"
    return f"{verb}ing"


@cache
def past(verb: str) -> str:
    """Returns the simple past."""
    if verb in PAST:
        return PAST[verb]
    if verb in DOUBLED:
        return f"{verb}{verb[-1]}ed"
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied"
    return f"{verb}ed"


def _with_s(word: str) -> str:
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "z", "ch", "sh")) else f"{word}s"
