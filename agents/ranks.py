"""The processes that train one agent together: which of them this one is, and what they tell each other.

A launcher (torchrun, ``accelerate launch``, SLURM, Ray Train) starts the same program several times and says which of
them is which by ``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``, ``MASTER_ADDR`` and ``MASTER_PORT``, or has made a process
group of torch already. Without a launcher there is one rank: nothing here does anything then, and no group is made.

Whoever waits, waits for as long as the others live: each rank gives a sign of life every `BEAT` seconds, and one that
gives none for `SILENCE` seconds, or whose connection is closed, ends the wait with an error. So an evaluation by one
rank may take an hour, and a rank that was killed ends the others at once.
"""

from __future__ import annotations

import atexit
import io
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from textgym.errors import AgentError, OptionError

BEAT = 2.0
"""Seconds between two signs of life."""

SILENCE = 45.0
"""Seconds without one after which a rank is given up."""

RENDEZVOUS = timedelta(minutes=5)
"""Time that ranks have to find each other; models may take long to load on some machines."""

PATIENCE = timedelta(days=30)
"""Timeout of the collectives themselves, out of the way of ours."""

AGAIN = "Start all ranks again, by the same command: `textgym train` goes on from its newest checkpoint."


@dataclass(frozen=True)
class Ranks:
    """This process, among those that train one agent. All ranks call the methods below together, in the same order.

    Attributes:
        rank: Number of this process, from 0.
        size: Number of processes.
        local_rank: Number of this process on its machine, which is the number of its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @classmethod
    def current(cls) -> Ranks:
        """Returns what torch's process group says, if there is one, else the variables of a launcher.

        Raises:
            OptionError: If these contradict each other.
        """
        local = _variable("LOCAL_RANK", 0)
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size(), local)
        size = _variable("WORLD_SIZE", 1)
        rank = _variable("RANK", 0 if size == 1 else None)
        if not 0 <= rank < size:
            raise OptionError(
                f"RANK is a number from 0 to WORLD_SIZE − 1. Actual values: RANK={rank}, WORLD_SIZE={size}. Start the "
                "ranks by torchrun, or leave both variables out."
            )
        return cls(rank, size, local)

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes and prints."""
        return self.rank == 0

    def share(self, n_envs: int, n_samples: int = 1) -> int:
        """Returns how many of ``n_envs`` environments this rank plays, whole groups of ``n_samples``.

        Raises:
            AgentError: If they cannot be shared evenly.
        """
        if self.size > 1 and n_envs % (self.size * n_samples):
            unit = self.size * n_samples
            groups = "" if n_samples == 1 else f", in whole groups of n_samples={n_samples}"
            raise AgentError(
                f"n_envs is the number of environments of all ranks, and {self.size} ranks share them evenly{groups}. "
                f"Actual value: n_envs={n_envs}. Take a multiple of {unit}, such as {-(-n_envs // unit) * unit}."
            )
        return n_envs // self.size

    def use_device(self, device: torch.device | str) -> None:
        """Makes this rank's GPU the current one, which ``"auto"`` and ``"cuda"`` then mean.

        Raises:
            AgentError: If all ranks of a machine were sent to one GPU.
        """
        if self.size == 1 or str(device) == "cpu" or not torch.cuda.is_available():
            return
        if torch.device("cuda" if device == "auto" else device).index is not None:
            raise AgentError(
                f"Each rank takes the GPU of its number on its machine. Actual value: device={str(device)!r}. Give "
                "device='cuda', and choose GPUs by CUDA_VISIBLE_DEVICES."
            )
        torch.cuda.set_device(self.local_rank % torch.cuda.device_count())

    def wait(self) -> None:
        """Returns once all ranks have come here."""
        self.sum([0.0])

    def sum(self, values: Iterable[float]) -> np.ndarray:
        """Returns the sums of some numbers over all ranks, float64 ``(n,)``."""
        tensor = torch.tensor([float(value) for value in values], dtype=torch.float64)
        self.add(tensor)
        return tensor.numpy()

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is True on some rank."""
        return bool(self.sum([flag])[0])

    def mean(self, values: np.ndarray) -> float:
        """Returns the mean of the values of all ranks, each value counting the same."""
        if self.size == 1:
            return float(values.mean())
        total, count = self.sum([values.sum(dtype=np.float64), values.size])
        return float(total / count)

    def gather(self, array: np.ndarray) -> list[np.ndarray]:
        """Returns the arrays of all ranks, in their order; their shapes may differ."""
        if self.size == 1:
            return [array]
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        own = np.frombuffer(file.getvalue(), np.uint8)
        sizes = torch.zeros(self.size, dtype=torch.int64)
        sizes[self.rank] = len(own)
        self.add(sizes)
        everyone = torch.zeros(self.size, int(sizes.max()), dtype=torch.uint8)
        everyone[self.rank, : len(own)] = torch.from_numpy(own.copy())
        self.add(everyone)  # the others' rows are zeros
        rows = zip(everyone.numpy(), sizes.tolist(), strict=True)
        return [np.load(io.BytesIO(row[:length].tobytes()), allow_pickle=False) for row, length in rows]

    def union(self, array: np.ndarray) -> np.ndarray:
        """Returns the arrays of all ranks as one, joined at their first axis."""
        return array if self.size == 1 else np.concatenate(self.gather(array))

    def add(self, tensor: torch.Tensor) -> None:
        """Replaces a tensor by its sum over all ranks."""
        if self.size > 1:
            link = _connected()
            if tensor.is_cuda and (group := link.cuda_group()) is not None:
                link.finish(dist.all_reduce(tensor, group=group, async_op=True))
                return
            on_cpu = tensor.cpu()  # itself, where it is there already
            link.finish(dist.all_reduce(on_cpu, group=link.group, async_op=True))
            if on_cpu is not tensor:
                tensor.copy_(on_cpu)

    @torch.no_grad()
    def copy(self, tensors: Iterable[torch.Tensor]) -> None:
        """Replaces tensors by those of the first rank."""
        if self.size > 1:
            link = _connected()
            for tensor in tensors:
                on_cpu = tensor.detach().cpu().contiguous()
                link.finish(dist.broadcast(on_cpu, 0, group=link.group, async_op=True))
                if on_cpu is not tensor:
                    tensor.copy_(on_cpu)

    @torch.no_grad()
    def check_equal(self, tensors: Iterable[torch.Tensor]) -> None:
        """Checks that all ranks have the same tensors, by sums of their bits.

        Raises:
            AgentError: If they differ.
        """
        if self.size == 1:
            return
        sums = [tensor.detach().contiguous().view(torch.uint8).sum(dtype=torch.int64).cpu() for tensor in tensors]
        everyone = self.gather(torch.stack(sums).numpy())
        if differ := [rank for rank, theirs in enumerate(everyone) if (theirs != everyone[0]).any()]:
            raise AgentError(
                f"The weights of rank {', '.join(map(str, differ))} are no longer those of rank 0. Give all ranks the "
                f"same kind of machine and the same versions of torch, and no callback that changes weights. {AGAIN}"
            )

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Gives a context in which the first rank alone works, for which it is given True; the others wait at its end.

        What the first rank does in here must not need the others.
        """
        if self.size == 1 or _alone:
            yield True
            return
        _connected()  # first, so that the others can be told of an error
        if self.first:
            with _working_alone(), self.telling():
                yield True
        else:
            yield False
        self.wait()

    def lost(self, reason: str) -> AgentError:
        """Returns the error of a wait, by torch itself, that ended for want of another rank."""
        return _connected().error(reason)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Gives a context whose errors the other ranks are told, so that they can say why they stop."""
        try:
            yield
        except BaseException as error:
            if self.size > 1 and _link is not None:
                _link.tell(f"Rank {self.rank} stopped: {type(error).__name__}: {error}")
            raise


ONE = Ranks()
"""A process by itself."""

_alone = False
_link: _Link | None = None


@contextmanager
def _working_alone() -> Iterator[None]:
    global _alone
    _alone = True
    try:
        yield
    finally:
        _alone = False


class _Link:
    """The connection of this process to the other ranks: a process group for the CPU, and signs of life."""

    def __init__(self) -> None:
        self.world = dist.group.WORLD
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self.group: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
        # The one store that every launcher's group has; torch's own FSDP and elastic agents ask for it like this.
        self._store = dist.distributed_c10d.PrefixStore("textgym", dist.distributed_c10d._get_default_store())
        self._beats = dict.fromkeys(range(self.size), -1)
        self._heard = dict.fromkeys(range(self.size), time.monotonic())
        self._stop = threading.Event()
        self._cuda: list[Any] = []
        self.whole = True
        self._store.add(f"beat{self.rank}", 1)
        threading.Thread(target=self._beat, daemon=True, name="textgym-ranks").start()

    def close(self) -> None:
        """Ends the signs of life."""
        self._stop.set()

    def cuda_group(self) -> Any:
        """Returns the group that adds up tensors on GPUs; None where ranks share a GPU, which NCCL refuses."""
        if not self._cuda:
            own = torch.tensor(
                [_variable("LOCAL_WORLD_SIZE", self.size) > torch.cuda.device_count()], dtype=torch.int64
            )
            self.finish(dist.all_reduce(own, group=self.group, async_op=True))
            able = not int(own) and dist.is_nccl_available()
            self._cuda.append(dist.new_group(backend="nccl", timeout=PATIENCE) if able else None)
        return self._cuda[0]

    def finish(self, work: Any) -> None:
        """Waits until a collective is done.

        Raises:
            AgentError: If another rank has ended, or gives no sign of life.
        """
        begun = asked = time.monotonic()
        while not work.is_completed():
            now = time.monotonic()
            time.sleep(5e-5 if now - begun < 0.1 else 2e-3)  # short: a step of a small model takes milliseconds
            if now - asked > 1.0:
                asked = now
                if reason := self._lost():
                    # The collective never ends now, and torch would wait for it before it lets the process end.
                    atexit.register(_exit_at_once, work)
                    raise self.error(reason)
        try:
            work.wait()
        except RuntimeError as error:
            raise self.error(str(error).split(". This")[0]) from error

    def tell(self, message: str) -> None:
        """Leaves word for the other ranks of why this one stops."""
        self.whole = False
        try:
            self._store.compare_set("failed", "", message[:2000])  # the first word is the cause
        except RuntimeError:  # whoever keeps the store is gone
            return

    def error(self, reason: str) -> AgentError:
        """Returns the error that says why this rank stops: what another one told, if it did."""
        self.whole, told = False, self._told()
        if told:
            return AgentError(f"{told} Rank {self.rank} of {self.size} stops with it.")
        return AgentError(
            f"Another rank has ended or cannot be reached, so this one (rank {self.rank} of {self.size}) stops: "
            f"{reason}. {AGAIN}"
        )

    def _told(self) -> str:
        try:
            return self._store.get("failed").decode() if self._store.check(["failed"]) else ""
        except RuntimeError:
            return ""

    def _lost(self) -> str:
        """Says which rank gives no sign of life, or that one has failed; nothing where all is well."""
        if told := self._told():
            return told
        now = time.monotonic()
        try:
            for rank, before in self._beats.items():
                if rank != self.rank and (beats := self._store.add(f"beat{rank}", 0)) != before:
                    self._beats[rank], self._heard[rank] = beats, now
        except RuntimeError as error:
            return f"the process that keeps the ranks' store is gone ({error})"
        silent = [rank for rank, heard in self._heard.items() if rank != self.rank and now - heard > SILENCE]
        return f"rank {', '.join(map(str, silent))} gave no sign of life for {SILENCE:.0f} s" if silent else ""

    def _beat(self) -> None:
        while not self._stop.wait(BEAT):
            try:
                self._store.add(f"beat{self.rank}", 1)
            except RuntimeError:  # the main thread finds out, where it waits
                return


def _connected() -> _Link:
    """Returns the link to the other ranks, made anew where the process group is another one."""
    global _link
    if _alone:
        raise AgentError("The ranks were asked to work together while the first one works alone.")
    if _link is None or not dist.is_initialized() or _link.world is not dist.group.WORLD:
        if _link is not None:
            _link.close()
        if not dist.is_initialized():
            try:
                dist.init_process_group("gloo", timeout=RENDEZVOUS)
            except (RuntimeError, ValueError) as error:
                raise AgentError(
                    f"The ranks did not find each other at MASTER_ADDR={os.environ.get('MASTER_ADDR')}, "
                    f"MASTER_PORT={os.environ.get('MASTER_PORT')}: {error} Start all of them, by torchrun."
                ) from error
            atexit.register(_leave)
        _link = _Link()
    return _link


def _leave() -> None:
    if _link is not None:
        _link.close()
        if _link.whole and dist.is_initialized():  # a group that has lost a member may wait for it
            dist.destroy_process_group()


def _exit_at_once(work: Any) -> None:
    if not work.is_completed():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)


def _variable(name: str, default: int | None) -> int:
    text = os.environ.get(name, "" if default is None else str(default))
    try:
        return int(text)
    except ValueError:
        raise OptionError(
            f"{name} is a whole number that a launcher such as torchrun sets, as are RANK, WORLD_SIZE and LOCAL_RANK. "
            f"Actual value: {os.environ.get(name)!r}."
        ) from None
