"""RandomWalks: find the shortest way through a graph that is known from random walks alone.

**Asked**: the prompt is a node of a directed graph, a letter such as ``k``; the completion goes on from there, one
letter a step, to the goal ``a``. The graph is the same in every episode, and never shown: a model knows it from the
random walks that are its references, most of which take their time or never arrive.

**Data**: 21 nodes with edges drawn with probability 0.1, every node with a way out, the goal with none. 1,000 walks of
at most 10 nodes, each step drawn from the edges; the nodes that they start from are the prompts of every split.

**Reward**: how much of what can be saved was saved, (10 − length) / (10 − shortest), in [0, 1]: 1 for a shortest way,
less for a longer one, 0 for one that uses an edge that is not there, or does not arrive within 10 nodes. Letters after
the goal are not read.

**Ending**: EOS, or 9 letters.

**Options**: ``graph_seed``.

Source: the toy task of Decision Transformer (Chen et al. 2021, arXiv:2106.01345, §2), with the sizes and the reward of
trlX's example ``randomwalks``. The graph is drawn by numpy's current generator, so it is another one than trlX's.
"""

from __future__ import annotations

import string
from itertools import pairwise

import numpy as np

from textgym.data import SPLITS, Row
from textgym.registry import EnvEntry
from textgym.rewards import make
from textgym.tasks import Task
from textgym.tokenizers import CharTokenizer

NODES = 21
EDGE_PROBABILITY = 0.1
LONGEST = 10
"""Nodes of a walk, the first one included."""
WALKS = 1_000
GOAL = 0
LETTERS = string.ascii_lowercase[:NODES]

ENTRY = EnvEntry(
    id="RandomWalks-v0",
    task="textgym.bench.walks:task",
    summary="Find the shortest way through a graph that is known from random walks.",
    model="scratch",
    tags=("walks",),
    # Random letters: the mean of 2048 episodes. A shortest way earns 1; nobody who plays by references finds it.
    scores={
        "random": {"reward": 0.01, "low": 0.006, "high": 0.014},
        "oracle": {"reward": 1.0, "low": 1.0, "high": 1.0},
    },
)


def graph(seed: int = 0) -> np.ndarray:
    """Returns the edges, bool ``(NODES, NODES)``: row i is True at j where there is one from i to j.

    Graphs are drawn until every node but the goal has a way out.
    """
    rng = np.random.default_rng(seed)
    while True:
        edges = rng.random((NODES, NODES)) < EDGE_PROBABILITY
        np.fill_diagonal(edges, False)
        edges[GOAL] = False
        if np.delete(edges, GOAL, 0).any(1).all():
            return edges


def shortest(edges: np.ndarray) -> np.ndarray:
    """Returns the nodes of a shortest way from each node to the goal, both included, int64 ``(NODES,)``.

    It is LONGEST where there is none, or none that is shorter.
    """
    lengths = np.full(len(edges), LONGEST)
    lengths[GOAL] = 1
    for _ in range(LONGEST):  # as far as anybody may walk
        onwards = np.where(edges, lengths, LONGEST).min(1) + 1
        lengths = np.minimum(lengths, onwards)
    return lengths


def walks(edges: np.ndarray, seed: int = 0) -> list[str]:
    """Returns WALKS random walks that start anywhere but at the goal, and end there or after LONGEST nodes."""
    rng = np.random.default_rng((seed, 1))
    found = []
    for _ in range(WALKS):
        node = int(rng.integers(1, NODES))
        walk = [node]
        while node != GOAL and len(walk) < LONGEST:
            node = int(rng.choice(np.flatnonzero(edges[node])))
            walk.append(node)
        found.append("".join(LETTERS[each] for each in walk))
    return found


def optimality(edges: np.ndarray, walk: str) -> float:
    """Returns the reward of a walk, in [0, 1]; ``walk`` begins with its prompt.

    >>> edges = np.zeros((NODES, NODES), bool)
    >>> edges[2, 1] = edges[1, 0] = edges[2, 0] = True  # c → b → a, c → a
    >>> [optimality(edges, walk) for walk in ("ca", "cba", "cbax", "cb", "ba")]
    [1.0, 0.875, 0.875, 0.0, 1.0]
    """
    nodes = [LETTERS.find(letter) for letter in walk[:LONGEST]]
    if GOAL not in nodes:
        return 0.0
    nodes = nodes[: nodes.index(GOAL) + 1]
    if -1 in nodes or not all(edges[i, j] for i, j in pairwise(nodes)):
        return 0.0
    best = int(shortest(edges)[nodes[0]])
    return (LONGEST - len(nodes)) / (LONGEST - best) if best < LONGEST else 0.0


def task(graph_seed: int = 0) -> Task:
    """Returns the task: one prompt a node that walks start from, 9 letters, reward in [0, 1]."""
    edges = graph(graph_seed)
    reachable = shortest(edges) < LONGEST
    by_start: dict[str, list[str]] = {}
    for walk in walks(edges, graph_seed):
        if reachable[LETTERS.index(walk[0])]:  # from elsewhere nothing can be earned
            by_start.setdefault(walk[0], []).append(walk[1:])
    rows = tuple(Row(start, tuple(by_start[start])) for start in sorted(by_start))

    def arrived(prompts: list[str], completions: list[str], **columns: object) -> list[float]:
        return [optimality(edges, prompt + completion) for prompt, completion in zip(prompts, completions, strict=True)]

    return Task(
        name="RandomWalks",
        rows=dict.fromkeys(SPLITS, rows),
        tokenizer=CharTokenizer(LETTERS),
        reward=make(arrived, name="optimality", range=(0.0, 1.0)),
        max_prompt_tokens=2,
        max_new_tokens=LONGEST - 1,
        success_threshold=1.0,
    )
