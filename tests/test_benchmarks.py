"""The guard against slower code and the table of speeds: what they say of numbers that are given. Nothing is timed."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
GOOD = {"collection against generate": 3.0, "collection against stock SB3": 20.0, "update against stock SB3": 45.0}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Imports programs of benchmarks/, which writes results elsewhere, and forgets them afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setattr(importlib.import_module("measure"), "RESULTS", tmp_path)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if Path(str(getattr(sys.modules[name], "__file__", ""))).parent == FOLDER:
            del sys.modules[name]


@pytest.fixture
def guard(load: Any) -> ModuleType:
    return load("guard")


def _now(*measurements: dict[str, float]) -> Any:
    left = list(measurements)
    return lambda: left.pop(0)


def test_guard_passes_what_kept_its_speed(guard: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert guard.main(["--write"], _now(GOOD)) == 0
    assert guard.main([], _now({name: 0.7 * value for name, value in GOOD.items()})) == 0
    assert "reference   45.0 x" in capsys.readouterr().out


def test_guard_names_what_fell(guard: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Which ratio, both numbers and the command: what whoever broke it needs."""
    guard.main(["--write"], _now(GOOD))
    slow = GOOD | {"update against stock SB3": 29.0}
    assert guard.main([], _now(slow, slow)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("update against stock SB3: 29.0 times as fast, where it was 45.0")
    assert "python -m benchmarks guard" in line


def test_guard_forgives_one_bad_measurement(guard: ModuleType) -> None:
    guard.main(["--write"], _now(GOOD))
    assert guard.main([], _now(dict.fromkeys(GOOD, 1.0), GOOD)) == 0


def test_guard_fails_nothing_on_an_unknown_processor(
    guard: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"fast": GOOD, "slow": {name: value / 2 for name, value in GOOD.items()}}
    assert guard.reference(known, "fast") == GOOD
    assert guard.reference(known, "another") == known["slow"]
    (tmp_path / "guard.json").write_text(json.dumps({"processors": known}), encoding="utf-8")
    slow = dict.fromkeys(GOOD, 0.1)
    assert guard.main([], _now(slow, slow)) == 0
    assert "no entry" in capsys.readouterr().out


def test_guard_keeps_the_entries_of_other_processors(guard: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "guard.json").write_text(json.dumps({"processors": {"other": GOOD}}), encoding="utf-8")
    guard.main(["--write"], _now(GOOD))
    assert len(json.loads((tmp_path / "guard.json").read_text(encoding="utf-8"))["processors"]) == 2


def test_guard_without_a_reference_says_how_to_make_one(guard: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert guard.main([], _now(GOOD)) == 2
    assert "--write" in capsys.readouterr().err


def test_table_shows_what_is_measured_and_what_is_missing(load: Any, tmp_path: Path) -> None:
    machine = {"cpu": "a processor", "cores": 2, "torch_threads": 2}
    rounds = {"textgym": [300.0, 330.0, 360.0], "generate": [100.0, 100.0, 100.0], "stock SB3": [1.0, 1.0, 0.0001]}
    result = {"benchmark": "collection_tiny", "rounds": rounds, "machine": machine}
    (tmp_path / "collection_tiny.json").write_text(json.dumps(result), encoding="utf-8")
    rows = load("table").table(tmp_path).splitlines()
    found = next(row for row in rows if "collection" in row and "generate" in row and "tiny" in row)
    assert "≥ 3.0 ×" in found
    assert "3.30 ×" in found
    assert "3.00–3.60" in found
    assert "a processor, 2 cores, 2 threads" in found
    assert any("missing" in row and "small" in row for row in rows)


def test_every_program_says_what_it_measures(load: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The list of `python -m benchmarks` is the first lines of their docstrings."""
    spec = importlib.util.spec_from_file_location("benchmarks_main", FOLDER / "__main__.py")
    assert spec
    assert spec.loader
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    assert program.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"guard", "scaling", "table", "time_to_reward"} <= {line.split()[0] for line in lines}
    assert all(len(line.split()) > 3 for line in lines)
    assert program.main(["guards"]) == 2
    assert program.main(["--write"]) == 2
