"""Seconds of one iteration for models and clusters that we do not have: arithmetic, printed as a Markdown table.

Nothing is timed here. What enters: published figures of one kind of GPU and of three models, the share of the peak that
large matrix products are expected to reach, and the two costs of our own loop that do not shrink with the hardware,
measured on a CPU with a model so small that a step is nothing else. Used by docs/scaling.md, which says what follows.

Run: python -m benchmarks scaling_plan
"""

from __future__ import annotations

import math
from typing import NamedTuple

FLOPS, BANDWIDTH, MEMORY = 989e12, 3.35e12, 80e9
"""NVIDIA H100 SXM, from its data sheet: dense bfloat16 operations a second, bytes a second, bytes."""
NVLINK, NETWORK = 450e9, 50e9
"""Bytes a second and direction of a GPU within a node of 8, and between nodes (400 Gb/s)."""
UPDATE_SHARE, BANDWIDTH_SHARE = 0.4, 0.8
"""Of the peak: what the update is expected to reach in arithmetic, and decoding in bandwidth."""
HOST_A_LAYER, HOST_A_STEP = 1e-4, 1.5e-3
"""Seconds that our loop needs for the dispatch of a layer, and for sampling, environment and records of a step."""
TRAINING_BYTES = 16
"""A weight that learns: 2 as bfloat16, 2 of gradient, 12 of float32 master and AdamW's two moments."""
NODE = 8
PROMPT, COMPLETION = 256, 512
ROWS_A_GPU = 32
"""Completions a GPU and iteration, where the batch may grow with the cluster."""


class Model(NamedTuple):
    """What the arithmetic needs to know of a decoder-only model."""

    parameters: float
    layers: int
    cell: int
    """Bytes of the keys and values of a token, bfloat16."""


MODELS = {
    "1B": Model(1.24e9, 16, 16 * 2 * 8 * 64 * 2),  # Llama 3.2 1B
    "7B": Model(7.25e9, 32, 32 * 2 * 8 * 128 * 2),  # Mistral 7B
    "70B": Model(70.6e9, 80, 80 * 2 * 8 * 128 * 2),  # Llama 3 70B
}


class Plan(NamedTuple):
    """One iteration of PPO with one epoch and a frozen reference; seconds, but the first two."""

    shards: int
    """GPUs that hold one copy of what is trained."""
    rows: int
    """Completions of the iteration."""
    decoding: float
    host: float
    update: float
    exchange: float

    @property
    def total(self) -> float:
        """Seconds of the iteration, one part after the other."""
        return self.decoding + self.host + self.update + self.exchange


def plan(model: Model, gpus: int) -> Plan | None:
    """Returns what an iteration costs, or None where the model does not fit."""
    needed = TRAINING_BYTES * model.parameters + 2 * model.parameters  # and the reference
    shards = 2 ** math.ceil(math.log2(max(1.0, needed / (0.8 * MEMORY))))
    if shards > gpus:
        return None
    rows = ROWS_A_GPU * gpus
    # Decoding: weights lie whole in as few GPUs as hold them, and every step reads them once for all rows there.
    readers = 2 ** math.ceil(math.log2(max(1.0, 2 * model.parameters / (0.5 * MEMORY))))
    together = rows * readers // gpus
    cache = together * (PROMPT + COMPLETION / 2) * model.cell
    read = (2 * model.parameters + cache) / (readers * BANDWIDTH * BANDWIDTH_SHARE)
    compute = 2 * model.parameters * together / (readers * FLOPS * UPDATE_SHARE)
    decoding = COMPLETION * max(read, compute)
    host = COMPLETION * (HOST_A_LAYER * model.layers + HOST_A_STEP)
    tokens = rows * (PROMPT + COMPLETION)
    update = (6 + 2) * model.parameters * tokens / (gpus * FLOPS * UPDATE_SHARE)  # and a pass of the reference
    # Weights are gathered twice and gradients scattered once over the shards; then shards average among themselves.
    speed = NVLINK if gpus <= NODE else NETWORK
    exchange = (3 if shards > 1 else 0) * 2 * model.parameters / (NVLINK if shards <= NODE else NETWORK)
    if gpus > shards:
        exchange += 2 * 2 * model.parameters / shards / speed
    return Plan(shards, rows, decoding, host, update, exchange)


def table() -> str:
    """Returns the plans as Markdown."""
    lines = [
        "| model | GPUs | GPUs a copy | completions | decoding | host | update | exchange | tokens a second |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, model in MODELS.items():
        for gpus in (1, 8, 64, 1024):
            found = plan(model, gpus)
            if found is None:
                lines.append(f"| {name} | {gpus:,} | does not fit | | | | | | |")
                continue
            seconds = (f"{part:.1f} s" for part in (found.decoding, found.host, found.update, found.exchange))
            rate = found.rows * COMPLETION / found.total
            lines.append(
                f"| {name} | {gpus:,} | {found.shards} | {found.rows:,} | {' | '.join(seconds)} | {rate:,.0f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
