"""A report survives JSON whole, and is refused where it is not."""

from __future__ import annotations

import json

import pytest

from textgym.errors import DataError
from textgym.evaluation import Metric, Report, evaluate
from textgym.evaluation.report import number


@pytest.fixture(scope="module")
def report():
    return evaluate(lambda prompt: f"{int(prompt) + 1} 7", "TextGen-Numbers-v0", episodes=5, gamma=0.9)


def test_a_report_survives_json(report):
    again = Report.from_json(report.to_json())
    assert again == report
    assert isinstance(again.episodes[0].completion_ids, tuple)


def test_a_report_survives_a_file(report, tmp_path):
    assert Report.load(report.save(tmp_path / "new" / "report.json")) == report
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.json"]


def test_a_failed_save_leaves_the_old_file(report, tmp_path, monkeypatch):
    path = report.save(tmp_path / "report.json")
    monkeypatch.setattr(Report, "to_json", lambda self: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        report.save(path)
    assert Report.from_json(path.read_text(encoding="utf-8"))
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_mean_and_interval_are_those_of_the_reward(report):
    metric = report.metrics["reward"]
    assert report.mean == metric.mean
    assert report.interval == (metric.low, metric.high)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text[: len(text) // 2], "no whole report"),
        (lambda text: "[]", "schema 'textgym.report'"),
        (lambda text: '{"schema": "textgym.run"}', "'textgym.run'"),
        (lambda text: text.replace('"schema_version": 2', '"schema_version": 99'), "99"),
        (lambda text: text.replace('"seed": 0, ', ""), "seed"),
        (lambda text: text.replace('"low":', '"bottom":'), "bottom"),
    ],
)
def test_what_is_no_report_is_refused(report, spoil, message):
    with pytest.raises(DataError, match=message):
        Report.from_json(spoil(report.to_json()))


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.json"):
        Report.load(tmp_path / "nothing.json")


def test_json_has_no_nan(report):
    json.loads(report.to_json(), parse_constant=lambda constant: pytest.fail(constant))


def test_markdown_lists_every_metric(report):
    page = report.to_markdown()
    assert "**TextGen-Numbers-v0**, test split, 5 episodes, seed 0." in page
    for name in report.metrics:
        assert f"| {name} |" in page


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.5, "−0.500"), (-0.0001, "0.000"), (42.25, "42.2"), (12345.6, "12346")]
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_a_metric_reads_as_a_number_with_its_interval():
    assert str(Metric(0.5, -0.25, 1.0)) == "0.500 [−0.250, 1.000]"
