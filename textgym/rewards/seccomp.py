"""The system calls that a sandboxed program may make, as a seccomp filter.

The filter is an allow-list: what computing needs, and no call that reaches another process, a network or the
machine. Refused calls fail with ``EPERM``; those younger than `FIRST_NEW` with ``ENOSYS``, because C libraries try
new calls first and fall back on old ones when the kernel says that it has none.

Source: Linux, Documentation/userspace-api/seccomp_filter.rst; the numbers are those of the kernel's headers.
"""

from __future__ import annotations

import struct
from functools import cache

from textgym.errors import RewardError

MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the tables below and AUDIT_ARCH constant of the machines that the filter knows."""

CALLS: dict[str, tuple[int | None, int | None]] = {
    "access": (21, None),
    "alarm": (37, None),
    "brk": (12, 214),
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "close": (3, 57),
    "close_range": (436, 436),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "fdatasync": (75, 83),
    "fstat": (5, 80),
    "fsync": (74, 82),
    "ftruncate": (77, 46),
    "futex": (202, 98),
    "getcwd": (79, 17),
    "getegid": (108, 177),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getitimer": (36, 102),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "getuid": (102, 174),
    "lseek": (8, 62),
    "lstat": (6, None),
    "madvise": (28, 233),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "nanosleep": (35, 101),
    "newfstatat": (262, 79),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "poll": (7, None),
    "ppoll": (271, 73),
    "pread64": (17, 67),
    "pselect6": (270, 72),
    "pwrite64": (18, 68),
    "read": (0, 63),
    "readv": (19, 65),
    "restart_syscall": (219, 128),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "select": (23, None),
    "setitimer": (38, 103),
    "sigaltstack": (131, 132),
    "stat": (4, None),
    "statx": (332, 291),
    "sysinfo": (99, 179),
    "times": (100, 153),
    "uname": (63, 160),
    "write": (1, 64),
    "writev": (20, 66),
}
"""Calls allowed with any arguments: number on x86_64 and on aarch64, None where there is no such call."""

FILE_CALLS: dict[str, tuple[int | None, int | None]] = {
    "copy_file_range": (326, 285),
    "fadvise64": (221, 223),
    "getdents64": (217, 61),
    "open": (2, None),
    "openat": (257, 56),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "sendfile": (40, 71),
    "unlink": (87, None),
    "unlinkat": (263, 35),
}
"""Calls allowed only where Landlock decides about the paths."""

ARGUMENTS: dict[str, tuple[tuple[int | None, int | None], dict[int, tuple[int, ...]]]] = {
    # Duplicates and flags only: F_SETOWN with F_SETSIG would send a signal to any process of the same user.
    "fcntl": ((72, 25), {1: (0, 1, 2, 3, 4, 1030)}),
    "ioctl": ((16, 29), {1: (0x5401, 0x5450, 0x5451)}),  # isatty, and the close-on-exec flag
    "prlimit64": ((302, 261), {0: (0,), 2: (0,)}),  # reads the limits of the process itself
}
"""Calls allowed where each argument named here, by position, has one of the values."""

FIRST_NEW = 424
"""From this number on, calls have the same number on every machine; all of them came with Linux 5.1 or later."""

EPERM, ENOSYS = 1, 38
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
X32 = 0x40000000  # numbers of the x32 ABI, a second table of calls on x86_64, begin here


@cache
def build(machine: str, files: bool) -> bytes:
    """Returns the filter as an array of ``struct sock_filter``.

    Args:
        machine: ``platform.machine()``.
        files: Whether `FILE_CALLS` are allowed; only where Landlock holds.

    Raises:
        RewardError: If the calls of this machine are not known here.
    """
    if machine not in MACHINES:
        raise RewardError(
            f"Programs can be run safely on {' and '.join(MACHINES)} only: the sandbox does not know the system calls "
            f"of this machine. Actual machine: {machine!r}."
        )
    column, architecture = MACHINES[machine]
    code = [
        _line(LOAD, ARCHITECTURE),
        _line(JUMP_EQUAL, architecture, 1, 0),
        _line(RETURN, KILL),
        _line(LOAD, NUMBER),
        _line(JUMP_AT_LEAST, X32, 0, 1),
        _line(RETURN, KILL),
    ]
    for numbers in [*CALLS.values(), *(FILE_CALLS.values() if files else ())]:
        number = numbers[column]
        if number is not None:
            code += [_line(JUMP_EQUAL, number, 0, 1), _line(RETURN, ALLOW)]
    for numbers, arguments in ARGUMENTS.values():
        body = [line for position, values in arguments.items() for line in _one_of(position, values)]
        body.append(_line(RETURN, ALLOW))
        code += [_line(JUMP_EQUAL, numbers[column] or 0, 0, len(body)), *body]
    code += [_line(JUMP_AT_LEAST, FIRST_NEW, 0, 1), _line(RETURN, ERRNO | ENOSYS), _line(RETURN, ERRNO | EPERM)]
    return b"".join(code)


def _one_of(position: int, values: tuple[int, ...]) -> list[bytes]:
    """Goes on where an argument has one of ``values``, else refuses the call; arguments have 64 bits, loads 32."""
    low = FIRST_ARGUMENT + 8 * position
    refuse = _line(RETURN, ERRNO | EPERM)
    tests = [_line(JUMP_EQUAL, value, len(values) - i, 0) for i, value in enumerate(values)]
    return [_line(LOAD, low + 4), _line(JUMP_EQUAL, 0, 1, 0), refuse, _line(LOAD, low), *tests, refuse]


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
