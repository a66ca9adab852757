"""A simulated customer, after the agenda-based user simulator of dialogue research.

A customer has a goal (a `Case`) and an agenda: what the message is about, and the values that the help desk must know.
It tells what it is asked for, one or two things a turn; repeats itself where it is asked again; objects to what it
never wanted; loses patience where a turn makes no sense; and leaves once its request is resolved.

Source: Schatzmann et al. 2007, "Agenda-based user simulation for bootstrapping a POMDP dialogue system".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from textgym.data import Row
from textgym.simulators import Simulator

from .service import ASK_WHAT, FAULTS, NEEDS, SLOTS, Case, question, requests, resolution, tell
from .service_acts import Meaning, understand

PATIENCE = 3
"""Turns without sense after which a customer leaves."""

PROBLEM = "problem"
"""What a message is about, as a thing to be asked for."""

VAGUE = (
    "I have a question about my {0}.",
    "I need some help with my {0}.",
    "There is something about my {0}.",
    "It is about my {0}.",
    "Can you help me with my {0}?",
)
SMALL_TALK = ("What a day. ", "I hope you can help. ", "I have never had this before. ", "My week is bad enough. ")
CHAT = ("One moment. ", "Where did I put it? ", "You are very kind. ", "Let me see. ")
"""What chatty customers say in their first message, and before their answers."""

PUZZLED = ("I do not understand.", "What do you mean?", "Sorry, what?")
ANNOYED = ("That makes no sense.", "Are you reading this at all?", "I am losing patience.")


class Customer(NamedTuple):
    """What makes one customer differ from another.

    Attributes:
        case: The goal.
        known: What the first message tells, of `PROBLEM` and the slots that the case needs.
        style: Chooses the wordings.
        terse: Whether a turn answers one question, in place of two.
        chatty: Whether small talk comes before answers, and untold things are told without a question.
        changing: The slot about which the customer is wrong at first; empty for none.
        first: What it says about it at first.
    """

    case: Case
    known: tuple[str, ...]
    style: int
    terse: bool = False
    chatty: bool = False
    changing: str = ""
    first: str = ""

    @property
    def agenda(self) -> tuple[str, ...]:
        """All that the help desk must know, what it is about first."""
        return (PROBLEM, *NEEDS[self.case.act])


class Conversation:
    """What has been said between a customer and an agent whose turns it hears.

    Attributes:
        told: What the agent could know by now: the values of slots, and `PROBLEM`.
        mistakes: Turns that did something else than the customer wants, asked for what had been told or does not
            matter, or made no sense.
        resolved: Whether the customer got what it wanted.
        turns: Turns that the customer has heard, the last one before it left included.
    """

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.told: dict[str, str] = {}
        self.mistakes = 0
        self.resolved = False
        self.turns = 0
        self._senseless = 0
        for thing in customer.known:
            self._note(thing)

    @property
    def missing(self) -> list[str]:
        """What the agent still has to find out."""
        return [thing for thing in self.customer.agenda if thing not in self.told]

    def hear(self, turn: str) -> str | None:
        """Returns what the customer says to a turn, or None where it leaves."""
        self.turns += 1
        meaning = understand(turn)
        changing = self.customer.changing
        wrong_so_far = changing in self.told and self.told[changing] == self.customer.first
        if meaning.acts:
            said = self._judge(meaning, wrong_so_far)
            if said is None:
                return None
        elif meaning.asked:
            said = self._answer(meaning.asked)
        elif meaning.offers:
            said = "Yes, please." if self.customer.case.act in meaning.offers else f"No. {self._request()}"
        elif meaning.courteous:
            said = self._go_on()
        else:
            self.mistakes += 1
            self._senseless += 1
            if self._senseless == PATIENCE:
                return None
            reactions = PUZZLED if self._senseless == 1 else ANNOYED
            said = f"{self._pick(reactions)} {self._about()}"
        if wrong_so_far and self.told[changing] == self.customer.first:
            said = f"{said} Sorry, I have to correct myself. {self._tell(changing)}".strip()
        return said

    def _judge(self, meaning: Meaning, wrong_so_far: bool) -> str | None:
        """Returns the objection to what the agent does, if there is one."""
        case = self.customer.case
        if PROBLEM not in self.told:
            self.mistakes += 1
            return f"But I have not told you yet. {self._tell(PROBLEM)}"
        if wrong_so_far:
            return ""  # it was told something else; the correction follows
        if meaning.acts != {case.act}:
            self.mistakes += 1
            wish = self._tell("wish") if case.act in FAULTS else self._request()
            return f"No, that is not what I want. {wish}"
        products = meaning.named["product"]
        if products and not products & {case.product, case.noun}:
            self.mistakes += 1
            return f"No, it is about my {case.product}."
        for slot in NEEDS[case.act]:
            if slot != "wish" and meaning.named[slot] != {case.value(slot).lower()}:
                self.mistakes += 1
                return f"Please make sure to get it right. {self._tell(slot)}"
        self.resolved = True
        return None

    def _answer(self, asked: frozenset[str]) -> str:
        customer = self.customer
        new = [thing for thing in (*customer.agenda, "name") if thing in asked and thing not in self.told]
        again = [thing for thing in (*customer.agenda, "name") if thing in asked and thing in self.told]
        odd = asked - {*customer.agenda, "name"} if PROBLEM in self.told else frozenset[str]()
        if (again and again != ["name"]) or odd:
            self.mistakes += 1
        if new:
            chat = self._pick(CHAT) if customer.chatty else ""
            return chat + " ".join([self._tell(thing) for thing in new[: 1 if customer.terse else 2]])
        if again:
            return f"As I said: {self._tell(again[0])}"
        if "product" in asked:
            return f"It is the {customer.case.product}."
        return f"Why do you ask me that? {self._about()}"

    def _go_on(self) -> str:
        """Returns what the customer says where it was told nothing and asked nothing."""
        missing = self.missing
        if missing and (self.customer.chatty or missing[0] == PROBLEM):
            return self._tell(missing[0])
        return self._pick(("So what happens now?", "And what will you do?", "Thank you. And now?"))

    def _about(self) -> str:
        return self._request() if PROBLEM in self.told else self._pick(VAGUE).format(self.customer.case.noun)

    def _request(self) -> str:
        case = self.customer.case
        if case.act in FAULTS and "wish" in self.told:
            return tell("wish", self.told["wish"], self.customer.style + self.turns)
        return self._pick(requests(case)).format(case.noun)

    def _tell(self, thing: str) -> str:
        """Returns a sentence that tells a thing, of one told before its right value, and remembers it."""
        self._note(thing)
        if thing == PROBLEM:
            return self._pick(requests(self.customer.case)).format(self.customer.case.noun)
        return tell(thing, self.told[thing], self.customer.style + self.turns)

    def _note(self, thing: str) -> None:
        customer = self.customer
        if thing == PROBLEM:
            self.told[thing] = customer.case.act
        elif thing == customer.changing and thing not in self.told:
            self.told[thing] = customer.first
        else:
            self.told[thing] = customer.case.value(thing)

    def _pick(self, ways: Sequence[str]) -> str:
        return ways[(self.customer.style + self.turns) % len(ways)]


def agent_turns(completion: str) -> list[str]:
    """Returns the agent's turns of a transcript, in which every turn and every reply is a line.

    A last turn of which nothing is written yet is none.
    """
    first, *lines = completion.split("\n")
    turns = [first, *(line.removeprefix("Agent:") for line in lines if line.startswith("Agent:"))]
    return turns if turns[-1].strip() else turns[:-1]


def converse(customer: Customer, turns: Sequence[str]) -> tuple[Conversation, str | None]:
    """Returns the conversation after these turns of an agent, and the last reply, None where the customer has left."""
    conversation = Conversation(customer)
    reply: str | None = None
    for turn in turns:
        reply = conversation.hear(turn)
        if reply is None:
            break
    return conversation, reply


def next_turn(customer: Customer, turns: Sequence[str]) -> str:
    """Returns what a perfect agent says next: it asks for all that is missing, then it acts."""
    conversation, _ = converse(customer, turns)
    style = customer.style + len(turns)
    missing = conversation.missing
    if PROBLEM in missing:
        return f" Of course. {ASK_WHAT[style % len(ASK_WHAT)]}"
    if missing:
        return f" {question(missing[:2], style)}"
    case = customer.case
    told = {**dict(zip(SLOTS, case.values, strict=True)), **conversation.told}
    known = case._replace(act=told.get("wish", case.act), values=tuple(told[slot] for slot in SLOTS))
    return f" Thank you. {resolution(known, style)}"


@lru_cache(maxsize=4096)
def fewest_turns(customer: Customer) -> int:
    """Returns how many turns `next_turn` needs with a customer."""
    turns: list[str] = []
    conversation, reply = converse(customer, turns)
    while not turns or reply is not None:
        turns.append(next_turn(customer, turns))
        conversation, reply = converse(customer, turns)
    return conversation.turns


@dataclass(frozen=True)
class CustomerSimulator(Simulator):
    """Plays the customer of a row, which is in its column ``customer``.

    Args:
        max_turns: Turns of the agent after which a customer leaves in any case.
        reply_tokens: Tokens of the longest reply.
    """

    max_turns: int
    reply_tokens: int

    @property
    def max_reply_tokens(self) -> int:
        return (self.max_turns - 1) * self.reply_tokens

    def reply(self, row: Row, turns: Sequence[str]) -> str | None:
        customer: Customer | None = row.columns.get("customer")
        if customer is None or len(turns) >= self.max_turns:
            return None  # behind a prompt of the user's own there is no customer
        _, said = converse(customer, turns)
        return None if said is None else f"\nCustomer: {said}\nAgent:"
