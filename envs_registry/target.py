"""TextGen-Target: write exactly 我爱你。 with the characters 我 爱 你 。 as vocabulary.

**Asked**: the prompt is empty; the completion is to be ``我爱你。``. The smallest world of reinforcement learning for
text, small enough that every completion can be enumerated: 4⁴ = 256 of them, one of which is right. A uniform policy is
right once in 256 episodes; the best policy always.

**Data**: one row, the same in all splits; there is nothing to generalise to.

**Reward**: ``exact_match``, 1 for the target and 0 for anything else.

**Ending**: 4 characters. EOS also ends an episode, and earns 0; `action_masks` allows the four characters alone.

**Options**: none.

**What the reward misses**: nothing, and that is its difficulty: three right characters earn as little as none.
"""

from __future__ import annotations

from textgym.data import SPLITS, Row
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

CHARACTERS = "我爱你。"
TARGET = "我爱你。"

ENTRY = EnvEntry(
    id="TextGen-Target-v0",
    task="textgym.envs_registry.target:task",
    summary=f"Write exactly {TARGET} with four characters to choose from.",
    model="scratch",
    tags=("algorithmic", "masked"),
)


def task() -> Task:
    """Returns the task: one empty prompt, four tokens, reward 1 for the target and 0 for anything else."""
    tokenizer = CharTokenizer(CHARACTERS)
    return Task(
        name="Target",
        rows=dict.fromkeys(SPLITS, (Row("", (TARGET,)),)),
        tokenizer=tokenizer,
        reward=make("exact_match"),
        gold="success",
        max_prompt_tokens=1,
        max_new_tokens=len(TARGET),
        allowed_tokens=tuple(tokenizer.encode(CHARACTERS)),
        success_threshold=1.0,
    )
