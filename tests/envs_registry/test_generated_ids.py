"""What holds for every generated id: addressable, endless, disjoint, answered by its references, flat in memory."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import gymnasium as gym
import pytest

import textgym
from textgym import tasks
from textgym.agents import RandomAgent
from textgym.data import SPLITS
from textgym.generated import ENDLESS, FROZEN
from textgym.tasks import Task

IDS = [env_id for env_id in textgym.suites["algorithmic"] if env_id in textgym.suites["generated"]]
DRAWS = 10_000

HARDER: dict[str, list[dict[str, Any]]] = {
    "TextGen-Arithmetic-v0": [
        {"level": 1, "max_digits": 4},
        {"level": 3},
        {"level": 4, "min_digits": 2, "max_digits": 15},
    ],
    "TextGen-Brackets-v0": [{"kinds": 1, "min_length": 16, "max_length": 40}, {"kinds": 2}],
    "TextGen-Copy-v0": [{"min_length": 20, "max_length": 40}, {"letters": 4, "min_length": 6}],
    "TextGen-Dates-v0": [
        {"max_days": 400},
        {"sources": ["iso", "dotted"], "target": "written", "last_year": 1999},
    ],
    "TextGen-Reverse-v0": [{"min_length": 20, "max_length": 40}, {"letters": 4, "min_length": 6}],
    "TextGen-Sort-v0": [{"min_length": 20, "max_length": 40}, {"letters": 8, "min_length": 6}],
}
SETTINGS = [(env_id, options) for env_id in IDS for options in [{}, *HARDER[env_id]]]


def make(env_id: str, **options: Any) -> Task:
    return gym.make(env_id, **options).unwrapped.task  # type: ignore[attr-defined]


def oracle(task: Task) -> Any:
    """An agent that knows the references of the prompts of all splits, the first of an endless one."""
    rows = (task.rows[split][i] for split in SPLITS for i in range(min(512, len(task.rows[split]))))
    answers = {row.prompt: row.references[0] for row in rows}
    return lambda prompt: answers[prompt]


@pytest.mark.parametrize(("env_id", "options"), SETTINGS)
def test_the_reference_earns_all_and_fits_the_budget(env_id: str, options: dict[str, Any]) -> None:
    task = make(env_id, **options)
    for split in SPLITS:
        for partial in (False, True):
            played = {"partial": partial, **options}
            report = textgym.evaluate(oracle(task), env_id, episodes=256, split=split, **played)
            assert report.mean == 1.0, (split, partial)
            assert report.metrics["success"].mean == 1.0
            assert [report.metrics[name].mean for name in make(env_id, **played).metrics] == [1.0]
            assert {episode.finish_reason for episode in report.episodes} == {"eos"}


@pytest.mark.parametrize("env_id", IDS)
def test_chance_earns_next_to_nothing(env_id: str) -> None:
    agent = RandomAgent(gym.make(env_id), seed=0)
    assert textgym.evaluate(agent, env_id, episodes=512).mean < 0.05
    assert 0 < textgym.evaluate(agent, env_id, episodes=512, partial=True).mean < 0.25


@pytest.mark.parametrize("env_id", IDS)
def test_partial_credit_is_the_metric_or_the_reward(env_id: str) -> None:
    exact, partial = make(env_id), make(env_id, partial=True)
    assert exact.metrics == {partial.reward.name: partial.reward}
    assert partial.metrics == {exact.reward.name: exact.reward}
    row = exact[0]
    texts = ["", row.references[0], row.references[0][:-1], row.references[0] * 2, row.prompt]
    columns = {"references": [list(row.references)] * len(texts)}
    one, other = (task.reward.score([row.prompt] * len(texts), texts, **columns).total for task in (exact, partial))
    assert ((one == 1) == (other == 1)).all()
    assert ((other >= 0) & (other <= 1)).all()


@pytest.mark.parametrize("env_id", IDS)
def test_no_prompt_is_in_two_splits(env_id: str) -> None:
    rows = make(env_id).rows
    assert {split: len(rows[split]) for split in SPLITS} == {"train": ENDLESS, **FROZEN}
    seen = {split: {row.prompt for row in rows[split][:DRAWS]} for split in SPLITS}
    assert {split: len(seen[split]) for split in FROZEN} == FROZEN
    assert sum(map(len, seen.values())) == len(set.union(*seen.values()))
    other = {row.prompt for row in make(env_id, data_seed=1).rows["train"][:DRAWS]}
    assert not other & (seen["validation"] | seen["test"])


@pytest.mark.parametrize("env_id", ["TextGen-Sort-v0", "TextGen-Dates-v0", "TextGen-Copy-v0", "TextGen-Reverse-v0"])
def test_no_answer_is_in_two_splits(env_id: str) -> None:
    rows = make(env_id).rows
    answers = {split: {row.references for row in rows[split][:DRAWS]} for split in SPLITS}
    assert sum(map(len, answers.values())) == len(set.union(*answers.values()))


@pytest.mark.parametrize("env_id", IDS)
def test_draws_are_new(env_id: str) -> None:
    """Of 10,000 draws most are unique; short sums and brackets come again, as they must."""
    prompts = {row.prompt for row in make(env_id).rows["train"][:DRAWS]}
    assert len(prompts) > 0.8 * DRAWS


@pytest.mark.parametrize("env_id", IDS)
def test_items_are_addressed(env_id: str) -> None:
    one, other = make(env_id), make(env_id)
    numbers = [0, 1, 7, 2**33, ENDLESS - 1]
    assert [one[i] for i in numbers] == [other[i] for i in reversed(numbers)][::-1]
    env = gym.make(env_id)
    for i in numbers:
        _, info = env.reset(options={"prompt_index": i})
        assert (info["prompt"], info["prompt_index"]) == (one[i].prompt, i)


@pytest.mark.parametrize("env_id", IDS)
def test_seeds_do_not_share_items(env_id: str) -> None:
    env = gym.make(env_id)
    first, second = ([env.reset(seed=seed)[1], *(env.reset()[1] for _ in range(300))] for seed in (41, 42))
    assert not {info["prompt_index"] for info in first} & {info["prompt_index"] for info in second}
    one, other = ({row.prompt for row in make(env_id, data_seed=seed).rows["train"][:300]} for seed in (41, 42))
    assert len(one & other) < 30


@pytest.mark.parametrize(
    ("env_id", "longer"),
    [
        ("TextGen-Arithmetic-v0", {"min_digits": 4, "max_digits": 6}),
        ("TextGen-Brackets-v0", {"min_length": 17, "max_length": 32}),
        ("TextGen-Copy-v0", {"min_length": 11, "max_length": 20}),
        ("TextGen-Dates-v0", {"max_days": 400}),
        ("TextGen-Reverse-v0", {"min_length": 11, "max_length": 20}),
        ("TextGen-Sort-v0", {"min_length": 11, "max_length": 20}),
    ],
)
def test_what_is_learnt_short_can_be_asked_long(env_id: str, longer: dict[str, Any]) -> None:
    long = gym.make(env_id, **longer)
    task: Task = long.unwrapped.task  # type: ignore[attr-defined]
    short = gym.make(env_id, max_prompt_tokens=task.max_prompt_tokens, max_new_tokens=task.max_new_tokens)
    assert short.observation_space == long.observation_space
    assert short.action_space == long.action_space
    shorter, longest = (
        max(len(row.prompt) for row in make(env_id, **each).rows["train"][:500]) for each in ({}, longer)
    )
    assert shorter < longest < task.max_prompt_tokens


def test_memory_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of prompts is bounded; 200 are in place of 16,384, so that the test need not fill those."""
    monkeypatch.setattr(tasks, "ENCODED", 200)
    env = gym.make("TextGen-Copy-v0")
    env.reset(seed=0)

    def size_after(resets: int) -> int:
        for _ in range(resets):
            env.reset()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        sizes = [size_after(2_500) for _ in range(3)]
    finally:
        tracemalloc.stop()
    assert max(sizes) - min(sizes) < 1_000_000  # 2,500 rows with their ids are 2 MB
    assert len(env.unwrapped.task._encoded) <= 200  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        ("Copy", {"min_length": 0}, "min_length is a whole number from 1 to 1000. Actual value: 0"),
        ("Copy", {"min_length": 11}, "min_length must not exceed max_length. Actual values: 11 and 10"),
        ("Reverse", {"letters": 27}, "letters is a whole number from 2 to 26. Actual value: 27"),
        ("Sort", {"max_length": 3.5}, "max_length .* Actual value: 3.5"),
        ("Sort", {"partial": "yes"}, "partial is True or False. Actual value: 'yes'"),
        ("Sort", {"data_seed": -1}, "data_seed .* Actual value: -1"),
        ("Arithmetic", {"level": 5}, "level is a whole number from 1 to 4. Actual value: 5"),
        ("Arithmetic", {"max_digits": 16}, "max_digits .* from 1 to 15. Actual value: 16"),
        ("Arithmetic", {"digits": 2}, r"digits=2. Did you mean 'm\w+_digits'"),
        ("Brackets", {"kinds": True}, "kinds .* Actual value: True"),
        ("Dates", {"target": "ISO"}, "target knows no form 'ISO' .* The forms are iso, dotted, american, written"),
        ("Dates", {"sources": ["isso"]}, r"sources knows no form 'isso' of a date. Did you mean 'iso'\?"),
        ("Dates", {"sources": "iso"}, "sources is a list of forms.* Actual value: 'iso'"),
        ("Dates", {"sources": []}, "sources is a list of forms"),
        ("Dates", {"last_year": 1899}, "last_year is a whole number from 1900 to 9999. Actual value: 1899"),
        ("Dates", {"last_year": 9999, "max_days": 1}, "beyond the calendar"),
    ],
)
def test_bad_options_say_what_and_how(env_id: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(textgym.errors.OptionError, match=message):
        gym.make(f"TextGen-{env_id}-v0", **options)


def test_a_task_with_too_few_prompts_says_so() -> None:
    task = make("TextGen-Arithmetic-v0", level=1, max_digits=1)
    assert task[0].prompt.count("+") == 1
    with pytest.raises(textgym.errors.DataError, match=r"too few prompts.*more digits"):
        make("TextGen-Arithmetic-v0", level=1, max_digits=1, split="test")[0]
