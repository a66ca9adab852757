"""The table of what speed must reach, from the results that are there: goal, median ratio, spread, machine.

A ratio is the median of the ratios of the rounds; the spread is the lowest and the highest of them. A result that has
not been made is shown as missing. Writes results/speed.md.

Run: python -m benchmarks table
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from measure import RESULTS, ratios, write_text

MISSING = "missing"


class Row(NamedTuple):
    """A line of the table.

    Attributes:
        what: What is measured.
        goal: What it is to reach, as the table says it; empty where it is only reported.
        result: Name of the file in ``results/``.
        values: Of that file's content, the number of every round.
        unit: How a number is written.
    """

    what: str
    goal: str
    result: str
    values: Callable[[dict[str, Any]], Sequence[float]]
    unit: str = "{:.2f} ×"


def ratio(job: str, peer: str) -> Callable[[dict[str, Any]], list[float]]:
    """Returns what finds the ratios of two jobs in a result."""
    return lambda content: ratios(content["rounds"], job, peer)


def floor_share(job: str, dtype: str) -> Callable[[dict[str, Any]], list[float]]:
    """Returns what finds the part of the floor that a job reaches."""
    return lambda content: [
        rate / content["settings"]["floor_tokens_per_second"][dtype] for rate in content["rounds"][job]
    ]


def _sized(size: str, iteration: str, share: str) -> list[Row]:
    """The rows of one size of model; the goals are those on which the sizes differ."""
    rows = [
        Row("collection against `generate`", "≥ 3.0 ×", f"collection_{size}", ratio("textgym", "generate")),
        Row("the same, both in bfloat16", "", f"collection_{size}", ratio("textgym, bfloat16", "generate, bfloat16")),
        Row("collection against stock SB3", "≥ 20 ×", f"collection_{size}", ratio("textgym", "stock SB3")),
        Row("collection, share of the floor", "", f"collection_{size}", floor_share("textgym", "float32"), "{:.0%}"),
        Row("update against stock SB3, same dtype", "≥ 45 ×", f"update_{size}", ratio("textgym", "stock SB3")),
        Row("update against stock SB3, bfloat16", "≥ 60 ×", f"update_{size}", ratio("textgym, bfloat16", "stock SB3")),
        Row(
            "update, share of the floor, float32", share, f"update_{size}", floor_share("textgym", "float32"), "{:.0%}"
        ),
        Row(
            "update, share of the floor, bfloat16",
            "",
            f"update_{size}",
            floor_share("textgym, bfloat16", "bfloat16"),
            "{:.0%}",
        ),
    ]
    for reference in ("", "_reference"):
        for algorithm in ("RLOO", "GRPO"):
            for dtype in ("", ", bfloat16"):
                what = f"iteration, {algorithm}{dtype}, against TRL's{', both with a reference' * bool(reference)}"
                names = f"textgym {algorithm}{dtype}", f"TRL {algorithm}{dtype}"
                rows.append(Row(what, iteration, f"iteration_{size}{reference}", ratio(*names)))
    against_sb3 = ratio("textgym PPO", "stock SB3 PPO")
    rows.append(Row("iteration, PPO, against stock SB3's", "≥ 50 ×", f"iteration_{size}", against_sb3))
    return [row._replace(what=f"{size}: {row.what}") for row in rows]


def _doubling(phase: str) -> Callable[[dict[str, Any]], list[float]]:
    return lambda content: content["doubling"][phase]


ROWS = [
    *_sized("tiny", "≥ 4.0 ×", ""),
    *_sized("small", "≥ 3.0 ×", "≥ 50%"),
    Row("tiny: time to the demo's reward, TRL's RLOO over ours", "≥ 5.0 ×", "time_to_reward", lambda c: c["ratios"]),
    *(
        Row(
            f"environment alone, 64 rows, {name.capitalize()}, steps a second",
            "≥ 2,000,000",
            f"env_steps_{name}",
            lambda content: content["rounds"]["native"],
            "{:,.0f}",
        )
        for name in ("numbers", "sentiment", "target")
    ),
    Row("doubling the tokens of an episode, collection", "≤ 2.30 ×", "scaling", _doubling("collection")),
    Row("doubling the tokens of an episode, update", "≤ 2.30 ×", "scaling", _doubling("update")),
    Row(
        "SmolLM2-135M, PPO on 16 episodes of 32 tokens, peak of the process",
        "≤ 12 GiB",
        "memory",
        lambda content: list((content.get("smollm2") or {}).values()),
        "{:.1f} GiB",
    ),
]


def table(folder: Path) -> str:
    """Returns the table of the results in a folder, as Markdown."""
    lines = ["| what | goal | median | lowest–highest | machine |", "|---|---:|---:|---:|---|"]
    for row in ROWS:
        path = folder / f"{row.result}.json"
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        try:
            values = row.values(content)
        except KeyError:  # not made, or by an older program
            values = []
        if not values:
            lines.append(f"| {row.what} | {row.goal} | {MISSING} | | `python -m benchmarks {_program(row.result)}` |")
            continue
        number = row.unit.split(" ")[0]
        spread = f"{number.format(min(values))}–{number.format(max(values))}"
        median = row.unit.format(statistics.median(values))
        lines.append(f"| {row.what} | {row.goal} | {median} | {spread} | {_machine(content['machine'])} |")
    return "\n".join(lines) + "\n"


def _program(result: str) -> str:
    names = [path.stem for path in Path(__file__).parent.glob("*.py")]
    return max((name for name in names if result.startswith(name)), key=len)


def _machine(machine: dict[str, Any]) -> str:
    threads = machine["torch_threads"]
    return f"{machine['cpu']}, {machine['cores']} cores, {threads} thread{'s' * (threads != 1)}"


def main() -> None:
    text = table(RESULTS)
    print(text)
    write_text("speed.md", text)


if __name__ == "__main__":
    main()
