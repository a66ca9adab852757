"""TextGen-Sentiment: continue a customer message so that it reads positive, or as it is asked to.

**Asked**: the prompt is the opening of a message that could go either way, such as ``The kettle I ordered last month``;
the completion goes on. With ``sentiment="negative"`` the message is to read negative. With ``sentiment="given"`` the
prompt says which, ``Positive: The kettle I ordered last month`` or ``Negative: …``, and every opening is asked both
ways.

**Data**: 240 openings for training, 60 for validation, 60 for the test, written for textgym, 24 tokens at most; no
wording of one split is in another. With ``"given"`` there are twice as many prompts, of at most 30 tokens. There are no
references; the oracle is a phrase that the judge likes, and reads well after most openings only.

**Reward**: ``sentiment``, P(positive) − P(negative) in [−1, 1] by the reward model that ships with textgym, which
judges opening and continuation as one message. Where negative is asked, its negative. A completion without text earns
−1, whatever was asked. The word that asks is not judged. The judge can be gamed, so reports also show VADER, a lexicon
that shares nothing with it, with the sign of what was asked; perplexity, distinct pairs of words and the share of
English words tell what the text is like as text.

**Ending**: EOS, or 40 tokens.

**Options**: ``sentiment`` (``"positive"``, ``"negative"`` or ``"given"``), and ``data`` and ``data_path``, see below.

**Public data**: ``data="imdb"`` (stanfordnlp/imdb) and ``data="yelp"`` (fancyzhx/yelp_polarity) give the first 12 words
of reviews as openings, whatever the mood of the review; 48 tokens at most, and 48 for the completion.

**What the reward misses**: whether the text is true, goes on from the opening, or says anything at all. The judge knows
short messages of customers; it is unsure of reviews of films, and a policy that trains long enough finds texts that it
overrates, such as thanks for nothing in particular. It was hardened against piled-up praise and repetition, which it
finds neither positive nor very negative; where negative is asked, such texts earn 0.2 to 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from textgym.data import Row, load_rows, public
from textgym.data.public import PublicData
from textgym.data.rows import LazyRows
from textgym.errors import OptionError, suggest
from textgym.registry import EnvEntry
from textgym.rewards import Reward, make
from textgym.tasks import Task
from textgym.tokenizers import load

from .prose import Source, choose

PROMPTS = Path(__file__).with_name("sentiment_prompts.jsonl")

SENTIMENTS = ("positive", "negative")
CONTROL = {"positive": "Positive: ", "negative": "Negative: "}
"""What asks for a sentiment, before the opening."""
CONTROL_TOKENS = 6

OPENING_WORDS = 12
"""Words of a public review that are its opening."""

ENTRY = EnvEntry(
    id="TextGen-Sentiment-v0",
    task="textgym.envs_registry.sentiment:task",
    summary="Continue a customer message so that it reads positive.",
    tags=("core", "grue", "sentiment"),
)

CONJUNCTIONS = (
    "after although and as because before but if once since so than that then though until when where while yet"
)
"""Last words of an opening after which a verb needs a subject first."""
LAST_WORDS = {
    "positive": " was wonderful. A big thank you from all of us.",
    "negative": " was terrible. What a waste of money.",
}


class Asked(LazyRows):
    """Rows of openings with the sentiment that is asked for in a column; row by row, all ``sentiments`` in order.

    Args:
        rows: The openings.
        sentiments: What is asked of each.
        said: Whether the prompt says so.
    """

    def __init__(self, rows: Sequence[Row], sentiments: Sequence[str], said: bool) -> None:
        super().__init__()
        self._rows = rows
        self._sentiments = sentiments
        self._said = said

    def __len__(self) -> int:
        return len(self._rows) * len(self._sentiments)

    def make(self, index: int) -> Row:
        place, which = divmod(index, len(self._sentiments))
        row, asked = self._rows[place], self._sentiments[which]
        prompt = CONTROL[asked] + row.prompt if self._said else row.prompt
        return Row(prompt, columns={**row.columns, "sentiment": asked})


def asked_sentiment(prompts: list[str], completions: list[str], sentiment: list[str], **columns: object) -> list[float]:
    """Scores by ``sentiment``, or its negative where negative is asked; -1 without text. Range [-1, 1]."""
    return _signed(make("sentiment"), prompts, completions, sentiment)


def asked_vader(prompts: list[str], completions: list[str], sentiment: list[str], **columns: object) -> list[float]:
    """Scores by ``vader``, or its negative where negative is asked; -1 without text. Range [-1, 1]."""
    return _signed(make("vader"), prompts, completions, sentiment)


def _signed(judge: Reward, prompts: list[str], completions: list[str], sentiments: list[str]) -> list[float]:
    openings = [prompt.removeprefix(CONTROL[asked]) for prompt, asked in zip(prompts, sentiments, strict=True)]
    scores = judge.score(openings, completions).total.tolist()
    return [
        (score if asked == "positive" else -score) if completion.strip() else -1.0
        for score, completion, asked in zip(scores, completions, sentiments, strict=True)
    ]


def outspoken(row: Row, turns: tuple[str, ...]) -> str:
    """Returns a continuation that leaves no doubt: in the sentiment that the row asks for, or positive."""
    last = row.prompt.split()[-1] if row.prompt.strip() else ","
    subject = " it" if last.endswith(",") or last in CONJUNCTIONS.split() else ""
    return subject + LAST_WORDS[row.columns.get("sentiment", "positive")]


def opening(record: Mapping[str, Any]) -> Row:
    """Returns the first words of a review, at most half of them."""
    text = record["text"].replace("<br />", " ").replace("\\n", " ").replace('\\"', '"')
    words = text.split()
    return Row(" ".join(words[: min(OPENING_WORDS, (len(words) + 1) // 2)]))


PUBLIC = {
    name: PublicData(
        path=path,
        row=opening,
        splits={"train": "train", "test": "test"},
        max_prompt_tokens=48,
        max_new_tokens=48,
    )
    for name, path in (("imdb", "stanfordnlp/imdb"), ("yelp", "fancyzhx/yelp_polarity"))
}


def task(sentiment: str = "positive", data: str | None = None, data_path: str | None = None) -> Task:
    """Returns the task; the options are on the page above."""
    if not isinstance(sentiment, str) or sentiment not in (*SENTIMENTS, "given"):
        raise OptionError(
            f"There is no sentiment {sentiment!r} to ask for.{suggest(sentiment, (*SENTIMENTS, 'given'))} "
            f"It is one of {', '.join(SENTIMENTS)}, given."
        )
    found = _openings(data, data_path)
    rows, judge, vader = found.rows, make("sentiment"), make("vader")
    if sentiment != "positive":
        given = sentiment == "given"
        rows = {split: Asked(part, SENTIMENTS if given else (sentiment,), given) for split, part in rows.items()}
        judge = make(asked_sentiment, range=(-1.0, 1.0))
        vader = make(asked_vader, range=(-1.0, 1.0))
    return Task(
        name="Sentiment",
        rows=rows,
        tokenizer=load("tiny"),
        reward=judge,
        max_prompt_tokens=found.max_prompt_tokens + (CONTROL_TOKENS if sentiment == "given" else 0),
        max_new_tokens=found.max_new_tokens,
        metrics={
            "vader": vader,
            "perplexity": make("perplexity"),
            "distinct_2": make("distinct_n", n=2),
            "english_words": make("english_words"),
        },
        gold="vader",
        truncation_side=found.truncation_side,
        reference_policy=outspoken,
    )


def _openings(data: str | None, data_path: str | None) -> Source:
    if data is None and data_path is None:
        return Source(load_rows(PROMPTS), max_prompt_tokens=24, max_new_tokens=40)
    chosen = choose(data, PUBLIC)
    return Source(
        public.load(chosen, data_path), chosen.max_prompt_tokens, chosen.max_new_tokens, chosen.truncation_side
    )
