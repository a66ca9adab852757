"""What a task's references say, as episodes to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from textgym import rewards
from textgym.data import Row
from textgym.errors import AgentError
from textgym.evaluation.players import ScriptPlayer
from textgym.generated import ENDLESS
from textgym.tasks import Task
from textgym.vector import TextGenVectorEnv

from .episodes import Episodes


def prompt_numbers(size: int, start: int, count: int, seed: int) -> np.ndarray:
    """Returns which prompts of a split come next, int64 ``(count,)``.

    A finite split is dealt in epochs, each in an order of its own; an endless one is sampled. The result is a function
    of the arguments: whoever resumes needs to know ``start`` and nothing else.

    Args:
        size: Prompts of the split.
        start: Number of prompts that came before; of an endless split, in steps of ``count``.
        count: How many to return.
        seed: Of the order.
    """
    if size >= ENDLESS:
        return np.random.default_rng((seed, start)).integers(size, size=count)
    places = np.arange(start, start + count)
    epochs = places // size
    orders = {epoch: np.random.default_rng((seed, epoch)).permutation(size) for epoch in np.unique(epochs).tolist()}
    return np.array([orders[epoch][place] for epoch, place in zip(epochs.tolist(), places % size, strict=True)])


def demonstrate(task: Task, numbers: Sequence[int] | np.ndarray, rng: np.random.Generator) -> Episodes:
    """Returns one episode for each prompt, in which a perfect agent writes.

    It writes what the task's reference policy says, or one of the row's references, which ``rng`` draws; then EOS, so
    that endings are learnt, unless the budget of the task cuts it off or the task does not allow EOS. A conversation is
    played through the environment, and ``response_mask`` is True for the agent's own tokens alone.

    Args:
        task: Its split is asked.
        numbers: Of the prompts, in the split.
        rng: Chooses among several references.

    Raises:
        AgentError: If the task has no references, or one that its action mask forbids.
    """
    if not task.can_answer:
        raise AgentError(
            f"{task.name!r} has no references to learn from, and no reference_policy. Give data with a column of "
            "references (references=…), or learn from the reward: PPO, REINFORCE, ExpertIteration."
        )
    if task.simulator is not None:
        return _converse(task, numbers)
    prompts = [task.prompt_ids(int(number)).tolist() for number in numbers]
    completions = [_completion(task, task[int(number)], rng) for number in numbers]
    return Episodes.of(prompts, completions, None, task.tokenizer.vocab_size)


def _completion(task: Task, row: Row, rng: np.random.Generator) -> list[int]:
    if task.reference_policy is None and len(row.references) > 1:
        text = row.references[int(rng.integers(len(row.references)))]
    else:
        text = task.answer(row)
    ids = task.tokenizer.encode(text)
    if task.allowed_tokens is None:
        ids.append(task.tokenizer.eos_id)
    else:
        allowed = set(task.allowed_tokens)
        if not allowed.issuperset(ids):
            raise AgentError(
                f"The reference {text!r} of the prompt {row.prompt[:60]!r} has tokens that the action mask of "
                f"{task.name!r} forbids, so that no agent can write it. Allow them (allowed_tokens), or mend the row."
            )
        ids += [task.tokenizer.eos_id] if task.tokenizer.eos_id in allowed else []
    return ids[: task.max_new_tokens]


def _converse(task: Task, numbers: Sequence[int] | np.ndarray) -> Episodes:
    """Plays conversations by the reference policy, all side by side."""
    task = replace(task, reward=rewards.make(_unscored))  # a reward may be dear, or keep count of what it has seen
    envs = TextGenVectorEnv(task, len(numbers), autoreset_mode="SameStep")
    script = ScriptPlayer(lambda row, turns, text: task.answer(row, turns), envs)
    obs, _ = envs.reset(seed=0, options={"prompt_index": np.asarray(numbers)})
    for i, number in enumerate(numbers):
        script.begin(i, task[int(number)])
    starts = np.ones(envs.num_envs, bool)
    prompts: dict[int, list[int]] = {}
    completions: dict[int, list[int]] = {}
    masks: dict[int, list[int]] = {}
    while len(masks) < envs.num_envs:
        obs, _, starts, _, infos = envs.step(script.act(obs, starts))
        for i in np.flatnonzero(starts).tolist():
            if i not in masks:  # else it idles, on a prompt that nobody asked for
                script.end(i)
                final = infos["final_obs"][i]
                ids = final["input_ids"][: final["attention_mask"].sum(dtype=np.int64)].tolist()
                asked = int(final["prompt_length"][0])
                prompts[i], completions[i] = ids[:asked], ids[asked:]
                masks[i] = infos["final_info"]["completion_mask"][i]
    order = range(envs.num_envs)
    return Episodes.of(
        [prompts[i] for i in order],
        [completions[i] for i in order],
        None,
        task.tokenizer.vocab_size,
        [masks[i] for i in order],
    )


def _unscored(prompts: list[str], completions: list[str], **columns: Any) -> list[float]:
    return [0.0] * len(prompts)
