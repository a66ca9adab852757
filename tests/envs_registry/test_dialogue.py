"""TextGen-Dialogue, and the reading of what a help desk writes."""

from __future__ import annotations

import gymnasium as gym
import pytest

import textgym
from textgym.data import SPLITS
from textgym.envs_registry import dialogue
from textgym.envs_registry.material import service
from textgym.envs_registry.material.service_acts import understand
from textgym.errors import OptionError
from textgym.evaluation import Oracle

ID = "TextGen-Dialogue-v0"

ASKS = {
    "order": [
        "Could you give me your order number?",
        "May I have the number of your order, please?",
        "Please send me your order no.",
        "I need your order number to continue",
        "Which order is this about?",
        "order number?",
        "Can you tell me the order ID",
        "Do you have a reference number?",
        "What is your order #?",
        "I'm sorry to hear that, could you share the order number with me?",
        "To refund you I need your order number.",
        "I will refund you once you tell me the order number.",
        "Thank you for the address. What is your order number?",
    ],
    "address": [
        "What is your address?",
        "Where do you live?",
        "Where should we send the technician?",
        "Please give me the new address.",
        "could I have your postal address please",
    ],
    "day": ["Which day would suit you?", "When would you like it delivered?", "Please tell me a day.", "What date?"],
    "size": ["What size do you need?", "Please tell me the right size."],
    "email": [
        "What is your email?",
        "Could you tell me your e-mail address?",
        "Where can I send it, what's your email address?",
    ],
    "wish": [
        "Would you like a refund or a replacement?",
        "Do you want your money back?",
        "Shall I send you a new one?",
        "Refund or replacement?",
        "What would you like us to do?",
        "Please let me know whether you want a refund or a replacement.",
    ],
    "problem": ["How can I help you?", "What happened?", "Could you tell me more about it?", "how may i assist you"],
}
DOES = {
    "refund": [
        "I have refunded order 12345.",
        "We'll refund you the full price of order 12345.",
        "Your refund for order 12345 is on its way.",
        "You will get your money back for order 12345.",
        "I'm so sorry it did not work, so I have refunded order 12345.",
        "The money for order 12345 will be returned to your card.",
    ],
    "replacement": [
        "I have sent a replacement for order 12345.",
        "We will replace it.",
        "A new one is being sent to you.",
        "I'll send you a new kettle right away.",
    ],
    "exchange": ["I have exchanged it for size 38.", "We'll send a replacement in size 38."],
    "cancellation": ["I have cancelled order 12345.", "Your order 12345 has been canceled.", "I'll cancel it for you."],
    "address": ["Your parcel will go to 12 Mill Lane.", "I've updated your delivery address to 12 Mill Lane."],
    "delivery": ["It will be delivered on Friday.", "Your order 12345 will now come on Friday."],
    "visit": ["A technician will come to 12 Mill Lane on Friday.", "We'll send someone to repair it on Tuesday."],
    "invoice": ["We will email the invoice to mia@fox.example.", "I've sent you the bill."],
}
DOES_NOTHING = [
    "refund refund refund",
    "refund 12345 red kettle sorry",
    "I cannot refund that.",
    "We do not send replacements.",
    "I want a refund.",
    "I understand that you want a refund.",
    "If you like, I could cancel it.",
    "Is there anything else I can help you with?",
    "",
]


@pytest.mark.parametrize(("slot", "text"), [(slot, text) for slot, texts in ASKS.items() for text in texts])
def test_questions_are_understood(slot, text):
    meaning = understand(text)
    assert (meaning.asked, meaning.acts) == ({slot}, set())


@pytest.mark.parametrize(("act", "text"), [(act, text) for act, texts in DOES.items() for text in texts])
def test_acts_are_understood(act, text):
    assert understand(text).acts == {act}


@pytest.mark.parametrize("text", DOES_NOTHING)
def test_words_alone_do_nothing(text):
    assert not understand(text).acts
    assert not understand(text).asked


def test_values_are_found():
    named = understand("Order 48213, the Red Kettle, size 38: 7 Mill Lane on Friday, mia@fox.example.").named
    assert named == {
        "order": {"48213"},
        "product": {"red kettle"},
        "size": {"38"},
        "address": {"7 mill lane"},
        "day": {"friday"},
        "email": {"mia@fox.example"},
    }


def score(row, text):
    columns = {name: [value] for name, value in row.columns.items()}
    task = gym.make(ID).unwrapped.task
    return task.reward.score([row.prompt], [text], references=[list(row.references)], **columns).total[0]


@pytest.mark.parametrize("level", [1, 2])
def test_every_reference_earns_all(level):
    task = gym.make(ID, level=level).unwrapped.task
    for split in SPLITS:
        rows = task.rows[split][:256]
        texts = [text for row in rows for text in row.references]
        twice = [row for row in rows for _ in row.references]
        columns = {name: [row.columns[name] for row in twice] for name in rows[0].columns}
        assert (task.reward.score([row.prompt for row in twice], texts, **columns).total == 1).all()
    assert {bool(row.columns["missing"]) for row in rows} == ({False} if level == 1 else {False, True})
    report = textgym.evaluate(Oracle(), ID, episodes=32, level=level)
    assert (report.mean, report.metrics["success"].mean) == (1.0, 1.0)
    assert {report.metrics[name].mean for name in ("intent", "slot_f1")} == {1.0}
    assert report.metrics["meteor"].mean > 0.99


def test_replies_are_told_apart():
    task = gym.make(ID).unwrapped.task
    row = next(
        row for row in task.rows["train"][:100] if row.columns["wanted"] == "refund" and not row.columns["missing"]
    )
    case = row.columns["case"]
    order, product = case.value("order"), case.product
    sorry = f"I am sorry about your {product}."
    ranked = [
        f"{sorry} I have refunded order {order}.",
        f"Your {product} and order {order}: we have refunded you.",  # no word of regret
        f"{sorry} I have refunded you.",  # which order?
        f"{sorry} I have refunded order {order}. We have also cancelled it.",
        f"{sorry} I have refunded order {order}. I have sent a replacement. I have cancelled it.",
        f"{sorry} Your order is {order}.",
        "I have cancelled order 99999.",
        "",
    ]
    scores = [score(row, f" {text}") for text in ranked]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1 > scores[1]
    assert scores[3] <= 0.7
    assert scores[5] <= 0.3 + 1e-9
    assert scores[-1] == 0
    everything = " ".join(ways[0] for ways in service.RESOLUTIONS.values()).format(
        **dict(zip(service.SLOTS, case.values, strict=True))
    )
    assert score(row, f" {sorry} {everything}") < 0.2
    assert score(row, f" sorry {product} {order} refund refunded replacement cancelled") < 0.15
    assert score(row, " " + row.prompt.split("Customer: ")[1].removesuffix("\nAgent:")) < 0.6
    assert score(row, f" {row.prompt}") < 0.15


def test_what_is_missing_is_asked_for():
    rows = gym.make(ID).unwrapped.task.rows["train"][:200]
    row = next(row for row in rows if row.columns["missing"] == "address")
    product = row.columns["case"].product
    assert score(row, f" Of course, and sorry about your {product}. Where do you live?") == 1
    assert score(row, f" I am sorry about your {product}. What is your order number, size, address and e-mail?") < 0.7
    assert score(row, f" I am sorry about your {product}. We will send it to 5 Mill Lane.") < 0.4


def longest(encode, texts):
    return max((f" {text}" for text in texts), key=lambda text: len(encode(text)))


def test_the_longest_prompt_and_reply_fit():
    """Built of the longest pieces: words begin with a space, so that pieces do not melt into other tokens."""
    task = gym.make(ID).unwrapped.task
    encode = task.tokenizer.encode
    product = longest(encode, [name for pairs in service.PRODUCTS.values() for name, _ in pairs]).strip()
    order = max(map(str, range(10_000, 100_000)), key=lambda number: len(encode(f" {number}")))
    address = longest(encode, [f"{number} {street}" for number in range(1, 100) for street in service.STREETS])
    email = longest(encode, [f"{name.lower()}@{last}.example" for name in service.NAMES for last in service.SURNAMES])
    values = (order, "38", address.strip(), longest(encode, service.DAYS).strip(), email.strip(), "")
    greeting = longest(encode, service.GREETINGS).strip()
    for wanted in (*service.ACTS, dialogue.LATE):
        late = wanted == dialogue.LATE
        case = service.Case("delivery" if late else wanted, product, product.split()[1], values)
        said = () if late else tuple(slot for slot in service.NEEDS[wanted] if slot != "order")
        openings = service.REQUESTS[dialogue.LATE] if late else service.requests(case)
        message = longest(encode, [way.format(product) for way in openings]) + "".join(
            longest(encode, [way.format(case.value(slot)) for way in service.tells(slot, case.value(slot))])
            for slot in said
        )
        prompt = f"Order {order}: {product}, due {case.value('day')}.\nCustomer: {greeting}{message}\nAgent:"
        assert len(task.encode_prompt(prompt)) <= task.max_prompt_tokens
        courtesy = longest(encode, [way.format(product) for way in (*dialogue.SORRY, *dialogue.GLADLY)])
        acts = dialogue.ARRIVALS if late else service.RESOLUTIONS[wanted]
        filled = [way.format(case.value("day"), **dict(zip(service.SLOTS, values, strict=True))) for way in acts]
        asked = [service.question([slot], style) for slot in said for style in range(3)]
        assert len(encode(courtesy + longest(encode, [*filled, *asked]))) < task.max_new_tokens


def test_products_of_the_test_are_new():
    task = gym.make(ID).unwrapped.task
    products = {split: {row.columns["case"].product for row in task.rows[split][:2000]} for split in SPLITS}
    assert sum(map(len, products.values())) == len(set.union(*products.values()))
    assert sum(len(pairs) for pairs in service.PRODUCTS.values()) == 1600


def test_bad_options_say_what_and_how():
    with pytest.raises(OptionError, match=r"level is a whole number from 1 to 2. Actual value: 3"):
        gym.make(ID, level=3)
    with pytest.raises(OptionError, match=r"no data set 'daily_dialogue'. Did you mean 'daily_dialog'"):
        gym.make(ID, data="daily_dialogue")
    with pytest.raises(OptionError, match="level is of the generated messages"):
        gym.make(ID, data="daily_dialog", level=1)


def test_daily_dialog_plays(tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        dialog=datasets.Sequence(datasets.Value("string")),
        act=datasets.Sequence(
            datasets.ClassLabel(names=["__dummy__", "inform", "question", "directive", "commissive"])
        ),
        emotion=datasets.Sequence(datasets.ClassLabel(names=["no emotion", "anger"])),
    )
    talks = [
        ["Say , Jim , how about a walk ? ", " You know that is tempting . ", " Come on , it ’ s fun ! I ' m going . "],
        [f"Is this number {i} ? " for i in range(9)] + [" Yes , it certainly is . "],
        ["Ready ? ", " Sure . "],
    ]
    records = [{"dialog": talk, "act": [1] * len(talk), "emotion": [0] * len(talk)} for talk in talks]
    split = datasets.Dataset.from_list(records, features=features)
    datasets.DatasetDict(train=split, validation=split, test=split).save_to_disk(tmp_path / "set")
    task = gym.make(ID, data="daily_dialog", data_path=str(tmp_path / "set"), split="test").unwrapped.task
    assert len(task) == 2  # a reply of one word is left out
    assert task[0].prompt == "Agent: Say, Jim, how about a walk?\nCustomer: You know that is tempting.\nAgent:"
    assert task[0].references == (" Come on, it’s fun! I'm going.",)
    assert task[1].prompt.count("Is this number") == 6
    assert task[1].prompt.endswith("\nCustomer: Is this number 8?\nAgent:")
    columns = {"references": [list(task[0].references)] * 2}
    scores = task.reward.score([task[0].prompt] * 2, [task[0].references[0], ""], **columns).total
    assert scores[0] > 0.99
    assert scores[1] == 0
