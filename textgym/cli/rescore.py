"""``textgym rescore``: new rewards on completions that were written before."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from textgym.cli.console import err, out
from textgym.errors import OptionError

if TYPE_CHECKING:
    from textgym.rewards import Reward

NAME = "rescore"
EXAMPLES = """
`textgym rescore bench/ppo --reward bleu --reward "short=length(target=5)" --out bench/ppo-bleu`

`textgym rescore answers.jsonl --reward "0.7*sentiment + 0.3*fluency" --out scored.jsonl`

`textgym rescore bench/ppo --reward mine:politeness --out bench/ppo-polite`
"""


def command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER|FILE",
            help="A folder of `textgym bench`, or a file with the columns prompt and completion.",
            show_default=False,
        ),
    ],
    reward: Annotated[
        list[str],
        typer.Option(
            metavar="[NAME=]EXPR",
            help="A reward: a name, an expression or `module:function`, under a NAME of its own if you like; repeat it "
            "for more.",
            show_default=False,
        ),
    ],
    target: Annotated[
        Path,
        typer.Option("--out", help="Folder, or JSONL file, to write; it must not exist.", show_default=False),
    ],
) -> None:
    """Give new rewards to stored completions, without generating.

    The new folder is a bench like the old one, whose cells and episodes also have reward/NAME: `textgym compare
    --metric reward/NAME` and the page show it. The old one is not touched.
    """
    made = rewards(reward)
    with err.status("scoring"):
        from textgym.bench.rescore import PREFIX, rescore, rescore_file
        from textgym.bench.results import CONFIG
        from textgym.evaluation.report import number

        if source.is_file():
            rows = [(name, "", "", metric) for name, metric in rescore_file(source, target, made).items()]
        elif (source / CONFIG).is_file():
            bench = rescore(source, target, made)
            rows = [
                (PREFIX + name, f"{cell.agent}, run {cell.run}", cell.env_id, cell.metrics[PREFIX + name])
                for cell in bench.cells().values()
                for name in made
            ]
        else:
            raise OptionError(
                f"{str(source)!r} is neither a folder of `textgym bench` nor a file of completions. Name one."
            )
    table = Table("score", "agent", "id", "mean", "95% interval", box=None, pad_edge=False, header_style="bold")
    for name, agent, env_id, metric in rows:
        interval = f"{number(metric.low)} to {number(metric.high)}"
        table.add_row(escape(name), escape(agent), env_id, number(metric.mean), interval)
    out.print(table)
    out.print(f"Written: {target}", soft_wrap=True)


def rewards(specs: Iterable[str]) -> dict[str, Reward]:
    """Returns the rewards that ``--reward`` named, under the names that they got, or their own texts.

    Raises:
        OptionError: If two have the same name.
    """
    from textgym import rewards as library

    found: dict[str, Reward] = {}
    for spec in specs:
        named = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*=(.+)", spec, re.DOTALL)
        name, expression = (named[1], named[2].strip()) if named else (spec, spec)
        if name in found:
            raise OptionError(f"The reward {name!r} is named twice. Give each a name of its own: --reward NAME=EXPR.")
        found[name] = library.make(expression)
    return found
