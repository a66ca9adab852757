"""The programs behind every number that we publish.

``python -m benchmarks`` lists them, ``python -m benchmarks NAME…`` runs some, ``python -m benchmarks all`` runs all.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PARTS = {"__main__", "measure", "reference_work"}
"""What programs share, and this one."""

ASKED = {"tune_suite"}
"""Programs that take hours and arguments: ``all`` leaves them out."""


def main(names: list[str]) -> int:
    """Runs the programs that are named, each in a process of its own; without a name, lists them."""
    programs = {path.stem: path for path in sorted(FOLDER.glob("*.py")) if path.stem not in PARTS}
    if unknown := [name for name in names if name not in programs]:
        print(f"There is no program {unknown[0]!r}. There are {', '.join(programs)}.", file=sys.stderr)
        return 2
    if not names:
        for name, path in programs.items():
            print(f"{name:20s} {(ast.get_docstring(ast.parse(path.read_text())) or '').splitlines()[0]}")
        return 0
    names = sorted(programs.keys() - ASKED) if names == ["all"] else names
    return max(subprocess.run([sys.executable, str(programs[name])], check=False).returncode for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
