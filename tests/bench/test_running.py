"""Running a bench: the same question gives the same files, however often, side by side or interrupted it was."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

import textgym
from textgym.agents import REINFORCE, ZeroShot
from textgym.bench import Bench, BenchConfig, hashing, run
from textgym.cli.bench import load_agent
from textgym.errors import OptionError, RunError

SORT, DELAY, SCALE = "TextGen-Sort-v0", "TextGen-ProbeDelay-v0", "TextGen-ProbeScale-v0"
MODEL = {"model_type": "gpt2", "n_layer": 1, "n_head": 2, "n_embd": 16}
LOAD = partial(load_agent, "cpu")


def config(**changes) -> BenchConfig:
    asked = {"agents": {"random": ("random",), "oracle": ("oracle",)}, "env_ids": (SORT, DELAY), "episodes": 8}
    return BenchConfig(**asked | changes)


def contents(bench: Bench) -> dict[str, bytes | dict]:
    """All files; cells without their timing, and not the page, which shows it."""
    found: dict[str, bytes | dict] = {}
    for path in sorted(bench.path.rglob("*")):
        if path.is_file() and path.name != "index.html":
            name = path.relative_to(bench.path).as_posix()
            found[name] = path.read_bytes()
            if path.name == "cell.json":
                found[name] = {key: value for key, value in json.loads(path.read_text()).items() if key != "timing"}
    return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return run(config(), tmp_path_factory.mktemp("bench") / "first", LOAD)


def test_a_bench_is_a_folder_of_whole_cells_tables_and_plots(bench: Bench) -> None:
    cells = bench.cells()
    assert not bench.missing()
    assert (cells["oracle", 0, SORT].score.mean, cells["oracle", 0, SORT].metrics["reward"].mean) == (1.0, 1.0)
    assert cells["random", 0, DELAY].prompt_hash == cells["oracle", 0, DELAY].prompt_hash
    assert cells["random", 0, DELAY].hashes["task"] != cells["random", 0, SORT].hashes["task"]
    text = (bench.path / "README.md").read_text()
    assert f"| {SORT} | 0.000 [0.000, 0.000] | 1.000 [1.000, 1.000] |" in text
    assert (bench.path / "plots" / "score.png").read_bytes().startswith(b"\x89PNG")


def test_episodes_carry_what_a_page_needs_and_agree_with_the_evaluation(bench: Bench) -> None:
    episodes = bench.episodes(("random", 0, DELAY))
    report = textgym.evaluate("random", DELAY, episodes=8)
    assert [episode.completion for episode in episodes] == [episode.completion for episode in report.episodes]
    for episode in episodes:
        assert "".join(episode.tokens[1:]) == episode.prompt + episode.completion  # BOS has a name and no text
        assert episode.rewards == (*[0.0] * 10, episode.reward)
        assert len(episode.tokens) == len(episode.prompt_ids) + len(episode.completion_ids)


def test_the_same_bench_twice_gives_the_same_bytes(bench: Bench, tmp_path: Path) -> None:
    assert contents(run(config(), tmp_path / "again", LOAD)) == contents(bench)


def test_processes_change_nothing(bench: Bench, tmp_path: Path) -> None:
    assert contents(run(config(), tmp_path / "again", LOAD, processes=2)) == contents(bench)


def test_a_bench_that_was_cut_off_goes_on_and_gives_the_same(bench: Bench, tmp_path: Path) -> None:
    partly = run(config(), tmp_path / "again", LOAD, limit=2)
    assert len(partly.missing()) == 2
    assert "2 of 4 cells are missing" in (partly.path / "README.md").read_text()
    (partly.folder(("random", 0, DELAY)) / "cell.json").unlink()  # killed between the two files of a cell
    played: list[str] = []

    def load(source: str, env_id: str, options: dict) -> object:
        played.append(f"{source} {env_id}")
        return LOAD(source, env_id, options)

    assert contents(run(config(), partly.path, load)) == contents(bench)
    assert sorted(played) == [f"oracle {DELAY}", f"oracle {SORT}", f"random {DELAY}"]


def test_a_cell_of_the_cache_is_copied_under_its_new_label(bench: Bench, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = run(config(), tmp_path / "first", LOAD, cache=cache)

    def load(*_: object) -> object:
        raise AssertionError("nothing was to be played")

    renamed = run(config(agents={"oracle": ("oracle",), "chance": ("random",)}), tmp_path / "other", load, cache=cache)
    assert renamed.cells()["chance", 0, SORT].metrics == first.cells()["random", 0, SORT].metrics
    assert renamed.cells()["chance", 0, SORT].timing == first.cells()["random", 0, SORT].timing
    assert renamed.episodes(("chance", 0, SORT)) == bench.episodes(("random", 0, SORT))
    with pytest.raises(RunError, match="nothing was to be played"):  # another seed is another result
        run(config(seed=1), tmp_path / "seed", load, cache=cache)
    for file in cache.rglob("episodes.jsonl"):
        file.write_text("spoilt")
    assert contents(run(config(), tmp_path / "third", LOAD, cache=cache)) == contents(bench)


def test_a_cell_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    agent = tmp_path / "mine.py"
    agent.write_text("def broken(prompt: str) -> str:\n    return 1 / 0\n")
    asked = config(agents={"mine": (f"{agent}:broken",), "oracle": ("oracle",)})
    with pytest.raises(RunError, match=rf"2 of 4 cells failed(.|\n)*mine, run 0, {SORT}: ZeroDivisionError") as caught:
        run(asked, tmp_path / "bench", LOAD, processes=2)
    assert "in broken, mine.py:2" in str(caught.value)
    assert set(Bench.open(tmp_path / "bench").cells()) == {("oracle", 0, SORT), ("oracle", 0, DELAY)}
    agent.write_text("def broken(prompt: str) -> str:\n    return 'a'\n")
    assert not run(asked, tmp_path / "bench", LOAD).missing()


def test_runs_under_one_label_are_pooled_over_seeds(tmp_path: Path) -> None:
    for seed in (0, 1):
        agent = REINFORCE(
            MODEL, SCALE, n_envs=2, kl_coef=0.0, seed=seed
        )  # kl_coef=0 keeps a reference, to measure only
        agent.save(tmp_path / str(seed))
    sources = (str(tmp_path / "0"), str(tmp_path / "1"))
    found = run(config(agents={"ours": sources}, env_ids=(SCALE,)), tmp_path / "bench", LOAD)
    first, second = found.cells().values()
    assert (first.run, second.run) == (0, 1)
    assert first.hashes["agent"] != second.hashes["agent"] != ""
    assert "over training runs and prompts: ours" in (found.path / "README.md").read_text()
    for episode in found.episodes(first.key):
        assert len(episode.log_probs) == len(episode.kl) == 1
        assert episode.log_probs[0] < 0
        assert episode.kl[0] == pytest.approx(0, abs=1e-5)  # it has not left its start
        assert episode.values == ()  # the value head is still zeros


def test_folder_and_options_are_checked_before_anything_is_played(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"deterministic = False\. Actual value: True"):
        run(config(deterministic=True), bench.path, LOAD)
    with pytest.raises(OptionError, match="Did you mean 'TextGen-Sort-v0'"):
        run(config(env_ids=("TextGen-Sorts-v0",)), tmp_path / "new", LOAD)
    with pytest.raises(OptionError, match="split"):
        run(config(split="tset"), tmp_path / "new", LOAD)
    with pytest.raises(OptionError, match="processes must be"):
        run(config(), tmp_path / "new", LOAD, processes=0)
    assert not (tmp_path / "new").exists()


def test_marks_count_for_the_options_that_they_were_set_with(tmp_path: Path) -> None:
    asked = config(agents={"oracle": ("oracle",)}, env_ids=(DELAY,), env_kwargs={"delay": 3})
    (cell,) = run(asked, tmp_path / "bench", LOAD).cells().values()
    assert (cell.score, cell.gap, cell.env_kwargs) == (None, None, {"delay": 3})


def test_batch_size_does_not_change_what_is_written() -> None:
    agent = ZeroShot("tiny")
    found = [
        [
            (episode.completion_ids, episode.reward)
            for episode in textgym.evaluate(agent, "TextGen-QA-v0", episodes=20, num_envs=n).episodes
        ]
        for n in (1, 7, 64)
    ]
    assert found[0] == found[1] == found[2]
    assert len({ids for ids, _ in found[0]}) > 15  # it did sample


def test_content_tells_agents_apart(tmp_path: Path) -> None:
    data = tmp_path / "answers.jsonl"
    data.write_text('{"prompt": "a", "completion": "b"}\n')
    (tmp_path / "mine.py").write_text("")
    replay = hashing.agent_hash(f"replay({data})")
    hashes = [hashing.agent_hash(source) for source in ("random", "oracle", "tiny", "best_of_n(tiny, n=2)")]
    assert len({*hashes, replay}) == 5
    assert "" not in (*hashes, replay)
    data.write_text('{"prompt": "a", "completion": "c"}\n')
    assert hashing.agent_hash(f"replay({data})") != replay
    for source in (f"{tmp_path / 'mine.py'}:f", "somebody/model", "best_of_n(somebody/model, n=2)", "scratch"):
        assert hashing.agent_hash(source) == ""
    shutil.copytree(textgym.assets.path("tiny"), tmp_path / "copy")
    assert hashing.agent_hash(str(tmp_path / "copy")) == hashes[2]
