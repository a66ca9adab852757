from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import textgym
from textgym.agents import Replay
from textgym.errors import AgentError, DataError

DATES = "TextGen-Dates-v0"


def write(path: Path, rows: list[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_what_another_system_wrote_is_scored_as_if_it_played(tmp_path: Path) -> None:
    oracle = textgym.evaluate("oracle", DATES, episodes=6)
    rows = [{"prompt": e.prompt, "completion": e.completion, "model": "other"} for e in oracle.episodes]
    rows[2]["completion"] = "9 May"
    file = write(tmp_path / "answers.jsonl", rows)
    report = textgym.evaluate(f"replay({file})", DATES, episodes=6, num_envs=4)  # rows that idle ask for nothing
    assert [episode.reward for episode in report.episodes] == [1, 1, 0, 1, 1, 1]
    assert [episode.completion for episode in report.episodes] == [row["completion"] for row in rows]


def test_several_completions_of_a_prompt_are_used_in_turn(tmp_path: Path) -> None:
    agent = Replay([{"prompt": "", "completion": text} for text in ("我", "爱", "你")])
    report = textgym.evaluate(agent, "TextGen-Target-v0", episodes=7, num_envs=2)
    assert [e.completion[:1] for e in report.episodes] == list("我爱你我爱你我")
    assert agent("") == "我"  # an evaluation leaves no trace
    assert textgym.evaluate(agent, "TextGen-Target-v0", episodes=7, num_envs=3).to_json() == report.to_json()
    assert agent("") == "爱"


def test_a_conversation_is_replayed_turn_by_turn(tmp_path: Path) -> None:
    env_id = "TextGen-CustomerService-v0"
    oracle = textgym.evaluate("oracle", env_id, episodes=3)
    rows = []
    for episode in oracle.episodes:
        text = episode.prompt + episode.completion
        place = len(episode.prompt)
        for turn in episode.turns:
            place = text.index(turn, place)
            rows.append({"prompt": text[:place], "completion": turn})
            place += len(turn)
    report = textgym.evaluate(Replay(rows), env_id, episodes=3)
    assert [e.turns for e in report.episodes] == [e.turns for e in oracle.episodes]
    assert report.mean == oracle.mean


def test_a_prompt_that_is_missing_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "one.jsonl", [{"prompt": "5 March 2024 =", "completion": ""}])
    with pytest.raises(AgentError, match=r"one.jsonl' has no completion for the prompt '5 March 2024='. Did you mean"):
        Replay(file)("5 March 2024=")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([{"prompt": "a", "completion": "b"}, {"prompt": "a", "answer": "b"}], "line 2: a row to replay has the texts"),
        ([{"prompt": "a", "completion": ["b"]}], "line 1: a row to replay"),
        ([], "nothing to replay"),
        (["text"], "line 1"),
    ],
)
def test_a_file_of_another_kind_is_refused(rows: list[Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=reason):
        Replay(write(tmp_path / "rows.jsonl", rows))
    with pytest.raises(DataError, match="no data file"):
        Replay(str(tmp_path / "nowhere.jsonl"))
