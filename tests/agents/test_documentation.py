"""The page of the agents is what the agents are."""

from __future__ import annotations

from pathlib import Path

import pytest

from textgym import agents
from textgym.agents import documentation
from textgym.agents.documentation import COUNTERPARTS, REASONS, arguments, reason

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date() -> None:
    assert documentation.page() == PAGE, "Run `make docs`."


def test_every_algorithm_is_on_it() -> None:
    assert set(COUNTERPARTS) == set(agents.ALGORITHMS.values())
    for name in COUNTERPARTS:
        assert f"\n## {name}\n" in PAGE


@pytest.mark.parametrize("name", COUNTERPARTS)
def test_every_default_that_differs_has_its_reason(name: str) -> None:
    assert [one.name for one in arguments(name) if one.differs and not reason(name, one.name)] == []


def test_no_reason_is_left_for_a_default_that_does_not_differ() -> None:
    needed = {(name, one.name) for name in COUNTERPARTS for one in arguments(name) if one.differs}
    for cls, reasons in REASONS.items():
        heirs = [name for name in COUNTERPARTS if cls in ("*", *(base.__name__ for base in _class(name).__mro__))]
        assert [argument for argument in reasons if not any((heir, argument) in needed for heir in heirs)] == [], cls


def test_defaults_as_the_page_shows_them() -> None:
    ppo = {one.name: one for one in arguments("PPO")}
    assert ppo["n_epochs"] == ("n_epochs", "`2`", "`10`", True)
    assert ppo["learning_rate"].default == "`0.0001` (random weights: `0.001`)"
    assert ppo["clip_range"] == ("clip_range", "`0.2`", "`0.2`", False)
    assert ppo["kl_coef"].theirs is None
    assert {one.name: one.theirs for one in arguments("DrGRPO")}["loss_type"] == "`'dapo'`"


@pytest.mark.parametrize("file", [file for file, _ in documentation.OWN])
def test_the_examples_that_are_named_exist(file: str) -> None:
    assert (ROOT / "examples" / file).is_file()


def _class(name: str) -> type:
    return getattr(agents, name)
