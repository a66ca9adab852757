"""The house itself: which way imports point, what an import costs, what the wheel carries."""

from __future__ import annotations

import ast
import graphlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = {  # import name -> folder, the longest name last
    name: ROOT / folder for name, folder in PYPROJECT["tool"]["setuptools"]["package-dir"].items()
}
SCRATCH = {"__pycache__", ".ruff_cache", ".mypy_cache"}


def _files(folder: Path) -> Iterator[Path]:
    """Files below ``folder``, relative to it, without what tools leave behind."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not SCRATCH & set(path.parts):
            yield path.relative_to(folder)


def _module_name(package: str, file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])


MODULES = {
    _module_name(package, file): folder / file
    for package, folder in FOLDERS.items()
    for file in _files(folder)
    if file.suffix == ".py"
}


def _resolve(module: str, node: ast.Import | ast.ImportFrom) -> set[str]:
    """The modules of ours that an import statement in ``module`` names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names if alias.name in MODULES}
    base = node.module or ""
    if node.level:
        package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*parents, *([node.module] if node.module else [])])
    named = {f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names}
    return named & MODULES.keys()


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run on import: not those of functions, nor those for type checkers only."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from _statements(statement.orelse)
            continue
        for block in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, block, []))
        for handler in getattr(statement, "handlers", []):
            yield from _statements(handler.body)


def _imports(module: str, *, at_import: bool) -> set[str]:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    nodes = _statements(tree.body) if at_import else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= _resolve(module, node)
    return found


def _house(module: str) -> str:
    """One of the three houses, or ``"composer"``: the root and the command line, which may see all."""
    second = module.split(".")[1] if "." in module else ""
    if second in ("agents", "envs_registry"):
        return second
    return "composer" if second in ("", "cli") else "textgym"


FORBIDDEN = {
    "composer": set[str](),
    "textgym": {"agents", "envs_registry", "composer"},
    "agents": {"envs_registry", "composer"},
    "envs_registry": {"agents", "composer"},
}


@pytest.mark.parametrize("module", MODULES)
def test_arrows_point_one_way(module: str) -> None:
    """The gym sees no learner, learners and registered tasks not each other, and nobody the composers."""
    seen = {name for name in _imports(module, at_import=False) if _house(name) in FORBIDDEN[_house(module)]}
    assert not seen, f"{module} must not import {sorted(seen)}; see CONTRIBUTING.md, 'Three houses'"


@pytest.mark.parametrize("folder", ["agents", "envs_registry"])
def test_folders_are_no_packages_of_their_own(folder: str) -> None:
    """Ruff refuses these imports elsewhere, but cannot tell them from relative ones inside the two folders."""
    for file in _files(ROOT / folder):
        if file.suffix == ".py":
            for node in ast.walk(ast.parse((ROOT / folder / file).read_text(encoding="utf-8"))):
                absolute = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    absolute = [node.module or ""]
                assert not {name.split(".")[0] for name in absolute} & {"agents", "envs_registry"}, file


def test_no_import_cycles() -> None:
    graph = {module: _imports(module, at_import=True) - {module} for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()  # CycleError names the modules


@pytest.mark.parametrize(
    "lines",
    [
        "import gymnasium, textgym.agents",
        "try:\n    from textgym.agents import PPO\nexcept ImportError:\n    raise",
        "from . import PPO",
        "def f():\n    from textgym.agents import PPO",
        "from textgym import agents",
    ],
)
def test_reader_sees_every_form_of_import(lines: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "probe.py"
    file.write_text(lines, encoding="utf-8")
    monkeypatch.setitem(MODULES, "textgym.agents.probe", file)
    assert {_house(name) for name in _imports("textgym.agents.probe", at_import=False)} == {"agents"}
    assert bool(_imports("textgym.agents.probe", at_import=True)) == ("def" not in lines)


def _python(code: str, cwd: Path, **env: str) -> str:
    """Standard output of a fresh interpreter that treats warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", code]
    process = subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def test_import_is_light(tmp_path: Path) -> None:
    """Vector workers import textgym too. The bound is generous: benchmarks/ holds the real figure."""
    heavy = ["torch", "transformers", "tokenizers", "safetensors", "stable_baselines3"]
    heavy += ["sacrebleu", "wordfreq", "vaderSentiment", "matplotlib", "pandas", "scipy", "typer", "rich"]
    loaded, seconds = _python(
        "import sys, time, textgym\n"
        f"print(','.join(sorted(set({heavy!r}) & sys.modules.keys())), time.process_time(), sep=';')",
        tmp_path,
    ).split(";")
    assert loaded == ""
    assert float(seconds) < 2.0


def test_version_has_one_source() -> None:
    import textgym

    assert textgym.__version__ == importlib.metadata.version("textgym") == PYPROJECT["project"]["version"]
    assert f"## [{textgym.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_package_is_listed() -> None:
    listed = PYPROJECT["tool"]["setuptools"]["packages"]
    packages = {name if path.name == "__init__.py" else name.rpartition(".")[0] for name, path in MODULES.items()}
    assert sorted(listed) == sorted(packages), "fix [tool.setuptools] packages in pyproject.toml"
    assert packages <= MODULES.keys(), "a package has no __init__.py"


def test_assets_stay_small() -> None:
    folder = ROOT / "textgym" / "assets"
    assert sum((folder / file).stat().st_size for file in _files(folder)) <= 17_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a copy of the tree: in place, setuptools' build/ would carry deleted files into the next."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for package in ("textgym", "agents", "envs_registry"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns(*SCRATCH))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist")]
    process = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    (file,) = (copy / "dist").glob("*.whl")
    return file


def test_wheel_equals_tree(wheel: Path) -> None:
    tree = {
        "/".join([*package.split("."), *file.parts])
        for package, folder in FOLDERS.items()
        for file in _files(folder)
        if file.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = {name for name in names if name.split("/")[0].endswith(".dist-info")}
    assert names - info == tree
    assert "textgym/py.typed" in names
    assert {name for name in info if name.endswith("licenses/LICENSE")}


def test_wheel_works_away_from_the_tree(wheel: Path, tmp_path: Path) -> None:
    """Data files travel with it, and it brings no top-level package but its own."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    assert [path.name for path in (tmp_path / "site").iterdir() if path.suffix != ".dist-info"] == ["textgym"]
    code = """
import gymnasium as gym, textgym, textgym.agents
for env_id in textgym.entries():
    gym.make(env_id).reset(seed=0)
print(textgym.__file__, textgym.agents.__file__, sep="\\n")
"""
    places = _python(code, tmp_path, PYTHONPATH=str(tmp_path / "site")).splitlines()
    assert all(Path(place).is_relative_to(tmp_path / "site") for place in places), places
