"""Runs untrusted programs: each in a process that can compute, and do nothing else.

What holds a program, outermost first. The wall clock, the amount printed and what lies in its folder are watched from
outside, and the whole process group is killed. The kernel limits CPU time, memory, file size and open files. A seccomp
filter (`textgym.rewards.seccomp`) leaves no system call that makes a process or a thread, starts a program, opens a
socket, sends a signal, or changes rights. Landlock leaves no files but the standard library, to read, and plain files
in a temporary folder, removed afterwards; before Linux 6.2 there is no such Landlock, and programs open no files at all
and import only what `MODULES` lists. No capability, environment variable or open file is inherited. An audit hook in
front of all this only gives refusals a clear message. Where the system has no seccomp, nothing is run.

What came of a test is told on a pipe that the program can reach as well, so it may claim any value. Expected values
therefore never enter the process: to claim the right one, a program has to know it. Only for tests given as whole
statements, which say no more than "nothing was raised", a hostile program can claim to have passed.

Limits worth knowing. It shares the kernel with you: a hole in Linux is a hole here, as in any container. Names, sizes
and times of files elsewhere can be asked for, their contents not. Threads, subprocesses and links are refused to honest
programs too, as are folders of their own. The folder is looked at twenty times a second, so that a program can hold
somewhat more of the disk than `FOLDER_SIZE` until it is killed. Programs see the time of day, the name of the host and
the number of processors, so that their scores can depend on them, and a program slower than the limit on a busy machine
fails there.
"""

from __future__ import annotations

import contextlib
import marshal
import math
import os
import platform
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from textgym.errors import RewardError

from . import seccomp

CHILD = Path(__file__).with_name("sandbox_child.py")
MODULES = {"strptime": "_strptime"} | {
    name: name
    for name in (
        "abc", "argparse", "array", "ast", "base64", "bisect", "bz2", "calendar", "cmath", "collections", "contextlib",
        "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum", "fractions", "functools", "hashlib",
        "heapq", "html", "inspect", "io", "itertools", "json", "keyword", "logging", "lzma", "math", "numbers",
        "operator", "pathlib", "pickle", "pprint", "queue", "random", "re", "secrets", "statistics", "string", "struct",
        "textwrap", "time", "timeit", "traceback", "types", "typing", "unicodedata", "unittest", "uuid",
        "warnings", "weakref",
    )
}  # fmt: skip
"""Modules imported before the doors close, by the word in a program that asks for them."""
ALWAYS = ("binascii", "zlib")
"""Those that others need, and that open a library of the system."""

FILE_SIZE = 8 << 20
FOLDER_SIZE, FOLDER_FILES = 32 << 20, 256
PRINTED = 1 << 20
ANSWERED = 8 << 20
OPEN_FILES = 32
START_SECONDS = 60.0  # what a machine that swaps may take to start Python
WATCH_SECONDS = 0.05


class Probe(NamedTuple):
    """What to ask of a program.

    Attributes:
        kind: ``"eval"``, an expression whose value is wanted, or ``"exec"``, statements that must not raise.
        source: Python, read in the program's namespace.
    """

    kind: str
    source: str


class Program(NamedTuple):
    """A program, and what to ask of it."""

    source: str
    tests: tuple[Probe, ...]


class Answer(NamedTuple):
    """What came of one test.

    Attributes:
        value: The value as `sandbox_child.canonical` writes it, ``"True"`` for statements; None if there is none.
        error: Why there is none, else the empty string.
    """

    value: str | None
    error: str


@dataclass(frozen=True)
class Limits:
    """What a program may use.

    Args:
        seconds: Wall-clock time from the moment when it is locked in; CPU time may be up to two seconds more.
        memory: Address space in MiB; Python itself takes about 30.
    """

    seconds: float = 5.0
    memory: int = 256


class Outcome(NamedTuple):
    """What came of a program.

    Attributes:
        answers: One for each test.
        reason: Why the process ended before its tests did; empty if it did not.
    """

    answers: tuple[Answer, ...]
    reason: str


def run(
    programs: Sequence[Program], limits: Limits = Limits(), workers: int | None = None, landlock: bool = True
) -> list[Outcome]:
    """Runs programs, each in a process of its own, several at a time.

    Args:
        programs: What to run.
        limits: What each may use.
        workers: Processes at a time; None takes one for each processor of this process.
        landlock: False makes do without Landlock, as older kernels must.

    Raises:
        RewardError: If this system cannot hold a program; nothing is run then.
    """
    if not sys.platform.startswith("linux") or not sys.executable:
        raise RewardError(
            f"Programs can be run safely on Linux only, where seccomp holds them. Actual system: {sys.platform!r}. "
            "Use a Linux machine, a virtual machine or a container."
        )
    if not programs:
        return []
    filters = seccomp.build(platform.machine(), True), seccomp.build(platform.machine(), False)

    def run_one(program: Program) -> Outcome:
        return _Run(program, limits, filters, landlock).outcome()

    count = min(workers or len(os.sched_getaffinity(0)), len(programs))
    with ThreadPoolExecutor(count, "textgym-sandbox") as pool:
        return list(pool.map(run_one, programs))


def printable(text: str) -> str:
    """Returns the beginning of a text from a program, without what would steer a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:300])


class _Run:
    """One program in one process, from start to end."""

    def __init__(self, program: Program, limits: Limits, filters: tuple[bytes, bytes], landlock: bool) -> None:
        self.program = program
        self.limits = limits
        self.folder = ""
        self.printed = bytearray()
        self.answered = bytearray()
        words = dict.fromkeys(re.findall(r"\w+", " ".join([program.source, *(test.source for test in program.tests)])))
        self.job: dict[str, Any] = {
            "source": program.source,
            "tests": [tuple(test) for test in program.tests],
            "modules": [*ALWAYS, *(MODULES[word] for word in words if word in MODULES)],
            "cpu": math.ceil(limits.seconds) + 1,  # the wall clock strikes first, so that the reason is the same twice
            "memory": limits.memory << 20,
            "file_size": FILE_SIZE,
            "open_files": OPEN_FILES,
            "parent": os.getpid(),
            "landlock": landlock,
            "filter": filters[0],
            "filter_without_files": filters[1],
        }

    def outcome(self) -> Outcome:
        self.folder = tempfile.mkdtemp(prefix="textgym-")
        try:
            reason = self._supervise()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        first, *lines = self.answered.decode("ascii", "replace").split("\n")
        if first != "ready":
            said = first.removeprefix("failed ") or self.printed.decode("utf-8", "replace").strip()[-300:] or reason
            raise RewardError(
                f"The sandbox could not lock itself in, so no program was run: {said}. Programs are never run "
                "unprotected. In a container, allow seccomp; else allow the sandbox more memory or another machine."
            )
        reason = "" if "done" in lines else reason or "it ended before its tests did"
        return Outcome(self._answers(lines, reason), reason)

    def _answers(self, lines: list[str], reason: str) -> tuple[Answer, ...]:
        given: dict[str, Answer] = {}
        for line in lines[:-1]:  # the last one is empty, or was cut
            number, _, rest = line.partition(" ")
            mark, _, text = rest.partition(" ")
            if mark in ("=", "!"):
                given.setdefault(number, Answer(text, "") if mark == "=" else Answer(None, printable(text)))
        missing = Answer(None, reason or "it gave no answer")
        return tuple(given.get(str(i), missing) for i in range(len(self.program.tests)))

    def _supervise(self) -> str:
        """Runs the process to its end; returns why that was not the end of its tests, as far as can be told."""
        reader, writer = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-s", "-S", "-B", "-X", "utf8", str(CHILD)],
                cwd=self.folder,
                env={"PYTHONHASHSEED": "0"},  # for sets in the same order; the program no longer sees it
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,
            )
        except OSError as error:
            os.close(reader)
            raise RewardError(f"The sandbox could not be started: {error}.") from error
        finally:
            os.close(writer)
        with process, open(reader, "rb", buffering=0) as results:
            try:
                reason = self._watch(process, results, marshal.dumps({**self.job, "results": writer}))
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # it has not been waited for: the number is still its own
        return reason or self._ending(process.returncode)

    def _watch(self, process: subprocess.Popen[bytes], results: IO[bytes], job: bytes) -> str:
        """Feeds and reads the process until it has ended, or returns why it must."""
        assert process.stdin is not None
        assert process.stdout is not None
        pending, started = memoryview(job), False
        deadline = time.monotonic() + START_SECONDS
        os.set_blocking(process.stdin.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdin, selectors.EVENT_WRITE)
            selector.register(process.stdout, selectors.EVENT_READ, (self.printed, PRINTED, "it printed too much"))
            selector.register(results, selectors.EVENT_READ, (self.answered, ANSWERED, "its values are too large"))
            while len(selector.get_map()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return f"it took longer than {self.limits.seconds:g} s" if started else "it did not start"
                for key, _ in selector.select(min(left, WATCH_SECONDS)):
                    if key.data is None:
                        try:
                            pending = pending[os.write(key.fd, pending[:65536]) :]
                        except BrokenPipeError:
                            pending = pending[:0]  # it ended early; what it said of that is being read
                        if not pending:
                            selector.unregister(process.stdin)
                            process.stdin.close()
                        continue
                    kept, most, reason = key.data
                    data = os.read(key.fd, 65536)
                    kept += data
                    if not data:
                        selector.unregister(key.fileobj)
                    elif len(kept) > most:
                        return str(reason)
                if not started and b"\n" in self.answered:
                    started, deadline = True, time.monotonic() + self.limits.seconds
                if started and self._folder_is_full():
                    return f"it filled its folder, {FOLDER_FILES} files and {FOLDER_SIZE >> 20} MiB at most"
        return ""

    def _folder_is_full(self) -> bool:
        size = 0
        with os.scandir(self.folder) as entries:
            for count, entry in enumerate(entries, 1):
                with contextlib.suppress(FileNotFoundError):
                    size += entry.stat(follow_symlinks=False).st_size
                if count > FOLDER_FILES or size > FOLDER_SIZE:
                    return True
        return False

    def _ending(self, code: int) -> str:
        if code >= 0:
            return f"it exited with status {code} before its tests were done"
        if -code == signal.SIGXCPU:
            return f"it used more than {self.job['cpu']} s of processor time"
        return f"it was ended by {signal.Signals(-code).name} before its tests were done"
