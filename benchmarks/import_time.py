"""Seconds that ``import textgym`` takes in a fresh process, and whether it loads torch.

Run: python benchmarks/import_time.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

PROGRAM = """
import json, sys, time
start = time.perf_counter()
import textgym
print(json.dumps([time.perf_counter() - start, "torch" in sys.modules]))
"""

if __name__ == "__main__":
    runs = [
        json.loads(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout)
        for _ in range(9)
    ]
    seconds = [run[0] for run in runs]
    print(f"import textgym: median {statistics.median(seconds):.2f} s of {len(runs)}, torch loaded: {runs[0][1]}")
