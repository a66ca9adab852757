"""Where one iteration of PPO goes, by groups of operators, for both sizes, on one thread and on all; before and after.

torch.profiler gives the time that each operator itself took, without the operators that it calls; what is left of the
wall-clock time, and no operator's, is Python's. Groups:

- head and sampling: whatever reads something as wide as the vocabulary, the loss over it included
- linear: the other matrix products with weights
- attention: scaled dot products, or the batched products and the softmax in their place
- cache writes: indexed writes during collection
- norms, elementwise: layer norms, gelu, sums, products
- copies, indexing: gathers, concatenations, changes of type or place
- autograd: dispatch of the backward pass
- optimizer: all that its step calls
- environment: `step` and `reset`, rewards included
- Python: the rest

The profiler slows what has many small operators: the shares are its own, the seconds are without it.

Run: python -m benchmarks iteration_profile
     python -m benchmarks iteration_profile --path CHECKOUT    profiles that code too, as "before"; it may be a folder
                                                               that `git worktree add` made
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import write, write_text

GROUPS = (
    "linear",
    "attention",
    "head and sampling",
    "cache writes",
    "norms, elementwise",
    "copies, indexing",
    "autograd",
    "optimizer",
    "environment",
    "Python",
)
PHASES = ("collection", "update")
REPEATS = 3

LINEAR = ("addmm", "mm", "linear", "_linear_pointwise", "mkldnn_linear", "matmul")
ATTENTION = ("bmm", "baddbmm", "_softmax", "softmax", "_softmax_backward_data")
WRITES = ("index_copy_", "index_put_", "_index_put_impl_", "scatter_", "slice_scatter")
COPIES = (
    "cat", "copy_", "to", "_to_copy", "clone", "contiguous", "index", "index_select", "index_copy", "index_add_",
    "gather", "embedding", "embedding_dense_backward", "nonzero", "slice", "slice_backward", "select", "view",
    "reshape", "squeeze", "unsqueeze", "permute", "transpose", "t", "expand", "as_strided", "empty", "empty_like",
    "empty_strided", "zeros", "zero_", "new_zeros", "fill_", "resize_", "unbind", "split", "chunk", "detach",
    "lift_fresh", "item", "_local_scalar_dense",
)  # fmt: skip


def group_of(event: Any, phase: str, vocab_size: int) -> str:
    """Returns the group of an event of torch.profiler, which knows its parents and the shapes that it reads."""
    parent = event
    while parent is not None:
        if parent.name.startswith("Optimizer.step"):
            return "optimizer"
        if parent.name == "environment":
            return "environment"
        parent = parent.cpu_parent
    name = event.name.partition("::")[2] or event.name
    if event.name.startswith("autograd::") or event.name.endswith(("Backward0", "Backward1", "AccumulateGrad")):
        return "autograd"
    shapes = [shape for shape in event.input_shapes or [] if isinstance(shape, list)]
    if "embedding" not in name and any(vocab_size in shape or vocab_size + 1 in shape for shape in shapes):
        return "head and sampling"
    if name in ("searchsorted", "rand", "uniform_", "multinomial"):
        return "head and sampling"
    if name in LINEAR:
        return "linear"
    if name in ATTENTION or "scaled_dot_product" in name or "flash_attention" in name:
        return "attention"
    if phase == "collection" and name in WRITES:
        return "cache writes"
    return "copies, indexing" if name in COPIES or name in WRITES else "norms, elementwise"


def profile(work: Callable[[], object], phase: str, vocab_size: int) -> dict[str, Any]:
    """Returns the seconds of ``work`` without the profiler, and with it the shares of `GROUPS` and of operators."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    work()
    plain = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        plain.append(time.perf_counter() - start)
    with profiler(activities=[ProfilerActivity.CPU], record_shapes=True) as found:
        start = time.perf_counter()
        work()
        wall = time.perf_counter() - start
    groups, operators = dict.fromkeys(GROUPS, 0.0), defaultdict(float)
    for event in found.events():
        seconds = event.self_cpu_time_total / 1e6
        group = group_of(event, phase, vocab_size)
        groups[group] += seconds
        operators[f"{group}: {event.name}"] += seconds
    groups["Python"] = max(0.0, wall - sum(groups.values()))
    dearest = sorted(operators.items(), key=lambda item: -item[1])[:12]
    return {
        "seconds": min(plain),
        "seconds_profiled": wall,
        "shares": {name: seconds / wall for name, seconds in groups.items()},
        "dearest": {name: seconds / wall for name, seconds in dearest},
    }


def mark_environment(env: Any) -> None:
    """Marks what an environment does, so that the profiler tells it apart."""
    import torch

    for name in ("step", "reset"):
        plain = getattr(env, name)

        def marked(*args: Any, _plain: Any = plain, **kwargs: Any) -> Any:
            with torch.profiler.record_function("environment"):
                return _plain(*args, **kwargs)

        setattr(env, name, marked)


def profiles(sizes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Returns the profiles of the textgym that this process imports, by size, threads and phase."""
    import torch
    from reference_work import SIZES, agent
    from update import EPOCH, MINIBATCH

    from textgym import agents

    everything, found = torch.get_num_threads(), {}
    for name, size in (sizes or SIZES).items():
        for threads in sorted({1, everything}):
            torch.set_num_threads(threads)
            phases = agent(agents.PPO, size, batch_size=MINIBATCH[name], **EPOCH)
            mark_environment(phases.agent.env)
            work = dict(zip(PHASES, (phases.collect, phases.update), strict=True))
            found[f"{name}, {threads} thread{'s' * (threads > 1)}"] = {
                phase: profile(job, phase, size.vocab_size) for phase, job in work.items()
            }
    return {"code": str(Path(agents.__file__).parent.resolve()), "profiles": found}


def profiles_of(checkout: Path) -> dict[str, Any]:
    """Returns the profiles of another checkout's textgym, made by this program.

    A checkout has its packages side by side, so a folder is put together in which they lie as they are imported.
    """
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder, "textgym")
        package.mkdir()
        for path in (*(checkout / "textgym").iterdir(), checkout / "agents", checkout / "envs_registry"):
            (package / path.name).symlink_to(path.resolve())
        command = [sys.executable, __file__, "--only"]
        places = os.pathsep.join([folder, *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.run(
            command, env=os.environ | {"PYTHONPATH": places}, stdout=subprocess.PIPE, check=True, text=True
        )
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    if not Path(result["code"]).is_relative_to(checkout.resolve()):
        raise RuntimeError(f"The code of {checkout} was to be profiled. Actual code: {result['code']}.")
    return result


def markdown(versions: dict[str, dict[str, Any]]) -> str:
    """Returns a table for each size and number of threads: milliseconds by group and phase, now and before."""
    lines = []
    for work in versions["now"]:
        columns = [(version, phase) for phase in PHASES for version in reversed(versions)]
        names = [f"{phase}, {version}" if len(versions) > 1 else phase for version, phase in columns]
        lines += [f"### {work}", "", f"| ms of one iteration | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
        cells = [versions[version][work][phase] for version, phase in columns]
        for group in GROUPS:
            values = (f"{1000 * cell['seconds'] * cell['shares'][group]:.1f}" for cell in cells)
            lines.append(f"| {group} | {' | '.join(values)} |")
        totals = (f"{1000 * cell['seconds']:.1f}" for cell in cells)
        lines += [f"| **all** | {' | '.join(totals)} |", ""]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, help="a checkout to profile as well, as it was before")
    parser.add_argument("--only", action="store_true", help="print the profiles of this process as JSON, write nothing")
    options = parser.parse_args(arguments)
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # torch's profiler tells of every start, and of a missing GPU
    if options.only:
        print(json.dumps(profiles()))
        return
    versions = {"now": profiles()["profiles"]}
    if options.path is not None:
        versions["before"] = profiles_of(options.path)["profiles"]
    text = markdown(versions)
    print(text)
    write("iteration_profile", versions_of_the_code=versions)
    write_text("iteration_profile.md", text)


if __name__ == "__main__":
    main()
