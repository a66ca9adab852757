"""What is shown is run: the Python blocks of our pages and every example; every command shown exists.

An example that takes more than half a minute says so with ``# test: slow`` on a line of its own, and one that needs a
library of an optional extra with ``# test: needs NAME``.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import textgym
import textgym.rewards
from textgym.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S)


def _run_script(script: Path, cwd: Path) -> None:
    """Runs a script as its reader would, on one thread so that test machines of any size do the same."""
    process = subprocess.run(
        [sys.executable, str(script)],
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert process.returncode == 0, process.stdout[-2000:] + process.stderr[-4000:]


@pytest.mark.parametrize("page", [page for page, text in PAGES.items() if _blocks(text, "python")])
def test_page_runs(page: str, tmp_path: Path) -> None:
    """All Python blocks, in order, as one script; each stands on its own line of the page, for the traceback."""
    lines, inside = [], False
    for line in PAGES[page].splitlines():
        inside = line == "```python" or (inside and line != "```")
        lines.append(line if inside and line != "```python" else "")
    script = tmp_path / "page.py"
    script.write_text("\n".join(lines), encoding="utf-8")
    _run_script(script, tmp_path)


def _examples() -> list[Any]:
    params = []
    for path in sorted((ROOT / "examples").glob("*.py")):
        slow = "# test: slow" in path.read_text(encoding="utf-8").splitlines()
        params.append(pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if slow else []))
    return params


@pytest.mark.parametrize("example", _examples())
def test_example_runs(example: Path, tmp_path: Path) -> None:
    for module in re.findall(r"^# test: needs (\w+)$", example.read_text(encoding="utf-8"), flags=re.M):
        pytest.importorskip(module, reason=f"the library {module} is not installed")
    _run_script(example, tmp_path)


def _split(line: str) -> Iterator[list[str]]:
    """The words of each command of a shell line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    for joint, words in itertools.groupby(lexer, key=lambda word: set(word) <= set("&|;")):
        if not joint:
            yield list(itertools.dropwhile(lambda word: re.match(r"\w+=", word), words))


def _commands() -> list[list[str]]:
    """Every command shown on our pages: the lines of ```bash, and those after a "$ " of ```console."""
    lines: list[str] = []
    for text in PAGES.values():
        for block in _blocks(text, "bash"):
            lines += block.replace("\\\n", " ").splitlines()
        for block in _blocks(text, "console"):
            lines += re.findall(r"^\$ (.*)", block.replace("\\\n", " "), flags=re.M)
    return [words for line in lines for words in _split(line) if words]


def _check_textgym(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    path = ["textgym"]
    rest = words[1:]
    while hasattr(command, "commands"):
        assert rest, f"{' '.join(words)!r} names no sub-command of {' '.join(path)!r}"
        if rest[0] == "--help":
            return
        assert rest[0] in command.commands, f"{' '.join(path)!r} has no sub-command {rest[0]!r}"
        command = command.commands[rest[0]]
        path.append(rest.pop(0))
    options = {name for param in command.params for name in (*param.opts, *param.secondary_opts)} | {"--help"}
    for word in rest:
        name = word.split("=")[0]
        assert not re.match(r"-{1,2}[a-z]", name) or name in options, f"{' '.join(path)!r} has no option {name!r}"
    if "--reward" in rest and "runs/" not in (reward := rest[rest.index("--reward") + 1]):  # those are yet to be made
        textgym.rewards.make(reward)


@pytest.mark.parametrize("words", _commands(), ids=" ".join)
def test_shown_command_exists(words: list[str]) -> None:
    if words[0] == "textgym" or words[0].endswith("/textgym"):
        _check_textgym(words)
    elif words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
        assert {word for word in words[1:] if "=" not in word} <= set(targets)
    elif words[0].startswith("python") and words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file()


def test_two_commands_set_everything_up() -> None:
    shown = _commands()
    assert ["make", "demo"] in shown
    assert ["make", "test"] in shown


@pytest.mark.parametrize("page", PAGES)
def test_links_and_ids_exist(page: str) -> None:
    text = PAGES[page]
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}, which is not there"
    assert set(re.findall(r"TextGen-\w+-v\d+", text)) <= textgym.entries().keys()
