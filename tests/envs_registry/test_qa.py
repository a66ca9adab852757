"""TextGen-QA: answers that are right, facts and names that are held out, and what the reward sees."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import textgym
from textgym.data import SPLITS
from textgym.envs_registry.material import qa_passages, qa_world
from textgym.envs_registry.material.countries import CODES, countries
from textgym.envs_registry.material.names import FAMILY, FIRST
from textgym.envs_registry.prose import Dice
from textgym.envs_registry.qa import words_in_prompt
from textgym.tasks import Task
from textgym.tokenizers import load

ID = "TextGen-QA-v0"
LEVELS = (1, 2, 3)
LANDS = {country.name: country for country in countries()}


def make(**options: Any) -> Task:
    return gym.make(ID, **options).unwrapped.task  # type: ignore[attr-defined]


def parts(prompt: str) -> tuple[list[str], str]:
    """The sentences of a passage, and the question."""
    text, question = re.fullmatch(r"(?:(.*)\n)?Question: (.*)\nAnswer:", prompt).groups()  # type: ignore[union-attr]
    return re.split(r"(?<=\.) ", text or ""), question


def read(sentence: str) -> set[tuple[str, str]]:
    """What a sentence may say: subjects and values, by the templates."""
    return {
        (found["s"].removeprefix("The ").removeprefix("the "), found["v"].removeprefix("a ").removeprefix("an "))
        for kind in qa_passages.kinds().values()
        for attribute in kind.attributes
        for template in attribute.say
        if (found := re.fullmatch(re.sub(r"\\{(\w)\\}", r"(?P<\1>.+?)", re.escape(template)), sentence))
        or (
            found := re.fullmatch(
                re.sub(r"\\{(\w)\\}", r"(?P<\1>.+?)", re.escape(template)), sentence[0].lower() + sentence[1:]
            )
        )
    }


@pytest.mark.parametrize("level", [1, 2])
def test_the_answer_is_what_the_passage_says_of_the_subject(level: int) -> None:
    values = []
    for row in make(level=level).rows["train"][:600]:
        sentences, question = parts(row.prompt)
        assert len(sentences) == level + 1
        answer = row.references[0].strip()
        told = [pair for sentence in sentences for pair in read(sentence)]
        assert any(subject in question and value == answer for subject, value in told), row
        values.append(len(sentences))
    assert set(values) == {level + 1}


def test_a_second_subject_could_be_mistaken_for_the_first() -> None:
    """With two subjects, what is asked for is said of both."""
    attributes = [attribute for kind in qa_passages.kinds().values() for attribute in kind.attributes]

    def pattern(template: str) -> str:
        return re.sub(r"\\{\w\\}", ".+", re.escape(template))

    for row in make().rows["train"][:300]:
        sentences, question = parts(row.prompt)
        said = [
            sum(any(re.fullmatch(pattern(text), line, re.IGNORECASE) for text in attribute.say) for line in sentences)
            for attribute in attributes
            if any(re.fullmatch(pattern(text), question) for text in attribute.ask)
        ]
        assert max(said) >= 2, row


def test_two_steps() -> None:
    """The answer by way of a person is that of the person's place; a difference is that of the two numbers."""
    kinds = Counter()
    for row in make(level=3).rows["train"][:600]:
        sentences, question = parts(row.prompt)
        answer = row.references[0].strip()
        people = {
            match["p"]: match["s"]
            for sentence in sentences
            for link, _ in qa_passages.LINKS
            if (match := re.fullmatch(re.sub(r"\\{(\w)\\}", r"(?P<\1>.+)", re.escape(link)), sentence))
        }
        if people:
            (place,) = (place for person, place in people.items() if person in question)
            assert len(people) == 2
            assert place not in question
            told = [sentence for sentence in sentences if place.lower() in sentence.lower() and answer in sentence]
            assert len(told) == 1, row
            kinds["link"] += 1
        else:
            numbers = [int(number) for sentence in sentences for number in re.findall(r"\d+", sentence)]
            assert int(answer) in {abs(one - other) for one in numbers for other in numbers}, row
            assert int(answer) > 0
            kinds["difference"] += 1
    assert min(kinds.values()) > 150


def subjects(prompt: str) -> set[str]:
    """The held-out words of the subjects that a prompt names."""
    words = re.findall(r"\w+", prompt)
    found: set[str] = set()
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        if word in FIRST and after in FAMILY:
            found |= {f"first {word}", f"family {after}"}
        if before in qa_passages.PLACE_ADJECTIVES and word in qa_passages.PLACE_NOUNS:
            found.add(f"place {word}")
        if after == "Fair":
            found.add(f"event {word}")
        if before in ("the", "The") and word in qa_passages.RIVERS:
            found.add(f"river {word}")
    return found


@pytest.mark.parametrize("level", LEVELS)
def test_held_out_names_are_in_no_training_passage(level: int) -> None:
    task = make(level=level)
    seen = {split: set().union(*(subjects(row.prompt) for row in task.rows[split][:2500])) for split in SPLITS}
    assert not seen["train"] & (seen["validation"] | seen["test"])
    assert not seen["validation"] & seen["test"]
    assert len(seen["train"]) > 300
    assert len(seen["test"]) > 80


@pytest.mark.parametrize("level", LEVELS)
def test_passages_are_good_english(level: int) -> None:
    for row in make(level=level).rows["train"][:600]:
        sentences, question = parts(row.prompt)
        assert all(re.fullmatch(r"[A-Z].*\.", sentence) for sentence in sentences)
        assert re.fullmatch(r"[A-Z].*\?", question)
        assert not re.search(r"[{}]|  |\b[Aa] [aeiou]|\b[Aa]n [^aeiou]", row.prompt), row.prompt
        assert "\n" not in row.references[0]


def test_the_longest_passage_fits() -> None:
    """Words are tokens of their own, so that the longest passage is the one with the longest words."""
    tokenizer, dice = load("tiny"), Dice(np.random.default_rng(0))

    def tokens(text: str) -> int:
        return len(tokenizer.encode(" " + text))

    def longest(texts: Any) -> str:
        return max(texts, key=tokens)

    frame = 1 + tokens("\nQuestion:") + tokens("\nAnswer:")
    budgets = [make(level=level).max_prompt_tokens for level in LEVELS]
    kinds = qa_passages.kinds()
    named = {
        name: longest({kind.name(dice, split) for split in SPLITS for _ in range(3000)}) for name, kind in kinds.items()
    }
    for name, kind in kinds.items():
        said, asked = {}, {}
        for attribute in kind.attributes:
            value = longest({attribute.value(dice) for _ in range(1000)})
            assert tokens(value) + 1 <= make().max_new_tokens
            said[attribute] = max(tokens(template.format(s=named[name], v=value)) for template in attribute.say)
            asked[attribute] = max(tokens(template.format(s=named[name])) for template in attribute.ask)
        for attribute in kind.attributes:
            more = max(length for other, length in said.items() if other is not attribute)
            assert frame + said[attribute] + more + asked[attribute] <= budgets[0]
            assert frame + 2 * said[attribute] + more + asked[attribute] <= budgets[1]
            if attribute.apart:
                question = attribute.apart.format(s=named[name], t=named[name])
                assert frame + 2 * said[attribute] + more + tokens(question) <= budgets[2]
            for link, way in qa_passages.LINKS if name == "place" else ():
                linked = tokens(link.format(p=named["person"], s=named["place"]))
                question = longest(ask.format(s=way.format(p=named["person"])) for ask in attribute.ask)
                assert frame + 2 * (linked + said[attribute]) + tokens(question) <= budgets[2]


def test_the_longest_question_about_the_world_fits() -> None:
    tokenizer = load("tiny")

    def tokens(text: str) -> int:
        return len(tokenizer.encode(" " + text))

    def worst(texts: Any, size: int) -> list[str]:
        return sorted(texts, key=tokens)[-size:]

    frame = 1 + tokens("Question:") + tokens("\nAnswer:")
    choose, ask, steps = (make(passages=False, level=level).max_prompt_tokens for level in LEVELS)
    listed = {kind: tokens(qa_world._listed(worst(qa_world.answers(kind), 3)) + "?") for kind in qa_world.ASKS}
    longest_answer = 0
    for fact in (fact for facts in qa_world.facts().values() for fact in facts):
        for template in qa_world.ASKS[fact.kind]:
            length = frame + tokens(template.format(s=fact.subject))
            assert length <= ask
            assert length + listed[fact.kind] <= choose
            assert frame + tokens(template.format(s=fact.way or "")) <= steps
        longest_answer = max(longest_answer, *map(tokens, fact.answers))
    assert longest_answer + 1 <= make(passages=False).max_new_tokens
    for most, size, budget in ((qa_world.MOST, 2, ask), (qa_world.MOST_OF_THREE, 3, steps)):
        for kind in most:
            templates = most[kind][1] if size == 2 else most[kind]
            options = qa_world._listed(worst(LANDS, size))
            assert max(frame + tokens(template.format(options=options)) for template in templates) <= budget


def test_countries() -> None:
    """What everybody knows, and what countryinfo has out of date."""
    assert len(LANDS) == len(set(CODES)) == 192
    known = {
        "Peru": ("Lima", "South America", "sol", "Peruvian", ".pe", "51"),
        "Japan": ("Tokyo", "Asia", "yen", "Japanese", ".jp", "81"),
        "the Netherlands": ("Amsterdam", "Europe", "euro", "Dutch", ".nl", "31"),
        "Croatia": ("Zagreb", "Europe", "euro", "Croatian", ".hr", "385"),
        "Burundi": ("Gitega", "Africa", "franc", "Burundian", ".bi", "257"),
        "Mexico": ("Mexico City", "North America", "peso", "Mexican", ".mx", "52"),
        "Turkey": ("Ankara", None, "lira", "Turkish", ".tr", "90"),
    }
    for name, facts in known.items():
        land = LANDS[name]
        assert facts == (
            land.capitals[0],
            land.continent,
            land.currency[0],
            land.demonym,
            land.domain,
            land.calling_code,
        )
    assert LANDS["South Africa"].capitals == ("Pretoria", "Cape Town", "Bloemfontein")
    assert LANDS["Brazil"].capitals == ("Brasilia", "Brasília")
    assert LANDS["the United States"].calling_code is None  # shared
    assert LANDS["Zimbabwe"].currency == ()
    assert LANDS["Portugal"].neighbours == ("Spain",)
    assert len(LANDS["China"].neighbours) == 14
    assert LANDS["Sri Lanka"].neighbours == LANDS["Cyprus"].neighbours == ()
    assert all(name in LANDS[other].neighbours for name, land in LANDS.items() for other in land.neighbours)
    assert {land.continent for land in LANDS.values()} == {
        *("Africa", "Asia", "Europe", "North America", "Oceania", "South America"),
        None,
    }


def test_every_fact_is_of_one_split() -> None:
    """A capital is one fact, whichever way it is asked for."""
    keys = {
        split: {
            (kind, LANDS[fact.subject].name if fact.kind != "country" else fact.answers[0])
            for fact in facts
            for kind in [fact.kind.replace("country", "capital")]
        }
        for split, facts in qa_world.facts().items()
    }
    assert sum(map(len, keys.values())) == len(set.union(*keys.values())) > 1200
    assert len(keys["test"]) > 220


@pytest.mark.parametrize("level", LEVELS)
def test_answers_about_the_world_are_right(level: int) -> None:
    seen = Counter()
    for row in make(passages=False, level=level).rows["train"][:1500]:
        _, question = parts(row.prompt)
        answers = {answer.strip() for answer in row.references}
        if level == 1:
            options = re.split(", | or ", re.split(r"[?.] ", question, maxsplit=1)[1].rstrip("?"))
            assert len(options) == 3
            assert [option for option in options if option in answers] == [row.references[0].strip()]
            seen["choice"] += 1
        elif found := re.search(r"(\d+) days after (.+)\?|(?:follows|day after|comes after) (.+)\?", question):
            day = datetime.strptime(found[2] or found[3], "%d %B %Y") + timedelta(int(found[1] or 1))
            assert answers == {f"{day.day} {day:%B %Y}"}
            seen["date"] += 1
        elif re.search("people|population", question) and ", " in question and "nationality" not in question:
            assert answers == {largest(question, level, "population", 2)}
            seen["population"] += 1
        elif re.search("larger|largest|land,", question):
            assert answers == {largest(question, level, "area", 1.5)}
            seen["area"] += 1
        else:
            assert answers, row
            seen["fact"] += 1
    assert min(seen.values()) > 50
    assert set(seen) == ({"choice"} if level == 1 else {"fact", "date", "population", "area"})


def largest(question: str, level: int, by: str, factor: float) -> str:
    names = re.split(r", | or ", question.rstrip("?").partition(", ")[2])
    names = [name for name in names if name in LANDS] or names
    assert len(names) == level, question
    ranked = sorted(names, key=lambda name: float(getattr(LANDS[name], by)))
    assert getattr(LANDS[ranked[-1]], by) >= factor * getattr(LANDS[ranked[-2]], by)
    return ranked[-1]


def test_prompts_do_not_hang_on_the_order_of_sets() -> None:
    """Python draws another order of sets in every process."""
    rows = make(passages=False).rows["train"]
    assert parts(rows[3].prompt) == parts(make(passages=False).rows["train"][3].prompt)
    assert len({row.prompt for row in rows[:3000]}) > 1800


def test_what_answers_earn() -> None:
    task, world = make(), make(passages=False, level=1)
    columns = {"references": [[" 3 May"]] * 5}
    texts = [" 3 May", " on 3 May.", " May", "", " 3 May 4 May 5 May 6 May 7 June"]
    assert task.reward.score(["p"] * 5, texts, **columns).total == pytest.approx([1, 0.8, 2 / 3, 0, 4 / 12])
    columns = {"references": [[" euro", " Euro coin"]] * 4}
    texts = [" The Euro.", " euro, yen or dollar", " yen", " euro coin"]
    assert world.reward.score(["p"] * 4, texts, **columns).total == pytest.approx([1, 1 / 5, 0, 1])
    prompts = ["Ann lives in Cork.\nQuestion: Where does Ann live?\nAnswer:"] * 4
    assert words_in_prompt(prompts, [" Cork", " in Rome", "", " the"]) == [1, 0.5, 0, 0]


@pytest.mark.parametrize("level", LEVELS)
def test_naming_all_options_earns_less_than_one_of_them(level: int) -> None:
    task = make(passages=False, level=level, split="test")
    rows = [row for row in task.rows["test"] if " or " in row.prompt][:100]
    assert rows
    options = [re.split(r"[?.,] (?!of)", parts(row.prompt)[1].rstrip("?"), maxsplit=1)[1] for row in rows]
    columns = {"references": [list(row.references) for row in rows]}
    both = task.reward.score([row.prompt for row in rows], options, **columns).total
    assert both.mean() < 1 / max(2, 3 if level != 2 else 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passages": "no"}, "passages is True or False. Actual value: 'no'"),
        ({"level": 2.0}, "level is a whole number from 1 to 3. Actual value: 2.0"),
        ({"data": "squat"}, r"no data set 'squat'. Did you mean 'squad'\? It knows squad, narrativeqa"),
        ({"passage": True}, r"Unknown option passage=True. Did you mean 'passages'\?"),
    ],
)
def test_bad_options_say_what_and_how(options: dict[str, Any], message: str) -> None:
    with pytest.raises(textgym.errors.OptionError, match=message):
        gym.make(ID, **options)


def test_squad(tmp_path: Any) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "title": datasets.Value("string"),
            "context": datasets.Value("string"),
            "question": datasets.Value("string"),
            "answers": datasets.Sequence({"text": datasets.Value("string"), "answer_start": datasets.Value("int32")}),
        }
    )

    def part(numbers: range) -> Any:
        records = [
            {
                "id": str(i),
                "title": "Mills",
                "context": f"Mill {i} was built in {1800 + i}.\n" + "It grinds corn. " * (i % 5 * 20),
                "question": f"When was mill {i} built? ",
                "answers": {"text": [str(1800 + i), f"in {1800 + i}", str(1800 + i)], "answer_start": [0, 0, 0]},
            }
            for i in numbers
        ]
        return datasets.Dataset.from_list(records, features=features)

    datasets.DatasetDict(train=part(range(60)), validation=part(range(60, 70))).save_to_disk(tmp_path / "set")
    env = gym.make(ID, data="squad", data_path=str(tmp_path / "set"), split="test")
    task: Task = env.unwrapped.task  # type: ignore[attr-defined]
    assert len(task) == 6  # as many have a passage that is short enough
    assert task[0].prompt == "Mill 60 was built in 1860.\nQuestion: When was mill 60 built?\nAnswer:"
    assert task[0].references == (" 1860", " in 1860")
    report = textgym.evaluate(lambda prompt: " in 1860", ID, episodes=6, data="squad", data_path=str(tmp_path / "set"))
    assert report.mean > 0
    assert set(report.metrics) >= {"exact_match", "chrf", "words_in_prompt"}


def test_narrativeqa(tmp_path: Any) -> None:
    datasets = pytest.importorskip("datasets")
    text = datasets.Value("string")
    tokens = datasets.Sequence(text)
    features = datasets.Features(
        {
            "document": {
                **dict.fromkeys(("id", "kind", "url", "start", "end", "text"), text),
                **dict.fromkeys(("file_size", "word_count"), datasets.Value("int32")),
                "summary": {"text": text, "tokens": tokens, "url": text, "title": text},
            },
            "question": {"text": text, "tokens": tokens},
            "answers": [{"text": text, "tokens": tokens}],
        }
    )

    def part(numbers: range) -> Any:
        records = [
            {
                "document": {
                    **dict.fromkeys(("id", "kind", "url", "start", "end", "text"), "x"),
                    **dict.fromkeys(("file_size", "word_count"), 1),
                    "summary": {
                        "text": f" Hero {i} finds a ring." + " He walks on." * (i % 3 * 100),
                        "tokens": ["x"],
                        "url": "x",
                        "title": "x",
                    },
                },
                "question": {"text": f"What does hero {i} find?", "tokens": ["x"]},
                "answers": [{"text": "A ring", "tokens": ["x"]}, {"text": "a magic ring", "tokens": ["x"]}],
            }
            for i in numbers
        ]
        return datasets.Dataset.from_list(records, features=features)

    folder = tmp_path / "set"
    datasets.DatasetDict(train=part(range(9)), validation=part(range(9, 15)), test=part(range(15, 21))).save_to_disk(
        folder
    )
    env = gym.make(ID, data="narrativeqa", data_path=str(folder), split="validation")
    task: Task = env.unwrapped.task  # type: ignore[attr-defined]
    assert len(task) == 4
    assert task[0].prompt == "Hero 9 finds a ring.\nQuestion: What does hero 9 find?\nAnswer:"
    assert task[0].references == (" A ring", " a magic ring")
    obs, _ = env.reset(options={"prompt_index": 1})
    assert obs["prompt_length"][0] <= task.max_prompt_tokens
