"""A conversation, turn by turn in text: an agent of a few rules asks a customer for what it must know, then acts.

Run: python examples/customer_service.py
"""

import re

import gymnasium as gym

import textgym
from textgym.wrappers import TextView

ACTS = {  # words of the request, what to ask for besides the order number, what to say in the end
    r"cancel": (None, "I have cancelled order {order}."),
    r"invoice": ("e-mail", "I have sent the invoice for order {order} to {e-mail}."),
    r"repair|technician|fix": ("day", "A technician will visit you at {address} on {day}."),
    r"fit|tight|big|small for|size": ("size", "I have exchanged order {order} for size {size}."),
    r"moved|address": ("address", "I have changed the address of order {order} to {address}."),
    r"\bday\b|delivery": ("day", "We will deliver order {order} on {day}."),
    r"": ("wish", "I have arranged a {wish} for order {order}."),
}
VALUES = {
    "order": r"\b\d{5}\b",
    "e-mail": r"\S+@\S+\.example",
    "address": r"\d+ [A-Z]\w+ (?:Lane|Road|Street)",
    "day": r"\w+day",
    "size": r"(?<=ize )\d+",
    "wish": r"refund|money back|new one|replace",
}
QUESTIONS = {"order": "your order number", "wish": "whether you would like a refund or a new one", "day": "the day"}


def agent(conversation: str) -> str:
    """Returns the next turn, of the whole text so far."""
    said = " ".join(line for line in conversation.split("\n") if line.startswith("Customer:"))
    extra, act = next(plan for words, plan in ACTS.items() if re.search(words, said))
    needed = ["address" if "technician" in act else "order", *([extra] if extra else [])]
    known = {slot: re.findall(VALUES[slot], said)[-1] for slot in needed if re.search(VALUES[slot], said)}
    if missing := [slot for slot in needed if slot not in known]:
        return f" Could you please tell me {' and '.join(QUESTIONS.get(slot, f'the {slot}') for slot in missing)}?"
    if "wish" in known:
        known["wish"] = "refund" if known["wish"] in ("refund", "money back") else "replacement"
    return f" Thank you. {act.format(**known)}"


env = TextView(gym.make("TextGen-CustomerService-v0", split="test"))
for number in range(3):
    text, _ = env.reset(options={"prompt_index": number})
    over = False
    while not over:
        text, reward, over, _, info = env.step(agent(text))
    print(f"{text}\n[resolved: {info['is_success']}, reward {reward:.2f}, turns {len(info['turns'])}]\n")

report = textgym.evaluate(agent, "TextGen-CustomerService-v0", episodes=256)
print(f"256 customers: reward {report.mean:.2f}, resolved {report.metrics['success'].mean:.0%}")
