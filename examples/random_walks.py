"""Shortest ways through a graph, learnt from random walks: trlX's toy task, with SFT first and PPO after it.

``textgym reproduce walks`` makes the table of it, five seeds and five agents.

Run: python examples/random_walks.py
"""

import textgym
from textgym.agents import PPO, SFT
from textgym.bench import walks

edges = walks.graph()
seen = walks.walks(edges)
optimal = sum(walks.optimality(edges, walk) for walk in seen) / len(seen)
print(f"{edges.sum()} edges; {len(seen)} random walks, of which the first is {seen[0]!r}; mean reward {optimal:.2f}")

textgym.register(walks.ENTRY)
imitator = SFT("scratch", "RandomWalks-v0", seed=0).learn(15_000)
imitator.save("walks-sft")
print(f"SFT on the walks: {textgym.evaluate(imitator, 'RandomWalks-v0', episodes=200).mean:.2f}")

agent = PPO("walks-sft", "RandomWalks-v0", seed=0, learning_rate=1e-3).learn(10_000)
report = textgym.evaluate(agent, "RandomWalks-v0", episodes=200)
print(f"SFT + PPO: {report.mean:.2f} [{report.interval[0]:.2f}, {report.interval[1]:.2f}]")
for episode in report.episodes[:5]:
    best = walks.shortest(edges)[walks.LETTERS.index(episode.prompt)]
    print(f"  {episode.prompt + episode.completion:12s} reward {episode.reward:.2f}; the shortest has {best} nodes")
