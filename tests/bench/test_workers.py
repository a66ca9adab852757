"""Who makes cells: processes that may die, and what a node must have in common with the machine that asks."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from textgym.bench import cluster
from textgym.bench.cluster import Cluster, Site
from textgym.bench.workers import Here, Outcome, Workers, attempt, local
from textgym.cli.crew import Crew, with_address
from textgym.cli.main import app
from textgym.errors import DataError, OptionError, RunError

HAS_RAY = importlib.util.find_spec("ray") is not None


KILLER = """
import os

def killed(folder, always, job):
    tried = folder / str(job)
    if job == always or not tried.exists():
        tried.touch()
        os._exit(1)
    return job
"""
"""A job whose process dies at the first try, and one whose process always does."""


def done(workers: Workers, call, jobs: list[int]) -> list[Outcome]:
    waiting = list(jobs)
    with workers:
        return list(workers.run(call, lambda: waiting.pop(0) if waiting else None))


def test_a_fault_is_told_in_words_and_the_others_go_on() -> None:
    def call(job: int) -> float:
        if job == 2:
            raise DataError("two is no number")
        return 1 / job

    outcomes = done(Here(), call, [0, 1, 2])
    assert [outcome.value for outcome in outcomes] == [None, 1.0, None]
    assert outcomes[0].fault.startswith("ZeroDivisionError: division by zero (in call, test_workers.py:")
    assert outcomes[2].fault == "two is no number"


def test_a_job_whose_process_died_is_done_again_and_one_that_kills_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "killer.py").write_text(KILLER)
    monkeypatch.syspath_prepend(tmp_path)  # where processes find it, too
    outcomes = done(local(2), partial(importlib.import_module("killer").killed, tmp_path, 1), [0, 1, 2])
    assert {outcome.job: outcome.value for outcome in outcomes} == {0: 0, 1: None, 2: 2}
    (fault,) = (outcome.fault for outcome in outcomes if outcome.job == 1)
    assert "its process died without a word" in fault


def test_a_node_with_other_software_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    site = Site(shared=None)
    site.enter()
    with pytest.raises(RunError, match=r"torch [\d.]+\S* where 1\.0 was expected"):
        replace(site, versions={**site.versions, "torch": "1.0"}).enter()
    with pytest.raises(RunError, match="another source of textgym"):
        replace(site, code="0").enter()


def test_a_node_that_does_not_share_the_folder_is_refused(tmp_path: Path) -> None:
    site = Site(shared=tmp_path / "runs")
    site.mark()
    site.enter()
    with pytest.raises(RunError, match="does not see the folder"):
        replace(site, token=".ray-of-another").enter()
    site.unmark()
    assert not list((tmp_path / "runs").iterdir())
    assert "does not see the folder" in str(attempt(lambda _: site.enter(), None).fault)


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    asked = ["--agent", "random", "--env-id", "TextGen-Sort-v0", "--out", str(tmp_path / "bench")]
    result = CliRunner().invoke(app, ["bench", *asked, "--cache", "none", "--ray"])
    assert result.exit_code == 2
    assert "pip install 'textgym[ray]'" in result.output


@pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed")
@pytest.mark.parametrize("address", ["127.0.0.1:9", "nowhere"])
def test_an_address_where_nobody_answers_is_told_in_time(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 4.0)  # Ray itself waits for minutes
    with pytest.raises(OptionError, match=rf"No Ray cluster can be reached at '{address}'"), Cluster(address):
        pass


def test_what_a_cell_takes_is_checked() -> None:
    with pytest.raises(OptionError, match="more than 0 CPUs"):
        Cluster(num_cpus=0)
    with pytest.raises(OptionError, match=r"Leave out --processes 2"):
        Crew(2, "auto", None, None, "cpu")
    with pytest.raises(OptionError, match=r"Give --ray with them"):
        Crew(1, None, 2.0, None, "cpu")
    devices = {gpus: Crew(1, "auto", None, gpus, "auto").device_of_a_cell for gpus in (None, 0.0, 0.5)}
    assert devices == {None: "cpu", 0.0: "cpu", 0.5: "cuda"}


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        (["--ray"], ["--ray", "auto"]),
        (["--ray", "--seed", "1"], ["--ray", "auto", "--seed", "1"]),
        (["--ray", "algorithms"], ["--ray", "auto", "algorithms"]),
        (["--ray", "local", "core"], ["--ray", "local", "core"]),
        (["--ray", "ray://head:10001"], ["--ray", "ray://head:10001"]),
        (["--ray=10.0.0.1:6379"], ["--ray=10.0.0.1:6379"]),
    ],
)
def test_an_address_may_be_left_out(given: list[str], understood: list[str]) -> None:
    assert with_address(given) == understood


ORPHANS = """
import os, sys, time
from pathlib import Path
from textgym.bench.workers import local

def sleep(folder):
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    jobs = [sys.argv[1]] * 2
    with local(2) as workers:
        list(workers.run(sleep, lambda: jobs.pop() if jobs else None))
"""


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    script, pids = tmp_path / "owner.py", tmp_path / "pids"
    script.write_text(ORPHANS)
    pids.mkdir()
    owner = subprocess.Popen([sys.executable, str(script), str(pids)])
    assert within(60, lambda: len(list(pids.iterdir())) == 2)
    owner.kill()
    owner.wait()
    assert within(20, lambda: not any(Path("/proc", pid.name).exists() for pid in pids.iterdir()))


def within(seconds: float, true: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    return true()
