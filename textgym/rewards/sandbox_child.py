"""The process that runs one untrusted program. `textgym.rewards.sandbox` starts it as a script; see there.

Standard library only: nothing else may be read once it has locked itself in. It takes one job on standard input,
locks itself in, says "ready" on the pipe ``job["results"]``, runs the program, and writes one line for each test,
``<number> = <value>`` or ``<number> ! <error>``, then "done". Before "ready" it may say "failed <why>" instead.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import marshal
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same numbers on every machine
LANDLOCK_ABI = 3  # the first that sees truncation; with less, reading rights let a program empty files
READ_FILE, READ_DIR = 1 << 2, 1 << 3
WRITE_FILE, REMOVE_FILE, MAKE_FILE, TRUNCATE = 1 << 1, 1 << 5, 1 << 8, 1 << 14
DEVICES = 1 << 15  # ioctl on devices, since ABI 5
NETWORK = 0b11  # TCP, since ABI 4
SCOPES = 0b11  # abstract Unix sockets and signals, since ABI 6
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
NOBODY = 65534
MAX_VALUE = 1 << 20  # characters of one value, as written by `canonical`

REFUSED = {
    "socket": "the network",
    "subprocess": "starting a program",
    "ctypes": "ctypes",
    "pty": "a terminal",
    "os.system": "starting a program",
    "os.exec": "starting a program",
    "os.posix_spawn": "starting a program",
    "os.fork": "a new process",
    "os.forkpty": "a new process",
    "os.kill": "signals to processes",
    "os.killpg": "signals to processes",
    "signal.pthread_kill": "signals to threads",
    "_thread.start_new_thread": "a new thread",
    "_thread.start_joinable_thread": "a new thread",
    "os.chdir": "another folder",
    "os.chmod": "changing rights",
    "os.chown": "changing owners",
    "os.link": "a link",
    "os.symlink": "a link",
    "os.mkdir": "a folder of its own",
}
"""What the audit hook calls the events that it refuses: an event, or the part of its name before the dot."""


class NotLiteral(Exception):
    """A value that is no literal, such as a function or an object of the program's own."""


def canonical(value: Any) -> str:
    """Returns a text that two values share exactly if Python's literals of them are equal.

    Numbers (with `Fraction` and `Decimal`) are written as exact ratios, so ``1``, ``1.0`` and ``True`` are one; sets
    and dicts are sorted; tuples and lists differ; NaN equals NaN. Of a subclass only what its built-in base holds
    counts: a method ``__eq__`` of its own has no say.

    Raises:
        NotLiteral: If the value, or one within, is of another kind.
    """
    if value is None:
        return "None"
    if isinstance(value, str):
        return ascii(str.__str__(value))
    if isinstance(value, bytes | bytearray):
        return ascii(bytes(memoryview(value)))
    if isinstance(value, complex) and complex(value).imag:
        return f"({canonical(value.real)} + {canonical(value.imag)}j)"
    if isinstance(value, int | float | complex) or type(value).__name__ in ("Fraction", "Decimal"):
        return _number(value.real if isinstance(value, complex) else value)
    if isinstance(value, list):
        return f"[{', '.join(map(canonical, list.__iter__(value)))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(canonical, tuple.__iter__(value)))})"
    if isinstance(value, dict):
        return f"dict({', '.join(sorted(f'{canonical(k)}: {canonical(v)}' for k, v in dict.items(value)))})"
    if isinstance(value, set | frozenset):
        base: Any = set if isinstance(value, set) else frozenset
        return f"set({', '.join(sorted(map(canonical, base.__iter__(value))))})"
    raise NotLiteral(f"a value of type {type(value).__name__} cannot be compared with a literal")


def _number(value: Any) -> str:
    base: Any = int if isinstance(value, int) else float if isinstance(value, float) else type(value)
    try:
        over, under = base.as_integer_ratio(value)
    except (ValueError, OverflowError):
        return str(float(value))  # nan, inf, -inf
    return f"{over:x}" if under == 1 else f"{over:x}/{under:x}"  # the decimal form of an int is bounded in length


def limit(job: dict[str, Any]) -> None:
    """Sets the limits that the kernel holds for any process."""
    import resource  # not at the top: `canonical` is for every system, and Windows has no such module

    for kind, soft, hard in (
        (resource.RLIMIT_CPU, job["cpu"], job["cpu"] + 1),  # a signal that names the cause, then SIGKILL
        (resource.RLIMIT_AS, job["memory"], job["memory"]),
        (resource.RLIMIT_FSIZE, job["file_size"], job["file_size"]),
        (resource.RLIMIT_NOFILE, job["open_files"], job["open_files"]),
        (resource.RLIMIT_NPROC, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))


def drop_privileges(libc: Any) -> None:
    """Gives up every capability; as root, also becomes nobody where nobody can still read the standard library."""
    if os.geteuid() == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, 0, 0)
            user = NOBODY if os.access(os.__file__, os.R_OK) else 0  # asks for the real user
            os.chown(".", user, NOBODY)
            os.setresuid(user, user, user)
        except OSError:
            pass  # a container that maps no such user; capabilities go all the same
    header, none = struct.pack("=Ii", CAPABILITY_VERSION_3, 0), bytes(24)
    _checked("capset", libc.capset(ctypes.create_string_buffer(header), none))


def restrict_files(libc: Any) -> bool:
    """Leaves nothing of the file system but reading the standard library and plain files in the working folder.

    Returns False where the kernel has no Landlock, or too old a one.
    """
    abi = libc.syscall(LANDLOCK_CREATE, None, 0, 1)
    if abi < LANDLOCK_ABI:
        return False
    handled = (1 << 15) - 1 | (DEVICES if abi >= 5 else 0)
    attributes = struct.pack("=QQQ", handled, NETWORK if abi >= 4 else 0, SCOPES if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    rules = _checked("landlock", libc.syscall(LANDLOCK_CREATE, attributes, size, 0))

    def allow(path: str, rights: int) -> None:
        try:
            target = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return  # a dangling link in the library
        _checked("landlock", libc.syscall(LANDLOCK_ADD, rules, 1, struct.pack("=Qi", rights, target), 0))
        os.close(target)

    for root in sys.path:
        if os.path.isdir(root):  # entry by entry, because third-party packages lie in a folder beside the library's
            for entry in os.scandir(root):
                if entry.name not in ("site-packages", "dist-packages"):
                    allow(entry.path, READ_FILE | READ_DIR if entry.is_dir() else READ_FILE)
        elif os.path.isfile(root):
            allow(root, READ_FILE)
    allow(".", READ_FILE | READ_DIR | WRITE_FILE | REMOVE_FILE | MAKE_FILE | TRUNCATE)
    _checked("landlock", libc.syscall(LANDLOCK_RESTRICT, rules, 0))
    os.close(rules)
    return True


def refuse_calls(libc: Any, code: bytes) -> None:
    """Installs a seccomp filter, an array of ``struct sock_filter``."""
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
    _prctl(libc, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(program))


def audit(libraries: tuple[str, ...], folder: str, files: bool) -> Callable[[str, tuple[Any, ...]], None]:
    """Returns an audit hook that says in words what is refused; a program can get round it, not round the kernel."""
    refused, inside = dict(REFUSED), (*libraries, folder)
    join, normal, separator = os.path.join, os.path.normpath, os.sep

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if what := refused.get(event) or refused.get(event.partition(".")[0]):
            raise PermissionError(f"the sandbox refuses {what} ({event})")
        if event == "open" and isinstance(args[0], str | bytes):
            path = args[0] if isinstance(args[0], str) else args[0].decode("utf-8", "surrogateescape")
            place = normal(join(folder, path))
            if not files:
                raise PermissionError(f"the sandbox refuses files here, where the kernel has no Landlock: {path!r}")
            if not any(place == root or place.startswith(root + separator) for root in inside):
                raise PermissionError(f"the sandbox refuses to open {path!r}")

    return hook


def lock_in(job: dict[str, Any]) -> None:
    """Puts every limit in force, for good. Nothing of the program has been run or compiled yet.

    Raises:
        OSError: If one cannot be.
    """
    limit(job)
    libc = ctypes.CDLL(None, use_errno=True)
    for name in job["modules"]:  # those that open libraries of the system, or files where none may be opened later
        try:
            __import__(name)
        except ImportError:
            continue  # left out of this Python, as many are
    importlib.machinery.PathFinder.find_spec("textgym_absent")  # lists the library, whose root cannot be listed later
    drop_privileges(libc)
    _prctl(libc, PR_SET_NO_NEW_PRIVS, 1)
    _prctl(libc, PR_SET_DUMPABLE, 0)
    _prctl(libc, PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != job["parent"]:
        raise OSError("the process that asked for it has ended")
    folder, libraries = os.getcwd(), tuple(sys.path)
    files = job["landlock"] and restrict_files(libc)
    refuse_calls(libc, job["filter"] if files else job["filter_without_files"])
    sys.addaudithook(audit(libraries, folder, files))


def run(job: dict[str, Any], say: Callable[[str], None]) -> None:
    """Runs the program, then each test in its namespace, and says what came of it."""
    if "random" in sys.modules:
        sys.modules["random"].seed(0)  # the same program is to score the same twice
    module = type(sys)("program")
    sys.modules["program"] = module
    space = vars(module)
    failure = None
    try:
        exec(compile(job["source"], "<program>", "exec", dont_inherit=True), space)
    except BaseException as error:
        failure = told(error)
    for i, (kind, source) in enumerate(job["tests"]):
        try:
            if failure is not None:
                say(f"{i} ! {failure}")
            elif kind == "eval":
                text = canonical(eval(compile(source, "<test>", "eval", dont_inherit=True), space))
                say(f"{i} = {text}" if len(text) <= MAX_VALUE else f"{i} ! the value is too large to compare")
            else:
                exec(compile(source, "<test>", "exec", dont_inherit=True), space)
                say(f"{i} = True")
        except BaseException as error:
            say(f"{i} ! {told(error)}")


def main() -> None:
    """Takes the job, and ends without a word to what the program has left to be run at exit."""
    job = marshal.loads(sys.stdin.buffer.read())
    results, write, leave = job["results"], os.write, os._exit

    def say(line: str) -> None:
        data = line.encode("ascii", "backslashreplace") + b"\n"
        while data:
            data = data[write(results, data) :]

    try:
        lock_in(job)
    except BaseException as error:
        say(f"failed {told(error)}")
        leave(1)
    os.environ.clear()
    sys.argv = [""]
    say("ready")
    run(job, say)
    say("done")
    leave(0)


def told(error: BaseException) -> str:
    """Returns an error as a line of printable ASCII, its class first."""
    try:
        text = ascii(str(error))[1:-1]
    except BaseException:
        text = ""  # its own __str__ failed
    error.__traceback__ = None  # lets go of what filled the memory
    name = ascii(type(error).__name__)[1:-1]
    return f"{name}: {text[:200]}" if text else name


def _prctl(libc: Any, option: int, value: int, more: int = 0) -> None:
    wide = ctypes.c_ulong
    _checked(f"prctl {option}", libc.prctl(option, wide(value), wide(more), wide(0), wide(0)))


def _checked(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


if __name__ == "__main__":
    main()
