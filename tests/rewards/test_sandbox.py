"""Hostile programs in the sandbox: each is refused, and nothing happens outside of it. Honest ones work."""

from __future__ import annotations

import math
import os
import platform
import re
import signal
import socket
import struct
import sys
import tempfile
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from textgym.errors import RewardError
from textgym.rewards import sandbox, seccomp
from textgym.rewards.sandbox import Answer, Limits, Outcome, Probe, Program
from textgym.rewards.sandbox_child import NotLiteral, canonical

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in seccomp.MACHINES, reason="has no sandbox"
)
REPOSITORY = str(Path(__file__).resolve().parents[2])

DISARM = """
import gc
for _each in gc.get_objects():
    if getattr(_each, "__qualname__", "") == "audit.<locals>.hook":
        for _name, _cell in zip(_each.__code__.co_freevars, _each.__closure__):
            if _name == "refused":
                _cell.cell_contents.clear()
            elif _name == "inside":
                _cell.cell_contents = ("",)
            elif _name == "files":
                _cell.cell_contents = True
        break
else:
    raise SystemExit("the hook was not found")
"""
"""Takes the audit hook apart, as a program may: what refuses then is the kernel."""

SETTINGS = [(True, ""), (True, DISARM), (False, DISARM)]
NAMES = ["guarded", "without its hook", "without Landlock and hook"]


TWO_SECONDS = Limits(2.0)


def run(source: str, *tests: str, limits: Limits = TWO_SECONDS, landlock: bool = True) -> Outcome:
    (outcome,) = sandbox.run([Program(source, tuple(Probe("eval", test) for test in tests))], limits, landlock=landlock)
    return outcome


def values(outcome: Outcome) -> list[str | None]:
    assert not [answer.error for answer in outcome.answers if answer.error], outcome
    return [answer.value for answer in outcome.answers]


def processes_in(folder: Path) -> list[str]:
    """Processes that work below ``folder``: there is none left once a program is over."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                where = os.readlink(process / "cwd")
            except OSError:
                continue
            if where.startswith(str(folder)):
                found.append(process.name)
    return found


class Outside:
    """A place that hostile programs try to reach: a file, a folder, servers, a process that takes signals."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret = folder / "secret.txt"
        self.secret.write_text("SECRET")
        self.secret.chmod(0o644)
        self.servers = [socket.socket(socket.AF_INET, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]
        for server in self.servers:
            server.bind(("127.0.0.1", 0))
        self.servers.append(socket.socket(socket.AF_UNIX))
        self.servers[2].bind(str(folder / "socket"))
        for server in self.servers:
            server.setblocking(False)
            if server.type == socket.SOCK_STREAM:
                server.listen()
        self.signals: list[int] = []
        self.before = self.state()

    def state(self) -> dict[str, tuple[int, int]]:
        return {path.name: (path.stat().st_mode, path.stat().st_size) for path in self.folder.iterdir()}

    def fill(self, source: str) -> str:
        words = {"@SECRET": self.secret, "@FOLDER": self.folder, "@REPOSITORY": REPOSITORY, "@PARENT": os.getpid()}
        words |= {"@TCP": self.servers[0].getsockname()[1], "@UDP": self.servers[1].getsockname()[1]}
        for word, value in words.items():
            source = source.replace(word, str(value))
        return source

    def check(self) -> None:
        assert self.state() == self.before
        assert self.secret.read_text() == "SECRET"
        assert self.signals == []
        for server in self.servers:
            with pytest.raises(BlockingIOError):
                server.accept() if server.type == socket.SOCK_STREAM else server.recv(10)


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Where the sandbox makes its folders; nothing is left of them."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []
    assert processes_in(folder) == []


@pytest.fixture
def outside(tmp_path, temporary) -> Outside:
    folder = tmp_path / "outside"
    folder.mkdir()
    place = Outside(folder)
    handler = signal.signal(signal.SIGUSR1, lambda number, frame: place.signals.append(number))
    yield place
    signal.signal(signal.SIGUSR1, handler)
    for server in place.servers:
        server.close()


LIBC = "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\ndef checked(result):\n    assert result >= 0\n"

ATTACKS = {
    "fork bomb": "import os\ndef attack():\n    for _ in range(20): os.fork()",
    "fork by ctypes": LIBC + "def attack(): return checked(libc.fork())",
    "vfork by number": LIBC + "def attack(): return checked(libc.syscall(58 if @X86 else 220, 17, 0, 0, 0, 0))",
    "clone3 by number": LIBC + "def attack(): return checked(libc.syscall(435, bytes(88), 88))",
    "thread bomb": "import threading, time\ndef attack():\n"
    "    for _ in range(50): threading.Thread(target=time.sleep, args=(5,), daemon=True).start()",
    "processes by multiprocessing": "import multiprocessing\ndef attack():\n"
    "    p = multiprocessing.Process(target=print); p.start(); p.join()",
    "shell": "import os\ndef attack():\n    assert os.system('touch @FOLDER/made') == 0",
    "subprocess": "import subprocess\ndef attack(): return subprocess.check_output(['cat', '@SECRET'])",
    "posix_spawn": "import os\ndef attack(): return os.posix_spawn('/bin/sh', ['sh', '-c', 'touch @FOLDER/made'], {})",
    "execve": "import os\ndef attack(): os.execve('/bin/sh', ['sh', '-c', 'touch @FOLDER/made'], {})",
    "own interpreter": "import os, sys\ndef attack(): os.execv(sys.executable, [sys.executable, '-c', '0'])",
    "tcp": "import socket\ndef attack(): socket.create_connection(('127.0.0.1', @TCP))",
    "udp": "import socket\ndef attack(): socket.socket(2, 2).sendto(b'x', ('127.0.0.1', @UDP))",
    "unix socket": "import socket\ndef attack(): socket.socket(socket.AF_UNIX).connect('@FOLDER/socket')",
    "server": "import socket\ndef attack(): socket.create_server(('127.0.0.1', 0))",
    "web": "import urllib.request\ndef attack(): return urllib.request.urlopen('http://127.0.0.1:@TCP/').read()",
    "socket by ctypes": LIBC + "def attack(): return checked(libc.socket(2, 1, 0))",
    "io_uring by number": LIBC + "def attack(): return checked(libc.syscall(425, 8, bytes(120)))",
    "passwd": "def attack(): return open('/etc/passwd').read()",
    "a file outside": "def attack(): return open('@SECRET').read()",
    "a file outside, by a relative path": "def attack(): return open('../../outside/secret.txt').read()",
    "a file outside, by descriptor": "import os\ndef attack(): return os.read(os.open('@SECRET', os.O_RDONLY), 99)",
    "a file outside, by ctypes": LIBC + "def attack(): return checked(libc.open(b'@SECRET', 0))",
    "the repository": "def attack(): return open('@REPOSITORY/pyproject.toml').read()",
    "a module of the repository": "import sys; sys.path.insert(0, '@REPOSITORY')\ndef attack():\n    import textgym",
    "a package of site-packages": "import sys; sys.path[:0] = @SITE\ndef attack():\n    import numpy",
    "its environment in /proc": "def attack(): return open('/proc/self/environ').read()",
    "memory of the parent": "def attack(): return open('/proc/@PARENT/mem', 'rb').read(1)",
    "environment of the parent": "def attack(): return open('/proc/@PARENT/environ').read()",
    "descriptors of the parent": "def attack():\n    for n in range(100):\n"
    "        try: return open(f'/proc/@PARENT/fd/{n}')\n"
    "        except OSError: pass\n    raise OSError('none')",
    "a file of the host, by /proc": "def attack(): return open('/proc/self/root/etc/passwd').read()",
    "folders": "import os\ndef attack(): return os.listdir('@FOLDER')",
    "memory of the parent, by ptrace": LIBC + "def attack(): return checked(libc.ptrace(16, @PARENT, 0, 0))",
    "memory of the parent, by vector": LIBC
    + "def attack(): return checked(libc.process_vm_readv(@PARENT, bytes(16), 0, bytes(16), 0, 0))",
    "write outside": "def attack(): open('@FOLDER/made', 'w').write('x')",
    "append outside": "def attack(): open('@SECRET', 'a').write('x')",
    "empty a file outside": "import os\ndef attack(): os.open('@SECRET', os.O_RDONLY | os.O_TRUNC)",
    "truncate outside": "import os\ndef attack(): os.truncate('@SECRET', 0)",
    "write to the library": "import os\ndef attack(): open(os.__file__, 'r+b')",
    "delete outside": "import os\ndef attack(): os.remove('@SECRET')",
    "delete a tree outside": "import os, shutil\ndef attack(): shutil.rmtree('@FOLDER'); os.stat('@GONE')",
    "move in": "import os\ndef attack(): os.rename('@SECRET', 'mine')",
    "move out": "import os\ndef attack():\n    open('mine', 'w').close(); os.rename('mine', '@FOLDER/made')",
    "chmod": "import os\ndef attack(): os.chmod('@SECRET', 0)",
    "chown": "import os\ndef attack(): os.chown('@SECRET', 1, 1)",
    "symlink": "import os\ndef attack(): os.symlink('@SECRET', 'link'); return open('link').read()",
    "hard link": "import os\ndef attack(): os.link('@SECRET', 'link')",
    "named pipe": "import os\ndef attack(): os.mkfifo('pipe')",
    "folders without end": "import os\ndef attack():\n    while True: os.mkdir('d'); os.chdir('d')",
    "chroot": "import os\ndef attack(): os.chroot('.')",
    "mount": LIBC + "def attack(): return checked(libc.mount(b'none', b'.', b'tmpfs', 0, None))",
    "new user namespace": LIBC + "def attack(): return checked(libc.unshare(0x10000000))",
    "back to root": "import os\ndef attack(): os.setuid(0); os.setgid(0); open('@SECRET').read()",
    "kill the parent": "import os, signal\ndef attack(): os.kill(@PARENT, signal.SIGUSR1)",
    "kill the group": "import os, signal\ndef attack(): os.killpg(os.getpgid(@PARENT), signal.SIGUSR1)",
    "signals by descriptor": "import fcntl, signal\ndef attack():\n"
    "    fcntl.fcntl(1, 8, @PARENT); fcntl.fcntl(1, 10, int(signal.SIGUSR1)); fcntl.fcntl(1, 4, 0o20000)",
    "leave the session": "import os\ndef attack(): os.setsid()",
    "raise its limits": "import resource\ndef attack(): resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "the x32 table of calls": LIBC + "def attack(): return checked(libc.syscall(0x40000000 + 2, b'@SECRET', 0))",
    "unpickling": "import pickle\ndef attack():\n    return pickle.loads("
    "b\"cposix\\nsystem\\n(S'touch @FOLDER/made'\\ntR.\")",
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize(("landlock", "prelude"), SETTINGS, ids=NAMES)
def test_an_attack_is_refused_and_nothing_happens_outside(name, landlock, prelude, outside, monkeypatch):
    site = [path for path in sys.path if path.endswith("site-packages")]
    source = ATTACKS[name].replace("@SITE", repr(site)).replace("@X86", str(platform.machine() == "x86_64"))
    for module in re.findall(r"import ([\w., ]+)", source):  # there before the doors close: no import is what fails
        for one in module.split(", "):
            if one not in ("numpy", "textgym"):
                monkeypatch.setitem(sandbox.MODULES, one.partition(".")[0], one)
    outcome = run(prelude + outside.fill(source), "attack()", landlock=landlock)
    (answer,) = outcome.answers
    if name in ("unpickling", "delete a tree outside"):  # fail quietly at times; the checks below tell
        assert answer.value in (None, "None", "7f00")
    else:
        assert answer.value is None
        assert answer.error
    assert "SECRET" not in answer.error
    outside.check()


ENDLESS = {
    "loop": "while True: pass",
    "sleep": "import time\ntime.sleep(1000)",
    "wait for input": "import os\nr, w = os.pipe()\nos.read(r, 1)",
    "ignore signals": "import signal\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nwhile True: pass",
    "catch everything": "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
    "regular expression": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')",
    "huge number": "10 ** 10 ** 9",
    "at exit": "import sys\nclass Slow:\n    def __del__(self):\n        while True: pass\nSlow()",
}


@pytest.mark.parametrize("landlock", [True, False])
def test_a_program_without_end_is_ended(landlock, temporary):
    programs = [Program(source, (Probe("eval", "1"),)) for source in ENDLESS.values()]
    started = time.monotonic()
    outcomes = sandbox.run(programs, Limits(0.6), landlock=landlock, workers=4)
    assert time.monotonic() - started < 10
    for name, outcome in zip(ENDLESS, outcomes, strict=True):
        assert outcome.answers == (Answer(None, "it took longer than 0.6 s"),), name


def test_tests_before_the_end_count(temporary):
    outcome = run("def f(x):\n    while x: pass\n    return 7", "f(0)", "f(1)", "f(0)", limits=Limits(0.5))
    assert [answer.value for answer in outcome.answers] == ["7", None, None]
    assert outcome.reason == "it took longer than 0.5 s"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("x = bytearray(10 << 30)", "MemoryError"),
        ("x = 'x' * (10 << 30)", "MemoryError"),
        ("x = []\nwhile True: x.append(bytes(1 << 20))", "MemoryError"),
        ("import mmap\nmmap.mmap(-1, 10 << 30)", "Cannot allocate memory"),
        ("import zlib\nx = zlib.compress(bytes(1 << 26))\nx = [zlib.decompress(x) for _ in range(9)]", "MemoryError"),
        ("def f(): f()\nf()", "RecursionError"),
        ("import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(x): return [f([x])]\nf(1)",
         "SIG|Error|longer"),
        ("import sys\nwhile True: sys.stdout.write('x' * 10000)", "it printed too much"),
        ("import os\nwhile True: os.write(2, b'x' * 10000)", "it printed too much"),
        ("import os\nwhile True:\n    for fd in range(3, 32):\n        try: os.write(fd, b'x' * 10000)\n"
         "        except OSError: pass", "its values are too large"),
        ("f = open('x', 'wb')\nwhile True: f.write(bytes(1 << 20))", "File too large"),
        ("f = open('x', 'wb')\nf.truncate(10 << 30)", "File too large"),
        ("i = 0\nwhile True:\n    i += 1\n    open(str(i), 'wb').write(bytes(1 << 20))", "it filled its folder"),
        ("i = 0\nwhile True:\n    i += 1\n    open(str(i), 'wb').close()", "it filled its folder"),
        ("x = []\nwhile True: x.append(open(str(len(x)), 'wb'))", "Too many open files"),
        ("import os\nos._exit(0)", "it exited with status 0 before its tests were done"),
        ("import os\nos.abort()", "it was ended by SIG"),
        ("import os\nos.closerange(0, 100)", "before its tests were done|exited"),
        ("import sys\nsys.exit(0)", "SystemExit: 0"),
        ("raise SystemExit", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(", "SyntaxError"),
        ("(" * 5000 + ")" * 5000, "SyntaxError|MemoryError|RecursionError"),
        ("\0", "null bytes"),
        ("\ud800", "UnicodeEncodeError"),
        ("class E(Exception):\n    def __str__(self): raise self\nraise E", "^E$"),
        ("raise type('x\\n0 = 1', (Exception,), {})('\\x1b[2J')", "^x.*0 = 1: .*x1b"),
    ],
)  # fmt: skip
def test_what_uses_too_much_or_fails_scores_nothing_and_says_why(source, said, temporary):
    (answer,) = run(source, "1").answers
    assert answer.value is None
    assert answer.error
    assert re.search(said, answer.error), answer.error


@pytest.mark.parametrize(
    "source",
    [
        "class Any:\n    def __eq__(self, other): return True\n    def __repr__(self): return '3'\n"
        "    __str__ = __repr__\ndef f(): return Any()",
        "class Any(int):\n    def __eq__(self, other): return True\n    def as_integer_ratio(self): return 3, 1\n"
        "def f(): return Any(4)",
        "import os\ndef f(): os._exit(0)",
        "import sys, builtins\nbuiltins.AssertionError = builtins.print = builtins.repr = lambda *a: '3'\n"
        "sys.modules.clear()\ndef f(): return 4",
        "import sys\nsys.modules['__main__'].main = sys.modules['__main__'].run = None\ndef f(): return 4",
        "import os\nfor fd in range(3, 10):\n"
        "    try: os.write(fd, b'done\\nready\\nfailed x\\n0 = \\n0 ! \\n= 3\\n 0 = 3\\n')\n"
        "    except OSError: pass\ndef f(): return 4",
    ],
)
def test_success_cannot_be_faked_without_the_value(source, temporary):
    (answer,) = run(source, "f()").answers
    assert answer.value != "3"


def test_a_program_sees_no_expected_value_and_no_environment(temporary, monkeypatch):
    monkeypatch.setenv("TEXTGYM_SECRET", "SECRET")
    source = """
import gc, os, sys
def seen():
    frame, texts = sys._getframe(), []
    while frame:
        texts.append(repr(frame.f_locals)); frame = frame.f_back
    texts += [repr(o) for o in gc.get_objects() if type(o) in (dict, list, tuple, str)]
    return "".join(reversed("TERCES")) in "".join(texts)
"""
    outcome = run(source, "seen()", "dict(os.environ)", "sys.argv", "os.listdir()", "sys.stdin.read()")
    assert values(outcome) == ["0", "dict()", "['']", "[]", "''"]


@pytest.mark.parametrize("landlock", [True, False])
def test_honest_programs_work(landlock, temporary):
    source = """
from __future__ import annotations
import bisect, collections, copy, datetime, decimal, fractions, functools, hashlib, heapq, itertools, json, math
import operator, random, re, statistics, string, typing, zlib
from dataclasses import dataclass

@dataclass
class Point:
    x: int
    y: typing.Optional[int] = None

@functools.lru_cache
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
"""
    tests = {
        "fib(90)": 2880067194370816120,
        "Point(1).x": 1,
        "math.sqrt(2)": math.sqrt(2),
        "re.sub('[aeiou]', '_', 'banana')": "b_n_n_",
        "list(itertools.accumulate([1, 2, 3]))": [1, 3, 6],
        "collections.Counter('abca').most_common(1)": [("a", 2)],
        "json.loads(json.dumps({'a': [1, None, 'é']}))": {"a": [1, None, "é"]},
        "datetime.datetime.strptime('2024-02-29', '%Y-%m-%d').timetuple().tm_yday": 60,
        "heapq.nsmallest(2, [3, 1, 2])": [1, 2],
        "sorted(random.sample(range(5), 5))": [0, 1, 2, 3, 4],
        "string.ascii_lowercase[:3]": "abc",
        "statistics.median([3, 1, 2])": 2,
        "fractions.Fraction(1, 2) + decimal.Decimal('0.5').__int__()": Fraction(1, 2),
        "hashlib.sha256(b'x').hexdigest()[:6]": "2d7116",
        "zlib.decompress(zlib.compress(b'abc'))": b"abc",
        "copy.deepcopy({1: {2}})": {1: {2}},
        "bisect.bisect([1, 2, 3], 2) + operator.add(1, 1)": 4,
        "print('hello')": None,
        "10 ** 5000": 10**5000,
    }
    assert values(run(source, *tests, landlock=landlock)) == [canonical(value) for value in tests.values()]


def test_files_of_its_own_work_in_its_folder(temporary):
    source = """
import os
def f():
    with open("a.txt", "w") as file: file.write("one\\n")
    with open(os.path.join(os.getcwd(), "a.txt"), "a") as file: file.write("two\\n")
    os.rename("a.txt", "b.txt")
    lines = open("b.txt").read().split()
    names = os.listdir()
    os.remove("b.txt")
    return lines, names, os.path.exists("b.txt")
"""
    assert values(run(source, "f()")) == [canonical((["one", "two"], ["b.txt"], False))]


def test_without_landlock_there_are_no_files_and_it_says_so(temporary):
    for source in ("open('x', 'w')", "import wave"):
        assert "the kernel has no Landlock" in run(source, "1", landlock=False).answers[0].error


def test_modules_that_lie_deeper_in_the_library_can_be_imported(temporary):
    source = "import argparse, csv, email.message, xml.dom.minidom, zoneinfo, logging, unittest, tempfile, asyncio"
    assert values(run(source, "xml.dom.minidom.parseString('<a/>').documentElement.tagName")) == ["'a'"]


def test_the_same_program_gives_the_same_twice(temporary):
    source = "import random\ndef f(): return [list({'a', 'b', 'c', 'd', 'e'}), random.random()]"
    assert values(run(source, "f()")) == values(run(source, "f()"))


def test_many_at_once_equal_one_at_a_time(temporary):
    programs = [
        Program(source, (Probe("eval", "f(3)"), Probe("exec", "assert f(2) == 4")))
        for source in ("def f(x): return x * x", "def f(x): return x + 2", "def f(x): 1 / 0", "", "def f(x): return f")
    ]
    together = sandbox.run(programs, workers=3)
    assert together == [outcome for program in programs for outcome in sandbox.run([program])]
    assert [[answer.value for answer in outcome.answers] for outcome in together] == [
        ["9", "True"],
        ["5", "True"],
        [None, None],
        [None, None],
        [None, None],
    ]
    assert together[1].reason == ""
    assert "cannot be compared" in together[4].answers[0].error
    assert sandbox.run([]) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True), (1, 1.0), (1.5, Fraction(3, 2)), (0.5, Decimal("0.5")), (2, 2 + 0j), ({1, 2}, {2, 1}),
        ({1}, frozenset({1})), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), (b"x", bytearray(b"x")), (0.0, -0.0),
        (math.nan, math.nan), (math.inf, 1e999), (10**400, 10**400),
    ],
)  # fmt: skip
def test_equal_literals_are_written_alike(one, other):
    assert canonical(one) == canonical(other)
    assert canonical([one, (one,)]) == canonical([other, (other,)])


def test_different_literals_are_written_differently():
    different = [
        None, "None", 0, 1, "1", 1.5, 2**60, float(2**60) + 256, math.inf, -math.inf, math.nan, 1j, "", b"",
        "b''", [], (), {}, set(), [1], (1,), {1}, {1: 1}, {1: 2}, [1, 1], [[1], 1], ["1, 1"], ["1", "1"], "a\nb",
        "a\\nb", "é", [()], {"a": ()}, (1, 2), ((1, 2),), "inf", "nan",
    ]  # fmt: skip
    assert len({canonical(value) for value in different}) == len(different)
    for other in (object(), print, [object()], iter([]), range(3)):
        with pytest.raises(NotLiteral):
            canonical(other)


def test_nothing_runs_where_a_program_cannot_be_held(monkeypatch, temporary):
    monkeypatch.setattr(sandbox.sys, "platform", "darwin")
    with pytest.raises(RewardError, match=r"on Linux only.*'darwin'"):
        run("", "1")
    monkeypatch.undo()
    monkeypatch.setattr(sandbox.platform, "machine", lambda: "riscv64")
    with pytest.raises(RewardError, match="Actual machine: 'riscv64'"):
        run("", "1")


def test_a_filter_that_the_kernel_refuses_stops_everything(monkeypatch, temporary):
    monkeypatch.setattr(sandbox.seccomp, "build", lambda machine, files: struct.pack("=HBBI", 0, 0, 0, 0))
    with pytest.raises(RewardError, match=r"could not lock itself in, so no program was run: OSError: .*prctl 22"):
        run("open('made', 'w')", "1")


def evaluate(code: bytes, architecture: int, number: int, *arguments: int) -> int:
    """A small machine for classic BPF, to ask a filter about calls that this processor cannot make."""
    data = struct.pack("=iIQ6Q", number, architecture, 0, *(*arguments, *[0] * (6 - len(arguments))))
    lines = [struct.unpack_from("=HBBI", code, at) for at in range(0, len(code), 8)]
    at = held = 0
    while True:
        operation, if_true, if_false, value = lines[at]
        at += 1
        if operation == seccomp.RETURN:
            return value
        if operation == seccomp.LOAD:
            (held,) = struct.unpack_from("=I", data, value)
        else:
            assert operation in (seccomp.JUMP_EQUAL, seccomp.JUMP_AT_LEAST)
            at += if_true if (held == value if operation == seccomp.JUMP_EQUAL else held >= value) else if_false


@pytest.mark.parametrize("machine", seccomp.MACHINES)
def test_the_filter_by_numbers(machine):
    column, architecture = seccomp.MACHINES[machine]
    eperm, enosys = seccomp.ERRNO | seccomp.EPERM, seccomp.ERRNO | seccomp.ENOSYS
    for files in (True, False):
        code = seccomp.build(machine, files)
        allowed = {n for n in range(700) if evaluate(code, architecture, n) == seccomp.ALLOW}
        expected = {numbers[column] for numbers in (seccomp.CALLS | (seccomp.FILE_CALLS if files else {})).values()}
        arguments = {numbers[column] for numbers, _ in seccomp.ARGUMENTS.values()}
        assert allowed - arguments == expected - {None}
        assert evaluate(code, architecture, 435) == enosys  # clone3
        for name, refused in {"socket": (41, 198), "clone": (56, 220), "execve": (59, 221), "kill": (62, 129)}.items():
            assert evaluate(code, architecture, refused[column]) == eperm, name
        fcntl, prlimit = seccomp.ARGUMENTS["fcntl"][0][column], seccomp.ARGUMENTS["prlimit64"][0][column]
        assert evaluate(code, architecture, fcntl, 1, 3) == seccomp.ALLOW
        assert evaluate(code, architecture, fcntl, 1, 8) == eperm  # F_SETOWN
        assert evaluate(code, architecture, fcntl, 1, 3 | 1 << 32) == eperm
        assert evaluate(code, architecture, prlimit, 0, 7, 0, 1 << 40) == seccomp.ALLOW
        assert evaluate(code, architecture, prlimit, 0, 7, 1 << 40) == eperm
        assert evaluate(code, architecture, prlimit, 1, 7, 0) == eperm
        for other in {each for _, each in seccomp.MACHINES.values()} - {architecture} | {0x40000003, 0}:
            assert evaluate(code, other, 0) == seccomp.KILL
        assert evaluate(code, architecture, seccomp.X32) == seccomp.KILL
