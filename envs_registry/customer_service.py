"""TextGen-CustomerService: talk to a customer until the request is resolved, in few turns.

**Asked**: the prompt is a customer's first message and ``Agent:``. The customer wants a refund, a replacement, an
exchange, a cancellation, a new address, another delivery day, a technician or an invoice, and does not tell everything
at once. The agent asks for what is missing, such as the order number, and then says what it does and names what it is
about: ``I have refunded order 48213.`` Each turn of the agent is a line; the environment writes the customer's reply
and ``Agent:`` after it.

**Data**: generated from 1,600 products, eight requests, and order numbers, names, addresses and wordings; endless in
training, 256 prompts for validation and 512 for the test. The split hangs on the product: no product of the test is
ever seen in training. The customer is simulated: it has a goal and an agenda, understands free text by word patterns,
answers one or two questions a turn, repeats itself, objects to what it did not want, and leaves after three turns that
make no sense.

**Reward**: at the end. Where the request is resolved, by the right act alone with the right values,

    1 − min(0.5, 0.05 · turns beyond the fewest possible + 0.1 · mistakes)

and that counts as success. Else 0.3 times the share of what the agent had to find out and did, less 0.1 a mistake, and
at least 0. A mistake is a turn that does something else than the customer wants or names a wrong value or none, that
asks for what was told or does not matter, or that makes no sense. The metrics are the F1 of the values named, turns and
mistakes, the share of turns with a polite word, and the share of the agent's words that are English.

**Ending**: the customer leaves: the request is resolved, patience is gone, or ``max_turns`` are over: 4 by default, 6
from level 3 on. Also 96 tokens of the agent's own, 128 from level 3 on. A turn ends with a line break or EOS.

**Options**: ``level``: 1, one thing is to be asked for; 2, all that is needed, and half of the customers answer one
question at a time; 3, also what the message is about, and half of them chat; 4, and half of them correct
themselves later on. Three turns are enough at level 2, five at level 4; from level 3 on contexts are longer than the
256 tokens of ``tiny``. ``max_turns``, ``data``, ``data_path``, ``data_seed``.

**Public data**: ``data="multiwoz"``: the first five exchanges of a conversation of MultiWOZ 2.2, utterances cut at 40
tokens. The customer says what was recorded, whatever the agent says. The reward is the mean over the recorded replies
of token F1, and, where a reply names values, of its mean with their F1; values of the other replies count as
wrong. Those that stand in a database cannot be known and must be guessed, so that no honest agent earns 1. ``level``
and ``max_turns`` do not apply.

**What the reward misses**: tone, and all that the patterns do not foresee: a rare wording earns a puzzled reply. The
customer believes every promise; clumsy English does where the words are right.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from textgym.data import Row
from textgym.errors import OptionError
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material import recorded
from .material.customers import (
    PROBLEM,
    SMALL_TALK,
    VAGUE,
    Conversation,
    Customer,
    CustomerSimulator,
    agent_turns,
    converse,
    fewest_turns,
    next_turn,
)
from .material.service import ACTS, DAYS, FAULTS, GREETINGS, NEEDS, SIZES, Case, draw_case, requests, tells
from .material.service_acts import understand
from .prose import Dice, source

MAX_PROMPT = 48
MAX_NEW = {1: 96, 2: 96, 3: 128, 4: 128}
"""Tokens of the agent in an episode, by level. With all replies, levels 1 and 2 stay within the 256 of `tiny`."""

MAX_TURNS = {1: 4, 2: 4, 3: 6, 4: 6}
"""Turns after which a customer leaves, by level."""

MOST_TURNS = 50
REPLY_TOKENS = {1: 36, 2: 36, 3: 48, 4: 72}
"""Tokens of the longest reply, by level."""

ENTRY = EnvEntry(
    id="TextGen-CustomerService-v0",
    task="textgym.envs_registry.customer_service:task",
    summary="Talk to a customer until the request is resolved, in few turns.",
    tags=("core", "generated", "dialogue", "multi-turn", "credit-assignment", "generalization"),
)


def task(
    level: int = 2,
    max_turns: int | None = None,
    data: str | None = None,
    data_path: str | None = None,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    check_whole("level", level, 1, 4)
    if max_turns is not None:
        check_whole("max_turns", max_turns, 1, MOST_TURNS)
    if data is not None and (level, max_turns) != (2, None):
        raise OptionError(
            f"level and max_turns are of the simulated customers, and data={data!r} plays recorded ones. "
            f"Leave them out. Actual values: {level} and {max_turns}."
        )

    def draw(rng: np.random.Generator) -> Row:
        customer, prompt = _draw_customer(Dice(rng), level)
        return Row(prompt, (), {"customer": customer})

    rows = source(
        draw,
        max_prompt_tokens=MAX_PROMPT,
        max_new_tokens=MAX_NEW[level],
        data_seed=data_seed,
        key=_product,
        data=data,
        data_path=data_path,
        known=recorded.PUBLIC,
    )
    own: dict[str, Any] = {
        "reward": make(service_success, range=(0.0, 1.0)),
        "metrics": {
            "slot_f1": make(slot_f1),
            "turns": make(turn_count),
            "mistakes": make(mistake_count),
            "politeness": make(politeness),
            "english_words": make(agent_english),
        },
        "gold": "slot_f1",
        "simulator": CustomerSimulator(max_turns or MAX_TURNS[level], REPLY_TOKENS[level]),
        "reference_policy": reference_policy,
        "success_threshold": 0.5,
    }
    return Task(
        name="CustomerService",
        **rows._asdict(),
        tokenizer=load("tiny"),
        stop=("\n",),
        **(own if data is None else recorded.played()),
    )


def reference_policy(row: Row, turns: tuple[str, ...]) -> str:
    """Returns the next turn of an agent that resolves every request in the fewest turns."""
    return next_turn(row.columns["customer"], turns)


def service_success(completions: list[str], customer: list[Customer]) -> list[float]:
    """Scores whether a request was resolved, less a cost for turns and mistakes. Range [0, 1].

    The formula is on the page of TextGen-CustomerService.
    """
    return [_score(_played(text, one), one) for text, one in zip(completions, customer, strict=True)]


def _score(conversation: Conversation, customer: Customer) -> float:
    if conversation.resolved:
        extra = max(0, conversation.turns - fewest_turns(customer))
        return 1 - min(0.5, 0.05 * extra + 0.1 * conversation.mistakes)
    sought = [thing for thing in customer.agenda if thing not in customer.known]
    found = len(sought) - len(conversation.missing)
    return max(0.0, 0.3 * found / len(sought) - 0.1 * conversation.mistakes)


def slot_f1(completions: list[str], customer: list[Customer]) -> list[float]:
    """Scores the F1 of the values that the agent names against those that resolve the request. Range [0, 1]."""
    scores = []
    for text, one in zip(completions, customer, strict=True):
        needed = {(name, one.case.value(name).lower()) for name in NEEDS[one.case.act] if name != "wish"}
        meanings = [understand(turn) for turn in agent_turns(text)]
        named = {
            (slot, value)
            for meaning in meanings
            for slot, values in meaning.named.items()
            for value in values
            if slot != "product"
        }
        scores.append(2 * len(named & needed) / (len(named) + len(needed)))
    return scores


def turn_count(completions: list[str]) -> list[float]:
    """Counts the agent's turns."""
    return [float(len(agent_turns(text))) for text in completions]


def mistake_count(completions: list[str], customer: list[Customer]) -> list[float]:
    """Counts the agent's mistakes, as the customer sees them."""
    return [float(_played(text, one).mistakes) for text, one in zip(completions, customer, strict=True)]


def politeness(completions: list[str]) -> list[float]:
    """Scores the share of turns with a polite word. Range [0, 1]."""
    spoken = [agent_turns(text) for text in completions]
    return [sum(understand(turn).courteous for turn in turns) / max(1, len(turns)) for turns in spoken]


def agent_english(prompts: list[str], completions: list[str]) -> list[float]:
    """Scores the share of the agent's words that are English; see ``english_words``. Range [0, 1]."""
    spoken = [" ".join(agent_turns(text)) for text in completions]
    return [float(score) for score in make("english_words").score(prompts, spoken).total]


def _played(completion: str, customer: Customer) -> Conversation:
    conversation, _ = converse(customer, agent_turns(completion))
    return conversation


def _draw_customer(dice: Dice, level: int) -> tuple[Customer, str]:
    """Returns a customer and its first message."""
    act = dice.choice(ACTS)
    case = draw_case(dice, act)
    needs = NEEDS[act]
    vague = level >= 3 and dice.chance(0.5)
    known: tuple[str, ...] = () if vague else (PROBLEM,)
    if level == 1:
        asked = dice.choice(needs)
        known = (PROBLEM, *(slot for slot in needs if slot != asked))
    terse = level >= 2 and dice.chance(0.5)
    chatty = level >= 3 and dice.chance(0.5)
    changing = dice.choice(needs) if level == 4 and dice.chance(0.5) else ""
    first = _other(dice, case, changing) if changing else ""
    greeting = dice.choice(GREETINGS) + (dice.choice(SMALL_TALK) if chatty else "")
    opening = dice.choice(VAGUE if vague else requests(case)).format(case.product)
    facts = [f" {dice.choice(tells(slot, case.value(slot))).format(case.value(slot))}" for slot in known[1:]]
    prompt = f"Customer: {greeting}{opening}{''.join(facts)}\nAgent:"
    return Customer(case, known, dice.whole(0, 59), terse, chatty, changing, first), prompt


def _other(dice: Dice, case: Case, slot: str) -> str:
    """Returns a wrong value of a slot."""
    right = case.value(slot)
    if slot == "wish":
        return FAULTS[1 - FAULTS.index(right)]
    if slot in ("day", "size"):
        values = DAYS if slot == "day" else SIZES
        return values[(values.index(right) + dice.whole(1, len(values) - 1)) % len(values)]
    other = draw_case(dice, case.act).value(slot)
    return other if other != right else _other(dice, case, slot)


def _product(row: Row) -> str:
    customer: Customer = row.columns["customer"]
    return customer.case.product
