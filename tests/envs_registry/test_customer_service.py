"""TextGen-CustomerService: the simulated customer, what a conversation earns, and recorded ones."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.data import SPLITS, Row
from textgym.envs_registry.customer_service import MAX_TURNS
from textgym.envs_registry.material import customers, service
from textgym.envs_registry.material.customers import (
    PROBLEM,
    Customer,
    CustomerSimulator,
    converse,
    fewest_turns,
    next_turn,
)
from textgym.envs_registry.material.service import Case
from textgym.errors import OptionError
from textgym.evaluation import Oracle
from textgym.wrappers import TextView

ID = "TextGen-CustomerService-v0"
VALUES = ("48213", "38", "7 Mill Lane", "Friday", "mia@fox.example", "Mia Fox")
REFUND = Case("refund", "red kettle", "kettle", VALUES)
MOVE = Case("delivery", "oak desk", "desk", VALUES)
SIMULATOR = CustomerSimulator(6, 64)


def replies(customer, *turns):
    """What the customer says to each turn, without the frame."""
    row = Row("Customer: …\nAgent:", (), {"customer": customer})
    said = [SIMULATOR.reply(row, turns[: k + 1]) for k in range(len(turns))]
    return [None if text is None else text.removeprefix("\nCustomer: ").removesuffix("\nAgent:") for text in said]


def task_of(**options):
    return gym.make(ID, **options).unwrapped.task


def transcript(task, row, *turns):
    """The text after a prompt when an agent says these turns, as far as the customer stays."""
    text = ""
    for k, turn in enumerate(turns):
        reply = task.simulator.reply(row, turns[: k + 1])
        text += turn + (reply or "")
        if reply is None:
            break
    return text


def earned(customer, *turns):
    task, row = task_of(level=4), Row("Customer: …\nAgent:", (), {"customer": customer})
    text = transcript(task, row, *turns)
    return round(task.reward.score([row.prompt], [text], customer=[customer]).total[0], 6)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_oracle_resolves_every_request(level):
    for split in SPLITS:
        report = textgym.evaluate(Oracle(), ID, episodes=128, split=split, level=level)
        assert (report.mean, report.metrics["success"].mean) == (1.0, 1.0)
        assert report.metrics["mistakes"].mean == 0
        assert report.metrics["politeness"].mean == 1
        assert report.metrics["turns"].mean == (2 if level == 1 else pytest.approx(2 + level / 4, abs=0.6))
        if level < 4:  # who corrects itself has heard a wrong value
            assert report.metrics["slot_f1"].mean == 1


def test_a_conversation_is_played_token_by_token():
    env = TextView(gym.make(ID))
    customer = Customer(REFUND, (PROBLEM,), 0)
    index = next(i for i in range(999) if "wish" in env.task[i].columns["customer"].agenda)
    env.reset(options={"prompt_index": index})
    one = env.task[index].columns["customer"]
    text, reward, over, _, info = env.step(" Hello. What is your order number?\nignored")
    assert (reward, over) == (0, False)
    assert text.endswith(f"\nCustomer: {replies(one, ' Hello. What is your order number?')[0]}\nAgent:")
    text, reward, over, _, info = env.step(" Would you like a refund or a new one?")
    act = "refunded" if one.case.act == "refund" else "sent a replacement for"
    text, reward, over, _, info = env.step(f" I have {act} order {one.case.value('order')}.")
    assert over
    assert info["is_success"] is True
    assert reward == pytest.approx(1 - 0.05 * (3 - fewest_turns(one)))
    assert len(info["turns"]) == 3
    assert customer.agenda == (PROBLEM, "order", "wish")


def test_the_customer_answers_repeats_objects_and_leaves():
    customer = Customer(REFUND, (PROBLEM,), 0)
    said = replies(
        customer,
        " Could I have the number of your order, please?",
        " And the order number?",
        " I have sent a replacement for order 48213.",
        " I have refunded order 11111.",
        " I have refunded order 48213.",
    )
    assert "48213" in said[0]
    assert said[1].startswith("As I said: ")
    assert "48213" in said[1]
    assert said[2].startswith("No, that is not what I want.")
    assert "48213" in said[3]
    assert said[4] is None
    conversation, _ = converse(customer, [" And the order number?", " I have refunded order 48213."])
    assert (conversation.resolved, conversation.mistakes) == (True, 0)


def test_terse_and_chatty_customers():
    both = " Please tell me your order number and the day that suits you."
    (reply,) = replies(Customer(MOVE, (PROBLEM,), 0), both)
    assert "48213" in reply
    assert "Friday" in reply
    (reply,) = replies(Customer(MOVE, (PROBLEM,), 0, terse=True), both)
    assert "48213" in reply
    assert "Friday" not in reply
    (reply,) = replies(Customer(MOVE, (PROBLEM,), 0, chatty=True), both)
    assert any(reply.startswith(chat) for chat in customers.CHAT)
    (reply,) = replies(Customer(MOVE, (PROBLEM,), 0, chatty=True), " One moment, please.")
    assert "48213" in reply
    (reply,) = replies(Customer(MOVE, (PROBLEM,), 0), " One moment, please.")
    assert "48213" not in reply


def test_what_it_is_about_is_told_when_asked():
    customer = Customer(MOVE, (), 0)
    for turn in (" How can I help?", " I am sorry to hear that.", " I have cancelled your order.", " What size is it?"):
        (reply,) = replies(customer, turn)
        told = any(way.format("desk") in reply for way in service.REQUESTS["delivery"])
        assert told == ("size" not in turn), turn
    assert converse(customer, [" I have cancelled your order."])[0].mistakes == 1


def test_patience_ends():
    customer = Customer(MOVE, (PROBLEM,), 0)
    said = replies(customer, " the of and", " kettle kettle", " !!")
    assert said[0] is not None
    assert said[1] is not None
    assert said[2] is None
    said = replies(customer, *[" One moment, please."] * 6)
    assert said[:5].count(None) == 0
    assert said[5] is None  # max_turns


@pytest.mark.parametrize(("changing", "first"), [("day", "Monday"), ("order", "11111"), ("wish", "replacement")])
def test_a_change_of_mind_is_told_with_the_next_reply(changing, first):
    case = MOVE if changing == "day" else REFUND
    customer = Customer(case, (PROBLEM,), 0, changing=changing, first=first)
    turns: list[str] = []
    while len(turns) < 6:
        turns.append(next_turn(customer, turns))
        if replies(customer, *turns)[-1] is None:
            break
    said = replies(customer, *turns)
    assert [("correct myself" in (reply or "")) for reply in said] == [False, True, False]
    conversation, _ = converse(customer, turns)
    assert (conversation.resolved, conversation.mistakes, len(turns)) == (True, 0, 3)
    assert fewest_turns(customer) == 3
    assert earned(customer, *turns) == 1


def test_turns_and_mistakes_cost():
    customer = Customer(MOVE, (PROBLEM,), 0)
    ask, day = " Your order number and the day that suits you, please?", " Which day would suit you?"
    done = " We will deliver order 48213 on Friday."
    assert earned(customer, ask, done) == 1.0
    assert earned(customer, " Please tell me your order number.", day, done) == 0.95
    assert earned(customer, ask, day, done) == 0.85  # asked again
    assert earned(customer, ask, " I have cancelled order 48213.", done) == 0.85
    assert earned(customer, ask, *[" I have cancelled order 48213."] * 4, done) == 0.5  # resolved, after all
    assert earned(customer, ask) == 0.3
    assert earned(customer, " Please tell me your order number.") == 0.15
    assert earned(customer, " What is your shoe size?", " The order number?") == 0.05
    for nothing in ("", " sorry order day refund", " Customer: Please move the delivery of my desk.", " Order 48213."):
        assert earned(customer, nothing, nothing, nothing) == 0


def test_promising_everything_resolves_nothing():
    customer = Customer(MOVE, (PROBLEM,), 0)
    everything = " ".join(ways[0] for ways in service.RESOLUTIONS.values()).format(
        **dict(zip(service.SLOTS, VALUES, strict=True))
    )
    assert earned(customer, *[f" {everything}"] * 6) == 0
    days = " We will deliver order 48213 on Monday, Tuesday, Wednesday, Thursday, Friday or Saturday."
    assert earned(customer, *[days] * 6) == 0
    asks = " What is your name, order number, size, day, address and e-mail? Refund or replacement? What happened?"
    assert earned(customer, *[asks] * 6) == 0
    assert earned(customer, asks, " We will deliver order 48213 on Friday.") == 0.9


def test_replies_are_a_function_of_row_and_turns():
    task = task_of(level=4)
    turns = (" What can I do for you?", " Which day suits you?", " x", " I have refunded order 12345.", " Sorry?")
    row = task[5]
    forward = [task.simulator.reply(row, turns[:k]) for k in range(1, 6)]
    backward = [task_of(level=4).simulator.reply(task[5], list(turns[:k])) for k in range(5, 0, -1)]
    assert forward == backward[::-1]


def longest(encode, texts):
    return max(len(encode(f" {text}")) for text in texts)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_any_reply_fits(level):
    """The longest pieces together: words begin with a space, so that pieces do not melt into other tokens."""
    task = task_of(level=level)
    encode = task.tokenizer.encode
    values = {
        "order": max(map(str, range(10_000, 100_000, 7)), key=lambda number: len(encode(f" {number}"))),
        "address": max(
            (f"{number} {street}" for number in range(1, 100) for street in service.STREETS),
            key=lambda text: len(encode(f" {text}")),
        ),
        "size": "38",
        "day": "Wednesday",
        "email": "nina@price.example",
        "name": "Clara Price",
    }
    noun = max(
        (noun for pairs in service.PRODUCTS.values() for _, noun in pairs), key=lambda text: len(encode(" " + text))
    )
    bounds = []
    for act, needs in service.NEEDS.items():
        case = Case(act, f"walnut {noun}", noun, tuple(values[slot] for slot in service.SLOTS))
        request = longest(encode, [way.format(noun) for way in service.requests(case)])
        tells = {
            slot: longest(encode, [way.format(case.value(slot)) for way in service.tells(slot, case.value(slot))])
            for slot in (*needs, "name")
        }
        if "wish" in needs:
            tells["wish"] = max(longest(encode, service.TELLS[wish]) for wish in service.FAULTS)
        about = max(request, tells.get("wish", 0), longest(encode, [way.format(noun) for way in customers.VAGUE]))
        for changing in needs if level == 4 else [""]:
            correction = longest(encode, ["Sorry, I have to correct myself."]) + tells[changing] if changing else 0
            told = sorted([length for slot, length in tells.items() if slot != changing] + [request] * (level > 2))
            chat = longest(encode, customers.CHAT) if level > 2 else 0
            answer = chat + sum(told[-2:])
            other = 9 + max(about, *tells.values())  # tokens of the longest "No, that is not what I want."
            bounds.append(max(answer, other) + correction)
    frame = len(encode("\nCustomer:")) + len(encode("\nAgent:"))
    assert task.simulator.reply_tokens - 6 <= frame + max(bounds) <= task.simulator.reply_tokens
    assert task.simulator.max_reply_tokens == (MAX_TURNS[level] - 1) * task.simulator.reply_tokens


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_no_turn_of_an_agent_breaks_a_conversation(level):
    task = task_of(level=level)
    rng = np.random.default_rng(level)
    parts = [
        *(service.question([slot], 0) for slot in service.ASK_FOR),
        *(ways[0].format(**dict(zip(service.SLOTS, VALUES, strict=True))) for ways in service.RESOLUTIONS.values()),
        "What can I do for you?",
        "What is your name?",
        "Which product?",
        "Shall I cancel it?",
        "One moment.",
        "x y",
        "\u2603",
        "",
    ]
    for i in range(300):
        row, turns = task[i], [" ".join(rng.choice(parts, size=rng.integers(1, 4))) for _ in range(6)]
        for k in range(1, 7):
            if (reply := task.simulator.reply(row, turns[:k])) is not None:
                assert len(task.tokenizer.encode(reply)) <= task.simulator.reply_tokens
                assert reply.startswith("\nCustomer: ")
                assert reply.endswith((".\nAgent:", "?\nAgent:"))
                assert reply.count("\n") == 2
                assert "  " not in reply


def test_the_longest_prompt_fits():
    encode = task_of().tokenizer.encode
    case = Case("address", "walnut ottoman", "ottoman", ("13111", *VALUES[1:2], "13 Garden Road", *VALUES[3:]))
    for act in service.ACTS:
        one = case._replace(act=act)
        facts = [service.tell(slot, one.value(slot), style) for slot in service.NEEDS[act] for style in range(4)]
        for opening in service.requests(one):
            told = max((f"{opening.format(one.product)} {fact}" for fact in facts), key=lambda text: len(encode(text)))
            for level, message in ((1, told), (3, customers.SMALL_TALK[2] + opening.format(one.product))):
                task_of(level=level).encode_prompt(f"Customer: Good morning. {message}\nAgent:")


def test_a_prompt_of_ones_own_has_no_customer():
    assert SIMULATOR.reply(Row("Customer: Hello!\nAgent:"), [" How can I help?"]) is None


def test_products_of_the_test_are_new():
    task = task_of()
    products = {split: {row.columns["customer"].case.product for row in task.rows[split][:2000]} for split in SPLITS}
    assert sum(map(len, products.values())) == len(set.union(*products.values()))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": 5}, "level is a whole number from 1 to 4. Actual value: 5"),
        ({"max_turns": 0}, "max_turns is a whole number from 1 to 50. Actual value: 0"),
        ({"data": "multiwos"}, "no data set 'multiwos'. Did you mean 'multiwoz'"),
        ({"data": "multiwoz", "level": 3}, "level and max_turns are of the simulated customers"),
    ],
)
def test_bad_options_say_what_and_how(options, message):
    with pytest.raises(OptionError, match=message):
        gym.make(ID, **options)


@pytest.fixture
def multiwoz(tmp_path):
    """A copy on disk of two conversations in the columns and types of pfb30/multi_woz_v22."""
    datasets = pytest.importorskip("datasets")
    text, texts, number = datasets.Value("string"), datasets.Sequence(datasets.Value("string")), datasets.Value("int32")
    many = datasets.Sequence
    state = {
        "active_intent": text,
        "requested_slots": texts,
        "slots_values": many({"slots_values_name": text, "slots_values_list": texts}),
    }
    slot = {"slot": text, "value": text, "start": number, "exclusive_end": number, "copy_from": text}
    spans = {"act_type": text, "act_slot_name": text, "act_slot_value": text, "span_start": number, "span_end": number}
    acts = {"act_type": text, "act_slots": many({"slot_name": text, "slot_value": text})}
    turns = {  # a list of records, which `datasets` keeps as a record of lists
        "turn_id": text,
        "speaker": datasets.ClassLabel(names=["USER", "SYSTEM"]),
        "utterance": text,
        "frames": many({"service": text, "state": state, "slots": many({**slot, "copy_from_value": texts})}),
        "dialogue_acts": {"dialog_act": many(acts), "span_info": many(spans)},
    }
    features = datasets.Features(dialogue_id=text, services=texts, turns=many(turns))

    def record(name, said, values):
        turns = [
            {
                "turn_id": str(i),
                "speaker": i % 2,
                "utterance": utterance,
                "frames": {"service": [], "state": [], "slots": []},
                "dialogue_acts": {
                    "dialog_act": {
                        "act_type": ["Hotel-Inform"] * len(named),
                        "act_slots": [{"slot_name": ["x"], "slot_value": [value]} for value in named],
                    },
                    "span_info": {name: [] for name in spans},
                },
            }
            for i, (utterance, named) in enumerate(zip(said, values, strict=True))
        ]
        return {
            "dialogue_id": name,
            "services": ["hotel"],
            "turns": {column: [turn[column] for turn in turns] for column in turns[0]},
        }

    short = record(
        "SHORT.json",
        [
            "I need a cheap room.",
            "The Alpha Lodge in the north is cheap.",
            "Book it.",
            "Done, code X7Q. Anything else?",
            "No.",
        ],
        [[], ["Alpha Lodge", "north", "?"], [], ["X7Q"], []],
    )
    long = record("LONG.json", [f"This is line {i} of it" + " and so on" * 30 for i in range(16)], [[]] * 16)
    split = datasets.Dataset.from_list([short, long], features=features)
    datasets.DatasetDict(train=split, validation=split, test=split).save_to_disk(tmp_path / "set")
    return {"data": "multiwoz", "data_path": str(tmp_path / "set")}


def test_multiwoz_plays(multiwoz):
    env = TextView(gym.make(ID, split="test", **multiwoz))
    text, _ = env.reset(options={"prompt_index": 0})
    assert text == "Customer: I need a cheap room.\nAgent:"
    text, reward, over, _, _ = env.step(" The Alpha Lodge in the north is cheap.")
    assert text.endswith(" is cheap.\nCustomer: Book it.\nAgent:")
    assert (reward, over) == (0, False)
    _, reward, over, _, info = env.step(" Done, code X7Q. Anything else?")
    assert (reward, over, len(info["turns"])) == (1, True, 2)
    assert "is_success" not in info
    assert len(env.task) == 2
    report = textgym.evaluate(Oracle(), ID, episodes=2, **multiwoz)
    assert (report.mean, report.metrics["value_f1"].mean) == (1.0, 1.0)
    assert [episode.finish_reason for episode in report.episodes] == ["eos", "eos"]


def test_multiwoz_pays_for_words_and_values(multiwoz):
    task = task_of(**multiwoz)
    row = task[0]

    def score(*turns):
        text = transcript(task, row, *turns)
        columns = {name: [value] for name, value in row.columns.items()}
        return task.reward.score([row.prompt], [text], **columns).total[0]

    right = " The Alpha Lodge in the north is cheap."
    assert score(right, " Done, code X7Q. Anything else?") == 1
    assert 0.4 < score(right, "") <= 0.5
    assert score("", "") == 0
    assert score(" Alpha Lodge north X7Q", " Alpha Lodge north X7Q") < score(right, " Done, the code is X7Q.") < 1
