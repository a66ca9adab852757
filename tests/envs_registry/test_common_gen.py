"""TextGen-CommonGen: sets that make sense, references that have them, and a reward that lists do not please."""

from __future__ import annotations

from itertools import product

import gymnasium as gym
import pytest

import textgym
from textgym.data import SPLITS
from textgym.envs_registry import common_gen
from textgym.envs_registry.common_gen import SETS, Event, faults
from textgym.envs_registry.material import inflection
from textgym.envs_registry.material.common_gen_scenes import SCENES

datasets = pytest.importorskip("datasets")

ID = "TextGen-CommonGen-v0"


def task_of(**options):
    return gym.make(ID, **options).unwrapped.task


def score(task, row, text):
    return task.reward.score([row.prompt], [text], concepts=[row.columns["concepts"]]).total[0]


def test_references_have_all_concepts_and_no_fault():
    task = task_of()
    for row in task.rows["train"][:600]:
        assert len(set(row.references)) == len(row.references) == 3
        for text in row.references:
            assert score(task, row, text) == 1.0, text
            assert text[0] == " "
            assert text[1].isupper()
            assert "  " not in text


def test_lists_of_the_concepts_score_low():
    task = task_of(split="test")
    for row in task.rows["test"][:100]:
        concepts = row.columns["concepts"]
        lists = [
            " ".join(concepts),
            ", ".join(concepts),
            f"{' '.join(concepts).capitalize()}.",
            f"The {' the '.join(concepts)}.",
        ]
        lists += [f"{' and '.join(concepts).capitalize()}.", f"There is a {' of a '.join(concepts)}.", row.prompt]
        lists += [f"Use these words: {', '.join(concepts)}.", f"The {' is the '.join(concepts)}."]
        assert max(score(task, row, f" {text}") for text in lists) <= 0.25
        assert score(task, row, f" {concepts[0]}" * 14) < 0.01
        assert score(task, row, "") == 0.0
        assert score(task, row, row.references[0] * 2) <= 0.5


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A girl throws a red frisbee in the park.", 0),
        ("In the park, a girl throws a frisbee.", 0),
        ("Girls throw frisbees at the park!", 0),
        ("a girl throws a red frisbee in the park.", 1),
        ("A girl throws a red frisbee in the park", 1),
        ("A girl throws a red frisbee in the.", 1),
        ("A girl throws an red frisbee in the park.", 1),
        ("A girl throws a red frisbee in in the park.", 1),
        ("A girl throws a red frisbee. It lands in the park.", 1),
        ("The girl in a park with a frisbee.", 2),  # no verb
        ("Girl throw frisbee park.", 6),  # strung together three times, once of which may be; no function word
    ],
)
def test_faults(text, count):
    assert faults(text, ("girl", "throw", "frisbee", "park")) == count


def test_splits_share_no_combination():
    sets = {split: {common_gen.key(row) for row in task_of(split=split).rows[split][:3000]} for split in SPLITS}
    assert not sets["train"] & sets["test"]
    assert not sets["validation"] & sets["test"]
    words = {split: {word for each in sets[split] for word in each.split()} for split in SPLITS}
    assert words["test"] <= words["train"]


def test_a_prompt_is_answered_in_one_way():
    """No set of concepts comes from two scenes, which would tell it differently."""
    owner: dict[frozenset[str], int] = {}
    for number, scene in enumerate(SCENES):
        for size, sets in SETS.items():
            for parts in sets:
                ranges = (scene.agents, scene.acts, scene.places, scene.extras)
                agents, acts, places, extras = (range(len(each)) for each in ranges)
                chosen = (
                    agents if common_gen.AGENT in parts else (0,),
                    acts,
                    places if common_gen.PLACE in parts else (0,),
                    extras if common_gen.EXTRA in parts else (0,),
                )
                if size == max(SETS):
                    continue  # has a smaller one in it
                for event in product(*chosen):
                    concepts = frozenset(Event(scene, *event).concepts(parts))
                    assert len(concepts) == size
                    assert owner.setdefault(concepts, number) == number, concepts
    assert len(owner) > 50_000


def test_forms_of_words_are_those_of_the_dictionary():
    from lemminflect import getInflection

    for verb in {act.verb for scene in SCENES for act in scene.acts} - {"knit"}:
        assert inflection.singular(verb) in getInflection(verb, "VBZ"), verb
        assert inflection.gerund(verb) in getInflection(verb, "VBG"), verb
        assert inflection.past(verb) in getInflection(verb, "VBD"), verb
    for noun in {agent for scene in SCENES for agent in scene.agents}:
        assert inflection.plural(noun) in getInflection(noun, "NNS"), noun


def test_longest_texts_fit():
    """Pieces are tokenized apart at spaces, so the longest text is that of the longest pieces."""
    task = task_of()

    def tokens(text):
        return len(task.tokenizer.encode(text))

    for scene in SCENES:
        who = max(tokens(f" You can see a {agent}") for agent in scene.agents)
        what = max(tokens(f" {inflection.gerund(act.verb)} {act.phrase}") for act in scene.acts)
        where, with_what = (max(tokens(f", {phrase}") for _, phrase in part) for part in (scene.places, scene.extras))
        assert who + what + where + with_what + 2 <= task.max_new_tokens
        nouns = (scene.agents, *([noun for noun, _ in part] for part in (scene.places, scene.extras)))
        listed = sum(max(tokens(f", {noun}") for noun in part) for part in nouns)
        listed += max(tokens(f", {act.verb}, {act.noun}") for act in scene.acts)
        assert 1 + tokens("Use these words:\nSentence:") + listed <= task.max_prompt_tokens


@pytest.mark.parametrize(("low", "high"), [(3, 3), (5, 5), (3, 4)])
def test_numbers_of_concepts(low, high):
    rows = task_of(min_concepts=low, max_concepts=high).rows["train"][:200]
    assert {len(row.columns["concepts"]) for row in rows} == set(range(low, high + 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_concepts": 2}, "min_concepts is a whole number from 3 to 5. Actual value: 2"),
        ({"min_concepts": 4, "max_concepts": 3}, "max_concepts is a whole number from 4 to 5. Actual value: 3"),
        ({"data": "commongen"}, "commongen.* Did you mean 'common_gen'"),
        ({"data_path": "x"}, "name it too"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(textgym.errors.OptionError, match=message):
        gym.make(ID, **options)


def test_public_data(tmp_path):
    features = datasets.Features(
        concept_set_idx=datasets.Value("int32"),
        concepts=datasets.List(datasets.Value("string")),
        target=datasets.Value("string"),
    )

    def part(*records):
        rows = [{"concept_set_idx": i, "concepts": c.split(), "target": t} for i, (c, t) in enumerate(records)]
        return datasets.Dataset.from_list(rows, features=features)

    verbs = ["pull", "push", "lift", "drop", "paint", "wash", "sell", "hide"]
    train = [(f"man box {verb}", f"the man wants to {verb} a box .") for verb in verbs]
    train += [(f"woman box {verb}", f"A woman had to {verb} the box.") for verb in verbs]
    folder = tmp_path / "common_gen"
    datasets.DatasetDict(
        train=part(*train),
        validation=part(("dog run field", "A dog runs in the field")),
        test=part(("cat sit mat", "")),
    ).save_to_disk(folder)
    env = gym.make(ID, data="common_gen", data_path=str(folder), split="test")
    _, info = env.reset(seed=0)
    assert info["prompt"] == "Use these words: dog, run, field\nSentence:"
    task = env.unwrapped.task
    assert [len(task.rows[split]) for split in SPLITS][2] == 1
    assert sum(len(task.rows[split]) for split in SPLITS) == len(train) + 1
    assert {row.references[0] for row in task.rows["train"]} <= {
        f" {text}" for verb in verbs for text in (f"The man wants to {verb} a box.", f"A woman had to {verb} the box.")
    }
    assert score(task, task[0], " A dog runs in the field.") == 1.0
