"""Whether a text is built as a sentence, by what can be told without a parser: function words, stops, and lists.

It sees that words were piled up where a sentence was asked for. It does not see sense, nor grammar beyond that.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache
from itertools import pairwise

from textgym.rewards.coverage import ConceptCoverage


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


ARTICLES = frozenset({"a", "an", "the"})
JOINING = frozenset({"and", "or", "&"})
LISTING = JOINING | frozenset({",", ";", ":", "/"})
LEADING = ARTICLES | _set(
    "at in on of with from into by for to and or but my your his its our their near beside under over behind"
)
"""Words that lead up to another one: a sentence does not end with them."""

AUXILIARIES = _set("is are was were am be been has have had do does did can could will would may might must")
PRONOUNS = _set("i you he she it we they who that which someone everyone")
FUNCTION_WORDS = (
    LEADING
    | AUXILIARIES
    | PRONOUNS
    | _set(
        """above across after all along among around as because before below between both close despite down during each
        every few front her him if inside me much many near next no not off one onto out outside past several so some
        than them then there these this those through together too two until up us very what when where while without
        yet"""
    )
)
"""Words that hold a sentence together rather than say what it is about."""

AFTER_ARTICLES = _set("close few front inside many near next one outside past two very")
"""Function words that may follow an article: ``the next``, ``a few``."""

FEWEST, MOST = 0.2, 0.75
"""Share of the words of a sentence that are function words."""

OFTEN = 2
"""Times that a sentence may say a word that is no function word."""


def faults(text: str, concepts: tuple[str, ...]) -> int:
    """Returns the number of things that are wrong with a text as one sentence around ``concepts``."""
    text = text.strip()
    tokens = re.findall(r"\w+(?:['’]\w+)*|[^\w\s]", text.lower())
    words = [token for token in tokens if token[0].isalnum()]
    if not words:
        return len(concepts)
    function = [word in FUNCTION_WORDS for word in words]
    count = int(not text[0].isupper())
    count += text[-1] not in ".!?"
    count += len(re.findall(r"[.!?:]\s+|\n+", text))  # further sentences, headings or lines
    share = sum(function) / len(words)
    count += (share < FEWEST) + (share < FEWEST / 2) + (share > MOST)
    count += words[-1] in LEADING
    count += sum(a == b or (a in ARTICLES and _wrong_after(a, b)) for a, b in pairwise(words))
    repeats = Counter(word for word, is_function in zip(words, function, strict=True) if not is_function)
    count += sum(max(0, times - OFTEN) for times in repeats.values())
    count += _bare_phrases(tokens)
    return count + 2 * (_strung(tokens, concepts) + (not _has_verb(words)))


def _bare_phrases(tokens: list[str]) -> int:
    """Returns how often one noun after an article is all there is before the next article: ``the dog the frisbee``.

    With a comma between them, once in a sentence is fine: ``In the park, a girl``.
    """
    at = [i for i, token in enumerate(tokens) if token in ARTICLES]
    close = sum(b - a == 2 for a, b in pairwise(at))
    divided = sum(b - a == 3 and tokens[b - 1] in LISTING for a, b in pairwise(at))
    return close + max(0, divided - 1)


def _strung(tokens: list[str], concepts: tuple[str, ...]) -> int:
    """Returns how often concepts are strung together as in a list, beyond once, or always in the same way.

    A list has its entries side by side, uninflected, as in ``dog catch frisbee``, or no more than a comma or ``and``
    between them. The same way are the same words between one concept and the next, as in ``a dog of a catch of a``.
    """
    bare = {concept.strip().lower() for concept in concepts}
    wanted = frozenset().union(*map(forms, bare))
    at = [i for i, token in enumerate(tokens) if forms(token) & wanted]
    gaps = [tuple(tokens[a + 1 : b]) for a, b in pairwise(at)]
    listed = 0
    for a, gap in zip(at, gaps, strict=False):  # each concept but the last, and what follows it
        between = set(gap)
        if not gap:
            listed += tokens[a] in bare and tokens[a + 1] in bare
        else:
            listed += between <= LISTING or (between <= LISTING | ARTICLES and bool(between & JOINING))
    same = Counter(gap for gap in gaps if not set(gap) <= LISTING | ARTICLES)
    return max(0, listed - 1) + sum(times - 1 for times in same.values())


def _has_verb(words: list[str]) -> bool:
    """Says whether an auxiliary is there, or a word that can be a verb after one that can be its subject."""
    return any(word in AUXILIARIES for word in words) or any(
        _verbal(b) and (a in PRONOUNS or a not in FUNCTION_WORDS) for a, b in pairwise(words)
    )


@lru_cache(maxsize=65536)
def forms(word: str) -> frozenset[str]:
    """Returns what a word may be an inflection of, itself included: two words match where these overlap."""
    return _concepts().forms(word.strip().lower())


@cache
def _concepts() -> ConceptCoverage:
    return ConceptCoverage()


def _wrong_after(article: str, word: str) -> bool:
    """Says whether a word cannot follow an article; of letters that sound now so, now so, either article will do."""
    wrong_sound = (article == "a" and word[0] in "aei") or (article == "an" and word[0] in "bcdfgjklmnpqrstvwxyz")
    return (word in FUNCTION_WORDS and word not in AFTER_ARTICLES) or (wrong_sound and len(word) > 1)


@lru_cache(maxsize=65536)
def _verbal(word: str) -> bool:
    from lemminflect import getAllLemmas

    return word not in FUNCTION_WORDS and "VERB" in getAllLemmas(word)
