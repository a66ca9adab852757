"""Who makes the cells of a command: this machine's processes or a Ray cluster; the options that say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from textgym.cli import agents
from textgym.errors import OptionError

if TYPE_CHECKING:
    from textgym.bench.workers import Workers

AUTO = "auto"

ProcessesOption = Annotated[int, typer.Option(help="Cells made side by side, on one thread each.", min=1)]
RayOption = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="[ADDRESS]",
        help="Fan the cells out over a Ray cluster: the one that RAY_ADDRESS names or that this machine belongs to, "
        "that at HOST:PORT, or `local`, which is started here.",
        show_default=False,
    ),
]
CpusOption = Annotated[
    float | None, typer.Option("--num-cpus", help="With --ray: CPUs that a cell takes. Default: 1.", show_default=False)
]
GpusOption = Annotated[
    float | None,
    typer.Option(
        "--num-gpus",
        help="With --ray: GPUs that a cell takes; a fraction shares one. Default: 1 with --device cuda, else 0.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Crew:
    """What the options of a command say of those who make its cells.

    Attributes:
        processes: Cells at a time on this machine.
        ray: Address of a cluster, or None.
        num_cpus: CPUs of a cell on a cluster; None takes one.
        num_gpus: GPUs of a cell on a cluster; None takes one where ``device`` is one, else none.
        device: Where models run; ``"auto"`` is, on a cluster, what a cell takes.

    Raises:
        OptionError: If they contradict each other.
    """

    processes: int
    ray: str | None
    num_cpus: float | None
    num_gpus: float | None
    device: str

    def __post_init__(self) -> None:
        agents.check_device(self.device)
        if self.ray is None and (self.num_cpus, self.num_gpus) != (None, None):
            raise OptionError("--num-cpus and --num-gpus say what a cell takes of a cluster. Give --ray with them.")
        if self.ray is not None and self.processes != 1:
            raise OptionError(
                f"--ray plays as many cells at a time as the cluster has CPUs for. Leave out --processes "
                f"{self.processes}, or say with --num-cpus what a cell takes."
            )

    @property
    def device_of_a_cell(self) -> str:
        """Where the model of a cell runs."""
        if self.ray is None or self.device != "auto":
            return self.device
        return "cuda" if self.num_gpus else "cpu"

    def workers(self, shared: Path | None = None) -> Workers:
        """Returns the workers.

        Args:
            shared: A folder that cells write to themselves.
        """
        from textgym.bench.workers import local

        if self.ray is None:
            return local(self.processes)
        from textgym.bench.cluster import Cluster

        gpus = float(self.device.startswith("cuda")) if self.num_gpus is None else self.num_gpus
        cpus = 1.0 if self.num_cpus is None else self.num_cpus
        return Cluster(self.ray, num_cpus=cpus, num_gpus=gpus, shared=shared)


class Command(TyperCommand):
    """A command whose ``--ray`` may stand without an address; Typer knows no options of that kind."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Gives a bare ``--ray`` its address."""
        return super().parse_args(ctx, with_address(args))


def with_address(args: list[str]) -> list[str]:
    """Returns arguments in which every ``--ray`` has an address: what follows it, where that is one.

    >>> with_address(["--ray", "core", "--ray", "10.0.0.1:6379"])
    ['--ray', 'auto', 'core', '--ray', '10.0.0.1:6379']
    """
    found: list[str] = []
    for i, argument in enumerate(args):
        found.append(argument)
        bare = i + 1 == len(args) or not re.fullmatch(r"auto|local|(ray://)?[^-]\S*:\d+", args[i + 1])
        if argument == "--ray" and bare:
            found.append(AUTO)
    return found
