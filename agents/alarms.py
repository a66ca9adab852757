"""Signs that a run is going wrong, watched from rollout to rollout."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .episodes import Episodes

BASELINE = 3
"""Rollouts at the start whose mean is what later ones are compared with."""

PATIENCE = 5
"""Rollouts in a row in which a sign must show before its alarm goes off."""

NGRAM = 4


class AlarmWarning(UserWarning):
    """A run shows a sign of going wrong; the message says which, and what to do."""


@dataclass(frozen=True)
class Measures:
    """What a rollout shows.

    Attributes:
        kl: Mean of log π − log π_ref over the tokens drawn, in nat, or None without a reference.
        kl_error: Standard error of that mean.
        entropy: Of the policy, in nat a token.
        length: Mean tokens of a completion.
        cut: Share of the episodes that ended by the token budget.
        repetition: Mean share of repeated n-grams, see `repetition`; None where completions are too short to tell.
        reward: Mean reward of an episode.
        best, worst: Highest and lowest reward of an episode.
        zero_variance_groups: Share of the groups whose episodes all earned the same, or None where there are no groups.
    """

    kl: float | None
    kl_error: float
    entropy: float
    length: float
    cut: float
    repetition: float | None
    reward: float
    best: float
    worst: float
    zero_variance_groups: float | None


class Alarms:
    """Watches the rollouts of a run; each alarm goes off after `PATIENCE` rollouts in a row that show its sign.

    "At the start" is the mean of the first `BASELINE` rollouts. A policy *has arrived* when its mean reward lies within
    a tenth of the range of rewards seen so far from the best: then little entropy, or nothing left to learn, is what
    success looks like. A reward that is pushed too far looks like that as well; it takes a metric that is not the
    trained reward to tell.

    - ``negative_kl``: the estimate of the KL to the reference lies more than two standard errors, and 0.001 nat, below
      zero. A divergence is never negative: tokens are drawn from another law than they are scored by.
    - ``entropy_collapse``: the entropy is below a twentieth of what it was at the start, and the policy has not
      arrived.
    - ``length_growth``: nine episodes of ten end by the token budget, and completions are half as long again as at the
      start.
    - ``repetition``: more than half of the 4-grams of a completion have come before in it, and 0.25 more than at the
      start.
    - ``zero_variance_groups``: in no group does any episode earn more than another, and the policy has not arrived.
    """

    def __init__(self) -> None:
        self._rollouts = 0
        self._start = {"entropy": 0.0, "length": 0.0, "repetition": 0.0}
        self._streaks = dict.fromkeys(ADVICE, 0)
        self._told: list[str] = []
        self._best, self._worst = -np.inf, np.inf

    def update(self, measures: Measures) -> dict[str, float]:
        """Returns 1.0 for each alarm that is on, else 0.0, and warns of one the first time that it goes off."""
        self._best, self._worst = max(self._best, measures.best), min(self._worst, measures.worst)
        self._rollouts += 1
        if self._rollouts <= BASELINE:
            for name in self._start:
                self._start[name] += (getattr(measures, name) or 0.0) / BASELINE
        signs = self._signs(measures)
        on = {}
        for name, shown in signs.items():
            self._streaks[name] = self._streaks[name] + 1 if shown else 0
            on[name] = float(self._streaks[name] >= PATIENCE)
            if on[name] and name not in self._told:
                self._told.append(name)
                warnings.warn(ADVICE[name].format(m=measures, start=self._start), AlarmWarning, stacklevel=2)
        return on

    def _signs(self, m: Measures) -> dict[str, bool]:
        spread = self._best - self._worst
        arrived = spread > 0 and m.reward >= self._best - 0.1 * spread
        settled, start = self._rollouts > BASELINE, self._start
        return {
            "negative_kl": m.kl is not None and m.kl < -max(2 * m.kl_error, 1e-3),
            "entropy_collapse": settled and m.entropy < 0.05 * start["entropy"] and not arrived,
            "length_growth": settled and m.cut >= 0.9 and m.length >= 1.5 * start["length"],
            "repetition": settled and m.repetition is not None and m.repetition > max(0.5, start["repetition"] + 0.25),
            "zero_variance_groups": m.zero_variance_groups is not None and m.zero_variance_groups >= 1 and not arrived,
        }

    def state_dict(self) -> dict[str, Any]:
        """Returns what has been seen, as JSON."""
        seen = self._rollouts > 0
        return {
            "rollouts": self._rollouts,
            "start": dict(self._start),
            "streaks": dict(self._streaks),
            "told": list(self._told),
            "range": [self._worst, self._best] if seen else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        self._rollouts = state["rollouts"]
        self._start, self._streaks = dict(state["start"]), dict(state["streaks"])
        self._told = list(state["told"])
        if state["range"] is not None:
            self._worst, self._best = state["range"]


ADVICE = {
    "negative_kl": (
        "The KL to the reference was estimated at {m.kl:.3g} nat a token, which no divergence can be. Tokens are drawn "
        "from another law than they are scored by: look for a model that is not in eval(), or whose weights changed "
        "while tokens were drawn."
    ),
    "entropy_collapse": (
        "The entropy has fallen to {m.entropy:.2g} nat a token, from {start[entropy]:.2g} at the start, and the reward "
        "is not yet near the best that was seen: the policy has nearly stopped to try anything. Lower learning_rate, "
        "raise ent_coef or kl_coef, and go on from an earlier checkpoint."
    ),
    "length_growth": (
        "{m.cut:.0%} of the completions are cut off by the token budget, and their mean length has grown from "
        "{start[length]:.3g} to {m.length:.3g} tokens: the reward may pay for length. Give "
        "regularisation={{'missing_eos_reward': …}}, or take length out of the reward."
    ),
    "repetition": (
        "{m.repetition:.0%} of the 4-grams of a completion repeat earlier ones, against {start[repetition]:.0%} at the "
        "start: the reward may pay for repetition. Read some completions; then raise kl_coef, or subtract a penalty of "
        "repetition from the reward."
    ),
    "zero_variance_groups": (
        "In the last rollouts all samples of each prompt earned the same reward, {m.reward:.3g} on average, so nothing "
        "was learnt from them. Take more samples a prompt (n_samples), easier prompts, or a reward with more levels."
    ),
}
"""What each alarm says."""


def repetition(episodes: Episodes, n: int = NGRAM) -> float | None:
    """Returns the mean share of n-grams of a completion that have come before in it, in [0, 1].

    1 − distinct n-grams / n-grams, of the tokens that the policy chose, over completions with at least two n-grams;
    None where there is no such completion.

    Source: "seq-rep-n" of Welleck et al. 2020, arXiv:1908.04319 §6.
    """
    tokens = episodes.input_ids[episodes.response_mask]
    owners = np.repeat(np.arange(len(episodes.lengths)), episodes.response_mask.sum(1))
    if len(tokens) < n:
        return None
    whole = owners[: len(owners) - n + 1] == owners[n - 1 :]  # n-grams within one completion
    owners, grams = owners[: len(whole)][whole], np.lib.stride_tricks.sliding_window_view(tokens, n)[whole]
    order = np.lexsort((*grams.T, owners))
    owners, grams = owners[order], grams[order]
    new = np.ones(len(owners), bool)
    new[1:] = (owners[1:] != owners[:-1]) | (grams[1:] != grams[:-1]).any(1)
    totals = np.bincount(owners, minlength=1)
    distinct = np.bincount(owners, weights=new, minlength=1)
    told = totals >= 2
    return float(np.mean(1 - distinct[told] / totals[told])) if told.any() else None
