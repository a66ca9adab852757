"""``textgym bench`` as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from textgym.bench import Bench
from textgym.cli.bench import chosen, labelled
from textgym.cli.main import app
from textgym.errors import OptionError

SORT, DELAY = "TextGen-Sort-v0", "TextGen-ProbeDelay-v0"


def bench(*args: object):
    return CliRunner().invoke(app, ["bench", *map(str, args)])


def test_a_bench_from_the_command_line(tmp_path: Path) -> None:
    options = (
        "--agent",
        "random",
        "--agent",
        "best=oracle",
        "--env-id",
        DELAY,
        "--episodes",
        8,
        "--cache",
        tmp_path / "c",
    )
    result = bench(*options, "--out", tmp_path / "out", "--env", "delay=3")
    assert result.exit_code == 0, result.output
    assert DELAY in result.output
    assert "tokens/s" in result.output
    found = Bench.open(tmp_path / "out")
    assert found.config.agents == {"random": ("random",), "best": ("oracle",)}
    assert (found.config.env_kwargs, found.config.episodes) == ({"delay": 3}, 8)
    assert not found.missing()
    assert list((tmp_path / "c").glob("*/cells"))
    again = bench(*options, "--out", tmp_path / "out", "--env", "delay=4")
    assert again.exit_code == 2
    assert "env_kwargs = {'delay': 3}" in " ".join(again.output.split())


def test_a_failed_cell_is_told_and_the_exit_code_says_so(tmp_path: Path) -> None:
    result = bench(
        "--agent", "nonsense(tiny)", "--agent", "oracle", "--env-id", SORT, "--episodes", 2, "--out", tmp_path / "out",
        "--cache", "none",
    )  # fmt: skip
    assert result.exit_code == 2
    assert "1 of 2 cells failed" in result.output
    assert "There is no agent nonsense" in result.output
    assert list(Bench.open(tmp_path / "out").cells()) == [("oracle", 0, SORT)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--suite", "grew"), "Did you mean 'grue'"),
        (("--env-id", "TextGen-Srt-v0"), "Did you mean 'TextGen-Sort-v0'"),
        ((), "Say what to play"),
        (("--env-id", SORT, "--agent", "random"), "was given twice"),
        (("--env-id", SORT, "--split", "tset"), "split"),
        (("--env-id", SORT, "--device", "tpu9"), "no device"),
    ],
)
def test_misuse_is_told_before_anything_is_written(tmp_path: Path, options: tuple, message: str) -> None:
    result = bench("--agent", "random", "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_labels_group_runs() -> None:
    assert labelled(["ppo=runs/a", "ppo=runs/b", "tiny", "best_of_n(tiny, n=4)", "b2=best_of_n(tiny, n=2)"]) == {
        "ppo": ("runs/a", "runs/b"),
        "tiny": ("tiny",),
        "best_of_n(tiny, n=4)": ("best_of_n(tiny, n=4)",),
        "b2": ("best_of_n(tiny, n=2)",),
    }
    with pytest.raises(OptionError, match="LABEL=AGENT"):
        labelled(["=tiny"])


def test_suites_and_ids_come_once_each() -> None:
    ids = chosen(["probe", "algorithmic"], [f"textgym:{SORT}"])
    assert len(ids) == len(set(ids))
    assert {SORT, DELAY} <= set(ids)
