"""The ``textgym`` command: one file a subcommand."""

from __future__ import annotations

from textgym.cli.main import main

__all__ = ["main"]
