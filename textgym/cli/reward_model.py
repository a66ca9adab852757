"""``textgym reward-model``: learn a reward from feedback, judge it, score with it, audit it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from textgym.cli.console import Commands, bars, err, out, quiet
from textgym.cli.options import DeviceOption, SeedOption
from textgym.errors import DataError, OptionError, RunError, suggest

if TYPE_CHECKING:
    from textgym.reward_models import Feedback, Quality

NAME = "reward-model"
SHOWN_PROBLEMS = 5

app = typer.Typer(
    cls=Commands,
    help="Learn a reward from human feedback, judge it on held-out feedback, score texts with it, audit it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Data = Annotated[
    str,
    typer.Argument(
        metavar="FEEDBACK",
        help="A CSV, TSV, JSONL, JSON or Parquet file, `feedback`, or the id of a data set: ratings (text, score), "
        "labels (text, label), preferences (prompt, chosen, rejected) or rankings (prompt, ranking).",
        show_default=False,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="ROLE=COLUMN",
        help="Where a role is found, such as text=review; repeat it. What is not given is guessed, and shown.",
        show_default=False,
    ),
]
Kind = Annotated[
    str | None,
    typer.Option(help="ratings, labels, preferences or rankings, where the columns do not tell.", show_default=False),
]
Labels = Annotated[
    str | None,
    typer.Option(help="The labels from worst to best, with commas between them.", show_default=False),
]
Encoding = Annotated[str, typer.Option(help="Of the file, such as latin-1.")]
Model = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A reward model: its folder, a shipped name, a Hub id.", show_default=False),
]


@app.command(
    epilog="""
`textgym reward-model train feedback.csv --out runs/rm`

`textgym reward-model train feedback.csv --out runs/rm --column text=review --column label=mood --labels bad,fair,good`

`textgym reward-model train pairs.jsonl --out runs/bt --backbone minilm-l6 --set learning_rate=5e-5 --set patience=5`
"""
)
def train(
    feedback: Data,
    path: Annotated[Path, typer.Option("--out", help="The folder to make.", show_default=False)],
    backbone: Annotated[
        str, typer.Option(help="What the head is put on: tiny, a folder, minilm-l6, a Hub id.")
    ] = "tiny",
    loss: Annotated[
        str | None,
        typer.Option(
            help="mse, cross_entropy, bradley_terry or plackett_luce. Default: by the kind of feedback.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[float, typer.Option(help="Passes over the training split, if nothing stops it earlier.")] = 3.0,
    columns: Columns = None,
    kind: Kind = None,
    labels: Labels = None,
    encoding: Encoding = "utf-8",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any other field of textgym.reward_models.Recipe, such as freeze_layers=3, lora_rank=8, accumulate=4, "
            "precision=bf16, class_weights=balanced, margin=true, per_token=true; repeat it for more.",
            show_default=False,
        ),
    ] = None,
    seed: SeedOption = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the training of --out was cut off.")] = False,
) -> None:
    """Train a reward model on feedback; the folder is a Hugging Face model and a reward.

    Rows that cannot be used are counted, shown and listed in problems.jsonl. The folder also holds the card, the log
    and the judgement on the test split. Use it by `--reward FOLDER` or `gym.make(id, reward=FOLDER)`.
    """
    from textgym.reward_models import Recipe

    given = {"backbone": backbone, "loss": loss, "epochs": epochs, "seed": seed, **_settings(settings or [])}
    recipe = Recipe(**given)
    found = _load(feedback, columns, kind, labels, encoding)
    _show(found)
    with err.status("loading"):
        from textgym.reward_models import train as run

        quiet()
    with bars() as progress:
        task = progress.add_task("training", total=None, note="")
        trained = run(
            found,
            path,
            recipe,
            source=Path(feedback).name,
            resume=resume,
            progress=lambda done, total, note: progress.update(task, completed=done, total=total, note=note),
        )
    if trained.quality is not None:
        _show_quality(trained.quality)
    out.print(f"\nReward model: {escape(str(trained.path))}   card: {escape(str(trained.path / 'README.md'))}")


@app.command(epilog="`textgym reward-model evaluate runs/rm feedback.csv --json quality.json --plot reliability.png`")
def evaluate(
    model: Model,
    feedback: Data,
    split: Annotated[str, typer.Option(help="Rows to judge on: train, validation or test.")] = "test",
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Judge on preferences, made of the ratings or labels.")
    ] = False,
    columns: Columns = None,
    kind: Kind = None,
    labels: Labels = None,
    encoding: Encoding = "utf-8",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Also write the judgement to this file.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Also draw the reliability diagram to this file.", show_default=False)
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Judge a reward model on held-out feedback: how right, how calibrated, how swayed by length.

    With `--column group=COLUMN` also group by group, to see whom it favours.
    """
    from textgym.data import check_split
    from textgym.evaluation.files import write_text

    check_split(split)
    for file in (json_file, plot):
        _check_folder(file)
    found = _load(feedback, columns, kind, labels, encoding)
    _show(found)
    with err.status("judging"):
        from textgym.reward_models import evaluate as run

        quiet()
        quality = run(model, found, split, as_pairs=pairs, device=device)
    _show_quality(quality)
    if json_file is not None:
        out.print(f"Judgement: {write_text(json_file, quality.to_json())}")
    if plot is not None:
        out.print(f"Diagram: {quality.plot(plot)}")


@app.command(epilog="`textgym reward-model score runs/rm answers.jsonl --prompt question --text answer > scores.jsonl`")
def score(
    model: Annotated[
        str, typer.Argument(metavar="REWARD", help="A reward model, or any reward expression.", show_default=False)
    ],
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A CSV, TSV, JSONL, JSON or Parquet file.", show_default=False)
    ],
    text: Annotated[str, typer.Option(help="Column of the texts to score.")] = "text",
    prompt: Annotated[
        str | None, typer.Option(help="Column of the prompts before them, if there is one.", show_default=False)
    ] = None,
    encoding: Encoding = "utf-8",
    path: Annotated[
        Path | None, typer.Option("--out", help="Write here instead of the terminal.", show_default=False)
    ] = None,
) -> None:
    """Score the texts of a file: its rows as JSON lines, each with a `score` more."""
    from textgym import rewards
    from textgym.evaluation.files import write_text
    from textgym.reward_models.batches import message

    _check_folder(path)
    rows = _rows(data, [text, *([prompt] if prompt else [])], encoding)
    reward = rewards.make(model)
    prompts = [row[prompt] if prompt else "" for row in rows]
    texts = [message(before, row[text])[len(before) :] for before, row in zip(prompts, rows, strict=True)]
    extra: dict[str, Any] = {
        name: [row.get(name) for row in rows] for name in rows[0] if name not in (text, prompt) and name.isidentifier()
    }
    totals = reward.score(prompts, texts, **extra).total.tolist()
    lines = [
        json.dumps({**row, "score": total}, ensure_ascii=False) + "\n" for row, total in zip(rows, totals, strict=True)
    ]
    if path is None:
        typer.echo("".join(lines), nl=False)
    else:
        out.print(f"Scores of {len(rows):,} texts: {write_text(path, ''.join(lines))}")


@app.command(
    epilog="""
`textgym reward-model audit runs/rm sentiment "0.7*sentiment + 0.3*length(target=20)"`

`textgym reward-model audit` audits every registered reward.
"""
)
def audit(
    rewards_: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REWARD]...", help="Reward models, names or expressions; all registered.", show_default=False
        ),
    ] = None,
) -> None:
    """Try the oldest tricks on rewards: silence, copying, repetition, keywords, every answer at once, rambling, noise.

    Ends with exit code 1 if a trick pays that the reward does not declare, or if it is random, or leaves its range.
    """
    from textgym import rewards
    from textgym.rewards import audit as audits

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("reward", overflow="fold")
    for name in ("good", *audits.KINDS, "texts/s"):
        table.add_column(name.replace("_", " "), justify="right")
    failures: list[str] = []
    for spec in rewards_ or rewards.names():
        with err.status(f"auditing {escape(spec)}"):
            found = audits.audit(rewards.make(spec))
        marks = {f.kind: ("" if f.below else "gameable " if f.passed else "FAILS ") for f in found.findings}
        cells = [f"{marks[f.kind]}{f.bad:.2f}" for f in found.findings]
        table.add_row(escape(found.reward), f"{found.findings[0].gold:.2f}", *cells, f"{found.per_second:,.0f}")
        failures += [
            f"{found.reward}: {what}" for what in (*found.faults, *(finding.complaint for finding in found.missed))
        ]
    out.print(table)
    for failure in failures:
        out.print(f"[bold red]FAILS[/] {escape(failure)}", soft_wrap=True)
    if failures:
        raise typer.Exit(1)


def _load(data: str, columns: list[str] | None, kind: str | None, labels: str | None, encoding: str) -> Feedback:
    from textgym.reward_models import load_feedback

    roles = {}
    for setting in columns or []:
        role, equals, column = setting.partition("=")
        if not equals:
            raise OptionError(f"--column takes ROLE=COLUMN, such as text=review. Actual value: {setting!r}.")
        roles[role] = column
    names = [label.strip() for label in labels.split(",")] if labels else None
    with err.status("reading"):
        return load_feedback(data, columns=roles or None, kind=kind, labels=names, encoding=encoding)


def _rows(data: str, columns: list[str], encoding: str) -> list[dict[str, Any]]:
    """Returns the rows of a file, each with a text in all of these columns."""
    from textgym.data import records

    rows = []
    for record in records.read(data, encoding=encoding):
        if record.fault or not isinstance(record.value, dict):
            raise DataError(f"{record.place}: the row {record.fault or 'is not a record of named columns'}.")
        for column in columns:
            if not isinstance(record.value.get(column), str):
                raise DataError(
                    f"{record.place} has no text in column {column!r}.{suggest(column, record.value)} "
                    f"Its columns are {', '.join(record.value)}. Name another with --text or --prompt."
                )
        rows.append(record.value)
    if not rows:
        raise DataError(f"No rows were found in {data!r}.")
    return rows


def _show(feedback: Feedback) -> None:
    """Prints what was found: the mapping of columns, the rows, and what could not be used."""
    roles = ", ".join(f"{role} from {column!r}" for role, column in feedback.columns.items())
    sizes = ", ".join(f"{len(rows):,} {split}" for split, rows in feedback.splits.items())
    out.print(f"[bold]{feedback.kind}[/]: {escape(roles)}", soft_wrap=True)
    out.print(f"rows: {sizes}", soft_wrap=True)
    if feedback.labels:
        out.print(f"labels: {escape(', '.join(feedback.labels))}", soft_wrap=True)
    if feedback.problems:
        out.print(f"[yellow]{len(feedback.problems):,} rows could not be used:[/]")
        for problem in feedback.problems[:SHOWN_PROBLEMS]:
            out.print(f"  {escape(str(problem))}", soft_wrap=True)
        if len(feedback.problems) > SHOWN_PROBLEMS:
            out.print("  …")


def _show_quality(quality: Quality) -> None:
    from textgym.evaluation.report import number

    table = Table(f"{quality.count:,} held-out {quality.kind}", "", "95% interval", box=None, pad_edge=False)
    shown = {**quality.metrics, **quality.length_bias}
    for name, breakdown in quality.groups.items():
        shown |= {f"{name}, {group.name} ({group.rows:,})": group.value for group in breakdown.groups}
    for name, estimate in shown.items():
        table.add_row(escape(name), number(estimate.value), f"{number(estimate.low)} to {number(estimate.high)}")
    out.print(table)


def _settings(settings: list[str]) -> dict[str, Any]:
    """Returns what ``--set`` says, each value read as the field's default is."""
    from dataclasses import fields

    from textgym.reward_models import Recipe

    defaults = {field.name: field.default for field in fields(Recipe)}
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise OptionError(f"--set takes KEY=VALUE, such as lora_rank=8. Actual value: {setting!r}.")
        if key not in defaults:
            raise OptionError(f"A recipe has no {key!r}.{suggest(key, defaults)} It has {', '.join(sorted(defaults))}.")
        try:
            found[key] = json.loads(value)
        except json.JSONDecodeError:
            found[key] = value
        default = defaults[key]
        wanted = (int, float) if isinstance(default, float) else (str, type(None)) if default is None else type(default)
        if not isinstance(found[key], wanted) or (isinstance(found[key], bool) and not isinstance(default, bool)):
            raise OptionError(f"--set {key} takes a value like {default!r}. Actual value: {value!r}.")
    return found


def _check_folder(file: Path | None) -> None:
    if file is not None and not file.absolute().parent.is_dir():
        raise RunError(f"Nothing can be written to {str(file)!r}: its folder does not exist. Make it first.")
