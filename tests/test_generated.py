"""Generated rows: pure in (seed, split, i), disjoint whatever the seed, endless in training, distinct elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import textgym
from textgym import generated, rewards, tokenizers
from textgym.data import SPLITS, Row, hashed_split
from textgym.errors import DataError, OptionError
from textgym.generated import ENDLESS, FROZEN, Generated


def number(rng: np.random.Generator) -> Row:
    value = int(rng.integers(10**6))
    return Row(f"{value}+1=", (str(value + 1),))


def parity(rng: np.random.Generator) -> Row:
    return Row(str(rng.integers(2)))


def test_an_item_depends_on_seed_split_and_number_alone() -> None:
    one, other = (Generated(number, "train", seed=5) for _ in range(2))
    backwards = [other[i] for i in reversed(range(2000))][::-1]  # more than are remembered
    assert [one[i] for i in range(2000)] == backwards
    test = Generated(number, "test", seed=5)
    assert test[500] == Generated(number, "test", seed=5)[500]
    assert test[-1] == test[511]
    assert one[ENDLESS - 1] == one[-1] == other[ENDLESS - 1]


def test_neighbouring_seeds_and_items_share_nothing() -> None:
    """Streams are hashed: with ``seed + i``, two neighbouring seeds would share all items but one."""
    prompts = [{Generated(number, "train", seed=seed)[i].prompt for i in range(500)} for seed in (42, 43, 44)]
    assert all(len(one) > 495 for one in prompts)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert len(prompts[one] & prompts[other]) < 5  # of a million prompts two hundred thousandths meet


def test_splits_are_disjoint_whatever_the_seed() -> None:
    seen: dict[str, set[str]] = {split: set() for split in SPLITS}
    for seed in range(3):
        for split, rows in generated.splits(number, seed=seed).items():
            seen[split] |= {row.prompt for row in rows[: min(len(rows), 2000)]}
    assert not seen["train"] & seen["validation"]
    assert not seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]
    assert all(hashed_split(prompt) == split for split, prompts in seen.items() for prompt in prompts)


def test_lengths_and_distinctness_of_the_frozen_splits() -> None:
    rows = generated.splits(number)
    assert len(rows["train"]) == ENDLESS
    for split, size in FROZEN.items():
        assert len(rows[split]) == size == len({row.prompt for row in rows[split]})


def test_the_key_decides_the_split() -> None:
    def pair(rng: np.random.Generator) -> Row:
        a, b = rng.integers(200, size=2).tolist()
        return Row(f"{a}+{b}")

    def unordered(row: Row) -> str:
        return "+".join(sorted(row.prompt.split("+")))

    rows = generated.splits(pair, key=unordered)
    train = {row.prompt for row in rows["train"][:5000]}
    for row in rows["test"]:
        a, b = row.prompt.split("+")
        assert not {f"{a}+{b}", f"{b}+{a}"} & train


def test_it_is_a_sequence() -> None:
    rows = Generated(number, "test", size=4)
    assert list(rows) == list(rows[:]) == [rows[i] for i in range(4)]
    assert rows[1:3] == (rows[1], rows[2])
    assert rows[0] in rows
    with pytest.raises(IndexError):
        rows[4]


def test_too_few_prompts_are_an_error_and_no_endless_loop() -> None:
    for split in ("validation", "test"):
        with pytest.raises(DataError, match=f"too few prompts.* {split} split of {FROZEN[split]}"):
            Generated(parity, split)[0]
    assert Generated(parity, hashed_split("0"), size=1)[0].prompt in "01"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "no split 'dev'"),
        ({"seed": -1}, "seed .* Actual value: -1"),
        ({"seed": 1.5}, "seed .* Actual value: 1.5"),
        ({"seed": True}, "seed .* Actual value: True"),
        ({"size": 0}, "size .* Actual value: 0"),
    ],
)
def test_bad_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Generated(number, **{"split": "test", **options})  # type: ignore[arg-type]


def test_a_sample_of_an_endless_split_and_all_of_any_other() -> None:
    rows = generated.splits(number)
    assert generated.sample(rows["train"], 20) == generated.sample(Generated(number, "train"), 20)
    assert len({row.prompt for row in generated.sample(rows["train"], 20)}) == 20
    assert generated.sample(rows["test"], 20) == list(rows["test"])


def test_a_task_of_ones_own_plays_generated_rows() -> None:
    task = textgym.Task(
        "successor",
        generated.splits(number),
        tokenizers.load("chars:0123456789+="),
        rewards.make("exact_match"),
        max_prompt_tokens=10,
        max_new_tokens=8,
    )
    report = textgym.evaluate(lambda prompt: str(int(prompt.split("+")[0]) + 1), task, episodes=32, split="train")
    assert report.mean == 1.0
