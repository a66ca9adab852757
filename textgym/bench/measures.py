"""What the bench measures of a cell beyond its report: diversity, fluency, and the gap between proxy and gold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from textgym import rewards
from textgym.evaluation import scoring, statistics
from textgym.evaluation.report import Episode, Metric, Report
from textgym.rewards.fluency import Fluency
from textgym.rewards.form import words
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

LANGUAGE_MODEL = "tiny"
"""What ``completion_perplexity`` is measured under; it is frozen, and ships with textgym."""

MAX_ORDER = 4
"""Longest n-grams of `self_bleu`."""

RANDOM, ORACLE = "random", "oracle"
"""Agents whose registered scores are the marks 0 and 1."""


class Marks(NamedTuple):
    """What scores are normalised by.

    Attributes:
        zero: What random tokens score.
        one: What the oracle scores.
    """

    zero: float
    one: float

    def normalised(self, metric: Metric) -> Metric:
        """Returns (x − zero) / (one − zero); the marks count as known, so its interval is the metric's own."""
        low, high = sorted((self.at(metric.low), self.at(metric.high)))  # a mark below zero's turns them around
        return Metric(self.at(metric.mean), low, high, metric.kind)

    def at(self, value: float) -> float:
        """Returns one number normalised."""
        return (value - self.zero) / (self.one - self.zero)


def marks(scores: Mapping[str, Mapping[str, float]], name: str) -> Marks | None:
    """Returns the marks of a score, or None where they are not registered, or are one number.

    Args:
        scores: `textgym.registry.EnvEntry.scores`.
        name: ``"reward"``, ``"success"`` or ``"gold"``.
    """
    zero, one = (scores.get(agent, {}).get(name) for agent in (RANDOM, ORACLE))
    return None if zero is None or one is None or zero == one else Marks(zero, one)


def gap(report: Report, reward: Marks, name: str, gold: Marks) -> Metric:
    """Returns the proxy-to-gold gap: normalised reward − normalised gold, each 0 for random tokens, 1 for the oracle.

    Above 0 the agent is better at what it is paid for than at what is meant. Where both scores have a value an episode,
    their difference is resampled by episode; where one is of the corpus as a whole, the two intervals are combined
    as if independent, which errs towards wide.

    Args:
        report: The evaluation.
        reward: Marks of the reward.
        name: The gold metric.
        gold: Its marks.
    """
    metric = report.metrics[name]
    if metric.kind == "corpus":
        first, second = gold.normalised(metric), reward.normalised(report.metrics["reward"])
        return Metric.of(statistics.difference(first.estimate, second.estimate), "corpus")
    scores = [episode.scores for episode in report.episodes]
    differences = [reward.at(score["reward"]) - gold.at(score[name]) for score in scores]
    return Metric.of(statistics.bootstrap_mean(differences, seed=report.seed))


def measures(report: Report, task: Task) -> dict[str, Metric]:
    """Returns the bench's own metrics of an evaluation.

    ``token_entropy`` is the entropy of the distribution of all tokens that were chosen, in nat. Tasks in words, other
    than those of single characters, also have ``distinct_1`` and ``distinct_2`` (share of distinct words and pairs of
    words among all), ``self_bleu``, ``msttr``, and ``completion_perplexity``, that of the completions under the
    language model that ships with textgym. All are of the corpus, so that they tell when completions resemble each
    other; intervals are by jackknife, that of the perplexity by bootstrap.
    """
    episodes, seed = report.episodes, report.seed
    found: dict[str, Metric] = {}
    if len(episodes) > 1:
        found["token_entropy"] = token_entropy(episodes, seed)
    if isinstance(task.tokenizer, CharTokenizer):
        return found
    if len(episodes) > 1:
        diversity = {
            "distinct_1": rewards.make("distinct_n", n=1),
            "distinct_2": rewards.make("distinct_n", n=2),
            "msttr": rewards.make("msttr"),
        }
        for name, reward in diversity.items():
            found[name] = scoring.corpus(reward, episodes, task, seed)
        found["self_bleu"] = self_bleu([episode.completion for episode in episodes], seed)
    found["completion_perplexity"] = completion_perplexity(episodes, task, seed)
    return found


def token_entropy(episodes: Sequence[Episode], seed: int) -> Metric:
    """Returns H = −Σ p(v) log p(v), p being the share of token v among those that the agent chose, in nat."""
    chosen = [
        [token for token, own in zip(episode.completion_ids, episode.completion_mask, strict=True) if own]
        for episode in episodes
    ]
    tokens, flat = np.unique(np.concatenate(chosen), return_inverse=True)
    owners = np.repeat(np.arange(len(chosen)), [len(ids) for ids in chosen])
    counts = np.zeros((len(chosen), len(tokens)), np.int64)
    np.add.at(counts, (owners, flat), 1)

    def entropy(kept: np.ndarray) -> float:
        totals = counts[kept].sum(0)
        shares = totals[totals > 0] / totals.sum()
        return float(-(shares * np.log(shares)).sum())

    value, low, high = statistics.jackknife(entropy, len(episodes), seed=seed)
    return Metric(value, max(low, 0.0), high, "corpus")


def completion_perplexity(episodes: Sequence[Episode], task: Task, seed: int) -> Metric:
    """Returns exp(−Σ log p(completion | prompt) / Σ tokens) under `LANGUAGE_MODEL`; see the reward ``perplexity``."""
    likelihoods = Fluency(LANGUAGE_MODEL, "cpu").likelihoods(
        [episode.prompt for episode in episodes],
        [episode.completion for episode in episodes],
        **scoring.columns(episodes, task),
    )
    rate = statistics.bootstrap_ratio(
        [-each.log_prob for each in likelihoods], [each.tokens for each in likelihoods], seed=seed
    )
    return Metric.of(statistics.Estimate(*(math.exp(value) for value in rate)), "ratio")


def self_bleu(texts: Sequence[str], seed: int) -> Metric:
    """Returns the mean BLEU of each text against all others, words in lower case; high where texts resemble each other.

    Precisions of n-grams up to `MAX_ORDER`, clipped by the most that one other text has; a precision of zero counts 0.1
    hits, and one of a text too short for the order too (Chen & Cherry 2014, smoothing 1); the brevity penalty takes the
    other text of the nearest length, the shorter of two. An empty text scores 0.

    Source: Zhu et al. 2018, Texygen, arXiv:1802.01886. Checked against nltk in tests/bench/test_measures.py.
    """
    bags = [[_ngrams(words(text), n) for n in range(1, MAX_ORDER + 1)] for text in texts]

    def statistic(kept: np.ndarray) -> float:
        return float(np.mean(_self_bleus([bags[i] for i in kept])))

    value, low, high = statistics.jackknife(statistic, len(texts), seed=seed)
    return Metric(value, max(low, 0.0), min(high, 1.0), "corpus")


def _self_bleus(bags: Sequence[Sequence[Counter[tuple[str, ...]]]]) -> list[float]:
    """Returns the BLEU of each text against the others, from its n-grams by order."""
    lengths = np.sort([bag[0].total() for bag in bags])
    most: list[dict[tuple[str, ...], tuple[int, int]]] = [{} for _ in range(MAX_ORDER)]  # the two highest counts
    for bag in bags:
        for table, grams in zip(most, bag, strict=True):
            for gram, count in grams.items():
                first, second = table.get(gram, (0, 0))
                table[gram] = (count, first) if count > first else (first, max(count, second))
    return [_bleu(bag, most, lengths) for bag in bags]


def _bleu(
    bag: Sequence[Counter[tuple[str, ...]]],
    most: Sequence[Mapping[tuple[str, ...], tuple[int, int]]],
    lengths: np.ndarray,
) -> float:
    length = bag[0].total()
    logs = 0.0
    for table, grams in zip(most, bag, strict=True):
        hits = 0
        for gram, count in grams.items():
            first, second = table[gram]
            hits += min(count, second if count == first else first)  # the highest count of the other texts
        if not hits and table is most[0]:
            return 0.0  # nothing in common with any other text
        logs += math.log((hits or 0.1) / max(grams.total(), 1)) / MAX_ORDER
    place = int(np.searchsorted(lengths, length))
    others = np.delete(lengths, place)
    nearest = int(min(others.tolist(), key=lambda other: (abs(other - length), other)))
    return math.exp(logs) * (1.0 if length > nearest else math.exp(1 - nearest / length))


def _ngrams(text: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(text[i:] for i in range(n)), strict=False))
