"""TRL trains on an id of ours: its prompts as a data set, its reward as reward functions.

    from trl import RLOOConfig, RLOOTrainer
    from textgym.bridges import trl as bridge

    RLOOTrainer(
        model=model,
        reward_funcs=bridge.reward_functions("TextGen-Sentiment-v0"),
        train_dataset=bridge.prompts("TextGen-Sentiment-v0"),
        processing_class=bridge.processing_class("TextGen-Sentiment-v0"),
        args=RLOOConfig("runs/trl", **bridge.config_kwargs("TextGen-Sentiment-v0")),
    ).train()

`trl.GRPOTrainer` takes the same. What a completion earns there is what ``env.step`` pays for its tokens (the test is
in tests/bridges/test_trl.py): same stop strings, budget, finish reason and columns. Three things stay TRL's own: it
samples from the whole vocabulary where an environment masks tokens; it generates on after a stop string of several
tokens (`end_tokens` ends on the others); and it computes rewards in float32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from textgym.bridges import completions as ending
from textgym.bridges import tokenizers
from textgym.bridges.one_turn import draw, task_of, undiscounted
from textgym.data import hub
from textgym.errors import DataError, TaskError
from textgym.rewards import Reward
from textgym.rewards.base import Compound, Constant, Product, Sum
from textgym.tasks import Task

NUM_GENERATIONS = 8
"""Completions of a prompt: TRL's default for GRPO, where RLOO's is 2. Each is judged against the others."""


def prompts(env: str | Task, split: str = "train", count: int | None = None, seed: int = 0, **make_kwargs: Any) -> Any:
    """Returns prompts of an environment as a ``datasets.Dataset``.

    Its columns are ``prompt`` (a text, or chat messages where the task renders a chat), ``prompt_index`` and ``split``,
    by which `reward_functions` finds the row again, ``references``, and those further columns of the rows that Arrow
    can hold, for reward functions of your own. Every prompt was tokenised as TRL will, and gave the ids that the
    environment shows.

    Args:
        env: A registered id or a `Task`.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        count: Number of prompts, drawn without replacement; None takes a whole split, or 1,024 of an endless one.
        seed: Of the drawing.
        **make_kwargs: Options of the environment.

    Raises:
        DataError: If the datasets library is missing.
        OptionError: If ``count`` cannot be met.
        TaskError: If TRL cannot play the task, or would see other ids than the environment's.
    """
    datasets = hub.library("A data set of prompts")
    task = _task(env, split=split, **make_kwargs)
    indices = draw(task, count, seed)
    rows = [task[index] for index in indices]
    columns: dict[str, Any] = {
        "prompt": _as_trl_reads(task, indices),
        "prompt_index": indices,
        "split": [split] * len(rows),
        "references": [list(row.references) for row in rows],
    }
    for name in dict.fromkeys(name for row in rows for name in row.columns):
        values = [row.columns.get(name) for row in rows]
        if name not in columns and _fits_arrow(values):
            columns[name] = values
    return datasets.Dataset.from_dict(columns)


class TermReward:
    """One term of a task's reward, as TRL calls a reward function.

    Attributes:
        __name__: Under which TRL logs it.
    """

    def __init__(self, task: Task, reward: Reward, name: str) -> None:
        self.__name__ = name
        self._reward = reward
        self._tasks = {task.split: task}

    def __call__(
        self,
        completions: Sequence[Any],
        completion_ids: Sequence[Sequence[int]] | None = None,
        prompt_index: Sequence[int] | None = None,
        split: Sequence[str] | None = None,
        **columns: Any,
    ) -> list[float]:
        """Scores B completions of prompts of the data set that `prompts` made.

        Args:
            completions: Texts, or lists that end with a message; scored where the ids are not given.
            completion_ids: The tokens that were written.
            prompt_index: Column of the data set.
            split: Column of the data set.
            **columns: Whatever else the trainer hands over; the row of the task says it all.

        Raises:
            DataError: If the columns of the data set are missing.
        """
        if prompt_index is None or split is None:
            raise DataError(
                f"The reward {self.__name__!r} finds its row by the columns prompt_index and split, which this data "
                "set lacks. Make it with textgym.bridges.trl.prompts(...), and leave remove_unused_columns=False."
            )
        rewards = np.zeros(len(completions))
        for name in dict.fromkeys(split):
            task = self._of(name)
            chosen = [i for i, of in enumerate(split) if of == name]
            played = [
                ending.episode(
                    task,
                    prompt_index[i],
                    ending.ids_of(task, _text(completions[i])) if completion_ids is None else completion_ids[i],
                )
                for i in chosen
            ]
            rewards[chosen] = ending.score(task, self._reward, played).total
        return rewards.tolist()

    def _of(self, split: str) -> Task:
        if split not in self._tasks:
            (task, *_) = self._tasks.values()
            self._tasks[split] = replace(task, split=split)
        return self._tasks[split]


def reward_functions(env: str | Task, **make_kwargs: Any) -> list[Any]:
    """Returns the reward of an environment as reward functions: one for each weighted term of its sum.

    ``0.7 * sentiment + 0.3 * fluency`` gives two, which TRL logs by name and adds with `reward_weights`
    (`config_kwargs` has them); what is no sum, or is clipped or normalised as a whole, gives one. They score any split:
    the data set says which.

    Args:
        env: A registered id or a `Task`.
        **make_kwargs: Options of the environment; the same as for `prompts`.

    Raises:
        TaskError: If TRL cannot play the task.
    """
    task = _task(env, **make_kwargs)
    functions: list[Any] = []
    taken: dict[str, int] = {}
    for _, part in _terms(task.reward):
        name = "offset" if isinstance(part, Constant) else "reward" if isinstance(part, Compound) else part.name
        taken[name] = taken.get(name, 0) + 1
        functions.append(TermReward(task, part, name if taken[name] == 1 else f"{name}_{taken[name]}"))
    return functions


def reward_weights(env: str | Task, **make_kwargs: Any) -> list[float]:
    """Returns the weight of each of `reward_functions`."""
    return [weight for weight, _ in _terms(_task(env, **make_kwargs).reward)]


def config_kwargs(env: str | Task, **make_kwargs: Any) -> dict[str, Any]:
    """Returns arguments of ``RLOOConfig`` and ``GRPOConfig`` with which a trainer plays by the rules of a task.

    The budget of new tokens, the weights of the reward, plain sampling at temperature 1 as our agents sample, and
    `NUM_GENERATIONS` completions of a prompt. How to learn (learning rate, batch size, β) is yours to say.

    Args:
        env: A registered id or a `Task`.
        **make_kwargs: Options of the environment; the same as for `prompts`.
    """
    return {
        "max_completion_length": _task(env, **make_kwargs).max_new_tokens,
        "num_generations": NUM_GENERATIONS,
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "repetition_penalty": 1.0,
        "reward_weights": reward_weights(env, **make_kwargs),
        "remove_unused_columns": False,  # the reward finds its rows by them
    }


def processing_class(env: str | Task, **make_kwargs: Any) -> Any:
    """Returns the tokenizer of an environment as one of transformers that puts BOS before a prompt as it does.

    Raises:
        ModelError: If transformers cannot load it.
    """
    vocabulary = _task(env, **make_kwargs).tokenizer
    with tempfile.TemporaryDirectory() as folder:
        loaded = tokenizers.write(vocabulary, Path(folder))
    loaded.name_or_path = vocabulary.name
    return loaded


def end_tokens(env: str | Task, **make_kwargs: Any) -> list[int]:
    """Returns the ids that end a completion by themselves: EOS, and every token whose text holds a stop string.

    TRL knows no stop strings, but every EOS id that a model declares ends a completion. So that it generates no further
    than the environment would go:

        model.generation_config.eos_token_id = end_tokens("TextGen-QA-v0")

    A stop string that is spelt by several tokens still lets it run on; what follows is not scored, but learns from the
    same reward.
    """
    task = _task(env, **make_kwargs)
    vocabulary = task.tokenizer
    texts = (vocabulary.decode([i]) for i in range(vocabulary.vocab_size)) if task.stop else ()
    stops = [i for i, text in enumerate(texts) if any(stop in text for stop in task.stop)]
    return [vocabulary.eos_id, *(i for i in stops if i != vocabulary.eos_id)]


def _task(env: str | Task, **make_kwargs: Any) -> Task:
    return undiscounted(task_of(env, "TRL", **make_kwargs), "TRL")


def _terms(reward: Reward, weight: float = 1.0) -> list[tuple[float, Reward]]:
    """The weighted sum that a reward is."""
    if isinstance(reward, Sum):
        return _terms(reward.left, weight) + _terms(reward.right, weight)
    if isinstance(reward, Product):
        for factor, part in ((reward.left, reward.right), (reward.right, reward.left)):
            if isinstance(factor, Constant):
                return _terms(part, weight * factor.value)
    return [(weight, reward)]


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else completion[-1]["content"]


def _as_trl_reads(task: Task, indices: list[int]) -> list[Any]:
    """The prompts in the form of which TRL makes the environment's own ids."""
    reader = processing_class(task)
    found: list[Any] = []
    for index in indices:
        row, wanted = task[index], task.prompt_ids(index).tolist()
        cut = task.tokenizer.decode(wanted)  # where the task has shortened the prompt
        texts = [row.prompt] if task.truncation_side is None else [row.prompt, cut]
        forms: list[Any] = texts
        if task.chat:
            forms = [[dict(message) for message in row.messages] or [{"role": "user", "content": row.prompt}]]
        fit = [form for form in forms if _ids(reader, form) == wanted]
        if not fit:
            raise TaskError(
                f"TRL would read other tokens than {task.name!r} shows in prompt {index}, {row.prompt[:60]!r}: "
                f"{_ids(reader, forms[0])[:12]} … in place of {wanted[:12]} … If the task cuts its prompts "
                f"(truncation_side={task.truncation_side!r}), give max_prompt_tokens that needs no cut."
            )
        found.append(fit[0])
    return found


def _ids(reader: Any, form: Any) -> list[int]:
    if isinstance(form, str):
        read = reader(text=[form])
    else:
        read = reader.apply_chat_template([form], add_generation_prompt=True, tokenize=True, return_dict=True)
    return read["input_ids"][0]


def _fits_arrow(values: list[Any]) -> bool:
    import pyarrow

    try:
        pyarrow.array(values)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError):
        return False
    return True
