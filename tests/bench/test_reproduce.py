"""Tables to reproduce: what a file says, in which order its cells are made, and when a new number is refused."""

from __future__ import annotations

import math
import operator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from textgym import registry
from textgym.bench import Bench, BenchConfig, Cell, EpisodeRecord, needs, published, recipes
from textgym.bench.recipes import Job, Table, chosen, parse
from textgym.bench.reproduce import make
from textgym.errors import DataError, OptionError, RunError
from textgym.evaluation.report import Metric

TARGET, NUMBERS = "TextGen-Target-v0", "TextGen-Numbers-v0"
RANDOM = registry.entry(TARGET).scores["random"]["reward"]
MINIATURE: dict[str, Any] = {
    "title": "A miniature",
    "ids": {TARGET: {"timesteps": 100, "hyperparameters": {"n_steps": 4}}, NUMBERS: None},
    "timesteps": 70,
    "seeds": [3, 4],
    "rows": {
        "random": {"agent": "random"},
        "PPO": {"algorithm": "ppo", "hyperparameters": {"n_steps": 8}, "ids": {TARGET: {"timesteps": 50}}},
        "SFT": {"algorithm": "sft", "data_of": "PPO"},
        "SFT + PPO": {"algorithm": "ppo", "start": "SFT"},
    },
}


@pytest.fixture(name="table")
def _table() -> Table:
    return parse(MINIATURE, "miniature")


def changed(**changes: Any) -> dict[str, Any]:
    return {**MINIATURE, **changes}


@pytest.mark.parametrize("name", recipes.names())
def test_a_shipped_table_is_understood(name: str) -> None:
    table = recipes.load(name)
    table.register()
    assert table.seeds == (0, 1, 2, 3, 4)
    assert all(table.timesteps(job) for job in table.jobs() if table.row(job.row).algorithm and job.row != "SFT")
    assert recipes.resolve(table.sources()[table.rows[0].name][0], table, next(iter(table.ids)), Path("out"))


def test_the_shipped_tables_have_every_algorithm_and_the_core_suite() -> None:
    from textgym.agents import ALGORITHMS

    assert {row.algorithm for row in recipes.load("algorithms").rows} - {None} == set(ALGORITHMS)
    assert tuple(recipes.load("core").ids) == registry.suites()["core"]


def test_cells_come_seed_by_seed_and_what_is_not_trained_once(table: Table) -> None:
    jobs = table.jobs()
    assert [job.seed for job in jobs] == sorted(job.seed for job in jobs)
    assert sum(job.row == "random" for job in jobs) == 2  # one an id
    assert len(jobs) == 2 * 1 + 2 * 2 * 3
    assert [str(job) for job in table.before(Job("SFT + PPO", TARGET, 4, 1))] == [f"PPO/{TARGET}/4", f"SFT/{TARGET}/4"]


def test_the_nearest_word_on_a_cell_holds(table: Table) -> None:
    assert table.timesteps(Job("PPO", TARGET, 3, 0)) == 50
    assert table.timesteps(Job("SFT + PPO", TARGET, 3, 0)) == 100
    assert table.timesteps(Job("PPO", NUMBERS, 3, 0)) == 70
    assert table.hyperparameters(Job("PPO", TARGET, 3, 0)) == {"n_steps": 8}
    assert table.hyperparameters(Job("SFT + PPO", TARGET, 3, 0)) == {"n_steps": 4}


def test_the_fingerprint_is_of_what_decides_on_numbers() -> None:
    same = parse(changed(title="Another", about="words"), "elsewhere")
    assert parse(MINIATURE, "x").fingerprint == same.fingerprint
    assert parse(changed(timesteps=71), "x").fingerprint != same.fingerprint


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed(sedes=[1]), "seeds"),
        (changed(seeds=[]), "no seeds"),
        (changed(seeds=[1, 1]), "twice"),
        (changed(rows={"a": {"agent": "random", "algorithm": "ppo"}}), "either"),
        (changed(rows={"a": {"agent": "random", "timesteps": 3}}), "not trained"),
        (changed(rows={"a": {"algorithm": "ppo", "start": "b"}}), "builds on 'b'"),
        (changed(rows={"a": {"algorithm": "ppo", "ids": {"TextGen-Copy-v0": {}}}}), "TextGen-Copy-v0"),
        (changed(ids="cores"), "Did you mean 'core'"),
        (changed(published={"b": {}}), "'b'"),
        ([1], "names with values"),
    ],
)
def test_a_table_that_cannot_be_is_refused(content: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        parse(content, "bad")


def test_an_unknown_table_names_the_known_ones() -> None:
    with pytest.raises(OptionError, match="algorithms, core, imdb, imdb_trl, walks"):
        recipes.load("cores.yml")


@pytest.mark.parametrize(
    ("only", "count"),
    [
        (["PPO"], 4),
        (["*/Target"], 7),
        (["SFT + PPO//4"], 2),
        (["SFT_PPO/TextGen-Numbers-v0/3", "random/Target"], 2),
    ],
)
def test_filters_choose_cells(table: Table, only: list[str], count: int) -> None:
    assert len(chosen(table.jobs(), only)) == count


@pytest.mark.parametrize("only", ["A2C", "PPO/Target/5", "PPO/Target/3/4"])
def test_a_filter_that_chooses_nothing_is_an_error(table: Table, only: str) -> None:
    with pytest.raises(OptionError, match="chooses nothing"):
        chosen(table.jobs(), [only])


def test_cells_are_made_after_those_they_build_on(table: Table) -> None:
    done: list[Job] = []

    def work(job: Job) -> None:
        assert set(table.before(job)) <= set(done)
        done.append(job)

    made = make(table, [Job("SFT + PPO", TARGET, 4, 1)], work)
    assert [job.row for job in made.done] == ["PPO", "SFT", "SFT + PPO"]
    assert not made.failed


def test_a_failure_stops_only_what_builds_on_it(table: Table) -> None:
    def work(job: Job) -> None:
        if job == Job("SFT", TARGET, 3, 0):
            raise RunError("no luck")

    made = make(table, table.jobs(), work)
    assert made.failed == {
        Job("SFT", TARGET, 3, 0): "no luck",
        Job("SFT + PPO", TARGET, 3, 0): f"it builds on SFT/{TARGET}/3, which failed",
    }
    assert len(made.done) == len(table.jobs()) - 2


def test_processes_make_every_cell(table: Table) -> None:
    made = make(table, table.jobs(), operator.attrgetter("row"), processes=2)  # any function that can be pickled
    assert set(made.done) == set(table.jobs())


def test_what_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = parse(changed(needs={"packages": ["sb3_contrib_nowhere"], "models": ["nobody/none"]}), "needy")
    with pytest.raises(OptionError, match=r"(?s)sb3_contrib_nowhere.*hf download nobody/none"):
        needs.require(table)


# ------------------------------------------------------------------ numbers


def _bench(path: Path, table: Table, rewards: dict[tuple[str, int], list[float]]) -> Bench:
    """A bench of one id with these rewards by row and run."""
    agents = table.sources()
    bench = Bench.create(path, BenchConfig(agents, (TARGET,), {}, episodes=4))
    for (row, run), values in rewards.items():
        mean, half = float(np.mean(values)), float(np.std(values))
        metric = Metric(mean, mean - half, mean + half)
        marks = {"random": RANDOM, "oracle": 1.0}
        cell = Cell(
            agent=row,
            run=run,
            source=agents[row][run],
            env_id=TARGET,
            env_kwargs={},
            split="test",
            seed=0,
            episodes=4,
            deterministic=False,
            reward="exact_match",
            gamma=1.0,
            hashes={"tokenizer": "t", "task": "", "agent": ""},
            metrics={"reward": metric, "length": Metric(4.0, 4.0, 4.0)},
            score=Metric((mean - marks["random"]) / (1 - marks["random"]), 0.0, 1.0),
            gold=None,
            gap=None,
            timing={},
            versions={},
            prompt_hash="",
        )
        episodes = [
            EpisodeRecord(i, 0, "", (), "", (1,), (3,), (1,), value, value, {}, "length", 1, None)
            for i, value in enumerate(values)
        ]
        bench.add(cell, episodes)
    return bench


@pytest.fixture(name="one_id")
def _one_id() -> Table:
    rows = {name: row for name, row in MINIATURE["rows"].items() if name in ("random", "PPO")}
    return parse({"title": "One id", "ids": {TARGET: {"timesteps": 50}}, "seeds": [3, 4], "rows": rows}, "one")


WHOLE = {("random", 0): [0.0, 0, 0, 1], ("PPO", 0): [1.0, 0, 1, 1], ("PPO", 1): [1.0, 1, 0, 0]}


def test_means_are_over_seeds_and_prompts(tmp_path: Path, one_id: Table) -> None:
    made = published.Published.of(one_id, _bench(tmp_path / "b", one_id, WHOLE))
    mean, low, high = made.rows["PPO"][TARGET]["reward"]
    assert mean == 0.625
    assert low < 0.5
    assert high > 0.75
    assert made.rows["PPO"][TARGET]["length"] == [1.0, 1.0, 1.0]
    assert made.rows["PPO"][TARGET]["score"][0] == pytest.approx((0.625 - RANDOM) / (1 - RANDOM))
    assert [cell["seed"] for cell in made.cells] == [3, 3, 4]
    made.save(tmp_path / "one.json")
    assert published.Published.load(tmp_path / "one.json").rows == made.rows
    assert published.summary(made, one_id).splitlines()[0] == "| | random | PPO |"


def test_a_row_with_a_hole_is_left_out(tmp_path: Path, one_id: Table) -> None:
    part = {key: values for key, values in WHOLE.items() if key != ("PPO", 1)}
    made = published.Published.of(one_id, _bench(tmp_path, one_id, part))
    assert set(made.rows) == {"random"}


def test_a_new_run_is_refused_beyond_the_prediction_interval() -> None:
    """By scipy: m ± t s √(1 + 1/n); it is far wider than the interval of the mean."""
    seeds = [[value, value, value] for value in (0.5, 0.52, 0.54, 0.56, 0.58)]
    cell: Any = type("Cell", (), {"episodes": 100_000, "env_id": TARGET})
    low, high = published.new_run(seeds, Metric(0.6, 0.6, 0.6), cell, "gold", 0.95)
    half = scipy.stats.t.ppf(0.975, 4) * np.std([0.5, 0.52, 0.54, 0.56, 0.58], ddof=1) * math.sqrt(1.2)
    assert (low, high) == pytest.approx((0.54 - half, 0.54 + half), abs=1e-4)


def test_seeds_that_are_all_perfect_leave_room_for_three_episodes() -> None:
    cell: Any = type("Cell", (), {"episodes": 300, "env_id": TARGET})
    low, _ = published.new_run([[1.0, 1.0, 1.0]] * 5, Metric(1.0, 1.0, 1.0), cell, "reward", 0.95)
    assert low == pytest.approx(1 - 3 / 300 * (1 - RANDOM))


def test_one_new_run_in_twenty_is_refused_where_nothing_has_changed() -> None:
    """Of five published seeds and a new one of the same normal law."""
    rng, cell = np.random.default_rng(0), type("Cell", (), {"episodes": 10**9, "env_id": TARGET})
    refused = 0
    for _ in range(1000):
        *seeds, new = rng.normal(0.5, 0.1, size=6).tolist()
        low, high = published.new_run(
            [[value] * 3 for value in seeds],
            Metric(new, new, new),
            cell,
            "gold",
            0.95,  # type: ignore[arg-type]
        )
        refused += not low <= new <= high
    assert 30 <= refused <= 70


def test_another_table_is_no_check(tmp_path: Path, one_id: Table) -> None:
    made = published.Published.of(one_id, _bench(tmp_path / "b", one_id, WHOLE))
    published.check_same(made, one_id)
    with pytest.raises(OptionError, match="another table"):
        published.check_same(made, parse({**MINIATURE, "seeds": [3]}, "one"))


def test_damaged_results_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"schema": "textgym.table", "schema_version": 7}')
    with pytest.raises(DataError, match="version"):
        published.Published.load(tmp_path / "x.json")
    with pytest.raises(DataError, match="no published table"):
        published.Published.load(tmp_path / "y.json")


def test_the_readme_block_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("above\n<!-- table:core -->\nold\n<!-- /table -->\nbelow\n<!-- table:x -->\n<!-- /table -->\n")
    published.write_into(page, "core", "new\n")
    published.write_into(page, "core", "newer\n")
    text = "above\n<!-- table:core -->\nnewer\n<!-- /table -->\nbelow\n<!-- table:x -->\n<!-- /table -->\n"
    assert page.read_text() == text
    with pytest.raises(DataError, match="0 places"):
        published.write_into(page, "walks", "new\n")
