"""Benches made up of random numbers, written through `textgym.bench.results`: quick to make, their truth known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from textgym import agents, bench
from textgym.bench.results import Bench, BenchConfig, Cell, EpisodeRecord, Key
from textgym.evaluation.report import Metric

SKILLS = {"random": 0.08, "zero_shot": 0.35, "ppo": 0.72}
IDS = (
    "TextGen-Arithmetic-v0",
    "TextGen-Classification-v0",
    "TextGen-Dialogue-v0",
    "TextGen-ProbeMemory-v0",
    "TextGen-Sentiment-v0",
    "TextGen-Story-v0",
)
SENTENCE = (
    "the kettle boils water while an old train crosses our quiet valley and nobody in town says why it never "
    "stops near the lake where two children fly a red kite over warm bright fields of barley every long summer"
)
WORDS = SENTENCE.split()


@pytest.fixture(scope="session")
def synthetic():
    """The function `write_bench`."""
    return write_bench


def write_bench(
    path: Path,
    *,
    skills: Mapping[str, float] = SKILLS,
    env_ids: Sequence[str] = IDS,
    runs: int | Mapping[str, int] = 1,
    episodes: int = 12,
    tokens: int = 24,
    seed: int = 0,
    missing: Collection[Key] = (),
    unmarked: Collection[str] = (),
    change: Callable[[EpisodeRecord], EpisodeRecord] = lambda episode: episode,
) -> Bench:
    """Writes a bench folder.

    Args:
        path: The folder.
        skills: Mean reward of each agent, by its label.
        env_ids: Ids.
        runs: Training runs of each agent.
        episodes: Episodes a cell.
        tokens: The most tokens of a completion.
        seed: Of the numbers.
        missing: Cells to leave out.
        unmarked: Ids without a score.
        change: What is done to each episode before it is written.
    """
    of = {agent: runs if isinstance(runs, int) else runs[agent] for agent in skills}
    sources = {agent: tuple(f"runs/{agent}-{run}" for run in range(of[agent])) for agent in skills}
    bench = Bench.create(path, BenchConfig(sources, tuple(env_ids), {}, episodes, "test", seed, False))
    for key in bench.config.keys:
        if key in missing:
            continue
        agent, run, env_id = key
        rng = np.random.default_rng([seed, list(skills).index(agent), run, list(env_ids).index(env_id)])
        skill = float(np.clip(skills[agent] + rng.normal(0, 0.08), 0.02, 0.98))
        played = [change(_episode(rng, i, env_id, skill, tokens)) for i in range(episodes)]
        bench.add(_cell(bench.config, key, played, env_id in unmarked), played)
    return bench


def _episode(rng: np.random.Generator, index: int, env_id: str, skill: float, most: int) -> EpisodeRecord:
    asked = np.random.default_rng([index, len(env_id)])  # the same prompts for all agents
    words = [f" {WORDS[i]}" for i in asked.integers(0, len(WORDS), 14)]
    written = [f" {WORDS[i]}" for i in rng.integers(0, len(WORDS), int(rng.integers(most // 2, most + 1)))]
    replied = 3 if "Dialogue" in env_id else 0  # the environment's words, in the middle
    mask = [1] * len(written)
    mask[2 : 2 + replied] = [0] * replied
    hits = rng.random(len(written)) < skill
    rewards = np.where(mask, hits / max(1, sum(mask)), 0.0)
    values = np.cumsum(rewards[::-1])[::-1] + rng.normal(0, 0.05, len(written))
    reward = float(rewards.sum())

    def trace(numbers: np.ndarray) -> tuple[float | None, ...]:
        return tuple(round(float(x), 6) if own else None for x, own in zip(numbers, mask, strict=True))

    return EpisodeRecord(
        index=index,
        prompt_index=index,
        prompt="Write on:" + "".join(words),
        references=("".join(words[:5]).strip(),),
        completion="".join(written),
        prompt_ids=tuple(range(len(words) + 1)),
        completion_ids=tuple(100 + WORDS.index(word[1:]) for word in written),
        completion_mask=tuple(mask),
        reward=reward,
        discounted_return=reward,
        reward_terms={"hits": reward, "brevity": 1 - len(written) / (2 * most)},
        finish_reason=("eos", "stop", "length")[int(rng.choice(3, p=(0.6, 0.1, 0.3)))],
        length=sum(mask),
        success=None if "Story" in env_id else bool(reward > 0.5),
        metrics={"distinct_n": float(rng.random())},
        tokens=("Write on:", *words, *written),
        seed=0,
        log_probs=trace(-rng.exponential(1.5, len(written))),
        values=trace(values),
        kl=trace(rng.exponential(0.2, len(written))),
        advantages=trace(rewards - values + values.mean()),
        rewards=trace(rewards),
    )


def _cell(config: BenchConfig, key: Key, episodes: Sequence[EpisodeRecord], unmarked: bool) -> Cell:
    agent, run, env_id = key
    names = [name for name in episodes[0].scores if all(name in episode.scores for episode in episodes)]
    metrics = {name: _metric([episode.scores[name] for episode in episodes]) for name in names}
    reward = metrics["reward"]
    return Cell(
        agent=agent,
        run=run,
        source=config.agents[agent][run],
        env_id=env_id,
        env_kwargs={},
        split=config.split,
        seed=config.seed,
        episodes=len(episodes),
        deterministic=config.deterministic,
        reward="hits",
        gamma=1.0,
        hashes={"tokenizer": "vocabulary0", "task": f"task-{env_id}", "agent": f"weights-{agent}-{run}"},
        metrics=metrics,
        score=None if unmarked else Metric(*((end - 0.05) / 0.9 for end in reward.estimate)),  # marks 0.05, 0.95
        gold="distinct_n",
        gap=None if unmarked else Metric(*(0.4 * end - 0.1 for end in reward.estimate)),
        timing={"seconds": 2.0, "tokens_per_second": 1500.0, "seconds_per_episode": 2.0 / len(episodes)},
        versions={"python": "3.11.7", "textgym": "0.1.0"},
        prompt_hash=f"prompts-{env_id}",
    )


def _metric(values: Sequence[float]) -> Metric:
    mean, half = float(np.mean(values)), 1.96 * float(np.std(values)) / len(values) ** 0.5
    return Metric(mean, mean - half, mean + half)


NUMBERS, TARGET = "TextGen-Numbers-v0", "TextGen-Target-v0"


def load_player(source: str, env_id: str, env_kwargs: Mapping[str, object]) -> object:
    """Returns an agent that counts up by as many numbers as ``"count N"`` says, or one of ours."""
    name, _, count = source.partition(" ")
    if name != "count":
        return agents.load(source, env_id, env_kwargs=env_kwargs)
    return lambda prompt: " ".join(str(int(prompt) + i + 1) for i in range(int(count)))


@pytest.fixture(scope="session")
def play_bench():
    """Plays a bench of 12 episodes: ``play_bench(path, {"label": ("source", …)}, env_ids, **config)``."""

    def play(path: Path, labels: Mapping[str, tuple[str, ...]], env_ids: Sequence[str] = (NUMBERS,), **config) -> Bench:
        return bench.run(BenchConfig(labels, tuple(env_ids), **{"episodes": 12, **config}), path, load_player)

    return play


@pytest.fixture(scope="session")
def counters(play_bench, tmp_path_factory) -> Bench:
    """Agents on numbers whose rewards are known: two runs that count 2 and 3 numbers of 8, one of 5, and the oracle."""
    labels = {"short": ("count 2", "count 3"), "long": ("count 5",), "random": ("random",), "oracle": ("oracle",)}
    return play_bench(tmp_path_factory.mktemp("bench") / "counters", labels)
