"""TextGen-Dates: write a date in another form, or the date some days later.

**Asked**: the prompt is a date in one of the ``sources`` forms and ``=``, such as ``5 March 2024=`` or ``03/05/2024=``;
the answer is the same date in the form ``target``, ``2024-03-05``. With ``max_days`` the prompt also says how many days
later, from 1 to ``max_days``: ``28.02.2024+2=`` is ``2024-03-01``. The forms are those of `FORMS`. Python's `datetime`
works the answers out: the proleptic Gregorian calendar.

**Data**: generated, endless in training, 256 prompts for validation and 512 for the test. The split hangs on the
answer: no answer of the test is the answer of a training prompt, in whatever form it was asked. Days are uniform from
the first of January of ``first_year`` to the last of December of ``last_year``, forms and numbers of days are uniform.

**Reward**: 1 for the very date, else 0. With ``partial=True`` the share of positions with the right character, over the
longer of answer and completion; each of the two is a metric of the other. Both call it a success at 1.

**Ending**: EOS, or the characters of the longest date in ``target`` and one token.

**Options**: ``sources`` (a list; None: all but ``target``), ``target``, ``max_days``, ``first_year``, ``last_year``,
``partial``, ``data_seed``. All have one vocabulary. To train on some years, forms or numbers of days and test on
others, give both environments the ``max_prompt_tokens`` and ``max_new_tokens`` of the longer, so that their
observations have one shape.

**What the reward misses**: a form is right to the character or wrong; ``2024-3-5`` earns nothing. Partial credit is
easily had: ``2000-01-01`` for whatever was asked has about half of the characters in place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np

from textgym.data import Row
from textgym.errors import OptionError, suggest
from textgym.registry import EnvEntry
from textgym.tasks import Task

from .exact import END, check_whole, exact_task

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)  # the standard library's own names change with the locale

FORMS: dict[str, Callable[[date], str]] = {
    "iso": date.isoformat,
    "dotted": lambda day: f"{day.day:02}.{day.month:02}.{day.year}",
    "american": lambda day: f"{day.month:02}/{day.day:02}/{day.year}",
    "written": lambda day: f"{day.day} {MONTHS[day.month - 1]} {day.year}",
}
"""How a date may be written: ``2024-03-05``, ``05.03.2024``, ``03/05/2024``, ``5 March 2024``."""

LONGEST_DAY = date(2000, 9, 30)
CHARACTERS = "0123456789 -./+" + END + "".join(sorted(set("".join(MONTHS))))
MOST_DAYS = 100_000

ENTRY = EnvEntry(
    id="TextGen-Dates-v0",
    task="textgym.envs_registry.dates:task",
    summary="Write a date in another form, or the date some days later.",
    model="scratch",
    tags=("algorithmic", "generated"),
)


def task(
    sources: Sequence[str] | None = None,
    target: str = "iso",
    max_days: int = 0,
    first_year: int = 1900,
    last_year: int = 2099,
    partial: bool = False,
    data_seed: int = 0,
) -> Task:
    """Returns the task; the options are on the page above."""
    _check_form("target", target)
    asked = [_check_form("sources", form) for form in _listed(sources, target)]
    check_whole("max_days", max_days, 0, MOST_DAYS)
    check_whole("first_year", first_year, 1000, 9999)
    check_whole("last_year", last_year, first_year, 9999)
    first, last = date(first_year, 1, 1).toordinal(), date(last_year, 12, 31).toordinal()
    if last + max_days > date.max.toordinal():
        raise OptionError(
            f"{max_days} days after {last_year}-12-31 is beyond the calendar, which ends with {date.max}. "
            "Lower max_days or last_year."
        )

    def draw(rng: np.random.Generator) -> Row:
        day = date.fromordinal(int(rng.integers(first, last + 1)))
        text = FORMS[asked[int(rng.integers(len(asked)))]](day)
        if max_days:
            days = int(rng.integers(1, max_days + 1))
            text, day = f"{text}+{days}", day + timedelta(days)
        return Row(text + END, (FORMS[target](day),))

    return exact_task(
        "Dates",
        draw,
        characters=CHARACTERS,
        max_prompt=max(len(FORMS[form](LONGEST_DAY)) for form in asked)
        + (len(f"+{max_days}") if max_days else 0)
        + len(END),
        max_answer=len(FORMS[target](LONGEST_DAY)),
        partial=partial,
        data_seed=data_seed,
        key=_answer,
    )


def _listed(sources: Sequence[str] | None, target: str) -> list[str]:
    if sources is None:
        return [form for form in FORMS if form != target]
    if isinstance(sources, str) or not isinstance(sources, Sequence) or not sources:
        raise OptionError(f"sources is a list of forms, such as ['written', 'american']. Actual value: {sources!r}.")
    return list(sources)


def _check_form(option: str, form: str) -> str:
    if not isinstance(form, str) or form not in FORMS:
        raise OptionError(
            f"{option} knows no form {form!r} of a date.{suggest(form, FORMS)} The forms are {', '.join(FORMS)}."
        )
    return form


def _answer(row: Row) -> str:
    return row.references[0]
