"""An id as a task of EleutherAI's lm-evaluation-harness (0.4.9 or newer), for any model that it runs.

The folder holds ``<name>.yaml``, the prompts as ``<split>.jsonl`` and a ``utils.py`` that scores with textgym, which
must be installed beside the harness:

    lm_eval --model hf --model_args pretrained=… --include_path FOLDER --tasks textgen_qa_v0

A model writes in its own vocabulary and greedily, as is the custom there, with the task's budget as the number of its
tokens; the score is that of the text (`textgym.bridges.grading`). Every score is the mean over texts, those that have a
corpus form here, such as BLEU, included.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from textgym.bridges import folders, grading
from textgym.bridges.one_turn import draw

UTILS = '''\
"""Scores {env_id} as its environment does. Written by textgym.bridges.lm_eval."""

import json
from pathlib import Path

from datasets import Dataset

from textgym.bridges import grading

TASK = grading.task({env_id!r}, split={split!r}{arguments})


def dataset(**kwargs):
    """Returns the prompts that lie beside this file."""
    lines = Path(__file__).with_name("{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return {{{split!r}: Dataset.from_list([json.loads(line) for line in lines])}}


def process_results(doc, results):
    """Returns the scores of one completion, by name."""
    return grading.grade(TASK, doc["prompt_index"], results[0])
'''


def export(
    env_id: str,
    folder: str | Path,
    *,
    split: str = "test",
    count: int | None = None,
    seed: int = 0,
    **make_kwargs: Any,
) -> Path:
    """Writes an id as a task of lm-evaluation-harness, and returns the folder.

    Args:
        env_id: A registered id.
        folder: A folder that is new or empty.
        split: Whose prompts are asked.
        count: Number of prompts; None takes the whole split, or 1,024 of an endless one.
        seed: Of the drawing.
        **make_kwargs: Options of the environment, JSON only.

    Raises:
        TaskError: If it is a conversation, or pays in every step.
        OptionError: If the folder is not empty, or an option cannot be written or met.
    """
    import yaml

    arguments, name = folders.arguments(make_kwargs), folders.name_of(env_id)
    task = grading.task(env_id, split=split, **make_kwargs)
    docs = [
        {"prompt": task[index].prompt, "references": list(task[index].references), "prompt_index": index}
        for index in draw(task, count, seed)
    ]
    config = {
        "task": name,
        "custom_dataset": "utils.dataset",
        f"{split}_split": split,
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{references[0] if references else ''}}",
        "target_delimiter": "",
        "num_fewshot": 0,
        "generation_kwargs": {"until": list(task.stop), "max_gen_toks": task.max_new_tokens, "do_sample": False},
        "process_results": "utils.process_results",
        "metric_list": [
            {"metric": metric, "aggregation": "mean", "higher_is_better": better}
            for metric, better in grading.directions(task).items()
        ],
        "metadata": {"version": env_id.rpartition("-v")[2]},
    }
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    for key in ("custom_dataset", "process_results"):  # a tag of the harness, which names a function
        text = text.replace(f"{key}: utils.", f"{key}: !function utils.")
    return folders.write(
        folder,
        {
            f"{name}.yaml": text,
            f"{split}.jsonl": "".join(json.dumps(doc, ensure_ascii=False) + "\n" for doc in docs),
            "utils.py": UTILS.format(env_id=env_id, split=split, arguments=arguments),
        },
    )
