"""``textgym report``: where the page goes, what is said of it, and refusals."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from typer.testing import CliRunner

from textgym.cli.main import app

runner = CliRunner()
write_bench = runpy.run_path(str(Path(__file__).parents[1] / "bench" / "conftest.py"))["write_bench"]


def run(*args):
    return runner.invoke(app, ["report", *map(str, args)])


@pytest.fixture
def bench(tmp_path):
    return write_bench(
        tmp_path / "bench", env_ids=["TextGen-Target-v0"], episodes=4, missing={("ppo", 0, "TextGen-Target-v0")}
    )


def test_page_goes_into_the_folder_or_where_it_is_asked(bench, tmp_path):
    result = run(bench.path)
    assert result.exit_code == 0, result.output
    page = bench.path / "index.html"
    assert f"Page: {page}" in result.output
    assert "8 episodes" in result.output
    assert "1 of 3 cells are missing" in result.output
    text = page.read_text(encoding="utf-8")
    assert "<title>3 agents on 1 environment</title>" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")  # the name of SVG, which nothing loads
    assert "https://" not in text
    elsewhere = tmp_path / "pages" / "page.html"
    result = run(bench.path, "--out", elsewhere, "--episodes", 2)
    assert result.exit_code == 0, result.output
    assert elsewhere.is_file()
    assert "2 of 8 episodes" in result.output


def test_what_is_no_bench_is_refused(bench, tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "holds no bench" in result.output
    config = json.loads((bench.path / "bench.json").read_text(encoding="utf-8"))
    (bench.path / "bench.json").write_text(json.dumps({**config, "schema_version": 99}), encoding="utf-8")
    result = run(bench.path)
    assert result.exit_code == 2
    assert "schema version 99" in result.output
    assert not (bench.path / "index.html").exists()
