"""Seconds until something happens: imports, the first environment, the first collection, the command line; and peers.

Each is timed inside a process of its own, in turn, from the first line of the program on; ``textgym --help`` from the
start of its process to its end, beside a Python that does nothing. Says also whether ``import textgym`` loads torch.

Run: python -m benchmarks startup        (TRL is timed where it is installed)
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import time

from measure import in_child, write

ROUNDS = 5
ENV_ID = "TextGen-Sentiment-v0"
PROGRAM = """
import json, sys, time
start = time.perf_counter()
times = {}
for name, lines in json.loads(sys.argv[1]).items():
    exec(lines)
    times[name] = time.perf_counter() - start
print(json.dumps([times, "torch" in sys.modules]))
"""
"""Runs stages one after the other and tells how long it took to the end of each."""

STAGES = {
    "textgym": {
        "import textgym": "import textgym",
        f"… gym.make({ENV_ID!r})": f"import gymnasium as gym; env = gym.make({ENV_ID!r})",
        "… first reset": "env.reset(seed=0)",
    },
    "textgym, training": {
        "from textgym.agents import PPO": "from textgym.agents import PPO",
        f"… PPO('tiny', {ENV_ID!r})": f"agent = PPO('tiny', {ENV_ID!r}, seed=0)",
        "… first collection": "agent.train = lambda: None; agent.learn(1)",
    },
    "gymnasium": {"import gymnasium, gym.make('CartPole-v1')": "import gymnasium as gym; gym.make('CartPole-v1')"},
    "stable_baselines3": {"import stable_baselines3": "import stable_baselines3"},
    "trl": {"from trl import RLOOTrainer": "from trl import RLOOTrainer"},
}
"""Programs, by name: their stages."""

COMMANDS = {
    "textgym --help": "from textgym.cli import main; main()",
    "python -c pass": "pass",
}


def command(code: str) -> float:
    """Returns the seconds that a whole process takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main(rounds: int) -> None:
    programs = {name: stages for name, stages in STAGES.items() if importlib.util.find_spec(name.split(",")[0])}
    seconds: dict[str, list[float]] = {}
    loads_torch = None
    for turn in range(rounds + 1):  # the first one fills the caches of the file system
        for name, stages in programs.items():
            times, torch_loaded = in_child(PROGRAM, json.dumps(stages))
            if name == "textgym":
                loads_torch = torch_loaded
            for stage, value in times.items() if turn else ():
                seconds.setdefault(stage, []).append(value)
        for name, code in COMMANDS.items():
            value = command(code)
            if turn:
                seconds.setdefault(name, []).append(value)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, median in medians.items():
        print(f"{name:45s} {median:7.2f} s [{min(seconds[name]):.2f}, {max(seconds[name]):.2f}]")
    print(f"import textgym and its first environment load torch: {loads_torch}")
    write("startup", unit="s", medians=medians, rounds=seconds, loads_torch=loads_torch)


if __name__ == "__main__":
    main(ROUNDS)
