"""TextGen-Sentiment: continue an opening so that it reads as asked, on our openings or on public reviews."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.data import SPLITS, Row
from textgym.envs_registry import sentiment
from textgym.errors import OptionError
from textgym.evaluation import Oracle
from textgym.rewards import make

ID = "TextGen-Sentiment-v0"
PRAISE, BLAME = " was wonderful. A big thank you from all of us.", " was terrible. What a waste of money."


def task(**options):
    return gym.make(ID, **options).unwrapped.task


def test_the_default_asks_for_positive_and_is_as_it_was():
    """No control word, no column, the registered reward, and the budgets of the first version."""
    found = task()
    assert repr(found.reward) == "sentiment"
    assert (found.max_prompt_tokens, found.max_new_tokens, found.stop) == (24, 40, ())
    assert [len(found.rows[split]) for split in SPLITS] == [240, 60, 60]
    assert "sentiment" not in found[0].columns
    assert list(found.metrics) == ["vader", "perplexity", "distinct_2", "english_words"]


def test_given_asks_every_opening_both_ways():
    plain, given = task(split="test"), task(split="test", sentiment="given")
    assert [given[i].columns["sentiment"] for i in range(4)] == ["positive", "negative"] * 2
    for i in range(len(given)):
        row = given[i]
        assert row.prompt == sentiment.CONTROL[row.columns["sentiment"]] + plain[i // 2].prompt
        assert len(given.prompt_ids(i)) <= given.max_prompt_tokens
    assert len(given) == 2 * len(plain)
    assert max(len(given.tokenizer.encode(text)) for text in sentiment.CONTROL.values()) == sentiment.CONTROL_TOKENS


def test_negative_asks_the_same_openings():
    plain, negative = task(), task(sentiment="negative")
    assert [negative[i].prompt for i in range(len(negative))] == [plain[i].prompt for i in range(len(plain))]
    assert negative.max_prompt_tokens == plain.max_prompt_tokens


def test_the_sign_is_what_was_asked_and_the_word_that_asks_is_not_judged():
    given = task(sentiment="given")
    rows = [given[0], given[1]]
    columns = {"sentiment": [row.columns["sentiment"] for row in rows]}
    opening = task()[0].prompt
    for name, reward in (("sentiment", given.reward), ("vader", given.metrics["vader"])):
        praise, blame = make(name).score([opening] * 2, [PRAISE, BLAME]).total
        prompts = [row.prompt for row in rows]
        assert reward.score(prompts, [PRAISE, PRAISE], **columns).total == pytest.approx([praise, -praise], abs=1e-4)
        assert reward.score(prompts, [BLAME, BLAME], **columns).total == pytest.approx([blame, -blame], abs=1e-4)
        assert reward.score(prompts, ["", " "], **columns).total.tolist() == [-1.0, -1.0]


@pytest.mark.parametrize("asked", ["positive", "negative", "given"])
def test_the_oracle_is_outspoken(asked):
    report = textgym.evaluate(Oracle(), ID, episodes=120 if asked == "given" else 60, sentiment=asked)
    assert report.mean >= 0.95


def test_a_subject_comes_first_where_a_clause_begins():
    answers = {text: sentiment.outspoken(Row(text), ()) for text in ("The driver rang and", "The kettle", "Once here,")}
    assert answers == {"The driver rang and": " it" + PRAISE, "The kettle": PRAISE, "Once here,": " it" + PRAISE}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sentiment": "positiv"}, r"no sentiment 'positiv' to ask for\. Did you mean 'positive'"),
        ({"sentiment": None, "data": "imbd"}, r"knows no data set 'imbd'\. Did you mean 'imdb'"),
        ({"data_path": "reviews"}, r"knows no data set None\. It knows imdb, yelp"),
    ],
)
def test_what_cannot_be_asked(options, message):
    with pytest.raises(OptionError, match=message):
        gym.make(ID, **options)


@pytest.mark.parametrize(("name", "labels"), [("imdb", ["neg", "pos"]), ("yelp", ["1", "2"])])
def test_public_reviews(name, labels, tmp_path):
    """First words of a review are the opening; the set's training split is dealt to validation."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=labels))

    def reviews(start, size):
        texts = [
            f'Review {i}: I saw it<br /><br />with my \\"aunt\\",\\nand it ' + "went on " * 40
            for i in range(start, start + size)
        ]
        records = [{"text": text, "label": i % 2} for i, text in enumerate(texts)]
        return datasets.Dataset.from_list(records, features=features)

    datasets.DatasetDict(train=reviews(0, 40), test=reviews(40, 10)).save_to_disk(tmp_path / "set")
    found = task(data=name, data_path=str(tmp_path / "set"), sentiment="given", split="test")
    assert found[0].prompt == 'Positive: Review 40: I saw it with my "aunt", and it went on'
    assert len(found) == 20
    assert [len(found.rows[split]) > 0 for split in SPLITS] == [True] * 3
    env = gym.make(ID, data=name, data_path=str(tmp_path / "set"))
    _, info = env.reset(seed=0)
    assert len(info["prompt"].split()) == sentiment.OPENING_WORDS
    over = False
    while not over:
        _, reward, over, _, info = env.step(env.unwrapped.task.tokenizer.eos_id)
    assert reward == -1.0


def test_an_opening_is_never_more_than_half_of_a_review():
    assert sentiment.opening({"text": "Good food and kind people"}) == Row("Good food and")
    assert sentiment.opening({"text": "Good"}) == Row("Good")
    long = sentiment.opening({"text": " ".join(map(str, range(100)))})
    assert np.array_equal(long.prompt.split(), [str(i) for i in range(12)])
