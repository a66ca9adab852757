"""The pages of the environments are those that the code makes, and what they show runs."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

import textgym
from textgym import cards, registry

PAGES = Path(__file__).resolve().parents[1] / "docs" / "environments"
IDS = list(textgym.entries())
PARAGRAPHS = ("**Asked**", "**Data**", "**Reward**", "**Ending**", "**What the reward misses**")


def test_there_is_a_page_for_every_id_and_no_other():
    assert {path.name for path in PAGES.glob("*.md")} == {cards.INDEX, *(f"{env_id}.md" for env_id in IDS)}
    assert (PAGES / cards.INDEX).read_text(encoding="utf-8") == cards.index(textgym.entries().values()), "make docs"


@pytest.mark.parametrize("env_id", IDS)
def test_a_page_is_what_the_code_says(env_id):
    page = (PAGES / f"{env_id}.md").read_text(encoding="utf-8")
    assert page == cards.card(env_id), "run `make docs`"
    for paragraph in PARAGRAPHS:
        assert paragraph in page
    assert {"random", "oracle"} <= set(registry.entry(env_id).scores) or "oracle" not in page
    assert "Not measured yet" not in page


@pytest.mark.parametrize("env_id", IDS)
def test_the_episode_of_a_page_is_what_its_code_prints(env_id):
    page = (PAGES / f"{env_id}.md").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, flags=re.S)
    for code, output in shown:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, env_id, "exec"), {})
        assert printed.getvalue() == output
