"""The audit of a reward: what it must score low, that it is the same twice, that it stays in range, and how fast it is.

A policy finds what a reward overrates. The audit tries the oldest finds on it: saying nothing, copying the prompt,
repeating a word, piling up keywords, listing every answer, rambling, and characters that nobody writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textgym import tokenizers

from .base import Reward
from .examples import Examples

RAMBLE = " and then they went to see what the other one of them had to do with it" * 4
STRANGE = " ☃\ufffd日本語 ¤¶ \u0007☃☃"

KINDS: Mapping[str, Callable[[Examples], list[str]]] = {
    "empty": lambda rows: [""] * len(rows.prompts),
    "eos_first": lambda rows: [""] * len(rows.prompts),
    "copied_prompt": lambda rows: [f" {prompt}" for prompt in rows.prompts],
    "repeated_word": lambda rows: [f" {rows.bait()[0]}" * 14] * len(rows.prompts),
    "keyword_spam": lambda rows: [" " + " ".join(rows.bait())] * len(rows.prompts),
    "all_labels": lambda rows: [" " + ", ".join(_answers(rows))] * len(rows.prompts),
    "max_length": lambda rows: [RAMBLE] * len(rows.prompts),
    "unsupported_characters": lambda rows: [STRANGE] * len(rows.prompts),
}
"""Bad completions of each row of the examples, by what is bad about them."""

SILENT = ("empty", "eos_first")
ODD = ("\n", ".", "a", "\ud7ff\x00", "1 2", "😀")
TIMED_ROWS = 64
TOLERANCE = 1e-4
"""Between a text alone and in a batch: the last bits of a network depend on the batch."""


@dataclass(frozen=True)
class Finding:
    """What a kind of bad completion earned.

    Attributes:
        kind: One of `KINDS`.
        gold: Mean score of the good completions.
        bad: Mean score of the bad ones.
        below: Whether the bad ones score worse, on the mean; silent ones on every row.
        declared: Whether the reward says of itself that it cannot see this kind (`Reward.gameable_by`).
    """

    kind: str
    gold: float
    bad: float
    below: bool
    declared: bool

    @property
    def passed(self) -> bool:
        """Whether the reward sees the kind, or says that it does not."""
        return self.below or (self.declared and self.kind not in SILENT)

    @property
    def complaint(self) -> str:
        """What is wrong where it did not pass, as a clause."""
        return f"{self.kind} scores {self.bad:.4g}, good completions {self.gold:.4g}"


@dataclass(frozen=True)
class Audit:
    """What the audit found of a reward.

    Attributes:
        reward: Its expression.
        findings: One a kind of bad completion.
        faults: Broken promises, each a clause: a score outside the range, two calls that differ, a batch that
            differs from its rows.
        per_second: Completions scored a second, in one batch of new texts.
    """

    reward: str
    findings: tuple[Finding, ...]
    faults: tuple[str, ...]
    per_second: float

    @property
    def passed(self) -> bool:
        """Whether nothing is broken and every kind is seen or declared."""
        return not self.faults and not self.missed

    @property
    def missed(self) -> list[Finding]:
        """The kinds of bad completion that are neither seen nor declared."""
        return [finding for finding in self.findings if not finding.passed]


def audit(reward: Reward, examples: Examples | None = None) -> Audit:
    """Audits a reward on examples of what it should like.

    Args:
        reward: It is scored with ``update=False``, as in evaluation.
        examples: None takes the reward's own.

    Raises:
        RewardError: If it cannot be scored.
    """
    rows = reward.examples if examples is None else examples
    sign = 1 if reward.higher_is_better else -1
    gold = _score(reward, rows, rows.completions)
    findings, faults = [], []
    low, high = reward.range
    tried = {"gold": list(rows.completions), **{kind: make(rows) for kind, make in KINDS.items()}}
    tried["odd"] = [ODD[i % len(ODD)] for i in range(len(rows.prompts))]
    for kind, completions in tried.items():
        bad = _score(reward, rows, completions, eos=kind == "eos_first")
        again = _score(reward, rows, completions, eos=kind == "eos_first")
        if not np.array_equal(bad, again):
            faults.append(f"two calls on the same texts ({kind}) differ")
        if bad.min() < low or bad.max() > high:
            faults.append(
                f"scores of {kind} from {bad.min():.6g} to {bad.max():.6g} leave the range [{low:g}, {high:g}]"
            )
        if kind in KINDS:
            better = sign * gold > sign * bad
            below = bool(better.all()) if kind in SILENT else bool((sign * gold).mean() > (sign * bad).mean())
            findings.append(Finding(kind, float(gold.mean()), float(bad.mean()), below, kind in reward.gameable_by))
    faults += _apart(reward, rows, gold)
    return Audit(repr(reward), tuple(findings), tuple(faults), _throughput(reward, rows))


def _answers(rows: Examples) -> list[str]:
    """Every distinct reference of the examples, in order."""
    return list(dict.fromkeys(text.strip() for texts in rows.rows()["references"] for text in texts))


def _score(reward: Reward, rows: Examples, completions: Sequence[str], eos: bool = False) -> np.ndarray:
    return reward.score(rows.prompts, completions, **_columns(rows, completions, eos)).total


def _columns(rows: Examples, completions: Sequence[str], eos: bool = False) -> dict[str, Any]:
    """What an environment with the shipped tokenizer would give for these completions."""
    tokenizer = tokenizers.load("tiny")
    end = [tokenizer.eos_id] if eos else []
    return {
        **rows.rows(),
        "tokenizer": tokenizer,
        "prompt_ids": [[tokenizer.bos_id, *tokenizer.encode(prompt)] for prompt in rows.prompts],
        "completion_ids": [tokenizer.encode(text) + end for text in completions],
        "finish_reason": ["eos" if eos else "length"] * len(completions),
    }


def _apart(reward: Reward, rows: Examples, batch: np.ndarray) -> list[str]:
    """Scores each row alone and says where that differs from the batch."""
    columns = _columns(rows, rows.completions)
    faults = []
    for i, (prompt, completion) in enumerate(zip(rows.prompts, rows.completions, strict=True)):
        alone: dict[str, Any] = {
            name: [values[i]] if isinstance(values, list) else values for name, values in columns.items()
        }
        score = reward.score([prompt], [completion], **alone).total[0]
        if not np.isclose(score, batch[i], rtol=TOLERANCE, atol=TOLERANCE):
            faults.append(f"{completion[:40]!r} scores {score:.6g} alone and {batch[i]:.6g} in a batch")
    return faults


def _throughput(reward: Reward, rows: Examples) -> float:
    picked = [i % len(rows.prompts) for i in range(TIMED_ROWS)]
    many = Examples(
        tuple(rows.prompts[i] for i in picked),
        tuple(f"{rows.completions[i]} {k}" for k, i in enumerate(picked)),  # new texts: none is remembered
        {name: tuple(values[i] for i in picked) for name, values in rows.rows().items()},
    )
    columns = _columns(many, many.completions)
    start = time.perf_counter()
    reward.score(many.prompts, many.completions, **columns)
    return TIMED_ROWS / (time.perf_counter() - start)
