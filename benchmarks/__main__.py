"""The programs behind every number that we publish.

``python -m benchmarks`` lists them, ``python -m benchmarks NAME…`` runs some, ``python -m benchmarks all`` runs all.
Options after a name are that program's: ``python -m benchmarks guard --write``.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PARTS = {"__main__", "measure", "reference_work", "trl_peer"}
"""What programs share, and this one."""

ASKED = {"guard", "tune_suite"}
"""What checks instead of measuring, and what takes hours and arguments: ``all`` leaves them out."""

LAST = ("table",)
"""What reads the results of the others."""


def main(arguments: list[str]) -> int:
    """Runs the programs that are named, each in a process of its own; without a name, lists them."""
    programs = {path.stem: path for path in sorted(FOLDER.glob("*.py")) if path.stem not in PARTS}
    first_option = next((i for i, text in enumerate(arguments) if text.startswith("-")), len(arguments))
    names, options = arguments[:first_option], arguments[first_option:]
    if unknown := [name for name in names if name not in programs and names != ["all"]]:
        print(f"There is no program {unknown[0]!r}. There are {', '.join(programs)}.", file=sys.stderr)
        return 2
    if options and (len(names) != 1 or names == ["all"]):
        print(f"Options belong to one program, named in front of them. Actual value: {arguments}.", file=sys.stderr)
        return 2
    if not names:
        for name, path in programs.items():
            print(f"{name:20s} {(ast.get_docstring(ast.parse(path.read_text())) or '').splitlines()[0]}")
        return 0
    if names == ["all"]:
        names = [name for name in programs if name not in ASKED and name not in LAST] + list(LAST)
    codes = [subprocess.run([sys.executable, str(programs[name]), *options], check=False).returncode for name in names]
    return max(abs(code) for code in codes)  # one that was killed has a negative code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
