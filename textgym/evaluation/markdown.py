"""Texts of others inside Markdown."""

from __future__ import annotations


def cell(text: str) -> str:
    """Returns a text that cannot break a Markdown table: no line break, no bar, no markup."""
    for mark in "\\|`*_<>":
        text = text.replace(mark, "\\" + mark)
    return " ".join(text.split())
