"""The cache: whole entries or none, whatever happens while one is made, and made once."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from textgym.assets import cache
from textgym.errors import AssetError

SCRIPT = """
import os, sys, time
from pathlib import Path
from textgym.assets import cache

def convert(source, folder):
    with open(os.environ["LOG"], "a") as log:
        print(os.getpid(), file=log)
    (folder / "half").write_text("the first half")
    time.sleep(float(os.environ["SECONDS"]))
    (folder / "rest").write_text(source.read_text())

print(cache.make("thing", Path(sys.argv[1]), "copy 1", convert))
"""


def copy(source: Path, folder: Path) -> None:
    (folder / "sub").mkdir()
    shutil.copy(source, folder / "sub" / "content")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEXTGYM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    file = tmp_path / "source"
    file.write_text("content")
    return file


def start(source: Path, seconds: float) -> subprocess.Popen[str]:
    environment = os.environ | {"SECONDS": str(seconds)}
    command = [sys.executable, "-P", "-W", "error", "-c", SCRIPT, str(source)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def entries() -> list[str]:
    return sorted(path.name for path in cache.folder().iterdir() if path.name != ".locks")


def test_an_entry_is_made_once_and_kept(source: Path) -> None:
    made = cache.make("thing", source, "copy 1", copy)
    assert (made / "sub" / "content").read_text() == "content"
    assert cache.faults(made, thorough=True) == []
    assert cache.size_of(made) == len("content")

    def fail(source: Path, folder: Path) -> None:
        raise AssertionError("it is there already")

    assert cache.make("thing", source, "copy 1", fail, thorough=True) == made
    assert entries() == [made.name]


def test_other_content_or_another_recipe_is_another_entry(source: Path) -> None:
    made = [cache.make("thing", source, recipe, copy) for recipe in ("copy 1", "copy 2")]
    source.write_text("CONTENT")
    made.append(cache.make("thing", source, "copy 1", copy))
    assert len(set(made)) == 3
    assert (made[2] / "sub" / "content").read_text() == "CONTENT"


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda made: (made / "sub" / "content").write_text("conten"), "sub/content is not what was written"),
        (lambda made: (made / "sub" / "content").write_text("CONTENT"), "sub/content is not what was written"),
        (lambda made: (made / "sub" / "content").unlink(), "sub/content is missing"),
        (lambda made: (made / "config.json").write_text("{}"), "config.json does not belong to it"),
        (lambda made: (made / cache.MANIFEST).write_text('{"files"'), "its manifest .* cannot be read"),
        (lambda made: (made / cache.MANIFEST).unlink(), "its manifest .* cannot be read"),
    ],
)
def test_what_was_altered_is_made_anew(source: Path, damage, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    made = cache.make("thing", source, "copy 1", copy)
    damage(made)
    (found,) = cache.faults(made)
    assert re.fullmatch(fault + r"( \(\w+\))?", found)
    assert cache.make("thing", source, "copy 1", copy) == made
    assert cache.faults(made, thorough=True) == []
    assert (made / "sub" / "content").read_text() == "content"
    assert found in caplog.text
    assert entries() == [made.name]


def test_a_new_time_alone_is_no_damage_and_an_old_one_no_proof(source: Path) -> None:
    made = cache.make("thing", source, "copy 1", copy)
    file = made / "sub" / "content"
    was = file.stat()
    os.utime(file, ns=(0, 0))  # as a copy of the cache has it
    assert cache.faults(made) == []
    file.write_text("CONTENT")
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert cache.faults(made) == []  # the trade of not reading it all each time
    assert cache.faults(made, thorough=True) == ["sub/content is not what was written"]
    cache.make("thing", source, "copy 1", copy, thorough=True)
    assert file.read_text() == "content"


def test_processes_that_ask_at_once_make_it_once(source: Path, tmp_path: Path) -> None:
    runs = [start(source, 1.0) for _ in range(3)]
    found = {run.communicate(timeout=60)[0].strip() for run in runs}
    assert len(found) == 1
    assert cache.faults(Path(found.pop()), thorough=True) == []
    assert len((tmp_path / "log").read_text().splitlines()) == 1


def test_a_kill_half_way_leaves_nothing_that_is_taken_for_whole(source: Path, tmp_path: Path) -> None:
    run = start(source, 600)
    while not list(tmp_path.glob("cache/*/half")):
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.communicate(timeout=30)
    (left,) = entries()
    assert left.endswith(".part")
    made = cache.make("thing", source, "copy 1", copy)  # neither waits for the dead nor trips over what it left
    assert (made / "sub" / "content").read_text() == "content"
    assert entries() == [made.name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the disk that is always full")
def test_a_full_disk_is_said_and_leaves_nothing(source: Path) -> None:
    def convert(source: Path, folder: Path) -> None:
        (folder / "half").write_text("the first half")
        Path("/dev/full").write_text("the rest")

    with pytest.raises(
        AssetError, match=r"'thing' could not be made of .*source in .*No space left.* The disk is full"
    ):
        cache.make("thing", source, "copy 1", convert)
    assert entries() == []


def test_too_little_room_is_said_before_the_work(source: Path) -> None:
    with pytest.raises(AssetError, match=r"takes 1,000,000,000,000 MB, and .* has room for [\d,]+ MB. Make room, or"):
        cache.make("thing", source, "copy 1", copy, size=10**18)
    assert entries() == []


def test_one_that_hangs_is_named(source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = start(source, 600)
    while not list(tmp_path.glob("cache/*/half")):
        time.sleep(0.02)
    monkeypatch.setattr(cache, "PATIENCE", 0.1)
    with pytest.raises(AssetError, match=r"Another process has been making 'thing' .* Its lock is .*\.lock"):
        cache.make("thing", source, "copy 1", copy)
    run.kill()
    run.communicate(timeout=30)


def test_whatever_a_converter_raises_is_an_error_of_ours(source: Path) -> None:
    def convert(source: Path, folder: Path) -> None:
        raise KeyError("general.architecture")

    with pytest.raises(
        AssetError, match=r"could not be made of .*general\.architecture.* Set TEXTGYM_CACHE to a folder"
    ):
        cache.make("thing", source, "copy 1", convert)
    assert entries() == []


def test_the_manifest_tells_sizes_and_hashes(source: Path) -> None:
    made = cache.make("thing", source, "copy 1", copy)
    listed = json.loads((made / cache.MANIFEST).read_text())
    assert listed["source"] == "source"
    assert listed["files"]["sub/content"]["sha256"] == (  # printf content | sha256sum
        "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    )
