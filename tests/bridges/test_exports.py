"""An id as a folder of another library: its files are whole, and what they score is what the environment pays."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import json
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import textgym
from textgym.bridges import grading, lm_eval, verifiers
from textgym.cli.main import app
from textgym.errors import OptionError, TaskError

QA = "TextGen-QA-v0"


class _Loader(yaml.SafeLoader):
    """Reads the harness's tag ``!function`` as the name that stands behind it."""


_Loader.add_constructor("!function", lambda loader, node: ("function", loader.construct_scalar(node)))


def _module(path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("env_id", [QA, "TextGen-Dialogue-v0"])
def test_grade_is_what_evaluate_says_of_a_function(env_id: str) -> None:
    """Every score of every text, answers that run past a stop string and the budget included."""
    task = grading.task(env_id, split="test")
    texts = ["yes\nno", "I love it! " * 30, "", *(task.answer(task[3]) for _ in range(task.can_answer))]
    for text in texts:
        report = textgym.evaluate(lambda prompt, text=text: text, env_id, episodes=4)
        for played in report.episodes:
            scores = grading.grade(task, played.prompt_index, text)
            expected = {name: played.scores[name] for name in scores}
            assert scores == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert list(scores) == list(grading.directions(task))


def test_lm_eval_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys are those of the harness's guide to tasks; its functions are called as the harness calls them."""
    lm_eval.export(QA, tmp_path / "qa", count=5, seed=2)
    config = yaml.load((tmp_path / "qa" / "textgen_qa_v0.yaml").read_text(encoding="utf-8"), Loader=_Loader)
    assert config["task"] == "textgen_qa_v0"
    assert config["test_split"] == "test"
    assert config["output_type"] == "generate_until"
    assert config["generation_kwargs"] == {"until": ["\n"], "max_gen_toks": 16, "do_sample": False}
    assert config["custom_dataset"] == ("function", "utils.dataset")
    assert config["process_results"] == ("function", "utils.process_results")
    utils = _module(tmp_path / "qa" / "utils.py", "exported_utils", monkeypatch)
    docs = list(utils.dataset(version="0")["test"])
    task = grading.task(QA, split="test")
    assert len(docs) == 5
    for doc in docs:
        row = task[doc["prompt_index"]]
        assert (doc["prompt"], doc["references"]) == (row.prompt, list(row.references))
        right, wrong = (utils.process_results(doc, [text]) for text in (row.references[0], "zebra"))
        assert right["reward"] == right["success"] == 1.0 > wrong["reward"]
        assert [metric["metric"] for metric in config["metric_list"]] == list(right)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the harness's own
def test_lm_eval_plays_the_folder(tmp_path: Path) -> None:
    harness = pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: pip install lm_eval")
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    class Answers(LM):  # type: ignore[misc]
        def generate_until(self, requests: Any) -> list[str]:
            assert requests[0].args[0] == requests[0].doc["prompt"]
            return [request.doc["references"][0] for request in requests]

        def loglikelihood(self, requests: Any) -> Any:
            raise NotImplementedError

        def loglikelihood_rolling(self, requests: Any) -> Any:
            raise NotImplementedError

    lm_eval.export(QA, tmp_path / "qa", count=5)
    manager = TaskManager(include_path=str(tmp_path / "qa"), include_defaults=False)
    found = harness.simple_evaluate(model=Answers(), tasks=["textgen_qa_v0"], task_manager=manager, bootstrap_iters=0)
    assert found["results"]["textgen_qa_v0"]["reward,none"] == 1.0


def test_verifiers_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package against the part of the interface that it uses; the library itself takes it in the next test."""

    class Data(SimpleNamespace):
        pass

    class Base:
        def __class_getitem__(cls, item: Any) -> type:
            return cls

        def __init__(self, data: Any, config: Any = None) -> None:
            self.data, self.config = data, config

    class Taskset(Base):
        def __init__(self, config: Any) -> None:
            self.config = config

    stand_in: Any = ModuleType("verifiers.v1")
    stand_in.TaskData, stand_in.Task, stand_in.Taskset = Data, Base, Taskset
    stand_in.TasksetConfig, stand_in.Trace = SimpleNamespace, SimpleNamespace
    stand_in.reward = stand_in.metric = lambda function: function
    package: Any = ModuleType("verifiers")
    package.v1 = stand_in
    monkeypatch.setitem(sys.modules, "verifiers", package)
    monkeypatch.setitem(sys.modules, "verifiers.v1", stand_in)
    _check_package(tmp_path, monkeypatch, SimpleNamespace(split="test", num_tasks=3, task=None))


def test_verifiers_takes_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip(
        "verifiers.v1", reason="verifiers is not installed: pip install verifiers", exc_type=ImportError
    )
    assert library is not None
    _check_package(tmp_path, monkeypatch, None)


def _check_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Any) -> None:
    folder = verifiers.export(QA, tmp_path / "qa")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["name"] == "textgen-qa-v0"
    assert project["tool"]["setuptools"]["packages"] == ["textgen_qa_v0"]
    exported = ast.parse((folder / "textgen_qa_v0" / "__init__.py").read_text(encoding="utf-8"))
    assert "TextgenQaTaskset" in ast.unparse(exported)
    module = _module(folder / "textgen_qa_v0" / "taskset.py", "textgen_qa_v0.taskset", monkeypatch)
    config = config or module.TextgenQaConfig(split="test", num_tasks=3)
    tasks = list(module.TextgenQaTaskset(config).load())
    rows = grading.task(QA, split="test")
    assert [task.data.prompt for task in tasks] == [rows[i].prompt for i in range(3)]
    for task, row in zip(tasks, (rows[i] for i in range(3)), strict=True):
        trace = SimpleNamespace(assistant_messages=[SimpleNamespace(content=row.references[0])])
        assert asyncio.run(task.reward(trace)) == 1.0
        assert asyncio.run(task.metrics(trace))["success"] == 1.0
        assert asyncio.run(task.reward(SimpleNamespace(assistant_messages=[]))) == 0.0


def test_command_writes_a_folder_and_no_second_time(tmp_path: Path) -> None:
    arguments = ["export-task", QA, "--to", "lm_eval", "--out", str(tmp_path / "qa"), "--reward", "chrf"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "qa").iterdir()) == ["test.jsonl", "textgen_qa_v0.yaml", "utils.py"]
    assert "reward='chrf'" in (tmp_path / "qa" / "utils.py").read_text(encoding="utf-8")
    first = json.loads((tmp_path / "qa" / "test.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first["prompt_index"] == 0
    assert CliRunner().invoke(app, arguments).exit_code != 0


def test_what_no_folder_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="conversation"):
        lm_eval.export("TextGen-CustomerService-v0", tmp_path / "a")
    with pytest.raises(TaskError, match="no discount"):
        verifiers.export(QA, tmp_path / "b", gamma=0.5)
    with pytest.raises(OptionError, match="JSON"):
        verifiers.export(QA, tmp_path / "c", reward=lambda completions: [0.0])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(OptionError, match="not empty"):
        lm_eval.export(QA, tmp_path / "full", count=1)
    assert not list(tmp_path.glob("[abc]"))
