"""Model cards: a header that the Hub reads, and what a person needs to know."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from textgym.agents import PPO, ZeroShot, export
from textgym.bench import cards
from textgym.errors import OptionError
from textgym.evaluation import Run, RunConfig
from textgym.evaluation.report import Metric
from textgym.evaluation.training import train

CONFIG = RunConfig(
    "TextGen-Target-v0", "ppo", "scratch", 64, n_envs=8, seed=4, hyperparameters={"n_steps": 8}, episodes=8
)
TRAINED = cards.Trained(
    title="ppo on TextGen-Target-v0, seed 4",
    algorithm="ppo",
    model="gpt2",
    env_id="TextGen-Target-v0",
    timesteps=64,
    metrics={"reward": Metric(0.5, 0.4, 0.6), "kl": Metric(0.02, 0.01, 0.03)},
    measured="8 episodes of the test split",
    command="textgym reproduce mini --only 'ppo/TextGen-Target-v0/4'",
)


def test_the_hub_reads_the_header() -> None:
    """By its own library: names, tags, and the results as its leaderboard takes them."""
    read = ModelCard(cards.card(TRAINED))
    assert read.data.library_name == "transformers"
    assert read.data.base_model == "gpt2"
    assert "TextGen-Target-v0" in read.data.tags
    results = {result.metric_type: result.metric_value for result in read.data.eval_results}
    assert results == {"reward": 0.5, "kl": 0.02}


@pytest.mark.parametrize("model", ["tiny", "scratch", "runs/sft/0/TextGen-Copy-v0"])
def test_what_is_not_on_the_hub_is_no_base_model(model: str) -> None:
    header = cards.card(cards.Trained("x", "ppo", model, "TextGen-Target-v0", 1)).split("---")[1]
    assert "base_model" not in yaml.safe_load(header)


def test_a_person_reads_scores_limits_and_the_command() -> None:
    text = cards.card(TRAINED)
    assert "| reward | 0.500 | 0.400 to 0.600 |" in text
    assert "## Limits" in text
    assert "textgym reproduce mini --only 'ppo/TextGen-Target-v0/4'" in text


def test_the_card_of_a_run(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", CONFIG)
    with pytest.raises(OptionError, match="not finished"):
        cards.of_run(run)
    train(run, PPO("scratch", CONFIG.env_id, n_envs=8, seed=4, n_steps=8, device="cpu"))
    trained = cards.of_run(run)
    assert trained.reward == "exact_match"
    assert trained.timesteps >= 64
    assert cards.write(run.path, trained).read_text(encoding="utf-8").count("| seed | 4 |") == 1


def test_an_export_has_a_card_and_a_model_as_it_is_has_none(tmp_path: Path) -> None:
    agent = PPO("tiny", "TextGen-Sentiment-v0", n_envs=2, seed=1, device="cpu")
    export(agent, tmp_path / "ppo", report=agent.evaluate(episodes=2))
    text = (tmp_path / "ppo" / "README.md").read_text(encoding="utf-8")
    assert "| started from | `tiny` (the language model that ships with textgym) |" in text
    assert "2 episodes of the test split" in text
    export(ZeroShot("tiny", device="cpu"), tmp_path / "tiny")
    assert not (tmp_path / "tiny" / "README.md").exists()


def test_an_export_tells_nothing_of_the_disk(tmp_path: Path) -> None:
    agent = PPO("scratch", "TextGen-Target-v0", n_envs=2, seed=1, device="cpu")
    agent.save(tmp_path / "saved")
    export(PPO.load(tmp_path / "saved", device="cpu"), tmp_path / "exported")
    assert str(tmp_path) not in (tmp_path / "exported" / "README.md").read_text(encoding="utf-8")
