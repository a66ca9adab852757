"""TextGen-Custom: one's own data by `gym.make`, and the questions that it asks without."""

from __future__ import annotations

import csv

import gymnasium as gym
import pytest

import textgym
from textgym import testing
from textgym.data import SPLITS
from textgym.envs_registry.material.custom_questions import QUESTIONS
from textgym.errors import DataError, OptionError
from textgym.rewards.examples import Examples

ID = "TextGen-Custom-v0"
ROWS = [{"question": f"What is {i} + {i}?", "answer": f" {i + i}", "level": "easy"} for i in range(60)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my.csv"
    with path.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)
    return str(path)


def test_contracts():
    testing.check_textgen_env(ID)
    testing.check_vector_env(ID, steps=60)
    task = gym.make(ID, split="test").unwrapped.task
    rows = [task[i] for i in range(8)]
    columns = {name: tuple(row.columns[name] for row in rows) for name in rows[0].columns}
    columns["references"] = tuple(list(row.references) for row in rows)
    examples = Examples(tuple(row.prompt for row in rows), tuple(task.answer(row) for row in rows), columns)
    testing.check_reward(task.reward, examples=examples)


def test_the_built_in_questions():
    rows = gym.make(ID).unwrapped.task.rows
    assert [len(rows[split]) for split in SPLITS] == [40, 10, 10]
    assert len({row.prompt for split in SPLITS for row in rows[split]}) == len(QUESTIONS) == 60
    tasks = [gym.make(ID, split=split).unwrapped.task for split in SPLITS]
    for task in tasks:
        for i in range(len(task)):
            assert len(task.prompt_ids(i)) <= task.max_prompt_tokens
            assert task[i].prompt.endswith("?\nAnswer:")
            assert task.reward([task[i].prompt], [task.answer(task[i])], references=[list(task[i].references)]) == [1.0]


def test_data_of_ones_own(file):
    env = gym.make(ID, data=file, prompt="question", references="answer", metrics=["exact_match"], stop="\n")
    task = env.unwrapped.task
    assert sum(len(task.rows[split]) for split in SPLITS) == 60
    assert task[0].columns == {"level": "easy"}
    assert (repr(task.reward), list(task.metrics), task.stop) == ("token_f1", ["exact_match"], ("\n",))
    answers = {row["question"]: row["answer"] for row in ROWS}
    kwargs = {"data": file, "prompt": "question", "references": "answer", "streaming": True}
    assert textgym.evaluate(answers.__getitem__, ID, episodes=4, **kwargs).mean == 1.0
    testing.check_vector_env(gym.make(ID, **kwargs).spec.id, steps=20)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json())).unwrapped.task
    assert again.rows == task.rows


def test_objects_templates_and_other_rewards():
    env = gym.make(
        ID,
        data={"train": ROWS, "test": ROWS[:3]},
        template="{question}\n({level})",
        reward=lambda prompts, completions, **columns: [float(len(text)) for text in completions],
        tokenizer="chars:Whatis 0123456789+?\n(easy)".replace("isy", "").replace("asy", "y"),
        max_prompt_tokens=30,
        max_new_tokens=5,
    )
    _, info = env.reset(options={"prompt_index": 3})
    assert info["prompt"] == "What is 3 + 3?\n(easy)"


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"prompt": "question"}, OptionError, r"prompt='question' describes data that is not given.*data="),
        ({"streaming": True}, OptionError, r"streaming=True describes data"),
        ({"data": ROWS, "prompt": "question"}, OptionError, r"Nothing says what a completion is worth: give reward="),
        ({"data": ROWS, "prompt": "qestion", "references": "answer"}, DataError, "row 1 .* Did you mean 'question'"),
        ({"data": "no/such.csv", "references": "answer"}, DataError, r"no data file 'no/such.csv'"),
        ({"dat": ROWS}, OptionError, r"Unknown option dat=.* Did you mean 'data'"),
        ({"data": "someone/some-set", "reward": "length"}, DataError, r"'someone/some-set' could not be loaded"),
    ],
)
def test_what_cannot_be(options, error, message):
    with pytest.raises(error, match=message):
        gym.make(ID, **options)
