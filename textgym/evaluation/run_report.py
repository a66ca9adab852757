"""What came of a training run, in Markdown: the scores before and after, the curve, and samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from textgym.evaluation import files, learning_curve, markdown, metrics_file
from textgym.evaluation.comparison import Change, compare
from textgym.evaluation.report import Episode, Report, number
from textgym.evaluation.run import Run

SAMPLES = 12
SAMPLES_IN_REPORT = 4


def write(run: Run, before: Report, after: Report) -> None:
    """Writes ``learning_curve.png``, ``samples.md`` and ``report.md``, the last one last."""
    config, rows = run.config, metrics_file.read(run.path / "metrics.csv")
    title = f"{config.algorithm.upper()} on {config.env_id}"
    rewards = before.metrics["reward"], after.metrics["reward"]
    learning_curve.draw(run.path / "learning_curve.png", title, rows, *rewards, config.best)
    pairs = sample(before, after)
    files.write_text(run.path / "samples.md", "\n".join(_samples_page(title, pairs)))
    files.write_text(run.path / "report.md", "\n".join(_page(run, title, before, after, pairs, rows)))


def sample(before: Report, after: Report, count: int = SAMPLES) -> list[tuple[Episode, Episode]]:
    """Returns episodes of the same prompts before and after: distinct prompts, evenly spaced, not picked."""
    first: dict[int, int] = {}
    for i, episode in enumerate(before.episodes):
        first.setdefault(episode.prompt_index, i)
    indices = list(first.values())
    step = max(1, len(indices) // count)
    return [(before.episodes[i], after.episodes[i]) for i in indices[::step][:count]]


def changes(before: Report, after: Report) -> list[Change]:
    """Returns the changes that are worth a row: a reward of one part is not shown twice."""
    found = compare(before, after)
    parts = [change for change in found if change.name.startswith("reward/")]
    whole = parts[0] if len(parts) == 1 and parts[0].after == after.metrics["reward"] else None
    return [change for change in found if change is not whole]


def _changes_table(changes: Sequence[Change]) -> list[str]:
    rows = ["| score | before | after | change | after / before |", "|---|---:|---:|---:|---:|"]
    for change in changes:
        ratio = "" if change.ratio is None else f"{change.ratio:.2f}"
        rows.append(f"| {change.name} | {change.before} | {change.after} | {difference(change)} | {ratio} |")
    return rows


def signed(value: float) -> str:
    """Returns a difference with its sign."""
    return f"{'+' if value > 0 else ''}{number(value)}"


def difference(change: Change) -> str:
    """Returns the difference of a score, with its sign and its interval."""
    return f"{signed(change.difference.value)} [{number(change.difference.low)}, {number(change.difference.high)}]"


def _page(
    run: Run,
    title: str,
    before: Report,
    after: Report,
    pairs: Sequence[tuple[Episode, Episode]],
    rows: Sequence[metrics_file.Row],
) -> Iterator[str]:
    yield f"# {title}\n"
    yield (
        f"Held-out reward **{number(before.mean)} → {number(after.mean)}** ({signed(after.mean - before.mean)}) over "
        f"{len(after.episodes)} episodes of the {after.split} split.\n"
    )
    yield "## Before and after\n"
    yield from _changes_table(changes(before, after))
    yield (
        "\nIn brackets: 95% intervals over the prompts asked and the tokens drawn; another training seed varies more. "
        "Both agents were asked the same prompts, and changes of means are paired. "
        f"The reward is `{after.reward}`, γ = {after.gamma:g}. "
        "`length` counts tokens, `finish/…` are shares of the endings"
        f"{', `kl` is in nat per token, to the model that training began with' if 'kl' in after.metrics else ''}.\n"
    )
    yield "## Training\n"
    yield "![learning curve](learning_curve.png)\n"
    yield from _validation(run, rows)
    yield "## Samples\n"
    yield from _samples(pairs[:SAMPLES_IN_REPORT])
    during = "; answers while training are in [samples_over_training.md](samples_over_training.md)"
    monitored = bool(run.config.eval_every)
    yield f"{len(pairs)} prompts are in [samples.md](samples.md){during if monitored else ''}.\n"
    yield "## What ran\n"
    yield from _settings(run)


def _validation(run: Run, rows: Sequence[metrics_file.Row]) -> Iterator[str]:
    """The scores on validation prompts while training, if any were made, and which of them was the best."""
    shown = list(dict.fromkeys(["reward", *([run.config.best] if run.config.best else [])]))
    columns = [f"{learning_curve.VALIDATION}{name}" for name in shown]
    points = [row for row in rows if columns[0] in row]
    if not points:
        return
    yield "## Validation\n"
    yield f"| tokens | {' | '.join(shown)} |"
    yield f"|{'---:|' * (1 + len(shown))}"
    for row in points:
        scores = [number(row[column]) if column in row else "" for column in columns]
        yield f"| {row[metrics_file.STEP]:,.0f} | {' | '.join(scores)} |"
    yield ""
    if best := run.best_evaluation():
        trained = ", which is what was trained" if best["metric"] == "reward" else ""
        yield (
            f"The best by `{best['metric']}`{trained}: {number(best['value'])} after {best['step']:,} tokens, kept in "
            "`checkpoints/best`. The scores before and after are of the newest agent, not of the best.\n"
        )


def _settings(run: Run) -> Iterator[str]:
    config = run.config
    settings: dict[str, Any] = {
        "environment": config.env_id,
        **{f"environment: {name}": value for name, value in config.env_kwargs.items()},
        "algorithm": config.algorithm,
        "model": config.model,
        "tokens": f"{config.total_timesteps:,}",
        "environments side by side": config.n_envs,
        "seed": config.seed,
        **config.hyperparameters,
    }
    yield "| | |"
    yield "|---|---|"
    for name, value in settings.items():
        yield f"| {name} | {markdown.cell(str(value))} |"
    yield "\nVersions and machine are in `versions.json`, every number of the training in `metrics.csv`.\n"


def _samples_page(title: str, pairs: Sequence[tuple[Episode, Episode]]) -> Iterator[str]:
    yield f"# Samples: {title}\n"
    yield "The same held-out prompts before and after training, evenly spaced over the split and not picked.\n"
    yield from _samples(pairs)


def _samples(pairs: Sequence[tuple[Episode, Episode]]) -> Iterator[str]:
    yield "| prompt | before | after |"
    yield "|---|---|---|"
    for before, after in pairs:
        texts = [f"{markdown.cell(episode.completion)} **({number(episode.reward)})**" for episode in (before, after)]
        yield f"| {markdown.cell(before.prompt)} | {texts[0]} | {texts[1]} |"
    yield "\nIn brackets: the reward.\n"
