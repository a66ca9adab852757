"""Playing an agent through an environment, and scoring what it wrote."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

from textgym import registry
from textgym.errors import OptionError
from textgym.evaluation import scoring, statistics
from textgym.evaluation.players import Player, player
from textgym.evaluation.report import Episode, Metric, Report
from textgym.evaluation.versions import versions
from textgym.tasks import Task
from textgym.vector import TextGenVectorEnv

Progress = Callable[[int, int], None]
"""Called with the number of episodes that have ended, and of all."""


class Played(NamedTuple):
    """An evaluation, with what only the bench keeps of it.

    Attributes:
        report: The result.
        task: What was played.
        rewards: Of each episode, the reward of each step; a step writes one token of the agent's.
        seconds: Wall-clock time of the playing, scoring left out.
    """

    report: Report
    task: Task
    rewards: tuple[tuple[float, ...], ...]
    seconds: float


def evaluate(
    agent: Any,
    env_id: str | Task,
    *,
    episodes: int = 256,
    seed: int = 0,
    split: str = "test",
    deterministic: bool = False,
    num_envs: int = 64,
    progress: Progress | None = None,
    **make_kwargs: Any,
) -> Report:
    """Plays an agent through ``env.step`` and returns its scores with 95% intervals.

    Episode ``i`` is asked prompt ``i mod len(task)``, so that agents are compared on identical prompts. The same seed
    gives the same report. Each episode has a random stream of its own, hashed from the seed and ``i``: an agent whose
    ``predict`` takes ``rngs``, as ours do, writes the same whatever ``num_envs`` is, up to the last bit that a matrix
    product rounds otherwise in a larger batch, which moves one token in about a million. Other agents that sample deal
    their random numbers out in the order of play.

    Args:
        agent: Whatever has Stable-Baselines3's ``predict``; a function from prompt to completion, which in a
            conversation is given the whole text so far and writes a turn; or an `Oracle`. One that has a ``tokenizer``
            is played in that vocabulary.
        env_id: A registered id, or a `Task`.
        episodes: Number of episodes.
        seed: Of the agent's sampling, where it has any, and of the intervals.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        deterministic: Whether the agent takes its likeliest token instead of sampling.
        num_envs: Episodes played side by side.
        progress: Told after every step how many episodes have ended.
        **make_kwargs: Options of the environment, such as ``reward`` or ``max_new_tokens``.

    Raises:
        OptionError: If the id, the split or an option is unknown, or a number is out of range.
        AgentError: If the agent cannot be played.
    """
    return play(
        agent,
        env_id,
        episodes=episodes,
        seed=seed,
        split=split,
        deterministic=deterministic,
        num_envs=num_envs,
        progress=progress,
        make_kwargs=make_kwargs,
    ).report


def play(
    agent: Any,
    env_id: str | Task,
    *,
    episodes: int,
    seed: int,
    split: str,
    deterministic: bool,
    num_envs: int,
    progress: Progress | None,
    make_kwargs: dict[str, Any],
) -> Played:
    """Plays and scores an agent; the arguments are those of `evaluate`."""
    for name, value in (("episodes", episodes), ("num_envs", num_envs)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise OptionError(f"{name} must be a whole number, at least 1. Actual value: {value!r}.")
    if (own := getattr(agent, "tokenizer", None)) is not None:
        make_kwargs = {"tokenizer": own, **make_kwargs}  # its ids mean nothing in another vocabulary
    envs = _make(env_id, min(num_envs, episodes), {**make_kwargs, "split": split})
    task = envs.task
    begin = time.perf_counter()
    with (actor := player(agent, envs, deterministic)).seeded(seed):
        played, rewards = _play(actor, envs, episodes, seed, progress)
    seconds = time.perf_counter() - begin
    played = scoring.with_task_metrics(played, task)
    report = Report(
        env_id=env_id if isinstance(env_id, str) else env_id.name,
        split=task.split,
        seed=seed,
        deterministic=deterministic,
        reward=repr(task.reward),
        gamma=task.gamma,
        tokenizer=task.tokenizer.fingerprint,
        metrics=scoring.scores(played, task, seed)
        | _kl(agent, played, seed)
        | _reference_perplexity(agent, played, task, seed)
        | scoring.endings(played, task),
        episodes=played,
        versions=versions(),
    )
    return Played(report, task, rewards, seconds)


def _make(env_id: str | Task, num_envs: int, kwargs: dict[str, Any]) -> TextGenVectorEnv:
    mode = AutoresetMode.DISABLED.value
    if isinstance(env_id, Task):
        return TextGenVectorEnv(env_id, num_envs, autoreset_mode=mode, **kwargs)
    registry.entry(env_id)
    envs = gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode, **kwargs)
    return cast(TextGenVectorEnv, envs.unwrapped)


def _play(
    actor: Player, envs: TextGenVectorEnv, episodes: int, seed: int, progress: Progress | None
) -> tuple[tuple[Episode, ...], tuple[tuple[float, ...], ...]]:
    """Plays the episodes and returns them with their rewards; a row that ends one takes the next prompt, or idles."""
    size = len(envs.task)
    played: dict[int, Episode] = {}
    paid: list[list[float]] = [[] for _ in range(episodes)]  # reward of each step, by episode
    index = np.arange(envs.num_envs)  # the episode in each row
    starts = np.ones(envs.num_envs, bool)
    obs, _ = envs.reset(seed=seed, options={"prompt_index": index % size})
    while True:
        for row in np.flatnonzero(starts & (index < episodes)).tolist():
            stream = np.random.default_rng([seed, index[row]])  # a SeedSequence: hashed, and no other episode's
            actor.begin(row, envs.task[index[row] % size], stream)
        obs, rewards, ended, _, infos = envs.step(actor.act(obs, starts))
        for row in np.flatnonzero(index < episodes).tolist():
            paid[index[row]].append(float(rewards[row]))
        for row in np.flatnonzero(ended & (index < episodes)).tolist():
            actor.end(row)
            number = int(index[row])
            played[number] = _episode(number, math.fsum(paid[number]), row, obs, infos, envs.task)
        if progress is not None:
            progress(len(played), episodes)
        if len(played) == episodes:
            return tuple(played[i] for i in range(episodes)), tuple(map(tuple, paid))
        starts = ended
        if ended.any():
            index[ended] = np.arange(index.max() + 1, index.max() + 1 + ended.sum())
            obs, _ = envs.reset(options={"prompt_index": index % size, "reset_mask": ended})


def _kl(agent: Any, episodes: tuple[Episode, ...], seed: int) -> dict[str, Metric]:
    """Returns the KL to the agent's reference in nat per token, where it keeps one; episodes weigh by their length."""
    if getattr(agent, "reference", None) is None:
        return {}
    lengths = np.array([episode.length for episode in episodes])
    kls = agent.kls_to_reference(episodes)
    return {"kl": Metric.of(statistics.bootstrap_ratio(kls * lengths, lengths, seed=seed), "ratio")}


def _reference_perplexity(agent: Any, episodes: tuple[Episode, ...], task: Task, seed: int) -> dict[str, Metric]:
    """Returns how well the agent's language model predicts the references, each with EOS, where it can tell.

    exp(−Σ log p(reference | prompt) / Σ tokens), over the references of the prompts that were asked, each prompt once.
    """
    asked = {episode.prompt_index: episode for episode in episodes}.values()
    pairs = [
        (episode.prompt_ids, [*task.tokenizer.encode(reference), task.tokenizer.eos_id])
        for episode in asked
        for reference in episode.references
    ]
    if not pairs or not hasattr(agent, "log_likelihood"):
        return {}
    prompts, references = zip(*pairs, strict=True)
    lengths = np.array([len(reference) for reference in references])
    rate = statistics.bootstrap_ratio(-agent.log_likelihood(prompts, references), lengths, seed=seed)
    perplexity = statistics.Estimate(*(math.exp(value) for value in rate))
    return {"reference_perplexity": Metric.of(perplexity, "ratio")}


def _episode(
    index: int, reward: float, row: int, obs: dict[str, np.ndarray], infos: dict[str, Any], task: Task
) -> Episode:
    prompt_index = index % len(task)
    prompt_length, length = int(obs["prompt_length"][row, 0]), int(obs["attention_mask"][row].sum())
    ids = obs["input_ids"][row, :length].tolist()
    mask = infos["completion_mask"][row] if "completion_mask" in infos else [1] * (length - prompt_length)
    return Episode(
        index=index,
        prompt_index=prompt_index,
        prompt=task[prompt_index].prompt,
        references=task[prompt_index].references,
        completion=str(infos["completion"][row]),
        prompt_ids=tuple(ids[:prompt_length]),
        completion_ids=tuple(ids[prompt_length:]),
        completion_mask=tuple(mask),
        turns=tuple(infos["turns"][row]) if "turns" in infos else (),
        reward=float(reward),
        discounted_return=float(infos["discounted_return"][row]),
        reward_terms={
            name: float(values[row]) for name, values in infos["reward_terms"].items() if not name.startswith("_")
        },
        finish_reason=str(infos["finish_reason"][row]),
        length=sum(mask),
        success=bool(infos["is_success"][row]) if "is_success" in infos else None,
    )
