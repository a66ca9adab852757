"""The registered environments, one file a task family; importing this package changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from textgym.registry import EnvEntry, register

from . import (
    arithmetic,
    brackets,
    classification,
    code,
    common_gen,
    copy,
    custom,
    customer_service,
    data_to_text,
    dates,
    detox,
    dialogue,
    ner,
    news,
    numbers,
    poetry,
    preference,
    probe_delay,
    probe_discount,
    probe_explore,
    probe_length,
    probe_memory,
    probe_noise,
    probe_scale,
    probe_shift,
    probe_vocabulary,
    qa,
    reverse,
    sentiment,
    sort,
    story,
    summarization,
    target,
    translation,
)

ENTRIES: tuple[EnvEntry, ...] = (
    arithmetic.ENTRY,
    brackets.ENTRY,
    classification.ENTRY,
    code.ENTRY,
    common_gen.ENTRY,
    copy.ENTRY,
    custom.ENTRY,
    customer_service.ENTRY,
    data_to_text.ENTRY,
    dates.ENTRY,
    detox.ENTRY,
    dialogue.ENTRY,
    ner.ENTRY,
    news.ENTRY,
    numbers.ENTRY,
    poetry.ENTRY,
    preference.ENTRY,
    probe_delay.ENTRY,
    probe_discount.ENTRY,
    probe_explore.ENTRY,
    probe_length.ENTRY,
    probe_memory.ENTRY,
    probe_noise.ENTRY,
    probe_scale.ENTRY,
    probe_shift.ENTRY,
    probe_vocabulary.ENTRY,
    qa.ENTRY,
    reverse.ENTRY,
    sentiment.ENTRY,
    sort.ENTRY,
    story.ENTRY,
    summarization.ENTRY,
    target.ENTRY,
    translation.ENTRY,
)


SCORES = Path(__file__).with_name("scores.json")
"""What agents that do not learn reach; ``benchmarks/reference_scores.py`` measures it."""


def register_all() -> None:
    """Registers every environment of this package with Gymnasium; doing it again changes nothing."""
    scores = json.loads(SCORES.read_text(encoding="utf-8"))["scores"]
    for entry in ENTRIES:
        register(replace(entry, scores=scores.get(entry.id, {})))
