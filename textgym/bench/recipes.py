"""Tables to reproduce: which agents, how each is made, on which ids, seeds and budgets. YAML; some are shipped.

.. code-block:: yaml

    title: What a warm start gives
    ids:                                     # or the name of a suite
      TextGen-Target-v0: {timesteps: 16000}
    n_envs: 32                               # of all ids that say nothing else; `timesteps`, too
    seeds: [0, 1, 2]
    episodes: 256
    rows:
      random: {agent: random}                # not trained: played once, as `textgym.agents.load` makes it
      PPO: {algorithm: ppo, hyperparameters: {n_steps: 16}}
      SFT: {algorithm: sft, data_of: PPO}    # as many prompts as that row saw episodes
      SFT + PPO: {algorithm: ppo, start: SFT, ids: {TextGen-Target-v0: {timesteps: 8000}}}
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from textgym import registry
from textgym.bench.results import slug
from textgym.errors import OptionError, suggest

FOLDER = Path(__file__).with_name("shipped")
RUNS = "runs"
"""Folder of the training runs, inside that of the bench."""

MODEL, ENV_ID = "{model}", "{env_id}"
"""What a row's ``agent`` may hold: the model that an id starts from, and the id."""


@dataclass(frozen=True)
class Budget:
    """What a table or a row says of one id.

    Attributes:
        timesteps: Tokens to train on; None takes what is said more generally.
        n_envs: Episodes side by side; None takes what is said more generally.
        model: What agents start from, of the table's ids; None takes the id's own.
        hyperparameters: Of the algorithm, here alone.
    """

    timesteps: int | None = None
    n_envs: int | None = None
    model: str | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One agent of a table: not trained, or an algorithm trained once a seed and id.

    Attributes:
        name: As the table shows it.
        agent: What `textgym.agents.load` makes of it, where it is not trained; ``{model}`` is the id's model.
        algorithm: What trains it, where it is trained.
        start: Row whose run of the same id and seed it starts from; None starts from the id's model.
        data_of: Row of reinforcement learning whose episodes, of the same id and seed, are counted: this row sees as
            many prompts. Of supervised rows alone.
        timesteps: Tokens to train on; None takes the table's.
        hyperparameters: Of the algorithm; they come after those of the id.
        ids: What differs on an id.
    """

    name: str
    agent: str | None = None
    algorithm: str | None = None
    start: str | None = None
    data_of: str | None = None
    timesteps: int | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    ids: Mapping[str, Budget] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.agent is None) == (self.algorithm is None):
            raise OptionError(
                f"The row {self.name!r} has either an agent or an algorithm: what it is, or what trains it."
            )
        taught = [name for name in ("start", "data_of", "timesteps") if getattr(self, name) is not None]
        if self.agent is not None and (taught or self.hyperparameters or self.ids):
            raise OptionError(f"The row {self.name!r} is not trained, so only its agent can be said of it.")

    @property
    def before(self) -> tuple[str, ...]:
        """Rows that must be trained first."""
        return tuple(name for name in (self.start, self.data_of) if name is not None)


@dataclass(frozen=True)
class Job:
    """One cell of a table: a row on an id, with one seed.

    Attributes:
        row: Name of the row.
        env_id: The id.
        seed: Of the training; of a row that is not trained, the first of the table.
        run: Place of the seed in the table.
    """

    row: str
    env_id: str
    seed: int
    run: int

    def __str__(self) -> str:
        return f"{self.row}/{self.env_id}/{self.seed}"


@dataclass(frozen=True)
class Table:
    """What a table file says; JSON only.

    Attributes:
        name: Name of the shipped table, or of the file.
        title: One line.
        about: What is to be known of it, in Markdown.
        ids: The ids, each with its budget.
        rows: The agents, in order.
        seeds: Of training.
        episodes: Test episodes of a cell.
        tuned: Whether hyperparameters and budgets that were tuned for an id (``agents/hyperparams/*.yml``) hold where
            the table says nothing else.
        env_kwargs: Options of every environment.
        environments: ``"module:NAME"`` of `textgym.registry.EnvEntry` objects that the table brings along.
        needs: What must be installed, cached or reachable: ``packages``, ``models`` and ``data`` (Hub ids).
        published: Numbers that others published, by row, for comparison: shown, never checked.
    """

    name: str
    title: str
    ids: Mapping[str, Budget]
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    about: str = ""
    episodes: int = 256
    tuned: bool = True
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    environments: tuple[str, ...] = ()
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known: set[str] = set()
        for row in self.rows:
            if missing := [name for name in row.before if name not in known]:
                raise OptionError(
                    f"The row {row.name!r} of the table {self.name!r} builds on {missing[0]!r}, which does not stand "
                    "before it as a row that is trained."
                )
            if unknown := sorted(row.ids.keys() - self.ids.keys()):
                raise OptionError(f"The row {row.name!r} speaks of {unknown[0]!r}, which is no id of its table.")
            if row.algorithm is not None:
                known.add(row.name)
        for place, values in (("ids", self.ids), ("rows", self.rows), ("seeds", self.seeds)):
            if not values:
                raise OptionError(f"The table {self.name!r} has no {place}. Name at least one.")
        if len({slug(row.name) for row in self.rows}) < len(self.rows) or len(set(self.seeds)) < len(self.seeds):
            raise OptionError(f"The table {self.name!r} names a row or a seed twice.")
        if published := sorted(self.published.keys() - {row.name for row in self.rows}):
            raise OptionError(f"The table {self.name!r} has published numbers of {published[0]!r}, which is no row.")

    def row(self, name: str) -> Row:
        """Returns the row of that name."""
        return next(row for row in self.rows if row.name == name)

    def jobs(self) -> list[Job]:
        """Returns the cells in the order in which they are made: seed by seed, so that a part is a smaller table."""
        return [
            Job(row.name, env_id, seed, run)
            for run, seed in enumerate(self.seeds)
            for env_id in self.ids
            for row in self.rows
            if row.algorithm is not None or run == 0
        ]

    def before(self, job: Job) -> list[Job]:
        """Returns the cells that must be trained before this one, nearest last."""
        found: list[Job] = []
        for name in self.row(job.row).before:
            earlier = Job(name, job.env_id, job.seed, job.run)
            found += [*self.before(earlier), earlier]
        return list(dict.fromkeys(found))

    def source(self, row: Row, seed: int) -> str:
        """Returns what stands for an agent in the bench: a template that `resolve` fills in."""
        return row.agent if row.agent is not None else f"{RUNS}/{slug(row.name)}/{seed}/{ENV_ID}"

    def sources(self) -> dict[str, tuple[str, ...]]:
        """Returns the sources of every row, one a training run, as `BenchConfig.agents` takes them."""
        return {
            row.name: tuple(self.source(row, seed) for seed in (self.seeds if row.algorithm else self.seeds[:1]))
            for row in self.rows
        }

    def folder(self, job: Job) -> Path:
        """Returns the folder of a training run, relative to that of the bench."""
        return Path(RUNS, slug(job.row), str(job.seed), job.env_id)

    def timesteps(self, job: Job) -> int | None:
        """Returns the tokens to train on, where the table says it."""
        row = self.row(job.row)
        own = row.ids.get(job.env_id, Budget()).timesteps
        return own or row.timesteps or self.ids[job.env_id].timesteps

    def n_envs(self, job: Job) -> int | None:
        """Returns the number of episodes side by side, where the table says it."""
        return self.row(job.row).ids.get(job.env_id, Budget()).n_envs or self.ids[job.env_id].n_envs

    def model(self, env_id: str) -> str:
        """Returns what agents start from on an id."""
        return self.ids[env_id].model or registry.entry(env_id).model

    def hyperparameters(self, job: Job) -> dict[str, Any]:
        """Returns what the table says of an algorithm, the row's word on the id last."""
        row = self.row(job.row)
        own = row.ids.get(job.env_id, Budget()).hyperparameters
        return {**self.ids[job.env_id].hyperparameters, **row.hyperparameters, **own}

    def register(self) -> None:
        """Registers the environments that the table brings along; doing it again changes nothing.

        Raises:
            OptionError: If there is no such module, or an id is not registered.
        """
        for place in self.environments:
            module, _, name = place.partition(":")
            try:
                entry = getattr(importlib.import_module(module), name)
            except (ImportError, AttributeError) as error:
                raise OptionError(
                    f"The table {self.name!r} needs {place!r}, which cannot be imported: {error}."
                ) from error
            registry.register(entry)
        for env_id in self.ids:
            registry.entry(env_id)

    def to_json(self) -> dict[str, Any]:
        """Returns the table as JSON values."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return content

    @property
    def command(self) -> str:
        """What makes the table; one that is not shipped is named as a file."""
        return f"textgym reproduce {self.name if self.name in names() else f'{self.name}.yml'}"

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides on the numbers; titles, comments and what others published do not."""
        content = self.to_json()
        for name in ("name", "title", "about", "needs", "published"):
            del content[name]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def resolve(source: str, table: Table, env_id: str, out: Path) -> str:
    """Returns a source of the bench as `textgym.agents.load` takes it."""
    if source.startswith(f"{RUNS}/") and ENV_ID in source:
        return str(out / source.replace(ENV_ID, env_id))
    return source.replace(MODEL, table.model(env_id)).replace(ENV_ID, env_id)


def names() -> list[str]:
    """Returns the names of the shipped tables."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def load(source: str | Path) -> Table:
    """Returns a shipped table by name, or that of a file.

    Raises:
        OptionError: If there is none, or it says something that is not understood.
    """
    path = FOLDER / f"{source}.yml" if str(source) in names() else Path(source)
    if path.suffix not in (".yml", ".yaml") or not path.is_file():
        raise OptionError(
            f"There is no table {str(source)!r}.{suggest(str(source), names())} There are {', '.join(names())}; or "
            "give a YAML file of your own."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise OptionError(f"The table {str(path)!r} cannot be read: {error}.") from error
    return parse(content, path.stem)


def parse(content: Any, name: str) -> Table:
    """Returns the table that the content of a file says.

    Raises:
        OptionError: If it says something that is not understood.
    """
    given = _mapping(content, f"The table {name!r}")
    ids = given.get("ids")
    if isinstance(ids, str):  # a suite
        suites = registry.suites()
        if ids not in suites:
            raise OptionError(f"The table {name!r} names the suite {ids!r}.{suggest(ids, suites)}")
        given["ids"] = dict.fromkeys(suites[ids])
    default = {name: given.pop(name, None) for name in ("timesteps", "n_envs")}
    budgets = {
        env_id: _made(Budget, {**default, **_mapping(budget, env_id)}, env_id)
        for env_id, budget in _mapping(given.get("ids"), "ids").items()
    }
    rows = tuple(_row(label, row) for label, row in _mapping(given.get("rows"), "rows").items())
    given |= {"name": name, "ids": budgets, "rows": rows}
    for several in ("seeds", "environments"):
        given[several] = tuple(given.get(several) or ())
    table: Table = _made(Table, given, f"The table {name!r}")
    return table


def _row(label: str, content: Any) -> Row:
    given = _mapping(content, f"The row {label!r}")
    given["ids"] = {
        env_id: _made(Budget, _mapping(budget, env_id), f"{label!r} on {env_id}")
        for env_id, budget in _mapping(given.get("ids"), f"ids of {label!r}").items()
    }
    row: Row = _made(Row, {"name": label, **given}, f"The row {label!r}")
    return row


def _mapping(content: Any, place: str) -> dict[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise OptionError(f"{place} should hold names with values. Actual value: {content!r}.")
    return {str(key): value for key, value in content.items()}


def _made(cls: Any, content: Mapping[str, Any], place: str) -> Any:
    known = [item.name for item in fields(cls)]
    if unknown := sorted(content.keys() - set(known)):
        raise OptionError(
            f"{place} says {unknown[0]!r}, which nobody understands.{suggest(unknown[0], known)} It may say "
            f"{', '.join(known)}."
        )
    try:
        return cls(**content)
    except TypeError as error:
        raise OptionError(f"{place} lacks something: {error}.") from error


def chosen(jobs: Sequence[Job], only: Sequence[str]) -> list[Job]:
    """Returns the cells that filters ``ROW``, ``ROW/ID`` or ``ROW/ID/SEED`` choose; all without filters.

    A part that is empty or ``*`` takes all, an id may be written without ``TextGen-`` and version.

    Raises:
        OptionError: If a filter chooses nothing.
    """
    if not only:
        return list(jobs)
    found: dict[Job, None] = {}
    for text in only:
        parts = [*text.split("/"), "", ""]
        matches = [job for job in jobs if len(parts) <= 5 and all(_matches(parts, job))]
        if not matches:
            rows, ids, seeds = ({getattr(job, name) for job in jobs} for name in ("row", "env_id", "seed"))
            raise OptionError(
                f"--only {text!r} chooses nothing. It is ROW/ID/SEED of the rows {', '.join(sorted(rows))}; the ids "
                f"{', '.join(sorted(ids))}; the seeds {', '.join(map(str, sorted(seeds)))}."
            )
        found |= dict.fromkeys(matches)
    return [job for job in jobs if job in found]


def _matches(parts: Sequence[str], job: Job) -> Iterator[bool]:
    row, env_id, seed = parts[:3]
    yield row in ("", "*", job.row, slug(job.row))
    yield env_id in ("", "*", job.env_id, short(job.env_id))
    yield seed in ("", "*", str(job.seed))


def short(env_id: str) -> str:
    """Returns an id without its prefix and version, as tables show it."""
    return env_id.removeprefix("TextGen-").rpartition("-v")[0] or env_id
