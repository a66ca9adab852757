"""The commands that need no agent, as a person runs them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from textgym import registry
from textgym.cli.main import app

runner = CliRunner()
# As the installed script: -P keeps the working directory off the path.
TEXTGYM = [sys.executable, "-P", "-c", "from textgym.cli import main; main()"]


def run(*args, **kwargs):
    return runner.invoke(app, [str(arg) for arg in args], **kwargs)


def test_help_needs_no_model_library():
    code = (
        "import sys; from textgym.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: print(sorted({'torch', 'transformers', 'matplotlib'} & sys.modules.keys()))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.stdout.splitlines()[-1] == "[]", process.stderr


@pytest.mark.parametrize("command", ["envs", "show", "play", "train", "evaluate"])
def test_every_command_teaches(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "textgym" in result.output.split("Options")[-1]  # an example or a pointer at the end


def test_without_arguments_the_command_explains_itself():
    result = run()
    assert "Usage: textgym" in result.output.replace("root", "textgym")
    assert "train" in result.output


def test_envs_lists_every_id():
    result = run("envs")
    assert result.exit_code == 0
    for env_id in registry.entries():
        assert env_id in result.output


def test_show_tells_all_about_an_environment():
    result = run("show", "TextGen-Target-v0", "--seed", 3)
    assert result.exit_code == 0
    for text in ("Discrete(7)", "4 of them allowed", "exact_match", "0 … 1", "1 train", "我爱你。", "reward 0.000"):
        assert text in result.output


def test_show_says_that_a_split_has_no_end():
    result = run("show", "TextGen-Brackets-v0")
    assert result.exit_code == 0
    for text in ("endless train, 256 validation, 512 test", "7 of them allowed", "closed_share"):
        assert text in result.output


def test_show_names_the_parts_of_a_reward():
    result = run("show", "TextGen-Numbers-v0", "--reward", "0.5*length.clip(0, 9) + distinct_n(n=2)")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert any(line.strip().startswith("length ") for line in lines)
    assert any(line.strip().startswith("distinct_n ") for line in lines)


def test_a_reward_may_be_a_function_of_the_users_own(tmp_path):
    (tmp_path / "mine.py").write_text("def shout(prompts, completions, **columns):\n    return [7.0] * len(prompts)\n")
    command = [*TEXTGYM, "show", "TextGen-Target-v0", "--reward", "mine:shout"]
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "reward 7.000" in process.stdout


def test_show_plays_the_same_episode_for_the_same_seed():
    assert (
        run("show", "TextGen-Numbers-v0", "--seed", 1).output == run("show", "TextGen-Numbers-v0", "--seed", 1).output
    )
    assert (
        run("show", "TextGen-Numbers-v0", "--seed", 1).output != run("show", "TextGen-Numbers-v0", "--seed", 2).output
    )


def test_play_scores_what_is_typed():
    result = run("play", "TextGen-Numbers-v0", "--prompt", "7 ", input="8 9 \n11 30\n\n")
    assert result.exit_code == 0
    assert "8 9 11 30" in result.output
    assert "20 tokens left" in result.output
    assert "finished by eos after 10 tokens" in result.output
    assert "increasing  0.500" in result.output
    assert "reward  0.500" in result.output


def test_play_ends_where_the_episode_does():
    result = run("play", "TextGen-Target-v0", input="我爱你。我爱\n")
    assert result.exit_code == 0
    assert "finished by length after 4 tokens" in result.output
    assert "reward  1.000" in result.output


def test_the_end_of_the_input_ends_the_completion():
    result = run("play", "TextGen-Numbers-v0", "--prompt", "7 ", input="8")
    assert result.exit_code == 0
    assert "finished by eos after 2 tokens" in result.output


def test_the_end_of_the_input_is_clean_where_no_eos_is_allowed():
    result = run("play", "TextGen-Target-v0", input="我\n")
    assert result.exit_code == 0
    assert "Left unfinished." in result.output


def test_play_survives_a_slip_of_the_hand():
    result = run("play", "TextGen-Target-v0", input="x\n\n我爱你。\n")
    assert result.exit_code == 0
    assert "'x'" in result.output
    assert "<eos> is not allowed here." in result.output
    assert "reward  1.000" in result.output


def test_play_adds_up_a_dense_reward():
    result = run("play", "TextGen-Target-v0", "--reward", "dense(exact_match)", input="我爱你。\n")
    assert "reward  1.000" in result.output


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["show", "TextGen-Numbrs-v0"], ["'TextGen-Numbrs-v0'", "Did you mean 'TextGen-Numbers-v0'"]),
        (["play", "TextGen-Numbers-v0", "--split", "tset"], ["'tset'", "Did you mean 'test'"]),
        (["show", "TextGen-Numbers-v0", "--reward", "sentimant"], ["sentimant", "sentiment"]),
        (["show", "TextGen-Numbers-v0", "--reward", "0.5 *"], ["0.5 *"]),
        (["show", "TextGen-Numbers-v0", "--reward", "__import__('os')"], ["__import__"]),
        (["play", "TextGen-Numbers-v0", "--prompt", "123456789 "], ["123456789", "max_prompt_tokens"]),
        (["play", "TextGen-Numbers-v0", "--prompt", "one"], ["'o'", "0123456789"]),
    ],
)
def test_bad_input_is_one_clear_message(args, words):
    process = subprocess.run([*TEXTGYM, *args], capture_output=True, text=True, input="")
    assert process.returncode == 2
    assert process.stderr.startswith("Error: ")
    assert "Traceback" not in process.stderr
    for word in words:
        assert word in process.stderr
