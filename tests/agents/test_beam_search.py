"""Beam search against transformers' own, and against the law enumerated."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import textgym
from textgym.agents import BeamSearch, RandomAgent, ZeroShot, make_vec_env
from textgym.agents.episodes import Episodes
from textgym.agents.planning import Opening
from textgym.errors import AgentError

TARGET = "TextGen-Target-v0"
LETTERS = "chars:abcdefghijklmnopqrstuvwxyz "


def task(**options: Any) -> textgym.Task:
    rows = [{"prompt": prompt, "split": split} for prompt in ("a", "hello", "you and") for split in ("train", "test")]
    options = {"reward": "length", "tokenizer": LETTERS, "max_prompt_tokens": 10, "max_new_tokens": 12} | options
    return textgym.make_task(rows, **options)


@pytest.mark.parametrize("length_penalty", [-1.0, 0.0, 1.0, 2.5])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_it_finds_what_transformers_finds(n: int, length_penalty: float, gpt2: Any) -> None:
    """Tokens and scores, for prompts of several lengths side by side; EOS is likely enough to end some early."""
    posed = task()
    model = gpt2(vocab_size=posed.tokenizer.vocab_size, positions=32, spread=6.0)
    with torch.no_grad():
        model.transformer.wte.weight[posed.tokenizer.eos_id].mul_(4)
    search = BeamSearch(model, posed, n=n, length_penalty=length_penalty)
    prompts = [posed.encode_prompt(text) for text in ("a", "hello", "you and", "zzz", "the end")]
    found = search.search([Opening(prompt, len(prompt), 12) for prompt in prompts])
    lengths = set()
    for prompt, beam in zip(prompts, found, strict=True):
        theirs = model.generate(
            torch.from_numpy(prompt)[None],
            attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            num_beams=n,
            length_penalty=length_penalty,
            early_stopping=False,
            do_sample=False,
            max_new_tokens=12,
            eos_token_id=posed.tokenizer.eos_id,
            pad_token_id=posed.tokenizer.pad_id,
            return_dict_in_generate=True,
            output_scores=True,
        )
        completion = theirs.sequences[0, len(prompt) :].tolist()
        assert beam.ids.tolist() == completion
        if n > 1:  # with one beam transformers is greedy, and scores nothing
            assert beam.score == pytest.approx(theirs.sequences_scores[0].item(), abs=1e-4)
        lengths.add(len(completion))
    assert len(lengths) > 1 or length_penalty > 0


def test_enough_beams_find_the_likeliest_of_all_completions() -> None:
    """The law of the environment: masked, at its own temperature; all 256 completions are scored."""
    agent = ZeroShot({"initializer_range": 0.5}, TARGET, temperature=0.7, seed=3, device="cpu")
    search = BeamSearch(agent, TARGET, n=256, length_penalty=0.0)
    prompt = search.task.prompt_ids(0)
    allowed = np.isin(np.arange(search.task.tokenizer.vocab_size), search.task.allowed_tokens or ())
    tokens = search.task.allowed_tokens or tuple(range(search.task.tokenizer.vocab_size))
    completions = list(itertools.product(tokens, repeat=search.task.max_new_tokens))
    mask = allowed if search.task.allowed_tokens else None
    written = Episodes.of([prompt] * len(completions), completions, mask, len(allowed))
    model = agent.policy.token_model
    (log_probs,) = written.score(lambda batch: model.log_probs(batch)[None], model.device)
    totals = log_probs.sum(-1)
    (beam,) = search.search([Opening(prompt, len(prompt), search.task.max_new_tokens)])
    assert tuple(beam.ids) == completions[int(totals.argmax())]
    assert beam.score == pytest.approx(totals.max(), abs=1e-4)


def test_more_beams_are_no_less_likely_and_it_draws_nothing(gpt2: Any) -> None:
    posed = task()
    model = gpt2(vocab_size=posed.tokenizer.vocab_size, positions=32, spread=6.0)
    reports = [textgym.evaluate(BeamSearch(model, posed, n=4), posed, episodes=6, seed=seed) for seed in (0, 1)]
    assert [e.completion_ids for e in reports[0].episodes] == [e.completion_ids for e in reports[1].episodes]
    openings = [Opening(prompt := posed.encode_prompt(text), len(prompt), 12) for text in ("a", "hello")]
    one, many = (BeamSearch(model, posed, n=n, length_penalty=0.0).search(openings) for n in (1, 20))
    assert all(better.score >= worse.score - 1e-5 for worse, better in zip(one, many, strict=True))


def test_a_stop_string_and_the_rules_of_the_law_hold(gpt2: Any) -> None:
    posed = task(stop="e")
    model = gpt2(vocab_size=posed.tokenizer.vocab_size, positions=32, spread=6.0)
    e, eos = posed.tokenizer.encode("e")[0], posed.tokenizer.eos_id
    policy_kwargs = {"suppress_tokens": [eos], "forced_tokens": [[2, e]]}
    report = textgym.evaluate(BeamSearch(ZeroShot(model, posed, policy_kwargs=policy_kwargs), posed), posed, episodes=3)
    assert all(episode.completion_ids.index(e) == episode.length - 1 <= 2 for episode in report.episodes)
    assert {episode.finish_reason for episode in report.episodes} == {"stop"}


def test_each_turn_of_a_conversation_is_searched_for() -> None:
    env_id = "TextGen-CustomerService-v0"
    agent = BeamSearch("tiny", env_id, n=2, max_new_tokens=24)
    report = textgym.evaluate(agent, env_id, episodes=3, num_envs=2, max_new_tokens=24)
    for episode in report.episodes:
        first = episode.completion_ids[: len(agent.tokenizer.encode(episode.turns[0])) + 1]
        (beam,) = agent.search([Opening(np.array(episode.prompt_ids), len(episode.prompt_ids), 24)])
        assert tuple(beam.ids[: len(first)]) == first[: len(beam.ids)]
    assert any(len(episode.turns) > 1 for episode in report.episodes)


def test_it_says_what_it_cannot_do() -> None:
    with pytest.raises(AgentError, match="n=0"):
        BeamSearch("scratch", TARGET, n=0)
    with pytest.raises(AgentError, match="length_penalty is a number"):
        BeamSearch("scratch", TARGET, length_penalty="long")  # type: ignore[arg-type]
    with pytest.raises(AgentError, match="a RandomAgent"):
        BeamSearch(RandomAgent(make_vec_env(TARGET, 1)), TARGET)
    agent = BeamSearch("scratch", TARGET)
    with pytest.raises(AgentError, match="the environment that it plays"):
        agent.predict(make_vec_env("TextGen-Numbers-v0", 2).reset())
