"""Named entities by writing: the completion lists the mentions of a text, with their types."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from textgym.errors import RewardError

from .base import Reward
from .examples import Examples
from .overlap import references_of

NONE = "none"
"""What a list says where there are no entities."""

SENTENCES = Examples(
    prompts=(
        "Name the entities: Ada Lovelace met Charles Babbage in London.\nEntities:",
        "Name the entities: Siemens built a plant near Leipzig.\nEntities:",
        "Name the entities: The rain stopped at noon.\nEntities:",
        "Name the entities: Paris is Paris, said Josephine.\nEntities:",
    ),
    completions=(
        " Ada Lovelace: PER; Charles Babbage: PER; London: LOC",
        " Siemens: ORG; Leipzig: LOC",
        " none",
        " Paris: LOC; Paris: LOC; Josephine: PER",
    ),
)
"""Sentences and their entities."""


class Mention(NamedTuple):
    """A mention of an entity.

    Attributes:
        text: Its words, without the space between them.
        kind: Its type in upper case, empty where none is given.
    """

    text: str
    kind: str


class EntityReward(Reward):
    """F1 of what `spans` finds in a completion and in its gold; micro-averaged over a corpus."""

    range = (0.0, 1.0)
    examples = SENTENCES

    @abstractmethod
    def spans(self, mentions: list[Mention]) -> set[Any]:
        """Returns what is compared: one item for each mention."""

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
        rows = self._counts(completions, columns)
        return [
            2 * hits / total if total else float(NONE in completion.lower())
            for completion, (hits, total) in zip(completions, rows, strict=True)
        ]

    def corpus(self, prompts: Sequence[str], completions: Sequence[str], **columns: Any) -> float:
        self.check_corpus(completions)
        rows = self._counts(completions, columns)
        total = sum(total for _, total in rows)
        return 2 * sum(hits for hits, _ in rows) / total if total else 0.0

    def _counts(self, completions: Sequence[str], columns: dict[str, Any]) -> list[tuple[int, int]]:
        """Returns, for each row, the mentions found and the sum of those given and those to find."""
        counts = []
        for completion, mentions in zip(completions, self._gold(completions, columns), strict=True):
            given, gold = self.spans(parse_mentions(completion)), self.spans(mentions)
            counts.append((len(given & gold), len(given) + len(gold)))
        return counts

    def _gold(self, completions: Sequence[str], columns: dict[str, Any]) -> list[list[Mention]]:
        if "tokens" in columns and "tags" in columns:
            rows = zip(columns["tokens"], columns["tags"], strict=True)
            return [tagged_mentions(tokens, tags) for tokens, tags in rows]
        gold = []
        for i, references in enumerate(references_of(self, completions, columns)):
            if len(references) > 1:
                raise RewardError(
                    f"Reward {self.name!r} needs one reference list of entities for completion {i}. "
                    f"Actual value: {references!r}."
                )
            gold.append(parse_mentions(references[0]))
        return gold


@dataclass(frozen=True, repr=False)
class EntityF1(EntityReward):
    """F1 of the entities that a completion lists, words and type both right. Range [0, 1].

    A list reads ``Paris: LOC; Ada Lovelace: PER``: mentions in the order of the text, one for each time that an
    entity is mentioned, with semicolons or line breaks between them; ``none`` where there are none. Space, the case
    of types, and bullets do not matter; the case of mentions does. An item that is no such entry is a false alarm.
    Gold is the reference, in the same form; or, where a row has the columns ``tokens`` and ``tags``, its BIO tags.

    ``2·hits / (given + gold)``. The k-th listing of the same words stands for their k-th mention, so that the corpus
    form is seqeval's micro-F1 of the spans. Where there is nothing to find, ``none`` scores 1, and
    silence 0.

    Source: Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050 (CoNLL's F1); Nakayama 2018, seqeval.
    """

    name = "entity_f1"

    def spans(self, mentions: list[Mention]) -> set[Any]:
        return set(zip(_occurrences(mentions), (mention.kind for mention in mentions), strict=True))


@dataclass(frozen=True, repr=False)
class EntityBoundaryF1(EntityReward):
    """F1 of the entities that a completion lists, whatever their types. Range [0, 1].

    As `EntityF1`, but the types neither count nor need be there: ``Paris; Ada Lovelace`` will do.

    Source: Tjong Kim Sang and De Meulder 2003, arXiv:cs/0306050 (CoNLL's F1); Nakayama 2018, seqeval.
    """

    name = "entity_boundary_f1"

    def spans(self, mentions: list[Mention]) -> set[Any]:
        return set(_occurrences(mentions))


def parse_mentions(text: str) -> list[Mention]:
    """Returns the mentions that a list such as ``Paris: LOC; Ada Lovelace: PER`` holds; `EntityF1` has its form."""
    mentions = []
    for item in re.split(r"[;\n]", text):
        item = re.sub(r"^\s*[-*•]\s", "", item).strip()
        words, colon, kind = item.rpartition(":")
        mention = Mention(_joined(words if colon else item), _joined(kind).upper() if colon else "")
        if mention.text and mention.text.strip(".").lower() != NONE:
            mentions.append(mention)
    return mentions


def tagged_mentions(tokens: Sequence[str], tags: Sequence[str]) -> list[Mention]:
    """Returns the mentions that BIO tags mark in order; an ``I-`` that continues nothing of its type begins one.

    Args:
        tokens: The words of a text.
        tags: ``O``, ``B-TYPE`` or ``I-TYPE`` for each.

    Raises:
        RewardError: If there are not as many, or a tag is none of these.
    """
    if len(tokens) != len(tags):
        raise RewardError(f"A row needs as many tags as tokens. Actual numbers: {len(tags)} and {len(tokens)}.")
    mentions: list[Mention] = []
    inside = ""
    for token, tag in zip(tokens, tags, strict=True):
        prefix, _, kind = tag.partition("-")
        if tag != "O" and (prefix not in ("B", "I") or not kind):
            raise RewardError(f"The tags of entities are O, B-TYPE and I-TYPE. Actual value: {tag!r}.")
        if prefix == "I" and kind == inside:
            mentions[-1] = mentions[-1]._replace(text=mentions[-1].text + _joined(token))
        elif tag != "O":
            mentions.append(Mention(_joined(token), kind.upper()))
        inside = kind
    return mentions


def _occurrences(mentions: list[Mention]) -> list[tuple[str, int]]:
    """Returns the text of each mention, with the number of earlier ones of the same text."""
    seen: Counter[str] = Counter()
    numbered = []
    for mention in mentions:
        numbered.append((mention.text, seen[mention.text]))
        seen[mention.text] += 1
    return numbered


def _joined(text: str) -> str:
    return "".join(text.split())
