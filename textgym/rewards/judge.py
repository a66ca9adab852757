"""An LLM judge, or any remote scorer, behind a callable."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import sqlite3
import string
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from numbers import Real as Number
from typing import Any

from textgym.errors import RewardError

from . import functions
from .base import Noted, Reward
from .checks import shorten
from .extras import need
from .options import check_count, check_number
from .overlap import references_of

logger = logging.getLogger(__name__)

TEMPLATE = """You grade how well an answer responds to a prompt.

Prompt:
{prompt}

Answer:
{completion}

Give a grade from {low} (worst) to {high} (best). Reply with the number alone.
"""
FIELDS = ("prompt", "completion", "references", "low", "high")
"""What a template may name."""
FALLBACK_NOTE = "the judge gave no grade; this is its fallback"
LONGEST_WAIT = 60.0
"""Seconds between two tries."""
REMEMBERED = 65536
"""Grades that a reward keeps in memory."""

Call = Callable[[str], str | float]


class Unusable(Exception):
    """An answer that holds no grade."""


@dataclass(frozen=True, repr=False)
class Judge(Reward):
    """The grade that a judge gives, such as a large language model that a function of yours asks. Range ``range``.

        def ask(question: str) -> str: ...            # an HTTP request, a client library, a local model

        judge = Judge(ask)                            # Judge("my_module:ask") in text: judge('my_module:ask')

    Completions are graded side by side, by ``workers`` threads. A call that fails, is late, or is answered without a
    grade is made again after a pause that doubles, with some chance in it; when all tries are spent, the completion
    scores ``fallback``, with a line in the log and a note, or, where there is none, a `RewardError` says what went
    wrong. Grades are remembered by all that they depend on: the callable's name, the question and the range. A
    fallback is not remembered. A completion without text is not asked about and scores the low end.

    A judge is as easy to please as what is behind it; nothing here knows by what, so `gameable_by` is empty: audit it.

    Args:
        call: ``question -> answer``: a text with a number in it, or the number; or ``"module:function"``.
        template: What is asked. ``{prompt}``, ``{completion}``, ``{references}`` (one a line), ``{low}`` and
            ``{high}`` are filled in; ``{{`` is a brace.
        range: Lowest and highest grade. A number outside it is no grade.
        parse: ``answer -> number``, as a callable or ``"module:function"``; None takes the last number in the
            answer, so that a judge may think aloud first. What it raises counts as an answer without a grade.
        timeout: Seconds that one call may take. A thread cannot be stopped: a late call runs on, unheeded, so give
            your client a time-out of its own.
        retries: Further tries of a call.
        wait: Seconds before the second try; before each further one it doubles, up to a minute.
        fallback: Score where all tries failed; None makes that an error.
        workers: Calls at a time.
        cache: None to remember within this reward, or an SQLite file to remember for good; processes may share it.
        name: Name of the term.

    Judges that share a cache file are told apart by the names of their callable and of their term: give each its own.

    Source: Zheng et al. 2023, arXiv:2306.05685 (single answer grading).
    """

    call: Call | str
    template: str = TEMPLATE
    range: tuple[float, float] = (1.0, 10.0)
    parse: Callable[[Any], float] | str | None = None
    timeout: float = 60.0
    retries: int = 3
    wait: float = 1.0
    fallback: float | None = None
    workers: int = 8
    cache: str | None = None
    name: str = "judge"
    _grades: Grades = field(init=False, compare=False)
    _ask: Call = field(init=False, compare=False)
    _parse: Callable[[Any], float] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("range", _range(self.range))
        put("cache", None if self.cache is None else str(self.cache))
        put("_ask", _callable("call", self.call))
        put("_parse", last_number if self.parse is None else _callable("parse", self.parse))
        _check_template(self.template)
        for option in ("timeout", "wait"):
            check_number(self, option, getattr(self, option))
        if self.timeout <= 0 or self.wait < 0:
            raise RewardError(
                f"judge takes a timeout above 0 and a wait of at least 0 seconds. Actual values: {self.timeout}, "
                f"{self.wait}."
            )
        check_count(self, "workers", self.workers)
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            raise RewardError(f"judge(retries=…) takes a whole number of at least 0. Actual value: {self.retries!r}.")
        low, high = self.range
        if self.fallback is not None:
            check_number(self, "fallback", self.fallback)
            if not low <= self.fallback <= high:
                raise RewardError(f"judge(fallback=…) lies in the range {self.range}. Actual value: {self.fallback!r}.")
        need("tenacity", "metrics", "Reward 'judge'")
        put("_grades", Grades(self.cache))

    def compute(self, prompts: list[str], completions: list[str], **columns: Any) -> Noted:
        questions = self._questions(prompts, completions, columns)
        keys = [self._key(question) for question in questions]
        spoken = {key: i for i, key in enumerate(keys) if completions[i].strip()}
        known = self._grades.get(list(spoken))
        new = {key: i for key, i in spoken.items() if key not in known}
        failures: dict[str, Exception] = {}
        with closing(self._asked({key: questions[i] for key, i in new.items()})) as outcomes:
            for key, outcome in outcomes:
                if isinstance(outcome, float):
                    known[key] = outcome
                    continue
                failures[key] = outcome
                why = f"{type(outcome).__name__}: {outcome}"
                if self.fallback is None:
                    raise RewardError(
                        f"Reward {self.name!r} got no grade for the completion {shorten(completions[new[key]])} in "
                        f"{self.retries + 1} tries: {why}. Look at what judge(call=…) does, give it more retries, or a "
                        "fallback=… to score in place."
                    ) from outcome
                logger.warning("%s: %s, %s (%s)", self.name, FALLBACK_NOTE, self.fallback, why)
        low, spare = self.range[0], self.range[0] if self.fallback is None else self.fallback
        rows = list(zip(keys, map(str.strip, completions), strict=True))
        values = [known.get(key, spare) if text else low for key, text in rows]
        return Noted(
            values, [FALLBACK_NOTE if text and key in failures else "" for key, text in rows] if failures else ()
        )

    def __repr__(self) -> str:
        given = [repr(self.call if isinstance(self.call, str) else _path(self.call))]
        for option in fields(self):
            value = getattr(self, option.name)
            if option.init and option.name != "call" and value != option.default:
                given.append(f"{option.name}={value if isinstance(value, str | Number | tuple) else _path(value)!r}")
        return f"judge({', '.join(given)})"

    def _questions(self, prompts: list[str], completions: list[str], columns: dict[str, Any]) -> list[str]:
        low, high = (f"{end:g}" for end in self.range)
        wanted = "references" in _fields(self.template)
        references = references_of(self, completions, columns) if wanted else [[]] * len(completions)
        return [
            self.template.format(prompt=prompt, completion=completion, references="\n".join(row), low=low, high=high)
            for prompt, completion, row in zip(prompts, completions, references, strict=True)
        ]

    def _key(self, question: str) -> str:
        told = [self.name, _path(self._ask), _path(self._parse), self.range, question]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _asked(self, questions: dict[str, str]) -> Generator[tuple[str, float | Exception], None, None]:
        """Yields the grade of each question, by key, or why there is none, as they come."""
        if not questions:
            return
        given_up = threading.Event()
        pool = ThreadPoolExecutor(min(self.workers, len(questions)), thread_name_prefix="judge")
        try:
            futures = {pool.submit(self._graded, key, text, given_up): key for key, text in questions.items()}
            for future in as_completed(futures):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error  # such as KeyboardInterrupt
                yield futures[future], error or future.result()
        finally:
            given_up.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _graded(self, key: str, question: str, given_up: threading.Event) -> float:
        tenacity = need("tenacity", "metrics", "Reward 'judge'")
        tries = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(self.retries + 1) | tenacity.stop_when_event_set(given_up),
            wait=tenacity.wait_exponential(self.wait, max=LONGEST_WAIT) + tenacity.wait_random(0, self.wait),
            sleep=tenacity.sleep_using_event(given_up),
            retry=tenacity.retry_if_exception_type(Exception),
            before_sleep=tenacity.before_sleep_log(logger, logging.INFO),
            reraise=True,
        )
        grade: float = tries(self._grade, question)
        self._grades.put(key, grade)  # at once: what was paid for survives whatever ends this call
        return grade

    def _grade(self, question: str) -> float:
        answer = _timed(self._ask, question, self.timeout)
        grade = self._parse(answer)
        low, high = self.range
        if isinstance(grade, bool) or not isinstance(grade, Number) or not low <= (grade := float(grade)) <= high:
            raise Unusable(f"the answer {shorten(answer)} gives {grade!r}, which is no number from {low:g} to {high:g}")
        return grade


class Grades:
    """Grades by key, in memory and, where there is a file, in it. Threads and processes may share one.

    Args:
        file: An SQLite file, made at the first grade; None for memory alone.
    """

    def __init__(self, file: str | None) -> None:
        self._file = file
        self._memory: dict[str, float] = {}
        self._lock = threading.Lock()

    def get(self, keys: list[str]) -> dict[str, float]:
        """Returns the grades that are known among those of ``keys``.

        Raises:
            RewardError: If the file cannot be read.
        """
        with self._lock:
            found = {key: self._memory[key] for key in keys if key in self._memory}
            if self._file is not None and len(found) < len(keys):
                with self._open() as table:
                    for key in keys:
                        if key not in found and (row := table.execute(SELECT, (key,)).fetchone()):
                            found[key] = self._memory[key] = row[0]
        return found

    def put(self, key: str, grade: float) -> None:
        """Remembers a grade.

        Raises:
            RewardError: If the file cannot be written.
        """
        with self._lock:
            self._memory[key] = grade
            while len(self._memory) > REMEMBERED:
                del self._memory[next(iter(self._memory))]
            if self._file is not None:
                with self._open() as table:
                    table.execute(INSERT, (key, grade))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        assert self._file is not None
        try:
            # A connection for each use: they may not cross threads or forks.
            with closing(sqlite3.connect(self._file, timeout=30)) as table, table:
                table.execute(CREATE)
                yield table
        except sqlite3.Error as error:
            raise RewardError(
                f"The grades of the judge cannot be kept in {self._file!r}: {error}. Give judge(cache=…) a file in a "
                "folder that exists and can be written to, which is new or was made by it."
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return Grades, (self._file,)  # a lock does not travel to another process, the file does


CREATE = "CREATE TABLE IF NOT EXISTS grades (key TEXT PRIMARY KEY, grade REAL NOT NULL) WITHOUT ROWID"
SELECT = "SELECT grade FROM grades WHERE key = ?"
INSERT = "INSERT OR REPLACE INTO grades VALUES (?, ?)"


def last_number(answer: Any) -> float:
    """Returns the last number of an answer; of "8/10" or "8 out of 10" it is the 8.

    Raises:
        Unusable: If there is none.
    """
    if isinstance(answer, Number) and not isinstance(answer, bool):
        return float(answer)
    if not isinstance(answer, str):
        raise Unusable(f"the judge returned {shorten(answer)} ({type(answer).__name__}), neither a text nor a number")
    number = r"\d+(?:\.\d+)?"
    found = re.findall(rf"(?<![\w.])-?{number}", re.sub(rf"(?:/|\bout of)\s*{number}", "", answer))
    if not found:
        raise Unusable(f"the answer {shorten(answer)} holds no number")
    return float(found[-1])


def _timed(call: Call, question: str, seconds: float) -> Any:
    """Returns ``call(question)``, or raises what it raises, or `TimeoutError` when it takes too long."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call(question))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="judge call").start()  # a daemon does not hold up the exit
    try:
        return future.result(seconds)
    except TimeoutError as error:
        if future.done():
            raise  # the call's own
        raise TimeoutError(f"no answer within {seconds:g} s") from error


def _callable(option: str, value: Any) -> Callable[..., Any]:
    loaded = functions.load(value) if isinstance(value, str) else value
    if not callable(loaded):
        raise RewardError(f"judge({option}=…) takes a callable or 'module:function'. Actual value: {value!r}.")
    return loaded


def _path(function: Any) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def _check_template(template: Any) -> None:
    try:
        named = _fields(template)
    except (ValueError, TypeError) as error:
        raise RewardError(
            f"judge(template=…) is not a template: {error}. Write {{{{ for a brace. Actual value: {shorten(template)}."
        ) from error
    if "completion" not in named or not named <= set(FIELDS):
        raise RewardError(
            f"judge(template=…) must name {{completion}}, and may name {', '.join(f'{{{name}}}' for name in FIELDS)}. "
            f"Actual names: {', '.join(sorted(named)) or 'none'}."
        )


def _range(value: Any) -> tuple[float, float]:
    try:
        low, high = map(float, value)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RewardError(f"judge(range=…) takes two finite numbers, (lowest, highest). Actual value: {value!r}.")
    return low, high
