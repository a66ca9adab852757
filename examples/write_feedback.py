"""Writes a file of feedback: messages of customers, labelled with the mood of whoever wrote them.

Your own file may have ratings or preferences instead; `textgym reward-model train` reads either. These messages are
made by the grammar that ships, and one label in twelve is wrong, as some of people's are; the reward model that ships
with textgym learnt from people's labels.

Run: python examples/write_feedback.py feedback.csv
"""

import csv
import random
import sys
from pathlib import Path

from textgym.assets.grammar import documents

ROWS = 2000
MOODS = ("negative", "neutral", "positive")

if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "feedback.csv")
    rng = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "label"])
        for text, mood in documents(ROWS, seed=1):
            writer.writerow([text, rng.choice(MOODS) if rng.random() < 1 / 8 else mood])
    print(f"{ROWS} rows written to {path}")
