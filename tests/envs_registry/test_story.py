"""TextGen-Story: plots that are told in order, in sentences, to the ending that was asked for."""

from __future__ import annotations

import gymnasium as gym
import pytest

import textgym
from textgym.data import SPLITS
from textgym.envs_registry import story
from textgym.envs_registry.material import story_plots
from textgym.envs_registry.material.inflection import article
from textgym.envs_registry.material.sentences import faults

datasets = pytest.importorskip("datasets")

ID = "TextGen-Story-v0"

PLOT = ("mara", "island", "lantern", "fog", "feast")
TOLD = (
    "Mara was a weaver on a small island.",
    "One morning Mara found a tin lantern under the floor.",
    "Then a thick fog rolled in and would not leave.",
    "Mara lit the lantern, and one by one the lost came out of the grey.",
    "In the end there was a feast, and Mara got the best chair.",
)


def task_of(**options):
    return gym.make(ID, **options).unwrapped.task


def score(task, row, text):
    columns = {name: [row.columns[name]] for name in ("plot", "ending")}
    return task.reward.score([row.prompt], [text], **columns).total[0]


def told(*sentences):
    return story.plot_told([""], [" ".join(sentences)], [PLOT])[0]


def test_every_sentence_of_the_grammar_is_one():
    named = {"n": "Mara", "j": "a weaver", "p": "on a small island", "P": "On a small island", "a": "a tin lantern"}
    sentences = [text.format(**named) for text in story_plots.INTRODUCTIONS + story_plots.FINDS]
    for trouble in story_plots.TROUBLES:
        assert set(trouble.solved) == set(story_plots.KINDS)
        sentences += [*trouble.told, *(way.format(n="Mara", t="lantern") for way in trouble.solved.values())]
        for text in trouble.told:
            assert trouble.noun in text or trouble.noun in story.words(text), text
    for ending in story_plots.ENDINGS:
        sentences += [text.format(n="Mara") for text in ending.told]
        assert all(ending.noun in text for text in ending.told)
    for sentence in sentences:
        assert faults(sentence, ()) == 0, sentence
    asked = [*story_plots.PLACES, *story_plots.THINGS]
    assert all(each.asked.split()[0] == article(each.asked.split()[1]) for each in asked)
    assert all(place.noun in place.told for place in story_plots.PLACES)


def test_references_tell_their_plot():
    task = task_of()
    rows = [(row, text) for row in task.rows["train"][:50] for text in row.references]
    columns = {name: [row.columns[name] for row, _ in rows] for name in ("plot", "ending")}
    scores = task.reward.score([row.prompt for row, _ in rows], [text for _, text in rows], **columns).total
    assert scores.mean() > 0.98
    assert scores.min() > 0.84  # where the coherence is nothing
    for row in task.rows["train"][:150]:
        columns = {name: [row.columns[name]] for name in ("plot", "ending")}
        for text in row.references:
            assert story.plot_told([""], [text], columns["plot"]) == [1.0], text
            assert story.ending_told([""], [text], **columns) == [1.0], text


def test_a_plot_is_told_in_order_and_in_sentences():
    assert told(*TOLD) == 1.0
    assert told(*TOLD[:4]) == pytest.approx(0.8)
    assert told(*TOLD[1:]) == pytest.approx(0.8)  # without the place
    assert told(*reversed(TOLD)) <= 0.6
    assert told(TOLD[0]) == pytest.approx(0.4 / 4)
    assert told(*[TOLD[0]] * 5) == pytest.approx(0.4 / 4)
    assert told(*(f"There is a {word}." for word in PLOT)) < 0.3
    assert told(" ".join(PLOT)) < 0.01
    assert told(*(f"{word.capitalize()}." for word in PLOT)) < 0.05
    assert told() == 0.0


@pytest.mark.parametrize(
    ("last", "word", "expected"),
    [
        ("There was a feast.", "feast", 1.0),
        ("There were two feasts.", "feast", 1.0),
        ("There was a feast", "feast", 0.5),
        ("There was a party.", "feast", 0.0),
        ("There was a feast. And then it rained.", "feast", 0.0),
        ("There was a party.", "", 1.0),
        ("", "feast", 0.0),
        ("", "", 0.0),
    ],
)
def test_endings(last, word, expected):
    text = f"{TOLD[0]} {last}" if last else ""
    assert story.ending_told([""], [text], [PLOT], [word]) == [expected]


def test_tricks_do_not_pay():
    task = task_of(split="test")
    rows = task.rows["test"][:40]
    for i, row in enumerate(rows):
        good = score(task, row, row.references[0])
        sentences = row.references[0].strip().split(". ")
        for bad, most in (
            ("", 0.0),
            (f" {row.prompt}", 0.1),
            (" " + " ".join(row.columns["plot"]), 0.05),
            (" " + " ".join(f"There is a {word}." for word in row.columns["plot"]), 0.3),
            (f" {sentences[0]}." * 5, 0.15),
            (" " + ", ".join(sentences), 0.1),
        ):
            assert score(task, row, bad) <= most * good, bad
        other = rows[(i + 7) % len(rows)]
        if not set(row.columns["plot"]) & set(other.columns["plot"]):
            assert score(task, row, other.references[0]) < 0.2 * good


def test_splits_share_no_plot():
    plots = {split: {story.key(row) for row in task_of(split=split).rows[split][:500]} for split in SPLITS}
    assert not plots["train"] & plots["test"]
    assert not plots["train"] & plots["validation"]
    assert not plots["validation"] & plots["test"]


def test_longest_texts_fit():
    """Pieces are tokenized apart at spaces, so the longest text is that of the longest pieces."""
    task, plots = task_of(), story_plots

    def most(texts):
        return max(len(task.tokenizer.encode(text)) for text in texts)

    name = max(plots.NAMES, key=lambda name: most([f" {name}"]))
    hero = max((f"{article(job)} {job}" for job in plots.JOBS), key=lambda hero: most([f" {hero}"]))
    first = most(
        f" {form.format(n=name, j=hero, p=place.told, P=place.told.capitalize())}"
        for form in plots.INTRODUCTIONS
        for place in plots.PLACES
    )
    last = most(f" {text.format(n=name)}" for ending in plots.ENDINGS for text in ending.told)
    middle = max(
        most(f" {find.format(n=name, a=thing.asked)}" for find in plots.FINDS)
        + most(f" {text}" for text in trouble.told)
        + most([f" {trouble.solved[thing.kind].format(n=name, t=thing.noun)}"])
        for thing in plots.THINGS
        for trouble in plots.TROUBLES
    )
    assert first + middle + last + 1 <= task.max_new_tokens
    asked = (plots.PLACES, plots.THINGS, plots.TROUBLES, plots.ENDINGS)
    lines = most(["Hero:,\nPlace:\nThing:\nTrouble:\nEnding:\nStory:"]) + most([f" {name}"]) + most([f" {hero}"])
    assert 1 + lines + sum(most(f" {each.asked}" for each in part) for part in asked) <= task.max_prompt_tokens


def test_a_prompt_is_answered_in_one_way():
    rows = task_of().rows["train"][:20]
    for row in rows:
        name, job = row.prompt.split("\n")[0].removeprefix("Hero: ").split(", ")
        lines = dict(line.split(": ") for line in row.prompt.split("\n")[1:5])
        place, thing, trouble, ending = (
            next(each for each in table if each.asked == lines[label])
            for label, table in (
                ("Place", story_plots.PLACES),
                ("Thing", story_plots.THINGS),
                ("Trouble", story_plots.TROUBLES),
                ("Ending", story_plots.ENDINGS),
            )
        )
        assert story.row(name, job.split()[1], place, thing, trouble, ending) == row


def test_public_data(tmp_path):
    features = datasets.Features(prompt=datasets.Value("string"), story=datasets.Value("string"))

    def part(*records):
        rows = [{"prompt": prompt, "story": text} for prompt, text in records]
        return datasets.Dataset.from_list(rows, features=features)

    premise = "[ WP ] A dragon opens a bakery , but nobody dares to complain about the burnt croissants ."
    text = " ".join(
        ["The oven was already hot .", "Nobody could n't smell it . <newline> <newline>", "He smiled ."] * 30
    )
    folder = tmp_path / "writingprompts"
    datasets.DatasetDict(
        train=part((premise, text), ("", "Lost ."), ("[ WP ]", "Lost .")),
        validation=part(("[ EU ] Two ghosts share a flat .", "They moved in on a Monday . It went well .")),
        test=part(("[ WP ] A very long premise " + "with many words " * 100, "Once it ended .")),
    ).save_to_disk(folder)
    task = task_of(data="writingprompts", data_path=str(folder))
    assert len(task) == 1
    row = task[0]
    assert row.prompt == (
        "Premise: A dragon opens a bakery, but nobody dares to complain about the burnt croissants.\nStory:"
    )
    assert row.columns == {"plot": ("bakery", "dares", "complain", "burnt", "croissants"), "ending": ""}
    assert row.references[0].startswith(" The oven was already hot. Nobody couldn't smell it. He smiled. The")
    assert 190 < len(row.references[0].split()) <= 200
    whole = "A dragon had a bakery. He dares the guests to complain. They ate what was burnt. No croissants were left."
    assert score(task, row, f" {whole}") > 0.9
    validation = task_of(data="writingprompts", data_path=str(folder), split="validation")
    assert validation[0].references == (" They moved in on a Monday. It went well.",)
    env = gym.make(ID, data="writingprompts", data_path=str(folder), split="test")
    _, info = env.reset(seed=0)
    assert env.unwrapped.task.tokenizer.decode(env.unwrapped.task.prompt_ids(0)).endswith("\nStory:")  # cut on the left
    assert info["prompt"].startswith("Premise: A very long premise")


def test_bad_options():
    with pytest.raises(textgym.errors.OptionError, match=r"Did you mean 'writingprompts'"):
        gym.make(ID, data="writing_prompts")
