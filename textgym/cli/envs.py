"""``textgym envs``: the table of environments."""

from __future__ import annotations

from rich.table import Table

from textgym import registry
from textgym.cli.console import out

NAME = "envs"
EXAMPLES = "Next: `textgym show ID` tells all about one of them."


def command() -> None:
    """List the registered environments."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("id", no_wrap=True)
    for name in ("what is asked", "tags", "starts from"):
        table.add_column(name, overflow="fold")
    for entry in registry.entries().values():
        table.add_row(entry.id, entry.summary, ", ".join(entry.tags), entry.model)
    out.print(table)
