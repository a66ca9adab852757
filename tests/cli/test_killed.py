"""A run that is killed with SIGKILL, at whatever moment, ends as the run that never was."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from textgym.evaluation import Run, metrics_file

TEXTGYM = [sys.executable, "-P", "-c", "from textgym.cli import main; main()"]
NURSERY = """
import json, os, sys
import accelerate, matplotlib.figure, sacrebleu, torch.utils.tensorboard, transformers.trainer
import textgym.agents.callbacks, textgym.agents.expert_iteration, textgym.agents.loading, textgym.agents.sft
import textgym.agents.tuned, textgym.evaluation.training
from textgym.cli import main

for line in sys.stdin:
    arguments, errors = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        sys.argv = ["textgym", *arguments]
        try:
            main()
        except SystemExit as end:
            os._exit(end.code or 0)
        except BaseException:
            import traceback

            traceback.print_exc()
        os._exit(1)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""A process that has loaded what the command loads, and forks one that runs it: loading takes longer than the run."""
TINY = ["--episodes", "8", "--seed", "3", "--eval-every", "400", "--eval-episodes", "4", "--checkpoint-every", "150"]
COMMANDS = {
    "ppo": ["train", "TextGen-Numbers-v0", "--n-envs", "8", "--set", "n_steps=8", "--timesteps", "1600", *TINY],
    "sft": ["sft", "TextGen-Numbers-v0", "--set", "n_demonstrations=4", "--timesteps", "1600", *TINY],
    "expert_iteration": [
        *("train", "TextGen-Numbers-v0", "--algo", "expert_iteration", "--n-envs", "8", "--timesteps", "1600"),
        *("--set", "n_prompts=4", "--set", "n_samples=2", *TINY),
    ],
}
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
ENDLESS = 300.0
"""Seconds after which a process that shows nothing is given up; a busy machine needs its time."""


class Moment(NamedTuple):
    """When to kill: what to wait for, and how long beyond it, in seconds."""

    reached: Callable[[Path], Any]
    delay: float


class Nursery:
    """Runs commands, one at a time, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.errors = folder / "errors.txt"
        # Bare pipes: a line that was read ahead would be invisible to select().
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", NURSERY], stdin=pipe, stdout=pipe, bufsize=0, env=ONE_THREAD
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout

    def start(self, arguments: list[str]) -> int:
        """Returns the id of the process that runs a command."""
        self.stdin.write(json.dumps([arguments, str(self.errors)]).encode() + b"\n")
        return int(self.stdout.readline())

    def over(self, seconds: float = 0.0) -> bool:
        """Whether the command ends within a time."""
        return bool(select.select([self.stdout], [], [], seconds)[0])

    def code(self) -> int:
        """Returns the exit code of the command, once it is over."""
        assert self.over(ENDLESS)
        return int(self.stdout.readline())

    def close(self) -> None:
        self.stdin.close()
        self.process.wait()
        self.stdout.close()


def _next(algorithm: str, path: Path) -> list[str]:
    """What a user gives after a kill: the same command while there is no run yet, then --resume."""
    if (path / "config.json").exists():
        return ["train", "--resume", str(path)]
    return [*COMMANDS[algorithm], "--out", str(path)]


def _finish(nursery: Nursery, algorithm: str, path: Path) -> None:
    nursery.start(_next(algorithm, path))
    assert nursery.code() == 0, nursery.errors.read_text()[-3000:]


def _kill(nursery: Nursery, algorithm: str, path: Path, moment: Moment) -> bool:
    """Starts or resumes, kills at the moment, and returns whether it was still running."""
    process, end = nursery.start(_next(algorithm, path)), time.monotonic() + ENDLESS
    while not moment.reached(path) and not nursery.over():
        assert time.monotonic() < end
        time.sleep(0.001)
    running = not nursery.over(moment.delay)
    if running:
        os.kill(process, signal.SIGKILL)
    assert nursery.code() == (-signal.SIGKILL if running else 0), nursery.errors.read_text()[-3000:]
    return running


def _kill_while_loading(algorithm: str, path: Path, delay: float) -> bool:
    """The same in a process that begins at the beginning."""
    with subprocess.Popen([*TEXTGYM, *_next(algorithm, path)], env=ONE_THREAD) as process:
        time.sleep(delay)
        running = process.poll() is None
        process.kill()
    return running


def _newest(path: Path) -> int:
    return max(Run.open(path).checkpoints(), default=0) if (path / "config.json").exists() else 0


def _trained(tokens: int) -> Callable[[Path], bool]:
    return lambda path: _newest(path) >= tokens


def _writes(tokens: int) -> Callable[[Path], bool]:
    """A checkpoint is being written, of ``tokens`` or later."""

    def reached(path: Path) -> bool:
        parts = [part.name for part in path.glob("checkpoints/step_*.part")]
        late = [name for name in parts if int(name.removeprefix("step_").split(".")[0]) >= tokens]
        return bool(late) or _newest(path) > tokens + 300

    return reached


def _moments(rng: np.random.Generator, count: int) -> Iterator[Moment]:
    """Moments in the order in which a run comes by them, in every phase of it."""
    yield Moment(lambda path: (path / "config.json").exists(), float(rng.uniform(0, 0.3)))  # evaluating before
    for i, tokens in enumerate(sorted(rng.integers(150, 1250, size=count - 3).tolist())):
        if i % 2:
            yield Moment(_writes(tokens), float(rng.uniform(0, 0.004)))  # amid a checkpoint
        else:
            yield Moment(_trained(tokens), float(rng.uniform(0, 0.2)))  # collecting, learning, evaluating
    yield Moment(_trained(1600), float(rng.uniform(0, 0.2)))  # evaluating after
    yield Moment(lambda path: (path / "after.json").exists(), float(rng.uniform(0, 0.3)))  # writing the report


def _rows(path: Path) -> list[dict[str, float]]:
    rows = metrics_file.read(path / "metrics.csv")
    return [{name: value for name, value in row.items() if not name.startswith("time/")} for row in rows]


def _content(path: Path) -> dict[str, bytes]:
    """What must not differ by a bit, by file."""
    newest = Run.open(path).checkpoints()[_newest(path)]
    files = [
        *(path / name for name in ("before.json", "after.json", "samples_over_training.jsonl", "samples.md")),
        *(newest / "model" / "model.safetensors", newest / "policy.safetensors", newest / "training.safetensors"),
        *(newest / "training.json", path / "checkpoints" / "best" / "model" / "model.safetensors"),
        path / "checkpoints" / "best" / "evaluation.json",
    ]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path_factory.mktemp("nursery"))
    yield nursery
    nursery.close()


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "kills"), [("ppo", 10), ("sft", 5), ("expert_iteration", 5)])
def test_twenty_kills_change_nothing(algorithm: str, kills: int, nursery: Nursery, tmp_path: Path) -> None:
    """Ten of PPO, five of each learner that has rounds of its own."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    _finish(nursery, algorithm, whole)
    rng = np.random.default_rng([5, kills])
    hits = [_kill_while_loading(algorithm, killed, float(rng.uniform(0.1, 3.0)))]
    hits += [_kill(nursery, algorithm, killed, moment) for moment in _moments(rng, kills - 1)]
    assert sum(hits) >= kills - 1, f"the process was already over: {hits}"
    _finish(nursery, algorithm, killed)
    for one, other in zip(_rows(killed), _rows(whole), strict=True):
        assert one == other
    ours, theirs = _content(killed), _content(whole)
    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert json.loads(ours["checkpoints/best/evaluation.json"])["step"] > 0
    assert not list(killed.rglob("*.part*"))
    assert (killed / "report.md").read_text() == (whole / "report.md").read_text()
