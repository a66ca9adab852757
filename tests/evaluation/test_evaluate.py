"""Evaluations whose outcome is known exactly, and what makes two of them equal."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

import textgym
from textgym.envs_registry.target import TARGET
from textgym.errors import AgentError, OptionError, TaskError, TokenizerError
from textgym.evaluation import evaluate
from textgym.tokenizers import CharTokenizer

TARGET_ID, NUMBERS_ID = "TextGen-Target-v0", "TextGen-Numbers-v0"


def count_on(prompt):
    """Writes the next eight numbers: the full reward."""
    return " ".join(str(int(prompt) + i) for i in range(1, 9))


class Uniform:
    """Draws among the allowed tokens, from a generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def predict(self, obs, state=None, episode_start=None, deterministic=False, action_masks=None):
        noise = self.rng.random(action_masks.shape)
        return np.where(action_masks, noise, -1.0).argmax(1), None

    @contextmanager
    def seeded(self, seed):
        kept, self.rng = self.rng, np.random.default_rng(seed)
        yield
        self.rng = kept


class Recurrent:
    """Writes the target from a count of the tokens so far, kept in the recurrent state and zeroed by episode_start."""

    def __init__(self, ids):
        self.ids = np.array(ids)

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        written = np.zeros(len(episode_start), np.int64) if state is None else state[0]
        written = np.where(episode_start, 0, written)
        return self.ids[written], (written + 1,)


def test_a_function_that_knows_the_answer_earns_all():
    report = evaluate(lambda prompt: TARGET, TARGET_ID, episodes=10, num_envs=4)
    assert report.mean == 1.0
    assert report.interval == (1.0, 1.0)
    assert report.metrics["success"].mean == 1.0
    assert report.metrics["finish/length"].mean == 1.0
    assert report.metrics["length"].mean == 4.0
    assert [episode.completion for episode in report.episodes] == [TARGET] * 10


def test_a_function_that_counts_half_way_earns_half():
    report = evaluate(lambda prompt: count_on(prompt)[: len(f"{int(prompt) + 1} ") * 4 - 1], NUMBERS_ID, episodes=3)
    expected = [min(len(episode.completion.split()), 8) / 8 for episode in report.episodes]
    assert [episode.reward for episode in report.episodes] == expected
    assert report.mean == pytest.approx(np.mean(expected))


def test_prompts_are_asked_in_order_whatever_ends_first():
    size = len(textgym.TextGenEnv("textgym.envs_registry.numbers:task", split="test").task)
    report = evaluate(lambda prompt: "1" * (1 + int(prompt) % 7), NUMBERS_ID, episodes=2 * size + 1, num_envs=5)
    assert [episode.index for episode in report.episodes] == list(range(2 * size + 1))
    assert [episode.prompt_index for episode in report.episodes] == [i % size for i in range(2 * size + 1)]
    for episode in report.episodes:
        assert episode.completion == "1" * (1 + int(episode.prompt) % 7)
        assert episode.finish_reason == "eos"
        assert episode.length == len(episode.completion) + 1


def test_a_function_is_asked_once_an_episode():
    prompts = []
    evaluate(lambda prompt: prompts.append(prompt) or "1", NUMBERS_ID, episodes=7, num_envs=3)
    assert len(prompts) == 7


def test_a_function_is_cut_at_the_budget():
    (episode,) = evaluate(lambda prompt: "9" * 50, NUMBERS_ID, episodes=1, max_new_tokens=6).episodes
    assert (episode.completion, episode.finish_reason, episode.length) == ("9" * 6, "length", 6)


def test_a_recurrent_state_is_carried_and_told_of_new_episodes():
    ids = textgym.TextGenEnv("textgym.envs_registry.target:task").task.tokenizer.encode(TARGET)
    assert evaluate(Recurrent(ids), TARGET_ID, episodes=11, num_envs=4).mean == 1.0


def test_an_agent_is_played_in_its_own_vocabulary():
    task = textgym.make_task({"train": ["a"]}, reward="length", tokenizer="chars:axyz", max_new_tokens=3)
    agent = Recurrent([3, 4, 2])
    agent.tokenizer = CharTokenizer("ab")
    assert evaluate(agent, task, episodes=1, split="train").episodes[0].completion == "ab"
    with pytest.raises(TaskError, match="cannot be played with the tokenizer"):
        evaluate(agent, TARGET_ID, episodes=1)


def test_a_uniform_agent_hits_the_target_once_in_256():
    report = evaluate(Uniform(), TARGET_ID, episodes=4096)
    low, high = report.metrics["success"].low, report.metrics["success"].high
    assert low < 1 / 256 < high


def test_the_seed_decides_the_report():
    agent = Uniform()
    first = evaluate(agent, NUMBERS_ID, episodes=20, seed=3)
    agent.rng.random()
    assert evaluate(agent, NUMBERS_ID, episodes=20, seed=3) == first
    assert evaluate(agent, NUMBERS_ID, episodes=20, seed=4).episodes != first.episodes


def test_number_of_rows_does_not_change_what_a_deterministic_agent_earns():
    reports = [evaluate(count_on, NUMBERS_ID, episodes=9, num_envs=n) for n in (1, 4, 64)]
    assert reports[0] == reports[1] == reports[2]


def test_evaluating_leaves_torchs_generator_where_it_was():
    torch = pytest.importorskip("torch")

    class Sampler:
        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            return torch.randint(3, 14, (len(episode_start),)).numpy(), None

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = evaluate(Sampler(), NUMBERS_ID, episodes=3, seed=5)
    assert torch.equal(torch.rand(1), expected)
    assert evaluate(Sampler(), NUMBERS_ID, episodes=3, seed=5) == first


def test_discount_and_terms_are_reported():
    report = evaluate(count_on, NUMBERS_ID, episodes=4, gamma=0.5, reward="2 * length + 1")
    for episode in report.episodes:
        assert episode.discounted_return == pytest.approx(episode.reward * 0.5 ** (episode.length - 1))
        assert episode.reward == pytest.approx(2 * episode.reward_terms["length"] + 1)
    assert report.gamma == 0.5
    assert report.reward == "2.0 * length + 1.0"
    assert {"reward", "reward/length", "discounted_return"} <= set(report.metrics)


def test_task_metrics_are_scored_beside_the_reward():
    task = textgym.make_task(
        [{"prompt": f"{i} ", "goal": "5 6", "split": "test"} for i in range(6)],
        reward="exact_match",
        references="goal",
        tokenizer="chars:0123456789 ",
        split="test",
        metrics={"digits": lambda prompts, completions, **_: [float(len(c)) for c in completions], "bleu": "bleu"},
    )
    report = evaluate(lambda prompt: "5 6" if int(prompt) % 2 else "5 7 8", task, episodes=6)
    assert report.mean == 0.5
    assert [episode.metrics["digits"] for episode in report.episodes] == [5.0, 3.0, 5.0, 3.0, 5.0, 3.0]
    assert report.metrics["digits"].mean == 4.0
    corpus = task.metrics["bleu"].corpus(
        [e.prompt for e in report.episodes],
        [e.completion for e in report.episodes],
        references=[list(e.references) for e in report.episodes],
    )
    assert report.metrics["bleu"].kind == "corpus"
    assert report.metrics["bleu"].mean == pytest.approx(corpus)
    assert report.env_id == "custom"


def test_progress_is_told_and_ends_complete():
    seen = []
    evaluate(count_on, NUMBERS_ID, episodes=5, num_envs=2, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 5)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"env_id": "TextGen-Nmbers-v0"}, "Did you mean 'TextGen-Numbers-v0'"),
        ({"episodes": 0}, "episodes must be a whole number, at least 1. Actual value: 0"),
        ({"num_envs": 1.5}, "num_envs"),
        ({"split": "tset"}, "Did you mean 'test'"),
        ({"flavour": 1}, "Unknown option flavour=1"),
    ],
)
def test_unknown_options_are_refused(kwargs, message):
    with pytest.raises(OptionError, match=message):
        evaluate(count_on, **{"env_id": NUMBERS_ID, **kwargs})


@pytest.mark.parametrize("agent", [None, "tiny", 3, dict])
def test_what_is_no_agent_is_refused(agent):
    with pytest.raises(AgentError, match="predict"):
        evaluate(agent, NUMBERS_ID, episodes=1)


def test_a_function_that_returns_no_text_is_refused():
    with pytest.raises(AgentError, match=r"must return the completion as a text. Actual value .*: 7 \(int\)"):
        evaluate(lambda prompt: 7, NUMBERS_ID, episodes=1)


def test_a_completion_outside_the_vocabulary_is_refused():
    with pytest.raises(TokenizerError, match="'x'"):
        evaluate(lambda prompt: "x", NUMBERS_ID, episodes=1)


def test_an_agent_of_another_vocabulary_is_refused():
    with pytest.raises(TaskError, match="Actions are token ids"):
        evaluate(Recurrent([99] * 9), TARGET_ID, episodes=1)
