"""TextGen-Preference: what is asked, what the shipped preferences say, and what their model has learnt of it."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym import assets, testing
from textgym.agents import RandomAgent
from textgym.assets import preference_pairs, preference_requests
from textgym.assets.preference_model import GOOD
from textgym.assets.preference_pairs import POINTS, Spoiler
from textgym.assets.preference_requests import FAREWELLS, GREETINGS, KINDS
from textgym.assets.preference_tables import CLOSINGS, TABLES
from textgym.data import SPLITS, Row
from textgym.errors import OptionError, RewardError
from textgym.evaluation import Oracle
from textgym.rewards import make
from textgym.rewards.examples import Examples
from textgym.rewards.preference import Preference
from textgym.tokenizers import load

ID = "TextGen-Preference-v0"
WORDS = ["the", " kettle", "ing", "#", " of"]


def task(**options):
    return gym.make(ID, **options).unwrapped.task


def records(tables):
    """Every combination of records of some tables, as one mapping of slots each."""
    for chosen in itertools.product(*(TABLES[table] for table in tables)):
        yield {name: value for record in chosen for name, value in record.items()}


def longest(texts):
    return max(texts, key=lambda text: len(load("tiny").encode(text)))


def test_the_longest_request_and_reply_fit():
    tokenizer, found = load("tiny"), task()
    greeting, farewell, closing = longest(GREETINGS), longest(FAREWELLS), longest(CLOSINGS)
    prompts, replies = [], []
    for kind in KINDS:
        opening = longest(kind.openings)
        facts = [max(TABLES[table], key=lambda record: len(str(record))) for table in kind.facts]
        for values in records(kind.slots):
            filled = dict(values)
            for record in facts:
                filled |= record
            prompts += [
                preference_requests.PROMPT.format(text=greeting + ask.format_map(values) + farewell)
                for ask in kind.asks
            ]
            cores = [answer.format_map(filled) for answer in kind.answers]
            replies += [f" {opening} {core[0].upper()}{core[1:]}" for core in cores]
            replies += [f"{reply} {closing}" for reply in replies[-len(cores) :]]
    for texts, budget in ((prompts, found.max_prompt_tokens), (replies, found.max_new_tokens)):
        texts = sorted(texts, key=len)[-1_000:]
        assert max(len(tokenizer.encode(text)) for text in texts) + 1 <= budget  # BOS, EOS


def test_requests_and_replies_are_good_english():
    rng = random.Random(0)
    for _ in range(3_000):
        request = preference_requests.draw(rng)
        for text in (request.text, preference_requests.reference(request)):
            assert not re.search(r"\b[Aa] [aeiou]|\b[Aa]n [^aeiouh]|  |[{}|]|\b(\w+) \1\b", text), text
            assert text[0].isupper() or text[0].isdigit()
        assert preference_requests.reference(request)[-1] in ".!?"
        assert preference_requests.reference(request) == preference_requests.reference(request)


def test_what_is_asked_is_in_one_split():
    rows = {split: task().rows[split] for split in SPLITS}
    asked = {split: {row.columns["asked"] for row in rows[split][:512]} for split in SPLITS}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not asked[one] & asked[other]
    kinds = {key.partition("/")[0] for key in asked["test"]}
    assert kinds == {kind.name for kind in KINDS}


def test_preferences_follow_the_points():
    pairs = list(preference_pairs.preferences("train", 600, WORDS, ["Let me see."], seed=3))
    assert pairs == list(preference_pairs.preferences("train", 600, WORDS, ["Let me see."], seed=3))
    assert all(pair["prompt"].endswith("\nAgent:") and pair["chosen"] != pair["rejected"] for pair in pairs)
    assert set(Counter(pair["group"] for pair in pairs)) <= set(POINTS)
    good = preference_pairs.Candidate("", "good")
    for way, points in POINTS.items():
        chance = preference_pairs.preferred(good, preference_pairs.Candidate("", way))
        assert chance == pytest.approx(1 / (1 + np.exp(points - POINTS["good"])))
    rng, right = random.Random(0), []
    for _ in range(20_000):  # the ceiling, as the pairs are drawn
        first = "good" if rng.random() < preference_pairs.GOOD_SHARE else rng.choice(preference_pairs.WAYS)
        second = rng.choice([way for way in preference_pairs.WAYS if way != first])
        right.append(preference_pairs.sigmoid(abs(POINTS[first] - POINTS[second])))
    assert preference_pairs.ceiling() == pytest.approx(np.mean(right), abs=0.003)


def test_every_way_to_spoil_a_reply_is_another():
    rng = random.Random(0)
    spoiler = Spoiler(rng, WORDS, ["Let me see."])
    request = preference_requests.draw(rng)
    for way in POINTS:
        texts = [spoiler.make(request, way).text for _ in range(20)]
        assert all(texts), way
    good = spoiler.make(request, "good").text
    assert good[0].isupper()
    assert good[-1] in ".!?"
    assert spoiler.make(request, "careless").text.islower()
    assert not spoiler.make(request, "unfinished").text.endswith((".", "!", "?"))


def test_the_oracle_pleases_and_chance_does_not():
    assert textgym.evaluate(Oracle(), ID, episodes=256).mean >= 0.95
    random_agent = RandomAgent(gym.make(ID), seed=0)
    assert textgym.evaluate(random_agent, ID, episodes=64).mean <= 0.1


PROMPT = "Customer: Hello! Is the green suitcase still available?\nAgent:"
REPLIES = (
    " Thank you for asking! You find the green suitcase next to the entrance.",
    " Thank you for your message about the suitcase. We will look into it.",
    " Nobody cares about your suitcase. Go away and do not write again.",
    " great great great great great great great great",
    "",
)


def test_better_replies_earn_more():
    scores = task().reward.score([PROMPT] * len(REPLIES), list(REPLIES)).total
    assert scores[0] > 0.9
    assert scores[1:].max() < 0.5
    assert scores[-1] == 0.0


def test_a_good_reply_to_another_request_is_no_good_reply():
    """Each test prompt with the reference of the next."""
    found = task(split="test")
    rows = [found[i] for i in range(256)]
    prompts, own = [row.prompt for row in rows], [row.references[0] for row in rows]
    scores = found.reward.score(prompts, own).total
    swapped = found.reward.score(prompts, own[1:] + own[:1]).total
    assert np.mean(scores > swapped) > 0.9
    assert swapped.mean() < 0.65


def test_the_audit_passes_on_the_rows_of_the_task():
    found = task(split="test")
    rows = [found[i] for i in range(16)]
    columns = {"references": tuple(list(row.references) for row in rows)}
    examples = Examples(tuple(row.prompt for row in rows), tuple(found.answer(row) for row in rows), columns)
    testing.check_reward(found.reward, examples=examples)
    testing.check_reward(found.reward)


def test_zero_is_where_it_was_set():
    found = task(split="validation")
    rows = [found[i] for i in range(256)]
    scores = make("reward_model", model="preference").score(
        [row.prompt for row in rows], [row.references[0] for row in rows]
    )
    assert scores.total.mean() == pytest.approx(GOOD, abs=0.25)


def test_a_classifier_gives_no_score_of_preferences():
    with pytest.raises(RewardError, match=r"'sentiment' is a classifier of texts .* reward_model\(model='sentiment'\)"):
        Preference(model="sentiment").score(["a"], ["b"])


def test_what_ships_is_small_and_has_a_card():
    folder = assets.path("preference")
    assert (folder / "model.safetensors").stat().st_size < 4_000_000
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert make("preference").fingerprint
    assert "pairwise_accuracy" in card
    for way in POINTS:
        assert f"| {way} |" in card


@pytest.mark.parametrize(
    ("options", "message"),
    [({"data": "hhrlhf"}, "knows no data set 'hhrlhf'.*hh-rlhf"), ({"data_seed": -1}, "data_seed is a whole number")],
)
def test_what_cannot_be_asked(options, message):
    with pytest.raises(OptionError, match=message):
        gym.make(ID, **options)


def dialogue(i, answer):
    return (
        f"\n\nHuman: Can you name {i} birds?\nSmall ones, please.\n\nAssistant: Which country?"
        f"\n\nHuman: Italy\n\nAssistant: {answer}"
    )


def test_hh_rlhf(tmp_path):
    datasets = pytest.importorskip("datasets")

    def part(start, size):
        items = [
            {"chosen": dialogue(i, "A robin,\n\nand a wren."), "rejected": dialogue(i, "No.")}
            for i in range(start, start + size)
        ]
        broken = {"chosen": "\n\nHuman: Hello?\n\nAssistant: ", "rejected": "\n\nHuman: Hello?\n\nAssistant: Hi"}
        return datasets.Dataset.from_list([*items, broken])

    datasets.DatasetDict(train=part(0, 40), test=part(40, 8)).save_to_disk(tmp_path / "hh")
    found = task(data="hh-rlhf", data_path=str(tmp_path / "hh"), split="test")
    assert len(found) == 8
    assert all(len(found.rows[split]) for split in SPLITS)
    assert found[0] == Row(
        "Customer: Can you name 40 birds? Small ones, please.\nAgent: Which country?\nCustomer: Italy\nAgent:",
        (" A robin, and a wren.",),
    )
    play(found)


def test_tldr(tmp_path):
    datasets = pytest.importorskip("datasets")
    parts = {
        split: datasets.Dataset.from_list(
            [
                {"prompt": f"SUBREDDIT: r/tea\n\nTITLE: {split} {i}\n\nPOST: " + "I like tea. " * 200 + "\n\nTL;DR:"}
                | {"completion": " I like\n tea."}
                for i in range(4)
            ]
        )
        for split in SPLITS
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "tldr")
    found = task(data="tldr", data_path=str(tmp_path / "tldr"), split="validation")
    assert found[0].references == (" I like tea.",)
    assert found.tokenizer.decode(found.prompt_ids(0)).endswith("TL;DR:")
    assert len(found.prompt_ids(0)) == found.max_prompt_tokens
    play(found)


def play(found):
    """Writes the first reference and sees it scored."""
    env = textgym.TextGenEnv(found)
    env.reset(options={"prompt_index": 0})
    for token in [*found.tokenizer.encode(found[0].references[0]), found.tokenizer.eos_id]:
        _, reward, over, _, _ = env.step(token)
    assert over
    assert 0.0 <= reward <= 1.0
