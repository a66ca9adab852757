"""Recorded conversations of MultiWOZ 2.2 as a task of several turns: the customer says again what it said then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.rewards import make
from textgym.simulators import Simulator
from textgym.tokenizers import load

from .customers import agent_turns

EXCHANGES = 5
"""Exchanges of a conversation that are played, from its first."""

UTTERANCE_TOKENS = 40
"""Longest utterance; longer ones lose their last words."""

FRAME_TOKENS = 8
"""Room for what stands around an utterance: BOS, ``Customer:``, ``Agent:``, line breaks, EOS."""

NO_VALUES = frozenset(("", "?", "none", "yes", "no", "dontcare", "unknown"))


@dataclass(frozen=True)
class RecordedCustomer(Simulator):
    """Says the utterances that were recorded, in order: the column ``said``."""

    @property
    def max_reply_tokens(self) -> int:
        return (EXCHANGES - 1) * (UTTERANCE_TOKENS + FRAME_TOKENS)

    def reply(self, row: Row, turns: Sequence[str]) -> str | None:
        said: tuple[str, ...] = row.columns.get("said", ())
        return f"\nCustomer: {said[len(turns) - 1]}\nAgent:" if len(turns) <= len(said) else None


def played() -> dict[str, Any]:
    """Returns the arguments of `Task` that are of recorded conversations."""
    return {
        "reward": make(recorded_success, range=(0.0, 1.0)),
        "metrics": {"value_f1": make(value_f1)},
        "simulator": RecordedCustomer(),
        "reference_policy": _recorded_turn,
    }


def recorded_success(completions: list[str], answers: list[Sequence[str]], values: list[Any]) -> list[float]:
    """Scores the turns of a conversation by those that were recorded; see TextGen-CustomerService. Range [0, 1]."""
    scores = []
    for text, recorded, named in zip(completions, answers, values, strict=True):
        turns = _turns(text, len(recorded))
        words = make("token_f1").score([""] * len(turns), turns, references=[[answer] for answer in recorded]).total
        facts = _value_scores(turns, named)
        both = [word if fact is None else (word + fact) / 2 for word, fact in zip(words.tolist(), facts, strict=True)]
        scores.append(sum(both) / len(both))
    return scores


def value_f1(completions: list[str], values: list[Any]) -> list[float]:
    """Scores the F1 of the values named, a mean over the recorded replies that name any; 1 where none does.

    Range [0, 1].
    """
    scores = []
    for text, named in zip(completions, values, strict=True):
        facts = [fact for fact in _value_scores(_turns(text, len(named)), named) if fact is not None]
        scores.append(sum(facts) / len(facts) if facts else 1.0)
    return scores


def _value_scores(turns: Sequence[str], values: Sequence[Sequence[str]]) -> list[float | None]:
    known = {value for named in values for value in named}
    scores: list[float | None] = []
    for turn, wanted in zip(turns, values, strict=True):
        found = {value for value in known if value in turn.lower()}
        scores.append(2 * len(found & set(wanted)) / (len(found) + len(wanted)) if wanted else None)
    return scores


def _turns(completion: str, count: int) -> list[str]:
    """Returns the first ``count`` of the agent's turns in a transcript, the empty text for those that are missing."""
    return (agent_turns(completion) + [""] * count)[:count]


def _recorded_turn(row: Row, turns: tuple[str, ...]) -> str:
    return f" {row.columns['answers'][len(turns)]}"


def _conversation(record: Mapping[str, Any]) -> Row:
    turns = record["turns"]
    speakers, utterances, acts = (_column(turns, name) for name in ("speaker", "utterance", "dialogue_acts"))
    spoken = [
        (speaker in (0, "USER"), _cut(text), act) for speaker, text, act in zip(speakers, utterances, acts, strict=True)
    ]
    said = [text for customer, text, _ in spoken if customer][:EXCHANGES]
    replies = [(text, act) for customer, text, act in spoken if not customer][: len(said)]
    values = [_values(act, text) for text, act in replies]
    columns = {
        "said": tuple(said[1 : len(replies)]),
        "answers": tuple(text for text, _ in replies),
        "values": tuple(values),
    }
    return Row(f"Customer: {said[0]}\nAgent:", (), columns)


def _values(acts: Mapping[str, Any], text: str) -> tuple[str, ...]:
    """Returns the values of a recorded reply that stand in its text, in lower case; none is part of another."""
    slots = _column(acts["dialog_act"], "act_slots")
    found = {value.lower() for each in slots for value in _column(each, "slot_value")} - NO_VALUES
    found = {value for value in found if value in text.lower()}
    return tuple(sorted(value for value in found if not any(value != other and value in other for other in found)))


def _column(table: Any, name: str) -> list[Any]:
    """Returns a column of a list of records, which `datasets` gives as a dict of lists or as a list of dicts."""
    return list(table[name]) if isinstance(table, Mapping) else [record[name] for record in table]


def _cut(text: str) -> str:
    """Returns an utterance in one line of at most `UTTERANCE_TOKENS`."""
    encode = load("tiny").encode
    words = text.split()
    while len(encode(" " + " ".join(words))) > UTTERANCE_TOKENS:
        words.pop()
    return " ".join(words)


def _is_played(record: Mapping[str, Any]) -> bool:
    speakers = _column(record["turns"], "speaker")
    return len(speakers) > 1 and speakers[0] in (0, "USER")


PUBLIC = {
    "multiwoz": PublicData(
        path="pfb30/multi_woz_v22",
        name="v2.2",
        revision="refs/convert/parquet",  # the repository itself holds a loading script
        row=_conversation,
        keep=_is_played,
        max_prompt_tokens=UTTERANCE_TOKENS + FRAME_TOKENS,
        max_new_tokens=EXCHANGES * (UTTERANCE_TOKENS + 1),
    )
}
