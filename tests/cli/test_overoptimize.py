"""``textgym overoptimize``: a small run through all of it, going on with one that was cut off, and refusals."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from textgym.cli.main import app
from textgym.evaluation.overoptimization import BEST_OF_N, Overoptimization

runner = CliRunner()
NUMBERS = ["TextGen-Numbers-v0", "--proxy", "distinct_n(n=1)", "--gold", "length(target=5)"]
SMALL = ["--timesteps", "1200", "--points", "3", "--best-of", "4", "--episodes", "12", "--n-envs", "8"]


def run(*args):
    return runner.invoke(app, ["overoptimize", *(str(arg) for arg in args), "--set", "n_steps=16"])


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "gao"
    result = run(*NUMBERS, *SMALL, "--out", path)
    assert result.exit_code == 0, result.output
    return path, result.output


def test_both_curves_start_at_the_untrained_policy(done):
    path, output = done
    found = Overoptimization.load(path / "overoptimization.json")
    assert found.methods == [BEST_OF_N, "ppo"]
    assert [point.setting for point in found.curve(BEST_OF_N)] == [1, 2, 4]
    start, *learnt = found.curve("ppo")
    assert (start.setting, start.kl) == (0, 0.0)
    assert len(learnt) >= 3
    assert all(point.kl > 0 for point in learnt)
    best = found.curve(BEST_OF_N)
    assert best[0].proxy.value == pytest.approx(0.0, abs=1e-9)  # the unit is that of these very completions
    assert best[0].gold.value == pytest.approx(0.0, abs=1e-9)
    assert best[2].proxy.value > best[1].proxy.value > best[0].proxy.value
    assert found.settings["hyperparameters"]["kl_coef"] == 0.0
    for name in ("overoptimization.png", "overoptimization.md"):
        assert (path / name).stat().st_size > 200
    assert "best_of_n" in output


def test_the_same_command_goes_on_and_another_is_refused(done, tmp_path):
    path = tmp_path / "gao"
    shutil.copytree(done[0], path)
    expected = (path / "overoptimization.json").read_text(encoding="utf-8")
    for name in ("overoptimization.json", "judged/step_00000000.json"):
        (path / name).unlink()
    again = run(*NUMBERS, *SMALL, "--out", path)
    assert again.exit_code == 0, again.output
    assert json.loads((path / "overoptimization.json").read_text(encoding="utf-8")) == json.loads(expected)
    other = run(*NUMBERS[:-1], "length(target=6)", *SMALL, "--out", path)
    assert other.exit_code == 2
    assert "other options" in other.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["TextGen-Nmbers-v0", *NUMBERS[1:]], "TextGen-Numbers-v0"),
        ([*NUMBERS[:-1], "lenght"], "Did you mean 'length'"),
        ([*NUMBERS, "--set", "kl_cof=1"], "Did you mean 'kl_coef'"),
    ],
)
def test_what_cannot_be_run_leaves_nothing(options, message, tmp_path):
    result = run(*options, "--out", tmp_path / "gao")
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "gao").exists()
