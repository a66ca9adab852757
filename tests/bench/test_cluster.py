"""A Ray cluster of two nodes on one machine: what it plays and trains are the numbers of one process, whoever dies."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from textgym.bench import Bench

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="workers are found in /proc"),
]

TEXTGYM = [sys.executable, "-P", "-c", "from textgym.cli import main; main()"]
ENVIRON = os.environ | {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
LIMIT = 420
"""Seconds after which a command is given up."""

NODES = """
import sys
from ray.cluster_utils import Cluster

node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={**node, "num_cpus": 0, "include_dashboard": False})
try:
    others = [cluster.add_node(**node) for _ in range(2)]
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line == "remove\\n":
            cluster.remove_node(others.pop(), allow_graceful=False)
        else:
            others.append(cluster.add_node(**node))
        print(len(others), flush=True)
finally:
    cluster.shutdown()
"""
"""A head that plays nothing, and two nodes of one CPU; it removes or adds one when it is told to."""

SLOW = """
import os, time
from pathlib import Path

def agent(prompt):
    (Path(__file__).parent / f"{os.getpid()}.pid").touch()
    time.sleep(0.4)
    return "ab"
"""
TARGET = "TextGen-Target-v0"
TABLE = f"""
title: A miniature
ids:
  {TARGET}: {{timesteps: 4096, n_envs: 8}}
seeds: [0]
episodes: 24
rows:
  random: {{agent: random}}
  PPO: {{algorithm: ppo, hyperparameters: {{n_steps: 8}}}}
  SFT: {{algorithm: sft, start: PPO, timesteps: 256, hyperparameters: {{n_demonstrations: 8}}}}
"""


class Nodes:
    """The cluster, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        (folder / "nodes.py").write_text(NODES)
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(folder / "nodes.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=ENVIRON,
        )
        self.address = self._answer()

    def tell(self, order: str) -> int:
        """Removes or adds a node, and returns how many there are beside the head."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return int(self._answer())

    def close(self) -> None:
        self.process.communicate(timeout=120)

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, "the cluster did not start"
        return line


@pytest.fixture(scope="module", name="nodes")
def _nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    nodes = Nodes(tmp_path_factory.mktemp("nodes"))
    yield nodes
    nodes.close()


def start(folder: Path, *arguments: Any) -> subprocess.Popen[str]:
    """Starts a command in a folder, which is how its workers are told from others."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen([*TEXTGYM, *map(str, arguments)], cwd=folder, text=True, env=ENVIRON, **pipes)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    """Waits for a command, and returns what it said."""
    try:
        said = process.communicate(timeout=LIMIT)[1]
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == code, said[-3000:]
    return said


def until(condition: Callable[[], Any], process: subprocess.Popen[str]) -> Any:
    end = time.monotonic() + LIMIT
    while not (found := condition()):
        assert process.poll() is None, process.stderr.read()[-3000:] if process.stderr else ""
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def worker(folder: Path) -> int | None:
    """Returns a process that does a Ray task in a folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.joinpath("cmdline").read_bytes().startswith(b"ray::_do") and (
                process.joinpath("cwd").readlink() == folder
            ):
                return int(process.name)
        except OSError:  # it ended, or is somebody else's
            continue
    return None


def cells(bench: Bench) -> dict[str, Any]:
    """What a bench holds: all bytes, but for the times and the page that shows them."""
    found: dict[str, Any] = {}
    for path in sorted(bench.path.rglob("*")):
        if path.is_file() and path.name != "index.html":
            found[path.relative_to(bench.path).as_posix()] = (
                {**json.loads(path.read_text()), "timing": None} if path.name == "cell.json" else path.read_bytes()
            )
    return found


def asked(folder: Path) -> list[str]:
    (folder / "mine.py").write_text(SLOW)
    agents = ["--agent", "mine.py:agent", "--agent", "random", "--episodes", "12", "--cache", "none"]
    return ["bench", *agents, "--env-id", "TextGen-Sort-v0", "--env-id", "TextGen-Summarization-v0"]


@pytest.fixture(scope="module", name="plain")
def _plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("plain")
    finish(start(folder, *asked(folder), "--out", "bench"))
    return cells(Bench.open(folder / "bench"))


def test_a_worker_that_is_killed_half_way_changes_no_number(
    nodes: Nodes, plain: dict[str, Any], tmp_path: Path
) -> None:
    process = start(tmp_path, *asked(tmp_path), "--out", "bench", "--ray", nodes.address)
    first = until(lambda: list(tmp_path.glob("*.pid")), process)[0]
    os.kill(int(first.stem), signal.SIGKILL)
    assert not (tmp_path / "bench" / "cells" / "mine.py_agent").exists()  # it was half-way
    finish(process)
    assert len(list(tmp_path.glob("*.pid"))) >= 2
    assert cells(Bench.open(tmp_path / "bench")) == plain


def test_a_node_that_leaves_half_way_changes_no_number(nodes: Nodes, plain: dict[str, Any], tmp_path: Path) -> None:
    process = start(tmp_path, *asked(tmp_path), "--out", "bench", "--ray", nodes.address)
    until(lambda: list(tmp_path.glob("*.pid")), process)
    assert nodes.tell("remove") == 1
    finish(process)
    assert nodes.tell("add") == 2
    assert cells(Bench.open(tmp_path / "bench")) == plain


def test_what_no_node_has_is_told_at_once(nodes: Nodes, tmp_path: Path) -> None:
    said = finish(start(tmp_path, *asked(tmp_path), "--out", "bench", "--ray", nodes.address, "--num-cpus", 2), 2)
    assert "No node of the cluster has 2 CPU" in said


def test_a_training_run_whose_worker_is_killed_goes_on_to_the_same_numbers(nodes: Nodes, tmp_path: Path) -> None:
    rows = []
    for name in ("plain", "ray"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "mini.yml").write_text(TABLE)
        ray = ["--ray", nodes.address] if name == "ray" else []
        process = start(folder, "reproduce", "mini.yml", "--out", "out", "--results", "results", *ray)
        if ray:
            until(lambda folder=folder: list(folder.glob("out/runs/PPO/0/*/checkpoints/step_*")), process)
            victim = until(lambda folder=folder: worker(folder), process)
            os.kill(victim, signal.SIGKILL)
        finish(process)
        rows.append(json.loads((folder / "results" / "mini.json").read_text())["rows"])
    assert rows[0] == rows[1]
    assert not list((tmp_path / "ray" / "out").glob(".ray-*"))
