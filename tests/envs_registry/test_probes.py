"""The probes: scores between chance and best, what each isolates, and that the easy ones are solved."""

from __future__ import annotations

from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.agents import PPO, REINFORCE, RandomAgent
from textgym.data import SPLITS
from textgym.envs_registry.probe_recipe import AboveChance
from textgym.errors import OptionError
from textgym.generated import sample
from textgym.rewards import make
from textgym.tasks import Task

PROBES = [env_id for env_id in textgym.suites["probe"] if env_id.startswith("TextGen-Probe")]
HARDER: dict[str, list[dict[str, Any]]] = {
    "TextGen-ProbeDelay-v0": [{"delay": 0, "letters": 26}, {"delay": 100, "data_seed": 3}],
    "TextGen-ProbeDiscount-v0": [{"bonus": 3}, {"delays": [1, 2], "bonus": 1}, {"delays": [1, 3, 10, 30, 100]}],
    "TextGen-ProbeExplore-v0": [{"size": 1}, {"size": 50, "data_seed": 1}],
    "TextGen-ProbeLength-v0": [{"max_length": 20, "test_length": 21}],
    "TextGen-ProbeMemory-v0": [{"gap": 100}, {"gap": 4, "key_length": 3, "letters": 26}],
    "TextGen-ProbeNoise-v0": [{"deviation": 0}, {"deviation": 10.0}],
    "TextGen-ProbeScale-v0": [{"scale": 0.01}, {"scale": 1000}],
    "TextGen-ProbeShift-v0": [{"train_forms": ["between"], "test_forms": ["around", "plain"]}],
    "TextGen-ProbeVocabulary-v0": [{"letters": 26, "max_length": 12}],
}
SETTINGS = [(env_id, options) for env_id in PROBES for options in [{}, *HARDER[env_id]]]


def task_of(env_id: str, **options: Any) -> Task:
    return gym.make(env_id, **options).unwrapped.task  # type: ignore[attr-defined]


def play(env: gym.Env, text: str) -> tuple[list[float], dict[str, Any]]:
    env.reset()
    paid, info = [], {}
    for token in env.unwrapped.task.tokenizer.encode(text):
        _, reward, over, _, info = env.step(token)
        paid.append(reward)
        if over:
            break
    return paid, info


@pytest.mark.parametrize(("env_id", "options"), SETTINGS)
def test_the_oracle_scores_one_and_chance_zero(env_id, options):
    for split in ("validation", "test"):
        task = task_of(env_id, split=split, **options)
        answers = {row.prompt: task.answer(row) for row in sample(task.rows[split], 1)}
        oracle = textgym.evaluate(answers.__getitem__, env_id, episodes=256, split=split, **options)
        assert oracle.metrics["score"].mean == 1.0
        assert oracle.metrics.get("success", oracle.metrics["score"]).mean == 1.0
        assert oracle.mean == pytest.approx({"Noise": 1.0, "Discount": 1.1}.get(task.name[5:], task.reward.range[1]))
    chance = textgym.evaluate(RandomAgent(gym.make(env_id, **options), seed=0), env_id, episodes=256, **options)
    assert 0 <= chance.metrics["score"].mean <= 0.15


def test_every_probe_is_tagged_with_what_it_isolates():
    capabilities = {env_id: set(textgym.entries()[env_id].tags) - {"probe", "masked"} for env_id in PROBES}
    assert len(PROBES) == 9
    assert all(len(tags) == 1 for tags in capabilities.values()), capabilities


def test_the_score_is_that_above_chance_over_a_corpus_and_bare_of_one_completion():
    score = AboveChance(make("exact_match"), 0.25)
    references = [["a"]] * 4
    assert score.score([""] * 4, ["a", "a", "b", ""], references=references).total.tolist() == [1, 1, 0, 0]
    assert score.corpus([""] * 4, ["a", "a", "b", "b"], references=references) == pytest.approx(1 / 3)
    assert score.corpus([""] * 4, ["b"] * 4, references=references) == 0.0


def test_delay_pays_at_the_end_for_the_first_letter_alone():
    env = gym.make("TextGen-ProbeDelay-v0", delay=3)
    right = env.unwrapped.task[0].references[0][0]
    assert [play(env, right + rest)[0] for rest in ("bcd", "aaa")] == [[0, 0, 0, 1]] * 2
    wrong = "a" if right != "a" else "b"
    assert play(env, wrong + right * 3)[0] == [0, 0, 0, 0]
    letters = {task_of("TextGen-ProbeDelay-v0", data_seed=seed)[0].references[0][0] for seed in range(10)}
    assert len(letters) > 3


def test_eos_does_not_shorten_the_wait():
    env = gym.make("TextGen-ProbeDelay-v0", delay=3)
    env.reset()
    env.step(env.unwrapped.task.tokenizer.encode(env.unwrapped.task[0].references[0][0])[0])
    assert env.step(env.unwrapped.task.tokenizer.eos_id)[1:3] == (0.0, True)
    assert not env.unwrapped.action_masks()[env.unwrapped.task.tokenizer.eos_id]


@pytest.mark.parametrize(("chain", "step", "pays"), [("a", 1, 1.0), ("b", 3, 1.1), ("c", 10, 1.0)])
def test_a_chain_pays_once_after_its_wait(chain, step, pays):
    env = gym.make("TextGen-ProbeDiscount-v0", delays=[1, 3, 10], bonus=3)
    paid, _ = play(env, chain + "b" * 10)
    assert np.flatnonzero(paid).tolist() == [step]
    assert paid[step] == pays


def test_how_far_to_look_is_the_discounts_to_say():
    returns = {
        gamma: [
            play(gym.make("TextGen-ProbeDiscount-v0", gamma=gamma), c + "a" * 30)[1]["discounted_return"]
            for c in "abcd"
        ]
        for gamma in (1.0, 0.9)
    }
    assert np.argmax(returns[1.0]) == 3
    assert np.argmax(returns[0.9]) == 0


def test_each_right_move_into_the_deep_sea_costs_until_the_treasure():
    env = gym.make("TextGen-ProbeExplore-v0", size=4, data_seed=2)
    treasure = env.unwrapped.task[0].references[0]
    wrong = treasure.translate(str.maketrans("ab", "ba"))
    texts = [treasure, wrong, treasure[:2] + wrong[2:], treasure[:3] + wrong[3:]]
    assert [sum(play(env, text)[0]) for text in texts] == pytest.approx([0.99, 0.0, -0.005, -0.0075])
    task = task_of("TextGen-ProbeExplore-v0", size=40)
    assert len(set(task[0].references[0])) == 2


def test_noise_is_of_the_row_and_the_completion_and_has_the_deviation():
    task = task_of("TextGen-ProbeNoise-v0", deviation=2.0)
    rows = [task[i] for i in range(4_000)]
    columns = {"references": [list(row.references) for row in rows]}
    columns["noise_seed"] = [row.columns["noise_seed"] for row in rows]
    prompts, answers = [row.prompt for row in rows], [row.references[0] for row in rows]
    paid = task.reward.score(prompts, answers, **columns)
    assert paid.total.mean() == pytest.approx(1.0, abs=0.1)
    assert paid.total.std() == pytest.approx(2.0, abs=0.1)
    assert np.array_equal(paid.total, task.reward.score(prompts, answers, **columns).total)
    other = task.reward.score(prompts, ["="] * len(rows), **columns).terms["noise"]
    assert abs(np.corrcoef(other, paid.terms["noise"])[0, 1]) < 0.05
    assert not any(task.rows[split][0].columns for split in ("validation", "test"))
    given = gym.make("TextGen-ProbeNoise-v0", reward=task.reward, split="test")
    assert play(given, "a")[1]["reward_terms"]["noise"] == 0.0


def test_the_test_strings_are_longer():
    rows = task_of("TextGen-ProbeLength-v0").rows
    lengths = {split: {len(row.references[0]) for row in sample(rows[split], 500)} for split in SPLITS}
    assert lengths == {"train": {3, 4, 5, 6}, "validation": {3, 4, 5, 6}, "test": {7, 8, 9, 10, 11, 12}}


def test_a_command_meets_the_letters_of_the_test_in_the_test_alone():
    rows = task_of("TextGen-ProbeVocabulary-v0").rows
    pairs = {
        split: {(row.prompt[0], letter) for row in sample(rows[split], 2_000) for letter in row.prompt[1:]}
        for split in SPLITS
    }
    assert pairs["train"] == pairs["validation"]
    assert not pairs["train"] & pairs["test"]
    for i in (0, 1):  # every command, every letter is familiar
        assert {pair[i] for pair in pairs["test"]} == {pair[i] for pair in pairs["train"]}
    answers = {row.prompt[0] + str(len(row.prompt) - 1): row for row in rows["test"]}
    assert answers["<3"].references[0] == answers["<3"].prompt[:0:-1]
    assert answers["+3"].references[0] == "".join(letter * 2 for letter in answers["+3"].prompt[1:])


def test_the_form_of_the_test_is_new_and_its_characters_are_not():
    rows = task_of("TextGen-ProbeShift-v0").rows
    train, test = sample(rows["train"], 2_000), rows["test"]
    assert all(row.prompt == ".".join(row.references[0]) + "=" for row in test)
    assert not any("." in row.prompt.strip(".=") for row in train)
    assert {c for row in test for c in row.prompt} == {c for row in train for c in row.prompt}
    assert not {row.references for row in test} & {row.references for row in train}


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("Delay", {"delay": -1}, "delay is a whole number from 0 to 1000. Actual value: -1"),
        ("Delay", {"letters": 1}, "letters"),
        ("Discount", {"delays": "13"}, "list of 2 to 26"),
        ("Discount", {"delays": [3, 1]}, "rise"),
        ("Discount", {"delays": [1, 0.5]}, "Each of delays"),
        ("Discount", {"bonus": 7}, r"one of delays, \[1, 3, 10, 30\]. Actual value: 7"),
        ("Explore", {"size": 1000}, "size"),
        ("Length", {"max_length": 12}, "test_length is a whole number from 13"),
        ("Noise", {"deviation": float("nan")}, "deviation is a number from 0 to 1000. Actual value: nan"),
        ("Scale", {"scale": 0}, "scale is a number"),
        ("Shift", {"test_forms": ["plain"]}, "'plain' in both"),
        ("Shift", {"test_forms": ["betwen"]}, "Did you mean 'between'"),
        ("Shift", {"train_forms": "plain"}, "list of forms"),
        ("Vocabulary", {"letters": 3}, "letters is a whole number from 6"),
    ],
)
def test_options_that_cannot_be(name, options, message):
    with pytest.raises(OptionError, match=message):
        gym.make(f"TextGen-Probe{name}-v0", **options)


@pytest.mark.parametrize(
    ("algorithm", "name", "options", "tokens"),
    [
        (REINFORCE, "Delay", {"delay": 5}, 20_000),
        (PPO, "Explore", {"size": 5}, 20_000),
        (partial(REINFORCE, n_steps=4), "Memory", {"gap": 7, "letters": 4}, 10_000),
    ],
)
def test_the_easy_settings_are_solved(algorithm, name, options, tokens):
    env_id = f"TextGen-Probe{name}-v0"
    agent = algorithm("scratch", env_id, env_kwargs=options, seed=0, device="cpu").learn(tokens)
    assert textgym.evaluate(agent, env_id, episodes=256, **options).metrics["score"].mean > 0.8
