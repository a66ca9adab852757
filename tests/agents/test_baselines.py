from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces

import textgym
from textgym.agents import BestOfN, Greedy, RandomAgent, ZeroShot, best_of_n, make_vec_env
from textgym.errors import AgentError, ModelError

TARGET, NUMBERS = "TextGen-Target-v0", "TextGen-Numbers-v0"


def test_a_random_agent_is_uniform_over_what_is_allowed() -> None:
    agent = RandomAgent(spaces.Discrete(7), seed=0)
    obs = {"input_ids": np.zeros((20_000, 3), np.int64)}
    mask = np.array([True, False, True, True, False, False, True])
    for masks, allowed in ((None, np.ones(7, bool)), (mask, mask), (np.tile(mask, (20_000, 1)), mask)):
        tokens, _ = agent.predict(obs, action_masks=masks)
        shares = np.bincount(tokens, minlength=7) / 20_000
        np.testing.assert_allclose(shares, allowed / allowed.sum(), atol=0.015)
    assert np.ndim(agent.predict({"input_ids": np.zeros(3, np.int64)})[0]) == 0


def test_a_random_agent_takes_environments_and_follows_a_seed() -> None:
    agent = RandomAgent(make_vec_env(NUMBERS, 2))
    first, second = (textgym.evaluate(agent, NUMBERS, episodes=8, seed=3) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert first.mean < 0.5
    with pytest.raises(AgentError, match="Discrete"):
        RandomAgent(spaces.Box(0, 1))


def test_zero_shot_is_the_model_as_it_is() -> None:
    agent = ZeroShot("tiny", device="cpu")
    tokenizer = textgym.tokenizers.load("tiny")
    assert agent.policy.token_model.vocab_size == tokenizer.vocab_size
    obs = make_vec_env("TextGen-Sentiment-v0", 3, reward="length").reset()
    with agent.seeded(0):
        first, _ = agent.predict(obs)
    with agent.seeded(0):
        assert np.array_equal(first, agent.predict(obs)[0])
    assert ZeroShot("scratch", NUMBERS, seed=0).policy.token_model.vocab_size == 14
    with pytest.raises(AgentError, match="takes its sizes from an environment"):
        ZeroShot("scratch")
    with pytest.raises(ModelError, match="environment has 4096"):
        ZeroShot({"vocab_size": 14}, "TextGen-Sentiment-v0")


def test_greedy_takes_the_likeliest_token_whatever_it_is_asked_for() -> None:
    sampling = ZeroShot("tiny", "TextGen-Sentiment-v0", seed=0)
    greedy = Greedy(sampling)
    obs = make_vec_env("TextGen-Sentiment-v0", 3).reset()
    expected, _ = sampling.predict(obs, deterministic=True)
    for deterministic in (False, True):
        assert np.array_equal(greedy.predict(obs, deterministic=deterministic)[0], expected)
    reports = [
        textgym.evaluate(greedy, "TextGen-Sentiment-v0", episodes=4, seed=seed, reward="length") for seed in (0, 1)
    ]
    assert [e.completion for e in reports[0].episodes] == [e.completion for e in reports[1].episodes]
    masked = textgym.evaluate(Greedy("scratch", "TextGen-Brackets-v0"), "TextGen-Brackets-v0", episodes=4)
    assert len(masked.episodes) == 4


def test_best_of_n_is_better_the_larger_n_is() -> None:
    means = []
    for n in (1, 16):
        agent = BestOfN(ZeroShot("scratch", NUMBERS, seed=0), NUMBERS, n=n)
        report = textgym.evaluate(agent, NUMBERS, episodes=40)
        means.append(report.mean)
    assert means[1] > means[0] + 0.1


def test_best_of_n_finds_the_target_that_chance_rarely_does() -> None:
    uniform = ZeroShot("scratch", TARGET, seed=0)
    report = textgym.evaluate(BestOfN(uniform, TARGET, n=2000), TARGET, episodes=2)
    assert report.mean == 1.0
    assert textgym.evaluate(uniform, TARGET, episodes=64).mean < 0.1


def test_best_of_n_gives_the_best_completion_token_by_token() -> None:
    class Counter:
        """Writes completions of different lengths, the third of each four the longest."""

        def __init__(self) -> None:
            self.budgets: np.ndarray | None = None

        def predict(self, obs: Any, state: Any = None, **_: Any) -> Any:
            step = 0 if state is None else state
            budgets = np.array([2, 4, 9, 1])[np.arange(len(obs["input_ids"])) % 4]
            return np.where(step < budgets, 3, 2), step + 1

    def longest(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return [float(len(text)) for text in completions]

    agent = BestOfN(Counter(), NUMBERS, n=4, reward=longest)
    report = textgym.evaluate(agent, NUMBERS, episodes=6, num_envs=3, reward=longest)
    assert {episode.length for episode in report.episodes} == {10}


def test_best_of_n_finds_the_prompts_of_a_generated_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads no further than it must: the training split has no end."""
    env_id = "TextGen-Brackets-v0"
    one = ZeroShot("scratch", env_id, seed=0)
    agent = BestOfN(one, env_id, n=8, partial=True)
    monkeypatch.setattr(best_of_n, "SEARCHED", 500)
    for split in ("test", "validation", "train"):
        best, mean = (textgym.evaluate(a, env_id, episodes=32, split=split, partial=True).mean for a in (agent, one))
        assert best > mean + 0.05
    vec = make_vec_env(env_id, 1)
    vec.set_options({"prompt_index": 10**9})
    with pytest.raises(AgentError, match="of an endless split it knows the first 500 prompts"):
        agent.predict(vec.reset())


def test_best_of_n_plays_whole_conversations() -> None:
    """Each of n is played to its end against the simulator, and the best is then what the environment pays."""
    env_id = "TextGen-CustomerService-v0"
    writer = ZeroShot("tiny", seed=0)
    best, mean = (
        textgym.evaluate(agent, env_id, episodes=6, num_envs=3, max_new_tokens=48, reward="length(target=60)").mean
        for agent in (BestOfN(writer, env_id, n=6, max_new_tokens=48, reward="length(target=60)"), writer)
    )
    assert best > mean


def test_a_plan_that_is_over_waits_for_the_reset() -> None:
    """Gymnasium's own order of resets asks for one more action after the end, and ignores it."""
    envs = gym.make_vec(NUMBERS, num_envs=4)
    agent = BestOfN(ZeroShot("scratch", NUMBERS, seed=0), NUMBERS, n=2)
    (obs, _), state, ended = envs.reset(seed=0), None, 0
    for _ in range(60):
        actions, state = agent.predict(obs, state)
        obs, _, terminated, _, _ = envs.step(actions)
        ended += int(terminated.sum())
    assert ended > 4


def test_best_of_n_says_what_it_cannot_do() -> None:
    with pytest.raises(AgentError, match="n=0"):
        BestOfN("tiny", NUMBERS, n=0)
    agent = BestOfN(ZeroShot("scratch", NUMBERS), NUMBERS, n=2)
    vec = make_vec_env(NUMBERS, 1)
    obs = vec.reset()
    obs, *_ = vec.step(np.array([5]))
    with pytest.raises(AgentError, match="state"):
        agent.predict(obs)
    vec.set_options({"prompt": "555"})
    with pytest.raises(AgentError, match="prompt that its task does not have"):
        agent.predict(vec.reset())


def test_the_perplexity_on_references_is_the_language_models_own():
    """exp of the mean negative log-probability of reference and EOS, by transformers, at temperature 1."""
    agent = ZeroShot("tiny", "TextGen-Sentiment-v0", temperature=0.5, top_k=3, seed=0)
    rows = [{"prompt": "The soup", "answer": " was cold."}, {"prompt": "My bank", "answer": " called me back."}]
    rows = [{**row, "split": "test"} for row in rows]
    task = textgym.make_task(rows, references="answer", reward="bleu", tokenizer="tiny", max_new_tokens=8, split="test")
    report = textgym.evaluate(agent, task, episodes=6)
    lm, tokenizer = agent.policy.lm, task.tokenizer
    total, count = 0.0, 0
    for row in rows:
        prompt = [tokenizer.bos_id, *tokenizer.encode(row["prompt"])]
        answer = [*tokenizer.encode(row["answer"]), tokenizer.eos_id]
        with torch.no_grad():
            log_probs = lm(torch.tensor([prompt + answer])).logits[0].log_softmax(-1)
        total -= sum(log_probs[len(prompt) - 1 + i, token].item() for i, token in enumerate(answer))
        count += len(answer)
    metric = report.metrics["reference_perplexity"]
    assert metric.mean == pytest.approx(math.exp(total / count), rel=1e-4)
    assert metric.low <= metric.mean <= metric.high
