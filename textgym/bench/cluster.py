"""A Ray cluster as the workers of a bench or a table."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from textgym.bench.hashing import code_hash
from textgym.bench.workers import J, Outcome, R, Workers, attempt, one_thread
from textgym.errors import OptionError, RunError
from textgym.evaluation.versions import versions

AUTO, LOCAL = "auto", "local"

RETRIES = 3
"""Times that a job is done again after its worker or its node was lost; Ray counts them."""

PATIENCE = 30.0
"""Seconds in which a cluster must answer."""

START = 180.0
"""Seconds in which a node must have started a process and imported textgym."""

GRACE = 120.0
"""Seconds for which a cluster may be without any node that could do the jobs."""

STORE = 200 * 2**20
"""Bytes of the object store of a cluster that is started here; what workers return is a few megabytes a cell."""


def ray() -> Any:
    """Returns the library.

    Raises:
        OptionError: If it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise OptionError("A cluster needs Ray. Run `pip install 'textgym[ray]'`, here and on every node.") from error


class Cluster(Workers):
    """The nodes of a Ray cluster; each job is a Ray task on one thread.

    A job whose process or node is lost is done again elsewhere, `RETRIES` times at most. Before the first job, and
    before each, a node is asked whether it has the same textgym and the same packages as this machine.

    Args:
        address: ``"auto"``: the cluster that ``RAY_ADDRESS`` names, or that this machine is a node of;
            ``"HOST:PORT"`` of one whose node this machine is; ``"ray://HOST:PORT"`` of a Ray Client server;
            ``"local"`` starts one of this machine alone. A program that has called ``ray.init`` itself keeps its own.
        num_cpus: CPUs that a job takes of its node, above 0.
        num_gpus: GPUs that a job takes of its node; a fraction shares one.
        shared: A folder that jobs write to, and that every node must see under the same path; None where the results
            of the jobs are all that counts.

    Raises:
        OptionError: On entry, if Ray is missing, no cluster answers at ``address``, no node has what a job takes, or a
            node does not have the same software or ``shared``.
        RunError: Later, if for `GRACE` seconds there is no node that could do the jobs.
    """

    free = True  # Ray queues; a cluster that grows should see how much waits

    def __init__(
        self, address: str = AUTO, *, num_cpus: float = 1.0, num_gpus: float = 0.0, shared: str | Path | None = None
    ) -> None:
        if num_cpus <= 0 or num_gpus < 0:
            raise OptionError(
                f"A cell takes more than 0 CPUs, and 0 GPUs or more. Actual values: {num_cpus:g}, {num_gpus:g}."
            )
        self._address = address
        self._needs = {"CPU": num_cpus, "GPU": num_gpus}
        self._shared = None if shared is None else Path(shared)
        self._running: dict[Any, Any] = {}

    def __enter__(self) -> Self:
        self._ray = ray()
        self._ours = not self._ray.is_initialized()
        if self._ours:
            _connect(self._ray, self._address)
        self._site = Site(shared=self._shared)
        try:
            self._site.mark()
            self._check_nodes()
        except BaseException:
            self.close()
            raise
        return self

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def start(self, call: Callable[[J], R], job: J) -> None:
        options = {"num_cpus": self._needs["CPU"], "num_gpus": self._needs["GPU"], "max_retries": RETRIES}
        # SPREAD: nodes fill evenly, since what runs out is memory.
        remote = self._ray.remote(_do).options(**options, scheduling_strategy="SPREAD")
        self._running[remote.remote(self._site, call, job)] = job

    def next(self) -> Outcome[Any, Any]:
        alone = 0.0
        while not (done := self._ray.wait(list(self._running), timeout=GRACE / 10)[0]):
            alone = 0.0 if self._nodes() else alone + GRACE / 10
            if alone >= GRACE:
                raise RunError(
                    f"For {GRACE:.0f} s the cluster has had no node with {self._asked()}, and {len(self._running)} "
                    "cells wait. Start nodes and run the same command again; it goes on."
                )
        job = self._running.pop(done[0])
        try:
            outcome: Outcome[Any, Any] = self._ray.get(done[0])
        except self._ray.exceptions.RayError as error:
            return Outcome(job, fault=f"its worker was lost {RETRIES + 1} times, or could not start: {_said(error)}")
        return outcome

    def close(self) -> None:
        for task in self._running:
            self._ray.cancel(task, force=True)
        self._running.clear()
        self._site.unmark()
        if self._ours:
            self._ray.shutdown()

    def _nodes(self) -> list[dict[str, Any]]:
        """Returns the nodes that are there and large enough for a job."""
        return [
            node
            for node in self._ray.nodes()
            if node["Alive"] and all(node["Resources"].get(name, 0) >= needed for name, needed in self._needs.items())
        ]

    def _asked(self) -> str:
        return ", ".join(f"{count:g} {name}" for name, count in self._needs.items() if count)

    def _check_nodes(self) -> None:
        """Asks every node, at once, whether it can do the jobs."""
        nodes = self._nodes()
        if not nodes:
            raise OptionError(
                f"No node of the cluster has {self._asked()}, which a cell takes. It has "
                f"{self._ray.cluster_resources()}. Start such a node, or ask for less."
            )
        pinned = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        asked = {}
        for node in nodes:
            strategy = pinned(node["NodeID"], soft=False)
            remote = self._ray.remote(_do).options(num_cpus=0, max_retries=0, scheduling_strategy=strategy)
            asked[remote.remote(self._site, repr, None)] = node
        done, silent = self._ray.wait(list(asked), num_returns=len(asked), timeout=START)
        faults = {asked[task]["NodeManagerAddress"]: f"it did not answer within {START:.0f} s" for task in silent}
        for task in done:
            try:
                fault = self._ray.get(task).fault
            except self._ray.exceptions.RayError as error:
                fault = _said(error)
            if fault is not None:
                faults[asked[task]["NodeManagerAddress"]] = fault
        if faults:
            lines = "\n".join(f"  {node}: {fault}" for node, fault in faults.items())
            raise OptionError(f"{len(faults)} of {len(nodes)} nodes cannot do the work:\n{lines}")


@dataclass(frozen=True)
class Site:
    """What every node must have in common with the machine that asks.

    Attributes:
        shared: The folder that all see, or None.
        token: Content of a file in it, which tells it from another folder of that name.
        code: Hash of textgym's own source.
        versions: Versions of the packages that can move a number.
        folder: The working directory, which relative paths are meant from.
        modules_here: Whether modules are looked for in the working directory, as the commands do.
    """

    shared: Path | None
    token: str = field(default_factory=lambda: f".ray-{uuid.uuid4().hex}")
    code: str = field(default_factory=code_hash)
    versions: dict[str, str] = field(default_factory=versions)
    folder: str = field(default_factory=os.getcwd)
    modules_here: bool = field(default_factory=lambda: "" in sys.path)

    def mark(self) -> None:
        """Puts the token into the shared folder."""
        if self.shared is not None:
            self.shared.mkdir(parents=True, exist_ok=True)
            (self.shared / self.token).touch()

    def unmark(self) -> None:
        """Takes it out."""
        if self.shared is not None:
            (self.shared / self.token).unlink(missing_ok=True)

    def enter(self) -> None:
        """Makes this process one that works for the site.

        Raises:
            RunError: If its node differs in what all must have in common.
        """
        if os.path.isdir(self.folder):
            os.chdir(self.folder)
        if self.modules_here and "" not in sys.path:
            sys.path.insert(0, "")
        here = versions()
        differ = [
            f"{name} {here.get(name)} where {self.versions.get(name)} was expected"
            for name in sorted(here.keys() | self.versions.keys())
            if here.get(name) != self.versions.get(name)
        ]
        if not differ and self.code != code_hash():
            differ = ["another source of textgym"]
        if differ:
            raise RunError(f"it has {', '.join(differ)}. Install the same on every node.")
        if self.shared is not None and not (self.shared / self.token).exists():
            raise RunError(
                f"it does not see the folder {str(self.shared)!r} of the machine that asks. Name a folder that all "
                "nodes share, by its whole path."
            )


def _do(site: Site, call: Callable[[J], R], job: J) -> Outcome[J, R]:
    """Does a job on a node; this is the Ray task."""
    one_thread()
    entered = attempt(lambda _: site.enter(), job)
    return attempt(call, job) if entered.fault is None else entered  # type: ignore[return-value]


def _connect(library: Any, address: str) -> None:
    quiet = {"log_to_driver": False, "logging_level": "WARNING"}
    if address == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # ours to start, so not ours to report
        library.init(address=LOCAL, include_dashboard=False, object_store_memory=STORE, **quiet)
        return
    if not address.startswith("ray://"):
        _check_answers(address)
    try:
        library.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, ImportError) as error:
        raise OptionError(f"No Ray cluster can be used at {address!r}: {_said(error)}") from error


def _check_answers(address: str) -> None:
    """Asks for the status of a cluster in a process of its own: where nothing answers, ``ray.init`` waits for minutes.

    Raises:
        OptionError: If there is no answer in time.
    """
    command = [sys.executable, "-P", "-m", "ray.scripts.scripts", "status"]
    command += [] if address == AUTO else ["--address", address]
    start = time.monotonic()
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if asked.returncode == 0:
            return
        reason = next((line for line in reversed(asked.stderr.splitlines()) if line.strip()), "no reason was given")
    except subprocess.TimeoutExpired:
        reason = f"nothing answered in {time.monotonic() - start:.0f} s"
    advice = "start one with `ray start --head`, or give `local` for this machine alone"
    raise OptionError(f"No Ray cluster can be reached at {address!r}: {reason}. Give its address, {advice}.")


def _said(error: BaseException) -> str:
    """Returns the line of an error that says what was wrong; Ray's come with whole tracebacks."""
    cause = getattr(error, "cause", None) or error
    lines = [line for line in str(cause).splitlines() if line.strip()]
    return f"{type(cause).__name__}: {lines[0] if lines else ''}"
