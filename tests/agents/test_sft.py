"""Supervised fine-tuning: what it learns from, that it learns, and that it can be gone on with."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback

import textgym
from textgym.agents import PPO
from textgym.agents.demonstrations import demonstrate, prompt_numbers
from textgym.agents.episodes import Episodes
from textgym.agents.sft import SFT
from textgym.agents.supervised import fit
from textgym.agents.token_model import TokenModel
from textgym.errors import AgentError
from textgym.generated import ENDLESS
from textgym.simulators import Simulator

QUESTIONS = [
    {"prompt": "one", "references": ["ab", "ba"]},
    {"prompt": "two", "references": ["c"]},
    {"prompt": "six", "references": ["abcabc"]},
]
CHARS = "chars:abcdefghijklmnopqrstuvwxyz?! "
SMALL = {"n_demonstrations": 64, "batch_size": 64, "device": "cpu", "seed": 0}


def questions(**changes: Any) -> textgym.Task:
    options = {"reward": "length(target=2)", "tokenizer": CHARS, "max_prompt_tokens": 6, "max_new_tokens": 5}
    data = {"train": QUESTIONS, "validation": QUESTIONS[1:2], "test": QUESTIONS}
    return textgym.make_task(data, prompt="prompt", references="references", **{**options, **changes})


@pytest.fixture(scope="module")
def counting() -> SFT:
    """Learnt to count from nothing, in seconds."""
    return SFT("scratch", "TextGen-Numbers-v0", batch_size=128, device="cpu", seed=0).learn(40_000)


def weights(agent: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in agent.policy.parameters()])


def test_a_demonstration_is_prompt_reference_and_eos_cut_to_the_budget() -> None:
    task = questions()
    tokenizer = task.tokenizer
    episodes = demonstrate(task, [1, 2], np.random.default_rng(0))
    two = [tokenizer.bos_id, *tokenizer.encode("two"), *tokenizer.encode("c"), tokenizer.eos_id]
    six = [tokenizer.bos_id, *tokenizer.encode("six"), *tokenizer.encode("abcab")]  # no room for an ending
    assert episodes.lengths.tolist() == [6, 9]
    assert [row[:length].tolist() for row, length in zip(episodes.input_ids, episodes.lengths, strict=True)] == [
        two,
        six,
    ]
    assert episodes.response_mask.tolist() == [[False] * 4 + [True] * 2 + [False] * 3, [False] * 4 + [True] * 5]


def test_every_reference_of_a_row_is_drawn() -> None:
    task = questions()
    episodes = demonstrate(task, [0] * 50, np.random.default_rng(0))
    texts = [task.tokenizer.decode(ids[4:6]) for ids in episodes.input_ids]
    assert set(texts) == {"ab", "ba"}
    again = demonstrate(task, [0] * 50, np.random.default_rng(0))
    np.testing.assert_array_equal(episodes.input_ids, again.input_ids)


def test_a_finite_split_is_dealt_in_epochs_however_it_is_cut() -> None:
    whole = prompt_numbers(5, 0, 15, seed=7)
    assert [sorted(epoch) for epoch in whole.reshape(3, 5).tolist()] == [[0, 1, 2, 3, 4]] * 3
    assert len({tuple(epoch) for epoch in whole.reshape(3, 5).tolist()}) > 1
    parts = [prompt_numbers(5, start, 3, seed=7) for start in range(0, 15, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    endless = prompt_numbers(ENDLESS, 3, 4, seed=7)
    assert len(set(endless.tolist())) == 4
    assert endless.max() > 2**32


def test_the_loss_is_that_of_the_completion_alone(gpt2: Any) -> None:
    """One step of plain gradient descent is the gradient, here of −Σ log p / 3 over the tokens 7, 8 and 9."""
    model = TokenModel(gpt2(vocab_size=20), 20)
    episodes = Episodes.of([[1, 2, 3], [4]], [[7, 8], [9]], None, 20)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    log_probs = []
    for ids, places in (([1, 2, 3, 7, 8], [3, 4]), ([4, 9], [1])):
        scores = torch.log_softmax(model.lm(torch.tensor([ids])).logits[0], -1)
        log_probs += [scores[place - 1, ids[place]] for place in places]
    loss = -torch.stack(log_probs).mean()
    loss.backward()
    expected = {name: before[name] - 0.5 * parameter.grad for name, parameter in model.named_parameters()}
    ((_, batch),) = episodes.batches(np.arange(2), None, torch.device("cpu"))
    reached = fit(model, torch.optim.SGD(model.parameters(), lr=0.5), [batch], max_grad_norm=1e9)
    assert reached == pytest.approx(loss.item(), rel=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name], rtol=1e-4, atol=1e-5)


def test_no_global_generator_moves() -> None:
    agent = SFT("scratch", questions(), **SMALL)
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    agent.learn(100)
    drawn = random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    assert drawn == (random.random(), np.random.rand(), torch.rand(()).item())  # noqa: NPY002


def test_writing_letters_again_is_learnt_from_nothing() -> None:
    options = {"min_length": 3, "max_length": 3, "letters": 26}
    agent = SFT("scratch", "TextGen-Copy-v0", env_kwargs=options, device="cpu", seed=0)
    assert agent.evaluate(episodes=64).mean < 0.02
    agent.learn(60_000)
    assert agent.evaluate(episodes=200).mean > 0.9
    assert agent.held_out_loss() < 0.1


def test_counting_is_learnt_from_a_reference_policy(counting: SFT) -> None:
    """Numbers has no references, but its task knows what to write; random weights earn about 0.1."""
    assert counting.evaluate(episodes=128).mean > 0.5


def test_the_log_tells_of_held_out_references() -> None:
    logged: list[dict[str, float]] = []

    class Watch(BaseCallback):
        def _on_step(self) -> bool:
            logged.append(dict(self.logger.name_to_value))
            return True

    agent = SFT("scratch", questions(), **SMALL)
    start = agent.held_out_loss()
    agent.learn(400, callback=Watch())
    assert start == pytest.approx(np.log(agent.policy.token_model.vocab_size), rel=0.05)  # uniform, nearly
    last = agent.logger.name_to_value
    assert last["held_out/loss"] < start
    assert last["held_out/perplexity"] == pytest.approx(np.exp(last["held_out/loss"]))
    assert last["train/loss"] > 0
    assert len(logged) > 1


def test_a_task_without_references_says_so() -> None:
    task = textgym.make_task(["one", "two"], reward="length(target=2)", tokenizer=CHARS)
    with pytest.raises(AgentError, match="has no references to learn from"):
        SFT("scratch", task, device="cpu")


def test_epochs_count_the_tokens_of_a_pass() -> None:
    assert SFT("scratch", questions(), **SMALL).epoch_tokens() == 3 + 2 + 5
    with pytest.raises(AgentError, match="is endless"):
        SFT("scratch", "TextGen-Copy-v0", device="cpu").epoch_tokens()


@pytest.mark.parametrize("name", ["n_demonstrations", "batch_size"])
def test_a_size_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(AgentError, match=f"{name} is at least 1. Actual value: 0"):
        SFT("scratch", questions(), **{**SMALL, name: 0})


def test_a_callback_that_stops_leaves_the_agent_as_it_was() -> None:
    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return False

    agent = SFT("scratch", questions(), **SMALL)
    before = weights(agent)
    agent.learn(1_000, callback=Stop())
    assert agent.num_timesteps == 0
    assert torch.equal(weights(agent), before)


def test_training_that_was_saved_amid_goes_on_bit_for_bit(tmp_path: Any) -> None:
    whole = SFT("scratch", questions(), **SMALL).learn(700)
    half = SFT("scratch", questions(), **SMALL).learn(300)
    half.save(tmp_path / "half")
    loaded = SFT.load(tmp_path / "half", env=questions(), device="cpu")
    assert torch.equal(weights(loaded), weights(half))
    assert loaded.num_timesteps == half.num_timesteps
    loaded.learn(700 - half.num_timesteps, reset_num_timesteps=False)
    assert loaded.num_timesteps == whole.num_timesteps
    assert torch.equal(weights(loaded), weights(whole))


def test_reinforcement_learning_starts_where_sft_ended(counting: SFT, tmp_path: Any) -> None:
    """The folder of the saved agent is a model; PPO's first report is SFT's last."""
    counting.save(tmp_path / "taught")
    agent = PPO(str(tmp_path / "taught"), "TextGen-Numbers-v0", device="cpu", seed=5)
    assert agent.kl is not None  # it holds on to what it was taught
    theirs, ours = (one.evaluate(episodes=32, seed=3).episodes for one in (counting, agent))
    assert [episode.completion for episode in ours] == [episode.completion for episode in theirs]
    assert np.mean([episode.reward for episode in ours]) > 0.5


class Echo(Simulator):
    """Answers the first turn with a question mark, and hangs up after the second."""

    max_reply_tokens = 3

    def reply(self, row: textgym.data.Row, turns: Any) -> str | None:
        return "?! " if len(turns) == 1 else None


def test_of_a_conversation_the_agents_turns_are_learnt() -> None:
    from dataclasses import replace

    task = replace(
        questions(),
        simulator=Echo(),
        max_reply_tokens=None,
        max_new_tokens=8,
        reference_policy=lambda row, turns: "ab" if not turns else "c",
    )
    tokenizer = task.tokenizer
    episodes = demonstrate(task, [1, 0], np.random.default_rng(0))
    for i in range(2):
        chosen = episodes.input_ids[i][episodes.response_mask[i]].tolist()
        eos = [tokenizer.eos_id]
        assert chosen == [*tokenizer.encode("ab"), *eos, *tokenizer.encode("c"), *eos]
        read = episodes.input_ids[i, : episodes.lengths[i]][~episodes.response_mask[i, : episodes.lengths[i]]]
        assert tokenizer.decode(read.tolist()) == ("two?! ", "one?! ")[i]
    agent = SFT("scratch", task, n_demonstrations=16, batch_size=64, learning_rate=1e-2, device="cpu", seed=0)
    agent.learn(4_000)
    assert {episode.turns for episode in agent.evaluate(episodes=6, deterministic=True).episodes} == {("ab", "c")}
