"""Rewards on the form of a text, by tables of strings."""

from __future__ import annotations

import json
import re

import pytest

from textgym import rewards
from textgym.errors import RewardError
from textgym.rewards.form import JsonSchema, words


def score(spec: str, text: str, **columns) -> float:
    return rewards.make(spec).score([""], [text], **columns).total.item()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's fine!", ["it's", "fine"]),
        ("  well-known,42 l’été", ["well", "known", "42", "l’été"]),
        ("我爱你。再见", ["我爱你", "再见"]),
        ("?! … 'n' \n", ["n"]),
        ("", []),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


@pytest.mark.parametrize(
    ("spec", "text", "expected"),
    [
        ("length(target=4)", "", 0.0),
        ("length(target=4)", "!!!", 0.0),
        ("length(target=4)", "one", 0.25),
        ("length(target=4)", "one, two... three", 0.75),
        ("length(target=4)", "one two three four", 1.0),
        ("length(target=4)", "one two three four five", 0.75),
        ("length(target=4)", "w " * 8, 0.0),
        ("length(target=4)", "w " * 100, 0.0),
        ("repetition", "", -1.0),
        ("repetition", " ... ", -1.0),
        ("repetition", "once", 0.0),
        ("repetition", "all of it differs", 0.0),
        ("repetition", "Good good GOOD good good", -0.75),
        ("repetition(n=1)", "good good bad", 2 / 3 - 1),
        ("repetition(n=3)", "a b c a b c", 3 / 4 - 1),
        ("repetition(n=3)", "a b c a b c a", 3 / 5 - 1),
        ("distinct_n", "", 0.0),
        ("distinct_n", "once", 0.0),
        ("distinct_n", "all of it differs", 1.0),
        ("distinct_n", "good good good", 0.5),
        ("distinct_n(n=1)", "good good good good", 0.25),
        (r"regex(pattern='\\d+')", "room 12", 1.0),
        (r"regex(pattern='\\d+')", "room", 0.0),
        (r"regex(pattern='\\Aroom\\Z')", "a room", 0.0),
        ("regex", "It ends.", 1.0),
        ("regex", "It ends!  \n", 1.0),
        ("regex", "It goes on", 0.0),
        ("regex", "...", 0.0),
        ("regex", "", 0.0),
    ],
)
def test_scores(spec, text, expected):
    assert score(spec, text) == pytest.approx(expected)


def test_tokens_are_counted_without_the_eos_that_ended_them():
    reward = rewards.make("length(target=2, unit='tokens')")
    ids = [[5, 6, 2], [5, 6], [2], []]
    assert reward.score(
        [""] * 4, ["a", "a", "", ""], completion_ids=ids, finish_reason=["eos", "length", "eos", ""]
    ).total.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert reward([""] * 4, [""] * 4, completion_ids=ids) == [0.5, 1.0, 0.5, 0.0]
    with pytest.raises(RewardError, match="counts completion_ids"):
        reward([""], ["a"])


def test_the_corpus_form_of_distinct_n_pools_completions():
    reward = rewards.make("distinct_n")
    assert reward.corpus(["", ""], ["a good day", "a good day"]) == 0.5
    assert reward.corpus(["", ""], ["a good day", "on"]) == 1.0
    assert reward.corpus([""], [""]) == 0.0
    with pytest.raises(RewardError, match="at least one completion"):
        reward.corpus([], [])


ORDER = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 1}, "gift": {"$ref": "#/$defs/flag"}},
    "required": ["count"],
    "additionalProperties": False,
    "$defs": {"flag": {"type": "boolean"}},
}


@pytest.mark.parametrize("schema", [ORDER, json.dumps(ORDER)], ids=["mapping", "text"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (' {"count": 2, "gift": true}\n', 1.0),
        ('{"count": 0}', 0.0),
        ('{"count": 2, "colour": "red"}', 0.0),
        ('{"count": 2, "gift": "yes"}', 0.0),
        ('{"count": 2', 0.0),
        ('{"count": 2}, {"count": 3}', 0.0),
        ('Here it is: {"count": 2}', 0.0),
        ("[" * 100_000, 0.0),
        ("", 0.0),
    ],
)
def test_json_is_checked_against_the_schema(schema, text, expected):
    assert JsonSchema(schema=schema)([""], [text]) == [expected]
    assert JsonSchema()([""], [text], schema=[schema]) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{}", 1.0), ('{"a": [1, null]}', 1.0), ("[]", 0.0), ("1", 0.0), ('{"a": NaN}', 0.0), ("{'a': 1}", 0.0)],
)
def test_without_a_schema_any_object_will_do(text, expected):
    assert JsonSchema()([""], [text]) == [expected]
    assert JsonSchema()([""], [text], schema=[None]) == [expected]


def test_the_option_goes_before_the_column_and_a_column_may_differ_by_row():
    strings, numbers = {"type": "string"}, {"type": "number"}
    texts = ['"a"', '"a"', "1", "{}"]
    assert JsonSchema()([""] * 4, texts, schema=[strings, numbers, numbers, None]) == [1.0, 0.0, 1.0, 1.0]
    assert JsonSchema(schema=strings)([""] * 4, texts, schema=[numbers] * 4) == [1.0, 1.0, 0.0, 0.0]


def test_a_schema_of_an_older_draft_is_read_as_such():
    older = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}
    assert JsonSchema(schema=older)([""] * 2, ["1", "2"]) == [0.0, 1.0]


def test_a_schema_is_equal_hashable_and_printed_as_it_can_be_read():
    reward = JsonSchema(schema={"type": "object"})
    assert reward == JsonSchema(schema='{"type": "object"}')
    assert hash(reward) == hash(JsonSchema(schema='{"type": "object"}'))
    assert repr(reward) == """json_schema(schema='{"type": "object"}')"""


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("{'type': 'object'}", "not a JSON schema: Expecting property name"),
        ({"type": "dictionary"}, "not a JSON schema: 'dictionary' is not valid"),
        (7, "a mapping or JSON text. Actual value: 7"),
        ({"const": {1}}, "holds JSON values only"),
    ],
)
def test_a_schema_that_is_none_is_named(schema, said):
    with pytest.raises(RewardError, match=said):
        JsonSchema(schema=schema)
    with pytest.raises(RewardError, match=said):
        JsonSchema()([""], ["{}"], schema=[schema])


@pytest.mark.parametrize("target", ["https://example.org/schema.json", "#/$defs/missing"])
def test_a_schema_that_refers_elsewhere_is_not_fetched(target):
    with pytest.raises(RewardError, match=f"its own parts only. Actual value: '{re.escape(target.lstrip('#'))}'"):
        JsonSchema(schema={"$ref": target})([""], ["{}"])
