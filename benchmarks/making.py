"""Seconds that ``gym.make`` takes for each id, in a fresh process and again in the same one; torch's import aside.

Run: python benchmarks/making.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import textgym
from textgym.evaluation.versions import machine, versions

RESULT = Path(__file__).parent / "results" / "making.json"
RUNS = 3
PROGRAM = """
import json, sys, time
start = time.perf_counter()
import gymnasium as gym, textgym
times = [time.perf_counter() - start]
for _ in range(2):
    start = time.perf_counter()
    gym.make(sys.argv[1]).reset(seed=0)
    times.append(time.perf_counter() - start)
print(json.dumps(times))
"""

if __name__ == "__main__":
    seconds = {}
    for env_id in textgym.entries():
        runs = [
            json.loads(subprocess.run([sys.executable, "-c", PROGRAM, env_id], capture_output=True, check=True).stdout)
            for _ in range(RUNS)
        ]
        names = ("import", "first", "again")
        seconds[env_id] = {name: statistics.median(run[i] for run in runs) for i, name in enumerate(names)}
        print(env_id, {name: round(value, 3) for name, value in seconds[env_id].items()}, flush=True)
    result = {"benchmark": "making", "unit": "s", "runs": RUNS, "medians": seconds}
    result |= {"versions": versions(), "machine": machine()}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name in ("first", "again"):
        worst = max(seconds, key=lambda env_id: seconds[env_id][name])
        print(f"slowest {name}: {worst}, {seconds[worst][name]:.2f} s")
