"""TextGen-DataToText: say what a table says, and nothing else.

**Asked**: the prompt is a table of 3 to ``max_slots`` lines, each a slot and its value, such as ``name: Golden Owl``,
``food: Thai`` and ``price: low``, and ends with ``Text:``. The answer says all of it in one or two sentences:
`` The Golden Owl is a cheap Thai restaurant.``

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test, from three small worlds:
restaurants (name, food; price, area, rating, children), weather (city, time, sky; high, wind, humidity, warning) and
matches (home, away, score; stage, crowd, scorer). The slots before the semicolon are in every table, the others come
and go. The split hangs on what a table is about: the name of the restaurant, the city and time, the two teams; nothing
that training tells of them is asked for in the test. Each prompt has three texts as references.

**Reward**: ``max(0, 1 − (missing + hallucinated) / slots) × prose``, in [0, 1]: one minus the slot error rate, as far
as the text is prose. A slot is missing unless the text has one of the phrasings that the task knows for its value: for
``price: low`` such as *cheap*, *inexpensive* or *low prices*. Hallucinated is each other value of the same world, in
any of its phrasings, and each number that is not the table's. For the score of a match the text must also say who beat
whom, or that they drew; the wrong way round it is both missing and hallucinated. *Prose* is the share of sentences that
begin with a capital or a digit, have a finite verb that such texts use and end with ``.``, ``!`` or ``?``, and 0 for a
text with colons or other marks of tables, so that a copy of the table earns nothing. It is a success at 1. Metrics:
``bleu`` with the references and ``parent``, which compares with the references and with the table; it gives the
references themselves 0.97, since they say ``low`` and ``no`` in other words.

**Ending**: EOS, a line break, or 52 tokens.

**Options**: ``worlds`` (a list of the three), ``max_slots`` from 3 to 6, ``data_seed``, ``data``, ``data_path``.

**Public data**: ``data="e2e_nlg"`` and ``data="totto"`` (the highlighted cells, under the titles of page and section;
its test set has no references, so that its validation set is the test). No list of values or of phrasings goes with
them, so that the reward is ``parent`` there, success is not defined, and the metrics are ``bleu`` and ``rouge_l``.
Prompts take at most 160 tokens, texts 64. ``data_path`` is a copy on disk.

**What the reward misses**: what is made up from words that the task does not know, such as a famous cook: ``parent``
sees that. A value in words of your own counts as missing. Which team was at home is not looked at. A thing may
be said twice, and a sentence that denies a value in a way the task does not know is taken to say it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from textgym.data import Row
from textgym.data.public import PublicData
from textgym.errors import OptionError, suggest
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.rewards.parent import Parent
from textgym.tasks import Task
from textgym.tokenizers import load

from .exact import check_whole
from .material.facts import Facts, prose, stated
from .material.tables import FREE, VERBS, WORLDS, marks
from .prose import Dice, source

MAX_PROMPT_TOKENS = 64
MAX_NEW_TOKENS = 52
CUE = "Text:"
ABOUT = {"restaurants": 1, "weather": 2, "matches": 2}
"""How many lines of a table say what it is about."""

ENTRY = EnvEntry(
    id="TextGen-DataToText-v0",
    task="textgym.envs_registry.data_to_text:task",
    summary="Say what a table says, and nothing else.",
    tags=("core", "generated", "grue", "data-to-text"),
)


def _e2e(record: Mapping[str, Any]) -> Row:
    table = tuple(re.findall(r"([^,\[\]]+?)\s*\[([^\]]*)\]", record["meaning_representation"]))
    table = tuple((slot.strip(), value) for slot, value in table)
    return Row(_prompt(table), (" " + record["human_reference"].strip(),), {"table": table})


def _totto(record: Mapping[str, Any]) -> Row:
    """Reads a highlighted cell under the header of its column, as far as that can be told."""
    rows = record["table"]
    table = [("page", record["table_page_title"]), ("section", record["table_section_title"])]
    for i, j in record["highlighted_cells"]:
        column = sum(cell["column_span"] for cell in rows[i][:j])
        table.append((_header(rows[:i], column) or "cell", rows[i][j]["value"]))
    kept = tuple((slot, " ".join(value.split())) for slot, value in table if value.strip())
    notes = record["sentence_annotations"]
    texts = notes["final_sentence"] if isinstance(notes, Mapping) else [each["final_sentence"] for each in notes]
    return Row(_prompt(kept), tuple(dict.fromkeys(f" {text.strip()}" for text in texts)), {"table": kept})


def _header(rows: Sequence[Sequence[Mapping[str, Any]]], column: int) -> str:
    """Returns the lowest header above a column, or nothing."""
    for row in reversed(rows):
        place = 0
        for cell in row:
            if place <= column < place + cell["column_span"] and cell["is_header"]:
                return " ".join(cell["value"].split())
            place += cell["column_span"]
    return ""


PUBLIC: dict[str, PublicData] = {
    "e2e_nlg": PublicData(
        path="tuetschek/e2e_nlg",
        row=_e2e,
        max_prompt_tokens=160,
        max_new_tokens=64,
        revision="refs/convert/parquet",
        truncation_side="left",
    ),
    "totto": PublicData(
        path="google-research-datasets/totto",
        row=_totto,
        max_prompt_tokens=160,
        max_new_tokens=64,
        revision="refs/convert/parquet",
        splits={"train": "train", "test": "validation"},
        truncation_side="left",
    ),
}


def task(
    worlds: Sequence[str] = tuple(WORLDS),
    max_slots: int = 5,
    data: str | None = None,
    data_path: str | None = None,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    chosen = _listed(worlds)
    check_whole("max_slots", max_slots, 3, 6)

    def draw(rng: np.random.Generator) -> Row:
        dice = Dice(rng)
        world = dice.choice(chosen)
        lines, facts, texts = WORLDS[world].draw(dice, dice.whole(3, max_slots))
        first = dice.whole(0, 2)
        return Row(
            _prompt(lines),
            (*texts[first:], *texts[:first]),
            {"world": world, "facts": facts, "table": lines},
        )

    return Task(
        name="DataToText",
        **source(
            draw,
            max_prompt_tokens=MAX_PROMPT_TOKENS,
            max_new_tokens=MAX_NEW_TOKENS,
            data_seed=data_seed,
            key=_about,
            data=data,
            data_path=data_path,
            known=PUBLIC,
        )._asdict(),
        tokenizer=load("tiny"),
        reward=make(slot_accuracy, range=(0.0, 1.0)) if data is None else Parent(),
        metrics={"bleu": make("bleu"), **({"parent": Parent()} if data is None else {"rouge_l": make("rouge_l")})},
        gold="parent" if data is None else "rouge_l",
        stop=("\n",),
        success_threshold=1.0 if data is None else None,
    )


def slot_accuracy(
    prompts: list[str], completions: list[str], facts: list[Facts], world: list[str], **columns: object
) -> list[float]:
    """Scores one minus the slot error rate of a text, as far as it is prose.

    ``max(0, 1 − (missing + hallucinated) / slots) · prose``; range [0, 1]. The page of TextGen-DataToText tells what
    counts.

    Source of the rate: Wen et al. 2015, arXiv:1508.01745, section 5.1.
    """
    scores = []
    for completion, given, about in zip(completions, facts, world, strict=True):
        found = stated(marks(about, completion), given, FREE)
        scores.append(max(0.0, (found.right - found.foreign) / len(given)) * prose(completion, VERBS))
    return scores


def _prompt(table: Sequence[tuple[str, str]]) -> str:
    return "\n".join([f"{slot}: {value}" for slot, value in table]) + f"\n{CUE}"


def _about(row: Row) -> str:
    """Returns what a table is about, whatever else it says: the two teams of a match in any order."""
    world, table = row.columns["world"], row.columns["table"]
    return " ".join([world, *sorted([value for _, value in table[: ABOUT[world]]])])


def _listed(worlds: Any) -> list[str]:
    if isinstance(worlds, str) or not isinstance(worlds, Sequence) or not worlds:
        raise OptionError(f"worlds is a list of {', '.join(WORLDS)}. Actual value: {worlds!r}.")
    for world in worlds:
        if not isinstance(world, str) or world not in WORLDS:
            raise OptionError(f"There is no world {world!r}.{suggest(world, WORLDS)} There are {', '.join(WORLDS)}.")
    return list(dict.fromkeys(worlds))
