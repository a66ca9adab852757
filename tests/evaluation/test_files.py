"""A file or folder appears whole or not at all."""

from __future__ import annotations

import pytest

from textgym.evaluation import files


def fail_half_way(path):
    path.parent.mkdir(exist_ok=True)
    path.write_text("half")
    raise RuntimeError


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "picture.png"
    with files.whole_file(path) as temporary:
        temporary.write_bytes(b"whole")
        assert temporary.suffix == ".png"
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_new_one(tmp_path):
    path = files.write_text(tmp_path / "notes.md", "old")
    with pytest.raises(RuntimeError), files.whole_file(path) as temporary:
        fail_half_way(temporary)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "step_00000001"
    with files.whole_folder(path) as temporary:
        temporary.mkdir()
        (temporary / "weights").write_text("1")
        assert not path.exists()
    assert (path / "weights").read_text() == "1"


def test_a_folder_that_failed_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), files.whole_folder(tmp_path / "step_00000001") as temporary:
        fail_half_way(temporary / "weights")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_no_obstacle(tmp_path):
    leftover = tmp_path / "step_00000001.part"
    leftover.mkdir()
    (leftover / "half").write_text("")
    with files.whole_folder(tmp_path / "step_00000001") as temporary:
        temporary.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["step_00000001"]
    assert list((tmp_path / "step_00000001").iterdir()) == []


def test_a_folder_is_replaced_and_found_between_the_two_renames(tmp_path):
    path = tmp_path / "best"
    for text in ("old", "new"):
        with files.whole_folder(path) as temporary:
            temporary.mkdir()
            (temporary / "weights").write_text(text)
            assert files.found(path) == path
    assert (path / "weights").read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
    path.rename(tmp_path / "best.previous")  # what a kill leaves
    assert (files.found(path) / "weights").read_text() == "new"
    with files.whole_folder(path) as temporary:
        temporary.mkdir()
        (temporary / "weights").write_text("newest")
    assert (files.found(path) / "weights").read_text() == "newest"
    assert list(tmp_path.iterdir()) == [path]
