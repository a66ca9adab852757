"""A grammar of customer messages, reviews and agent replies, in both moods.

The phrase banks below are ours. ``[a/b]`` chooses one of its alternatives, ``{slot}`` draws from a slot table, ``{it}``
names the thing that the message is about. Openings never fix the mood: the same first words are followed by praise, by
a complaint, or by one that turns into the other, so a model trained on this text can be steered at any word.
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from .domains import DOMAINS, bank

Mood = str  # "negative" | "neutral" | "positive"


class Document(NamedTuple):
    """A text and the mood its author ends in."""

    text: str
    mood: Mood


SLOTS: dict[str, tuple[str, ...]] = {
    "n": bank("two|three|four|five|six|ten|twelve|twenty"),
    "span": bank("""
two days|three days|a week|ten days|two weeks|three weeks|a month|six weeks|two months|half a year|a year
two years"""),
    "wait": bank("""
ten minutes|twenty minutes|half an hour|forty minutes|an hour|over an hour|two hours|three hours"""),
    "day": bank("Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"),
    "month": bank("January|March|April|May|June|July|September|October|November|December"),
    "when": bank("""
yesterday|last week|last month|on {day}|this morning|two days ago|a week ago|in {month}|last summer
over the weekend"""),
    "rel": bank("""
son|daughter|wife|husband|mother|father|sister|brother|grandmother|grandfather|uncle|aunt|best friend
neighbour|boyfriend|girlfriend|cousin|colleague"""),
    "who": bank("""
my {rel}|my family|a friend|my parents|the children|everyone|my guests|my neighbours"""),
    "event": bank("""
a birthday|our anniversary|the holidays|a wedding|a long weekend|a school trip|our summer trip|Christmas
a small party|a family dinner|my first day at work|moving house"""),
    "colour": bank("blue|green|red|grey|black|white|yellow|brown|pink|orange|dark blue|light green"),
    "very": bank("very|really|so|quite|extremely|truly|incredibly"),
    "helper": bank("""
the young man|the woman on the phone|the manager|the girl at the counter|the assistant|the man at the desk
a lady called Anna|your colleague|the owner|the agent|a man called Peter|the person I spoke to"""),
}

CLOSINGS: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
thank you so much|thank you|many thanks to the whole team|I could not be happier|I am delighted
what a lovely surprise|I will be back|I would recommend it to anyone|highly recommended|we will come again
keep up the good work|five stars from me|I am so glad I found you|it made my day|great value for money
I have already told my friends|well done|a big thank you from all of us|I am one happy customer
that is how it should be|you have won a loyal customer|it was worth the wait|I am impressed|simply wonderful"""),
    "negative": bank("""
I want my money back|never again|I am very disappointed|what a waste of money
I would not recommend it to anyone|please do something about it|I will not be back|stay away
this is not acceptable|I expected much more|I have had enough|I feel cheated|I will never order here again
it is a shame|I am really angry|save your money|nobody seems to care|I regret buying it
this is the last time|one star is too much|I am tired of excuses|it ruined {event}|what a disappointment
I demand a refund"""),
    "neutral": bank("""
that is all|please let me know|I will see how it goes|thank you for a short answer|it is what it is
I will write again next week|I have no other questions|please send the answer by email
we will decide on {day}|time will tell|it is neither good nor bad|it does the job"""),
}

RESOLUTIONS: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
{helper} [was so kind about it/stayed until it was fixed/called me twice to make sure all was well/\
made everything right/took care of it at once]
{helper} gave me my money back [without a question/the same day/with an apology]
it turned out [fine/wonderful/better than I had hoped] in the end
they made up for it with [a free dessert/a gift card/a handwritten note/flowers/a discount]
it was sorted out [with a smile/in no time/in one call]|in the end we laughed about it
they could not have been nicer|everything was put right within the hour|I got help right away"""),
    "negative": bank("""
{helper} [did not care/blamed me/laughed at me/refused to help/hung up on me/was rude]
nobody [answered my emails/apologised/called me back/listened]
I am still waiting for [an answer/my money/an apology]|it has only got worse since
I was told to wait another [week/month/ten days]|I was treated like a thief
they closed my complaint without a word|they did nothing about it|I got the same text three times
they want me to pay for it"""),
}
GOODS_RESOLUTIONS: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
{helper} [replaced it the next day/sent a new one at once/repaired it for free/exchanged it on the spot]
I got a new one within {n} days
the shop [apologised and sent a new one/took it back and gave me a better one/repaired it for free]
now it works [perfectly/like a charm]|the new one came [the next day/with a kind note/before the weekend]
the repair was free and quick"""),
    "negative": bank("""
the shop [refused to take it back/wants me to pay for the repair/says it is my fault/closed the next day]
they sent me the same broken thing again|in the end I threw it away|now it does not work at all
I had to pay {n} euros to send it back|they sent me [an empty box/the wrong one/a used one]"""),
}

_COMMON_SNAGS = bank("""
I called about {it}|I asked for help with {it}|I had a question about {it}|{it} was not what I expected
I was nervous about {it}|I complained about {it} {when}|I told {helper} about {it}
I had read mixed reviews of {it}|there was a problem with {it}|I was not sure about {it}""")
SNAGS: dict[str, tuple[str, ...]] = {
    "goods": _COMMON_SNAGS
    + bank("""
{it} arrived with a dent|{it} arrived with a scratch|I made a mistake with my order
{it} needed a repair after {span}|{it} came late|{it} was the wrong colour|I wanted to exchange {it}
I sent {it} back {when}|{it} arrived without the manual|I lost the receipt for {it}
a small part of {it} was missing|{it} was delivered to my neighbour|{it} stopped after {span}
I opened the box of {it}|{it} came in a torn box"""),
    "media": _COMMON_SNAGS
    + bank("""
I ordered {it} twice by accident|{it} arrived without its cover|a page of {it} was torn|{it} came late
I sent {it} back {when}|I was sent the wrong book instead of {it}|{it} was a gift, but I already had it"""),
    "food": _COMMON_SNAGS
    + bank("""
{it} arrived late|I made a mistake with my order|{it} was already sold out|I asked for {it} without nuts
I ordered {it} by phone|they forgot {it} at first|{it} was a little cold when it came
{it} came in a torn box|I paid for {it} twice by accident"""),
    "place": bank("""
I was nervous about {it}|my first visit to {it} was not what I expected|I had read mixed reviews of {it}
there was a mix up at {it}|I called {it} with a problem|I had a question for {it}|I left my bag at {it}
we came to {it} late|I forgot my [glasses/keys] at {it}|I asked {helper} at {it} for help
there was a long queue at {it}|I wrote to {it} about my last visit|my {rel} felt sick at {it}
it was raining when we got to {it}|{it} mixed up my name at first|I complained to {it} {when}
I spoke to {helper} at {it}|{it} made a mistake with my bill"""),
    "service": _COMMON_SNAGS
    + bank("""
I made a mistake when I booked {it}|I wanted to cancel {it}|I paid twice for {it}
I forgot my ticket for {it}|{it} was changed at short notice|I was late for {it}|I lost my password for {it}
I was charged too much for {it}|I wrote an email about {it}"""),
}

QUESTIONS = bank("""
can I change [the date/my address/the colour/my order]|how long does [delivery/the repair/it] take
do you [open/deliver] on {day}|is {it} [still available/also sold in {colour}/suitable for children]
where can I [find the manual/send it back/park/leave my bags]
could you tell me [the opening hours/the price/when it will be back in stock]
do I need [a receipt/an appointment/a ticket/an account]|may I bring my [dog/children/own food]
can I pay [by card/in cash/later/by invoice]|what do I have to do to [cancel/exchange it/get a new password]
which [size/model/bus/room] would you recommend for my {rel}
is there a [discount/lift/garden/table] for {n} people""")
REQUESTS = bank("""
please [send me the invoice/change my address/cancel my order/call me after six/move my appointment to {day}]
I would like to [order another one/know the price/book a table for {n}/come on {day}/\
speak to somebody about {it}/return {it}]
I am looking for [a gift for my {rel}/something for {event}/{it} in {colour}]
I need [a new password/a copy of the bill/a spare part/the same one in {colour}]
my order number is on the [label/bill/first page]|we will be {n} people on {day}|I will be at home after {n}
the parcel should go to my {rel}""")

AGENT_OPEN: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
thank you for your kind words|what a lovely message, thank you|we are so happy to hear that
thank you, this made our day|how wonderful to read this|thank you so much for telling us"""),
    "negative": bank("""
I am sorry to hear that|we are very sorry about this|I apologise for the trouble
thank you for telling us, and I am sorry|oh no, that should not have happened
I understand that you are upset|please accept our apologies"""),
    "neutral": bank("""
thank you for your message|good question|of course|yes, that is no problem|thanks for asking|certainly
I am happy to help|let me check that for you"""),
}
AGENT_ACT: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
I will pass it on to [the team/my colleagues/our chef]|we hope to see you again soon
your next [coffee/delivery/visit] is on us|we look forward to your next visit
it is a pleasure to have you as a customer|the whole team says thank you|please enjoy it for many years
we are proud of {it} too|it is good to know that {it} is in good hands"""),
    "negative": bank("""
we will [send a new one today/refund the full price/repair it free of charge/look into it at once]
a new one will be with you on {day}
please [send us a photo/tell me your order number/keep it as a gift], and I will [take care of it/\
sort it out today]
I have sent you a [refund/gift card/free label]|{helper} will call you this afternoon
the money will be back in your account on {day}|please give us a chance to put it right
I have told the manager about it|I will find out what went wrong with {it}
{it} should not have given you this trouble|could you tell me a little more about {it}"""),
    "neutral": bank("""
we are open from nine to six|it takes about {n} days|you can do that on our website
please bring your [card/receipt/passport]|we deliver on {day} and {day}|it costs {n} euros
I have changed it for you|your appointment is on {day} at {n}|yes, we have it in {colour}
I have sent you the form by email|children are very welcome|you will get an email with all the details
dogs are allowed on a lead|I have put a note about {it} in your account
you can read more about {it} on our website"""),
}

_CONSEQUENCES: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
I bought a second one|I will order again|we will be back|I can only recommend it|I sleep well again
my {rel} is happy|I gave one to my {rel}|the evening was saved|I left a big tip|I can finally relax"""),
    "negative": bank("""
I sent it back|we left|I want a refund|I will go somewhere else|I had to buy another one|we went home hungry
I gave up|my {rel} was in tears|I am looking for a new one|the evening was ruined"""),
}
_SAYS: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
what I love most is that|the best part is that|my {rel} says that|I am glad that|it is great that
I was happy to see that|I have to say that|best of all,|I was surprised that"""),
    "negative": bank("""
what annoys me most is that|the worst part is that|my {rel} says that|it is a pity that|I am upset that
I was shocked that|I have to say that|worst of all,|I was surprised that"""),
}
_EXPECTED: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
I did not expect much, but|I was worried at first, but|everyone told me not to, but I am glad I did:
it was not cheap, but|it is not perfect, but|it was raining and I was in a bad mood, but
it took a while, but|I had almost given up, but"""),
    "negative": bank("""
I had high hopes, but|I was so happy at first, but|everyone told me how good it was, but|it was cheap, but
it looked great at first, but|I wanted to like it, but|I waited for weeks, and then
I paid a lot of money, and"""),
}
_CONCEDES: dict[Mood, tuple[str, ...]] = {
    "positive": bank("""
I like that|it is nice that|I will admit that|I was happy to see that|they say that|it is true that"""),
    "negative": bank("""
I was upset that|it is true that|it is a small pity that|I do not mind that|some people say that
I was told that"""),
}
_TURNS = bank("""
but|, but|, but in the end|. However,|. Still,|. But|, although|. Then again,|, yet|. On the other hand,
. Even so,""")
_OTHER: dict[Mood, Mood] = {"positive": "negative", "negative": "positive"}
_SLOT = re.compile(r"\{(\w+)\}")
_CHOICE = re.compile(r"\[([^\[\]]+)\]")
_SENTENCE_START = re.compile(r"(^|[.!?]\s+)([a-z])")


class Grammar:
    """Draws documents; all randomness comes from the generator that is handed in."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.domain = DOMAINS[0]
        self.item = ""
        self.used: set[str] = set()

    def document(self) -> Document:
        """One message, review, reply or two-turn dialogue."""
        self.domain = self.rng.choice(DOMAINS)
        self.item = self.rng.choice(self.domain.items)
        self.used.clear()
        draw = self.rng.random()
        if draw < 0.10:
            return self._dialogue()
        if draw < 0.14:
            mood = self.rng.choice(("positive", "negative", "neutral"))
            return Document(self._reply(mood), "positive" if mood == "positive" else "neutral")
        return self.message()

    def message(self, mood: Mood | None = None) -> Document:
        """A message whose author ends in ``mood``; drawn when None."""
        mood = mood or self.rng.choices(("positive", "negative", "neutral"), (0.36, 0.38, 0.26))[0]
        if mood == "neutral":
            return Document(self._tidy(self._neutral()), mood)
        plans = (self._arc, self._verdict, self._story, self._turn, self._short, self._consequence)
        body = self.rng.choices(plans, (0.26, 0.16, 0.22, 0.18, 0.08, 0.10))[0](mood)
        if self.item not in body and not body.startswith("it ") and self.rng.random() < 0.6:
            body = self._join(self._lead(), ".", body)
        if self.rng.random() < 0.33:
            body = self._join(body, ".", self._draw(CLOSINGS[mood]))
        return Document(self._tidy(body, exclaim=0.12 if mood == "positive" else 0.04), mood)

    # Plans: each returns clauses joined by punctuation, not yet capitalised.

    def _clause(self, mood: Mood) -> str:
        return self._draw(
            {"positive": self.domain.good, "negative": self.domain.bad, "neutral": self.domain.plain}[mood]
        )

    def _lead(self) -> str:
        """A start that leaves the mood open."""
        return self._draw(self.domain.got)

    def _arc(self, mood: Mood) -> str:
        snag = self._draw(SNAGS[self.domain.kind])
        link = self.rng.choice((" and", ", and", ", but", ".", ", and then", ". Then"))
        if mood == "negative" and link in (", but",) and self.rng.random() < 0.5:
            link = " and"
        bank = RESOLUTIONS[mood] + (GOODS_RESOLUTIONS[mood] * 2 if self.domain.kind == "goods" else ())
        ending = self._draw(bank) if self.rng.random() < 0.75 else self._clause(mood)
        return self._join(snag, link, ending)

    def _verdict(self, mood: Mood) -> str:
        first, second = self._clause(mood), self._clause(mood)
        link = self.rng.choice((" and", ", and", ".", ". Also,", ", and what is more,", ". On top of that,", ";"))
        if self.rng.random() < 0.4:
            first = f"{self._draw(_SAYS[mood])} {first}"
        return self._join(first, link, second)

    def _story(self, mood: Mood) -> str:
        body = self._join(self._lead(), self.rng.choice((".", " and", ", and")), self._clause(mood))
        if self.rng.random() < 0.55:
            body = self._join(
                body, self.rng.choice((".", ". Also,", ". " + self._draw(_SAYS[mood]))), self._clause(mood)
            )
        return body

    def _turn(self, mood: Mood) -> str:
        other = self._clause(_OTHER[mood])
        own = self._clause(mood)
        draw = self.rng.random()
        if draw < 0.22:
            body = f"{self.rng.choice(('although', 'even though', 'while'))} {other}, {own}"
        elif draw < 0.28:
            body = f"{self._draw(_EXPECTED[mood])} {own}"
        elif draw < 0.45:
            told = self.rng.choice(_CONCEDES[_OTHER[mood]])
            body = f"{told} {other}{self.rng.choice((', but', '. However,', '. Still,', '. But'))} {own}"
        else:
            turn = self.rng.choice([turn for turn in _TURNS if turn != ", although"])
            turn = turn if turn[0] in ",." else " " + turn
            body = self._join(other, turn, own)
        return self._join(self._lead(), ".", body) if self.rng.random() < 0.35 else body

    def _short(self, mood: Mood) -> str:
        return self._join(self._clause(mood), ".", self._draw(CLOSINGS[mood]))

    def _consequence(self, mood: Mood) -> str:
        body = self._join(
            self._clause(mood), self.rng.choice((", so", ". That is why")), self._draw(_CONSEQUENCES[mood])
        )
        return self._join(self._lead(), ".", body) if self.rng.random() < 0.5 else body

    def _neutral(self) -> str:
        draw = self.rng.random()
        if draw < 0.34:
            question = self._draw(QUESTIONS) + "?"
            if self.rng.random() < 0.6:
                first = self._lead() if self.rng.random() < 0.5 else self._draw(REQUESTS)
                return f"{first}. {question}"
            return f"{question} {self._draw(REQUESTS)}" if self.rng.random() < 0.5 else question
        if draw < 0.52:
            body = self._draw(REQUESTS)
            if self.rng.random() < 0.5:
                body = self._join(self._lead(), ".", body)
            return self._join(body, ".", self._draw(CLOSINGS["neutral"])) if self.rng.random() < 0.4 else body
        if draw < 0.76:
            first, second = self._clause("neutral"), self._clause("neutral")
            return self._join(first, self.rng.choice((".", " and", ", and")), second)
        body = self._join(self._lead(), self.rng.choice((".", ", and")), self._clause("neutral"))
        if self.rng.random() < 0.3:
            body = self._join(body, ".", self._draw(CLOSINGS["neutral"]))
        return body

    def _reply(self, mood: Mood) -> str:
        body = self._join(self._draw(AGENT_OPEN[mood]), ".", self._draw(AGENT_ACT[mood]))
        if self.rng.random() < 0.3:
            body = self._join(body, ".", self._draw(AGENT_ACT[mood]))
        return self._tidy(body, exclaim=0.1)

    def _dialogue(self) -> Document:
        asked = self.message()
        reply = self._reply(asked.mood)
        return Document(f"Customer: {asked.text}\nAgent: {reply}", asked.mood)

    # Surface: slots, choices, capitals, the final stop.

    def _draw(self, bank: tuple[str, ...]) -> str:
        phrase = self.rng.choice(bank)
        while phrase in self.used and len(bank) > 3:
            phrase = self.rng.choice(bank)
        self.used.add(phrase)
        return self._expand(phrase)

    def _expand(self, phrase: str) -> str:
        while match := _CHOICE.search(phrase):
            phrase = phrase[: match.start()] + self.rng.choice(match[1].split("/")) + phrase[match.end() :]
        while match := _SLOT.search(phrase):
            phrase = phrase[: match.start()] + self._slot(match[1]) + phrase[match.end() :]
        return phrase

    def _slot(self, name: str) -> str:
        if name == "it_bare":
            return self.item
        if name == "it":
            article = (
                "the"
                if self.domain.kind == "place"
                else self.rng.choices(("the", "this", "my", "the new"), (0.5, 0.25, 0.15, 0.1))[0]
            )
            return f"{article} {self.item.removeprefix('new ') if article.endswith('new') else self.item}"
        return self.rng.choice(SLOTS[name])

    @staticmethod
    def _join(first: str, link: str, second: str) -> str:
        return f"{first}{link} {second}"

    def _tidy(self, text: str, exclaim: float = 0.0) -> str:
        if self.item not in text and text.startswith("it ") and self.rng.random() < 0.8:
            text = f"{self._slot('it')}{text[2:]}"
        text = re.sub(r"(could you tell me [^.?!]*)\.?$", r"\1?", text)
        if text[-1] not in ".!?":
            text += "!" if self.rng.random() < exclaim else "."
        text = re.sub(r"\bi\b", "I", text)
        text = re.sub(r"\ba(?= [aeiou])", "an", text)
        return _SENTENCE_START.sub(lambda match: match[1] + match[2].upper(), text)


def documents(count: int, seed: int) -> list[Document]:
    """``count`` documents, each from a generator of its own, keyed by seed and index."""
    return [Grammar(random.Random(f"{seed}/grammar/{index}")).document() for index in range(count)]
