"""``textgym export-task``: an environment as a folder that another library plays."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from textgym.cli.console import out
from textgym.cli.options import EnvId, EnvOption, RewardOption, env_kwargs

NAME = "export-task"
EXAMPLES = """
`textgym export-task TextGen-QA-v0 --to lm_eval --out exported/qa`, then
`lm_eval --model hf --model_args pretrained=gpt2 --include_path exported/qa --tasks textgen_qa_v0`

`textgym export-task TextGen-QA-v0 --to verifiers --out exported/qa_verifiers`, then
`pip install ./exported/qa_verifiers`
"""


class Library(StrEnum):
    """What an environment can be exported to."""

    LM_EVAL = "lm_eval"
    VERIFIERS = "verifiers"


def command(
    env_id: EnvId,
    to: Annotated[Library, typer.Option(help="Whose form: lm-evaluation-harness or verifiers.", show_default=False)],
    folder: Annotated[Path, typer.Option("--out", help="A folder that is new or empty.", show_default=False)],
    reward: RewardOption = None,
    options: EnvOption = None,
) -> None:
    """Write an environment as a task of another library, scored by textgym as it is here."""
    from textgym.bridges import lm_eval, verifiers

    export = lm_eval.export if to is Library.LM_EVAL else verifiers.export
    export(env_id, folder, **env_kwargs(options, reward=reward))
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        out.print(f"[dim]wrote[/] {path}", soft_wrap=True)
