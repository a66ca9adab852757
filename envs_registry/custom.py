"""TextGen-Custom: an environment of your own data.

**Asked**: whatever your rows ask. ``gym.make("TextGen-Custom-v0", data="my.jsonl", prompt="question",
references="answer", reward="token_f1")`` reads a file (JSONL, CSV, TSV, JSON, Parquet), a folder that ``save_to_disk``
wrote, the Hub id of a data set, or a list of dicts or a ``Dataset`` given as an object. Without ``data`` it asks small
general-knowledge questions that ship with it, so that there is something to play: they are no benchmark.

**Data**: yours. The splits are those of the data set, or of a column ``split``; without either, rows are dealt
80 / 10 / 10 by a hash of their prompt. The built-in rows are 60 questions with their answers, 40 / 10 / 10. Rows that
cannot be used are never dropped in silence: the error names file, line, column and what to do.

**Reward**: the one you name: a metric, an expression, a function, a reward model. Without one, token F1 with the
references, in [0, 1].

**Ending**: EOS, the strings of ``stop``, or ``max_new_tokens`` tokens (64). The built-in questions end at a line break.

**Options**: ``data``; ``prompt`` and ``references``, the columns; ``template``, such as ``"Question:
{question} Answer:"``; ``chat=True`` for the chat template of the tokenizer; ``reward``, ``metrics``, ``stop``,
``success_threshold``, ``tokenizer``, ``max_prompt_tokens``, ``max_new_tokens``, ``truncation_side``; ``config`` and
``revision`` of a Hub id; ``streaming=True`` for data that does not fit memory. All are those of `textgym.make_task`.

**What the reward misses**: depends on the reward; each says so in ``docs/rewards.md``. Token F1 counts words in common,
in any order, and pays for an answer inside a longer text in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textgym.errors import OptionError
from textgym.registry import EnvEntry
from textgym.tasks import Task, make_task

from .material.custom_questions import QUESTIONS

ENTRY = EnvEntry(
    id="TextGen-Custom-v0",
    task="textgym.envs_registry.custom:task",
    summary="Whatever the rows of your own file or data set ask.",
    tags=("custom",),
)

DEAL = ("train", "train", "validation", "train", "train", "test")
"""Split of the built-in questions, in turn: as many kinds of question in each."""


def task(
    data: Any = None,
    prompt: str | None = None,
    references: str | None = None,
    template: str | None = None,
    chat: bool = False,
    reward: Any = None,
    metrics: Mapping[str, Any] | Sequence[str] | None = None,
    stop: str | Sequence[str] = (),
    success_threshold: float | None = None,
    tokenizer: Any = "tiny",
    max_prompt_tokens: int = 64,
    max_new_tokens: int = 64,
    truncation_side: str | None = None,
    split: str = "train",
    config: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
) -> Task:
    """Returns the task on ``data``, or on the built-in questions where there is none; see `textgym.make_task`.

    Raises:
        OptionError: If there is data without references and without a reward, or options of data without data.
        DataError: If the data cannot be read.
    """
    options = {
        "chat": chat,
        "metrics": metrics,
        "tokenizer": tokenizer,
        "max_prompt_tokens": max_prompt_tokens,
        "max_new_tokens": max_new_tokens,
        "truncation_side": truncation_side,
        "success_threshold": success_threshold,
        "split": split,
    }
    if data is None:
        describing = {
            "prompt": prompt,
            "references": references,
            "config": config,
            "revision": revision,
            "streaming": streaming or None,
        }
        if given := {option: value for option, value in describing.items() if value is not None}:
            raise OptionError(
                f"{', '.join(f'{option}={value!r}' for option, value in given.items())} describes data that is not "
                "given. Name it: data= a file, a folder, the Hub id of a data set, or a list of dicts."
            )
        rows = [
            {"question": question, "answer": f" {answer}", "split": DEAL[i % len(DEAL)]}
            for i, (question, answer) in enumerate(QUESTIONS)
        ]
        return make_task(
            rows,
            references="answer",
            template=template or "Question: {question}\nAnswer:",
            reward=reward or "token_f1",
            stop=stop or "\n",
            name="Custom",
            **(options if metrics is not None else {**options, "metrics": ["chrf"], "gold": "chrf"}),
        )
    if reward is None and references is None:
        raise OptionError(
            "Nothing says what a completion is worth: give reward=, or references= (the column of the answers) for "
            "token F1 with them."
        )
    return make_task(
        data,
        prompt=prompt,
        references=references,
        template=template,
        reward=reward or "token_f1",
        stop=stop,
        name="Custom",
        config=config,
        revision=revision,
        streaming=streaming,
        **options,
    )
